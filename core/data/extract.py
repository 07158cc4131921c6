"""Bytes of a file to its documents, or the reason why there are none. Nothing here raises anything but ``Unusable``.

The order of attempts: a byte order mark, UTF-16 without one where there are nulls, strict UTF-8, and only then a guess
from statistics (charset-normalizer), which must decode the whole file strictly.
"""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

from charset_normalizer import CharsetMatch, CharsetMatches, from_bytes

from core.data.corpora import Unusable
from core.data.pieces import pieces

VERSION: Final = 1
"""Grows whenever the same bytes may give another text; files are then read again."""
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_COMMON: Final = ("cp1252", "cp1250", "iso8859_2", "cp1251", "cp1253", "cp1254", "cp1257")
_SAMPLE_BYTES: Final = 1 << 16
_CHECKED_CHARACTERS: Final = 1 << 16
_MOST_CONTROLS: Final = 0.02
_BINARY_BYTES: Final = tuple(byte for byte in range(32) if byte not in b"\t\n\r\f\v\b\x1b\x0e\x0f")
_LAYOUT: Final = frozenset("\t\n\r\f\v\b\x1b")
"""Control characters that occur in text: layout, and what manual pages and terminals print."""


def documents(raw: bytes) -> list[str]:
    """The documents in a text or Markdown file: the whole file is one.

    Raises:
        Unusable: the file is empty, binary, or in an encoding that is not recognised.
    """
    text = decode(raw).replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise Unusable("empty")
    return [text]


def decode(raw: bytes) -> str:
    """The text in ``raw``, whatever its encoding.

    Raises:
        Unusable: it is binary, or in an encoding that is not recognised.
    """
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            text = _try(raw, encoding)
            if text is None:
                raise Unusable("cut or damaged text")
            return _checked(text)
    if b"\0" in raw[:_SAMPLE_BYTES]:  # before UTF-8, of which every null is a valid character
        text = _wide(raw)
        if text is None:
            raise Unusable("binary")
        return _checked(text)
    text = _try(raw, "utf-8")
    return _checked(_guessed(raw) if text is None else text)


def _try(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except (UnicodeError, LookupError, ValueError):
        return None


def _wide(raw: bytes) -> str | None:
    """UTF-16 without a mark: in most scripts one of the two bytes is nearly always the same."""
    sample = raw[:_SAMPLE_BYTES]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) < len(sample) // 5 or len(raw) % 2:
        return None
    return _try(raw, "utf-16-be" if even > odd else "utf-16-le")


def _guessed(raw: bytes) -> str:
    middle = max(0, len(raw) // 2 - _SAMPLE_BYTES // 2)
    sample = raw if len(raw) <= 2 * _SAMPLE_BYTES else raw[:_SAMPLE_BYTES] + raw[middle : middle + _SAMPLE_BYTES]
    if sum(sample.count(byte) for byte in _BINARY_BYTES) > _MOST_CONTROLS * len(sample):
        raise Unusable("binary")
    try:
        guesses = from_bytes(sample, steps=5, chunk_size=512)
    except Exception as error:  # a guesser that stumbles, over whatever, costs one file
        raise Unusable("in an unknown encoding") from error
    best = guesses.best()
    text = _try(raw, _most_common(best, guesses)) if best is not None else None
    if text is None:
        raise Unusable("in an unknown encoding")
    return text


def _most_common(best: CharsetMatch, guesses: CharsetMatches) -> str:
    """Of equally good guesses the encoding most files have; the library takes the first by name."""
    equal = {best.encoding}
    for guess in guesses:
        if (guess.chaos, guess.coherence) == (best.chaos, best.coherence):
            equal.update(guess.could_be_from_charset)
    return next((encoding for encoding in _COMMON if encoding in equal), best.encoding)


def _checked(text: str) -> str:
    """Refuse what decodes but is no text.

    Raises:
        Unusable: it holds a null, or too many control, private or unassigned characters.
    """
    if "\0" in text or _control_share(text[:_CHECKED_CHARACTERS]) > _MOST_CONTROLS:
        raise Unusable("binary")
    return text


def _control_share(text: str) -> float:
    if not text:
        return 0.0
    strange = sum(c not in _LAYOUT and unicodedata.category(c) in {"Cc", "Cn", "Co", "Cs"} for c in text)
    return strange / len(text)


def normal_form(text: str, between: Callable[[], None] = lambda: None) -> Iterator[str]:
    """``text`` as its keyed digest sees it, in parts: composed characters, and any white space as one space.

    It decides what counts as the same document for duplicates and budgets, so it never changes: neither with the
    extractor nor with the tokenizer. ``between`` is called before each part and may raise to stop.
    """
    begun = spaced = False
    for piece in pieces(text):
        between()
        words = unicodedata.normalize("NFC", piece).split()
        if words and begun and (spaced or piece[0].isspace()):
            yield " "
        yield " ".join(words)
        begun = begun or bool(words)
        spaced = piece[-1].isspace() or (spaced and not words)


def count_words(text: str) -> int:
    """Words as white space separates them; one that is cut between two pieces counts twice."""
    return sum(len(piece.split()) for piece in pieces(text))
