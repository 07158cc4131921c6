"""Documents of bounded length out of text that comes in parts, and what every document goes through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

MAX_DOCUMENT_CHARACTERS: Final = 4 << 20
"""A longer text counts as several documents, cut before a line where there is one. War and Peace is 3.2 million."""


def cut(parts: Iterable[str], size: int = MAX_DOCUMENT_CHARACTERS) -> Iterator[str]:
    """Join ``parts`` and cut again; where depends on the text alone, never on how it came in parts."""
    held: list[str] = []
    length = 0
    for part in parts:
        held.append(part)
        length += len(part)
        if length > size:
            text = "".join(held)
            start = 0
            while len(text) - start > size:
                end = _cut_at(text, start, start + size)
                yield text[start:end]
                start = end
            held, length = [text[start:]], len(text) - start
    if length:
        yield "".join(held)


def _cut_at(text: str, start: int, end: int) -> int:
    """Where to cut between the two, in the second half before a line, else before a space, else at the end."""
    middle = (start + end) // 2
    for mark in ("\n", " "):
        found = text.rfind(mark, middle, end)
        if found > start:
            return found
    return end


def clean(text: str) -> str:
    """One kind of line end, no nulls, no lone surrogates."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
