"""Subtitles (SubRip and WebVTT): what is said, without the times at which it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from core.data.formats import encoding
from core.data.formats.cutting import cut
from core.data.formats.intake import Intake

_TIMES: Final = re.compile(r"\s*(\d{1,4}:)?\d{1,2}:\d{2}[.,]\d{1,3}\s*-->")
_TAGS: Final = re.compile(r"</?[a-zA-Z0-9][^<>\n]{0,99}>|\{\\[^{}\n]{0,99}\}")
_NOT_SAID: Final = ("WEBVTT", "NOTE", "STYLE", "REGION")


def read(intake: Intake) -> Iterator[str]:
    """All that is said is one document."""
    return cut(_said(encoding.lines(intake.stream)))


def _said(lines: Iterator[str]) -> Iterator[str]:
    """The words of each block; the line before the times is the block's number or name."""
    block: list[str] = []
    timed = aside = False
    for line in lines:
        line = line.rstrip("\r\n")
        if not line.strip():
            yield from () if aside else block
            block, timed, aside = [], False, False
        elif not timed and _TIMES.match(line):
            block, timed = [], True
        elif not block and not timed and line.startswith(_NOT_SAID):
            aside = True
        else:
            block.append(_TAGS.sub("", line) + "\n")
    yield from () if aside else block
