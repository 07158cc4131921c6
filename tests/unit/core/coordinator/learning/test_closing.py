"""Blow-ups, refused checkpoints and strategies through the real conductor, with durable rows to look at."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import strategies
from support.federation import config
from support.in_process import InProcess

from core.config.exchange import CodecConfig, ScheduleConfig
from core.config.federation import FederationConfig, LargerFederation
from core.config.learning import OuterConfig, StabilityTerms
from core.config.model import ShardConfig
from core.config.privacy import PrivacyTerms
from core.coordinator.learning import gate as gate_module
from core.coordinator.records.schema import Checkpoint
from core.coordinator.replication import export_run
from core.coordinator.reporting import status
from core.coordinator.rounds import conductor as conductor_module
from core.federation.protocol import TrainInstruction
from core.postprocess.compression import codec
from core.update import Array, ModelUpdate

OUTER = OuterConfig(optimizer="nesterov", learning_rate=0.5, momentum=0.5)
TARGET = 0.3
"""Every honest volunteer moves half of the way to weights that are all this."""
BLOWN = 5
"""The round in which an attacker speaks up."""


class Killed(BaseException):
    """The process ends here."""


def terms(rounds: int = 10, **changes: Any) -> FederationConfig:
    sections: dict[str, Any] = {
        "privacy": PrivacyTerms(unit="none", relation="none"),
        "codec": CodecConfig(name="fp32"),
        "schedule": ScheduleConfig(rounds=rounds, cohort_size=2, quorum=2),
        "outer": OUTER,
        "stability": StabilityTerms(blow_up=3.0, backoff=0.5),
    }
    return config(**sections | changes)


def honest(name: str, base: dict[str, Array], said: TrainInstruction) -> tuple[ModelUpdate, dict[str, float]]:
    """A pull towards the target, with a little noise of the volunteer's own that never falls asleep."""
    random = np.random.default_rng([said.server_round, sum(name.encode())])
    arrays = {
        key: (0.5 * (array - TARGET) + 0.01 * random.standard_normal(array.shape)).astype(np.float32)
        for key, array in base.items()
    }
    return ModelUpdate(arrays), {"steps": 4.0, "tokens": 1.0, "loss": 1.0, "seconds": 1.0}


def attacked(name: str, base: dict[str, Array], said: TrainInstruction) -> tuple[ModelUpdate, dict[str, float]]:
    """As ``honest``, but in one round one of the two sends an update a thousand times as long, the wrong way."""
    update, metrics = honest(name, base, said)
    if (name, said.server_round) == ("mallory", BLOWN):
        update = ModelUpdate({key: np.float32(-1_000) * array for key, array in update.arrays.items()})
    return update, metrics


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conductor_module, "TICK_S", 0.002)


@pytest.fixture
def house(tmp_path: Path) -> Callable[..., InProcess]:
    def make(train: Any = attacked, name: str = "federation", **changes: Any) -> InProcess:
        return InProcess(tmp_path / name, terms(**changes), ("ada", "mallory"), train)

    return make


def distance(here: InProcess, checkpoint: Checkpoint) -> float:
    flat = ModelUpdate(here.files.weights(checkpoint.sha256)).flat()
    return float(np.abs(flat - TARGET).mean())


def private(here: InProcess) -> set[str]:
    return {path.name for path in (here.federation.home.root / "private").iterdir()}


