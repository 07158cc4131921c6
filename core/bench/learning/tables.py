"""Results as Markdown, beside what others published; what was not run says so."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from core.bench.learning import frontier, gap, volunteers
from core.bench.learning.aggregators import AGGREGATORS
from core.bench.learning.cells import Cell, described
from core.bench.learning.hostile import ATTACKS
from core.bench.learning.records import Records, best_of
from core.bench.learning.tuning import SEEDS, seeds
from core.model.presets import num_parameters

NOT_RUN: Final = "not run"
REFUSED: Final = "refused by the terms"
PUBLISHED: Final = {1: -0.1, 2: 0.7, 4: 2.0, 8: 3.9}
"""DiLoCo scaling laws, 35M parameters, H = 30, equal tokens: loss over data-parallel's, in %."""
Figures = list[float]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def spread(values: Figures) -> str:
    """Mean and standard deviation, with how many there are where it is not all seeds."""
    if not values:
        return NOT_RUN
    if len(values) == 1:
        return f"{values[0]:.4f} (1 seed)"
    return f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}" + (
        "" if len(values) == len(SEEDS) else f" ({len(values)} seeds)"
    )


def cost(values: Figures, reference: Figures) -> str:
    """How much more than the reference, in % of bits and of perplexity per byte (per token it is far more)."""
    if not values or not reference:
        return NOT_RUN
    ours, theirs = statistics.mean(values), statistics.mean(reference)
    if math.isinf(ours) or math.isinf(theirs):
        return "diverged"
    return f"{100 * (ours / theirs - 1):+.2f} % ({100 * (2 ** (ours - theirs) - 1):+.2f} % PPL per byte)"


def paired(records: Records, cells: Sequence[Cell], reference: Sequence[Cell]) -> tuple[Figures, Figures]:
    """Of two lists seed by seed, what both have; a run that failed is infinitely bad, not absent."""
    pairs = [(records.final(a), records.final(b)) for a, b in zip(cells, reference, strict=True)]
    both = [(a, b) for a, b in pairs if a is not None and b is not None]
    return [a for a, _ in both], [b for _, b in both]


def gap_table(records: Records, size: str) -> str:
    """E1."""
    reference = gap.central(records, size)
    central = seeds(reference.best)
    tokens = (central or reference.cells)[0].tokens
    per = tokens / num_parameters(reference.cells[0].spec)
    rows = [["data-parallel", _setting(reference.best), spread(records.finals(central)), "–", "–"]]
    for clients in sorted(gap.REPLICAS):
        tuned = gap.federated(records, size, clients, reference)
        own = seeds(tuned.best)
        cells = paired(records, own, central) if own and central else ([], [])
        anchor = f"{PUBLISHED[clients]:+.1f} %"
        rows.append([f"M = {clients}", _setting(tuned.best), spread(records.finals(own)), cost(*cells), anchor])
        if clients == 4:
            kinds = [replace(cell, split="kind") for cell in own]
            found = paired(records, kinds, central) if kinds and central else ([], [])
            rows.append(["M = 4, one kind of text each", "the same", spread(records.finals(kinds)), cost(*found), "–"])
            best = best_of(records, gap.singles(gap.by_kind(tuned.best)))
            alone = records.finals([best] if best else [])
            against = cost(alone, records.finals([tuned.best])) if alone and tuned.best else NOT_RUN
            rows.append(["best single of those four alone", "a quarter of the tokens", spread(alone), against, "–"])
    head = ("run", "tuned to", "bits per byte", "against data-parallel", "published at 35M")
    title = (
        f"### E1: equal tokens and equal sequential steps, {size}\n\n{tokens / 1e6:.1f} million tokens, {per:.0f} a "
    )
    return (
        f"{title}parameter; H = {gap.LOCAL_STEPS}, total batch {gap.TOTAL_BATCH} × {central_len(reference.cells)}.\n\n"
        + table(head, rows)
    )


def singles_table(records: Records, size: str) -> str:
    """E1's third baseline by kind: each of the four alone on its own kind of text, and what they learned together."""
    together = gap.by_kind(gap.federated(records, size, 4, gap.central(records, size)).best)
    row = records.row(together) if together else None
    rows = []
    for cell in gap.singles(together):
        own = records.row(cell)
        if row and own and row["by_kind"] and own["by_kind"]:
            kind = list(own["by_kind"])[cell.alone]
            alone, shared = own["by_kind"][kind], row["by_kind"][kind]
            rows.append([kind, f"{alone:.4f}", f"{shared:.4f}", f"{100 * (shared / alone - 1):+.2f} %"])
    head = ("kind of text", "alone on it", "the four together", "against alone")
    title = f"### E1: each of four by itself, on its own kind, {size} (1 seed)\n\n"
    return title + table(head, rows or [[NOT_RUN, "", "", ""]])


def central_len(cells: Sequence[Cell]) -> int:
    """Tokens of a sequence."""
    return cells[0].seq_len


