"""The numbers of a whole round, frozen: a change of the mathematics shows here before it shows in a model.

``python tests/golden/test_training.py`` writes the file anew; do that only where a change was meant, and say so.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.tiny_round import KEY, SPEC, FakeEngine, job_maker, rooms_for

from core import vault
from core.jobs import HeldOut, Progress
from core.model.checkpoint_io import read_weights
from core.training.round import SEALED_CONTEXT, TrainingRound

GOLDEN = Path(__file__).with_suffix(".json")


def measure(unit: str, folder: Path) -> dict[str, Any]:
    """Held-out score of the base, loss of each step and norm of each array of the update."""
    torch.set_num_threads(1)
    job, engine = job_maker(folder)(unit, folder=unit), FakeEngine()
    sealed = TrainingRound(job, KEY, engine, rooms_for(job)).run()
    (folder / "update").write_bytes(vault.decrypt_file(sealed.path, KEY, SEALED_CONTEXT))
    update = read_weights(folder / "update", SPEC)
    return {
        "bits_per_byte": engine.of(HeldOut)[0].bits_per_byte,
        "losses": [m.loss for m in engine.of(Progress) if m.fraction is None and m.step > 0],
        "tokens": sealed.tokens,
        "norms": {name: float(np.linalg.norm(array.astype(np.float64))) for name, array in update.items()},
    }


@pytest.mark.parametrize("unit", ["none", "record"])
def test_a_round_gives_the_frozen_numbers(unit: str, tmp_path: Path) -> None:
    expected, found = json.loads(GOLDEN.read_text())[unit], measure(unit, tmp_path)
    assert found["tokens"] == expected["tokens"]
    assert found["bits_per_byte"] == pytest.approx(expected["bits_per_byte"], rel=1e-5)
    assert found["losses"] == pytest.approx(expected["losses"], rel=1e-4)
    assert found["norms"] == pytest.approx(expected["norms"], rel=2e-3)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        numbers = {unit: measure(unit, Path(scratch)) for unit in ("none", "record")}
    GOLDEN.write_text(json.dumps(numbers, indent=2) + "\n")
