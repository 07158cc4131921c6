"""One history of each outer optimiser, frozen to the bit: six rounds of seeded pseudo-gradients over one small model.

``python tests/golden/test_outer_optimizer.py`` writes the file anew; do that only where a change was meant, and say so.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from core.config.learning import OuterConfig, OuterOptimizer
from core.coordinator.learning.outer_optimizer import OuterStep, outer_step
from core.update import Array, ModelUpdate

GOLDEN = Path(__file__).with_suffix(".json")
SHAPES = {"embedding": (7, 5), "block": (5, 5), "norm": (5,)}
ROUNDS = 6
SETTINGS: dict[str, OuterConfig] = {
    "fedavg": OuterConfig(optimizer="fedavg", learning_rate=1.0),
    "fedmom": OuterConfig(optimizer="fedmom", learning_rate=0.2, momentum=0.9),
    "nesterov": OuterConfig(optimizer="nesterov", learning_rate=0.7, momentum=0.9),
    "fedadam": OuterConfig(optimizer="fedadam", learning_rate=0.01, momentum=0.9, tau=0.1),
    "fedyogi": OuterConfig(optimizer="fedyogi", learning_rate=0.01, momentum=0.9, tau=1e-3),
    "averaged": OuterConfig(optimizer="fedmom", learning_rate=0.2, momentum=0.9, weight_averaging=0.5),
}


def arrays(random: np.random.RandomState, scale: float) -> dict[str, Array]:
    """Values of the one generator whose stream NumPy promises never to change, by exact arithmetic."""
    return {name: (scale * (2 * random.random_sample(shape) - 1)).astype(np.float32) for name, shape in SHAPES.items()}


def digest(found: dict[str, Array] | None) -> str:
    return hashlib.sha256(b"".join(array.tobytes() for array in (found or {}).values())).hexdigest()


def measure(config: OuterConfig) -> dict[str, Any]:
    """Hash of the weights after every round, of the last moments, and a few last values to look at."""
    random = np.random.RandomState(20_260_101)
    step = OuterStep(arrays(random, 1.0), None, {})
    history = []
    for number in range(ROUNDS):
        delta = ModelUpdate(arrays(random, 0.1 / (1 + number)))
        step = outer_step(config, step.weights, delta, step.momentum, step.second_moment)
        history.append(digest(step.weights))
    return {
        "weights": history,
        "momentum": digest(step.momentum),
        "second_moment": digest(step.second_moment),
        "last": [float(value) for value in step.weights["norm"]],
    }


def test_every_optimiser_has_a_history() -> None:
    assert {config.optimizer for config in SETTINGS.values()} == set(get_args(OuterOptimizer)) - {"strategy"}
    assert len({entry["weights"][-1] for entry in json.loads(GOLDEN.read_text()).values()}) == len(SETTINGS)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_history_is_the_frozen_one(name: str) -> None:
    assert measure(SETTINGS[name]) == json.loads(GOLDEN.read_text())[name]


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps({name: measure(config) for name, config in SETTINGS.items()}, indent=2) + "\n")
