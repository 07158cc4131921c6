from __future__ import annotations

from collections.abc import Callable

import pytest

from core.api.errors import ModelError
from core.config.learning import TrainingConfig
from core.jobs import TrainJob
from core.model.presets import memory_bytes, preset
from core.training import plan

MakeJob = Callable[..., TrainJob]


def test_dp_sgd_takes_one_example_at_a_time(make_job: MakeJob) -> None:
    assert plan.micro_batch(make_job("record")) == 1
    assert plan.micro_batch(make_job("none")) == 6


def test_the_micro_batch_shrinks_with_the_model_so_that_pause_is_felt(make_job: MakeJob) -> None:
    training = TrainingConfig(seq_len=128, batch_size=64, local_steps=5, learning_rate=1e-3)
    assert plan.micro_batch(make_job("none", model=preset("tiny"), training=training)) == 8
    assert plan.micro_batch(make_job("corpus", model=preset("10m"), training=training)) == 1


def test_the_micro_batch_shrinks_before_a_round_is_refused(make_job: MakeJob) -> None:
    job = make_job("none")
    assert plan.micro_batch(make_job("none", memory_bytes=memory_bytes(job.model, 3, 8))) == 3
    assert plan.micro_batch(make_job("none", memory_bytes=1)) == 1


def test_more_memory_than_the_owner_allows_is_refused_with_both_figures(make_job: MakeJob) -> None:
    job = make_job("record")
    needed = memory_bytes(job.model, 1, 8)
    assert plan.check_memory(make_job("record", memory_bytes=needed)) == needed
    with pytest.raises(ModelError, match=r"needs about 0\.3 GB .* but 0\.1 GB are allowed"):
        plan.check_memory(make_job("record", memory_bytes=100_000_000))


def test_more_memory_than_is_free_is_refused(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    assert plan.available_bytes() > 0
    monkeypatch.setattr(plan, "available_bytes", lambda: 1_000)
    with pytest.raises(ModelError, match="are free"):
        plan.check_memory(make_job("none"))
    monkeypatch.setattr(plan, "available_bytes", lambda: 0)
    assert plan.check_memory(make_job("none")) > 0


def test_a_device_this_build_cannot_drive_becomes_the_cpu() -> None:
    assert plan.usable_device("cpu") == "cpu"
    assert plan.usable_device("cuda:99") == "cpu"
    assert plan.usable_device("nonsense") == "cpu"
