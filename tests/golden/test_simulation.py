"""The whole loop, frozen: three rounds of two volunteers through shards, trainer, chain, mean and server momentum.

``python tests/golden/test_simulation.py`` writes the file anew; do that only where a change was meant, and say so.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.small_simulation import HELD_OUT, TEXTS, small

from core.config.exchange import ScheduleConfig
from core.config.learning import OuterConfig
from core.simulation import Simulation

GOLDEN = Path(__file__).with_suffix(".json")


def measure(folder: Path) -> dict[str, Any]:
    """Every figure of every round."""
    terms = small(
        outer=OuterConfig(learning_rate=0.7, momentum=0.5),
        schedule=ScheduleConfig(rounds=3, cohort_size=2, quorum=2),
    )
    simulation = Simulation(terms, TEXTS, HELD_OUT, folder)
    first = simulation.measure()[0]
    rounds = list(simulation.run())
    return {
        "bits_per_byte": [first, *(r.bits_per_byte for r in rounds)],
        "training_loss": [r.training_loss for r in rounds],
        "upload_bytes": [r.upload_bytes for r in rounds],
        "dense_bytes": [r.dense_bytes for r in rounds],
    }


def test_the_whole_loop_gives_the_frozen_numbers(tmp_path: Path) -> None:
    expected, found = json.loads(GOLDEN.read_text()), measure(tmp_path)
    assert found["upload_bytes"] == expected["upload_bytes"]
    assert found["dense_bytes"] == expected["dense_bytes"]
    assert found["bits_per_byte"] == pytest.approx(expected["bits_per_byte"], rel=1e-3)
    assert found["training_loss"] == pytest.approx(expected["training_loss"], rel=1e-3)
    assert expected["bits_per_byte"][-1] < expected["bits_per_byte"][0] - 0.3


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        numbers = measure(Path(scratch))
    GOLDEN.write_text(json.dumps(numbers, indent=2) + "\n")
