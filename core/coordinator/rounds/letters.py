"""What passes between the conductor and whatever carries its messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from core.coordinator.rounds.admission import RawReply


@dataclass(frozen=True, kw_only=True)
class Letter:
    """One ``train`` message to send."""

    server_round: int
    key_id: str
    node_id: str
    nonce: bytes
    record: Mapping[str, Any]
    ttl_s: float


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back for a letter: a reply, or the transport's reason why there is none."""

    letter: Letter
    reply: RawReply | None
    error: str = ""


class Transport(Protocol):
    """What the conductor needs of Flower."""

    def online(self) -> frozenset[str]:
        """Node ids that can be reached."""

    def send(self, letters: Sequence[Letter]) -> None:
        """Push letters; each one leads to exactly one answer, sooner or later."""

    def answers(self) -> list[Answer]:
        """What has come since the last call."""

    def uploading(self, server_round: int) -> frozenset[str]:
        """Key ids whose reply was announced and is arriving."""
