"""Text that others wrote: names, purposes, reasons. It is shown as plain letters, capped, and can do nothing else."""

from __future__ import annotations

import unicodedata

NAME_LIMIT = 60
LINE_LIMIT = 240
TEXT_LIMIT = 1_200
_DROPPED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Controls, invisible and direction-changing characters, unassigned code points."""


def plain(text: str, limit: int = LINE_LIMIT) -> str:
    """One line of visible characters, at most ``limit`` long, with … where it was cut."""
    # Look at a bounded head only: a megabyte of text must cost no more than a line of it.
    head = text[: limit * 4]
    kept = "".join(" " if c.isspace() else c for c in head if c.isspace() or unicodedata.category(c) not in _DROPPED)
    kept = " ".join(kept.split())
    if len(kept) > limit or len(text) > len(head):
        return kept[: limit - 1].rstrip() + "…"
    return kept


def name(text: str) -> str:
    """A name, fit for a title or a list."""
    return plain(text, NAME_LIMIT)


def paragraph(text: str) -> str:
    """A longer statement in their words."""
    return plain(text, TEXT_LIMIT)


def for_menu(text: str) -> str:
    """A name for a menu, a button or a tool tip, where ``&`` and ``<`` would mean something."""
    return name(text).replace("&", "+").replace("<", "(").replace(">", ")")
