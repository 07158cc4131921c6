"""Why a file was left out, in the owner's language: the reader's short reasons, with their numbers taken out."""

from __future__ import annotations

import re

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

from app.words import strangers

CONTEXT = "Reasons"
KNOWN: frozenset[str] = frozenset(
    str(text)
    for text in (
        QT_TRANSLATE_NOOP("Reasons", "a cell is too long, or a quotation mark is never closed"),
        QT_TRANSLATE_NOOP("Reasons", "a damaged PDF"),
        QT_TRANSLATE_NOOP("Reasons", "a line is longer than {0} million characters"),
        QT_TRANSLATE_NOOP("Reasons", "a mail without text"),
        QT_TRANSLATE_NOOP("Reasons", "a part is larger than {0} MiB"),
        QT_TRANSLATE_NOOP("Reasons", "a part is missing"),
        QT_TRANSLATE_NOOP("Reasons", "a scanned PDF without a text layer ({0} page)"),
        QT_TRANSLATE_NOOP("Reasons", "a scanned PDF without a text layer ({0} pages)"),
        QT_TRANSLATE_NOOP("Reasons", "an archive in an archive in an archive"),
        QT_TRANSLATE_NOOP("Reasons", "an office file that is no text document"),
        QT_TRANSLATE_NOOP("Reasons", "binary"),
        QT_TRANSLATE_NOOP("Reasons", "binary after {0} MiB"),
        QT_TRANSLATE_NOOP("Reasons", "cut or damaged"),
        QT_TRANSLATE_NOOP("Reasons", "cut or damaged text"),
        QT_TRANSLATE_NOOP("Reasons", "cut or damaged; what came before is used"),
        QT_TRANSLATE_NOOP("Reasons", "damaged, or not what its name says"),
        QT_TRANSLATE_NOOP("Reasons", "empty"),
        QT_TRANSLATE_NOOP("Reasons", "encrypted, needs a password"),
        QT_TRANSLATE_NOOP("Reasons", "has no column of text"),
        QT_TRANSLATE_NOOP("Reasons", "in an unknown encoding"),
        QT_TRANSLATE_NOOP("Reasons", "larger than {0} MiB"),
        QT_TRANSLATE_NOOP("Reasons", "more than {0} tags deep"),
        QT_TRANSLATE_NOOP("Reasons", "more than {0} members"),
        QT_TRANSLATE_NOOP("Reasons", "more than {0} pages"),
        QT_TRANSLATE_NOOP("Reasons", "mostly holes, a sparse file"),
        QT_TRANSLATE_NOOP("Reasons", "needs more memory than the reader may use"),
        QT_TRANSLATE_NOOP("Reasons", "nested too deeply"),
        QT_TRANSLATE_NOOP("Reasons", "no JSON records"),
        QT_TRANSLATE_NOOP("Reasons", "not a notebook, or damaged"),
        QT_TRANSLATE_NOOP("Reasons", "not a regular file"),
        QT_TRANSLATE_NOOP("Reasons", "one JSON object without a field of text or a list of records"),
        QT_TRANSLATE_NOOP("Reasons", "{0} of {1} pages have no text layer or are damaged"),
        QT_TRANSLATE_NOOP("Reasons", "{0} of {1} records are damaged"),
    )
)
_NUMBER = re.compile(r"\d[\d,.]*\d|\d")


def say(reason: str, limit: int = 120) -> str:
    """A reason of the reader's; one that is not known stays as it came."""
    numbers = _NUMBER.findall(reason[:limit])
    holes = iter(range(len(numbers)))
    template = _NUMBER.sub(lambda _: f"{{{next(holes)}}}", reason[:limit])
    if template in KNOWN:
        return QCoreApplication.translate(CONTEXT, template).format(*numbers)
    return strangers.plain(reason, limit)
