"""A round small enough to run hundreds of times, over token arrays instead of shards."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from core.config.exchange import CodecConfig
from core.config.learning import TrainingConfig
from core.config.model import ModelSpec
from core.jobs import ChargeRequest, CorpusRef, DPRecord, Job, PrivacyPlan, ShardRef, TrainingPlan, TrainJob
from core.model.checkpoint_io import encode_weights
from core.model.initialise import seeded_weights
from core.postprocess.privacy.dp_sgd import add_noise, clipped_sum
from core.postprocess.privacy.gaussian import CsprngNormal
from core.training.gradients import Gradients, PackedGradients
from core.training.private_gradients import PrivateGradients
from core.training.round import Rooms
from core.training.state import Interrupted, RoundState
from core.update import ModelUpdate

SPEC = ModelSpec(preset="test", vocab_size=256, num_layers=1, d_model=16, num_heads=2, d_ff=32, max_seq_len=32)
KEY = bytes(range(32))
TOKENS = np.random.default_rng(5).integers(0, 64, 40 * 16).astype(np.uint16)


class Windows:
    """Windows of 9 tokens, one after the other."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.at = int(state.get("at", 0))

    def next_batch(self, count: int) -> np.ndarray[Any, Any]:
        starts = [(self.at + i) * 7 % (len(TOKENS) - 9) for i in range(count)]
        self.at += count
        return np.stack([TOKENS[s : s + 9] for s in starts])

    def state_dict(self) -> dict[str, Any]:
        return {"at": self.at}


class Records:
    """40 records of 9 tokens, each drawn with the given probability."""

    def __init__(self, probability: float) -> None:
        self.probability = probability

    def draw(self, source: CsprngNormal) -> Sequence[np.ndarray[Any, Any]]:
        chosen = np.flatnonzero(source.uniform(40) < self.probability)
        return [TOKENS[i * 16 : i * 16 + 9] for i in chosen]


class Killed(BaseException):
    """Stands for SIGKILL: nothing may catch it and tidy up."""


@dataclass
class FakeEngine:
    """Keeps what was sent; kills at the n-th message or n-th look at the pause button, or pauses there."""

    kill_at_message: int = -1
    kill_at_look: int = -1
    pause_at_look: int = -1
    sent: list[Job] = field(default_factory=list)
    looks: int = 0
    grants: int = 0

    def send(self, message: Job) -> None:
        if len(self.sent) == self.kill_at_message:
            raise Killed
        self.sent.append(message)

    def wait_for_grant(self) -> int:
        assert isinstance(self.sent[-1], ChargeRequest)
        self.grants += 1
        return 77

    def check_pause(self) -> None:
        self.looks += 1
        if self.looks - 1 == self.kill_at_look:
            raise Killed
        if self.looks - 1 == self.pause_at_look:
            raise Interrupted

    def of(self, kind: type[Job]) -> list[Any]:
        return [message for message in self.sent if isinstance(message, kind)]


PLANS = {
    "none": PrivacyPlan(unit="none"),
    "corpus": PrivacyPlan(unit="corpus", clip_norm=0.5, noise_multiplier=1.0, units=1),
    "record": PrivacyPlan(
        unit="record", clip_norm=0.7, noise_multiplier=0.9, sampling_prob=0.15, steps=5, units=40
    ),
}  # fmt: skip


def job_maker(tmp_path: Path) -> Callable[..., TrainJob]:
    """Makes jobs whose files exist; keyword arguments replace fields."""

    def make(unit: str, **changes: Any) -> TrainJob:
        base = tmp_path / "base.safetensors"
        raw = encode_weights(seeded_weights(SPEC, 1))
        base.write_bytes(raw)
        folder = tmp_path / str(changes.pop("folder", "round"))
        folder.mkdir(exist_ok=True)
        job = TrainJob(
            federation_id="f" * 32, run_id="e" * 32, server_round=2, round_dir=str(folder),
            state_dir=str(tmp_path / f"{folder.name}-state"), base_path=str(base),
            base_sha256=hashlib.sha256(raw).hexdigest(), model=SPEC,
            training=TrainingConfig(seq_len=8, batch_size=6, local_steps=5, learning_rate=1e-2, decay_steps=40),
            codec=CodecConfig(name="fp32"), privacy=PLANS[unit],
            corpora=(CorpusRef(corpus_id="c1", shards=(_shard("a"),)),), tokenizer_path="", step_clock=10,
            local_steps=5, checkpoint_interval_s=3_600.0,
        )  # fmt: skip
        return msgspec.structs.replace(job, **changes)

    return make


def _shard(letter: str) -> ShardRef:
    return ShardRef(path=letter, sha256=letter * 64, tokens=640, documents=40, text_bytes=640)


def rooms_for(job: TrainJob, key: bytes = b"k" * 32, on_encode: Callable[[], None] = lambda: None) -> Rooms:
    """The real mechanism and trainer over the arrays above, with a fixed key in place of the system's."""

    def gradients(state: RoundState) -> Gradients:
        if job.privacy.unit == "record":
            return PrivateGradients(
                Records(job.privacy.sampling_prob), job.privacy, job.training.batch_size, clipped_sum, add_noise,
                CsprngNormal,
            )  # fmt: skip
        plan = state.plan or TrainingPlan(micro_batch=2)
        return PackedGradients(Windows(state.stream), job.training.batch_size, plan, job.training.grad_clip)

    def encode(update: ModelUpdate, record: DPRecord | None) -> tuple[bytes, DPRecord | None]:
        on_encode()
        return encode_weights(update.arrays), record

    return Rooms(
        byte_lengths=np.ones(256, np.int32),
        held_out=lambda: [TOKENS[:9], TOKENS[9:18]],
        gradients=gradients,
        encode=encode,
        fresh_key=lambda: key,
    )
