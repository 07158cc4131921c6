"""The trainer killed at random, again and again: it feeds the same windows and seals the same weights as undisturbed.

Every kill is counted where it hit: a life that ended by itself is none. Steps are long, so that checkpoints lie inside
them, and a life that goes on inside a step is counted by what the trainer says of it. Ten kills in ``make test``,
forked from a parent that has loaded torch; 200 in ``make campaign``, each started as the engine starts it. Fewer under
DP-SGD, where the key is the system's: there a round that was killed once is copied, and the copies must end alike.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from support.killable import Trainer

from core import vault
from core.config.exchange import CodecConfig
from core.config.learning import TrainingConfig
from core.config.model import ModelSpec
from core.data.store import Document, write_shard
from core.data.tokenizer import Tokenizer, builtin_tokenizer_path
from core.jobs import CorpusRef, PrivacyPlan, ShardRef, TrainingPlan, TrainJob
from core.model.checkpoint_io import encode_weights
from core.model.initialise import seeded_weights
from core.training.moments import Moments
from core.training.round import SEALED_CONTEXT, SEALED_NAME
from core.training.state import FED

pytestmark = [pytest.mark.slow]

CAMPAIGN = bool(os.environ.get("HEDGEROW_CAMPAIGN"))
KILLS = 200 if CAMPAIGN else 10
PRIVATE_KILLS = 60 if CAMPAIGN else 3
STEPS = 24 if CAMPAIGN else 12
BATCH = 80
KEY = bytes(range(32))
SPEC = ModelSpec(preset="test", vocab_size=4_096, num_layers=1, d_model=32, num_heads=2, d_ff=64, max_seq_len=64)
LONGEST_LIFE_S = 0.5


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


def job_in(folder: Path, shard: ShardRef, unit: str = "none") -> TrainJob:
    """The same round each time, in a folder of its own; 27 micro-batches a step, or about 80 examples."""
    folder.mkdir()
    base = folder / "base.safetensors"
    base.write_bytes(encode_weights(seeded_weights(SPEC, 1)))
    (folder / "round").mkdir()
    private = PrivacyPlan(
        unit="record", clip_norm=1.0, noise_multiplier=1.0, sampling_prob=BATCH / 1_000, steps=STEPS, units=1_000
    )  # fmt: skip
    return TrainJob(
        federation_id="f" * 32, run_id="e" * 32, server_round=1, round_dir=str(folder / "round"),
        state_dir=str(folder / "state"), base_path=str(base),
        base_sha256=hashlib.sha256(base.read_bytes()).hexdigest(), model=SPEC,
        training=TrainingConfig(seq_len=32, batch_size=BATCH, local_steps=STEPS, learning_rate=5e-3, decay_steps=900),
        codec=CodecConfig(name="fp32" if unit == "none" else "int8"),
        privacy=private if unit == "record" else PrivacyPlan(unit="none"),
        corpora=(CorpusRef(corpus_id="c", shards=(shard,)),), tokenizer_path=str(builtin_tokenizer_path()),
        step_clock=0, local_steps=STEPS, checkpoint_interval_s=0.0, held_out_windows=0,
        plan=TrainingPlan(micro_batch=3, loss_rows=50),
    )  # fmt: skip


def outcome(job: TrainJob) -> Outcome:
    payload = vault.decrypt_file(Path(job.round_dir) / SEALED_NAME, KEY, SEALED_CONTEXT)
    stream = Moments(job, KEY).place()
    return Outcome(hashlib.sha256(payload).hexdigest(), str(stream.get(FED, "")), stream)


class Life(NamedTuple):
    """One life of the trainer."""

    code: int
    done: bool
    """Whether it had sealed the update."""
    inside: bool
    """Whether it went on inside a step."""


def live(job: TrainJob, seconds: float | None, spawned: bool) -> Life:
    """One life, killed after so many seconds."""
    trainer = Trainer(job, KEY, spawned)
    if seconds is not None:
        trainer.ready.wait(60)
        time.sleep(seconds)
        with contextlib.suppress(ProcessLookupError):
            os.kill(trainer.pid, signal.SIGKILL)
    code = trainer.end()
    return Life(code, trainer.sealed is not None, bool(trainer.began and trainer.began.fraction))


class Campaign:
    """Kills rounds until enough kills hit; every round has to end with ``expected``."""

    def __init__(self, most_kills: int, expected: Outcome) -> None:
        self.most_kills, self.expected = most_kills, expected
        self.chance = random.Random(11)
        self.kills = self.lives = self.inside = 0

    def run(self, job: TrainJob) -> None:
        """One round to its end."""
        done = False
        while not done:
            self.lives += 1
            assert self.lives <= 12 * self.most_kills, f"only {self.kills} kills hit"
            seconds = self.chance.uniform(0.0, LONGEST_LIFE_S) if self.kills < self.most_kills else None
            code, done, inside = live(job, seconds, CAMPAIGN)
            assert code in (0, -signal.SIGKILL), f"life {self.lives} failed by itself"
            self.kills += code == -signal.SIGKILL
            self.inside += inside
        assert outcome(job) == self.expected, f"after {self.kills} kills"
        assert not list(Path(job.round_dir).glob("checkpoint*"))


def test_killed_at_random_it_feeds_and_seals_what_it_would_have(shard: ShardRef, tmp_path: Path) -> None:
    undisturbed = job_in(tmp_path / "undisturbed", shard)
    assert live(undisturbed, None, CAMPAIGN) == (0, True, False)
    campaign, rounds = Campaign(KILLS, outcome(undisturbed)), 0
    assert campaign.expected.stream["window"] == BATCH * STEPS
    while campaign.kills < KILLS:
        campaign.run(job_in(tmp_path / f"round-{rounds}", shard))
        rounds += 1
    print(f"{KILLS} kills in {campaign.lives} lives over {rounds} rounds, {campaign.inside} went on inside a step")
    assert campaign.inside >= KILLS // 5


def test_killed_inside_a_draw_it_clips_and_noises_what_it_would_have(shard: ShardRef, tmp_path: Path) -> None:
    """Copies of one round share its key: one is left alone, the others are killed inside their draws."""
    first = job_in(tmp_path / "first", shard, "record")
    seconds = 0.2
    while not list(Path(first.round_dir).glob("checkpoint.*")):
        assert live(first, seconds, CAMPAIGN).done is False
        seconds *= 2

    def copy(name: str) -> TrainJob:
        folder = shutil.copytree(tmp_path / "first", tmp_path / name)
        return msgspec.structs.replace(first, round_dir=str(folder / "round"), state_dir=str(folder / "state"))

    undisturbed = copy("undisturbed")
    assert live(undisturbed, None, CAMPAIGN)[:2] == (0, True)
    campaign, rounds = Campaign(PRIVATE_KILLS, outcome(undisturbed)), 0
    while campaign.kills < PRIVATE_KILLS:
        campaign.run(copy(f"round-{rounds}"))
        rounds += 1
    print(f"{PRIVATE_KILLS} kills in {campaign.lives} lives, {campaign.inside} went on inside a draw")
    assert campaign.inside >= PRIVATE_KILLS // 5


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