def test_an_attackers_large_update_blows_the_norm_up_the_base_is_restored_the_rate_lowered_and_learning_goes_on(
    house: Callable[..., InProcess], tmp_path: Path
) -> None:
    here = house()
    here.conductor().run()
    rounds, checkpoints = here.store.rounds(), here.store.checkpoints()
    assert [item.server_round for item in rounds] == list(range(1, 11)), "a number is never used again"
    assert {item.state for item in rounds} == {"closed"}
    blown, after = rounds[BLOWN - 1], rounds[BLOWN]
    assert "pseudo-gradient" in blown.rejected
    assert [item.server_round for item in rounds if item.rejected] == [BLOWN]
    assert after.base_hash == blown.base_hash == checkpoints[BLOWN - 1].sha256
    assert [item.outer_lr for item in rounds] == [0.5] * BLOWN + [0.25] * (10 - BLOWN)
    # It goes on learning, from the restored base.
    far, restored, last = (distance(here, checkpoints[n]) for n in (0, BLOWN - 1, 10))
    assert distance(here, checkpoints[BLOWN]) > 5 * far, "the refused checkpoint is as bad as it was said to be"
    assert last < 0.6 * restored < restored < far
    # Receipts went out as ever, and everybody can see what happened.
    for item in here.store.assignments(BLOWN):
        assert item.state == "accepted"
        assert here.store.receipt(item.update_sha256, item.key_id, 0.0) is not None
    events = {event.kind: event.body for event in here.store.events_after(0)}
    assert events["checkpoint_rejected"]["restored"] == after.base_hash
    assert events["outer_rate"] == {"round": BLOWN + 1, "before": 0.5, "outer_lr": 0.25}
    told = status(here.federation.home.root)
    assert told["rounds"][BLOWN - 1]["rejected"] == told["rounds"][BLOWN - 1]["reason"] == blown.rejected
    assert told["rounds"][BLOWN]["base"] == after.base_hash
    assert told["rounds"][BLOWN]["outer_lr"] == 0.25
    assert set(told["norms"]["layers"]) == {"embedding", "blocks:0-0"}
    assert told["norms"]["all"]["model"] == pytest.approx(rounds[-1].model_norm)
    export_run(here.federation.home.root, tmp_path / "run")
    lines = [json.loads(line) for line in (tmp_path / "run" / "rounds.jsonl").read_text().splitlines()]
    assert [line["outer_lr"] for line in lines] == [item.outer_lr for item in rounds]
    assert lines[BLOWN - 1]["rejected"] == blown.rejected
    assert lines[0]["norms"]["all"].keys() == {"pseudo_gradient", "momentum", "model"}


def test_momentum_is_restored_with_the_base(house: Callable[..., InProcess]) -> None:
    """After the blow-up everything is as if that round had sent nothing, at half the rate."""
    here = house(rounds=BLOWN + 1)
    here.conductor().run()
    checkpoints = here.store.checkpoints()
    model = {name: array.astype(np.float64) for name, array in here.files.weights(checkpoints[0].sha256).items()}
    momentum: dict[str, Any] = dict.fromkeys(model, 0.0)
    for number in range(1, BLOWN + 2):
        if number == BLOWN:
            continue
        base = {name: array.astype(np.float32) for name, array in model.items()}
        rate = 0.5 if number < BLOWN else 0.25
        instruction = type("Said", (), {"server_round": number})
        deltas = [honest(name, base, instruction)[0].arrays for name in ("ada", "mallory")]  # type: ignore[arg-type]
        for name in model:
            mean = (deltas[0][name] + deltas[1][name]) / 2
            momentum[name] = 0.5 * momentum[name] + mean
            model[name] = model[name] - rate * (mean + 0.5 * momentum[name])
    found = here.files.weights(checkpoints[-1].sha256)
    for name, expected in model.items():
        np.testing.assert_allclose(found[name], expected, rtol=0, atol=1e-5)
    assert private(here) == {checkpoints[-1].momentum}


@pytest.mark.parametrize("number", [BLOWN, BLOWN + 1, BLOWN + 2])
@pytest.mark.parametrize("moment", ["close_round", "begin_round"])
def test_killed_around_a_blow_up_the_same_is_decided_again(
    house: Callable[..., InProcess], monkeypatch: pytest.MonkeyPatch, number: int, moment: str
) -> None:
    whole = house(name="whole")
    whole.conductor().run()
    here = house(name="killed")
    real = getattr(here.store, moment)

    def dies(item: Any, *rest: Any) -> None:
        if item.server_round == number:
            raise Killed
        real(item, *rest)

    monkeypatch.setattr(here.store, moment, dies)
    with pytest.raises(Killed):
        here.conductor().run()
    monkeypatch.setattr(here.store, moment, real)
    here._answers.clear()
    here.conductor().run()

    def history(house: InProcess) -> list[Any]:
        rows = [(item.outer_lr, item.rejected, item.base_hash, item.norms) for item in house.store.rounds()]
        return [rows, [(item.sha256, bool(item.rejected)) for item in house.store.checkpoints()]]

    assert history(here) == history(whole)
    assert private(here) == {here.store.latest_checkpoint().momentum}


