"""Late updates: kept, folded into the round that is closed next, beside the mean and never into momentum."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.federation import config
from support.in_process import InProcess

from core.config.exchange import CodecConfig, ScheduleConfig
from core.config.learning import AggregationTerms, OuterConfig
from core.config.privacy import PrivacyTerms
from core.coordinator.records.schema import Assignment
from core.coordinator.records.store import Store
from core.coordinator.rounds import conductor as conductor_module
from core.federation.protocol import TrainInstruction
from core.postprocess.compression import codec
from core.update import Array, ModelUpdate

PEOPLE = ("ada", "ben")
STEP = {"ada": 0.3, "ben": 0.5}
ETA, MU = 0.5, 0.5


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conductor_module, "TICK_S", 0.002)


def walk(name: str, base: dict[str, Array], instruction: TrainInstruction) -> tuple[ModelUpdate, dict[str, float]]:
    """Everybody moves every weight by the same, a little further in each round."""
    step = np.float32(STEP[name] * instruction.server_round)
    return ModelUpdate({key: np.full_like(array, step) for key, array in base.items()}), {"steps": 4.0}


@pytest.fixture
def world(tmp_path: Path) -> Callable[..., InProcess]:
    def make(
        folder: str = "federation",
        aggregation: AggregationTerms | None = None,
        outer: OuterConfig | None = None,
        **changes: Any,
    ) -> InProcess:
        schedule = {"rounds": 3, "cohort_size": 2, "quorum": 1, "late_rounds": 2}
        terms = config(
            privacy=PrivacyTerms(unit="none", relation="none"),
            codec=CodecConfig(name="fp32"),
            outer=outer or OuterConfig(optimizer="fedmom", learning_rate=ETA, momentum=MU),
            aggregation=aggregation or AggregationTerms(),
            schedule=ScheduleConfig(**schedule | changes),
        )
        return InProcess(tmp_path / folder, terms, PEOPLE, walk)

    return make


def slow_in_the_first_round(world: InProcess, delivered_in: int) -> None:
    """Ada's first update comes while a later round is open; the deadline of every round before is over then."""
    world.slow = {("ada", 1)}

    def on_send() -> None:
        current = world.store.open_round()
        assert current is not None
        if current.server_round == delivered_in:
            world.deliver(1)
        if world.held:
            world.pass_deadline()

    world.on_send = on_send


def of(world: InProcess, name: str, server_round: int) -> Assignment:
    return next(item for item in world.store.assignments(server_round) if world.names[item.key_id] == name)


def moved(world: InProcess, server_round: int) -> float:
    """How far the model went from its first weights."""
    first, now = (world.files.weights(world.store.checkpoints()[at].sha256) for at in (0, server_round))
    name = next(iter(first))
    return float(np.mean(first[name].astype(np.float64) - now[name]))


def test_a_late_update_is_folded_in_beside_the_mean_and_not_into_momentum(world: Callable[..., InProcess]) -> None:
    late = world()
    slow_in_the_first_round(late, 2)
    late.conductor().run()
    ada, ben = STEP["ada"], STEP["ben"]
    momentum = [ben, MU * ben + (2 * ada + 2 * ben) / 2]
    momentum.append(MU * momentum[1] + (3 * ada + 3 * ben) / 2)
    folded = ada / math.sqrt(2) / 3
    assert moved(late, 1) == pytest.approx(ETA * momentum[0], abs=1e-5)
    assert moved(late, 2) == pytest.approx(ETA * (momentum[0] + momentum[1] + folded), abs=1e-5)
    assert moved(late, 3) == pytest.approx(ETA * (sum(momentum) + folded), abs=1e-5), "and once only"
    assert [item.late for item in late.store.rounds()] == [0, 1, 0]
    assert [item.volunteers for item in late.store.rounds()] == [1, 2, 2]


