"""The same results as SVG: the frontier, the gap by number of clients, and held-out curves on both axes."""

from __future__ import annotations

import statistics
from pathlib import Path

from core.bench.learning import frontier, gap
from core.bench.learning.cells import Cell
from core.bench.learning.records import Records, best_of
from core.bench.learning.tables import PUBLISHED, paired
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
    """The tuned recipe of every codec, the mean of its seeds against those of the tuned dense run."""
    reference = seeds(frontier.dense(records, size).best, frontier.MANY_SEEDS)
    points = []
    for name, best in frontier.recipes(records, size).items():
        ran = [
            (cell, base)
            for cell, base in zip(seeds(best, frontier.MANY_SEEDS), reference, strict=False)
            if records.finals([cell, base])[1:]
        ]
        if ran:
            row = records.row(ran[0][0]) or {}
            over = statistics.mean(100 * (_bits(records, cell) / _bits(records, base) - 1) for cell, base in ran)
            points.append((name, (row["up_dense"] / row["up_densest"], over)))
    return [
        Line(name, (point,), marker=MARKERS[at % len(MARKERS)], joined=False) for at, (name, point) in enumerate(points)
    ]


def _bits(records: Records, cell: Cell) -> float:
    return records.finals([cell])[0]


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
        cells[f"M = {clients}"] = gap.federated(records, size, clients, gap.central(records, size)).best
    cells["M = 4, H = 10"] = frontier.dense(records, size).best
    for name, found in gap.photon(records, size).items():
        if name.startswith("4 clients, batch B each"):
            cells["batch B, H = 128"] = best_of(records, found)
    lines = []
    for at, (name, cell) in enumerate(cells.items()):
        row = None if cell is None else records.row(cell)
        if row and len(row["curve"]) > 1:
            scale = 1e6 if axis == 2 else 1.0
            points = tuple((point[axis] / scale, point[3]) for point in row["curve"])
            lines.append(Line(name, points, marker=MARKERS[at % len(MARKERS)]))
    return lines
