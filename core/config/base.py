"""What every configuration record is: immutable, keyword-only, bounded where it is built; and the texts they share."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

MAX_TEXT = 2_000


Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


Identifier = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]


ShortText = Annotated[str, Meta(min_length=1, max_length=120)]


LongText = Annotated[str, Meta(max_length=MAX_TEXT)]


UnitOfPrivacy = Literal["document", "record", "corpus", "none"]


class Frozen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every configuration record: immutable, keyword-only, unknown fields refused."""


def between(name: str, value: float, low: float, high: float) -> None:
    """Raises ValueError unless a number is finite and within its bounds, naming it."""
    if not low <= value <= high:  # so is what is not a number, and an integer of any length is compared exactly
        raise ValueError(f"{name} is {str(value)[:40]}, but must lie between {low:g} and {high:g}")
