"""One round inside the worker, from the received weights to the sealed update, restartable at any point.

::

    sealed before? ─ yes ─▶ the same bytes again
        │ no
    checkpoint? ─ no ─▶ base weights, moments, held-out score, charge (record, none), checkpoint
        │ yes, also inside a step                                    │
        └────────────────────────────▶ local steps ◀─────────────────┘
    charge (corpus) ─▶ last checkpoint, without a key ─▶ chain ─▶ seal

The charge is durable before the first draw; the key of the draws is on disk before the first draw and gone before the
seal; a sealed update is never computed twice. With error feedback, what the update leaves out is written before the
seal and carried over after it; see ``core.training.residual``.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from core import vault
from core.api.errors import PrivacyError, StorageError
from core.jobs import ChargeRequest, DPRecord, HeldOut, Job, Progress, Sealed, TrainJob
from core.model.transformer import Transformer
from core.training.base import build_model, read_base
from core.training.evaluation import Tokens, score
from core.training.gradients import Gradients
from core.training.moments import Moments
from core.training.optimizer import AdamW
from core.training.private_gradients import noise_variance
from core.training.residual import ErrorFeedback, Residual
from core.training.resume import Checkpoints
from core.training.state import Interrupted, PartialStep, RoundState
from core.training.trainer import LocalTrainer
from core.update import Array, ModelUpdate, pseudo_gradient

SEALED_NAME: Final = "update.sealed"
SEALED_CONTEXT: Final = b"sealed-update"
RECEIPT_NAME: Final = "update.receipt"
_RECEIPT_CONTEXT: Final = b"sealed-receipt"
_PROGRESS_INTERVAL_S: Final = 0.25
_WRITE_SHARE: Final = 0.05
"""Most of the time that writing checkpoints may take."""


class Engine(Protocol):
    """The worker's way to the engine; ``core.training.channel.Channel`` is one."""

    def send(self, message: Job) -> None:
        """One message up."""

    def wait_for_grant(self) -> int:
        """The charge's id; raises when refused or paused."""

    def check_pause(self) -> None:
        """Raise ``Interrupted`` when paused."""


@dataclass(frozen=True)
class Rooms:
    """What the other rooms lend to a round; bound together in ``core.training.worker`` alone."""

    byte_lengths: NDArray[np.int32]
    """Bytes of text per token id."""
    held_out: Callable[[], list[Tokens]]
    """Windows of the owner's text that are never trained on."""
    gradients: Callable[[RoundState], Gradients]
    """The way to a gradient for this round's unit, continuing at ``state``."""
    encode: Callable[[ModelUpdate, DPRecord | None], tuple[bytes, DPRecord | None]]
    """The chain: private, compressed bytes, and the record of what the mechanism did."""
    fresh_key: Callable[[], bytes]
    """32 bytes from the operating system."""
    feedback: ErrorFeedback | None = None
    """The chain with what earlier updates left out, in place of ``encode``, where the federation asks for that."""
    device: str = "cpu"
    """Where the model computes."""
    rest: Callable[[], None] = lambda: None
    """Sleeps between micro-steps as far as the owner's duty cycle asks for it."""
    waiting: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
    """Around what is waited for, such as other devices, so that it does not count as computing."""
    combine: Callable[[Callable[[], dict[str, Array]], Transformer, RoundState], None] = lambda base, model, state: None
    """Make one trained model of those that the client's other nodes trained apart; see ``core.training.crew``."""


class Receipt(msgspec.Struct, kw_only=True):
    """What is said about a sealed update, kept beside it so that it can be said again."""

    record: DPRecord | None
    sealed: Sealed


