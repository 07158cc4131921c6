"""Which field or column holds the text, where the owner did not say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

KNOWN: Final = ("text", "content", "body", "document", "article", "story", "message", "raw_content", "markdown")
"""Names under which data sets keep their text, most telling first."""


def text_of(record: object, text_field: str) -> str | None:
    """The text of one record: the owner's field, a known one, or the longest string."""
    if isinstance(record, str):
        return None if text_field else record
    if not isinstance(record, Mapping):
        return None
    found = record.get(field_of(record, text_field))
    return found if isinstance(found, str) else None


def field_of(record: Mapping[str, object], text_field: str) -> str:
    """The field that is read of a record; empty where none holds text."""
    if text_field:
        return text_field
    for name in KNOWN:
        if isinstance(record.get(name), str):
            return name
    texts = ((name, value) for name, value in record.items() if isinstance(value, str))
    return max(texts, key=lambda item: len(item[1]), default=("", ""))[0]


def column_of(names: Sequence[str], sample: Sequence[Sequence[Any]], text_field: str) -> int | None:
    """The place of the text column among ``names``; without a known name the one with the longest cells."""
    lower = [name.strip().lower() for name in names]
    if text_field:
        exact = [name.strip() for name in names]
        wanted = text_field.strip()
        if wanted in exact:
            return exact.index(wanted)
        return lower.index(wanted.lower()) if wanted.lower() in lower else None
    for name in KNOWN:
        if name in lower:
            return lower.index(name)
    sizes = [sum(len(row[i]) for row in sample if i < len(row) and isinstance(row[i], str)) for i in range(len(names))]
    return max(range(len(sizes)), key=sizes.__getitem__, default=None)