def test_its_receipt_is_signed_once_the_checkpoint_is_durable(world: Callable[..., InProcess]) -> None:
    late = world()
    slow_in_the_first_round(late, 2)
    seen: list[object] = []
    close = Store.close_round

    def closing(store: Store, *arguments: Any, **named: Any) -> None:
        item = of(late, "ada", 1)
        if item.kept:
            seen.append(store.receipt(item.update_sha256, item.key_id, 0.0))
            assert late.federation.home.private.has(item.update_sha256)
        close(store, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "close_round", closing)
        late.conductor().run()
    assert seen == [None], "until then there is none"
    item = of(late, "ada", 1)
    receipt = late.store.receipt(item.update_sha256, item.key_id, 0.0)
    assert receipt is not None
    assert (receipt.state, receipt.server_round) == ("accepted", 1)
    assert receipt.reason == "It came late and was folded into round 2 at weight 0.707."
    assert receipt.checkpoint_hash == late.store.checkpoints()[2].sha256
    assert (item.state, item.kept, item.folded) == ("accepted", 0, 2)
    kept = {path.name for path in (late.federation.home.root / "private").iterdir()}
    assert kept == {late.store.checkpoints()[-1].momentum}, "no single volunteer's update"


def test_what_comes_later_than_the_terms_allow_is_told_so(world: Callable[..., InProcess]) -> None:
    late = world(late_rounds=1)
    slow_in_the_first_round(late, 3)
    late.conductor().run()
    item = of(late, "ada", 1)
    receipt = late.store.receipt(item.update_sha256, item.key_id, 0.0)
    assert receipt is not None
    assert receipt.state == "late"
    assert [one.late for one in late.store.rounds()] == [0, 0, 0]


def test_without_late_rounds_nothing_is_kept(world: Callable[..., InProcess]) -> None:
    late = world(late_rounds=0)
    slow_in_the_first_round(late, 2)
    late.conductor().run()
    assert (of(late, "ada", 1).state, of(late, "ada", 1).kept) == ("late", 0)
    assert [one.late for one in late.store.rounds()] == [0, 0, 0]


