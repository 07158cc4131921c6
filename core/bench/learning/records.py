"""Results on disk: one JSON line for each finished cell, appended; a cell is looked up by its key."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from core.bench.learning.cells import Cell
from core.model.presets import num_parameters

Row = dict[str, Any]
_GUESS: Final = 8e9
"""Parameters times tokens per second where nothing was measured yet: careful, for a busy core."""
_REMEMBERED: Final = 8
VERSION: Final = 3
"""Of everything a cell does not say: text, attacks, what a lost upload does. Rows of another are not compared."""


class Records:
    """The rows of one folder."""

    def __init__(self, path: Path) -> None:
        """Read what is there; a line that was cut off or is of another version of the bench is left out."""
        self.path = path
        self.rows: dict[str, Row] = {}
        self.order: list[Row] = []
        for line in path.read_text("utf-8").splitlines() if path.exists() else []:
            try:
                row = json.loads(line)
                if row.get("version") == VERSION:
                    self._take(row)
            except (ValueError, KeyError, TypeError):
                continue

    def _take(self, row: Row) -> None:
        self.rows[row["key"]] = row
        self.order.append(row)

    def add(self, row: Row) -> None:
        """Append a row durably."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        self._take(row)

    def __contains__(self, cell: Cell) -> bool:
        return cell.key in self.rows

    def row(self, cell: Cell) -> Row | None:
        """What came of a cell."""
        return self.rows.get(cell.key)

    def final(self, cell: Cell) -> float | None:
        """Held-out bits per byte; ``None`` where the cell was not run, infinite where it failed."""
        row = self.rows.get(cell.key)
        if row is None:
            return None
        return float("inf") if row["final"] is None else float(row["final"])

    def choice(self, cell: Cell) -> float | None:
        """The same on the text that settings are chosen by."""
        row = self.rows.get(cell.key)
        if row is None:
            return None
        return float("inf") if row["final"] is None else float(row["choice"])

    def finals(self, cells: Iterable[Cell]) -> list[float]:
        """Of those that were run and did not fail."""
        found = (self.final(cell) for cell in cells)
        return [value for value in found if value is not None and value != float("inf")]

    def seconds(self, cell: Cell) -> float:
        """How long a cell will take, from the last ones of its size and kind of codec."""
        similar = [r for r in self.order if r["cell"]["size"] == cell.size and r["tokens"] and r["seconds"] > 1.0]
        same = [r for r in similar if r["cell"]["codec"] == cell.codec] or similar
        if same:
            return cell.tokens * float(statistics.median(r["seconds"] / r["tokens"] for r in same[-_REMEMBERED:]))
        return 20.0 + cell.tokens * num_parameters(cell.spec) / _GUESS


def best_of(records: Records, cells: Sequence[Cell]) -> Cell | None:
    """The cell with the fewest bits on the text that choices are made by, once all were run."""
    found = [(records.choice(cell), cell) for cell in cells]
    if not found or any(value is None for value, _ in found):
        return None
    return min(found, key=lambda pair: pair[0] if pair[0] is not None else float("inf"))[1]
