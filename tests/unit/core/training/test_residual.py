"""Error feedback between rounds: nothing lost or doubled wherever one is killed; refused updates go back once."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from support.tiny_round import KEY, FakeEngine, Killed, rooms_for

from core import vault
from core.config.exchange import CodecConfig
from core.jobs import PrivacyPlan, Sealed, TrainJob
from core.model.shard import parse_shard
from core.postprocess.base import Chain, build_chain
from core.training.residual import KEPT, PENDING_NAME, ErrorFeedback, Residual
from core.training.round import RECEIPT_NAME, SEALED_CONTEXT, SEALED_NAME, TrainingRound
from core.training.worker import feedback_of
from core.update import Array, ModelUpdate

MakeJob = Callable[..., TrainJob]
DECAY = 0.9
CODEC = CodecConfig(name="topk", chunk_size=256, kept=8, error_feedback=DECAY)


class Rounds:
    """Rounds of one federation after each other, each from the same weights, in one state folder."""

    def __init__(self, make_job: MakeJob, name: str, **changes: Any) -> None:
        self.make_job, self.name, self.changes = make_job, name, {"codec": CODEC} | changes
        self.updates: dict[int, Array] = {}

    def job(self, number: int, **changes: Any) -> TrainJob:
        job = self.make_job("none", folder=f"{self.name}-{number}", **self.changes | changes)
        return msgspec.structs.replace(job, server_round=number, state_dir=str(Path(job.round_dir).parent / self.name))

    def run(self, number: int, **changes: Any) -> Sealed:
        job = self.job(number, **changes)
        chain = self.chain(job)

        def encode(update: ModelUpdate, residual: Array | None) -> tuple[bytes, Array]:
            self.updates[number] = update.flat()
            return chain.encode_with_residual(update, residual)

        feedback = ErrorFeedback(encode, lambda payload: chain.decode(payload, self.shapes(job)).flat())
        rooms = dataclasses.replace(rooms_for(job), feedback=feedback if job.codec.error_feedback else None)
        return TrainingRound(job, KEY, FakeEngine(), rooms).run()

    @staticmethod
    def chain(job: TrainJob) -> Chain:
        return build_chain(job.privacy, job.codec)

    @staticmethod
    def shapes(job: TrainJob) -> dict[str, tuple[int, ...]]:
        return parse_shard(job.model, job.shard).shapes()

    def payload(self, number: int) -> bytes:
        return vault.decrypt_file(Path(self.job(number).round_dir) / SEALED_NAME, KEY, SEALED_CONTEXT)

    def sent(self, number: int) -> Array:
        job = self.job(number)
        return self.chain(job).decode(self.payload(number), self.shapes(job)).flat()

    def carried(self) -> Array:
        residual = Residual(self.job(1), KEY)
        return residual._read(residual.path).values

    def kept(self) -> list[str]:
        residual = Residual(self.job(1), KEY)
        return [one.sha256 for one, _ in residual._read(residual.path).kept]


@pytest.fixture
def rounds(make_job: MakeJob) -> Rounds:
    return Rounds(make_job, "here")


def test_what_is_left_out_goes_into_the_next_with_the_decay(rounds: Rounds) -> None:
    carried = np.zeros(0, np.float32)
    for number in (1, 2, 3):
        rounds.run(number)
        wanted = rounds.updates[number]
        if number > 1:
            wanted = np.float32(DECAY) * carried + wanted
        carried = rounds.carried()
        assert carried.tobytes() == (wanted - rounds.sent(number)).tobytes()
        assert np.linalg.norm(carried) > 0
    assert [p.name for p in Path(rounds.job(3).round_dir).iterdir() if p.name not in (RECEIPT_NAME, SEALED_NAME)] == []


def test_only_the_last_updates_are_kept(rounds: Rounds) -> None:
    hashes = [rounds.run(number).sha256 for number in range(1, 6)]
    assert rounds.kept() == hashes[-KEPT:]


def test_a_refused_update_goes_back_whole_and_once(rounds: Rounds) -> None:
    refused = rounds.run(1).sha256
    before = rounds.carried()
    rounds.run(2, returned=(refused,))
    wanted = np.float32(DECAY) * (before + rounds.sent(1)) + rounds.updates[2]
    assert np.allclose(before + rounds.sent(1), rounds.updates[1], atol=1e-7), "as if nothing had been sent"
    assert rounds.carried().tobytes() == (wanted - rounds.sent(2)).tobytes()
    assert refused not in rounds.kept()
    before = rounds.carried()
    rounds.run(3, returned=(refused,))
    wanted = np.float32(DECAY) * before + rounds.updates[3]
    assert rounds.carried().tobytes() == (wanted - rounds.sent(3)).tobytes(), "the second time does nothing"


def test_one_that_goes_back_later_has_faded_as_it_would_have(rounds: Rounds) -> None:
    refused = rounds.run(1).sha256
    rounds.run(2)
    rounds.run(3)
    before = rounds.carried()
    rounds.run(4, returned=(refused, "0" * 64))
    back = np.float32(DECAY**2) * rounds.sent(1)
    wanted = np.float32(DECAY) * (before + back) + rounds.updates[4]
    assert rounds.carried().tobytes() == (wanted - rounds.sent(4)).tobytes()
    assert len(rounds.kept()) == KEPT


def writes(monkeypatch: pytest.MonkeyPatch, kill_at: int, after: bool) -> Iterator[int]:
    """Die at the n-th change of the disk, right before or right after it; counts them."""
    count = 0
    encrypt, unlink = vault.encrypt_file, Path.unlink

    def at(change: Callable[..., Any], *args: Any, **named: Any) -> None:
        nonlocal count
        count += 1
        if count - 1 == kill_at and not after:
            raise Killed
        change(*args, **named)
        if count - 1 == kill_at:
            raise Killed

    monkeypatch.setattr(vault, "encrypt_file", lambda *args, **named: at(encrypt, *args, **named))
    monkeypatch.setattr(Path, "unlink", lambda *args, **named: at(unlink, *args, **named))
    yield 0
    monkeypatch.undo()
    yield count


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_between_any_two_writes_nothing_is_lost_and_nothing_twice(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    """Round 2 takes back round 1's update and is killed; it and round 3 seal what they would have sealed."""
    reference = Rounds(make_job, "reference")
    refused = reference.run(1).sha256
    reference.run(2, returned=(refused,))
    reference.run(3, returned=(refused,))
    kills = 0
    while True:
        rounds = Rounds(make_job, f"killed-{kills}")
        rounds.run(1)
        counted = writes(monkeypatch, kills, after)
        next(counted)
        try:
            rounds.run(2, returned=(refused,))
            died = False
        except Killed:
            died = True
        next(counted)
        if not died:
            break
        kills += 1
        rounds.run(2, returned=(refused,))
        assert not (Path(rounds.job(2).round_dir) / PENDING_NAME).exists()
        rounds.run(3, returned=(refused,))
        for number in (2, 3):
            assert rounds.payload(number) == reference.payload(number), f"change {kills - 1} of the disk"
        assert rounds.carried().tobytes() == reference.carried().tobytes()
        assert rounds.kept() == reference.kept()
    assert kills >= 7, "checkpoint, moments, place, pending, receipt, sealed, carried over, pending removed"


