"""Bytes → text: byte-order marks, then strict UTF-8, then a guess that has to be a good one. Binary is refused.

``VERSION`` changes whenever the same bytes would give other text; shards are keyed by it.
"""

from __future__ import annotations

import codecs
import unicodedata

from charset_normalizer import from_bytes

from core.api.errors import CorpusError

VERSION = 1
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_GUESS_BYTES = 64 << 10
_MAX_CONTROL = 0.02


def extract_text(data: bytes) -> str:
    """Text of a plain-text or Markdown file, with line ends as ``\\n``.

    Raises:
        CorpusError: the reason in a few words, to stand behind the file's name.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _checked(_decode(data, encoding, "has a byte-order mark but not its encoding"))
    if b"\x00" in data[:_GUESS_BYTES]:
        raise CorpusError("is not text")
    try:
        return _checked(data.decode("utf-8"))
    except UnicodeDecodeError:
        return _checked(_guess(data))


def _decode(data: bytes, encoding: str, reason: str) -> str:
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise CorpusError(reason) from error


def _guess(data: bytes) -> str:
    best = from_bytes(data[:_GUESS_BYTES]).best()
    if best is None:
        raise CorpusError("is in an encoding that cannot be told")
    return _decode(data, best.encoding, f"looks like {best.encoding} but is not")


def _checked(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    control = sum(1 for c in text[:_GUESS_BYTES] if unicodedata.category(c) == "Cc" and c not in "\n\t\f\b\x1b")
    if control > _MAX_CONTROL * max(len(text[:_GUESS_BYTES]), 1):
        raise CorpusError("is not text")
    if not text.strip():
        raise CorpusError("is empty")
    return text
