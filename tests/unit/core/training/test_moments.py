"""Moments of each shard, and one place in the text, between rounds; nothing of another unit."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import torch
from support.tiny_round import KEY, SPEC, FakeEngine, rooms_for

from core.jobs import TrainJob
from core.model.initialise import seeded_weights
from core.model.shard import parse_shard
from core.model.transformer import Transformer
from core.training.base import build_model
from core.training.moments import KEPT_SHARDS, Moments
from core.training.optimizer import AdamW
from core.training.round import TrainingRound

MakeJob = Callable[..., TrainJob]
At = tuple[Transformer, AdamW]


def blank(job: TrainJob) -> At:
    model = build_model(job)
    return model, AdamW(model.ordered(), job.training)


def trained(job: TrainJob, steps: int) -> At:
    """A model some arbitrary steps from its base."""
    model, optimizer = blank(job)
    weights = seeded_weights(SPEC, 1)
    model.load_arrays({name: weights[name] for name in parse_shard(SPEC, job.shard).shapes()})
    generator = torch.Generator().manual_seed(len(job.shard))
    for _ in range(steps):
        optimizer.step([torch.randn(p.shape, generator=generator) for p in model.ordered()], 1e-2)
    return model, optimizer


def same_moments(one: At, other: At) -> bool:
    mine, theirs = ([*at[1].first, *at[1].second] for at in (one, other))
    return one[1].steps == other[1].steps and all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))


def empty(at: At) -> bool:
    return at[1].steps == 0 and not any(bool(moment.any()) for moment in (*at[1].first, *at[1].second))


def changed_text(job: TrainJob) -> TrainJob:
    corpus = job.corpora[0]
    shard = msgspec.structs.replace(corpus.shards[0], sha256="b" * 64)
    return msgspec.structs.replace(job, corpora=(msgspec.structs.replace(corpus, shards=(shard,)),))


def test_moments_and_place_carry_over_between_rounds(make_job: MakeJob) -> None:
    job = make_job("none")
    here = trained(job, 4)
    Moments(job, KEY).save(*here, {"at": 24})
    later = make_job("none", server_round=3, step_clock=20)
    back = blank(later)
    assert Moments(later, KEY).load(*back) == {"at": 24}
    assert same_moments(here, back)
    back = blank(later)
    assert Moments(changed_text(later), KEY).load(*back) == {}, "the place was in another text"
    assert same_moments(here, back)


def test_each_shard_goes_on_with_its_own_moments_and_all_with_one_place(make_job: MakeJob) -> None:
    blocks, around = make_job("none", shard="blocks:0-0"), make_job("none", shard="embedding")
    first, second = trained(blocks, 2), trained(around, 3)
    Moments(blocks, KEY).save(*first, {"at": 6})
    back = blank(around)
    assert Moments(around, KEY).load(*back) == {"at": 6}, "text that one shard was trained on is not read again"
    assert empty(back)
    Moments(around, KEY).save(*second, {"at": 12})
    for job, expected in ((blocks, first), (around, second)):
        back = blank(job)
        assert Moments(job, KEY).load(*back) == {"at": 12}
        assert same_moments(back, expected)


def test_a_round_leaves_the_moments_of_its_shard_to_the_next_round_over_it(make_job: MakeJob) -> None:
    state = str(Path(make_job("none").round_dir).parent / "state")
    steps = []
    for number, shard in enumerate(("embedding", "blocks:0-0", "embedding"), 1):
        job = make_job("none", shard=shard, folder=f"round-{number}", server_round=number, state_dir=state)
        one = TrainingRound(job, KEY, FakeEngine(), rooms_for(job))
        one.run()
        at = blank(job)
        assert Moments(job, KEY).load(*at)["at"] == number * 5 * 6
        steps.append(at[1].steps)
    assert steps == [5, 5, 10]


def test_only_the_shards_trained_last_are_kept(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = []
    for number in range(KEPT_SHARDS + 2):
        job = make_job("none", shard="embedding")
        moments = Moments(job, KEY)
        moments.path = moments.path.with_name(f"{moments.path.name}{number}")  # as if there were so many parts
        moments.save(*trained(job, 1), {})
        os.utime(moments.path, (number, number))
        paths.append(moments.path)
    assert [path.exists() for path in paths] == [False, False, *[True] * KEPT_SHARDS]


@pytest.mark.parametrize("before", ["none", "corpus"])
@pytest.mark.parametrize("shard", ["full", "embedding"])
def test_what_a_round_without_record_noise_left_is_erased_before_a_record_round(
    make_job: MakeJob, before: str, shard: str
) -> None:
    job = make_job(before, shard=shard)
    moments = Moments(job, KEY)
    moments.save(*trained(job, 2), {"at": 1})
    older = moments.folder / moments.path.name[: len("moments-") + 16]  # as an older version named it
    older.write_bytes(b"")
    private = make_job("record")
    back = blank(private)
    assert Moments(private, KEY).load(*back) == {}
    assert empty(back)
    assert not list(moments.folder.iterdir())


def test_what_belongs_to_another_federation_is_left_alone(make_job: MakeJob) -> None:
    """The simulation keeps the state of all in one folder."""
    job = make_job("none")
    Moments(job, KEY).save(*trained(job, 2), {"at": 1})
    other = make_job("record", federation_id="e" * 32)
    Moments(other, KEY).load(*blank(other))
    assert Moments(job, KEY).path.exists()


@pytest.mark.parametrize("damage", ["moments", "place"])
def test_what_is_damaged_or_of_another_corpus_is_erased(make_job: MakeJob, damage: str) -> None:
    job = make_job("none")
    other = msgspec.structs.replace(job, corpora=(msgspec.structs.replace(job.corpora[0], corpus_id="c2"),))
    moments = Moments(job, KEY)
    moments.save(*trained(job, 2), {"at": 1})
    back = blank(job)
    assert Moments(other, KEY).load(*back) == {}
    assert empty(back)
    assert not list(moments.folder.iterdir())
    moments.save(*trained(job, 2), {"at": 1})
    path = moments.path if damage == "moments" else moments.place_path
    path.write_bytes(path.read_bytes()[:-1])
    back = blank(job)
    assert moments.load(*back) == ({} if damage == "place" else {"at": 1})
    assert empty(back) is (damage == "moments")
    assert not path.exists()


def test_moments_under_the_name_of_another_shard_are_not_taken(make_job: MakeJob) -> None:
    job = make_job("none", shard="embedding")
    Moments(job, KEY).save(*trained(job, 2), {})
    whole = make_job("none")
    Moments(job, KEY).path.rename(Moments(whole, KEY).path)
    back = blank(whole)
    Moments(whole, KEY).load(*back)
    assert empty(back)
