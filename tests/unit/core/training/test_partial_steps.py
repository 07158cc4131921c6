"""A step that is broken off goes on where it was, with the numbers of one that was not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from support.crew_round import MICRO_BATCH, chunk_rooms, run_alone, run_crew
from support.tiny_round import KEY, PLANS, SPEC, FakeEngine, Windows

from core import vault
from core.jobs import Progress, TrainingPlan, TrainJob
from core.model.initialise import seeded_weights
from core.model.transformer import Transformer
from core.postprocess.privacy import dp_sgd
from core.postprocess.privacy.dp_sgd import Chunked
from core.training.crew import Crew
from core.training.crew_gradients import SECTION_S
from core.training.gradients import PackedGradients
from core.training.ladder import Ladder, OutOfMemory
from core.training.optimizer import AdamW
from core.training.resume import Checkpoints
from core.training.round import SEALED_CONTEXT, SEALED_NAME
from core.training.state import Interrupted, PartialStep, RoundState

MakeJob = Callable[..., TrainJob]
UNITS = ("none", "corpus", "record", "document")
PIECES_BEFORE = 2
"""Looks at the pause button while the held-out text is measured."""


def job_of(make_job: MakeJob, unit: str, folder: str) -> TrainJob:
    if unit != "document":
        return make_job(unit, folder=folder)
    plan = msgspec.structs.replace(PLANS["record"], unit="document", windows_per_document=2)
    return make_job("record", folder=folder, privacy=plan)


def payload(job: TrainJob) -> bytes:
    return vault.decrypt_file(Path(job.round_dir) / SEALED_NAME, KEY, SEALED_CONTEXT)


def held(job: TrainJob) -> PartialStep | None:
    """The part of a step in the newest checkpoint."""
    model = Transformer(SPEC)
    checkpoints = Checkpoints(job, KEY)
    assert checkpoints.load(model, AdamW(model.ordered(), job.training)) is not None
    return checkpoints.partial


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the micro-batches and examples that were computed."""
    done: list[int] = []
    real = Ladder._loss

    def counted(self: Ladder, model: Transformer, tokens: torch.Tensor) -> torch.Tensor:
        done.append(len(tokens))
        return real(self, model, tokens)

    monkeypatch.setattr(Ladder, "_loss", counted)
    return done


@pytest.mark.parametrize("unit", UNITS)
def test_paused_inside_a_step_nothing_is_computed_twice(make_job: MakeJob, unit: str, work: list[int]) -> None:
    reference = job_of(make_job, unit, "reference")
    run_alone(reference)
    whole, inside = list(work), 0
    for look in range(PIECES_BEFORE, PIECES_BEFORE + 12):
        work.clear()
        job = job_of(make_job, unit, f"paused-{look}")
        with pytest.raises(Interrupted):
            run_alone(job, FakeEngine(pause_at_look=look))
        partial, again = held(job), FakeEngine()
        run_alone(job, again)
        assert work == whole, f"paused at look {look}"
        assert payload(job) == payload(reference)
        if partial is not None:
            inside += 1
            assert again.of(Progress)[0].fraction == partial.facts.fraction > 0
    assert inside >= 6


def test_what_is_held_of_a_private_step_is_the_sum_before_the_noise(make_job: MakeJob) -> None:
    job = make_job("record")
    with pytest.raises(Interrupted):
        run_alone(job, FakeEngine(pause_at_look=PIECES_BEFORE + 3))
    partial = held(job)
    assert partial is not None
    assert partial.facts.done == len(partial.facts.losses) == 3
    norm = float(torch.linalg.vector_norm(torch.cat([part.flatten() for part in partial.sums])))
    assert {part.dtype for part in partial.sums} == {torch.float64}
    assert 0 < norm <= 3 * job.privacy.clip_norm
    raw = b"".join(path.read_bytes() for path in Path(job.round_dir).glob("checkpoint.*"))
    assert partial.sums[0].numpy().tobytes() not in raw, "on the disk it is encrypted"


