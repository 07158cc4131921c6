"""A cell that was broken off goes on: everything between two rounds in one file, replaced whole.

Cells with hostile volunteers or with rules that remember are short and are run again instead.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from core.bench.learning.cells import Cell
from core.update import Array

if TYPE_CHECKING:
    from core.bench.learning.federation import Federation

CHECKPOINT_S: Final = 60.0
_COUNTERS: Final = ("round", "clock", "up_bytes", "up_densest", "uploads", "lost", "refused", "train_loss", "curve")


class Spent(NamedTuple):
    """Time over all attempts."""

    seconds: float
    cpu_seconds: float


def _path(cell: Cell, folder: Path) -> Path:
    return folder / f"{cell.key}.npz"


def _may(cell: Cell) -> bool:
    return not cell.hostile and cell.aggregator == "mean"


def save(federation: Federation, folder: Path, spent: Spent) -> None:
    """Write where the federation is."""
    if not _may(federation.cell):
        return
    groups: dict[str, Mapping[str, Any]] = {"weights": federation.weights, "held": federation.down.held}
    if federation.momentum is not None:
        groups["momentum"] = federation.momentum
    for client, (local, up) in enumerate(zip(federation.locals, federation.up, strict=True)):
        groups |= {f"local{client}": local.arrays(), f"residual{client}": up.residual}
    facts = {name: getattr(federation, name) for name in _COUNTERS} | {
        "steps": [local.optimizer.steps for local in federation.locals],
        "streams": [stream.state_dict() for stream in federation.streams],
        "chance": federation.chance.bit_generator.state, "down_bytes": federation.down.sent_bytes,
        "spent": list(spent),
    }  # fmt: skip
    arrays = {f"{group}/{name}": array for group, members in groups.items() for name, array in members.items()}
    folder.mkdir(parents=True, exist_ok=True)
    path = _path(federation.cell, folder)
    with path.with_suffix(".new").open("wb") as stream:
        np.savez(stream, facts=np.frombuffer(json.dumps(facts).encode(), np.uint8), **arrays)
    os.replace(path.with_suffix(".new"), path)


def resume(federation: Federation, folder: Path) -> Spent:
    """Take over what ``save`` wrote; without a usable file the federation stays at round 0.

    Returns:
        Time that earlier attempts took.
    """
    path = _path(federation.cell, folder)
    if not (_may(federation.cell) and path.exists()):
        return Spent(0.0, 0.0)
    try:
        with np.load(path, allow_pickle=False) as file:
            facts = json.loads(file["facts"].tobytes())
            groups: dict[str, dict[str, Array]] = {}
            for name in file.files:
                group, _, member = name.partition("/")
                groups.setdefault(group, {})[member] = file[name]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return Spent(0.0, 0.0)
    if not facts.keys() >= set(_COUNTERS):
        return Spent(0.0, 0.0)  # of an earlier version
    for name in _COUNTERS:
        setattr(federation, name, facts[name])
    federation.curve = [tuple(point) for point in facts["curve"]]
    federation.weights, federation.down.held = groups["weights"], groups["held"]
    federation.momentum = groups.get("momentum")
    federation.down.sent_bytes = facts["down_bytes"]
    federation.chance.bit_generator.state = facts["chance"]
    for client, (local, up) in enumerate(zip(federation.locals, federation.up, strict=True)):
        local.restore(groups[f"local{client}"], facts["steps"][client])
        up.residual = groups.get(f"residual{client}", {})
        federation.streams[client].load(facts["streams"][client])
    return Spent(*facts["spent"])


def forget(cell: Cell, folder: Path) -> None:
    """The cell is finished."""
    _path(cell, folder).unlink(missing_ok=True)
