"""A round done by a household: given to its machines as an errand, and back as one mean.

The counterpart of ``core.engine.work.MachineWork``. What is told to the machines and what came of it passes through
``coordinator.db``, so that either side may die and go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from pathlib import Path
from typing import Final

from core import vault
from core.api.errors import CoordinatorError, StorageError, UpdateError
from core.coordinator.home import Federation
from core.coordinator.records.schema import Errand, Mean
from core.coordinator.records.store import PRESENT, Store
from core.engine import base, plans, progress
from core.engine.base import Base
from core.engine.journal import Journal
from core.engine.membership import Membership
from core.engine.room import Desk
from core.engine.rounds import REMEMBERED_BASES, SEALED_CONTEXT
from core.engine.work import OnSealed, check_time
from core.household.terms import deadline_at_home
from core.jobs import Sealed
from core.ledger.rows import Release

POLL_S: Final = 0.5


class HouseholdWork:
    """Rounds on the machines of one household."""

    may_send = True

    def __init__(self, desk: Desk, member: Membership, federation: Federation, store: Store) -> None:
        self._desk = desk
        self._member = member
        self._federation = federation
        self._store = store

    @property
    def allowed(self) -> bool:
        """Whether a machine of the household is there, so that the larger federation does not wait for nobody."""
        return self._store.meta(PRESENT) not in ("", "0")

    async def look(self) -> None:
        """The coordinator of the household looks all the time."""

    async def do(self, release: Release, journal: Journal, on_sealed: OnSealed) -> bool:
        """Fetch the base, have the machines train, seal their mean.

        Raises:
            Unreachable: the base is not here yet; try again.
            CoordinatorError: the household did not do it, or not in time.
            UpdateError: the mean is damaged.
        """
        instruction = journal.instruction
        if release.charge_id is None:
            check_time(self._member, journal)
            self._desk.ledger.charge(release.release_id, [])  # no text is read here; each machine charges its own
        if release.state == "assigned":
            await self._serve(release, journal)
            now = self._member.transport.now()
            wanted = deadline_at_home(self._federation.config, instruction.deadline_at, now)
            errand = Errand(
                server_round=instruction.server_round,
                base_hash=instruction.base_hash,
                base_bytes=instruction.base_bytes,
                step_clock=instruction.step_clock,
                local_steps=instruction.local_steps,
                shard=instruction.shard,
                deadline_at=wanted - self._member.transport.skew_s,
            )
            self._store.add_errand(errand)
            release = self._desk.ledger.mark(release.release_id, "training")
        progress.show(self._desk.board, self._member, release, instruction, "training")
        mean = await self._mean(journal)
        path = await asyncio.to_thread(self._sealed, release, journal, mean)
        on_sealed(
            Sealed(
                path=str(path), sha256=mean.sha256, size_bytes=mean.size_bytes, dense_bytes=mean.dense_bytes,
                steps=mean.steps, tokens=mean.tokens, seconds=mean.seconds, mean_loss=mean.loss,
            )
        )  # fmt: skip
        self._desk.ledger.seal(release.release_id, mean.sha256, mean.size_bytes, mean.dense_bytes, str(path))
        return True

    def ended(self, release: Release) -> None:
        """Tell whoever watches the household how it went."""
        body = {"round": release.server_round, "state": release.state, "reason": release.reason}
        with contextlib.suppress(StorageError):
            self._store.log_event("forwarded", body)

    async def between(self) -> None:
        """Nothing: the machines look after their own plans."""

    async def _serve(self, release: Release, journal: Journal) -> None:
        """Have the base weights where the household's gateway hands them out."""
        config, instruction = self._member.config, journal.instruction
        shard = plans.shard_named(config, instruction.shard)
        assert shard is not None  # ``asking.check`` refused every other name
        progress.show(self._desk.board, self._member, release, instruction, "download")
        folder = self._desk.home / "blobs"
        began = self._desk.ledger.newest_bases(self._member.row.federation_id, REMEMBERED_BASES)
        before = {sha256 for _, sha256 in began}
        fetched = await base.fetch(self._member.gateway, folder, instruction, config, shard, self._downloaded, before)
        await asyncio.to_thread(self._publish, fetched)

    def _downloaded(self, done: int, total: int) -> None:
        self._desk.board.update(done_bytes=done, total_bytes=total)

    def _publish(self, fetched: Base) -> None:
        served = self._federation.home.blobs
        files = [fetched.path, *(Path(part.path) for part in fetched.parts)]
        config = self._federation.config
        kept = {config.tokenizer.sha256, *(said.sha256 for said in config.public_data), *(path.name for path in files)}
        try:
            for path in files:
                if not served.has(path.name):
                    _link(path, served.path(path.name))
            for path in served.path(fetched.path.name).parent.iterdir():
                if path.name not in kept and not (self._desk.home / "blobs" / path.name).exists():
                    path.unlink(missing_ok=True)
        except OSError as error:
            failed: StorageError = vault.storage_error(served.path(fetched.path.name), error)
            raise failed from error

    async def _mean(self, journal: Journal) -> Mean:
        """Wait for what the machines make of it."""
        number = journal.instruction.server_round
        while True:
            mean = self._store.mean(number)
            if mean is not None:
                return mean
            done = self._store.round(number)
            if done is not None and done.state == "void":
                raise CoordinatorError(f"Round {number} came to nothing at home: {done.reason}")
            newest = self._store.newest_errand()
            if newest is None or newest.server_round > number:
                raise CoordinatorError(f"Round {number} was overtaken by a later one before it was begun at home.")
            if self._member.transport.now() >= journal.delivery.expires_at:
                raise CoordinatorError(f"Round {number} was over before this household was done.")
            await asyncio.sleep(POLL_S)

    def _sealed(self, release: Release, journal: Journal, mean: Mean) -> Path:
        """The mean as an update of ours, checked and encrypted like any other until it is sent."""
        payload = self._federation.home.private.read(mean.sha256)
        shard = plans.shard_named(self._member.config, journal.instruction.shard)
        if len(payload) != plans.upload_bytes(self._member.config, shard):
            raise UpdateError("The household's mean has another size than the codec fixes.", "It is not sent.")
        folder = self._desk.home / "rounds" / str(release.release_id)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        vault.encrypt_file(folder / "update.sealed", self._desk.key, payload, SEALED_CONTEXT)
        return folder / "update.sealed"


def _link(source: Path, target: Path) -> None:
    """One file under two names, or a copy where the disk cannot do that; never half a file under the second."""
    fresh = target.with_name(f".new-{target.name}")
    fresh.unlink(missing_ok=True)
    try:
        os.link(source, fresh)
    except OSError:
        shutil.copyfile(source, fresh)
    os.replace(fresh, target)
