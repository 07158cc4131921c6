"""Parquet: each row is a document; pyarrow reads a few rows of the text column at a time, on this thread alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.data.corpora import Unusable
from core.data.formats.choice import column_of
from core.data.formats.intake import Intake

_BATCH_ROWS = 64
_LIMITS = {"thrift_string_size_limit": 1 << 20, "thrift_container_size_limit": 1 << 20}


def read(intake: Intake) -> Iterator[str]:
    """The text of each row.

    Raises:
        Unusable: there is no column of text, or none of the owner's name.
    """
    pa.set_memory_pool(pa.system_memory_pool())  # others reserve address space by the gigabyte; see the reader's main
    with pq.ParquetFile(intake.at_random(), memory_map=False, pre_buffer=False, **_LIMITS) as file:
        name = _column(file, intake)
        empty = 0
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=[name], use_threads=False):
            intake.watch.pulse(batch.nbytes)
            intake.ceiling.add(batch.nbytes)
            for cell in batch.column(0):
                text = cell.as_py()
                if isinstance(text, str) and text.strip():
                    yield text
                else:
                    empty += 1
    if empty:
        intake.aside(f"{empty:,} rows have no text in the column that was read")


def _column(file: Any, intake: Intake) -> str:
    names = [field.name for field in file.schema_arrow if _is_text(field.type)]
    if not names:
        raise Unusable("has no column of text")
    sample: list[list[object]] = []
    if len(names) > 1 and not intake.text_field:
        first = next(file.iter_batches(batch_size=_BATCH_ROWS, columns=names, use_threads=False), None)
        if first is not None:
            sample = [[row[name] for name in names] for row in first.to_pylist()]
    column = column_of(names, sample, intake.text_field)
    intake.watch.fields(names, "" if column is None else names[column])
    if column is None:
        raise Unusable(f"has no column called {intake.text_field[:40]!r}")
    return str(names[column])


def _is_text(kind: Any) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
