"""The simulated federation: the whole loop learns, repeats itself exactly, and keeps its one sign convention."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import numpy as np
import pytest
from support import strategies
from support.small_simulation import HELD_OUT, TEXTS, small

from core.aggregation import MeanAccumulator
from core.config.exchange import CodecConfig
from core.config.learning import AggregationTerms, OuterConfig
from core.coordinator.learning.outer_optimizer import OuterStep, outer_step
from core.jobs import PrivacyPlan
from core.model.checkpoint_io import write_weights
from core.simulation import Simulation


def test_the_federation_learns_and_repeats_itself_exactly(tmp_path: Path) -> None:
    first = Simulation(small(), TEXTS, HELD_OUT, tmp_path / "a")
    before = first.measure()[0]
    rounds = list(first.run())
    assert [r.server_round for r in rounds] == [1, 2]
    assert rounds[-1].bits_per_byte < before - 0.3
    second = Simulation(small(), TEXTS, HELD_OUT, tmp_path / "b")
    again = list(second.run())
    assert [r.updates for r in again] == [r.updates for r in rounds]
    assert all(np.array_equal(first.weights[name], second.weights[name]) for name in first.weights)


def test_clients_differ_and_so_do_their_updates(tmp_path: Path) -> None:
    simulation = Simulation(small(), TEXTS, HELD_OUT, tmp_path)
    closed = simulation.step()
    assert len(set(closed.updates)) == 2
    assert closed.upload_bytes < closed.dense_bytes / 3.5


def test_one_client_with_fedavg_is_plain_training(tmp_path: Path) -> None:
    """With one client, η = 1 and no loss in the codec, the new model is the client's model."""
    terms = small(codec=CodecConfig(name="fp32"), outer=OuterConfig(optimizer="fedavg", learning_rate=1.0))
    simulation = Simulation(terms, TEXTS[:1], HELD_OUT, tmp_path)
    base = {name: array.copy() for name, array in simulation.weights.items()}
    base_path = tmp_path / "again.safetensors"
    write_weights(base_path, base)
    other = Simulation(terms, TEXTS[:1], HELD_OUT, tmp_path / "other")
    payload, _, _ = other.clients[0].train(terms, PrivacyPlan(unit="none"), base_path, 1, 1)
    update = other.decode(payload)
    simulation.step()
    for name, moved in simulation.weights.items():
        assert np.allclose(moved, base[name] - update.arrays[name], atol=1e-6)


@pytest.mark.parametrize(
    "outer",
    [
        OuterConfig(optimizer="nesterov", learning_rate=0.7, momentum=0.9, weight_averaging=0.25),
        OuterConfig(optimizer="fedyogi", learning_rate=0.01, momentum=0.9, tau=0.1),
    ],
    ids=lambda outer: outer.optimizer,
)
def test_every_outer_optimiser_remembers_its_moments(tmp_path: Path, outer: OuterConfig) -> None:
    simulation = Simulation(small(outer=outer, codec=CodecConfig(name="fp32")), TEXTS, HELD_OUT, tmp_path / "a")
    known = OuterStep({name: array.copy() for name, array in simulation.weights.items()}, None, {})
    apart = Simulation(simulation.config, TEXTS, HELD_OUT, tmp_path / "b")
    base = tmp_path / "base.safetensors"
    for number in (1, 2):
        write_weights(base, known.weights)
        total = MeanAccumulator({name: array.shape for name, array in known.weights.items()})
        for client in apart.clients:
            total.add(apart.decode(client.train(apart.config, PrivacyPlan(unit="none"), base, number, 1)[0]))
        known = outer_step(outer, known.weights, total.mean(), known.momentum, known.second_moment)
        simulation.step()
        assert all(simulation.weights[name].tobytes() == known.weights[name].tobytes() for name in known.weights)


def test_a_strategy_stands_in_for_mean_and_outer_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strategies.install(tmp_path / "packages")
    monkeypatch.syspath_prepend(tmp_path / "packages")
    found = []
    for outer in (
        OuterConfig(optimizer="fedavg", learning_rate=0.5),
        OuterConfig(optimizer="strategy", strategy="mean", learning_rate=0.5),
    ):
        simulation = Simulation(small(outer=outer), TEXTS, HELD_OUT, tmp_path / outer.optimizer)
        simulation.step()
        found.append(simulation.weights)
    assert all(np.allclose(found[0][name], found[1][name], atol=1e-6) for name in found[0])


