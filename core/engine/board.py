"""What the engine shows besides the ledger: the round in progress, readings in progress, the plots, passing notices.

Everything here may be lost without harm, except the plots, which are kept encrypted beside the ledger.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from core import vault
from core.api.errors import HedgerowError, StorageError
from core.api.messages.base import Sentence
from core.api.messages.state import Notice, Point, RoundProgress, Series

MAX_POINTS = 400
_CONTEXT = b"series"


class _Kept(msgspec.Struct):
    version: int = 1
    steps: int = 0
    series: Series = Series()


class Board:
    """Mutable display state; every change is told to ``changed``."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self._key = key
        self._kept = self._load()
        self.progress: RoundProgress | None = None
        self.sandbox = ""
        self.device = ""
        self.changed: Callable[[], None] = lambda: None
        self.publish: Callable[[Notice], None] = lambda notice: None

    @property
    def series(self) -> Series:
        """The plots, thinned to what a window can draw."""
        return self._kept.series

    def show(self, progress: RoundProgress | None) -> None:
        """Replace the round in progress."""
        self.progress = progress
        self.changed()

    def update(self, **fields: object) -> None:
        """Change some fields of the round in progress."""
        if self.progress is not None:
            self.show(msgspec.structs.replace(self.progress, **fields))

    def notice(self, level: Literal["info", "warning", "error"], code: str, text: str, **args: str) -> None:
        """Tell every window something in passing."""
        self.publish(Notice(level=level, sentence=Sentence(code=code, text=text, args=dict(args)), at=time.time()))

    def error(self, error: HedgerowError) -> None:
        """Tell every window about an error that stopped something in the background."""
        self.notice("error", error.code, str(error))

    def add_loss(self, server_round: int, step: int, value: float) -> None:
        """One point of training loss; ``step`` counts within the round."""
        point = Point(step=self._kept.steps + step, server_round=server_round, value=value)
        self._kept.series = Series(loss=_thin([*self.series.loss, point]), bits_per_byte=self.series.bits_per_byte)
        self.changed()

    def add_bits_per_byte(self, server_round: int, value: float) -> None:
        """One point of held-out bits per byte, measured before a round; a repeat replaces it."""
        kept = [p for p in self.series.bits_per_byte if p.server_round != server_round or p.step != self._kept.steps]
        point = Point(step=self._kept.steps, server_round=server_round, value=value)
        self._kept.series = Series(loss=self.series.loss, bits_per_byte=_thin([*kept, point]))
        self.changed()

    def round_trained(self, steps: int) -> None:
        """A round's training is done: count its steps and keep the plots."""
        self._kept.steps += steps
        try:
            vault.encrypt_file(self._path, self._key, msgspec.json.encode(self._kept), _CONTEXT)
        except StorageError as error:
            self.error(error)

    def _load(self) -> _Kept:
        try:
            return msgspec.json.decode(vault.decrypt_file(self._path, self._key, _CONTEXT), type=_Kept)
        except (StorageError, msgspec.DecodeError):
            return _Kept()


def _thin(points: list[Point]) -> list[Point]:
    """Every second of the older points once there are too many."""
    if len(points) <= MAX_POINTS:
        return points
    half = MAX_POINTS // 2
    return points[:-half:2] + points[-half:]
