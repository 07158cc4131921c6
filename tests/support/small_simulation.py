"""A federation small enough for a unit test: two clients, three short texts each, 140,000 parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from support.federation import config

from core.config.exchange import ScheduleConfig
from core.config.federation import FederationConfig
from core.config.learning import TrainingConfig
from core.config.model import ModelSpec
from core.config.privacy import PrivacyTerms
from core.data.tokenizer import Tokenizer, builtin_tokenizer_path

WORDS = "the hedge keeps what grows inside and lets pass what is meant to pass".split()  # noqa: SIM905


def prose(seed: int, sentences: int = 120) -> str:
    """Sentences of a few words, decided by the seed."""
    rng = np.random.default_rng(seed)
    return " ".join(" ".join(rng.choice(WORDS, 9)) + "." for _ in range(sentences))


TEXTS = [[prose(10 * client + part) for part in range(3)] for client in range(2)]
HELD_OUT = prose(99, 40)


def small(unit: str = "none", **changes: Any) -> FederationConfig:
    """Its terms; ``changes`` replace whole sections."""
    vocabulary = Tokenizer.load(builtin_tokenizer_path()).vocab_size
    relation = {"none": "none", "record": "zero-out", "corpus": "replace-one"}[unit]
    sections: dict[str, Any] = {
        "model": ModelSpec(
            preset="test", vocab_size=vocabulary, num_layers=1, d_model=32, num_heads=2, d_ff=64, max_seq_len=64
        ),
        "training": TrainingConfig(seq_len=32, batch_size=4, local_steps=4, learning_rate=1e-2),
        "privacy": PrivacyTerms(unit=unit, relation=relation),  # type: ignore[arg-type]
        "schedule": ScheduleConfig(rounds=2, cohort_size=2, quorum=2),
    }
    return config(**sections | changes)
