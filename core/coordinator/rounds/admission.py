"""Admission: what a reply must be before it may move the model.

Flower does not bind a reply to its sender, so nothing in the envelope is believed. A reply counts only if the node
key enrolled for *this assignment* signed exactly this update for this round. Four verdicts:

- ``Forged``: not signed by that key for this assignment. The slot is used up, the volunteer is asked again.
- ``Missing``: signed, but the update that was to go up before the reply is not here. The volunteer is asked again.
- ``Refused``: signed by the right key, but the content does not belong here. Quarantined, never kills a round.
- ``Admitted``: decoded, finite, of the layout of the shard it was asked for, and not a hundred times as long as others.

An update is read where it lies, in the message or in the spool, slice by slice and by the same rules.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from core.api.errors import HedgerowError, UpdateError
from core.config.federation import FederationConfig
from core.federation.protocol import (
    HELD_OUT,
    ReplySeal,
    SpooledUpdate,
    allowed_metrics,
    metrics_hash,
    read_seal,
)
from core.postprocess.compression.codec import Source, source_sha256

MAX_LOSS = 1_000.0
"""Nats per token."""
MAX_SECONDS = 1e8
"""Of training in one round: three years."""
MAX_BITS_PER_BYTE = 1_000.0
"""Of a held-out score; the worst model says less."""


class Updates(Protocol):
    """How updates are judged; ``core.coordinator.learning.updates.UpdateReader`` is one."""

    def sizes(self, shard: str) -> tuple[int, ...]:
        """Exact bytes, by each codec of the terms."""

    def check(self, source: Source, shard: str) -> float:
        """L2 norm; raises UpdateError unless these bytes are a finite update of this shard."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """The assignment a reply is checked against."""

    server_round: int
    key_id: str
    public_key: bytes
    nonce: bytes
    base_hash: str
    shard: str = "full"
    local_steps: int = 0
    """Steps that were asked for; 0: as many as the terms say."""
    longest: float = math.inf
    """Norm beyond which an update is none; see ``core.influence.HARD_BOUND``."""


@dataclass(frozen=True, kw_only=True)
class RawReply:
    """A reply as plain values; the transport has not judged it."""

    seal: Mapping[str, Any]
    metrics: Mapping[str, Any]
    payload: bytes | SpooledUpdate
    """The update, or what was said of one that went up before."""


@dataclass(frozen=True)
class Forged:
    """Not from the volunteer it claims to be from, or not for this assignment."""

    reason: str


@dataclass(frozen=True)
class Missing:
    """Signed as it must be, but the update itself is not here or was damaged on the disk."""

    reason: str


@dataclass(frozen=True)
class Refused:
    """From the right volunteer, but unusable. ``update_sha256`` names the quarantined bytes."""

    reason: str
    update_sha256: str
    size_bytes: int
    ledger: bytes = b""
    """The volunteer's commitment to its ledger, as it signed it."""


@dataclass(frozen=True)
class Admitted:
    """Good: hash, size, metrics and L2 norm of the update."""

    update_sha256: str
    size_bytes: int
    metrics: dict[str, float]
    ledger: bytes = b""
    norm: float = 0.0


Verdict = Forged | Missing | Refused | Admitted


