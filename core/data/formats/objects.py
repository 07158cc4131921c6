"""JSON files: an array of records, one object, or values one after another, read a piece at a time.

An array or a sequence may have any length; a single value no more than ``MAX_LINE_CHARACTERS``. One object is a
document where it has a field of text that the owner named or that usually has it, or a list of records; settings and
other small objects have neither and are set aside.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any, Final

from core.data.corpora import Unusable
from core.data.formats import encoding
from core.data.formats.choice import KNOWN, field_of, text_of
from core.data.formats.intake import Intake

_SPACE: Final = re.compile(r"[ \t\r\n\ufeff]*")
_FIRST_READ: Final = 1 << 16


def read(intake: Intake) -> Iterator[str]:
    """The text of each record.

    Raises:
        Unusable: it is no JSON, has no text, or is damaged from some place on; what came before is good.
    """
    text = _Text(intake)
    listed = text.sign() == "["
    text.at += listed
    values = _values(text, listed, intake)
    for first in values:
        if isinstance(first, dict) and not listed and not text.sign():
            yield from _records(iter(_of_object(first, intake)), intake)
        else:
            yield from _records(itertools.chain((first,), values), intake)


def _records(values: Iterator[object], intake: Intake) -> Iterator[str]:
    good = without = 0
    for record in values:
        if not good + without and isinstance(record, dict):
            intake.watch.fields(list(record), field_of(record, intake.text_field))
        text = text_of(record, intake.text_field)
        if text is None or not text.strip():
            without += 1
        else:
            good += 1
            yield text
    named = f"the field {intake.text_field[:40]!r}" if intake.text_field else "any field"
    if without and not good:
        raise Unusable(f"no text in {named}")
    if without:
        intake.aside(f"{without:,} of {good + without:,} records have no text in {named}")


def _of_object(value: dict[str, Any], intake: Intake) -> list[object]:
    """The records of one object: itself, or the longest list of records in it."""
    if any(isinstance(value.get(name), str) for name in ((intake.text_field,) if intake.text_field else KNOWN)):
        return [value]
    lists = [part for part in value.values() if isinstance(part, list) and any(isinstance(one, dict) for one in part)]
    if lists:
        return max(lists, key=len)
    intake.watch.fields(list(value), "")
    raise Unusable("one JSON object without a field of text or a list of records")


class _Text:
    """What is still to be parsed; grows from the stream where a value goes on behind it."""

    def __init__(self, intake: Intake) -> None:
        self._parts = encoding.decoded(intake.stream)
        self._waiting = ""
        self.ended = False
        self.held = ""
        self.at = 0

    def more(self) -> None:
        """Double what is held, at least, so that a long value is tried few times."""
        wanted = max(_FIRST_READ, len(self.held) - self.at)
        pieces = [self.held[self.at :]]
        while wanted > 0 and not self.ended:
            if not self._waiting:
                self._waiting = next(self._parts, "")
                self.ended = not self._waiting
            pieces.append(self._waiting[:wanted])
            wanted -= len(pieces[-1])
            self._waiting = self._waiting[len(pieces[-1]) :]
        self.held, self.at = "".join(pieces), 0

    def sign(self) -> str:
        """The next character that is no white space, which stays; empty at the end."""
        while True:
            found = _SPACE.match(self.held, self.at)
            self.at = found.end() if found else self.at
            if self.at < len(self.held):
                return self.held[self.at]
            if self.ended:
                return ""
            self.more()


def _values(text: _Text, listed: bool, intake: Intake) -> Iterator[object]:
    """Elements of the outer array, or all values of the file."""
    decoder = json.JSONDecoder()
    number = 0
    while (sign := text.sign()) and not (listed and sign == "]"):
        if number and sign == ",":
            text.at += 1
            sign = text.sign()
        elif number and listed:
            raise _damaged(number)
        yield _value(text, decoder, number)
        number += 1
        intake.watch.pulse()
    if listed and not sign:
        raise _damaged(number)


def _value(text: _Text, decoder: json.JSONDecoder, number: int) -> object:
    while True:
        try:
            value, end = decoder.raw_decode(text.held, text.at)
        except json.JSONDecodeError as error:
            if text.ended:
                raise _damaged(number) from error
        else:
            if end < len(text.held) or text.ended:
                text.at = end
                return value  # else a number may go on behind what is held
        if len(text.held) - text.at > encoding.MAX_LINE_CHARACTERS:
            limit = f"{encoding.MAX_LINE_CHARACTERS >> 20} million characters"
            raise Unusable(f"a value is longer than {limit}{_BEFORE if number else ''}")
        text.more()


_BEFORE: Final = "; what came before is used"


def _damaged(number: int) -> Unusable:
    return Unusable(f"cut or damaged{_BEFORE}" if number else "no JSON")
