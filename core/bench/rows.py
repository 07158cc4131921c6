"""What a benchmark reports: rows beside their anchor, and the machine they were measured on."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

NOT_RUN = "not run"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measured quantity. ``value`` is ``None`` where it was not measured, and then nothing holds or fails."""

    metric: str
    unit: str
    value: float | None = None
    anchor: str = ""
    """What it is compared with, measured in the same run where it can be."""
    gate: str = ""
    """What must hold before the part is called done."""
    aim: str = ""
    holds: bool | None = None


def machine() -> dict[str, Any]:
    """The machine, in the words a reader needs to judge the rows."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else None,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "torch": version("torch"),
        "hedgerow": version("hedgerow"),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def print_json(rows: list[Row]) -> None:
    """The one document of ``bench --json``."""
    print(json.dumps({"machine": machine(), "rows": [asdict(row) for row in rows]}, indent=2, ensure_ascii=False))


def print_table(rows: list[Row]) -> None:
    """The same for a person."""
    about = machine()
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("metric", "value", "unit", "anchor", "gate", "aim", "holds"):
        table.add_column(column, justify="right" if column == "value" else "left")
    for row in rows:
        value = NOT_RUN if row.value is None else f"{row.value:,.4g}"
        held = "" if row.holds is None else ("yes" if row.holds else "NO")
        table.add_row(*(Text(cell) for cell in (row.metric, value, row.unit, row.anchor, row.gate, row.aim, held)))
    console = Console(highlight=False)
    console.print(
        Text(f"{about['processor']}, {about['cores']} cores, Python {about['python']}, torch {about['torch']}")
    )
    console.print(table)
