"""What a round needs to go on after a crash, besides the trainer's checkpoint: kept in the ledger's transport column.

The inbox is a file of its own: the SuperLink hands a message over once, so it is written down before it is understood.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from core import vault
from core.federation.fleet import Delivery, Session
from core.federation.protocol import TrainInstruction
from core.jobs import CorpusRef
from core.ledger.store import Ledger


class Journal(msgspec.Struct, kw_only=True):
    """One release's way to and from the coordinator."""

    instruction: TrainInstruction
    delivery: Delivery
    metrics: dict[str, float] = {}
    session: Session | None = None
    announced: str = ""
    """Message id of the delivery to which a reply was announced, whether or not an answer came."""
    answered: str = ""
    """Message id of the delivery that was answered in full; another one asks for the same bytes again."""
    corpora: tuple[CorpusRef, ...] = ()
    """The generation of each corpus that the round trains with, from its first step to its seal."""
    held_out: float | None = None
    """Bits per byte of the base on the owner's held-out text, in rounds whose terms ask for it; the trainer measures it
    once, before its first step."""

    @property
    def asked_again(self) -> bool:
        """Whether it was answered and its newest message was not."""
        return self.answered not in ("", self.delivery.message_id)


def load(ledger: Ledger, release_id: int) -> Journal | None:
    """The journal of a release, if it has one."""
    raw = ledger.transport(release_id)
    return None if raw is None else msgspec.convert(raw, Journal)


def save(ledger: Ledger, release_id: int, journal: Journal) -> None:
    """Keep a journal, durably."""
    ledger.set_transport(release_id, msgspec.to_builtins(journal))


class Received(msgspec.Struct, kw_only=True):
    """A message taken over from the SuperLink and not yet dealt with."""

    delivery: Delivery
    record: dict[str, Any] | None = None
    """Its content, once fetched; afterwards it may be confirmed."""


class Inbox:
    """At most one message, on disk. One that the disk refuses is kept in memory until there is room."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._refused: Received | None = None

    def get(self) -> Received | None:
        """What is there; a damaged file counts as nothing.

        Raises:
            StorageError: there still is no room for what the disk refused.
        """
        if self._refused is not None:
            self.put(self._refused)
        try:
            return msgspec.msgpack.decode(self._path.read_bytes(), type=Received)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    def put(self, received: Received) -> None:
        """Write down, durably.

        Raises:
            StorageError: the disk refused; ``get`` tries again.
        """
        self._refused = received
        vault.write_atomic(self._path, msgspec.msgpack.encode(received))
        self._refused = None

    def clear(self) -> None:
        """Dealt with."""
        self._path.unlink(missing_ok=True)
