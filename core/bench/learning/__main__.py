"""``python -m core.bench.learning --budget 2h --out DIR [--only E3] [--size 0.3m] [--report]``."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections import Counter
from pathlib import Path
from typing import Final

from core.bench.learning.cells import NEEDS_GPU, SIZES, Cell, described
from core.bench.learning.frontier import codec_cells, long_cells, recipe_cells, verdict_cells
from core.bench.learning.gap import gap_cells, more_gap_cells, photon_cells
from core.bench.learning.gates import gates_table
from core.bench.learning.harness import Harness, Skipped
from core.bench.learning.pictures import pictures
from core.bench.learning.records import Records
from core.bench.learning.tables import report
from core.bench.learning.volunteers import hostile_cells, volunteer_cells
from core.bench.rows import machine
from core.training.local_steps import has_gpu

DEFAULT_OUT = Path("build/bench-learning")
STAGES: Final = (
    ("E3", recipe_cells),
    ("E1", gap_cells),
    ("E3", verdict_cells),
    ("E4", volunteer_cells),
    ("E4-hostile", hostile_cells),
    ("E3", codec_cells),
    ("E1", more_gap_cells),
    ("E2", photon_cells),
    ("E3", long_cells),
)
"""Experiments in order of priority."""
EXPERIMENTS: Final = tuple(dict.fromkeys(name for name, _ in STAGES))
_UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0}


def seconds(said: str) -> float:
    """``90``, ``90s``, ``30m`` or ``2h``.

    Raises:
        ValueError: it is none of them.
    """
    number, unit = (said[:-1], said[-1]) if said[-1:] in _UNITS else (said, "s")
    return float(number) * _UNITS[unit]


def main(arguments: list[str] | None = None) -> int:
    """Run what is missing."""
    parser = argparse.ArgumentParser(prog="python -m core.bench.learning")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="results, text and compiled code")
    parser.add_argument("--budget", type=seconds, default="2h", help="such as 90s, 30m or 2h")
    parser.add_argument("--only", choices=sorted(EXPERIMENTS), action="append", help="these experiments alone")
    parser.add_argument(
        "--size", choices=sorted(SIZES), action="append", help="these sizes; all, the smallest first, if none is said"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes at once")
    parser.add_argument("--report", action="store_true", help="run nothing, print tables and draw")
    given = parser.parse_args(arguments)
    sizes, experiments = given.size or list(SIZES)[1:], given.only or EXPERIMENTS

    def plan(records: Records) -> list[Cell]:
        return [
            cell for size in sizes for name, stage in STAGES if name in experiments for cell in stage(records, size)
        ]

    if not given.report:
        skipped = Harness(given.out, plan, given.budget, given.workers, gpu=has_gpu()).run()
        _name_skipped(skipped, given.out / "not-run.txt")
    records = Records(given.out / "results.jsonl")
    told = "\n".join([_about(records, given.out), *(_chapter(records, size) for size in sizes)])
    (given.out / "report.md").write_text(told, "utf-8")
    drawn = [path for size in sizes for path in pictures(records, size, given.out)]
    if given.report:
        print(told, flush=True)
    print("\n".join(map(str, [given.out / "report.md", *drawn])), file=sys.stderr)
    return 0


def _chapter(records: Records, size: str) -> str:
    if all(row["cell"]["size"] != size for row in records.rows.values()):
        why = ": it needs a GPU" if size in NEEDS_GPU and not has_gpu() else ""
        return f"### {size}\n\nNot run{why}.\n"
    return gates_table(records, size) + "\n" + report(records, size)


def _name_skipped(skipped: list[Skipped], path: Path) -> None:
    """Every cell into a file, and how many of which size for which reason to whoever watches."""
    reasons = [why.lstrip("!") for _, why in skipped]
    named = [f"{why}: {described(cell)}\n" for (cell, _), why in zip(skipped, reasons, strict=True)]
    path.write_text("".join(named), "utf-8")
    for (size, why), count in Counter((s.cell.size, why) for s, why in zip(skipped, reasons, strict=True)).items():
        print(f"not run, {why}: {count} cells of {size}", file=sys.stderr)


def _about(records: Records, out: Path) -> str:
    """The machine, the text, and how cells were computed."""
    about = machine()
    lines = [f"{about['processor']}, {about['cores']} cores, Python {about['python']}, torch {about['torch']}."]
    for path in sorted(out.glob("text-*/about.json")):
        kinds = json.loads(path.read_text("utf-8"))["sizes"]
        sizes = ", ".join(f"{kind} {size / 1e6:.1f} MB" for kind, size in kinds.items())
        lines.append(f"Text of this machine by kind, documents once each: {sizes}.")
    rows = list(records.rows.values())
    if rows:
        speed = statistics.median(row["tokens"] / row["cpu_seconds"] for row in rows if row["cpu_seconds"])
        epochs = max(row["epochs"] for row in rows)
        how = " and ".join(sorted({row["dtype"] + (", compiled" if row["compiled"] else "") for row in rows}))
        lines.append(
            f"{len(rows)} cells, matrix products in {how}; one thread each, {speed:,.0f} tokens per second of "
            f"processor time in the middle; no client read its text more than {epochs:.2f} times."
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
