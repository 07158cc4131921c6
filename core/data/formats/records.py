"""JSON lines: each record is a document."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec

from core.data.corpora import Unusable
from core.data.formats import encoding
from core.data.formats.choice import field_of, text_of
from core.data.formats.intake import Intake

_GIVE_UP_AFTER = 1_000
"""Damaged lines at the start without a good one among them."""
_TOO_LONG = "\0"
"""Stands for such a line."""


def read(intake: Intake) -> Iterator[str]:
    """The text of each record; damaged ones and those without text are counted and said."""
    good = damaged = without = too_long = 0
    for line in encoding.lines(intake.stream, _TOO_LONG):
        if not line.strip():
            continue
        if line == _TOO_LONG:
            too_long += 1
            continue
        try:
            record = _decode(line)
            if not good + without and isinstance(record, dict):
                intake.watch.fields(list(record), field_of(record, intake.text_field))
            text = text_of(record, intake.text_field)
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
    if not good and damaged + without + too_long:
        raise Unusable("no JSON records" if damaged + too_long else _missing(intake.text_field))
    total = good + damaged + without + too_long
    if damaged:
        intake.aside(f"{damaged:,} of {total:,} records are damaged")
    if without:
        intake.aside(f"{without:,} of {total:,} records have {_missing(intake.text_field)}")
    if too_long:
        limit = f"{encoding.MAX_LINE_CHARACTERS >> 20} million characters"
        intake.aside(f"{too_long:,} of {total:,} records are longer than {limit}")


def _missing(text_field: str) -> str:
    return f"no text in the field {text_field[:40]!r}" if text_field else "no text in any field"


def _decode(line: str) -> object:
    try:
        return msgspec.json.decode(line)
    except msgspec.DecodeError:  # stricter than what is written in the wild: NaN, lone surrogates
        return json.loads(line)
