"""DiLoCo's Algorithm 1 (Douillard et al., 2023, https://arxiv.org/abs/2311.08105) as checks D1 to D8, a test each.

Inner steps run the real round loop over real encrypted shards; outer steps run the real conductor, admission and files.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.federation import config
from support.in_process import InProcess
from support.small_simulation import HELD_OUT, TEXTS, prose, small

from core.config.exchange import CodecConfig, ScheduleConfig
from core.config.federation import FederationConfig
from core.config.learning import OuterConfig, TrainingConfig
from core.config.privacy import PrivacyTerms
from core.coordinator.rounds import conductor as conductor_module
from core.coordinator.rounds.agenda import OwnAgenda
from core.federation.protocol import TrainInstruction
from core.jobs import PrivacyPlan
from core.model.checkpoint_io import write_weights
from core.model.layout import parameter_shapes
from core.model.transformer import Transformer
from core.postprocess.compression.codec import encoded_size
from core.simulation import Client, Simulation
from core.training.optimizer import AdamW, learning_rate
from core.update import Array, ModelUpdate, pseudo_gradient

H = 4
PLAN = PrivacyPlan(unit="none")
PULLS = {"ada": 0.1, "ben": 0.2, "cem": 0.6}
"""How far each volunteer of the conductor's tests moves towards zero."""
METRICS = {"steps": float(H), "tokens": 100.0, "loss": 1.0, "seconds": 1.0}


def terms(**changes: Any) -> FederationConfig:
    sections: dict[str, Any] = {
        "privacy": PrivacyTerms(unit="none", relation="none"),
        "codec": CodecConfig(name="fp32"),
        "schedule": ScheduleConfig(rounds=3, cohort_size=3, quorum=3),
    }
    return config(**sections | changes)


def pull(name: str, base: dict[str, Array], _: TrainInstruction) -> tuple[ModelUpdate, dict[str, float]]:
    return ModelUpdate({key: np.float32(PULLS[name]) * array for key, array in base.items()}), METRICS


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conductor_module, "TICK_S", 0.002)


@pytest.fixture
def outside(tmp_path: Path) -> Callable[..., InProcess]:
    """A federation of volunteers whose trained weights are known."""

    def make(train: Any = pull, kind: type[InProcess] = InProcess, **changes: Any) -> InProcess:
        return kind(tmp_path / "federation", terms(**changes), tuple(PULLS), train)

    return make


@pytest.fixture
def inside(tmp_path: Path) -> Callable[..., Simulation]:
    """Two workers with shards of their own, H inner steps a round."""

    def make(name: str = "simulation", texts: Sequence[Sequence[str]] = TEXTS, **changes: Any) -> Simulation:
        training = TrainingConfig(seq_len=32, batch_size=4, local_steps=H, learning_rate=1e-2, warmup_steps=3)
        sections: dict[str, Any] = {"codec": CodecConfig(name="fp32"), "training": training}
        return Simulation(small(**sections | changes), texts, HELD_OUT, tmp_path / name)

    return make


def flat(here: InProcess, sha256: str) -> np.ndarray:
    return ModelUpdate(here.files.weights(sha256)).flat()


def test_d1_every_worker_starts_from_a_replica_of_the_weights(outside: Callable[..., InProcess]) -> None:
    seen: dict[int, list[bytes]] = {}

    def looks(name: str, base: dict[str, Array], said: TrainInstruction) -> tuple[ModelUpdate, dict[str, float]]:
        seen.setdefault(said.server_round, []).append(ModelUpdate(base).flat().tobytes())
        return pull(name, base, said)

    here = outside(looks)
    here.conductor().run()
    for number, checkpoint in enumerate(here.store.checkpoints()[:3], 1):
        assert seen[number] == [flat(here, checkpoint.sha256).tobytes()] * 3


def test_d2_a_worker_does_h_inner_adamw_steps_on_its_own_shard(
    inside: Callable[..., Simulation], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    taken: list[AdamW] = []
    step = AdamW.step

    def counted(self: AdamW, gradients: Any, rate: float) -> None:
        taken.append(self)
        step(self, gradients, rate)

    monkeypatch.setattr(AdamW, "step", counted)
    closed = inside().step()
    assert len(taken) == 2 * H
    assert len(set(map(id, taken))) == 2, "each worker has an inner optimiser of its own"
    # Its update follows from its own shard: other text at the other worker changes nothing.
    other = inside("other", [TEXTS[0], [prose(1_000 + part) for part in range(3)]]).step()
    assert other.updates[0] == closed.updates[0]
    assert other.updates[1] != closed.updates[1]
    # And it is AdamW: a first step moves every value by the learning rate, whatever the size of its gradient.
    one = inside("one", training=TrainingConfig(seq_len=32, batch_size=4, local_steps=1, learning_rate=1e-2))
    base = tmp_path / "base.safetensors"
    write_weights(base, one.weights)
    payload, sealed, _ = one.clients[0].train(one.config, PLAN, base, 1, 1)
    moved = np.abs(one.decode(payload).flat())
    assert sealed.steps == 1
    assert np.median(moved[moved > 0]) == pytest.approx(1e-2, rel=1e-2)
    assert moved.max() < 1.01e-2


def files_of(client: Client) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (client.folder / "state").iterdir()}