def test_the_stream_goes_on_in_the_next_round(tmp_path: Path) -> None:
    """Two rounds of two steps on one client see other windows than the same round twice."""
    terms = small(outer=OuterConfig(optimizer="fedavg"), codec=CodecConfig(name="fp32"))
    simulation = Simulation(terms, TEXTS[:1], HELD_OUT, tmp_path)
    base = tmp_path / "same.safetensors"
    write_weights(base, simulation.weights)
    client, plan = simulation.clients[0], PrivacyPlan(unit="none")
    one, two = (client.train(terms, plan, base, number, 1)[1].mean_loss for number in (1, 2))
    assert one != two


def test_error_feedback_sends_later_what_a_sparse_codec_left_out(tmp_path: Path) -> None:
    """What reaches the coordinator in all, against what was learned in all: nearer with feedback than without."""

    def sent(codec: CodecConfig) -> list[np.ndarray]:
        terms = small(codec=codec, outer=OuterConfig(optimizer="fedavg"))
        simulation = Simulation(terms, TEXTS[:1], HELD_OUT, tmp_path / f"{codec.name} {codec.error_feedback}")
        base = tmp_path / "base.safetensors"
        write_weights(base, simulation.weights)
        train, plan = simulation.clients[0].train, PrivacyPlan(unit="none")
        return [simulation.decode(train(terms, plan, base, number, 1)[0]).flat() for number in range(1, 6)]

    learned = sum(sent(CodecConfig(name="fp32")))
    sparse = CodecConfig(name="topk", chunk_size=256, kept=8)
    without = np.linalg.norm(learned - sum(sent(sparse)))
    feedback = np.linalg.norm(learned - sum(sent(msgspec.structs.replace(sparse, error_feedback=1.0))))
    assert feedback < 0.95 * without


def test_a_unit_of_privacy_needs_a_plan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs a plan"):
        Simulation(small("record"), TEXTS, HELD_OUT, tmp_path)


def test_record_draws_noise_for_every_step_and_says_so(tmp_path: Path) -> None:
    plan = PrivacyPlan(unit="record", clip_norm=1.0, noise_multiplier=1.0, sampling_prob=0.2, steps=4, units=20)
    simulation = Simulation(small("record"), TEXTS, HELD_OUT, tmp_path, plans=[plan, plan])
    base = tmp_path / "base.safetensors"
    write_weights(base, simulation.weights)
    payload, sealed, record = simulation.clients[0].train(simulation.config, plan, base, 1, 1)
    assert record is not None
    assert record.noise_draws == 4 * sum(array.size for array in simulation.weights.values())
    assert sealed.sha256 == hashlib.sha256(payload).hexdigest()


def test_units_of_privacy_have_uploads_of_one_size(tmp_path: Path) -> None:
    plan = PrivacyPlan(unit="corpus", clip_norm=1.0, noise_multiplier=1.0, sampling_prob=1.0, steps=1, units=1)
    simulation = Simulation(small("corpus"), TEXTS, HELD_OUT, tmp_path, plans=[plan, plan])
    sizes = set()
    for number in (1, 2):
        before = simulation.step()
        sizes.add(before.upload_bytes)
        assert number == before.server_round
    assert len(sizes) == 1


def test_the_terms_of_aggregation_are_those_of_a_coordinator(tmp_path: Path) -> None:
    """The running median goes on from round to round, and a bounded mean is not the plain one."""
    terms = small(aggregation=AggregationTerms(norm_bound="median", weights="metric"))
    plain = Simulation(small(), TEXTS, HELD_OUT, tmp_path / "plain")
    bounded = Simulation(terms, TEXTS, HELD_OUT, tmp_path / "bounded")
    rounds = [list(one.run()) for one in (plain, bounded)]
    assert rounds[0][0].updates == rounds[1][0].updates, "the first round begins from the same weights"
    assert [len(norms) for norms in bounded._norms] == [2, 2]
    assert any(not np.array_equal(plain.weights[name], bounded.weights[name]) for name in plain.weights)
    assert rounds[1][-1].bits_per_byte == pytest.approx(rounds[0][-1].bits_per_byte, abs=0.1)
