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
from core.bench.learning.tuning import seeds
from core.config.exchange import DENSE_CODECS

CLIENTS: Final = 8
COHORT: Final = 10
HOSTILE: Final = 2
_SPARSE: Final[dict[str, Any]] = {"codec": "topk", "feedback": 0.95, "outer_rate": 2.0}
WAYS: Final[dict[str, dict[str, Any]]] = {
    "int8": {"codec": "int8"},
    "top-k with error feedback": _SPARSE,
    "int8 and noise": {"codec": "int8", "noise": 1.0},
}
"""How updates travel where somebody lies."""
HONEST: Final[dict[str, dict[str, Any]]] = {
    "fp32": {"codec": "fp32"},
    "int8": {"codec": "int8"},
    "int4": {"codec": "int4"},
    "sign with error feedback": {"codec": "sign", "feedback": 1.0},
    "top-k with error feedback": _SPARSE,
}
_ATTACK_ROUNDS: Final = 40
_ATTACK_STEPS: Final = 10


def unreliable(size: str) -> dict[str, Cell]:
    """By name: eight clients of four kinds of text, of which something fails, under the rule that federations have."""
    start = Cell(
        size=size, split="kind", clients=CLIENTS, batch=TOTAL_BATCH // CLIENTS, rounds=rounds(size),
        local_steps=LOCAL_STEPS, aggregator="bounded-mean",
    )  # fmt: skip
    return {
        "nothing fails": start,
        "30 % of uploads lost": replace(start, drop=0.3),
        "50 % of uploads lost": replace(start, drop=0.5),
        "10× spread of speeds": replace(start, spread=10.0),
        "2 of 8 join in the middle": replace(start, late=2),
    }


def cohort(size: str, **changes: object) -> Cell:
    """Ten honest clients in a short run."""
    steps = _ATTACK_STEPS if size != "toy" else 2
    cell = Cell(
        size=size, clients=COHORT, batch=2, rounds=_ATTACK_ROUNDS if size != "toy" else 3, local_steps=steps,
    )  # fmt: skip
    return replace(cell, **changes)  # type: ignore[arg-type]


def without(size: str, way: str) -> Cell:
    """The same text with the hostile two left out: what an attack is measured against."""
    return cohort(size, clients=COHORT - HOSTILE, parts=COHORT, **WAYS[way])


def attacked(size: str, attack: str, aggregator: str, way: str) -> Cell:
    """Two of ten are hostile."""
    return cohort(size, hostile=HOSTILE, attack=attack, aggregator=aggregator, **WAYS[way])


def honest(size: str, aggregator: str, way: str) -> Cell:
    """Nobody is hostile."""
    return cohort(size, aggregator=aggregator, **HONEST[way])


def refused(aggregator: str, way: dict[str, Any]) -> bool:
    """Whether the terms of a federation allow no such pair, so that there is nothing to run."""
    terms = AGGREGATORS[aggregator]
    if terms is None or not terms.counts_once:
        return False
    return way["codec"] not in DENSE_CODECS or (aggregator == "multi-krum" and bool(way.get("noise")))


def volunteer_cells(_records: Records, size: str) -> Sequence[Cell]:
    """The unreliable, the chosen ones with every seed."""
    cells = list(unreliable(size).values())
    for cell in list(unreliable(size).values())[:3]:
        cells += seeds(cell)[1:]
    return cells


def hostile_cells(_records: Records, size: str) -> Sequence[Cell]:
    """First the honest table, then attacks; bytes that are no update come to no aggregator, and one stands for all."""
    cells = [
        honest(size, aggregator, way)
        for way, settings in HONEST.items()
        for aggregator in AGGREGATORS
        if not refused(aggregator, settings)
    ]
    for way, settings in WAYS.items():
        cells.append(without(size, way))
        for aggregator in AGGREGATORS:
            if not refused(aggregator, settings):
                cells += [attacked(size, attack, aggregator, way) for attack in wellformed(aggregator)]
    return cells


def wellformed(aggregator: str) -> Sequence[str]:
    """Attacks that an aggregator sees."""
    seen = [attack for attack in ATTACKS if attack not in MALFORMED]
    return ATTACKS if aggregator in ("mean", "bounded-mean") else seen