def test_d3_the_inner_optimisers_state_stays_with_the_worker_and_is_never_sent(
    inside: Callable[..., Simulation], tmp_path: Path
) -> None:
    simulation = inside()
    client, base = simulation.clients[0], tmp_path / "base.safetensors"
    write_weights(base, simulation.weights)
    payload, _, _ = client.train(simulation.config, PLAN, base, 1, 1)
    shapes = parameter_shapes(simulation.config.model)
    assert list(simulation.decode(payload).arrays) == list(shapes)
    assert len(payload) == encoded_size(shapes, simulation.config.codec), "there is room for the update alone"
    kept = sum(map(len, (data for name, data in files_of(client).items() if name.startswith("moments-"))))
    assert kept > 2 * 4 * simulation.decode(payload).size, "two moments for every value"
    # It persists: the next round goes on with it, and would be another one without.
    shutil.copytree(client.folder / "state", tmp_path / "before")
    with_state, _, _ = client.train(simulation.config, PLAN, base, 2, 1)
    shutil.rmtree(client.folder / "state")
    shutil.copytree(tmp_path / "before", client.folder / "state")
    again, _, _ = client.train(simulation.config, PLAN, base, 2, 1)
    assert again == with_state
    shutil.rmtree(client.folder / "state")
    shutil.copytree(tmp_path / "before", client.folder / "state")
    for path in (client.folder / "state").glob("moments-*"):
        path.unlink()
    without, _, _ = client.train(simulation.config, PLAN, base, 2, 1)
    assert without != with_state


def test_d4_the_outer_gradient_is_the_mean_of_base_minus_trained(outside: Callable[..., InProcess]) -> None:
    """With equal weights, as the seeds' line 8 has it: what a worker says about its shard's size is not asked for."""

    def boasts(name: str, base: dict[str, Array], said: TrainInstruction) -> tuple[ModelUpdate, dict[str, float]]:
        update, metrics = pull(name, base, said)
        return update, metrics | {"tokens": 1e9 if name == "cem" else 1.0}

    here = outside(boasts, outer=OuterConfig(optimizer="nesterov", learning_rate=1.0, momentum=0.0))
    here.conductor().run()
    before, after = (flat(here, here.store.checkpoints()[number].sha256) for number in (0, 1))
    np.testing.assert_allclose(before - after, np.mean(list(PULLS.values())) * before, rtol=0, atol=1e-7)


def test_d5_the_outer_optimiser_is_nesterov(outside: Callable[..., InProcess]) -> None:
    """At the paper's 0.7 and 0.9, against PyTorch's SGD."""
    here = outside(outer=OuterConfig(optimizer="nesterov", learning_rate=0.7, momentum=0.9))
    here.conductor().run()
    weights = torch.nn.Parameter(torch.from_numpy(flat(here, here.store.checkpoints()[0].sha256).copy()))
    reference = torch.optim.SGD([weights], lr=0.7, momentum=0.9, nesterov=True)
    for checkpoint in here.store.checkpoints()[1:]:
        weights.grad = float(np.mean(list(PULLS.values()))) * weights.detach().clone()
        reference.step()
        np.testing.assert_allclose(flat(here, checkpoint.sha256), weights.detach().numpy(), rtol=0, atol=1e-6)


