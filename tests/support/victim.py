"""A volunteer who trains one round in this process, and the update that everybody else gets to see.

Sampler, trainer, optimiser, mechanism and chain are the worker's own; only processes, disk checkpoints and the charge
are left out. Keys are fixed, so an attack on an update is repeatable.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.config.base import UnitOfPrivacy
from core.config.exchange import CodecConfig
from core.config.learning import TrainingConfig
from core.config.model import ModelSpec
from core.data.documents import DocumentSampler
from core.data.store import Document, Shard, write_shard
from core.data.stream import PackedStream, RecordSampler, Source
from core.jobs import CorpusRef, DPRecord, PrivacyPlan, ShardRef, TrainingPlan, TrainJob
from core.model.recipes import default_rounds, default_training
from core.model.transformer import Transformer
from core.postprocess.base import build_chain
from core.postprocess.privacy import planner
from core.postprocess.privacy.dp_sgd import add_noise, clipped_sum
from core.postprocess.privacy.gaussian import CsprngNormal
from core.training.gradients import Gradients, PackedGradients
from core.training.optimizer import AdamW
from core.training.private_gradients import PrivateGradients, noise_variance
from core.training.state import RoundState
from core.training.trainer import LocalTrainer
from core.update import Array, ModelUpdate, pseudo_gradient

KEY = bytes(range(32))
END = 0
Tokens = NDArray[np.uint16]


class Noted(NamedTuple):
    """An update as the coordinator decodes it, and what really went in."""

    update: ModelUpdate
    examples: list[NDArray[np.int64]]
    """Rows of token ids that were trained on, in order."""


@functools.cache
def default_plan(preset: str, unit: UnitOfPrivacy, n: int, epsilon: float = 8.0) -> PrivacyPlan:
    """What consent fixes for n units under the preset's own settings: q and σ of the whole plan at ε 8."""
    training = default_training(preset, unit)
    solved = planner.solve(
        planner.Solve(
            unit=unit, n=n, batch_size=training.batch_size, steps_per_round=training.local_steps,
            rounds=default_rounds(preset), epsilon=epsilon, delta=1e-5, min_noise_multiplier=0.3,
            max_sampling_prob=0.25,
        )
    )  # fmt: skip
    return PrivacyPlan(
        unit=unit, clip_norm=1.0, noise_multiplier=solved.noise_multiplier, sampling_prob=solved.sampling_prob,
        steps=training.local_steps, units=solved.units,
    )  # fmt: skip


class _Noting:
    """A source of windows or examples that remembers what it gave."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.given: list[NDArray[np.int64]] = []

    def next_batch(self, count: int) -> Any:
        windows = self.inner.next_batch(count)
        self.given += [row.astype(np.int64) for row in windows]
        return windows

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = self.inner.state_dict()
        return state

    def draw(self, source: Any) -> Any:
        examples = self.inner.draw(source)
        self.given += [row.astype(np.int64) for example in examples for row in np.atleast_2d(example)]
        return examples


def one_update(
    folder: Path, spec: ModelSpec, base: dict[str, Array], documents: Sequence[Tokens], training: TrainingConfig,
    plan: PrivacyPlan,
) -> Noted:  # fmt: skip
    """Train one round from ``base`` on the documents and encode what is released."""
    facts = write_shard(
        folder, KEY, [Document(tokens, len(tokens)) for tokens in documents], [], end_of_text=END,
        tokenizer_sha256="00" * 32, extractor_version=1, dtype=np.dtype(np.uint16),
    )  # fmt: skip
    shards = [Shard(facts.path, KEY)]
    plan = msgspec.structs.replace(plan, steps=training.local_steps) if plan.per_example else plan
    noting = _Noting(_source(shards, training, plan))
    model = Transformer(spec)
    model.load_arrays(base)
    state = RoundState(step_key=KEY)
    optimizer = AdamW(model.ordered(), training, noise_variance(plan, training.batch_size, model.learning))
    gradients: Gradients = (
        PrivateGradients(noting, plan, training.batch_size, clipped_sum, add_noise, CsprngNormal)
        if plan.per_example
        else PackedGradients(noting, training.batch_size, TrainingPlan(micro_batch=4), training.grad_clip)
    )
    LocalTrainer(_job(spec, training, plan), model, optimizer, gradients, state).run(lambda _: None, lambda _: None)
    update = pseudo_gradient(base, model.to_arrays())
    record = DPRecord(
        unit=plan.unit, steps=state.step, sampling_prob=plan.sampling_prob, clip_norm=plan.clip_norm,
        noise_multiplier=plan.noise_multiplier, noise_draws=state.noise_draws,
        noise_energy=state.noise_energy,
    ) if plan.per_example else None  # fmt: skip
    chain = build_chain(plan, CodecConfig(name="int8"), update.size if plan.per_example else None)
    payload, _ = chain.encode(update, record, CsprngNormal(KEY))
    return Noted(chain.decode(payload, update.shapes), noting.given)


def _source(shards: list[Shard], training: TrainingConfig, plan: PrivacyPlan) -> Any:
    if plan.unit == "record":
        return RecordSampler(shards, training.seq_len, plan.sampling_prob, END)
    if plan.unit == "document":
        return DocumentSampler(shards, training.seq_len, plan.sampling_prob, plan.windows_per_document, END)
    return PackedStream([(1.0, Source(shards, training.seq_len))], KEY)


def _job(spec: ModelSpec, training: TrainingConfig, plan: PrivacyPlan) -> TrainJob:
    shard = ShardRef(path="a", sha256="a" * 64, tokens=1, documents=1, text_bytes=1)
    return TrainJob(
        federation_id="f" * 32, run_id="e" * 32, server_round=1, round_dir="", state_dir="", base_path="",
        base_sha256="", model=spec, training=training, codec=CodecConfig(name="int8"), privacy=plan,
        corpora=(CorpusRef(corpus_id="c", shards=(shard,)),), tokenizer_path="", step_clock=0,
        local_steps=training.local_steps, checkpoint_interval_s=3_600.0,
    )  # fmt: skip
