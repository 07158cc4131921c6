"""The same results as SVG: the frontier, the gap by number of clients, and held-out curves on both axes."""

from __future__ import annotations

import statistics
from dataclasses import replace
from pathlib import Path

from core.bench.learning import frontier, gap
from core.bench.learning.cells import Cell
from core.bench.learning.records import Records
from core.bench.learning.tables import PUBLISHED, frontier_points, paired
from core.bench.learning.tuning import seeds
from core.bench.plot import MARKERS, Line, draw


def pictures(records: Records, size: str, folder: Path) -> list[Path]:
    """Draw what there are results for, into ``folder``.

    Returns:
        The files.
    """
    loss = "loss over the tuned dense run, %"
    drawn = {
        "frontier": draw(_frontier(records, size), "fp32 bytes / uploaded bytes", loss, log_x=True),
        "gap": draw(_gap(records, size), "clients", "loss over data-parallel, %"),
        "tokens": draw(_curves(records, size, 2), "total tokens, millions", "held-out bits per byte"),
        "steps": draw(_curves(records, size, 1), "sequential steps", "held-out bits per byte"),
    }
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, picture in drawn.items():
        if "<text" in picture:
            path = folder / f"learning-{size}-{name}.svg"
            path.write_text(picture, "utf-8")
            paths.append(path)
    return paths


def _frontier(records: Records, size: str) -> list[Line]:
    """The best recipe of every codec, and the bounds that the design asks for."""
    best: dict[str, tuple[float, float]] = {}
    for name, cell, ratio, over in frontier_points(records, size):
        if cell.seed == 1 and (name not in best or over < best[name][1]):
            best[name] = (ratio, over)
    return [
        Line(name, (point,), marker=MARKERS[at % len(MARKERS)], joined=False)
        for at, (name, point) in enumerate(best.items())
    ]


def _gap(records: Records, size: str) -> list[Line]:
    reference = gap.central(records, size)
    points = []
    for clients in sorted(gap.REPLICAS):
        own = seeds(gap.federated(records, size, clients, reference).best)
        ours, theirs = paired(records, own, seeds(reference.best)) if own else ([], [])
        if ours:
            points.append((float(clients), 100 * (statistics.mean(ours) / statistics.mean(theirs) - 1)))
    if not points:
        return []
    published = tuple((float(clients), percent) for clients, percent in sorted(PUBLISHED.items()))
    return [Line(size, tuple(points)), Line("published, 35M", published, dashed=True)]


def _curves(records: Records, size: str, axis: int) -> list[Line]:
    """Held-out text on the way, against steps or tokens."""
    cells: dict[str, Cell | None] = {"data-parallel": gap.central(records, size).best}
    for clients in (1, 4, 8):
        found = gap.federated(records, size, clients, gap.central(records, size)).best
        cells[f"M = {clients}"] = found
    cells["M = 4, H = 10"] = frontier.dense(records, size).best
    photon = gap.photon(size)
    cells["batch B, H = 128"] = next((replace(c) for name, c in photon.items() if name.endswith("batch B")), None)
    lines = []
    for at, (name, cell) in enumerate(cells.items()):
        row = None if cell is None else records.row(cell)
        if row and len(row["curve"]) > 1:
            scale = 1e6 if axis == 2 else 1.0
            points = tuple((point[axis] / scale, point[3]) for point in row["curve"])
            lines.append(Line(name, points, marker=MARKERS[at % len(MARKERS)]))
    return lines
