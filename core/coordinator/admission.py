"""Admission: what a reply must be before it may move the model.

Flower does not bind a reply to its sender, so nothing in the envelope is believed. A reply counts only if the node
key enrolled for *this assignment* signed exactly this update for this round. Three verdicts:

- ``Forged``: not signed by that key for this assignment. The slot is used up, the volunteer is asked again.
- ``Refused``: signed by the right key, but the content does not belong here. Quarantined, never kills a round.
- ``Admitted``: decoded, finite, of the layout of the shard it was asked for.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from core.api.errors import HedgerowError, UpdateError
from core.config import FederationConfig
from core.federation.protocol import (
    MAX_UPDATE_BYTES,
    ReplySeal,
    allowed_metrics,
    metrics_hash,
    read_seal,
)
from core.model.layout import Shapes
from core.update import ModelUpdate


class Updates(Protocol):
    """How updates are read; ``core.coordinator.updates.UpdateReader`` is one."""

    def shapes(self, shard: str) -> Shapes:
        """Name → shape, in order."""

    def size(self, shard: str) -> int:
        """Exact bytes."""

    def decode(self, payload: bytes, shard: str) -> ModelUpdate:
        """Sealed bytes → update; raises UpdateError."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """The assignment a reply is checked against."""

    server_round: int
    key_id: str
    public_key: bytes
    nonce: bytes
    base_hash: str
    shard: str = "full"


@dataclass(frozen=True, kw_only=True)
class RawReply:
    """A reply as plain values; the transport has not judged it."""

    seal: Mapping[str, Any]
    metrics: Mapping[str, Any]
    payload: bytes


@dataclass(frozen=True)
class Forged:
    """Not from the volunteer it claims to be from, or not for this assignment."""

    reason: str


@dataclass(frozen=True)
class Refused:
    """From the right volunteer, but unusable. ``update_sha256`` names the quarantined bytes."""

    reason: str
    update_sha256: str


@dataclass(frozen=True)
class Admitted:
    """Good: hash, size and metrics of the update."""

    update_sha256: str
    size_bytes: int
    metrics: dict[str, float]


Verdict = Forged | Refused | Admitted


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

    def examine(self, expected: Expected, reply: RawReply, known: Mapping[str, str]) -> Verdict:
        """Judge one reply.

        Args:
            expected: the assignment its message belonged to.
            reply: what came.
            known: update hash → key id of everything accepted so far, to notice copies.
        """
        try:
            seal = read_seal(reply.seal)
        except UpdateError as error:
            return Forged(error.message)
        forgery = self._forgery(expected, seal, reply)
        if forgery:
            return Forged(forgery)
        sha256 = seal.update_sha256
        try:
            metrics = self._checked_metrics(reply.metrics)
            self._check_update(reply.payload, expected.shard)
        except HedgerowError as error:
            return Refused(error.message, sha256)
        if known.get(sha256, expected.key_id) != expected.key_id:
            return Refused("The update is a copy of another volunteer's.", sha256)
        return Admitted(sha256, len(reply.payload), metrics)

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
        if hashlib.sha256(reply.payload).hexdigest() != seal.update_sha256:
            return "The reply's bytes are not the ones that were signed."
        try:
            digest = metrics_hash(reply.metrics)
        except (TypeError, ValueError, OverflowError):
            return "The reply's metrics are not numbers."
        return "" if digest == seal.metrics_sha256 else "The reply's metrics are not the ones that were signed."

    def _checked_metrics(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        allowed = allowed_metrics(self._config.privacy.unit)
        unknown = sorted(set(metrics) - set(allowed))
        if unknown:
            raise UpdateError(f"The reply holds metrics that may not travel: {', '.join(map(str, unknown))[:200]}.")
        if "steps" not in metrics:
            raise UpdateError("The reply does not say how many steps were done.")
        checked = {name: float(value) for name, value in metrics.items()}
        if not all(math.isfinite(value) and value >= 0 for value in checked.values()):
            raise UpdateError("A metric is negative or not finite.")
        steps, planned = checked["steps"], self._config.training.local_steps
        if steps > planned or (steps != planned and self._config.privacy.unit != "none"):
            raise UpdateError(f"The reply says {steps:g} steps where {planned} were asked for.")
        return checked

    def _check_update(self, payload: bytes, shard: str) -> None:
        size, shapes = self._updates.size(shard), self._updates.shapes(shard)
        if len(payload) > MAX_UPDATE_BYTES or len(payload) != size:
            raise UpdateError(f"The update has {len(payload)} bytes instead of {size}.")
        try:
            update = self._updates.decode(payload, shard)
        except (ValueError, ArithmeticError, MemoryError, LookupError) as error:
            raise UpdateError(f"The update cannot be decoded: {type(error).__name__}.") from error
        if update.shapes != shapes or list(update.arrays) != list(shapes):
            raise UpdateError("The update has other parameters than the model.")
        if not update.is_finite():
            raise UpdateError("The update holds values that are not finite.")
