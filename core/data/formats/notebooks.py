"""Jupyter notebooks: what was written in the cells, text and code; outputs and pictures are left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from core.data.corpora import Unusable
from core.data.formats.cutting import cut
from core.data.formats.intake import Intake

MAX_BYTES: Final = 64 << 20


class _Cell(msgspec.Struct):
    cell_type: str = ""
    source: list[str] | str = ""
    input: list[str] | str = ""
    """Of a code cell before version 4."""


class _Sheet(msgspec.Struct):
    cells: list[_Cell] = []


class _Notebook(_Sheet):
    worksheets: list[_Sheet] = []
    """Before version 4."""


def read(intake: Intake) -> Iterator[str]:
    """The cells of a notebook, in order, are one document.

    Raises:
        Unusable: it is no notebook, or too large.
    """
    try:
        notebook = msgspec.json.decode(intake.whole(MAX_BYTES), type=_Notebook)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Unusable("not a notebook, or damaged") from error
    cells = [*notebook.cells, *(cell for sheet in notebook.worksheets for cell in sheet.cells)]
    return cut(text + "\n\n" for cell in cells if (text := _text(cell)).strip())


def _text(cell: _Cell) -> str:
    written = cell.source or cell.input
    return written if isinstance(written, str) else "".join(written)
