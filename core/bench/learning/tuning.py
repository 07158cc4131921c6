"""Coordinate descent over settings, as far as the results allow: each axis at the best of the axes before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from core.bench.learning.cells import Cell, below
from core.bench.learning.records import Records, best_of

Axis = Sequence[dict[str, Any]]
"""Changes to a cell, one of which is taken beside leaving it as it is; a name that ends in × multiplies."""
SEEDS = (2, 3, 4)
"""What is reported. Settings are tuned on seed 1, whose luck they may have chosen."""
FINER: Axis = ({"inner_rate×": 2.0**-0.5}, {"inner_rate×": 2.0**0.5})


class Doubling(NamedTuple):
    """Twice and half a setting, and on in the better direction until the best is no longer at an end."""

    field: str
    most: int = 3
    """Doublings in one direction."""


RATES: Final[Sequence[Axis | Doubling]] = (Doubling("inner_rate"), FINER)
"""What is tuned anew at a larger size."""


class Tuned(NamedTuple):
    """What tuning came to."""

    cells: list[Cell]
    """Everything it ran or wants to run, in order."""
    best: Cell | None
    """The choice; ``None`` while cells are missing."""


def descend(records: Records, start: Cell, axes: Sequence[Axis | Doubling]) -> Tuned:
    """Try every change of an axis, keep the best, go on with the next axis.

    Args:
        records: the results so far.
        start: where to begin.
        axes: in order.
    """
    current, cells = start, [start]
    for axis in axes:
        if isinstance(axis, Doubling):
            options = _doubled(records, current, axis)
        else:
            options = [current, *(changed(current, change) for change in axis)]
        cells += options[1:]
        best = best_of(records, options)
        if best is None:
            return Tuned(cells, None)
        current = best
    return Tuned(cells, current)


def carried(records: Records, size: str, tune: Callable[[Records, str], Tuned], **changes: int) -> Tuned | None:
    """Tuned from what the next smaller size chose, the inner rate alone; ``None`` where that is not known.

    Args:
        records: the results so far.
        size: of the model.
        tune: how the smaller size was tuned.
        changes: what else is different at this size.
    """
    smaller = below(size)
    found = tune(records, smaller).best if smaller else None
    return None if found is None else descend(records, replace(found, size=size, **changes), RATES)  # type: ignore[arg-type]


def changed(cell: Cell, change: dict[str, Any]) -> Cell:
    """The cell with a change of an axis."""
    said = {}
    for name, value in change.items():
        field = name.removesuffix("×")
        said[field] = value if field == name else getattr(cell, field) * value
    return replace(cell, **said)


def _doubled(records: Records, current: Cell, axis: Doubling) -> list[Cell]:
    """The current cell and its neighbours, as far as results lead on."""

    def at(power: int) -> Cell:
        return replace(current, **{axis.field: getattr(current, axis.field) * 2.0**power})

    low, high = -1, 1
    while True:
        options = [at(power) for power in range(low, high + 1)]
        best = best_of(records, options)
        if best == options[0] and low > -axis.most:
            low -= 1
        elif best == options[-1] and high < axis.most:
            high += 1
        else:
            return [current, *(cell for cell in options if cell != current)]


def seeds(cell: Cell | None, wanted: Sequence[int] = SEEDS) -> list[Cell]:
    """The chosen cell with every seed; nothing while there is no choice."""
    return [] if cell is None else [replace(cell, seed=seed) for seed in wanted]
