"""CSV and TSV: each row is a document, the text one of its cells."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator, Sequence

from core.data.corpora import Unusable
from core.data.formats import encoding
from core.data.formats.choice import KNOWN, column_of
from core.data.formats.intake import Intake

_SAMPLE_ROWS = 100
_LONGEST_NAME = 64


def read(intake: Intake) -> Iterator[str]:
    """The text cell of each row; a first row of names is none of them."""
    csv.field_size_limit(encoding.MAX_LINE_CHARACTERS)
    lines = encoding.lines(intake.stream)
    first = list(itertools.islice(lines, 20))
    tabs = intake.name.lower().endswith((".tsv", ".tab"))
    rows = _rows(itertools.chain(first, lines), "\t" if tabs else _delimiter(first))
    sample = list(itertools.islice(rows, _SAMPLE_ROWS))
    if not sample:
        return
    named = _is_header(sample, intake.text_field)
    names = sample[0] if named else [""] * max(map(len, sample))
    column = column_of(names, sample[1:] if named else sample, intake.text_field)
    intake.watch.fields([name.strip() for name in names], "" if column is None else names[column].strip())
    if column is None:
        raise Unusable(f"has no column called {intake.text_field[:40]!r}")
    short = 0
    for row in itertools.chain(sample[1:] if named else sample, rows):
        if column < len(row) and row[column].strip():
            yield row[column]
        else:
            short += 1
    if short:
        intake.aside(f"{short:,} rows have no text in the column that was read")


def _rows(lines: Iterator[str], delimiter: str) -> Iterator[list[str]]:
    try:
        for row in csv.reader(lines, delimiter=delimiter):
            if row:
                yield row
    except csv.Error as error:
        raise Unusable("a cell is too long, or a quotation mark is never closed") from error


def _delimiter(lines: Sequence[str]) -> str:
    """The one that divides most of the first lines, counted in the first alone where that tells."""
    counts = {mark: [line[:100_000].count(mark) for line in lines] for mark in ",;\t|"}
    return max(counts, key=lambda mark: (sum(n > 0 for n in counts[mark]), counts[mark][0] if lines else 0))


def _is_header(sample: Sequence[Sequence[str]], text_field: str) -> bool:
    """Whether the first row names the columns."""
    cells = [cell.strip() for cell in sample[0]]
    lower = {cell.lower() for cell in cells}
    if text_field or lower & set(KNOWN):
        return True
    if len(cells) < 2 or len(lower) < len(cells) or not all(0 < len(cell) <= _LONGEST_NAME for cell in cells):
        return False
    return not any(cell.replace(".", "").replace("-", "").isdigit() for cell in cells)
