"""Rounds over shards on a real folder: who trains what, what moves, what is stored and what is refused."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.federation import config
from support.in_process import InProcess

from core.config.exchange import CodecConfig, ScheduleConfig
from core.config.learning import OuterConfig
from core.config.model import ModelSpec, ShardConfig
from core.config.privacy import PrivacyTerms
from core.coordinator.rounds import conductor as conductor_module
from core.federation.protocol import Receipt, TrainInstruction
from core.model.parts import read_index
from core.model.shard import parse_shard, units
from core.update import Array, ModelUpdate

MODEL = ModelSpec(
    preset="test", vocab_size=256, num_layers=4, d_model=16, num_heads=2, d_ff=32, max_seq_len=64
)  # fmt: skip
STEP = 0.25


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conductor_module, "TICK_S", 0.002)


def step(name: str, base: dict[str, Array], shard: str, server_round: int) -> tuple[ModelUpdate, dict[str, float]]:
    """Every volunteer wants the weights of a shard lower by ``STEP``, and no two say so in the same bytes."""
    wish = STEP + 1e-5 * int(name[1:]) + 1e-6 * server_round
    names = parse_shard(MODEL, shard).shapes()
    return ModelUpdate({key: np.full_like(base[key], wish) for key in names}), {"steps": 4.0}


def one_step(name: str, base: dict[str, Array], instruction: TrainInstruction) -> tuple[ModelUpdate, dict[str, float]]:
    return step(name, base, instruction.shard, instruction.server_round)


@pytest.fixture
def house(tmp_path: Path) -> Callable[..., InProcess]:
    def make(volunteers: int, shards: int, train: Any = one_step, **changes: Any) -> InProcess:
        terms = config(
            model=MODEL,
            privacy=PrivacyTerms(unit="none", relation="none"),
            codec=CodecConfig(name="fp32"),
            shard=ShardConfig(mode="blocks", count=shards),
            schedule=ScheduleConfig(rounds=3, cohort_size=volunteers, quorum=volunteers, deadline_s=30.0),
            **changes,
        )
        return InProcess(tmp_path / "federation", terms, [f"v{n}" for n in range(volunteers)], train)

    return make


def drawn(here: InProcess, server_round: int) -> dict[str, str]:
    return {item.key_id: item.shard for item in here.store.assignments(server_round)}


def test_every_shard_is_trained_each_round_and_moves_by_its_share_of_the_mean(
    house: Callable[..., InProcess],
) -> None:
    here = house(4, 3)
    here.conductor().run()
    checkpoints = here.store.checkpoints()
    assert [item.state for item in here.store.rounds()] == ["closed"] * 3
    for before, after in itertools.pairwise(checkpoints):
        counts = Counter(drawn(here, after.server_round).values())
        assert set(counts) == {"embedding", "blocks:0-1", "blocks:2-3"}
        assert sorted(counts.values()) == [1, 1, 2]
        base, moved = here.files.weights(before.sha256), here.files.weights(after.sha256)
        for shard, trainers in counts.items():
            for name in parse_shard(MODEL, shard).shapes():
                assert np.allclose(base[name] - moved[name], STEP * trainers / 3, atol=1e-4), name
    assert len({tuple(sorted(drawn(here, t).items())) for t in (1, 2, 3)}) > 1, "it is a lottery"
    sizes = here.store.round(1)
    assert sizes is not None
    assert 0 < sizes.dense_bytes < 4 * 4 * sum(array.size for array in base.values())


def test_a_shard_nobody_trains_keeps_its_weights_momentum_and_blobs(house: Callable[..., InProcess]) -> None:
    here = house(2, 5, outer=OuterConfig(learning_rate=0.5, momentum=0.9))
    here.conductor().run()
    files, blobs = here.files, here.federation.home.blobs
    with files.opened_state(here.store.latest_checkpoint().momentum) as stored:
        assert stored is not None
        momentum = dict(stored)
    checkpoints = here.store.checkpoints()
    for before, after in itertools.pairwise(checkpoints):
        trained = set(drawn(here, after.server_round).values())
        assert len(trained) == 2
        old, new = (read_index(blobs.read(item.sha256), MODEL) for item in (before, after))
        for one, other, unit in zip(old.parts, new.parts, units(MODEL), strict=True):
            assert (one == other) is (unit.name not in trained), unit.name
    ever = {shard for t in (1, 2, 3) for shard in drawn(here, t).values()}
    for unit in units(MODEL):
        assert any(momentum[name].any() for name in unit.shapes()) is (unit.name in ever)


def test_an_update_of_another_shard_than_was_drawn_is_refused(house: Callable[..., InProcess]) -> None:
    def cheat(name: str, base: dict[str, Array], instruction: TrainInstruction) -> tuple[ModelUpdate, dict[str, float]]:
        shard = "embedding" if instruction.shard != "embedding" else "blocks:0-1"
        return step(name, base, shard if name == "v0" else instruction.shard, instruction.server_round)

    here = house(3, 3, cheat)
    terms = here.federation.config.schedule
    assert terms.quorum == 3
    cheater = next(key for key, name in here.names.items() if name == "v0")
    with pytest.raises(_Ended):
        _until_refused(here, cheater)
    (item,) = (item for item in here.store.assignments(1) if item.key_id == cheater)
    assert item.state == "refused"
    assert "bytes instead of" in item.reason


class _Ended(Exception):
    """Enough was seen."""


def _until_refused(here: InProcess, key_id: str) -> None:
    conductor = here.conductor()
    settle = here.store.settle

    def watched(assignment: Any, receipt: Receipt | None = None) -> None:
        settle(assignment, receipt)
        if assignment.key_id == key_id and assignment.state == "refused":
            raise _Ended

    here.store.settle = watched  # type: ignore[method-assign]
    conductor.run()


def test_a_killed_coordinator_continues_with_the_same_shards(house: Callable[..., InProcess]) -> None:
    class Killed(BaseException):
        pass

    def die(name: str, base: dict[str, Array], instruction: TrainInstruction) -> tuple[ModelUpdate, dict[str, float]]:
        if instruction.server_round == 2 and not seen:
            seen.append(drawn(here, 2))
            raise Killed
        return one_step(name, base, instruction)

    seen: list[dict[str, str]] = []
    here = house(3, 3, die)
    with pytest.raises(Killed):
        here.conductor().run()
    here.store.take_claim()
    here.conductor().run()
    assert drawn(here, 2) == seen[0]
    assert [item.state for item in here.store.rounds()] == ["closed"] * 3


def test_a_checkpoint_in_parts_can_be_one_file_for_a_child(house: Callable[..., InProcess]) -> None:
    from core.model.checkpoint_io import read_weights

    here = house(1, 2)
    sha256 = here.store.latest_checkpoint().sha256
    with here.files.as_one_file(sha256) as path:
        whole = read_weights(path, MODEL)
    assert not path.exists()
    assert all(np.array_equal(array, whole[name]) for name, array in here.files.weights(sha256).items())
