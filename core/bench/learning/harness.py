"""Runs cells in order of priority, two at a time, within a budget; what it did not come to is named.

The plan of the campaign is asked again whenever a place is free, because which cells are wanted depends on what the
tuning found. A cell is begun only where its estimated end is inside the budget. Killed at any moment, it has lost
the running cells only: finished ones are on disk, and the next run goes on from there.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple

from core.bench.learning.cells import NEEDS_GPU, Cell, described
from core.bench.learning.records import Records
from core.bench.learning.worker import compute

_LOOK_S: Final = 0.2
Plan = Callable[[Records], Sequence[Cell]]
"""Wanted cells in order of priority, as far as the results so far allow to say."""


class Skipped(NamedTuple):
    """A cell that was not run, and why."""

    cell: Cell
    why: str


class _Job(NamedTuple):
    cell: Cell
    process: subprocess.Popen[str]
    began: float


class Harness:
    """One run of the campaign."""

    def __init__(self, out: Path, plan: Plan, budget_s: float, workers: int = 2, gpu: bool = False) -> None:
        """Nothing is started yet.

        Args:
            out: folder of results, text and plans.
            plan: what is wanted.
            budget_s: seconds from now in which everything ends.
            workers: processes at once; 0 computes in this one.
            gpu: whether cells that need one may be run.
        """
        self.out, self.plan, self.workers, self.gpu = out, plan, workers, gpu
        self.records = Records(out / "results.jsonl")
        self.until = time.monotonic() + budget_s
        self.why: dict[str, str] = {}
        self._jobs: list[_Job] = []
        self._stopping = False

    def run(self) -> list[Skipped]:
        """Compute until nothing is left or the budget is spent.

        Returns:
            What is wanted but was not run.
        """
        before = signal.signal(signal.SIGTERM, self._stop) if _in_main_thread() else None
        try:
            while not self._stopping:
                self._collect()
                cell = self._next() if len(self._jobs) < max(1, self.workers) else None
                if cell is not None:
                    self._start(cell)
                elif not self._jobs:
                    break
                elif time.monotonic() > self.until:
                    self._end("the budget ended inside it")
                else:
                    time.sleep(_LOOK_S)
        finally:
            self._end("it was broken off")
            if before is not None:
                signal.signal(signal.SIGTERM, before)
        return [Skipped(cell, self.why.get(cell.key, "no time left")) for cell in self._open()]

    def _open(self) -> list[Cell]:
        unique = {cell.key: cell for cell in self.plan(self.records) if cell not in self.records}
        return list(unique.values())

    def _next(self) -> Cell | None:
        running = {job.cell.key for job in self._jobs}
        for cell in self._open():
            if cell.key in running or self.why.get(cell.key, "").startswith("!"):
                continue
            if cell.size in NEEDS_GPU and not self.gpu:
                self.why[cell.key] = "no GPU"
                continue
            if time.monotonic() + self.records.seconds(cell) > self.until:
                self.why.setdefault(cell.key, "no time left")
                continue
            return cell
        return None

    def _start(self, cell: Cell) -> None:
        if not self.workers:
            self._done(cell, compute(cell, self.out))
            return
        process = subprocess.Popen(
            [sys.executable, "-m", "core.bench.learning.worker", "--out", str(self.out)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(json.dumps(cell.as_dict()))
        process.stdin.close()
        self._jobs.append(_Job(cell, process, time.monotonic()))

    def _collect(self) -> None:
        for job in [job for job in self._jobs if job.process.poll() is not None]:
            self._jobs.remove(job)
            assert job.process.stdout is not None
            with job.process.stdout as stream:
                said = stream.read().strip()
            if job.process.returncode or not said:
                self.why[job.cell.key] = f"!the process ended with {job.process.returncode}"
                continue
            self._done(job.cell, json.loads(said.splitlines()[-1]))

    def _done(self, cell: Cell, row: dict[str, Any]) -> None:
        if "not_run" in row:
            self.why[cell.key] = "!" + row["not_run"]
        else:
            self.records.add(row)
        print(_sentence(row), file=sys.stderr, flush=True)

    def _end(self, why: str) -> None:
        for job in self._jobs:
            job.process.terminate()
            self.why[job.cell.key] = why
        for job in self._jobs:
            try:
                job.process.wait(5.0)
            except subprocess.TimeoutExpired:
                job.process.kill()
                job.process.wait()
            assert job.process.stdout is not None
            job.process.stdout.close()
        self._jobs = []

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True


def _in_main_thread() -> bool:
    import threading

    return threading.current_thread() is threading.main_thread()


def _sentence(row: dict[str, Any]) -> str:
    said = described(Cell.from_dict(row["cell"]))
    if "not_run" in row:
        return f"not run: {row['not_run']} | {said}"
    bits = "failed" if row["final"] is None else f"{row['final']:.4f}"
    return f"{bits} bits/byte, {row['seconds']:.0f} s, {row['tokens'] / row['cpu_seconds']:,.0f} tokens/CPU-s | {said}"
