"""What the coordinator's machine must have for a Flower strategy: its package, and memory for a whole cohort."""

from __future__ import annotations

import os
from typing import Final

from core.api.errors import UsageError
from core.config.federation import FederationConfig
from core.model.presets import num_parameters

BESIDE_COHORT: Final = 2
"""Models in memory beside one for every member of the cohort: the base and what the strategy gives. A strategy that
remembers moments needs more, which it alone knows."""


def machine_bytes() -> int:
    """Memory of this machine; 0 where it is not known."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def refuse_missing(config: FederationConfig, machine: int) -> None:
    """Refuse, before anything is begun, a strategy that is not there or whose cohort does not fit into memory.

    Args:
        config: the terms.
        machine: memory in bytes; 0 where it is not known.

    Raises:
        UsageError: naming the strategy, or both figures.
    """
    if config.outer.optimizer != "strategy":
        return
    cohort = config.schedule.cohort_size
    needed = 4 * num_parameters(config.model) * (cohort + BESIDE_COHORT)
    if 0 < machine < needed:
        raise UsageError(
            f"A strategy holds the models of {cohort} volunteers, about {needed / 1e9:.1f} GB of memory, but this "
            f"machine has {machine / 1e9:.1f} GB.",
            "Choose a smaller cohort or preset, or another outer optimiser.",
        )
    from core.coordinator.learning.strategy import load  # Flower is loaded by whoever has a strategy alone

    load(config.outer.strategy)
