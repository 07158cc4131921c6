"""Bytes sent and received in each calendar month, by the local clock; never counted too few.

``volume.json`` always says a little more than was used: room is written down before it is used. A crash may count up to
``RESERVE`` too much, an orderly end nothing.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from core.api.errors import StorageError
from core.vault import write_atomic

RESERVE: Final = 16 << 20
KEPT_MONTHS: Final = 13
log = logging.getLogger("hedgerow.volume")


class _Kept(msgspec.Struct, forbid_unknown_fields=True):
    version: int = 1
    months: dict[str, int] = {}


class Volume:
    """The counter of one engine."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.problem = ""
        """One sentence if the file was set aside, else empty."""
        self._path = path
        self._clock = clock
        self._months = self._load()
        self._written = dict(self._months)

    @property
    def month_bytes(self) -> int:
        """Sent and received this month."""
        return self._months.get(self._month(), 0)

    def add(self, up: int, down: int) -> None:
        """Count bytes; written down ahead in steps of ``RESERVE``."""
        month = self._month()
        used = self._months[month] = self._months.get(month, 0) + up + down
        if used > self._written.get(month, 0):
            self._write(self._months | {month: used + RESERVE})

    def close(self) -> None:
        """Write down the exact figures."""
        if self._months != self._written:
            self._write(self._months)

    def _month(self) -> str:
        return f"{dt.datetime.fromtimestamp(self._clock()):%Y-%m}"

    def _write(self, months: dict[str, int]) -> None:
        kept = dict(sorted(months.items())[-KEPT_MONTHS:])
        # Also where it fails: a full disk is asked again after the next step, not for every byte.
        self._written = dict(months)
        try:
            write_atomic(self._path, msgspec.json.encode(_Kept(months=kept)))
        except StorageError as error:
            log.warning("the month's volume cannot be written down: %s", error)

    def _load(self) -> dict[str, int]:
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=_Kept)
            if any(used < 0 for used in kept.months.values()):
                raise ValueError("a month has less than nothing")
            return kept.months
        except FileNotFoundError:
            return {}
        except OSError as error:
            self.problem = f"{self._path} cannot be read ({error.strerror}); this month's volume counts from now on."
        except (msgspec.MsgspecError, ValueError) as error:
            aside = self._path.with_name(f"{self._path.name}.bad-{self._clock():.0f}")
            os.replace(self._path, aside)
            self.problem = (
                f"{self._path.name} is damaged ({error}) and was set aside as {aside.name}; "
                "this month's volume counts from now on."
            )
        return {}