class Admission:
    """Checks replies of one federation."""

    def __init__(
        self,
        config: FederationConfig,
        *,
        federation_id: str,
        manifest_hash: str,
        updates: Updates,
    ) -> None:
        self._config = config
        self._federation_id = federation_id
        self._manifest_hash = manifest_hash
        self._updates = updates

    def examine(self, expected: Expected, reply: RawReply, source: Source | None, known: Mapping[str, str]) -> Verdict:
        """Judge one reply.

        Args:
            expected: the assignment its message belonged to.
            reply: what came.
            source: the update, wherever it lies; ``None`` if it is nowhere.
            known: update hash → key id of everything accepted so far, to notice copies and replays.
        """
        try:
            seal = read_seal(reply.seal)
        except UpdateError as error:
            return Forged(error.message)
        forgery = self._forgery(expected, seal, reply)
        if forgery:
            return Forged(forgery)
        sha256 = seal.update_sha256
        if source is None:
            return Missing("The update that the reply names is not here.")
        if source_sha256(source).hex() != sha256:
            if isinstance(reply.payload, bytes):
                return Forged("The reply's bytes are not the ones that were signed.")
            return Missing("The update was damaged on the coordinator's disk.")
        try:
            metrics = self._checked_metrics(reply.metrics, expected)
            if isinstance(reply.payload, SpooledUpdate) and reply.payload.size_bytes != source.size:
                raise UpdateError("The reply says another size than the update has.")
            norm = self._check_update(source, expected.shard)
            if not norm <= expected.longest:
                raise UpdateError(f"The update is {norm:.3g} long, where {expected.longest:.3g} is the most.")
        except HedgerowError as error:
            return Refused(error.message, sha256, source.size, seal.ledger)
        if sha256 in known:
            whose = "one that it sent before" if known[sha256] == expected.key_id else "another volunteer's"
            return Refused(f"The update is a copy of {whose}.", sha256, source.size, seal.ledger)
        return Admitted(sha256, source.size, metrics, seal.ledger, norm)

    def _forgery(self, expected: Expected, seal: ReplySeal, reply: RawReply) -> str:
        """Why the seal does not bind this reply to this assignment; empty if it does."""
        if not seal.is_genuine(expected.public_key):
            return "The reply is not signed by the volunteer it was asked of."
        wanted = {
            "federation_id": self._federation_id,
            "run_id": self._config.run_id,
            "server_round": expected.server_round,
            "nonce": expected.nonce,
            "manifest_hash": self._manifest_hash,
            "base_hash": expected.base_hash,
            "shard": expected.shard,
        }
        for name, value in wanted.items():
            if getattr(seal, name) != value:
                return f"The reply is signed for another {name}."
        if isinstance(reply.payload, SpooledUpdate) and reply.payload.sha256 != seal.update_sha256:
            return "The reply names another update than the one that was signed."
        try:
            digest = metrics_hash(reply.metrics)
        except (TypeError, ValueError, OverflowError):
            return "The reply's metrics are not numbers."
        return "" if digest == seal.metrics_sha256 else "The reply's metrics are not the ones that were signed."

    def _checked_metrics(self, metrics: Mapping[str, Any], expected: Expected) -> dict[str, float]:
        scored = self._config.schedule.evaluates(expected.server_round)
        allowed = allowed_metrics(self._config.privacy.unit, scored=scored)
        unknown = sorted(set(metrics) - set(allowed))
        if unknown:
            raise UpdateError(f"The reply holds metrics that may not travel: {', '.join(map(str, unknown))[:200]}.")
        if "steps" not in metrics:
            raise UpdateError("The reply does not say how many steps were done.")
        checked = {name: float(value) for name, value in metrics.items()}
        if not all(math.isfinite(value) and value >= 0 for value in checked.values()):
            raise UpdateError("A metric is negative or not finite.")
        for name, most in ((HELD_OUT, MAX_BITS_PER_BYTE), ("loss", MAX_LOSS), ("seconds", MAX_SECONDS)):
            if checked.get(name, 0.0) > most:
                raise UpdateError(f"The reply says {name} {checked[name]:.3g}, which nothing can be.")
        steps, planned = checked["steps"], expected.local_steps or self._config.training.local_steps
        if steps > planned or (steps != planned and self._config.privacy.unit != "none"):
            raise UpdateError(f"The reply says {steps:g} steps where {planned} were asked for.")
        return checked

    def _check_update(self, source: Source, shard: str) -> float:
        sizes = self._updates.sizes(shard)
        if source.size not in sizes:
            raise UpdateError(f"The update has {source.size} bytes instead of {' or '.join(map(str, sizes))}.")
        try:
            return self._updates.check(source, shard)
        except (ValueError, ArithmeticError, MemoryError, LookupError) as error:
            raise UpdateError(f"The update cannot be decoded: {type(error).__name__}.") from error
