"""Reading made files through the one entrance, and looking at what is set aside."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.data import extract
from core.data.corpora import Unusable
from core.data.formats.intake import Watch


class Kept(Watch):
    """Keeps what is set aside, and counts what was read or unpacked."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, str]] = []
        self.read = 0

    def aside(self, member: str, reason: str) -> None:
        """See ``Watch``."""
        self.parts.append((member, reason))

    def pulse(self, more: int = 0) -> None:
        """See ``Watch``."""
        self.read += more


def read(name: str, raw: bytes, text_field: str = "") -> list[str]:
    """The documents of a file, without the white space around them."""
    return [text.strip() for text in extract.documents(name, raw, text_field)]


def aside(name: str, raw: bytes) -> list[tuple[str, str]]:
    """What of a file is set aside."""
    watch = Kept()
    with contextlib.suppress(Unusable):
        list(extract.documents(name, raw, "", watch))
    return watch.parts


def reason(name: str, raw: bytes, text_field: str = "") -> str:
    """Why a file cannot be read, or not to its end."""
    with pytest.raises(Unusable) as caught:
        list(extract.documents(name, raw, text_field))
    return str(caught.value)


def parquet(columns: dict[str, list[Any]], **options: Any) -> bytes:
    """A Parquet file."""
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, **options)
    return out.getvalue()
