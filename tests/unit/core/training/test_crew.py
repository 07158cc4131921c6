"""Several devices make the round that one makes. Ranks are threads here; as processes the engine's tests run them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from support.crew_round import crew_rooms, run_alone, run_crew, stream
from support.tiny_round import KEY, PLANS, SPEC, FakeEngine

from core import vault
from core.aggregation import partial_mean
from core.api.errors import ModelError
from core.config.learning import TrainingConfig
from core.jobs import DPRecord, Progress, TrainJob
from core.model.checkpoint_io import read_weights
from core.model.presets import num_parameters
from core.model.transformer import Transformer
from core.training.gradients import Gradients, PackedGradients
from core.training.lines import SiblingGone
from core.training.moments import Moments
from core.training.optimizer import AdamW
from core.training.resume import Checkpoints
from core.training.round import SEALED_CONTEXT, SEALED_NAME, TrainingRound
from core.training.sharing import bound_norm
from core.training.state import FED, Interrupted, RoundState
from core.update import Array, ModelUpdate

MakeJob = Callable[..., TrainJob]


def update(job: TrainJob) -> dict[str, Array]:
    """What was sealed."""
    plain = Path(job.round_dir) / "plain"
    plain.write_bytes(vault.decrypt_file(Path(job.round_dir) / SEALED_NAME, KEY, SEALED_CONTEXT))
    return read_weights(plain, SPEC)


def close(one: dict[str, Array], other: dict[str, Array]) -> bool:
    """Equal up to the order of sums, which Adam's first steps enlarge where a gradient is nearly nothing."""
    mine, theirs = ModelUpdate(one), ModelUpdate(other)
    return float(np.linalg.norm(mine.flat() - theirs.flat())) < 2e-3 * theirs.norm()


def moments_stream(job: TrainJob) -> dict[str, object]:
    """Where the next round reads on, without the hash of what the leader itself was fed."""
    found = Moments(job, KEY).place()
    assert found
    return {key: value for key, value in found.items() if key != FED}


@pytest.mark.parametrize("batch_size", [6, 7, 1], ids=["even", "uneven", "fewer-windows-than-devices"])
@pytest.mark.parametrize("unit", ["none", "corpus"])
def test_any_number_of_devices_gives_the_update_of_one(make_job: MakeJob, unit: str, batch_size: int) -> None:
    training = TrainingConfig(seq_len=8, batch_size=batch_size, local_steps=5, learning_rate=1e-2, decay_steps=40)
    alone = make_job(unit, folder="alone", training=training)
    expected = run_alone(alone)
    for size in (2, 3):
        engine = FakeEngine()
        job = make_job(unit, folder=f"crew-{size}", training=training, strategy="ddp")
        sealed = run_crew(job, size, engine)
        assert close(update(job), update(alone))
        assert (sealed.steps, sealed.tokens) == (expected.steps, expected.tokens)
        assert sealed.mean_loss == pytest.approx(expected.mean_loss, rel=1e-5)
        assert moments_stream(job) == moments_stream(alone)
        assert engine.grants == 1
        assert [m.step for m in engine.of(Progress) if m.fraction is None] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("unit", ["record", "document"])
def test_under_dp_sgd_the_draw_is_made_once_and_one_rank_noises(make_job: MakeJob, unit: str) -> None:
    plan = msgspec.structs.replace(PLANS["record"], unit=unit, windows_per_document=2)
    alone = make_job("record", folder="alone", privacy=plan)
    run_alone(alone)
    for size in (2, 4):
        job, engine = make_job("record", folder=f"crew-{size}", privacy=plan), FakeEngine()
        run_crew(job, size, engine)
        assert close(update(job), update(alone)), "same draw, same noise, sums in another order"
        (record,) = engine.of(DPRecord)
        assert record.noise_draws == 5 * num_parameters(SPEC)


def test_the_same_devices_give_the_same_bits(make_job: MakeJob) -> None:
    for unit in ("none", "record"):
        jobs = [make_job(unit, folder=f"{unit}-{time}", strategy="ddp") for time in range(2)]
        assert run_crew(jobs[0], 3).sha256 == run_crew(jobs[1], 3).sha256


@pytest.mark.parametrize("unit", ["none", "record"])
@pytest.mark.parametrize("then", [1, 2, 3])
def test_a_round_goes_on_with_another_number_of_devices(make_job: MakeJob, unit: str, then: int) -> None:
    alone = make_job(unit, folder="alone")
    run_alone(alone)
    job = make_job(unit, strategy="ddp", checkpoint_interval_s=0.0)
    with pytest.raises(Interrupted):
        run_crew(job, 2, FakeEngine(pause_at_look=10))
    model = Transformer(SPEC)
    header = Checkpoints(job, KEY).load(model, AdamW(model.ordered(), job.training))
    assert header is not None
    assert 0 < header.state.step < 5
    run_alone(job) if then == 1 else run_crew(job, then)
    assert close(update(job), update(alone))


