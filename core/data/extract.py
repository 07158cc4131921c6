"""Bytes of a file to its documents, whatever its format, or the reason why there are none.

A document is a file, a mail, a JSON record or a table row; a text of more than ``MAX_DOCUMENT_CHARACTERS`` counts as
several. Documents come one by one, so a file of any length needs little memory. Which text stands in a document is the
business of ``formats``; what makes two documents the same is decided here, and never changes.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from core.data.corpora import Unusable
from core.data.formats import registry
from core.data.formats.ceiling import Ceiling, size_of
from core.data.formats.cutting import clean, cut
from core.data.formats.intake import Intake, Watch, buffered, guarded
from core.data.patterns import Wanted
from core.data.pieces import pieces

VERSION: Final = 4
"""Grows whenever the same bytes may give another text; files are then read again."""
EMPTY: Final = "empty"
_MARKS_AT_ONCE: Final = 1 << 12


def documents(
    name: str,
    source: bytes | BinaryIO,
    text_field: str = "",
    watch: Watch | None = None,
    wanted: Wanted | None = None,
    place: tuple[str, ...] = (),
) -> Iterator[str]:
    """The documents in a file, one by one.

    Args:
        name: the file's name; its suffix is a hint.
        source: all its bytes, or a stream at its start; one that can seek lets large archives be read in place.
        text_field: field or column that holds the text; empty means that it is found.
        watch: told of every read and of parts that are set aside; may raise to stop.
        wanted: what of an archive is read; without it all but hidden and generated files.
        place: names from the chosen folder to the file; empty where the file itself was chosen.

    Raises:
        Unusable: nothing can be read, or nothing more; what was yielded before is good.
        MemoryError: the file needs too much.
    """
    watch = watch or Watch()
    stream = buffered(io.BytesIO(source) if isinstance(source, bytes) else source, watch)
    ceiling = Ceiling(size_of(stream) if stream.seekable() else 0)
    intake = Intake(
        name=name, stream=stream, watch=watch, text_field=text_field, ceiling=ceiling, reader=registry.read,
        wanted=wanted or Wanted(), place=place,
    )  # fmt: skip
    empty = True
    for text in guarded(registry.read(intake)):
        watch.pulse()
        for part in cut((clean(text),)):
            if part.strip():
                empty = False
                yield part
    if empty:
        raise Unusable(EMPTY)


def normal_form(text: str, between: Callable[[], None] = lambda: None) -> Iterator[str]:
    """``text`` as its keyed digest sees it, in parts: composed characters, and any white space as one space.

    It decides what counts as the same document for duplicates and budgets, so it never changes: neither with the
    extractor nor with the tokenizer. ``between`` is called before each part and may raise to stop.
    """
    begun = spaced = False
    for piece in pieces(text):
        between()
        words = _composed(piece).split()
        if words and begun and (spaced or piece[0].isspace()):
            yield " "
        yield " ".join(words)
        begun = begun or bool(words)
        spaced = piece[-1].isspace() or (spaced and not words)


def _composed(piece: str) -> str:
    """NFC; where marks without letters would make it take seconds, a few thousand characters at a time."""
    if not piece.isascii() and sum(map(bool, map(unicodedata.combining, piece))) > len(piece) * 3 // 4:
        return "".join(unicodedata.normalize("NFC", part) for part in pieces(piece, _MARKS_AT_ONCE))
    return unicodedata.normalize("NFC", piece)


def count_words(text: str) -> int:
    """Words as white space separates them; one that is cut between two pieces counts twice."""
    return sum(len(piece.split()) for piece in pieces(text))