def _setting(cell: Cell | None) -> str:
    if cell is None:
        return "tuning unfinished"
    outer = "" if cell.outer == "fedavg" and cell.outer_rate == 1.0 else f", {cell.outer} {cell.outer_rate:g}"
    return f"inner {cell.inner_rate:g}{outer}" + (f"/{cell.momentum:g}" if cell.momentum else "")


def photon_table(records: Records, size: str) -> str:
    """E2."""
    best = {name: best_of(records, cells) for name, cells in gap.photon(records, size).items()}
    steps_like, tokens_like = (
        records.finals([cell] if cell else []) for cell in list(best.values())[:4:3] or (None,) * 2
    )
    rows = []
    for name, cell in best.items():
        row = records.row(cell) if cell else None
        own = records.finals([cell] if cell else [])
        told = [f"{cell.inner_rate:g}", str(row["steps"]), f"{row['tokens'] / 1e6:.1f} M"] if cell and row else [""] * 3
        rows.append([name, *told, spread(own), cost(own, steps_like), cost(own, tokens_like)])
    head = (
        "run",
        "inner rate",
        "sequential steps",
        "total tokens",
        "bits per byte",
        "against batch B",
        "against batch 4B",
    )
    title = f"### E2: Photon's regime, H = {gap.PHOTON_STEPS}, {size}: the better of two rates, 1 seed\n\n"
    return title + table(head, rows or [[NOT_RUN, *[""] * 6]])


def frontier_points(records: Records, size: str) -> list[tuple[str, Cell, float, float]]:
    """(name, cell, ratio, loss cost in %) of every compressed run, against the tuned dense one with its seed."""
    reference = frontier.dense(records, size).best
    if reference is None:
        return []
    points = []
    for name, cells in frontier.rivals(records, size).items():
        ran = [cell for cell in cells if records.finals([cell])]
        for cell in {c.key: c for c in ran}.values():
            base = records.finals([replace(reference, seed=cell.seed)])
            row = records.row(cell)
            if base and row:
                points.append(
                    (name, cell, row["up_dense"] / row.get("up_densest", row["up_bytes"]), _over(records, cell, base))
                )
    return points


def _over(records: Records, cell: Cell, base: Figures) -> float:
    return 100 * (records.finals([cell])[0] / base[0] - 1)


def frontier_table(records: Records, size: str) -> str:
    """E3, up."""
    reference = frontier.dense(records, size)
    rows = [
        [
            "fp32",
            _setting(reference.best),
            "1.0×",
            spread(records.finals(seeds(reference.best, frontier.MANY_SEEDS))),
            "–",
        ]
    ]
    for name, cell, ratio, over in sorted(frontier_points(records, size), key=lambda point: (point[2], point[3])):
        bits = f"{records.finals([cell])[0]:.4f}"
        rows.append([name, f"{_setting(cell)}; {_recipe(cell)}", f"{ratio:.1f}×", bits, f"{over:+.2f} %"])
    head = ("codec", "recipe", "fp32 / uploaded", "bits per byte", "loss over the tuned dense run")
    start = reference.cells[0]
    title = f"### E3: the compression frontier, {size}\n\n{start.rounds} rounds of {start.clients} clients, "
    return (
        title
        + f"H = {start.local_steps}, {start.tokens / 1e6:.1f} million tokens; index sets in the densest code.\n\n"
        + table(head, rows)
    )


def longer_points(records: Records, size: str) -> list[tuple[int, Cell, Cell, float, float]]:
    """(local steps, best dense, best sparse, ratio, loss cost in %) where all four cells of a length were run."""
    points = []
    for one in frontier.longer(records, size):
        plain, sparse = best_of(records, one.dense), best_of(records, one.sparse)
        row = records.row(sparse) if sparse else None
        base, own = records.finals([plain] if plain else []), records.finals([sparse] if sparse else [])
        if plain and sparse and row and base and own:
            ratio = row["up_dense"] / row.get("up_densest", row["up_bytes"])
            points.append((one.local_steps, plain, sparse, ratio, 100 * (own[0] / base[0] - 1)))
    return points


def longer_table(records: Records, size: str) -> str:
    """E3 with more local steps in as many rounds."""
    rows = []
    for steps, plain, sparse, ratio, over in longer_points(records, size):
        bits = [f"{records.finals([cell])[0]:.4f} ({_setting(cell)}" for cell in (plain, sparse)]
        figures = [f"{bits[0]})", f"{bits[1]}; {_recipe(sparse)})", f"{ratio:.1f}×", f"{over:+.2f} %"]
        rows.append([str(steps), f"{plain.tokens / 1e6:.1f} M", *figures])
    head = ("H", "tokens", "dense, bits per byte", "top-k, bits per byte", "fp32 / uploaded", "loss over dense")
    return f"### E3: more local steps, {size}\n\n" + table(head, rows or [[NOT_RUN, "", "", "", "", ""]])


