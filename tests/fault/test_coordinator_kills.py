"""The ServerApp's own work killed by SIGKILL at every write, over and over: the model comes out as if nothing happened.

Conductor, admission, aggregation, outer step, blobs and database are the real ones; volunteers answer in the same
process, and what they were ever asked to compute is noted outside of it. The Flower processes around it are killed in
``tests/integration/test_coordinator.py`` and ``tests/fault/test_crashes.py``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.federation import config
from support.in_process import InProcess

from core.config.exchange import CodecConfig, DownlinkTerms, ScheduleConfig
from core.config.learning import OuterConfig
from core.config.privacy import PrivacyTerms
from core.coordinator.records import blobs, database
from core.coordinator.rounds.admission import RawReply
from core.coordinator.rounds.letters import Letter
from core.federation.protocol import TrainInstruction
from core.update import Array, ModelUpdate

PEOPLE = ("ada", "ben", "cem")
EVERY = 1 if os.environ.get("HEDGEROW_CAMPAIGN") else 6
"""Points between two kills: all of them in the campaign."""
TERMS = config(
    privacy=PrivacyTerms(unit="none", relation="none"),
    outer=OuterConfig(optimizer="fedmom", learning_rate=0.7, momentum=0.9),
    downlink=DownlinkTerms(mode="delta", codec=CodecConfig(name="int8")),
    schedule=ScheduleConfig(rounds=2, cohort_size=3, quorum=3),
)


def drift(name: str, base: dict[str, Array], instruction: TrainInstruction) -> tuple[ModelUpdate, dict[str, float]]:
    generator = np.random.default_rng([instruction.server_round, ord(name[0])])
    update = {key: generator.normal(0, 0.01, array.shape).astype(np.float32) for key, array in base.items()}
    return ModelUpdate(update), {"steps": float(instruction.local_steps)}


class Lasting(InProcess):
    """Notes for good who was asked to compute what: the same question again is answered with what was sealed."""

    asked: Path

    def _reply(self, letter: Letter) -> RawReply:
        base = str(letter.record["base_hash"])
        (self.asked / f"{self.names[letter.key_id]}-{letter.server_round}-{base[:8]}").touch()
        return super()._reply(letter)


def life(world: Lasting, at: int | None) -> tuple[int, int]:
    """Fork, run the conductor, and kill it at one of its points; exit status, and how many points it passed."""
    said, tell = os.pipe()
    child = os.fork()
    if not child:
        os.close(said)
        with contextlib.suppress(BaseException):
            _live(world, at, tell)
        os._exit(1)
    os.close(tell)
    with os.fdopen(said, "rb") as stream:
        points = stream.read()
    _, status = os.waitpid(child, 0)
    return status, len(points)


def _live(world: Lasting, at: int | None, tell: int) -> None:
    passed = 0

    def point() -> None:
        nonlocal passed
        if passed == at:
            os.kill(os.getpid(), signal.SIGKILL)
        passed += 1
        os.write(tell, b".")

    def around(before: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            point()
            found = before(*arguments, **named)
            point()
            return found

        return wrapped

    write = database.Database._write

    @contextlib.contextmanager
    def written(self: database.Database) -> Iterator[sqlite3.Connection]:
        point()
        with write(self) as db:
            yield db
            point()
        point()

    database.Database._write = written  # type: ignore[method-assign,assignment]
    for name in ("put", "put_parts", "remove"):
        setattr(blobs.BlobStore, name, around(getattr(blobs.BlobStore, name)))
    world.send = around(world.send)  # type: ignore[method-assign]
    world.store = world.federation.store()
    world.store.take_claim()
    world.conductor().run()
    os._exit(0)


def made(folder: Path) -> Lasting:
    world = Lasting(folder / "federation", TERMS, PEOPLE, drift)
    world.asked = folder / "asked"
    world.asked.mkdir()
    world.store.close()
    return world


def outcome(world: Lasting) -> dict[str, Sequence[Any]]:
    """What must not depend on any death."""
    store = world.federation.store()
    try:
        private = sorted(path.name for path in (world.federation.home.root / "private").iterdir())
        return {
            "checkpoints": [(c.server_round, c.sha256, c.delta, c.momentum, c.residual) for c in store.checkpoints()],
            "rounds": [(r.server_round, r.state, r.volunteers, r.pseudo_gradient_norm) for r in store.rounds()],
            "private": private,
            "computed": sorted(path.name for path in world.asked.iterdir()),
        }
    finally:
        store.close()


@pytest.fixture
def control(tmp_path: Path) -> tuple[Lasting, dict[str, Sequence[Any]], int]:
    """A federation before its first round, what it comes to undisturbed, and how many points that has."""
    world = made(tmp_path)
    copy = tmp_path.parent / f"{tmp_path.name}-before"
    shutil.copytree(tmp_path, copy)
    status, points = life(world, None)
    assert status == 0
    found = outcome(world)
    restore(copy, tmp_path)
    return world, found, points


def restore(copy: Path, folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path)
    shutil.copytree(copy, folder, dirs_exist_ok=True)


def test_killed_at_every_write_the_model_is_the_same(
    control: tuple[Lasting, dict[str, Sequence[Any]], int], tmp_path: Path
) -> None:
    world, expected, points = control
    copy = tmp_path.parent / f"{tmp_path.name}-before"
    assert points > 60, "there is something to kill"
    assert expected["rounds"][-1][:3] == (2, "closed", 3)
    for at in range(0, points, EVERY):
        restore(copy, tmp_path)
        status, _ = life(world, at)
        assert os.WIFSIGNALED(status), f"point {at} was not reached"
        status, _ = life(world, None)
        assert status == 0, f"after a death at point {at} it does not go on"
        found = outcome(world)
        assert found == expected, f"a death at point {at} changed something"


def test_killed_again_and_again_it_still_ends(
    control: tuple[Lasting, dict[str, Sequence[Any]], int], tmp_path: Path
) -> None:
    world, expected, points = control
    generator, deaths = np.random.default_rng(1), 0
    for _ in range(200):
        status, _ = life(world, int(generator.integers(points // 3)))
        if status == 0:
            break
        deaths += 1
    else:
        life(world, None)
    assert deaths > 3
    assert outcome(world) == expected
