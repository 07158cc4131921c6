"""One round on this machine, from an instruction to a sealed update: check, download, train under the gate, seal.

Everything is restartable. What was checked and charged is in the ledger, what was computed is in the round folder, and
a sealed update is never computed a second time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from core import jobs, vault
from core.api.errors import (
    BudgetExhausted,
    ModelError,
    PrivacyError,
    SandboxError,
    UpdateError,
)
from core.config.exchange import CodecConfig
from core.engine import base, floor, generations, group, lines, machine, plans, progress
from core.engine import journal as journals
from core.engine.base import Base
from core.engine.children import HANG_S, Child, ChildDied, Watch
from core.engine.leftovers import SEALED_NAME, state_folder
from core.engine.membership import Membership
from core.engine.public_data import folder_of
from core.engine.room import Room
from core.engine.training_plans import TrainingPlans
from core.federation.protocol import TrainInstruction
from core.hardware.energy import metering
from core.hardware.sensors import CPU
from core.ledger.rows import Release
from core.model.presets import num_parameters
from core.model.shard import FULL
from core.postprocess.compression.codec import source_sha256, written_by
from core.subspace import reduced_size

SEALED_CONTEXT = b"sealed-update"
REMEMBERED_BASES = 16
START_AHEAD_S = 10.0
"""Before the expected end of a download: importing torch takes a few seconds, and while it waits it holds memory."""
_SLOW_FLOPS_PER_S = 2e9
_SLOW_BYTES_PER_S = 20e6
_CHECKPOINT_BYTES = 36
"""Per parameter, gathered, packed and written."""


class Round:
    """The work of one release."""

    def __init__(self, room: Room, member: Membership, release: Release, instruction: TrainInstruction) -> None:
        self._room = room
        self._member = member
        self._release = release
        self._instruction = instruction
        shard = plans.shard_named(member.config, instruction.shard)
        assert shard is not None  # ``asking.check`` refused every other name
        self._shard = shard
        self._recorded: jobs.DPRecord | None = None
        self.folder = room.home / "rounds" / str(release.release_id)
        self._ahead = group.Ahead(
            self._devices, key=room.key, interpreter=room.config.node.worker_interpreter, logs=room.home / "logs",
            threads=machine.threads(room.config.limits),
        )  # fmt: skip

    async def aclose(self) -> None:
        """End what was started ahead and is not needed after all."""
        await self._ahead.close()

    def show(self, phase: str, **fields: object) -> None:
        """Put this round on the board."""
        progress.show(self._room.board, self._member, self._release, self._instruction, phase, **fields)

    def afford(self) -> None:
        """The hard stop, before a byte is downloaded or a step is done.

        Raises:
            BudgetExhausted: the next charge would not pass the gate.
            BelowFloor: what was consented to is below the owner's floor now.
            PrivacyError: the ledger went back in time or does not add up, or records of this cut overlap earlier ones.
        """
        below = floor.refusal(self._member.config, self._member.plans.values(), self._room.config.floor)
        if below:
            raise floor.BelowFloor(below)
        if self._release.charge_id is not None:
            self._room.ledger.refuse_if_blocked()
            return
        try:
            self._room.ledger.check(self._member.lines())
        except BudgetExhausted as error:
            raise BudgetExhausted(
                f"The privacy budget has no room for another round of {self._member.row.name}.",
                "Nothing was charged. Raise the limit, or offer other text.",
            ) from error

    async def download(self) -> Base:
        """Fetch the base weights, going on where an earlier try ended.

        Raises:
            Unreachable: try again.
            CoordinatorError: they are not what their hash says.
            ModelError: the list of their parts is not one of this model.
            StorageError: no room on the disk.
        """
        self.show("download", total_bytes=self._instruction.base_bytes)

        folder, config = self._room.home / "blobs", self._member.config
        began = self._room.ledger.newest_bases(self._member.row.federation_id, REMEMBERED_BASES)
        before = {sha256 for _, sha256 in began}
        return await base.fetch(
            self._member.gateway, folder, self._instruction, config, self._shard, self._came, before
        )

    async def prepare(self, *, read: bool) -> None:
        """Have the federation's tokenizer and the text read with it; nothing to do for the engine's own.

        Args:
            read: the round is not pinned to what was read before.

        Raises:
            Unreachable: the tokenizer is gone and nobody answers.
            HedgerowError: it is not what the manifest says, or the text cannot be read.
        """
        editions, member = self._room.editions, self._member
        await editions.fetch(member.config, member.gateway)
        if read:
            await editions.prepare([self._room.corpora.row(corpus_id) for corpus_id in member.plans], member.config)

    async def download_public(self) -> jobs.CorpusRef | None:
        """Fetch the federation's public text, if this round reads it; raises as ``download`` does."""
        if not self._member.reads_public:
            return None
        folder = folder_of(self._room.home, self._member.row.federation_id)
        return await self._member.public.fetch(folder, self._came)

    def _came(self, done: int, total: int) -> None:
        """Show how far a download is; when it is nearly over a trainer may as well start."""
        rate = self._member.transport.traffic.line.down_bytes_per_s
        eta_s = (total - done) / rate if rate else None
        self._room.board.update(done_bytes=done, total_bytes=total, eta_s=eta_s)
        if done >= total if eta_s is None else eta_s < START_AHEAD_S:
            self._ahead.begin()

    async def train(
        self,
        weights: Base,
        corpora: tuple[jobs.CorpusRef, ...],
        public: jobs.CorpusRef | None,
        on_sealed: Callable[[jobs.Sealed], None],
    ) -> bool:
        """Run the trainer until the update is sealed; ``False`` if the owner paused it.

        Args:
            weights: the base weights.
            corpora: the generations that this round is pinned to.
            public: the public text, if this round reads it.
            on_sealed: called with what the trainer said, after it was checked and before the ledger calls it sealed.

        Raises:
            ChildDied: it may be started again.
            HedgerowError: the round cannot be done.
        """
        self._check_machine()
        generations.check(corpora)
        job = await self._planned(weights, corpora, public)
        for folder in (job.round_dir, job.state_dir):
            vault.make_folder(folder)
        self._room.board.device = ", ".join(dict.fromkeys(job.devices))
        self.show("training")
        if self._release.state == "assigned":
            self._release = self._room.ledger.mark(self._release.release_id, "training")
        async with metering(job.devices or (job.device,)) as meter:
            sealed = await self._trained(job)
            if sealed is None:
                return False
            path = await asyncio.to_thread(self._checked, sealed)
            energy = await asyncio.to_thread(meter.energy_wh)
        on_sealed(sealed)
        self._room.ledger.seal(
            self._release.release_id, sealed.sha256, sealed.size_bytes, sealed.dense_bytes, str(path)
        )
        # The trainer counts over all restarts of the round, so it is noted once.
        self._room.ledger.add_contribution(self._release.release_id, sealed.tokens, sealed.seconds, *energy)
        self._room.governor.forget_seconds(self._release.release_id)
        self._room.board.round_trained(sealed.steps)
        return True

    async def _planned(
        self, weights: Base, corpora: tuple[jobs.CorpusRef, ...], public: jobs.CorpusRef | None
    ) -> jobs.TrainJob:
        """The job, with how the devices share it, or else how the one computes it."""
        devices = await asyncio.to_thread(self._devices)
        job = self._job(weights, corpora, public, devices)
        if self._shard.name == FULL:
            strategy = await asyncio.to_thread(machine.strategy, self._member.config, devices)
            if strategy:  # the probe measures what fits on one device
                return msgspec.structs.replace(job, strategy=strategy)
        training = TrainingPlans(self._room.home, self._room.config, self._room.governor)
        plan = await training.plan_for(self._member.config, job.privacy.unit, job.device, job.shard)
        return msgspec.structs.replace(job, plan=plan)

    def _devices(self) -> tuple[str, ...]:
        """What this round is trained on; asks the driver."""
        devices = machine.choose_devices(self._room.config.limits)
        alone = self._member.plan.subspace.kind != "none"  # found by one device, for itself
        return devices if group.can_group() and not alone else devices[:1]

    async def _trained(self, job: jobs.TrainJob) -> jobs.Sealed | None:
        """Run the trainers; what they sealed, or ``None`` if the owner paused them."""
        hang_s = _hang_after_s(job)
        child = await group.start(
            job,
            key=self._room.key,
            interpreter=self._room.config.node.worker_interpreter,
            logs=self._room.home / "logs",
            threads=job.threads,
            hang_s=hang_s,
            ahead=self._ahead,
        )
        try:
            async with self._room.governor.running(child), contextlib.aclosing(child.messages()) as heard:
                watch = Watch(hang_s)
                async for message in heard:
                    watch.heard(message)
                    sealed = await self._hear(message, child)
                    if sealed is not None:  # on disk for good; nobody waits for torch to unload
                        return sealed
        finally:
            await child.kill()
        if child.paused_by_us:
            return None
        raise ChildDied("The trainer ended without an update.", "It is started again.")

    def _check_machine(self) -> None:
        allowed = machine.memory_limit(self._room.config.limits)
        reason = plans.too_big(self._member.config, allowed, self._shard)
        if reason:
            raise ModelError(reason)

    def _job(
        self,
        weights: Base,
        corpora: tuple[jobs.CorpusRef, ...],
        public: jobs.CorpusRef | None,
        devices: tuple[str, ...],
    ) -> jobs.TrainJob:
        instruction, config, limits = self._instruction, self._member.config, self._room.config.limits
        open_ended = config.privacy.unit == "none"
        return jobs.TrainJob(
            federation_id=self._member.row.federation_id,
            run_id=instruction.run_id,
            server_round=instruction.server_round,
            round_dir=str(self.folder),
            state_dir=str(state_folder(self._room.home, self._member.row.federation_id)),
            base_path=str(weights.path),
            base_parts=weights.parts,
            shard=instruction.shard,
            base_sha256=instruction.base_hash,
            model=config.model,
            training=config.training,
            codec=self._codec(),
            codecs=config.codecs,
            privacy=self._member.plan.mechanism(),
            corpora=corpora,
            public=public,
            tokenizer_path=str(self._room.editions.tokenizer_path(config)),
            step_clock=instruction.step_clock,
            local_steps=instruction.local_steps,
            seed=config.seed,
            token_budget=instruction.token_budget if open_ended else 0,
            deadline_at=instruction.deadline_at - self._member.transport.skew_s if open_ended else 0.0,
            device=devices[0],
            threads=max(1, machine.threads(limits) // max(1, devices.count(CPU))),
            memory_bytes=machine.trainer_memory(limits, devices[0]) // devices.count(devices[0]),
            checkpoint_interval_s=self._room.config.node.checkpoint_interval_s,
            devices=devices,
            returned=self._returned(),
        )

    def _codec(self) -> CodecConfig:
        """What the update is written by: the terms' first codec, or one for slower lines."""
        config, member = self._member.config, self._member
        round_s = config.schedule.deadline_s
        if config.privacy.unit == "none":  # elsewhere the time of training may say something about the text
            round_s = self._room.ledger.last_training_s(member.row.federation_id) or round_s
        return lines.codec_for(config, self._shard, member.transport.traffic.line.up_bytes_per_s, round_s)

    def _returned(self) -> tuple[str, ...]:
        """Earlier updates that were refused, where what is left out is carried on."""
        if not self._member.config.codec.error_feedback:
            return ()
        return self._room.ledger.refused(self._member.row.federation_id)

    async def _hear(self, message: jobs.Up, child: Child) -> jobs.Sealed | None:
        board, number = self._room.board, self._instruction.server_round
        match message:
            case jobs.Ready():
                if not message.sandbox:
                    raise SandboxError("The trainer could not be locked down.", "Nothing was trained.")
                board.sandbox = message.sandbox
            case jobs.HeldOut():
                board.add_bits_per_byte(number, message.bits_per_byte)
                self._keep_score(message.bits_per_byte)
            case jobs.ChargeRequest():
                await self._charge(message, child)
            case jobs.Progress():
                self._room.governor.note_seconds(self._release.release_id, message.seconds)
                self._progress(message)
            case jobs.Paused():
                self._room.governor.note_seconds(self._release.release_id, message.seconds)
            case jobs.DPRecord():
                self._recorded = message
                board.update(phase="sealing")
            case jobs.Sealed():
                return message
            case _:
                pass
        return None

    def _keep_score(self, bits_per_byte: float) -> None:
        """Write down what the terms ask for in this round, since a trainer that goes on does not measure again."""
        config, journal = self._member.config, journals.load(self._room.ledger, self._release.release_id)
        asked = config.privacy.unit == "none" and config.schedule.evaluates(self._instruction.server_round)
        if asked and journal is not None:
            journal.held_out = bits_per_byte
            journals.save(self._room.ledger, self._release.release_id, journal)

    def _progress(self, message: jobs.Progress) -> None:
        if message.step > self._instruction.local_steps:
            raise ChildDied("The trainer said that it did more steps than there are.", "It is started again.")
        shown = self._room.board.progress
        new_step = shown is None or message.step > shown.step
        done = message.step + (message.fraction or 0.0)
        left = message.steps - done
        # ``seconds`` are those of computing; at half the time it takes twice as long.
        rate = message.seconds / done / self._room.governor.decision.share if done else 0.0
        self.show(
            "training",
            step=message.step,
            steps=message.steps,
            tokens=message.tokens,
            tokens_per_s=message.tokens_per_s,
            eta_s=max(0.0, left * rate) if rate else None,
        )
        if message.loss is not None and new_step:
            self._room.board.add_loss(self._instruction.server_round, message.step, message.loss)

    async def _charge(self, message: jobs.ChargeRequest, child: Child) -> None:
        """Charge what was consented to, durably, and only then say go."""
        if message.plan != self._member.plan.mechanism():
            await child.send(jobs.Refuse(reason="This is not the mechanism that was consented to."))
            raise PrivacyError("The trainer asked for another charge than you consented to.", "Nothing was charged.")
        try:
            charge_id = self._room.ledger.charge(self._release.release_id, self._member.lines())
        except PrivacyError as error:
            await child.send(jobs.Refuse(reason=error.message))
            raise
        await child.send(jobs.Grant(charge_id=charge_id))
        self._room.board.changed()

    def _checked(self, sealed: jobs.Sealed) -> Path:
        """Believe nothing: the mechanism, the file and its hash are checked before the update may ever leave."""
        plan, config = self._member.plan, self._member.config
        if plan.unit != "none":
            _check_record(self._recorded, plan, self._shard.shapes())
        path = self.folder / SEALED_NAME
        with vault.open_encrypted(path, self._room.key, SEALED_CONTEXT) as update:
            if update.size != sealed.size_bytes or source_sha256(update).hex() != sealed.sha256:
                raise UpdateError("The sealed update is not what the trainer said it is.", "It is not sent.")
            written_by(update, self._shard.shapes(), config.codecs)
        return path


def _hang_after_s(job: jobs.TrainJob) -> float:
    """A minute, or what one sequence or one checkpoint of a large model takes a slow machine."""
    parameters = num_parameters(job.model)
    # Under DP-SGD nobody hears of an example until all of its windows are done.
    windows = job.privacy.windows_per_document if job.privacy.unit == "document" else 1
    sequence_s = 6.0 * parameters * job.training.seq_len * windows / _SLOW_FLOPS_PER_S
    checkpoint_s = _CHECKPOINT_BYTES * parameters / _SLOW_BYTES_PER_S
    return max(HANG_S, sequence_s, checkpoint_s)


def _check_record(record: jobs.DPRecord | None, plan: plans.Plan, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raises PrivacyError unless the trainer did exactly the mechanism that was charged."""
    if record is None:
        raise PrivacyError("The trainer did not say what noise it added.", "Its update is not sent.")
    sampled = plan.unit in plans.PER_EXAMPLE
    draws = reduced_size(shapes, plan.subspace) * (plan.steps if sampled else 1)
    same = (
        record.unit == plan.unit
        and record.clip_norm == plan.clip_norm
        and record.noise_multiplier == plan.noise_multiplier
        and (not sampled or (record.steps, record.sampling_prob) == (plan.steps, plan.sampling_prob))
        and record.noise_draws == draws
        and not record.too_quiet
    )
    if not same:
        raise PrivacyError("The trainer did not do what was charged for.", "Its update is not sent.")