def test_a_late_update_closes_no_round_that_has_no_quorum_of_its_own(
    world: Callable[..., InProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    late = world(late_rounds=1)
    slow_in_the_first_round(late, 2)
    late.slow |= {("ada", 2), ("ben", 2)}
    begun, shift = conductor_module.time.time(), [0.0]
    monkeypatch.setattr(conductor_module.time, "time", lambda: begun + shift[0])
    uploading = late.uploading

    def passing(server_round: int) -> frozenset[str]:
        if server_round == 2:
            late.held.clear()
            shift[0] += 4_000.0
        return uploading(server_round)

    late.uploading = passing  # type: ignore[method-assign]
    late.conductor().run()
    assert [item.state for item in late.store.rounds()] == ["closed", "void", "closed"]
    assert late.store.rounds()[2].late == 0, "by the round after it is too old"
    item = of(late, "ada", 1)
    receipt = late.store.receipt(item.update_sha256, item.key_id, 0.0)
    assert receipt is not None
    assert (receipt.state, receipt.reason) == ("late", "The update came too late to be folded into a round.")
    assert (item.state, item.kept) == ("late", 0)


def test_after_the_last_round_who_waits_is_told(world: Callable[..., InProcess]) -> None:
    late = world(rounds=2)
    late.slow = {("ada", 2)}
    late.on_send = lambda: late.pass_deadline() if late.held else None
    late.conductor().run()
    late.store.settle(dataclasses.replace(of(late, "ada", 2), state="late", kept=1, update_sha256="c" * 64))
    late.conductor().run()
    item = of(late, "ada", 2)
    receipt = late.store.receipt(item.update_sha256, item.key_id, 0.0)
    assert receipt is not None
    assert (item.kept, receipt.state) == (0, "late")


def test_a_late_update_that_the_disk_lost_holds_nobody_up(world: Callable[..., InProcess]) -> None:
    late = world()
    slow_in_the_first_round(late, 2)
    put = late.federation.home.private.put
    stored: list[str] = []

    def losing(data: bytes) -> str:
        sha256 = put(data)
        stored.append(sha256)
        if len(stored) == 4:  # one in time, two of the second round, then ada's
            late.federation.home.private.path(sha256).write_bytes(b"gone")
        return sha256

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(late.federation.home.private, "put", losing)
        late.conductor().run()
    item = of(late, "ada", 1)
    assert item.update_sha256 == stored[3]
    receipt = late.store.receipt(item.update_sha256, item.key_id, 0.0)
    assert receipt is not None
    assert receipt.state == "late"
    assert "lost" in receipt.reason
    assert [one.state for one in late.store.rounds()] == ["closed"] * 3


def test_a_late_update_counts_for_no_more_than_a_usual_one(world: Callable[..., InProcess]) -> None:
    late = world(aggregation=AggregationTerms(norm_bound="median"))
    slow_in_the_first_round(late, 2)
    train = late._train

    def huge(name: str, base: dict[str, Array], told: TrainInstruction) -> tuple[ModelUpdate, dict[str, float]]:
        update, metrics = train(name, base, told)
        if (name, told.server_round) == ("ada", 1):
            update = ModelUpdate({key: 20 * array for key, array in update.arrays.items()})
        return update, metrics

    late._train = huge
    late.conductor().run()
    assert of(late, "ada", 1).folded == 2
    bound = 0.6  # the median of ben's 0.5, and of 0.6 and 1.0 in the second round
    folded = bound / math.sqrt(2) / 3
    momentum = MU * 0.5 + (bound + bound) / 2
    assert moved(late, 2) == pytest.approx(ETA * (0.5 + momentum + folded), abs=1e-5)


def test_a_late_update_that_leads_to_infinity_ends_no_round(
    world: Callable[..., InProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing bounds it here."""
    monkeypatch.setattr(codec, "LARGEST", np.inf)  # a volunteer who wrote an encoder
    late = world(outer=OuterConfig(optimizer="fedavg", learning_rate=10.0))
    slow_in_the_first_round(late, 2)
    train = late._train

    def huge(name: str, base: dict[str, Array], told: TrainInstruction) -> tuple[ModelUpdate, dict[str, float]]:
        update, metrics = train(name, base, told)
        if (name, told.server_round) == ("ada", 1):
            update = ModelUpdate({key: np.full_like(array, 3e38) for key, array in update.arrays.items()})
        return update, metrics

    late._train = huge
    late.conductor().run()
    assert [(item.state, item.late) for item in late.store.rounds()] == [("closed", 0)] * 3
    item = of(late, "ada", 1)
    receipt = late.store.receipt(item.update_sha256, item.key_id, 0.0)
    assert receipt is not None
    assert receipt.state == "late"
    assert "not finite" in receipt.reason


@pytest.mark.parametrize("moment", ["before the mean", "before the last transaction", "after it"])
def test_killed_while_it_folds_one_in_the_checkpoint_is_the_same(
    world: Callable[..., InProcess], monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    control = world("control")
    slow_in_the_first_round(control, 2)
    control.conductor().run()
    killed = world("killed")
    slow_in_the_first_round(killed, 2)
    fired: list[str] = []
    close, opened = Store.close_round, Store.kept

    def dying(store: Store, closed: Any, *arguments: Any) -> None:
        if closed.server_round == 2 and not fired and moment != "before the mean":
            fired.append(moment)
            if moment == "after it":
                close(store, closed, *arguments)
            raise Killed
        close(store, closed, *arguments)

    def reading(store: Store) -> list[Assignment]:
        found = opened(store)
        if found and not fired and moment == "before the mean" and len(store.checkpoints()) == 2:
            fired.append(moment)
            raise Killed
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Store, "close_round", dying)
        patch.setattr(Store, "kept", reading)
        with pytest.raises(Killed):
            killed.conductor().run()
        killed.conductor().run()
    assert fired == [moment]
    control_models, models = (
        [{n: a.tobytes() for n, a in one.files.weights(item.sha256).items()} for item in one.store.checkpoints()]
        for one in (control, killed)
    )
    assert models == control_models
    assert [item.late for item in killed.store.rounds()] == [0, 1, 0]
    assert of(killed, "ada", 1).folded == 2
