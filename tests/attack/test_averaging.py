"""Ask one round often and average the answers, so that the noise goes away? Every answer is the same bytes.

The real round, with keys from the operating system: what repeats is the sealed file, not a seed. Rounds that never saw
the seal differ, and their mean comes near to what the noise hides, which is the fault this is for.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.tiny_round import KEY, SPEC, FakeEngine, job_maker, rooms_for

from core import vault
from core.jobs import ChargeRequest, DPRecord, Sealed, TrainJob
from core.model.layout import parameter_shapes
from core.postprocess.base import build_chain
from core.postprocess.privacy.gaussian import CsprngNormal, fresh_key
from core.training.round import SEALED_CONTEXT, SEALED_NAME, TrainingRound
from core.update import ModelUpdate

UNITS = ("record", "corpus")
QUESTIONS = 6
MakeJob = Callable[..., TrainJob]


@pytest.fixture
def make_job(tmp_path: Path) -> MakeJob:
    return job_maker(tmp_path)


def answer(job: TrainJob) -> tuple[bytes, FakeEngine]:
    """What the round says, with fresh randomness each time it is asked."""

    def encode(update: ModelUpdate, record: DPRecord | None) -> tuple[bytes, DPRecord | None]:
        noise = CsprngNormal(fresh_key())
        return build_chain(job.privacy, job.codec, update.size).encode(update, record, noise)[0], record

    engine = FakeEngine()
    rooms = dataclasses.replace(rooms_for(job, key=os.urandom(32)), encode=encode, fresh_key=fresh_key)
    TrainingRound(job, KEY, engine, rooms).run()
    return vault.decrypt_file(Path(job.round_dir) / SEALED_NAME, KEY, SEALED_CONTEXT), engine


@pytest.mark.parametrize("unit", UNITS)
def test_two_answers_to_one_round_differ_in_zero_bytes(make_job: MakeJob, unit: str) -> None:
    job = make_job(unit)
    first, engine = answer(job)
    assert len(engine.of(ChargeRequest)) == 1
    for _ in range(QUESTIONS):
        again, engine = answer(job)
        assert sum(a != b for a, b in zip(first, again, strict=True)) == 0
        assert engine.of(ChargeRequest) == []
        assert [sealed.size_bytes for sealed in engine.of(Sealed)] == [len(first)]


@pytest.mark.parametrize("unit", UNITS)
def test_answers_that_were_made_anew_would_differ(make_job: MakeJob, unit: str) -> None:
    jobs = [make_job(unit, folder=f"round-{number}") for number in range(QUESTIONS)]
    answers = [answer(job)[0] for job in jobs]
    assert len(set(answers)) == QUESTIONS
    chain = build_chain(jobs[0].privacy, jobs[0].codec)
    decoded = np.stack([chain.decode(one, parameter_shapes(SPEC)).flat() for one in answers])
    spread = decoded.std(axis=0, ddof=1)
    assert np.median(np.abs(decoded.mean(axis=0))) < np.median(np.abs(decoded)), "averaging takes noise away"
    assert np.median(spread) > 0
