"""Ending a household's round: the mean of its machines' updates, encoded once more as the larger federation asks.

The household keeps no model and takes no outer step. Every machine bounded, noised and charged its own text before its
update left; the mean of what arrives is computed from that alone, so it costs nobody anything more.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from contextlib import ExitStack

from core.api.errors import HedgerowError, StorageError, UpdateError
from core.config.federation import FederationConfig
from core.coordinator.home import Federation
from core.coordinator.learning.averaging import Mean as Averaged
from core.coordinator.learning.closing import Closer
from core.coordinator.learning.updates import UpdateReader
from core.coordinator.records.schema import Mean, Round
from core.coordinator.records.store import Store
from core.federation.invite import parse
from core.federation.manifest import open_manifest
from core.postprocess.base import Chain
from core.postprocess.privacy.links import Forwarded, NoGuarantee


class HouseholdCloser(Closer):
    """Ends rounds of a household."""

    def __init__(
        self, federation: Federation, store: Store, updates: UpdateReader, beat: Callable[[], None], chain: Chain
    ) -> None:
        super().__init__(federation, store, updates, beat)
        self._chain = chain

    def close(self, current: Round) -> None:
        """Average, encode, make the mean durable, then sign receipts.

        Raises:
            UpdateLost: an accepted update cannot be read any more; nothing was changed.
        """
        accepted = [item for item in self._store.assignments(current.server_round) if item.state == "accepted"]
        if not accepted:
            self.give_up(current, "No machine of the household was there.")
            return
        shapes = self._updates.shapes(accepted[0].shard)
        try:
            with ExitStack() as files:
                mean = Averaged(self._steps.opened(files, accepted), list(shapes), damped=False).whole(shapes)
            payload, _ = self._chain.encode(mean)
        except UpdateError as error:
            self.give_up(current, error.message)
            return
        sha256 = self._federation.home.private.put(payload)
        self._beat()
        now = time.time()
        losses = [item.loss for item in accepted if item.loss is not None]
        loss = sum(losses) / len(losses) if losses else None
        dense = 4 * sum(map(math.prod, shapes.values()))
        closed = dataclasses.replace(
            current, state="closed", closed_at=now, volunteers=len(accepted), training_loss=loss,
            upload_bytes=sum(item.size_bytes for item in accepted), dense_bytes=dense * len(accepted),
            pseudo_gradient_norm=mean.norm(),
        )  # fmt: skip
        outcome = Mean(
            server_round=current.server_round, sha256=sha256, size_bytes=len(payload), dense_bytes=dense,
            machines=len(accepted), steps=sum(item.steps for item in accepted) // len(accepted),
            tokens=sum(item.tokens for item in accepted), seconds=now - current.started_at, loss=loss,
        )  # fmt: skip
        self._store.close_round(closed, outcome, [(item.key_id, self.receipt(item)) for item in accepted])
        self._forget(accepted, keep=sha256)  # the mean of one machine may be its very bytes

    def _kept(self) -> set[str]:
        """The newest mean stays until the next, for the forwarder to fetch."""
        errand = self._store.newest_errand()
        mean = None if errand is None else self._store.mean(errand.server_round)
        return set() if mean is None else {mean.sha256}


def chain_of(federation: Federation) -> Chain:
    """What the mean goes through before it leaves the household.

    Raises:
        StorageError: the folder does not hold the larger federation's terms, or they are not those it was made from.
    """
    larger, own = larger_terms(federation), federation.config
    if own.privacy.unit == "none":
        return Chain([NoGuarantee()], larger.codec)
    try:
        return Chain([Forwarded(own.privacy, larger.privacy)], larger.codec)
    except ValueError as error:
        raise _damaged(federation, str(error)) from error


def larger_terms(federation: Federation) -> FederationConfig:
    """The larger federation's terms, as they were consented to.

    Raises:
        StorageError: they are missing or others.
    """
    said = federation.config.forwards_to
    try:
        key = parse(federation.settings.forward).federation_key
        opened = open_manifest(federation.home.larger_manifest_path.read_bytes(), key)
    except (OSError, HedgerowError) as error:
        raise _damaged(federation, str(error)) from error
    if opened.sha256 != said.manifest_hash:
        raise _damaged(federation, "the larger federation's terms are others")
    return opened.config


def _damaged(federation: Federation, why: str) -> StorageError:
    return StorageError(f"The household in {federation.home.root} is damaged: {why}.", "Restore it from a backup.")


def closer_of(federation: Federation, store: Store, updates: UpdateReader, beat: Callable[[], None]) -> Closer:
    """What ends a federation's rounds: an outer step, or for a household the mean alone.

    Raises:
        StorageError: the household's folder is damaged.
    """
    if federation.config.forwards_to.federation_id:
        return HouseholdCloser(federation, store, updates, beat, chain_of(federation))
    return Closer(federation, store, updates, beat)
