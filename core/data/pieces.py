"""Cutting long text, so that work on it needs little memory and can be watched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

MAX_PIECE_CHARACTERS: Final = 1 << 16


def pieces(text: str, size: int = MAX_PIECE_CHARACTERS) -> Iterator[str]:
    """Cut ``text`` before a line where there is one, else before a space, else anywhere.

    Joined again, the pieces are ``text``; each has between 1 and ``size`` characters.
    """
    start = 0
    while len(text) - start > size:
        end = start + size
        cut = max(text.rfind("\n", start + size // 2, end), start)
        if cut == start:
            cut = max(text.rfind(" ", start + size // 2, end), start)
        if cut > start:
            end = cut
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]
