"""E3: what an update costs on the wire against what the model loses by it, at 300 rounds of four clients.

The dense run and the sparse codecs are tuned over the same settings; a larger model begins with what the next smaller
one chose, and tunes the inner rate of both. ``int2`` and ``sign`` choose error feedback and the inner rate, ``int4``
error feedback; the finer ones stand at the dense run's settings. Error feedback with sparse codecs is SparseLoCo's
(Sarfi et al., 2025): what is left out decays and waits for the next round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from core.bench.learning.cells import Cell
from core.bench.learning.gap import OUTER
from core.bench.learning.records import Records
from core.bench.learning.tuning import FINER, SEEDS, Axis, Doubling, Tuned, carried, descend, seeds

ROUNDS: Final = 300
CLIENTS: Final = 4
LOCAL_STEPS: Final = 10
LONGER: Final = (30,)
MANY_SEEDS: Final = (*SEEDS, 5, 6, 7)
"""Of the dense run and top-k: seeds differ by as much as the bound is wide."""
DENSER: Final = 88
"""Values of 4,096 at which any code of index sets stays above 146×: what is left of the way to 64 buys back loss."""
DENSE: Final = ("bf16", "int8", "int4", "int2", "sign")
_INNER: Final = Doubling("inner_rate")
_FINAL: Final[Axis] = ({"final_ratio": 0.01},)
_FEEDBACK: Final[Axis] = ({"feedback": 0.9}, {"feedback": 0.98}, {"feedback": 1.0})
_SPARSE: Final[Sequence[Axis | Doubling]] = (
    Doubling("outer_rate", 1),
    _INNER,
    (
        {"outer": "nesterov", "momentum": 0.5, "outer_rate×": 0.8, "inner_rate×": 0.7},
        {"outer": "fedmom", "momentum": 0.5, "outer_rate×": 0.5},
    ),
    _FEEDBACK,
    Doubling("outer_rate", 1),
    ({"codec": "dct"},),
    _FINAL,
    FINER,
)
"""SparseLoCo's recipe first, then each of its numbers. What a residual drops by its decay and delays by waiting, an
outer rate above 1 gives back: no other setting does as much."""


def base(size: str, **changes: object) -> Cell:
    """The dense, untuned cell."""
    cell = Cell(size=size, clients=CLIENTS, rounds=ROUNDS, local_steps=LOCAL_STEPS)
    return replace(cell, **changes)  # type: ignore[arg-type]


def dense(records: Records, size: str) -> Tuned:
    """The dense run, tuned as the sparse one is: inner and outer rate, momentum, the end of the schedule."""
    start = base(size, inner_rate=2e-3)
    return carried(records, size, dense) or descend(records, start, (_INNER, OUTER, _INNER, _FINAL, FINER))


def topk(records: Records, size: str) -> Tuned:
    """Chunked top-k with error feedback, tuned."""
    start = base(size, codec="topk", feedback=0.95, inner_rate=8e-3, outer_rate=2.0)
    return carried(records, size, topk) or descend(records, start, _SPARSE)


def denser(records: Records, size: str) -> Tuned:
    """The tuned sparse run with more values in each chunk, and the inner rate tuned again."""
    found = topk(records, size).best
    return Tuned([], None) if found is None else descend(records, replace(found, kept=DENSER), (FINER,))


def coarse(records: Records, size: str, codec: str) -> Tuned:
    """A codec that keeps every value, beginning at the dense run's settings."""
    found = dense(records, size).best
    if found is None:
        return Tuned([], None)
    start = replace(found, codec=codec)
    axes: list[Axis | Doubling] = [({"feedback": 1.0},)] if codec in ("int4", "int2", "sign") else []
    return descend(records, start, [*axes, _INNER] if codec in ("int2", "sign") else axes)


