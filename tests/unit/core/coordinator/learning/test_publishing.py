"""Checkpoints sent as differences: what volunteers make of them is the federation's model, whatever crashes."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from support.federation import config
from support.in_process import InProcess

from core.config.exchange import CodecConfig, DownlinkTerms, ScheduleConfig
from core.config.federation import FederationConfig
from core.config.learning import OuterConfig
from core.config.privacy import PrivacyTerms
from core.coordinator.learning.publishing import delta_bytes, worth_it
from core.engine.deltas import Step, advance
from core.federation.protocol import MAX_DELTAS, Delta, TrainInstruction, read_instruction
from core.update import Array, ModelUpdate

PEOPLE = ("ada", "ben")
TERMS: FederationConfig = config(
    privacy=PrivacyTerms(unit="none", relation="none"),
    outer=OuterConfig(optimizer="fedmom", learning_rate=0.7, momentum=0.5),
    downlink=DownlinkTerms(mode="delta", codec=CodecConfig(name="int8")),
    schedule=ScheduleConfig(rounds=4, cohort_size=2, quorum=2),
)


def drift(name: str, base: dict[str, Array], instruction: TrainInstruction) -> tuple[ModelUpdate, dict[str, float]]:
    generator = np.random.default_rng([instruction.server_round, len(name), ord(name[0])])
    update = {key: generator.normal(0, 0.01, array.shape).astype(np.float32) for key, array in base.items()}
    return ModelUpdate(update), {"steps": float(instruction.local_steps)}


@pytest.fixture
def world(tmp_path: Path) -> InProcess:
    return InProcess(tmp_path / "federation", TERMS, PEOPLE, drift)


def test_the_differences_lead_from_the_first_weights_to_the_last(world: InProcess, tmp_path: Path) -> None:
    world.conductor().run()
    checkpoints, blobs = world.store.checkpoints(), world.federation.home.blobs
    folder = tmp_path / "volunteer"
    folder.mkdir()
    (folder / checkpoints[0].sha256).write_bytes(blobs.read(checkpoints[0].sha256))
    for before, after in itertools.pairwise(checkpoints):
        assert after.parent == before.sha256
        assert blobs.path(after.delta).stat().st_size == after.delta_bytes == delta_bytes(world.federation.config)
        step = Step(before.sha256, after.delta, after.sha256)
        advance(folder, step, blobs.path(after.delta), world.federation.config)
        assert (folder / after.sha256).read_bytes() == blobs.read(after.sha256)
    assert 4 * checkpoints[-1].delta_bytes < 1.1 * checkpoints[-1].size_bytes


def test_an_instruction_says_how_to_catch_up(world: InProcess) -> None:
    world.conductor().run()
    told = [read_instruction(batch[0].record) for batch in world.letters]
    hashes = [item.sha256 for item in world.store.checkpoints()]
    assert [len(one.delta_chain) for one in told] == [0, 1, 1, 1], "two would cost more than half of the whole"
    assert [one.delta_chain[0].parent for one in told[1:]] == hashes[:3]
    everything = world.store.deltas_to(hashes[3])
    assert [delta.parent for delta in everything] == hashes[2::-1]


def test_only_what_is_worth_it_is_named() -> None:
    chain = [Delta(f"{n:064x}", f"{n:064x}") for n in range(MAX_DELTAS)]
    assert len(worth_it(chain, 100, 1_000)) == 5
    assert len(worth_it(chain, 1, 1_000_000)) == MAX_DELTAS
    assert not worth_it(chain, 600, 1_000)
    assert not worth_it(chain, 0, 1_000)


def test_nothing_of_the_model_gets_lost_on_the_way(tmp_path: Path) -> None:
    """What volunteers hold and what is held back is what whole checkpoints would have been, but for rounding."""
    delta = InProcess(tmp_path / "delta", TERMS, PEOPLE, drift)
    terms = config(privacy=TERMS.privacy, outer=TERMS.outer, schedule=TERMS.schedule)
    whole = InProcess(tmp_path / "whole", terms, PEOPLE, drift)
    for one in (delta, whole):
        one.conductor().run()
    newest = delta.store.latest_checkpoint()
    sent, exact = delta.files.weights(newest.sha256), whole.files.weights(whole.store.latest_checkpoint().sha256)
    with delta.files.opened_state(newest.residual) as residual:
        assert residual is not None
        held_back = dict(residual)
    assert any(np.abs(array).max() > 0 for array in held_back.values())
    for name, array in sent.items():
        assert np.allclose(array + held_back[name], exact[name], atol=1e-5)


def test_a_crash_before_the_last_write_gives_the_same_checkpoint(world: InProcess, tmp_path: Path) -> None:
    again = InProcess(tmp_path / "again", TERMS, PEOPLE, drift)
    world.conductor().run()
    conductor = again.conductor()
    close, torn = again.store.close_round, []

    def once(*arguments: object) -> None:
        if not torn:
            torn.append(arguments)
            raise KeyboardInterrupt
        close(*arguments)  # type: ignore[arg-type]

    again.store.close_round = once  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        conductor.run()
    again.conductor().run()
    assert torn
    names = [item.sha256 for item in again.store.checkpoints()]
    assert names == [item.sha256 for item in world.store.checkpoints()]


def test_only_the_newest_state_is_kept(world: InProcess) -> None:
    world.conductor().run()
    newest = world.store.latest_checkpoint()
    kept = {path.name for path in (world.federation.home.root / "private").iterdir()}
    assert kept == {newest.momentum, newest.residual} == set(newest.state)
    assert len(kept) == 2