def _recipe(cell: Cell) -> str:
    said = [f"feedback {cell.feedback:g}" if cell.feedback else "no feedback"]
    said += [f"H = {cell.local_steps}"] if cell.local_steps != frontier.LOCAL_STEPS else []
    said += [f"{cell.kept} of {cell.chunk}"] if cell.kept != Cell().kept else []
    said += [f"final rate {cell.final_ratio:g}"] if cell.final_ratio != Cell().final_ratio else []
    return ", ".join([*said, f"seed {cell.seed}"])


def broadcast_table(records: Records, size: str) -> str:
    """E3, down."""
    reference = frontier.dense(records, size).best
    rows = []
    for name, cell in frontier.broadcast(records, size).items():
        row = records.row(cell)
        ratio = f"{row['down_dense'] / row['down_bytes']:.1f}×" if row else ""
        base = records.finals([reference]) if reference else []
        rows.append([name, ratio, spread(records.finals([cell])), cost(records.finals([cell]), base)])
    head = ("broadcast", "fp32 / broadcast", "bits per byte", "against dense weights")
    return f"### E3: the way down, {size}\n\n" + table(head, rows or [[NOT_RUN, "", "", ""]])


def volunteers_table(records: Records, size: str) -> str:
    """E4 without lies."""
    cells = volunteers.unreliable(records, size)
    rows = []
    for name, cell in cells.items():
        prefix = volunteers.SPARSE if name.startswith(volunteers.SPARSE) else ""
        base, reported = cells[prefix + "nothing fails"], seeds(cell)
        if not any(one in records for one in reported):
            reported = [cell]  # no bound is on it: the seed that settings are chosen by
        own = [records.row(one) for one in reported]
        lost, tokens = (sum(row[key] for row in own if row) for key in ("lost", "tokens"))
        ran = max(1, sum(row is not None for row in own))
        found = paired(records, reported, [replace(base, seed=one.seed) for one in reported])
        rows.append([name, f"{lost / ran:.0f}", f"{tokens / ran / 1e6:.1f} M", spread(found[0]), cost(*found)])
    head = (
        "eight volunteers, four kinds of text",
        "uploads lost",
        "tokens",
        "bits per byte",
        "against nothing failing",
    )
    return f"### E4: unreliable volunteers, {size}\n\n" + table(head, rows or [[NOT_RUN, *[""] * 4]])


def honest_table(records: Records, size: str) -> str:
    """Aggregators × codecs where nobody lies."""
    rows = []
    for aggregator in AGGREGATORS:
        figures = []
        for way, settings in volunteers.HONEST.items():
            own, base = (volunteers.honest(records, size, name, way) for name in (aggregator, volunteers.PLAIN))
            figures.append(REFUSED if volunteers.refused(aggregator, settings) else _short(records, own, base))
        rows.append([aggregator, *figures])
    head = ("ten honest volunteers", *volunteers.HONEST)
    title = f"### Aggregators × codecs, honest clients only: loss over the plain mean's, {size} (1 seed)\n\n"
    return title + table(head, rows)


def hostile_table(records: Records, size: str, way: str) -> str:
    """Attacks × aggregators for one way updates travel."""
    rows = [[attack, *(_outcome(records, size, attack, name, way) for name in AGGREGATORS)] for attack in ATTACKS]
    title = f"### E4: 2 of 10 hostile, {way}: loss over the eight honest alone under the same rule, {size} (1 seed)\n\n"
    return title + table(("attack", *AGGREGATORS), rows)


def _outcome(records: Records, size: str, attack: str, aggregator: str, way: str) -> str:
    if volunteers.refused(aggregator, volunteers.WAYS[way]):
        return REFUSED
    if attack not in volunteers.wellformed(aggregator):
        return "never seen"
    own = volunteers.attacked(records, size, attack, aggregator, way)
    return _short(records, own, volunteers.without(records, size, aggregator, way))


def _short(records: Records, own: Cell | None, base: Cell | None) -> str:
    row = records.row(own) if own else None
    if row and row["final"] is None:
        return "diverged"
    values, against = (records.finals([cell] if cell else []) for cell in (own, base))
    return f"{100 * (values[0] / against[0] - 1):+.2f} %" if values and against else NOT_RUN


def tuning_table(records: Records, size: str) -> str:
    """Everything that was run of a size, best first: what the choices were made from."""
    rows = [row for row in records.rows.values() if row["cell"]["size"] == size]
    rows.sort(key=lambda row: (row["final"] is None, row["final"] or 0.0))
    said = [
        [described(Cell.from_dict(row["cell"])), "failed" if row["final"] is None else f"{row['final']:.4f}"]
        for row in rows
    ]
    return f"### Every cell, {size}\n\n" + table(("cell", "bits per byte"), said)


def report(records: Records, size: str) -> str:
    """All tables of a size."""
    parts = [gap_table(records, size), singles_table(records, size), photon_table(records, size)]
    parts.append(frontier_table(records, size))
    parts.append(longer_table(records, size))
    parts += [broadcast_table(records, size), volunteers_table(records, size), honest_table(records, size)]
    parts += [hostile_table(records, size, way) for way in volunteers.WAYS]
    return "\n".join([*parts, tuning_table(records, size)])
