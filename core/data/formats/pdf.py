"""PDF through pdfium: the text layer, page after page. Nothing is recognised in pictures; such a file is set aside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pypdfium2 as pdfium

from core.data.corpora import Unusable
from core.data.formats.cutting import cut
from core.data.formats.intake import Intake

MAX_PAGES: Final = 50_000
_PASSWORD: Final = 4
"""``FPDF_ERR_PASSWORD``."""


def read(intake: Intake) -> Iterator[str]:
    """The whole file is one document.

    Raises:
        Unusable: it is encrypted or damaged, or no page has text.
    """
    return cut(_pages(intake))


def _pages(intake: Intake) -> Iterator[str]:
    try:
        document = pdfium.PdfDocument(intake.at_random())
    except pdfium.PdfiumError as error:
        locked = getattr(error, "err_code", None) == _PASSWORD
        raise Unusable("encrypted, needs a password" if locked else "a damaged PDF") from error
    try:
        total = len(document)
        if total > MAX_PAGES:
            raise Unusable(f"more than {MAX_PAGES:,} pages")
        damaged = empty = 0
        for number in range(total):
            intake.watch.pulse()
            try:
                text = _page(document, number)
            except pdfium.PdfiumError:
                damaged += 1
                continue
            intake.ceiling.add(len(text))
            if text.strip():
                yield text.rstrip() + "\n\n"
            else:
                empty += 1
        _account(intake, total, damaged, empty)
    finally:
        document.close()


def _page(document: pdfium.PdfDocument, number: int) -> str:
    page = document[number]
    try:
        text = page.get_textpage()
        try:
            return str(text.get_text_range()).replace("\ufffe", "-").replace("\uffff", "")
        finally:
            text.close()
    finally:
        page.close()


def _account(intake: Intake, total: int, damaged: int, empty: int) -> None:
    if damaged + empty == total:
        if damaged:
            raise Unusable("a damaged PDF")
        raise Unusable(f"a scanned PDF without a text layer ({total} page{'s' * (total != 1)})")
    if damaged + empty:
        intake.aside(f"{damaged + empty} of {total} pages have no text layer or are damaged")
