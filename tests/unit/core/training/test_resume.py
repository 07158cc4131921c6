from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from support.tiny_round import KEY, SPEC

from core.api.errors import PrivacyError, StorageError
from core.jobs import TrainJob
from core.model.initialise import seeded_weights
from core.model.transformer import Transformer
from core.training.optimizer import AdamW
from core.training.resume import Checkpoints
from core.training.state import RoundState

MakeJob = Callable[..., TrainJob]


def trained(job: TrainJob, steps: int, seed: int = 0) -> tuple[Transformer, AdamW]:
    """A model some arbitrary steps from its base."""
    model = Transformer(SPEC)
    model.load_arrays(seeded_weights(SPEC, 1))
    optimizer = AdamW(model.ordered(), job.training)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        optimizer.step([torch.randn(p.shape, generator=generator) for p in model.ordered()], 1e-2)
    return model, optimizer


def blank(job: TrainJob) -> tuple[Transformer, AdamW]:
    model = Transformer(SPEC)
    return model, AdamW(model.ordered(), job.training)


def same(one: tuple[Transformer, AdamW], other: tuple[Transformer, AdamW]) -> bool:
    first, second = one[0].to_arrays(), other[0].to_arrays()
    return (
        all(np.array_equal(first[name], second[name]) for name in first)
        and all(torch.equal(a, b) for a, b in zip(one[1].first, other[1].first, strict=True))
        and all(torch.equal(a, b) for a, b in zip(one[1].second, other[1].second, strict=True))
        and one[1].steps == other[1].steps
    )


def changed_text(job: TrainJob) -> TrainJob:
    corpus = job.corpora[0]
    shard = msgspec.structs.replace(corpus.shards[0], sha256="b" * 64)
    return msgspec.structs.replace(job, corpora=(msgspec.structs.replace(corpus, shards=(shard,)),))


def test_everything_comes_back_bit_for_bit(make_job: MakeJob) -> None:
    job = make_job("record")
    here, state = trained(job, 3), RoundState(step=3, tokens=9, seconds=1.5, step_key=b"x" * 32, stream={"at": 4})
    Checkpoints(job, KEY).save(*here, state, 12)
    back = blank(job)
    header = Checkpoints(job, KEY).load(*back)
    assert header is not None
    assert same(here, back)
    assert msgspec.structs.asdict(header.state) == msgspec.structs.asdict(state)
    assert (header.charge_id, header.sealing) == (12, False)


def test_the_older_generation_steps_in_for_a_damaged_one(make_job: MakeJob) -> None:
    job = make_job("none")
    checkpoints = Checkpoints(job, KEY)
    first = trained(job, 1)
    checkpoints.save(*first, RoundState(step=1), None)
    checkpoints.save(*trained(job, 2), RoundState(step=2), None)
    files = sorted(Path(job.round_dir).glob("checkpoint.*"))
    assert len(files) == 2
    newest = Path(job.round_dir) / "checkpoint.0"
    raw = bytearray(newest.read_bytes())
    raw[len(raw) // 2] ^= 1
    newest.write_bytes(bytes(raw))
    back = blank(job)
    header = Checkpoints(job, KEY).load(*back)
    assert header is not None
    assert header.state.step == 1
    assert same(first, back)
    newest.write_bytes(b"")
    files[1].unlink()
    assert Checkpoints(job, KEY).load(*blank(job)) is None


def test_generations_alternate_and_the_newest_wins_after_a_restart(make_job: MakeJob) -> None:
    job = make_job("none")
    for step in range(1, 6):
        checkpoints, at = Checkpoints(job, KEY), blank(job)
        header = checkpoints.load(*at)
        assert (header.state.step if header else 0) == step - 1
        checkpoints.save(*trained(job, step), RoundState(step=step), None)
    assert len(list(Path(job.round_dir).glob("checkpoint.*"))) == 2


def test_the_last_checkpoint_holds_no_key_and_leaves_no_other(make_job: MakeJob) -> None:
    job = make_job("record")
    checkpoints, here = Checkpoints(job, KEY), trained(job, 2)
    state = RoundState(step=5, step_key=b"x" * 32)
    checkpoints.save(*here, state, 3)
    checkpoints.save(*here, state, 3)
    checkpoints.save(*here, state, 3, sealing=True)
    assert [p.name for p in Path(job.round_dir).glob("checkpoint.*")] == ["checkpoint.1"]
    header = Checkpoints(job, KEY).load(*blank(job))
    assert header is not None
    assert header.sealing
    assert header.state.step_key == b""


def test_nothing_of_a_checkpoint_lies_on_the_disk_in_clear(make_job: MakeJob) -> None:
    job = make_job("record")
    here = trained(job, 1)
    Checkpoints(job, KEY).save(*here, RoundState(step_key=b"secret-key-of-the-interval-xxxxx"), 1)
    raw = (Path(job.round_dir) / "checkpoint.1").read_bytes()
    assert b"secret-key" not in raw
    assert b"embed_tokens" not in raw
    assert here[0].to_arrays()["model.norm.weight"].tobytes() not in raw
    assert Checkpoints(job, b"o" * 32).load(*blank(job)) is None


def test_changed_text_abandons_a_private_round_again_and_again(make_job: MakeJob) -> None:
    job = make_job("record")
    Checkpoints(job, KEY).save(*trained(job, 1), RoundState(step=1, step_key=KEY), 9)
    for _ in range(2):
        with pytest.raises(PrivacyError, match="stays charged"):
            Checkpoints(changed_text(job), KEY).load(*blank(job))


@pytest.mark.parametrize("unit", ["none", "corpus"])
def test_changed_text_starts_other_rounds_again(make_job: MakeJob, unit: str) -> None:
    job = make_job(unit)
    Checkpoints(job, KEY).save(*trained(job, 1), RoundState(step=1), None)
    assert Checkpoints(changed_text(job), KEY).load(*blank(job)) is None
    assert not list(Path(job.round_dir).iterdir())


def test_a_trained_round_is_sealed_even_if_the_text_changed_since(make_job: MakeJob) -> None:
    job = make_job("record")
    Checkpoints(job, KEY).save(*trained(job, 1), RoundState(step=5), 9, sealing=True)
    header = Checkpoints(changed_text(job), KEY).load(*blank(job))
    assert header is not None
    assert header.sealing


def test_another_round_never_takes_these_weights(make_job: MakeJob) -> None:
    job = make_job("none")
    Checkpoints(job, KEY).save(*trained(job, 1), RoundState(step=1), None)
    other = msgspec.structs.replace(job, server_round=3)
    assert Checkpoints(other, KEY).load(*blank(other)) is None


def test_a_full_disk_is_a_storage_error_and_keeps_the_last_checkpoint(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno
    import os

    job = make_job("none")
    checkpoints = Checkpoints(job, KEY)
    checkpoints.save(*trained(job, 1), RoundState(step=1), None)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="disk is full"):
            checkpoints.save(*trained(job, 2), RoundState(step=2), None)
    header = Checkpoints(job, KEY).load(*blank(job))
    assert header is not None
    assert header.state.step == 1
    assert len(list(Path(job.round_dir).iterdir())) == 1
