"""How a size is computed on this machine: chosen by measurement once, kept beside the results, the same for all cells.

One number format and one attention for every cell of a size, so that no two cells differ in rounding because a
measurement was disturbed; code is compiled for each micro-batch apart.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
from filelock import FileLock

from core.bench.learning.cells import NEEDS_GPU, Cell
from core.jobs import TrainingPlan
from core.training.local_steps import compiled_plan, gpu_plan, race_plan, speed

LARGEST_MICRO_BATCH: Final = 16
_RACED_MICRO_BATCH: Final = 4
_COMPILED_FROM: Final = 500_000
"""Tokens of a cell from which compiling is worth its time."""


def plan_for(cell: Cell, folder: Path) -> TrainingPlan:
    """The plan of a cell, made where it is the first of its kind; a second process waits for it."""
    micro = min(cell.batch, LARGEST_MICRO_BATCH)
    if cell.size in NEEDS_GPU:
        return gpu_plan(cell.spec, micro)
    if cell.tokens < _COMPILED_FROM:
        return TrainingPlan(micro_batch=micro)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "plans.lock"):
        first = f"{cell.size}-{cell.seq_len}"
        common = _kept(folder / f"{first}.json")
        if common is None:
            common = race_plan(cell.spec, cell.seq_len, _RACED_MICRO_BATCH, folder / first)
            _keep(folder / f"{first}.json", common)
        if micro == common.micro_batch:
            return common
        plan = _kept(folder / f"{first}-{micro}.json")
        if plan is None:
            plan = msgspec.structs.replace(common, micro_batch=micro, compiled=False, code=None)
            if common.compiled:
                plan = compiled_plan(cell.spec, cell.seq_len, plan, folder / f"{first}-{micro}")
            plan = msgspec.structs.replace(plan, tokens_per_s=speed(cell.spec, cell.seq_len, plan))
            _keep(folder / f"{first}-{micro}.json", plan)
    return plan


def _kept(path: Path) -> TrainingPlan | None:
    return msgspec.json.decode(path.read_bytes(), type=TrainingPlan) if path.exists() else None


def _keep(path: Path, plan: TrainingPlan) -> None:
    path.write_bytes(msgspec.json.encode(plan))