def test_a_step_that_is_not_finite_lowers_the_rate_too(
    house: Callable[..., InProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codec, "LARGEST", np.inf)  # volunteers who wrote their own encoder

    def huge(name: str, base: dict[str, Array], said: TrainInstruction) -> tuple[ModelUpdate, dict[str, float]]:
        update, metrics = honest(name, base, said)
        if said.server_round == 2:
            update = ModelUpdate(
                {key: np.full_like(array, 3e38 if name == "ada" else 2e38) for key, array in base.items()}
            )
        return update, metrics

    here = house(huge, rounds=3, outer=OuterConfig(optimizer="fedavg", learning_rate=4.0))
    here.conductor().run()
    rounds = here.store.rounds()
    assert [item.state for item in rounds] == ["closed", "void", "closed"]
    assert "not finite" in rounds[1].rejected
    assert [item.outer_lr for item in rounds] == [4.0, 4.0, 2.0]
    assert rounds[2].base_hash == rounds[1].base_hash == here.store.checkpoints()[1].sha256


def test_without_terms_of_stability_nothing_is_taken_back(house: Callable[..., InProcess]) -> None:
    here = house(rounds=BLOWN + 1, stability=StabilityTerms())
    here.conductor().run()
    rounds = here.store.rounds()
    assert not any(item.rejected for item in rounds)
    assert {item.outer_lr for item in rounds} == {0.5}
    assert rounds[-1].base_hash == here.store.checkpoints()[BLOWN].sha256


# On the coordinator's own text


class Evaluating:
    """Stands where the coordinator's evaluator would be: measures what is not measured yet, by a table."""

    def __init__(self, here: InProcess, losses: Callable[[Checkpoint], float | None]) -> None:
        self._here, self._losses = here, losses
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        store = self._here.federation.store()
        while not self._stop.is_set():
            for item in store.checkpoints():
                if not item.evaluation:
                    loss = self._losses(item)
                    outcome = "The evaluation failed." if loss is None else "ok"
                    store.set_evaluation(item.server_round, loss, loss, outcome)
            time.sleep(0.005)
        store.close()


@pytest.fixture
def measured(house: Callable[..., InProcess]) -> Iterator[Callable[..., InProcess]]:
    def make(losses: Callable[[Checkpoint], float | None], **changes: Any) -> InProcess:
        here = house(honest, **changes)
        here.federation.home.evaluation_text.write_text("text of the coordinator's own")
        with Evaluating(here, losses):
            here.conductor().run()
        return here

    return make


def test_a_checkpoint_that_is_worse_on_held_out_text_is_refused(measured: Callable[..., InProcess]) -> None:
    losses = {0: 5.0, 1: 4.0, 2: 4.5, 3: 3.9, 4: 3.8}
    here = measured(lambda item: losses[item.server_round], rounds=4, stability=StabilityTerms(held_out_gate=0.05))
    rounds, checkpoints = here.store.rounds(), here.store.checkpoints()
    assert [bool(item.rejected) for item in checkpoints] == [False, False, True, False, False]
    assert "own text" in rounds[1].rejected
    assert rounds[2].base_hash == checkpoints[1].sha256
    assert [item.outer_lr for item in rounds] == [0.5, 0.5, 0.25, 0.25]
    # The moments of the newest base are there, and those of its base as long as it may still be refused.
    assert private(here) == {checkpoints[3].momentum, checkpoints[4].momentum}
    told = status(here.federation.home.root)
    assert told["bits_per_byte"]["final"] == 3.8


def test_killed_between_a_refusal_and_the_next_round_the_refusal_stands(
    house: Callable[..., InProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = {0: 5.0, 1: 4.0, 2: 4.5, 3: 3.9}
    here = house(honest, rounds=3, stability=StabilityTerms(held_out_gate=0.05))
    here.federation.home.evaluation_text.write_text("text of the coordinator's own")
    real = here.store.begin_round

    def dies(opened: Any, *rest: Any) -> None:
        if opened.server_round == 3:
            raise Killed
        real(opened, *rest)

    monkeypatch.setattr(here.store, "begin_round", dies)
    with Evaluating(here, lambda item: losses[item.server_round]):
        with pytest.raises(Killed):
            here.conductor().run()
        monkeypatch.setattr(here.store, "begin_round", real)
        here._answers.clear()
        here.conductor().run()
    rounds, checkpoints = here.store.rounds(), here.store.checkpoints()
    assert [item.outer_lr for item in rounds] == [0.5, 0.5, 0.25], "lowered once, not twice"
    assert rounds[2].base_hash == checkpoints[1].sha256
    kinds = [event.kind for event in here.store.events_after(0)]
    assert (kinds.count("checkpoint_rejected"), kinds.count("outer_rate")) == (1, 1)


def test_the_last_checkpoint_is_judged_before_the_federation_is_finished(measured: Callable[..., InProcess]) -> None:
    losses = {0: 5.0, 1: 4.0, 2: 9.0}
    here = measured(lambda item: losses[item.server_round], rounds=2, stability=StabilityTerms(held_out_gate=0.05))
    assert here.store.latest_checkpoint().server_round == 1
    assert status(here.federation.home.root)["checkpoint"] == here.store.checkpoints()[1].sha256


def test_a_gate_restores_the_moments_of_the_base(measured: Callable[..., InProcess]) -> None:
    losses = {0: 5.0, 1: 4.0, 2: 4.5, 3: 3.9}
    refused = measured(
        lambda item: losses[item.server_round], rounds=3, name="a",
        stability=StabilityTerms(held_out_gate=0.05, backoff=1.0),
    )  # fmt: skip
    base = refused.files.weights(refused.store.checkpoints()[1].sha256)
    said = type("Said", (), {"server_round": 1})
    first = [
        honest(name, refused.files.weights(refused.store.checkpoints()[0].sha256), said)[0]
        for name in ("ada", "mallory")
    ]  # type: ignore[arg-type]
    third = [honest(name, base, type("Said", (), {"server_round": 3}))[0] for name in ("ada", "mallory")]  # type: ignore[arg-type]
    found = refused.files.weights(refused.store.checkpoints()[3].sha256)
    for name, array in base.items():
        means = [(one.arrays[name] + other.arrays[name]) / 2 for one, other in (first, third)]
        expected = array - 0.5 * (means[1] + 0.5 * (0.5 * means[0] + means[1]))
        np.testing.assert_allclose(found[name], expected, rtol=0, atol=1e-5)


def test_on_a_plateau_the_rate_falls(measured: Callable[..., InProcess]) -> None:
    losses = [5.0, 4.0, 4.1, 4.1, 4.1, 4.1, 4.1, 4.1]
    here = measured(
        lambda item: losses[item.server_round], rounds=7,
        stability=StabilityTerms(plateau_rounds=2, plateau_factor=0.1),
    )  # fmt: skip
    rates = [item.outer_lr for item in here.store.rounds()]
    assert rates == pytest.approx([0.5, 0.5, 0.5, 0.05, 0.05, 0.005, 0.005])
    assert not any(item.rejected for item in here.store.rounds())


@pytest.mark.parametrize("why", ["failed", "missing", "slow"])
def test_an_evaluation_that_does_not_come_is_told_and_hangs_nothing(
    house: Callable[..., InProcess], monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    monkeypatch.setattr(gate_module, "PATIENCE_S", 0.05)
    here = house(honest, rounds=2, stability=StabilityTerms(held_out_gate=0.05))
    if why != "missing":
        here.federation.home.evaluation_text.write_text("text of the coordinator's own")
    if why == "failed":
        with Evaluating(here, lambda item: None):
            here.conductor().run()
    else:
        here.conductor().run()
    assert [item.state for item in here.store.rounds()] == ["closed", "closed"]
    passed = [event.body for event in here.store.events_after(0) if event.kind == "gate_passed"]
    assert [body["round"] for body in passed] == [1, 2]
    words = {"failed": "evaluation failed", "missing": "no text of its own", "slow": "not evaluated within"}
    assert words[why] in passed[0]["reason"]
    # Whoever only looks (the supervisor) sees that it is over.
    assert here.conductor()._agenda.finished()


# Other optimisers


@pytest.mark.parametrize("optimizer", ["fedadam", "fedyogi"])
def test_two_moments_are_kept_and_no_more(house: Callable[..., InProcess], optimizer: str) -> None:
    outer = OuterConfig(optimizer=optimizer, learning_rate=0.05, momentum=0.9, tau=0.1)  # type: ignore[arg-type]
    here = house(honest, rounds=6, outer=outer)
    here.conductor().run()
    checkpoints = here.store.checkpoints()
    last = checkpoints[-1]
    assert private(here) == {last.momentum, last.second_moment}
    assert distance(here, last) < distance(here, checkpoints[0])
    with here.files.opened_state(last.second_moment) as stored:
        assert stored is not None
        assert all((stored[name] > 0).all() for name in stored)


@pytest.fixture
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strategies.install(tmp_path / "packages")
    monkeypatch.syspath_prepend(tmp_path / "packages")


@pytest.mark.usefixtures("_installed")
def test_a_strategy_runs_a_federation_and_survives_a_kill(
    house: Callable[..., InProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    outer = OuterConfig(optimizer="strategy", strategy="adam")
    whole = house(honest, "whole", rounds=4, outer=outer)
    whole.conductor().run()
    here = house(honest, "killed", rounds=4, outer=outer)
    real = here.store.close_round

    def dies(closed: Any, *rest: Any) -> None:
        if closed.server_round == 3:
            raise Killed
        real(closed, *rest)

    monkeypatch.setattr(here.store, "close_round", dies)
    with pytest.raises(Killed):
        here.conductor().run()
    monkeypatch.setattr(here.store, "close_round", real)
    here._answers.clear()
    here.conductor().run()
    assert [item.sha256 for item in here.store.checkpoints()] == [item.sha256 for item in whole.store.checkpoints()]
    last = here.store.checkpoints()[-1]
    assert private(here) == {last.momentum}
    assert distance(here, last) < distance(here, here.store.checkpoints()[0])
    assert here.store.rounds()[-1].pseudo_gradient_norm


@pytest.mark.usefixtures("_installed")
def test_flowers_average_gives_the_federation_that_ours_gives(house: Callable[..., InProcess]) -> None:
    found = []
    for name, outer in (
        ("ours", OuterConfig(optimizer="fedavg")),
        ("flowers", OuterConfig(optimizer="strategy", strategy="mean")),
    ):
        here = house(honest, name, rounds=3, outer=outer)
        here.conductor().run()
        found.append(ModelUpdate(here.files.weights(here.store.latest_checkpoint().sha256)).flat())
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=1e-6)


@pytest.mark.usefixtures("_installed")
def test_a_strategy_that_gives_nothing_voids_the_round(
    house: Callable[..., InProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = strategies.Odd()
    odd.gives = lambda arrays: None  # type: ignore[method-assign,misc]
    monkeypatch.setattr("core.coordinator.learning.strategy.load", lambda name: odd)
    here = house(honest, rounds=1, outer=OuterConfig(optimizer="strategy", strategy="mean"))
    here.conductor().run()
    assert [(item.state, item.reason) for item in here.store.rounds()] == [
        ("void", "The strategy Odd gave no weights.")
    ]
    assert private(here) == set()


def test_a_strategy_is_refused_where_volunteers_train_shards() -> None:
    outer = OuterConfig(optimizer="strategy", strategy="mean")
    with pytest.raises(ValueError, match="needs updates of the whole model"):
        terms(outer=outer, shard=ShardConfig(mode="blocks", count=2))
    larger = LargerFederation(name="Moor", federation_id="a" * 32, manifest_hash="b" * 64)
    with pytest.raises(ValueError, match="a household keeps no model"):
        terms(forwards_to=larger)


def test_the_history_of_a_blow_up_is_the_same_on_every_machine(house: Callable[..., InProcess]) -> None:
    digests = set()
    for name in ("one", "other"):
        here = house(name=name, rounds=BLOWN + 1)
        here.conductor().run()
        digests.add(hashlib.sha256("".join(item.sha256 for item in here.store.checkpoints()).encode()).hexdigest())
    assert len(digests) == 1
