"""JSON lines: each record is a document."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec

from core.data.corpora import Unusable
from core.data.formats import encoding
from core.data.formats.choice import text_of
from core.data.formats.intake import Intake

_GIVE_UP_AFTER = 1_000
"""Damaged lines at the start without a good one among them."""


def read(intake: Intake) -> Iterator[str]:
    """The text of each record; damaged ones and those without text are counted and said."""
    good = damaged = without = 0
    for line in encoding.lines(intake.stream):
        if not line.strip():
            continue
        try:
            text = text_of(_decode(line), intake.text_field)
        except (ValueError, RecursionError):
            damaged += 1
            if damaged > _GIVE_UP_AFTER and not good:
                break
            continue
        if text is None or not text.strip():
            without += 1
            continue
        good += 1
        yield text
    if not good and damaged + without:
        raise Unusable("no JSON records" if damaged else _missing(intake.text_field))
    if damaged:
        intake.aside(f"{damaged:,} of {good + damaged + without:,} records are damaged")
    if without:
        intake.aside(f"{without:,} of {good + damaged + without:,} records have {_missing(intake.text_field)}")


def _missing(text_field: str) -> str:
    return f"no text in the field {text_field[:40]!r}" if text_field else "no text in any field"


def _decode(line: str) -> object:
    try:
        return msgspec.json.decode(line)
    except msgspec.DecodeError:  # stricter than what is written in the wild: NaN, lone surrogates
        return json.loads(line)
