"""The probe: a child that sees made-up tokens only, and says what it measured."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import msgspec
import pytest
import torch
from support.tiny_round import SPEC

from core.config.learning import TrainingConfig
from core.engine.children import Child
from core.jobs import Alive, BatchProbe, Probed, ProbeJob, Ready, TrainingPlan, Up
from core.model.presets import num_parameters, preset
from core.model.shard import parse_shard
from core.training import probe as probe_module
from core.training.probe import _each_alone, make_plan
from core.training.races import matrix_shapes, race_attention, race_dtypes, race_loss
from core.training.rehearsal import Rehearsal, memory_budget
from core.training.state import Interrupted

TRAINING = TrainingConfig(seq_len=8, batch_size=8, local_steps=5, learning_rate=1e-2, decay_steps=40)
JOB = ProbeJob(model=SPEC, training=TRAINING, unit="none", memory_bytes=4 << 30, max_seconds=5.0)


def test_the_races_run_over_the_models_own_products() -> None:
    tiny = preset("tiny")
    shapes = matrix_shapes(tiny)
    assert shapes[(4_096, 128)] == 1, "the tied head once"
    assert shapes[(128, 128)] == 8
    vectors = 128 * (2 * tiny.num_layers + 1)
    assert sum(n * math.prod(shape) for shape, n in shapes.items()) == num_parameters(tiny) - vectors
    untied = msgspec.structs.replace(tiny, tie_embeddings=False)
    assert matrix_shapes(untied)[(4_096, 128)] == 1, "an embedding is looked up, not multiplied"


def test_whatever_wins_a_race_says_both_times() -> None:
    dtype = race_dtypes(SPEC, 8, "cpu")
    assert dtype.flops_per_s > 0
    assert "in bfloat16 they took" in dtype.sentence
    plan = TrainingPlan(dtype=dtype.chosen)
    assert "for one sequence" in race_attention(SPEC, 8, plan).sentence
    assert race_attention(SPEC, 4_096, plan).chosen == "fused", "all scores at once would be too much"
    small = msgspec.structs.replace(SPEC, vocab_size=4_096)
    assert race_loss(small, 600, plan).rows in (0, 512)
    assert race_loss(small, 64, plan).rows == 512


def test_a_plan_is_measured_and_explained() -> None:
    plan = make_plan(JOB)
    assert 1 <= len(plan.probes) <= 5
    assert 1 <= plan.micro_batch <= TRAINING.batch_size
    assert 0 < plan.peak_bytes <= plan.budget_bytes <= JOB.memory_bytes
    assert plan.tokens_per_s > 0
    assert len(plan.explanation) == 5
    assert all(sentence.endswith(".") for sentence in plan.explanation)


@pytest.mark.parametrize(
    ("name", "last"), [("blocks:1-1", "Not compiled yet"), ("embedding", "Not compiled: no block learns.")]
)
def test_a_shard_is_rehearsed_as_a_round_holds_it(name: str, last: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = msgspec.structs.replace(SPEC, num_layers=2)
    learning: list[set[str]] = []
    real = Rehearsal.measure

    def measure(self: Rehearsal, plan: TrainingPlan) -> BatchProbe:
        learning.append({key for key, one in self.model.named_parameters() if one.requires_grad})
        held = [one for one in self.model.parameters() if not one.requires_grad and one.ndim > 1]
        assert {one.dtype for one in held} == {torch.bfloat16}
        return real(self, plan)

    monkeypatch.setattr(Rehearsal, "measure", measure)
    plan = make_plan(msgspec.structs.replace(JOB, model=spec, shard=name))
    assert {*map(frozenset, learning)} == {frozenset(parse_shard(spec, name).shapes())}
    assert plan.tokens_per_s > 0
    assert plan.explanation[-1].startswith(last)


def test_an_example_at_a_time_is_never_searched() -> None:
    plan = make_plan(msgspec.structs.replace(JOB, unit="record"))
    assert plan.micro_batch == 1
    assert len(plan.probes) == 1
    assert "One example at a time" in " ".join(plan.explanation)
    assert "up to 8 at a time" in _each_alone("cuda")


def test_the_budget_is_the_owners_cap_and_never_more_than_what_is_free() -> None:
    assert memory_budget("cpu", 1_000) == 1_000
    assert 0 < memory_budget("cpu", 0) < memory_budget("cpu", 1 << 60) * 1.5
    assert memory_budget("cpu", 1 << 60) < 1 << 60


def test_memory_that_ran_out_is_a_measurement_not_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    with Rehearsal(JOB, "cpu", 1 << 30) as rehearsal:
        good = rehearsal.measure(TrainingPlan(micro_batch=2))
        monkeypatch.setattr("core.training.ladder.blockwise_loss", lambda *_: (_ for _ in ()).throw(MemoryError()))
        bad = rehearsal.measure(TrainingPlan(micro_batch=4))
    assert good.peak_bytes > 0
    assert good.step_s > 0
    assert (bad.peak_bytes, bad.tokens_per_s) == (0, 0.0)


def test_more_than_the_budget_is_refused_by_the_kernel_before_the_machine_suffers() -> None:
    with Rehearsal(JOB, "cpu", 1 << 20), pytest.raises(RuntimeError, match=r"not enough memory|allocate memory"):
        torch.zeros(5 << 30, dtype=torch.uint8).fill_(1)
    torch.zeros(1 << 20)


def test_a_pause_ends_it() -> None:
    def paused() -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        make_plan(JOB, paused)


@pytest.mark.slow
def test_the_child_is_locked_shows_life_and_reports_one_plan(tmp_path: Path) -> None:
    async def main() -> list[Up]:
        child = await Child.start("core.training.probe", JOB, key=b"", log_path=tmp_path / "log")
        return [message async for message in child.messages()]

    heard = asyncio.run(main())
    (ready,) = (message for message in heard if isinstance(message, Ready))
    last = heard[-1]
    assert ready.sandbox.startswith("seccomp")
    assert isinstance(last, Probed)
    assert last.plan.probes
    assert all(isinstance(message, Alive | Ready) for message in heard[:-1])


def test_a_failure_is_one_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    class Broken:
        sent: list[object] = []  # noqa: RUF012

        def send(self, message: object) -> None:
            self.sent.append(message)

    assert probe_module._fail(Broken(), ZeroDivisionError("x")) == 1  # type: ignore[arg-type]
    assert "The probe failed (ZeroDivisionError)." in str(Broken.sent[0])
