"""The owner's calendar: the week plan, when a week or a month is over, and how a moment is said.

The plan has a word for each hour of the local clock: full, half or off. Hours are those on the wall, so a plan keeps
its meaning when the clock changes: an hour that does not exist is never asked for, and one that comes twice is planned
twice alike.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

FULL: Final = "f"
HALF: Final = "h"
OFF: Final = "o"
_WEEK_S: Final = 8 * 86_400
"""A little more than a week, so that a clock change inside it hides nothing."""


def planned(schedule: Sequence[str], now: float) -> str:
    """``f``, ``h`` or ``o`` for a moment; an empty plan is full."""
    if not schedule:
        return FULL
    local = dt.datetime.fromtimestamp(now)
    return schedule[local.weekday()][local.hour]


def next_change(schedule: Sequence[str], now: float) -> float | None:
    """Unix time at which the plan says something else, or ``None`` if it never does."""
    present, at = planned(schedule, now), now
    while at < now + _WEEK_S:
        local = dt.datetime.fromtimestamp(at)
        at += 3_600 - local.minute * 60 - local.second - local.microsecond / 1e6
        if planned(schedule, at) != present:
            return float(round(at))
    return None


def next_month(now: float) -> float:
    """Unix time of the first of the coming month, 00:00, local time."""
    first = dt.datetime.fromtimestamp(now).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + dt.timedelta(days=32)).replace(day=1).timestamp()


def next_monday(now: float) -> float:
    """Unix time of the coming Monday 00:00, local time."""
    today = dt.datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0)
    return (today + dt.timedelta(days=7 - today.weekday())).timestamp()


def clock_words(at: float, now: float) -> str:
    """``14:05`` today, ``tomorrow 08:00``, or ``Mon 3 Aug, 08:00``."""
    moment, today = dt.datetime.fromtimestamp(at), dt.datetime.fromtimestamp(now)
    match (moment.date() - today.date()).days:
        case 0:
            return f"{moment:%H:%M}"
        case 1:
            return f"tomorrow {moment:%H:%M}"
        case _:
            return f"{moment:%a} {moment.day} {moment:%b}, {moment:%H:%M}"