def test_killed_again_and_again_the_same(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that dies at every change of the disk in turn still gets through, and has done it once."""
    reference, rounds = Rounds(make_job, "reference"), Rounds(make_job, "often")
    for number in (1, 2):
        reference.run(number)
    rounds.run(1)
    for at in range(12):
        counted = writes(monkeypatch, at, after=True)
        next(counted)
        with contextlib.suppress(Killed):
            rounds.run(2)
        next(counted)
    rounds.run(2)
    assert rounds.payload(2) == reference.payload(2)
    assert rounds.carried().tobytes() == reference.carried().tobytes()


@pytest.mark.parametrize(
    "changes",
    [
        {"codec": msgspec.structs.replace(CODEC, error_feedback=0.5)},
        {"codec": msgspec.structs.replace(CODEC, error_feedback=0.0)},
        {"codec": CodecConfig(name="fp32"), "privacy": PrivacyPlan(unit="corpus", clip_norm=0.5, noise_multiplier=1.0)},
        {"corpora": ()},
    ],
    ids=["decay", "no feedback", "unit", "text"],
)
def test_what_belongs_to_other_terms_or_text_is_erased_before_training(rounds: Rounds, changes: dict[str, Any]) -> None:
    rounds.run(1)
    residual = Residual(rounds.job(1), KEY)
    assert residual.path.exists()
    Residual(rounds.job(2, **changes), KEY).erase_others()
    assert not residual.path.exists()


def test_a_round_of_another_shard_leaves_it_alone(rounds: Rounds) -> None:
    rounds.run(1)
    other = Residual(rounds.job(2, shard="embedding"), KEY)
    other.erase_others()
    assert rounds.carried().size
    assert other.path != Residual(rounds.job(1), KEY).path


def test_a_damaged_file_is_erased_and_the_round_goes_on_without(rounds: Rounds) -> None:
    rounds.run(1)
    path = Residual(rounds.job(1), KEY).path
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(bytes(raw))
    rounds.run(2)
    assert rounds.carried().tobytes() == (rounds.updates[2] - rounds.sent(2)).tobytes()


def test_what_is_pending_for_another_update_is_never_carried_over(rounds: Rounds) -> None:
    rounds.run(1)
    before = rounds.carried()
    job = rounds.job(2)
    residual = Residual(job, KEY)
    chain = rounds.chain(job)
    feedback = ErrorFeedback(chain.encode_with_residual, lambda payload: np.zeros(0, np.float32))
    update = ModelUpdate({name: np.ones(shape, np.float32) for name, shape in rounds.shapes(job).items()})
    payload = residual.encode(update, feedback)
    residual.carry_over("0" * 64)
    assert rounds.carried().tobytes() == before.tobytes()
    residual.carry_over(hashlib.sha256(payload).hexdigest())
    assert rounds.carried().tobytes() == before.tobytes(), "it is gone"


def test_it_is_encrypted(rounds: Rounds) -> None:
    rounds.run(1)
    raw = Residual(rounds.job(1), KEY).path.read_bytes()
    assert rounds.carried().tobytes()[:64] not in raw
    assert rounds.payload(1)[:60] not in raw


def test_the_residual_goes_with_another_codec_of_the_same_terms(rounds: Rounds) -> None:
    """A line that became slow or quick loses nothing: what the one left out, the other carries on or gives back."""
    dense = CodecConfig(name="sign", error_feedback=DECAY)
    first = rounds.run(1)
    left, sent = rounds.carried(), rounds.sent(1)
    job = rounds.job(2, codec=dense, codecs=(CODEC, dense), returned=(first.sha256,))
    real = feedback_of(job)
    assert real is not None
    assert np.array_equal(real.decode(rounds.payload(1)), sent), "what the other codec wrote can be read"
    taken: list[Array] = []

    def encode(update: ModelUpdate, residual: Array | None) -> tuple[bytes, Array]:
        assert residual is not None
        taken.append(residual)
        return real.encode(update, residual)

    rooms = dataclasses.replace(rooms_for(job), feedback=ErrorFeedback(encode, real.decode))
    TrainingRound(job, KEY, FakeEngine(), rooms).run()
    np.testing.assert_allclose(taken[0], left + sent, rtol=1e-6)