def broadcast(records: Records, size: str) -> dict[str, Cell]:
    """The dense run with a compressed way down, by name."""
    found = dense(records, size).best
    if found is None:
        return {}
    ways: dict[str, dict[str, object]] = {
        "int8": {"down": "int8"}, "int4": {"down": "int4"}, "int2": {"down": "int2"}, "sign": {"down": "sign"},
        "top-k 512": {"down": "topk", "down_kept": 512}, "top-k 256": {"down": "topk", "down_kept": 256},
    }  # fmt: skip
    return {name: replace(found, **way) for name, way in ways.items()}  # type: ignore[arg-type]


class Longer(NamedTuple):
    """Both sides with more local steps in each of as many rounds, each at two inner rates of its own."""

    local_steps: int
    dense: list[Cell]
    sparse: list[Cell]


def longer(records: Records, size: str) -> list[Longer]:
    """What a residual costs falls with the progress of a round: it has as many rounds to drain, and less to miss."""
    best = (dense(records, size).best, topk(records, size).best)
    if best[0] is None or best[1] is None:
        return []
    return [Longer(steps, _slower(best[0], steps), _slower(best[1], steps)) for steps in LONGER]


def _slower(cell: Cell, steps: int) -> list[Cell]:
    found = replace(cell, local_steps=steps)
    return [found, replace(found, inner_rate=found.inner_rate / 2)]


def transformed(sparse: Tuned) -> list[Cell]:
    """The tuned sparse run with what it does not use: the largest of the cosine transform, or the largest values."""
    if sparse.best is None:
        return []
    return [replace(sparse.best, codec="topk" if sparse.best.codec == "dct" else "dct")]


def recipes(records: Records, size: str) -> dict[str, Cell | None]:
    """By name, what tuning chose for every codec; ``None`` while it is unfinished."""
    found = {"top-k": topk(records, size).best, f"top-k {DENSER}": denser(records, size).best}
    return found | {codec: coarse(records, size, codec).best for codec in DENSE}


def rivals(records: Records, size: str) -> dict[str, list[Cell]]:
    """By codec, every compressed run there may be: tuning, variants and seeds."""
    sparse, more = topk(records, size), denser(records, size)
    found = {codec: coarse(records, size, codec) for codec in DENSE}
    named = {codec: tuned.cells + seeds(tuned.best) for codec, tuned in found.items()}
    kept = sparse.cells + seeds(sparse.best, MANY_SEEDS) + transformed(sparse)
    kept += more.cells + seeds(more.best, MANY_SEEDS)
    named["top-k"] = [cell for cell in kept if cell.codec == "topk"]
    named["top-k of cosines"] = [cell for cell in kept if cell.codec == "dct"]
    return named


def recipe_cells(records: Records, size: str) -> list[Cell]:
    """The tuning of both sides in turn, and what came of it with every seed."""
    reference, sparse = dense(records, size), topk(records, size)
    cells = [*_alternately(reference.cells, sparse.cells)]
    return cells + seeds(reference.best) + seeds(sparse.best)


def verdict_cells(records: Records, size: str) -> list[Cell]:
    """The same two with more seeds, and top-k with more values."""
    found = [cell for tuned in (dense(records, size), topk(records, size)) for cell in seeds(tuned.best, MANY_SEEDS)]
    more = denser(records, size)
    return found + more.cells + seeds(more.best, MANY_SEEDS)


def codec_cells(records: Records, size: str) -> list[Cell]:
    """All other codecs, and the way down."""
    found = [coarse(records, size, codec) for codec in DENSE]
    cells = [cell for tuned in found for cell in tuned.cells]
    cells += [*transformed(topk(records, size)), *broadcast(records, size).values()]
    return cells + [cell for tuned in found for cell in seeds(tuned.best)]


def long_cells(records: Records, size: str) -> list[Cell]:
    """Longer rounds, which take as long as everything else."""
    return [cell for one in longer(records, size) for cell in (*one.dense, *one.sparse)]


def _alternately(left: Sequence[Cell], right: Sequence[Cell]) -> list[Cell]:
    found: list[Cell] = []
    for at in range(max(len(left), len(right))):
        found += [*left[at : at + 1], *right[at : at + 1]]
    return found