def node_round(make_job: MakeJob, unit: str, partition: int, nodes: int) -> dict[str, Array]:
    """What one node trains by itself, as a reference."""
    job = make_job(unit, folder=f"reference-{partition}")
    rooms = crew_rooms(job)

    def gradients(state: RoundState) -> Gradients:
        inner = rooms.gradients(state)
        assert isinstance(inner, PackedGradients)
        inner.stream = stream().partition(partition, nodes)
        return inner

    TrainingRound(job, KEY, FakeEngine(), dataclasses.replace(rooms, gradients=gradients)).run()
    return update(job)


@pytest.mark.parametrize("unit", ["none", "corpus"])
def test_nodes_that_train_apart_are_partially_aggregated(make_job: MakeJob, unit: str) -> None:
    job, engine = make_job(unit, strategy="local"), FakeEngine()
    sealed = run_crew(job, 2, engine)
    mean = partial_mean(ModelUpdate(node_round(make_job, unit, node, 2)) for node in range(2))
    found = update(job)
    assert all(np.allclose(found[name], mean.arrays[name], atol=1e-6) for name in found)
    assert engine.grants == 1, "one charge"
    assert (sealed.steps, sealed.tokens) == (5, 2 * 5 * 6 * 8)
    whole, next_round = stream(), stream()
    whole.next_batch(2 * 5 * 6)
    next_round.load_state_dict(moments_stream(job))
    assert np.array_equal(next_round.next_batch(9), whole.next_batch(9)), "partitions are joined again"
    assert sealed.mean_loss is not None


def test_a_nodes_text_budget_is_its_share_and_it_counts_by_what_it_did(make_job: MakeJob) -> None:
    job = make_job("none", strategy="local", token_budget=2 * 3 * 48)
    sealed = run_crew(job, 2)
    assert sealed.tokens == 2 * 3 * 48
    assert sealed.steps == 3


@pytest.mark.parametrize("who", ["leader", "sibling"])
def test_local_nodes_resume_from_their_own_checkpoints(make_job: MakeJob, who: str) -> None:
    whole = make_job("none", folder="whole", strategy="local")
    run_crew(whole, 2)
    job = make_job("none", folder="paused", strategy="local", checkpoint_interval_s=0.0)
    leader = FakeEngine(pause_at_look=9 if who == "leader" else -1)
    sibling = FakeEngine(pause_at_look=9 if who == "sibling" else -1)
    with pytest.raises((Interrupted, SiblingGone)):
        run_crew(job, 2, leader, lambda rank: sibling)
    run_crew(job, 2)
    assert update(job).keys() == update(whole).keys()
    assert all(np.array_equal(update(job)[name], update(whole)[name]) for name in update(whole))


@pytest.mark.parametrize("then", [1, 3])
def test_local_nodes_may_go_and_come(make_job: MakeJob, then: int) -> None:
    """One that is gone is left out of the mean; one that is new waits for the next round."""
    job = make_job("none", strategy="local")
    with pytest.raises(Interrupted):
        run_crew(job, 2, FakeEngine(pause_at_look=9))
    sealed = run_alone(job) if then == 1 else run_crew(job, then)
    assert sealed.tokens == min(then, 2) * 5 * 48


def test_measured_or_told_the_choice_is_kept_for_the_round(make_job: MakeJob) -> None:
    job = make_job("none")
    with pytest.raises(Interrupted):
        run_crew(job, 2, FakeEngine(pause_at_look=9))
    model = Transformer(SPEC)
    header = Checkpoints(job, KEY).load(model, AdamW(model.ordered(), job.training))
    assert header is not None
    assert header.state.strategy in ("ddp", "local")
    assert header.state.nodes == (2 if header.state.strategy == "local" else 0)
    run_crew(msgspec.structs.replace(job, strategy="ddp"), 2)


def test_a_gradient_that_is_not_finite_ends_the_round() -> None:
    with pytest.raises(ModelError, match="diverged"):
        bound_norm([torch.tensor([1.0, float("nan")])], 1.0)
    long = [torch.tensor([3.0]), torch.tensor([4.0])]
    bound_norm(long, 1.0)
    assert torch.allclose(torch.cat(long), torch.tensor([0.6, 0.8]))
