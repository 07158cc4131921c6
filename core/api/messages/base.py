"""What all records on the socket share."""

from __future__ import annotations

import msgspec

API_VERSION = 1


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every record on the socket."""


class Sentence(Message, frozen=True, kw_only=True):
    """One sentence for a person: stable code, values, and the English text."""

    code: str
    text: str
    args: dict[str, str | int | float] = {}


class Acknowledged(Message, frozen=True, kw_only=True):
    """The request was carried out."""

    detail: str = ""


class Nothing(Message, frozen=True, kw_only=True):
    """No parameters."""