class TrainingRound:
    """Runs one ``TrainJob``."""

    def __init__(self, job: TrainJob, key: bytes, engine: Engine, rooms: Rooms) -> None:
        self.job = job
        self.key = key
        self.engine = engine
        self.rooms = rooms
        self.folder = Path(job.round_dir)
        self.checkpoints = Checkpoints(job, key)
        self.moments = Moments(job, key)
        self.residual = Residual(job, key)
        self.state = RoundState()
        self.charge_id: int | None = None
        self._progress_at = 0.0
        self._saved_at = time.monotonic()
        self._write_s = 0.0
        self._step_s = 0.0
        self._step_began = 0.0
        self._place_s = 0.0
        self._place_at = 0.0
        self._place = 0
        self._tokens_per_s = 0.0

    def run(self) -> Sealed:
        """Do what is left of the round.

        Raises:
            Interrupted: the owner paused; a checkpoint is on disk.
            HedgerowError: the round cannot be done, in one sentence.
        """
        before = self._sealed_before()
        if before is not None:
            return self._announce(before)
        base = self._base()
        model = build_model(self.job).to(self.rooms.device)
        plan, batch = self.job.privacy, self.job.training.batch_size
        optimizer = AdamW(model.ordered(), self.job.training, noise_variance(plan, batch, model.learning))
        header = self.checkpoints.load(model, optimizer)
        if header is not None:
            self.state, self.charge_id = header.state, header.charge_id
        else:
            self._begin(base, model, optimizer)
        if header is None or not header.sealing:
            self._train(model, optimizer)
        self.checkpoints.save(model, optimizer, self.state, self.charge_id, sealing=True)
        self.moments.save(model, optimizer, self.state.stream)
        return self._seal(pseudo_gradient(base, model.to_arrays()))

    def _base(self) -> dict[str, Array]:
        return read_base(self.job)

    def _begin(self, base: dict[str, Array], model: Transformer, optimizer: AdamW) -> None:
        plan = self.job.privacy
        if plan.per_example and plan.steps != self.job.local_steps:
            raise PrivacyError(f"The round asks for {self.job.local_steps} steps, but the plan covers {plan.steps}.")
        model.load_arrays(base)
        self.state.stream = self.moments.load(model, optimizer)
        self.residual.erase_others()
        self._measure(model)
        if plan.unit != "corpus":
            self._charge()
        if plan.per_example:
            self.state.step_key = self.rooms.fresh_key()
            self.checkpoints.save(model, optimizer, self.state, self.charge_id)

    def _measure(self, model: Transformer) -> None:
        """Score the base weights on held-out text, if there is any; the figure stays on this machine."""
        windows = self.rooms.held_out()
        if windows:
            found = score(model, windows, self.rooms.byte_lengths, self._between)
            self.engine.send(HeldOut(bits_per_byte=found.bits_per_byte, nats_per_token=found.nats_per_token))

    def _between(self) -> None:
        """Between two pieces of work: stop if the owner paused, rest if they want less of it."""
        self.engine.check_pause()
        self.rooms.rest()

    def _charge(self) -> None:
        self.engine.send(ChargeRequest(plan=self.job.privacy))
        self.charge_id = self.engine.wait_for_grant()

    def _train(self, model: Transformer, optimizer: AdamW) -> None:
        before = self.checkpoints.partial
        if before is not None:
            self.state.plan = before.facts.plan  # a rung that failed in the part before is left out in the rest
        gradients = self.rooms.gradients(self.state)
        if before is not None:
            gradients.resume(before)

        def pulse(fraction: float) -> None:
            self._progress(fraction)
            self.engine.check_pause()
            if gradients.done != self._place and fraction < 1.0:
                self._save_inside(model, optimizer, gradients)
            self.rooms.rest()

        def on_step(state: RoundState) -> None:
            done = time.monotonic()
            self._step_s = max(self._step_s, done - self._step_began)
            self._progress(None)
            if state.step < self.job.local_steps and self._checkpoint_is_due(self._ahead()):
                self._save(model, optimizer)
            self._step_began = self._place_at = time.monotonic()
            self._place = 0

        trainer = LocalTrainer(self.job, model, optimizer, gradients, self.state)
        self._step_began = self._place_at = time.monotonic()
        self._progress(before.facts.fraction if before is not None else None)
        try:
            trainer.run(pulse, on_step)
            if self.job.privacy.unit == "corpus" and self.charge_id is None:
                self._charge()
            self.rooms.combine(self._base, model, self.state)
        except Interrupted:
            self._save(model, optimizer, gradients.partial())
            raise

    def _ahead(self) -> float:
        """Seconds until the next place for a checkpoint: a long step has some inside, a short one ends soon enough."""
        long = self._place_s > 0 and self._step_s > self._interval() / 2
        return self._place_s if long else self._step_s

    def _interval(self) -> float:
        return max(self.job.checkpoint_interval_s, self._write_s / _WRITE_SHARE)

    def _checkpoint_is_due(self, ahead: float) -> bool:
        """Whether a crash after so many seconds more would repeat more than allowed."""
        return time.monotonic() - self._saved_at + ahead > self._interval()

    def _save_inside(self, model: Transformer, optimizer: AdamW, gradients: Gradients) -> None:
        """At a place inside a step: a checkpoint, if the next place would be too late."""
        now = time.monotonic()
        self._place_s = max(self._place_s, now - self._place_at)
        self._place = gradients.done
        if self._checkpoint_is_due(self._place_s):
            self._save(model, optimizer, gradients.partial())
        self._place_at = time.monotonic()

    def _save(self, model: Transformer, optimizer: AdamW, partial: PartialStep | None = None) -> None:
        began = time.monotonic()
        self.checkpoints.save(model, optimizer, self.state, self.charge_id, partial)
        self._saved_at = time.monotonic()
        self._write_s = self._saved_at - began

    def _progress(self, fraction: float | None) -> None:
        """Tell what was done; ``step`` counts finished steps only."""
        now, state = time.monotonic(), self.state
        if fraction is not None and now - self._progress_at < _PROGRESS_INTERVAL_S:
            return
        self._progress_at = now
        if fraction is None and state.seconds > 0:
            self._tokens_per_s = state.tokens / state.seconds
        self.engine.send(
            Progress(
                step=state.step, steps=self.job.local_steps, tokens=state.tokens, loss=state.last_loss,
                seconds=state.seconds, tokens_per_s=self._tokens_per_s, fraction=fraction,
            )
        )  # fmt: skip

    def _record(self) -> DPRecord | None:
        """What DP-SGD really did; the other units' record is the chain's."""
        plan = self.job.privacy
        if not plan.per_example:
            return None
        return DPRecord(
            unit=plan.unit, steps=self.state.step, sampling_prob=plan.sampling_prob, clip_norm=plan.clip_norm,
            noise_multiplier=plan.noise_multiplier, noise_draws=self.state.noise_draws,
            noise_energy=self.state.noise_energy,
        )  # fmt: skip

    def _seal(self, update: ModelUpdate) -> Sealed:
        if self.rooms.feedback is not None:
            payload, record = self.residual.encode(update, self.rooms.feedback), self._record()
        else:
            payload, record = self.rooms.encode(update, self._record())
        path = self.folder / SEALED_NAME
        sealed = Sealed(
            path=os.fspath(path), sha256=hashlib.sha256(payload).hexdigest(), size_bytes=len(payload),
            dense_bytes=update.dense_bytes, steps=self.state.step, tokens=self.state.tokens,
            seconds=self.state.seconds, mean_loss=self.state.mean_loss,
        )  # fmt: skip
        receipt = Receipt(record=record, sealed=sealed)
        # The receipt first: where there is a sealed update, there is a receipt for it.
        vault.encrypt_file(self.folder / RECEIPT_NAME, self.key, msgspec.json.encode(receipt), _RECEIPT_CONTEXT)
        vault.encrypt_file(path, self.key, payload, SEALED_CONTEXT)
        return self._announce(receipt)

    def _sealed_before(self) -> Receipt | None:
        """The receipt of an update that was sealed before a crash.

        Raises:
            StorageError: there is one, but it cannot be read; it is never computed again.
        """
        path = self.folder / SEALED_NAME
        if not path.exists():
            return None
        payload = vault.decrypt_file(path, self.key, SEALED_CONTEXT)
        raw = vault.decrypt_file(self.folder / RECEIPT_NAME, self.key, _RECEIPT_CONTEXT)
        receipt = msgspec.json.decode(raw, type=Receipt)
        if receipt.sealed.sha256 != hashlib.sha256(payload).hexdigest():
            raise StorageError(f"{path} is not the update its receipt describes.", "The round is abandoned.")
        vault.sync_folder(self.folder)  # whoever sealed it may have been killed before that
        return receipt

    def _announce(self, receipt: Receipt) -> Sealed:
        self.residual.carry_over(receipt.sealed.sha256)
        self.checkpoints.clear()
        if receipt.record is not None:
            self.engine.send(receipt.record)
        self.engine.send(receipt.sealed)
        return receipt.sealed