def test_d6_the_inner_learning_rate_is_not_reset(
    inside: Callable[..., Simulation], outside: Callable[..., InProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock is the federation's: warm-up and cosine run on over the rounds."""
    rates: list[float] = []
    step = AdamW.step

    def noted(self: AdamW, gradients: Any, rate: float) -> None:
        rates.append(rate)
        step(self, gradients, rate)

    monkeypatch.setattr(AdamW, "step", noted)
    simulation = inside(texts=TEXTS[:1], schedule=ScheduleConfig(rounds=3, cohort_size=1, quorum=1))
    list(simulation.run())
    assert rates == [learning_rate(simulation.config.training, at) for at in range(3 * H)]
    assert rates[0] < rates[2] > rates[-1], "one warm-up, then down"
    here = outside()
    here.conductor().run()
    clocks = [[letter.record["step_clock"] for letter in batch] for batch in here.letters]
    assert clocks == [[number * H] * 3 for number in range(3)]


def test_d7_with_sgd_of_rate_one_inside_and_outside_and_one_step_it_is_fedavg(
    outside: Callable[..., InProcess],
) -> None:
    """One real gradient step at each worker; the new weights are the mean of theirs, which is FedSGD as well."""
    random = np.random.default_rng(0)
    batches = {name: torch.from_numpy(random.integers(0, 512, (2, 16))) for name in PULLS}
    trained: dict[str, dict[str, Array]] = {}
    gradients: list[np.ndarray] = []

    def sgd(name: str, base: dict[str, Array], said: TrainInstruction) -> tuple[ModelUpdate, dict[str, float]]:
        model = Transformer(config().model)
        model.load_arrays(base)
        logits = model(batches[name][:, :-1])
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), batches[name][:, 1:].flatten()).backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.ordered() if p.grad is not None]).numpy())
        torch.optim.SGD(model.ordered(), lr=1.0).step()
        trained[name] = model.to_arrays()
        return pseudo_gradient(base, trained[name]), METRICS

    outer = OuterConfig(optimizer="nesterov", learning_rate=1.0, momentum=0.0)
    here = outside(sgd, outer=outer, schedule=ScheduleConfig(rounds=1, cohort_size=3, quorum=3))
    here.conductor().run()
    before, after = (flat(here, item.sha256) for item in here.store.checkpoints())
    mean = np.mean([ModelUpdate(arrays).flat().astype(np.float64) for arrays in trained.values()], axis=0)
    np.testing.assert_allclose(after, mean, rtol=0, atol=1e-6)
    np.testing.assert_allclose(after, before - np.mean(gradients, axis=0), rtol=0, atol=1e-6)
    assert np.abs(after - before).max() > 1e-3


class Sleepy(InProcess):
    """``ben`` is away while the second round is opened and done."""

    def online(self) -> frozenset[str]:
        over = [item.server_round for item in self.store.rounds() if item.state != "open"]
        away = {key for key, name in self.names.items() if name == "ben"} if len(over) == 1 else set()
        return frozenset(item.node_id for item in self.store.volunteers() if item.key_id not in away)


def test_d8_a_worker_that_missed_a_sync_goes_on_with_its_inner_state_from_the_newest_weights(
    outside: Callable[..., InProcess],
    inside: Callable[..., Simulation],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """DiLoCo's worker may go on from its own θ_i. Here every update is against weights that the coordinator has.

    So a volunteer that missed a round takes the newest weights in its next one; what it keeps of its own is the inner
    optimiser's state, its place in its text, and the learning rate of the federation's clock.
    """
    monkeypatch.setattr(OwnAgenda, "patience_s", lambda self: 0.0)
    here = outside(kind=Sleepy, schedule=ScheduleConfig(rounds=3, cohort_size=3, quorum=2))
    here.conductor().run()
    asked = [{here.names[letter.key_id]: letter.record for letter in batch} for batch in here.letters]
    assert [sorted(batch) for batch in asked] == [["ada", "ben", "cem"], ["ada", "cem"], ["ada", "ben", "cem"]]
    assert asked[2]["ben"]["base_hash"] == here.store.checkpoints()[2].sha256
    assert asked[2]["ben"]["step_clock"] == 2 * H
    assert [item.state for item in here.store.assignments(3)] == ["accepted"] * 3

    simulation = inside()
    worker, newest = simulation.clients[1], tmp_path / "newest.safetensors"
    write_weights(newest, simulation.weights)
    worker.train(simulation.config, PLAN, newest, 1, 1)
    write_weights(newest, {name: np.float32(0.9) * array for name, array in simulation.weights.items()})
    shutil.copytree(worker.folder / "state", tmp_path / "kept")
    starts: list[int] = []
    step = AdamW.step

    def noted(self: AdamW, gradients: Any, rate: float) -> None:
        starts.append(self.steps)
        step(self, gradients, rate)

    monkeypatch.setattr(AdamW, "step", noted)
    after_a_gap, _, _ = worker.train(simulation.config, PLAN, newest, 3, 1)
    assert starts == list(range(H, 2 * H)), "the inner optimiser counts on"
    for path in (worker.folder / "state").iterdir():
        path.unlink()
    fresh, _, _ = worker.train(simulation.config, PLAN, newest, 3, 1)
    assert fresh != after_a_gap
