"""A training job over a real encrypted shard, for real trainer processes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from pydoc_data import topics
from typing import Any

import msgspec

from core import vault
from core.config.exchange import CodecConfig
from core.config.learning import TrainingConfig
from core.config.model import ModelSpec
from core.data.store import Document, write_shard
from core.data.tokenizer import Tokenizer, builtin_tokenizer_path
from core.jobs import CorpusRef, PrivacyPlan, ShardRef, TrainJob
from core.model.checkpoint_io import encode_weights, read_weights
from core.model.initialise import seeded_weights
from core.training.round import SEALED_CONTEXT, SEALED_NAME
from core.update import Array

SPEC = ModelSpec(preset="test", vocab_size=4_096, num_layers=1, d_model=32, num_heads=2, d_ff=64, max_seq_len=64)
KEY = bytes(range(32))
STEPS = 6
PLANS = {
    "none": PrivacyPlan(unit="none"),
    "corpus": PrivacyPlan(unit="corpus", clip_norm=1.0, noise_multiplier=0.01, units=1),
    "record": PrivacyPlan(
        unit="record", clip_norm=1.0, noise_multiplier=0.8, sampling_prob=0.2, steps=STEPS, units=40
    ),
}  # fmt: skip


def write_words(folder: Path, documents: int = 20) -> ShardRef:
    """A shard of real words, one document held out."""
    tokenizer = Tokenizer.load(builtin_tokenizer_path())
    texts = [text[:600] for text in list(topics.topics.values())[:documents]]
    found = [Document(tokenizer.encode(text), len(text.encode())) for text in texts]
    facts = write_shard(
        folder, KEY, found[1:], found[:1], end_of_text=tokenizer.end_of_text, tokenizer_sha256=tokenizer.sha256,
        extractor_version=1, dtype=tokenizer.dtype,
    )  # fmt: skip
    return ShardRef(
        path=facts.path, sha256=facts.sha256, tokens=facts.tokens, documents=facts.documents,
        text_bytes=facts.text_bytes,
    )  # fmt: skip


def real_job(folder: Path, shard: ShardRef, unit: str, name: str = "round", **changes: Any) -> TrainJob:
    """A round whose files exist; keyword arguments replace fields. Updates are sealed as plain float32."""
    base = folder / "base.safetensors"
    base.write_bytes(encode_weights(seeded_weights(SPEC, 1)))
    for each in (name, f"{name}-state"):
        (folder / each).mkdir(exist_ok=True)
    job = TrainJob(
        federation_id="f" * 32, run_id="e" * 32, server_round=1, round_dir=str(folder / name),
        state_dir=str(folder / f"{name}-state"), base_path=str(base),
        base_sha256=hashlib.sha256(base.read_bytes()).hexdigest(), model=SPEC,
        training=TrainingConfig(seq_len=32, batch_size=8, local_steps=STEPS, learning_rate=5e-3, decay_steps=40),
        codec=CodecConfig(name="fp32"), privacy=PLANS[unit], corpora=(CorpusRef(corpus_id="c", shards=(shard,)),),
        tokenizer_path=str(builtin_tokenizer_path()), step_clock=0, local_steps=STEPS,
    )  # fmt: skip
    return msgspec.structs.replace(job, **changes)


def sealed_bytes(job: TrainJob) -> bytes:
    """What the round sealed."""
    return vault.decrypt_file(Path(job.round_dir) / SEALED_NAME, KEY, SEALED_CONTEXT)


def base_of(job: TrainJob) -> dict[str, Array]:
    """The weights it began with."""
    return read_weights(job.base_path, job.model)