def fresh_model() -> Transformer:
    model = Transformer(SPEC)
    model.load_arrays(seeded_weights(SPEC, 1))
    return model


def broken_off(way: PackedGradients, at: int) -> PartialStep:
    """What is left of a step after so many micro-batches."""
    pieces = 0

    def pulse(_: float) -> None:
        nonlocal pieces
        pieces += 1
        if pieces == at:
            raise Interrupted

    with pytest.raises(Interrupted):
        way.compute(fresh_model(), RoundState(), pulse)
    partial = way.partial()
    assert partial is not None
    return partial


def equal(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def idle(_: object) -> None:
    """No pause."""


def test_a_micro_batch_that_was_halved_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is computed as it would have been, or the sums would differ in their last bits."""
    real, calls = Ladder.gradients, 0

    def once_too_large(self: Ladder, *args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise OutOfMemory
        return real(self, *args)

    monkeypatch.setattr(Ladder, "gradients", once_too_large)
    plan = TrainingPlan(micro_batch=4)
    expected = PackedGradients(Windows({}), 9, plan, 1.0).compute(fresh_model(), RoundState(), idle)
    calls = 0
    partial = broken_off(PackedGradients(Windows({}), 9, plan, 1.0), 2)
    assert (partial.facts.done, partial.facts.plan.micro_batch) == (4, 2)
    again = PackedGradients(Windows({}), 9, partial.facts.plan, 1.0)
    again.resume(partial)
    assert equal(again.compute(fresh_model(), RoundState(), idle).gradients, expected.gradients)


def test_a_sum_over_other_windows_is_forgotten(work: list[int]) -> None:
    plan = TrainingPlan(micro_batch=2)
    partial = broken_off(PackedGradients(Windows({}), 6, plan, 1.0), 2)
    elsewhere = PackedGradients(Windows({"at": 3}), 6, plan, 1.0)
    elsewhere.resume(partial)
    work.clear()
    found = elsewhere.compute(fresh_model(), RoundState(), idle)
    assert work == [2, 2, 2]
    assert equal(
        found.gradients,
        PackedGradients(Windows({"at": 3}), 6, plan, 1.0).compute(fresh_model(), RoundState(), idle).gradients,
    )


@pytest.mark.parametrize("unit", ["none", "record"])
def test_a_step_begun_alone_is_ended_by_several(make_job: MakeJob, unit: str) -> None:
    """Under DP-SGD the siblings take what is left of the draw; packed windows are dealt out anew."""
    alone = make_job(unit, folder="alone")
    run_alone(alone)
    job = make_job(unit, folder="joined", strategy="ddp")
    with pytest.raises(Interrupted):
        run_alone(job, FakeEngine(pause_at_look=PIECES_BEFORE + 2))
    assert held(job) is not None
    run_crew(job, 2)
    mine, theirs = np.frombuffer(payload(job)[-4_000:], "<f4"), np.frombuffer(payload(alone)[-4_000:], "<f4")
    assert np.linalg.norm(mine - theirs) < 2e-3 * np.linalg.norm(theirs)


def values(job: TrainJob) -> np.ndarray[Any, Any]:
    return np.frombuffer(payload(job)[-4_000:], "<f4")


@pytest.mark.parametrize("then", [2, 3, 1])
def test_a_long_step_of_several_is_kept_section_by_section(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch, then: int
) -> None:
    """Three sections of two windows: what the devices have added up is kept, and any number of them goes on."""
    monkeypatch.setattr(Crew, "choose", lambda *_: ("ddp", 3 * SECTION_S))
    whole, alone, job = (make_job("none", folder=name) for name in ("whole", "alone", "paused"))
    run_crew(whole, 2)
    run_alone(alone)
    assert np.linalg.norm(values(whole) - values(alone)) < 2e-3 * np.linalg.norm(values(alone))
    inside = 0
    for look in range(PIECES_BEFORE + 4, PIECES_BEFORE + 40, 3):
        job = make_job("none", folder=f"paused-{look}")
        with pytest.raises(Interrupted):
            run_crew(job, 2, FakeEngine(pause_at_look=look))
        partial, again = held(job), FakeEngine()
        run_alone(job, again) if then == 1 else run_crew(job, then, again)
        assert np.linalg.norm(values(job) - values(alone)) < 2e-3 * np.linalg.norm(values(alone))
        if then == 2:
            assert payload(job) == payload(whole)
        if partial is not None:
            inside += 1
            assert partial.facts.done in (2, 4)
            assert again.of(Progress)[0].fraction == partial.facts.fraction
        if inside == 2:
            return
    raise AssertionError("no pause was inside a step")


@pytest.fixture
def chunks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the chunks that were computed."""
    done: list[int] = []
    real = Chunked._computed

    def counted(self: Chunked, per_example: Any, group: Any) -> Any:
        done.append(len(group))
        return real(self, per_example, group)

    monkeypatch.setattr(Chunked, "_computed", counted)
    return done


@pytest.mark.parametrize("unit", ["record", "document"])
@pytest.mark.parametrize("narrow", [False, True])
def test_a_step_in_chunks_is_kept_chunk_by_chunk(
    make_job: MakeJob, unit: str, narrow: bool, chunks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the byte, also where memory ran out in the first chunk: the rest is computed in chunks of the same size."""
    full, real = [narrow], dp_sgd._norms

    def scarce(gradients: list[torch.Tensor]) -> list[float]:
        if full[0] and len(gradients[0]) > 1:
            full[0] = False
            raise torch.OutOfMemoryError
        return real(gradients)

    monkeypatch.setattr(dp_sgd, "_norms", scarce)
    reference = job_of(make_job, unit, "reference")
    run_alone(reference, rooms=chunk_rooms)
    whole, inside, between = list(chunks), 0, 0
    assert max(whole) == MICRO_BATCH > 1
    for look in range(PIECES_BEFORE + 1, PIECES_BEFORE + 14):
        chunks.clear()
        full[0] = narrow
        job = job_of(make_job, unit, f"paused-{look}")
        with pytest.raises(Interrupted):
            run_alone(job, FakeEngine(pause_at_look=look), rooms=chunk_rooms)
        partial = held(job)
        if partial is not None:
            inside += 1
            between += partial.facts.done % MICRO_BATCH == 0
            assert len(partial.facts.losses) == partial.facts.done
            assert partial.facts.plan.micro_batch == (1 if narrow else MICRO_BATCH)
        elif not chunks:
            full[0] = narrow
        run_alone(job, rooms=chunk_rooms)
        assert chunks == whole, f"paused at look {look}"
        assert payload(job) == payload(reference)
    assert inside >= 5
    assert between >= 2


@pytest.mark.parametrize("unit", ["record", "document"])
def test_what_another_kind_of_device_has_added_up_is_not_added_to(make_job: MakeJob, unit: str) -> None:
    """A processor takes the draw in another order, so the first part of one is not the first part of the other."""
    alone, job = job_of(make_job, unit, "alone"), job_of(make_job, unit, "moved")
    run_alone(alone)
    with pytest.raises(Interrupted):
        run_alone(job, FakeEngine(pause_at_look=PIECES_BEFORE + 5), rooms=chunk_rooms)
    partial = held(job)
    assert partial is not None
    assert partial.facts.done
    run_alone(job)
    assert payload(job) == payload(alone)


def test_several_devices_that_take_chunks_share_a_draw(make_job: MakeJob) -> None:
    for unit in ("record", "document"):
        alone = job_of(make_job, unit, f"alone-{unit}")
        job = msgspec.structs.replace(job_of(make_job, unit, f"crew-{unit}"), strategy="ddp")
        run_alone(alone)
        run_crew(job, 2, make_rooms=chunk_rooms)
        mine, theirs = values(job), values(alone)
        assert np.linalg.norm(mine - theirs) < 2e-3 * np.linalg.norm(theirs)
