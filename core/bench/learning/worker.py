"""One cell in a process of its own: the cell as JSON on standard input, its row as JSON on standard output."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from core.api.errors import HedgerowError
from core.bench.learning.cells import Cell
from core.bench.learning.federation import run
from core.bench.learning.plans import plan_for
from core.bench.learning.text import cached_text
from core.training.plan import use_threads


def compute(cell: Cell, out: Path) -> dict[str, Any]:
    """The row of a cell; one that cannot be run here says why."""
    use_threads(1)
    try:
        text = cached_text(out, cell.text)
        return run(cell, text, plan_for(cell, out / "plans"), out / "checkpoints")
    except (HedgerowError, ValueError) as error:
        return {"key": cell.key, "cell": cell.as_dict(), "not_run": str(error)}


def main() -> int:
    """Compute the one cell."""
    parser = argparse.ArgumentParser(prog="python -m core.bench.learning.worker")
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    print(json.dumps(compute(Cell.from_dict(json.load(sys.stdin)), out)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
