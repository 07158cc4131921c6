"""E1 and E2: what federating costs against a centralised run, at equal total tokens and at equal sequential steps.

E1 is the setting of DiLoCo's scaling laws (Charles et al., 2025, https://arxiv.org/abs/2503.09799): one total batch B,
dealt over M clients of H = 30 local steps, so that total tokens *and* sequential steps are those of data-parallel
training. E2 is Photon's regime: H = 128, where a client's batch is its share of B, or the whole of B, which at the same
number of sequential steps is M times the tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from core.bench.learning.cells import SIZES, Cell
from core.bench.learning.records import Records
from core.bench.learning.tuning import RATES, Axis, Tuned, carried, descend, seeds
from core.model.presets import num_parameters

TOTAL_BATCH: Final = 16
LOCAL_STEPS: Final = 30
ROUNDS: Final = {"toy": 4, "0.3m": 100, "1m": 100, "3m": 100}
"""6.1 million tokens: 20 a parameter at 0.3M, as the scaling laws have them, and what two cores allow above that."""
REPLICAS: Final = (1, 4, 8)
PHOTON_STEPS: Final = 128
OUTER: Final[Axis] = (
    {"outer": "fedmom", "outer_rate": 0.2, "momentum": 0.9},
    {"outer": "nesterov", "outer_rate": 0.4, "momentum": 0.9, "inner_rate×": 0.5},
    {"outer": "nesterov", "outer_rate": 0.7, "momentum": 0.9, "inner_rate×": 0.25},
    {"outer": "nesterov", "outer_rate": 0.8, "momentum": 0.5, "inner_rate×": 0.7},
    {"outer_rate": 1.5},
)
"""The seeds' and DiLoCo's outer steps, one of less momentum for runs of few rounds, and a longer plain one; those that
move further than the mean with as much smaller an inner rate."""

BETWEEN: Final[Axis] = (
    {"outer": "nesterov", "outer_rate": 0.5, "momentum": 0.7},
    {"outer": "nesterov", "outer_rate": 0.8, "momentum": 0.7, "inner_rate×": 0.7},
    {"outer": "nesterov", "outer_rate": 1.2, "momentum": 0.5, "inner_rate×": 0.8},
)
"""Around the momentum that a hundred rounds have time for, once the inner rate is known."""


def rounds(size: str) -> int:
    """Rounds of E1; above 3M, where there is a GPU, 20 tokens a parameter."""
    found = ROUNDS.get(size)
    return found or round(20 * num_parameters(SIZES[size]) / (LOCAL_STEPS * TOTAL_BATCH * Cell().seq_len))


def central(records: Records, size: str) -> Tuned:
    """The data-parallel run, its inner rate tuned: one client, an outer step that changes nothing."""
    start = Cell(size=size, clients=1, batch=TOTAL_BATCH, rounds=rounds(size), local_steps=LOCAL_STEPS)
    return carried(records, size, central, rounds=rounds(size)) or descend(records, start, RATES)


def federated(records: Records, size: str, clients: int, found: Tuned) -> Tuned:
    """M clients, tuned on one seed from the centralised run's best rate on, or from what a smaller model chose."""

    def smaller(records: Records, size: str) -> Tuned:
        return federated(records, size, clients, central(records, size))

    larger = carried(records, size, smaller, rounds=rounds(size))
    if larger is not None:
        return larger
    if found.best is None:
        return Tuned([], None)
    start = replace(found.best, clients=clients, batch=TOTAL_BATCH // clients)
    return descend(records, start, (OUTER, *RATES, *([BETWEEN] if clients > 1 else [])))


def by_kind(cell: Cell | None) -> Cell | None:
    """The same with clients that each have their own kind of text."""
    return None if cell is None else replace(cell, split="kind")


def singles(cell: Cell | None) -> list[Cell]:
    """Each client by itself with its own part, for as many sequential steps: a fraction of the tokens."""
    if cell is None:
        return []
    alone = replace(cell, clients=1, parts=cell.clients, outer="fedavg", outer_rate=1.0, momentum=0.0)
    return [replace(alone, alone=part) for part in range(cell.clients)]


def gap_cells(records: Records, size: str) -> list[Cell]:
    """One client and four, with every seed, dealt by hash and by kind, and the four alone."""
    reference = central(records, size)
    found = [federated(records, size, clients, reference) for clients in REPLICAS[:2]]
    cells = [*reference.cells, *(cell for tuned in found for cell in tuned.cells)]
    for tuned in (reference, *found):
        cells += seeds(tuned.best)
    four = by_kind(found[1].best)
    return cells + seeds(four) + singles(four) + ([four] if four else [])


def more_gap_cells(records: Records, size: str) -> list[Cell]:
    """The other numbers of clients."""
    reference, cells = central(records, size), []
    for clients in REPLICAS[2:]:
        tuned = federated(records, size, clients, reference)
        cells += tuned.cells + seeds(tuned.best)
    return cells


def photon(records: Records, size: str, clients: int = 4) -> dict[str, list[Cell]]:
    """E2 by name: Photon's FedAvg and the centralised runs it may be compared with, each at the same two rates."""
    best = central(records, size).best
    if best is None:
        return {}
    steps = rounds(size) * LOCAL_STEPS
    start = replace(best, clients=clients, rounds=max(1, round(steps / PHOTON_STEPS)), local_steps=PHOTON_STEPS)
    plain = replace(start, clients=1)
    regimes = {
        "data-parallel, batch B": plain,
        f"{clients} clients, batch B/{clients} each": replace(start, batch=TOTAL_BATCH // clients),
        f"{clients} clients, batch B each": start,
        f"data-parallel, batch {clients}B": replace(plain, batch=clients * TOTAL_BATCH),
        f"data-parallel, batch B, {clients}× steps": replace(plain, rounds=clients * start.rounds),
    }
    return {
        name: [replace(cell, inner_rate=factor * best.inner_rate) for factor in (1.0, 2.0)]
        for name, cell in regimes.items()
    }


def photon_cells(records: Records, size: str) -> Sequence[Cell]:
    """E2's cells."""
    return [cell for cells in photon(records, size).values() for cell in cells]
