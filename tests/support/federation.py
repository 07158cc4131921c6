"""A small valid federation configuration for tests, and one wrong value per field."""

from __future__ import annotations

from typing import Any

import msgspec

from core.config.exchange import ScheduleConfig
from core.config.federation import FederationConfig
from core.config.learning import TrainingConfig
from core.config.model import ModelSpec, TokenizerSpec
from core.config.privacy import PrivacyTerms


def config(**changes: Any) -> FederationConfig:
    """A valid configuration; ``changes`` replace whole sections or top-level fields."""
    base = FederationConfig(
        run_id="0" * 32,
        name="Common Prose",
        operator="Someone",
        jurisdiction="Nowhere",
        purpose="To learn.",
        licence="Apache-2.0",
        withdrawal="Leave at any time.",
        seed=7,
        model=ModelSpec(preset="tiny", vocab_size=512, num_layers=1, d_model=32, num_heads=2, d_ff=64, max_seq_len=128),
        tokenizer=TokenizerSpec(sha256="a" * 64, origin="public documentation"),
        training=TrainingConfig(seq_len=64, batch_size=8, local_steps=4, learning_rate=1e-3),
        privacy=PrivacyTerms(unit="record", relation="zero-out"),
        schedule=ScheduleConfig(rounds=3, cohort_size=2, quorum=2),
    )
    return msgspec.structs.replace(base, **changes)


def raw_config(**changes: Any) -> dict[str, Any]:
    """The same as plain dictionaries; a key ``"section.field"`` changes one field."""
    content: dict[str, Any] = msgspec.to_builtins(config())
    for key, value in changes.items():
        *sections, field = key.split(".")
        target = content
        for section in sections:
            target = target[section]
        target[field] = value
    return content
