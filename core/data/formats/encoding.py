"""Bytes to characters, or the reason why they are no text. Nothing here raises anything but ``Unusable``.

The order of attempts: a byte order mark, UTF-16 without one where there are nulls, strict UTF-8, and only then a guess
from statistics (charset-normalizer). What fits into ``WHOLE_BYTES`` must decode strictly from its first byte to its
last; of what is longer the beginning decides, and a damaged character further on becomes a replacement character.
"""

from __future__ import annotations

import codecs
import io
import re
import unicodedata
from collections.abc import Iterator
from typing import BinaryIO, Final

from charset_normalizer import CharsetMatch, CharsetMatches, from_bytes

from core.data.corpora import Unusable

WHOLE_BYTES: Final = 8 << 20
MAX_LINE_CHARACTERS: Final = 8 << 20
"""Longest line of a table or of JSON records."""
_CHUNK_BYTES: Final = 1 << 20
_NAMED: Final = re.compile(
    r"(us-)?ascii|utf-?(8|16|32)([-_]?[lb]e)?|(iso-?|latin)[-_]?\d+([-_]\d+)?|(windows|cp|ibm)[-_]?\d+|koi8[-_][ru]|gb\w{1,8}"
    r"|big5\w*|euc[-_]\w{2}|shift[-_]?jis|sjis|iso-2022-\w{2}|mac[-_]?\w{1,12}",
    re.I,
)
"""Encodings a file may ask for by name. Python knows more, some of them slow or not for text."""
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


def decode(raw: bytes) -> str:
    """The text in ``raw``, whatever its encoding.

    Raises:
        Unusable: it is binary, or in an encoding that is not recognised.
    """
    text = _try(raw, recognised(raw))
    if text is None:
        raise Unusable("cut or damaged text")
    return _checked(text)


def recognised(raw: bytes, cut: bool = False) -> str:
    """The encoding of ``raw``.

    Args:
        raw: all bytes, or where ``cut`` the first of them.
        cut: whether more follow, so that the last character may be incomplete.

    Raises:
        Unusable: they are binary, or in an encoding that is not recognised.
    """
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return encoding
    if b"\0" in raw[:_SAMPLE_BYTES]:  # before UTF-8, of which every null is a valid character
        return _wide(raw, cut)
    if _try(raw, "utf-8", cut) is not None:
        return "utf-8"
    return _guessed(raw)


def named(raw: bytes, label: str) -> str | None:
    """The text in ``raw`` if it is in the encoding called ``label``, which may be anything."""
    label = label.strip().strip("\"'").strip()
    return _try(raw, label) if _NAMED.fullmatch(label) else None


def decoded(stream: BinaryIO) -> Iterator[str]:
    """The text of a stream of any length, in parts.

    Raises:
        Unusable: it is binary, or in an encoding that is not recognised; or only from here on.
    """
    raw = stream.read(WHOLE_BYTES + 1)
    if len(raw) <= WHOLE_BYTES:
        yield decode(raw)
        return
    decoder = codecs.getincrementaldecoder(recognised(raw, cut=True))("replace")
    done = 0
    while raw:
        part = decoder.decode(raw)
        if "\0" in part or _control_share(part[:_CHECKED_CHARACTERS]) > _MOST_CONTROLS:
            raise Unusable(f"binary after {done >> 20} MiB" if done else "binary")
        yield part
        done += len(raw)
        raw = stream.read(_CHUNK_BYTES)
    yield decoder.decode(b"", True)


def lines(stream: io.BufferedReader, instead: str = "") -> Iterator[str]:
    """The lines of a stream of any length, each with its end.

    Args:
        stream: the bytes.
        instead: what stands for a line longer than ``MAX_LINE_CHARACTERS``; without it nothing follows such a line.

    Raises:
        Unusable: it is no text, or a line is too long.
    """
    sample = stream.peek(_SAMPLE_BYTES)[:_SAMPLE_BYTES]
    encoding = recognised(sample, cut=len(sample) == _SAMPLE_BYTES)
    text = io.TextIOWrapper(stream, encoding, "replace", newline="")
    try:
        while line := text.readline(MAX_LINE_CHARACTERS + 1):
            if len(line) <= MAX_LINE_CHARACTERS:
                yield line
                continue
            if not instead:
                raise Unusable(f"a line is longer than {MAX_LINE_CHARACTERS >> 20} million characters")
            while line and line[-1] not in "\r\n":
                line = text.readline(MAX_LINE_CHARACTERS)
            yield instead
    finally:
        text.detach()


def _try(raw: bytes, encoding: str, cut: bool = False) -> str | None:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(raw) if cut else raw.decode(encoding)
    except (UnicodeError, LookupError, ValueError):
        return None


def _wide(raw: bytes, cut: bool) -> str:
    """UTF-16 without a mark: in most scripts one of the two bytes is nearly always the same."""
    sample = raw[:_SAMPLE_BYTES]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    encoding = "utf-16-be" if even > odd else "utf-16-le"
    if max(even, odd) < len(sample) // 5 or (len(raw) % 2 and not cut) or _try(raw, encoding, cut) is None:
        raise Unusable("binary")
    return encoding


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
    if best is None or _try(raw, encoding := _most_common(best, guesses)) is None:
        raise Unusable("in an unknown encoding")
    return encoding


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
