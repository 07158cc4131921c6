"""The trainer killed at random, again and again: it feeds the same windows and seals the same weights as undisturbed.

Every kill is counted where it hit: a life that ended by itself is none. Ten in ``make test``, forked from a parent that
has loaded torch; 200 in ``make campaign``, each started as the engine starts it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import time
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from support.killable import Trainer

from core import vault
from core.config import CodecConfig, ModelSpec, TrainingConfig
from core.data.store import Document, write_shard
from core.data.tokenizer import Tokenizer, builtin_tokenizer_path
from core.jobs import CorpusRef, PrivacyPlan, ShardRef, TrainingPlan, TrainJob
from core.model.checkpoint_io import encode_weights
from core.model.initialise import seeded_weights
from core.training.resume import Moments
from core.training.round import SEALED_CONTEXT, SEALED_NAME
from core.training.trainer import FED

pytestmark = [pytest.mark.slow]

CAMPAIGN = bool(os.environ.get("HEDGEROW_CAMPAIGN"))
KILLS = 200 if CAMPAIGN else 10
STEPS = 400 if CAMPAIGN else 250
KEY = bytes(range(32))
SPEC = ModelSpec(preset="test", vocab_size=4_096, num_layers=1, d_model=32, num_heads=2, d_ff=64, max_seq_len=64)
LONGEST_LIFE_S = 0.5
MOST_LIVES = 12 * KILLS


class Outcome(NamedTuple):
    """What a finished round left behind."""

    weights: str
    """Hash of the sealed update, in float32."""
    fed: str
    """Running hash over every window that was fed."""
    stream: dict[str, Any]


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> ShardRef:
    from pydoc_data import topics

    tokenizer = Tokenizer.load(builtin_tokenizer_path())
    documents = [Document(tokenizer.encode(str(text)), len(str(text))) for text in list(topics.topics.values())[:30]]
    facts = write_shard(
        tmp_path_factory.mktemp("store"), KEY, documents[2:], documents[:2], end_of_text=tokenizer.end_of_text,
        tokenizer_sha256=tokenizer.sha256, extractor_version=1, dtype=tokenizer.dtype,
    )  # fmt: skip
    return ShardRef(
        path=facts.path, sha256=facts.sha256, tokens=facts.tokens, documents=facts.documents,
        text_bytes=facts.text_bytes,
    )  # fmt: skip


def job_in(folder: Path, shard: ShardRef) -> TrainJob:
    """The same round each time, in a folder of its own; two micro-batches a step, the second one shorter."""
    folder.mkdir()
    base = folder / "base.safetensors"
    base.write_bytes(encode_weights(seeded_weights(SPEC, 1)))
    (folder / "round").mkdir()
    return TrainJob(
        federation_id="f" * 32, run_id="e" * 32, server_round=1, round_dir=str(folder / "round"),
        state_dir=str(folder / "state"), base_path=str(base),
        base_sha256=hashlib.sha256(base.read_bytes()).hexdigest(), model=SPEC,
        training=TrainingConfig(seq_len=32, batch_size=5, local_steps=STEPS, learning_rate=5e-3, decay_steps=900),
        codec=CodecConfig(name="fp32"), privacy=PrivacyPlan(unit="none"),
        corpora=(CorpusRef(corpus_id="c", shards=(shard,)),), tokenizer_path=str(builtin_tokenizer_path()),
        step_clock=0, local_steps=STEPS, checkpoint_interval_s=0.0, held_out_windows=0,
        plan=TrainingPlan(micro_batch=3, loss_rows=50),
    )  # fmt: skip


def outcome(job: TrainJob) -> Outcome:
    payload = vault.decrypt_file(Path(job.round_dir) / SEALED_NAME, KEY, SEALED_CONTEXT)
    stream = Moments(job, KEY).header().stream
    return Outcome(hashlib.sha256(payload).hexdigest(), str(stream[FED]), stream)


def live(job: TrainJob, seconds: float | None, spawned: bool) -> tuple[int, bool]:
    """One life, killed after so many seconds; its exit code, and whether it had sealed the update."""
    trainer = Trainer(job, KEY, spawned)
    if seconds is not None:
        trainer.ready.wait(60)
        time.sleep(seconds)
        with contextlib.suppress(ProcessLookupError):
            os.kill(trainer.pid, signal.SIGKILL)
    code = trainer.end()
    return code, trainer.sealed is not None


def test_killed_at_random_it_feeds_and_seals_what_it_would_have(shard: ShardRef, tmp_path: Path) -> None:
    undisturbed = job_in(tmp_path / "undisturbed", shard)
    assert live(undisturbed, None, CAMPAIGN) == (0, True)
    expected = outcome(undisturbed)
    assert expected.stream["window"] == 5 * STEPS
    chance, kills, lives, rounds = random.Random(11), 0, 0, 0
    while kills < KILLS:
        job, done = job_in(tmp_path / f"round-{rounds}", shard), False
        while not done:
            lives += 1
            assert lives <= MOST_LIVES, f"only {kills} kills hit"
            code, done = live(job, chance.uniform(0.0, LONGEST_LIFE_S) if kills < KILLS else None, CAMPAIGN)
            assert code in (0, -signal.SIGKILL), f"life {lives} failed by itself"
            kills += code == -signal.SIGKILL
        rounds += 1
        assert outcome(job) == expected, f"round {rounds} after {kills} kills"
        left = {path.name for path in Path(job.round_dir).iterdir()}
        assert not [name for name in left if name.startswith("checkpoint")]
    assert kills == KILLS
    print(f"{kills} kills in {lives} lives over {rounds} rounds")


def test_a_kill_really_lands_inside_the_work(shard: ShardRef, tmp_path: Path) -> None:
    """The guard of the test above: a round killed early is not finished, and has a checkpoint to go on from."""
    job = job_in(tmp_path / "one", msgspec.structs.replace(shard))
    deadline = time.monotonic() + 60
    trainer = Trainer(job, KEY)
    while not list(Path(job.round_dir).glob("checkpoint.*")):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(trainer.pid, signal.SIGKILL)
    assert trainer.end() == -signal.SIGKILL
    assert trainer.sealed is None
    assert not (Path(job.round_dir) / SEALED_NAME).exists()
