"""A small real federation in a temporary folder; its tokenizer is bytes nobody here reads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from core.config.exchange import CodecConfig, ScheduleConfig
from core.config.federation import FederationConfig
from core.config.learning import OuterConfig, TrainingConfig
from core.config.model import ModelSpec, TokenizerSpec
from core.config.privacy import PrivacyTerms
from core.coordinator.founding import found
from core.coordinator.home import Federation, HostSettings

TOKENIZER = b'{"a": "tokenizer"}'


def small_config(**schedule: float) -> FederationConfig:
    return FederationConfig(
        run_id="0" * 32,
        name="Test <b>&",
        operator="Operator & Sons",
        jurisdiction="nowhere",
        purpose="To test <script>alert(1)</script>",
        licence="Apache-2.0",
        withdrawal="none",
        seed=7,
        model=ModelSpec(preset="test", vocab_size=256, num_layers=1, d_model=16, num_heads=2, d_ff=16, max_seq_len=16),
        tokenizer=TokenizerSpec(sha256=hashlib.sha256(TOKENIZER).hexdigest(), origin="a test"),
        training=TrainingConfig(seq_len=16, batch_size=2, local_steps=4, learning_rate=1e-3),
        outer=OuterConfig(),
        privacy=PrivacyTerms(unit="none", relation="none"),
        codec=CodecConfig(),
        schedule=ScheduleConfig(**{"rounds": 2, "cohort_size": 2, "quorum": 2, "deadline_s": 30.0} | schedule),
    )


@pytest.fixture
def terms() -> FederationConfig:
    return small_config()


@pytest.fixture
def make_federation(tmp_path: Path) -> Callable[..., Federation]:
    def make(**schedule: float) -> Federation:
        return found(tmp_path / "federation", small_config(**schedule), HostSettings(), TOKENIZER)

    return make


@pytest.fixture
def federation(make_federation: Callable[..., Federation]) -> Federation:
    return make_federation()
