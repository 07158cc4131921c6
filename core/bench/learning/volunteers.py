"""E4: volunteers that sleep, are slow, come late, or lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from core.bench.learning.aggregators import AGGREGATORS
from core.bench.learning.cells import Cell
from core.bench.learning.gap import LOCAL_STEPS, TOTAL_BATCH, rounds
from core.bench.learning.hostile import ATTACKS, MALFORMED
from core.bench.learning.records import Records
from core.bench.learning.tuning import Doubling, Tuned, descend, seeds
from core.config.exchange import DENSE_CODECS

CLIENTS: Final = 8
COHORT: Final = 10
HOSTILE: Final = 2
PLAIN: Final = "mean"
DEFAULT: Final = "bounded-mean"
"""What federations have unless they choose otherwise."""
_SPARSE: Final[dict[str, Any]] = {"codec": "topk", "feedback": 0.95, "outer_rate": 2.0, "inner_rate": 4e-3}
WAYS: Final[dict[str, dict[str, Any]]] = {
    "int8": {"codec": "int8"},
    "top-k with error feedback": _SPARSE,
    "int8 and noise": {"codec": "int8", "noise": 1.0},
}
"""How updates travel where somebody lies; the noise is as long as an update."""
HONEST: Final[dict[str, dict[str, Any]]] = {
    "fp32": {"codec": "fp32"},
    "int8": WAYS["int8"],
    "int4": {"codec": "int4"},
    "sign with error feedback": {"codec": "sign", "feedback": 1.0},
    "top-k with error feedback": _SPARSE,
}
_INNER: Final = Doubling("inner_rate")
_ATTACK_ROUNDS: Final = 40
_ATTACK_STEPS: Final = 10
SPARSE: Final = "top-k: "
"""Before the names of cells with lost uploads under the sparse recipe."""


def reliable(records: Records, size: str) -> list[Tuned]:
    """Eight clients of four kinds of text of whom nobody fails, dense and sparse, the inner rate tuned."""
    start = Cell(
        size=size, split="kind", clients=CLIENTS, batch=TOTAL_BATCH // CLIENTS, rounds=rounds(size),
        local_steps=LOCAL_STEPS, aggregator="bounded-mean", inner_rate=2e-3,
    )  # fmt: skip
    return [descend(records, cell, (_INNER,)) for cell in (start, replace(start, **_SPARSE))]


def unreliable(records: Records, size: str) -> dict[str, Cell]:
    """By name: those eight, of whom something fails, under the rule that federations have."""
    dense, sparse = (tuned.best for tuned in reliable(records, size))
    found: dict[str, Cell] = {}
    if dense is not None:
        found |= {
            "nothing fails": dense,
            "30 % of uploads lost": replace(dense, drop=0.3),
            "50 % of uploads lost": replace(dense, drop=0.5),
            "10× spread of speeds": replace(dense, spread=10.0),
            "2 of 8, one whole kind, join in the middle": replace(dense, late=2),
        }
    if sparse is not None:
        found |= {
            SPARSE + "nothing fails": sparse,
            SPARSE + "30 % of uploads lost": replace(sparse, drop=0.3, returned=0.0),
            SPARSE + "50 % of uploads lost": replace(sparse, drop=0.5, returned=0.0),
            SPARSE + "30 % of uploads lost, given back": replace(sparse, drop=0.3),
            SPARSE + "50 % of uploads lost, given back": replace(sparse, drop=0.5),
        }
    return found


def cohort(size: str, **changes: object) -> Cell:
    """Ten honest clients in a short run."""
    steps = _ATTACK_STEPS if size != "toy" else 2
    cell = Cell(
        size=size, clients=COHORT, batch=2, rounds=_ATTACK_ROUNDS if size != "toy" else 3, local_steps=steps,
        inner_rate=2e-3,
    )  # fmt: skip
    return replace(cell, **changes)  # type: ignore[arg-type]


def tuned(records: Records, size: str, settings: dict[str, Any]) -> Tuned:
    """The cohort with updates that travel so, under the plain mean, its inner rate tuned: an attack that happens to
    slow down a run whose rate is too high would pass for a help."""
    return descend(records, cohort(size, **settings), (_INNER,))


def honest(records: Records, size: str, aggregator: str, way: str) -> Cell | None:
    """Nobody is hostile; ``None`` while the rate is not tuned."""
    best = tuned(records, size, HONEST[way]).best
    return None if best is None else replace(best, aggregator=aggregator)


def without(records: Records, size: str, aggregator: str, way: str) -> Cell | None:
    """The same text with the hostile two left out and the same rule: what an attack is measured against."""
    best = tuned(records, size, WAYS[way]).best
    return None if best is None else replace(best, clients=COHORT - HOSTILE, parts=COHORT, aggregator=aggregator)


def attacked(records: Records, size: str, attack: str, aggregator: str, way: str) -> Cell | None:
    """Two of ten are hostile."""
    best = tuned(records, size, WAYS[way]).best
    return None if best is None else replace(best, hostile=HOSTILE, attack=attack, aggregator=aggregator)


def refused(aggregator: str, way: dict[str, Any]) -> bool:
    """Whether the terms of a federation allow no such pair, so that there is nothing to run."""
    terms = AGGREGATORS[aggregator]
    if terms is None or not terms.counts_once:
        return False
    return way["codec"] not in DENSE_CODECS or (aggregator == "multi-krum" and bool(way.get("noise")))


def volunteer_cells(records: Records, size: str) -> Sequence[Cell]:
    """The unreliable, those that a bound is for with every seed."""
    cells = [cell for tuned_run in reliable(records, size) for cell in tuned_run.cells]
    found = unreliable(records, size)
    for name, cell in found.items():
        cells += seeds(cell) if "fails" in name or "lost" in name else [cell]
    return cells


def hostile_cells(records: Records, size: str) -> Sequence[Cell]:
    """First the honest table, then attacks; bytes that are no update come to no aggregator, and one stands for all."""
    cells = [cell for settings in HONEST.values() for cell in tuned(records, size, settings).cells]
    found: list[Cell | None] = []
    for way, settings in HONEST.items():
        found += [honest(records, size, name, way) for name in AGGREGATORS if not refused(name, settings)]
    for way, settings in WAYS.items():
        cells += tuned(records, size, settings).cells
        for aggregator in AGGREGATORS:
            if not refused(aggregator, settings):
                found.append(without(records, size, aggregator, way))
                found += [attacked(records, size, attack, aggregator, way) for attack in wellformed(aggregator)]
    for way in HONEST:
        for aggregator in (PLAIN, DEFAULT):
            chosen = honest(records, size, aggregator, way)
            found += seeds(chosen)
    return [*cells, *(cell for cell in found if cell is not None)]


def wellformed(aggregator: str) -> Sequence[str]:
    """Attacks that an aggregator sees."""
    seen = [attack for attack in ATTACKS if attack not in MALFORMED]
    return ATTACKS if aggregator in (PLAIN, DEFAULT) else seen
