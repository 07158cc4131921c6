"""Two trainers that share a round under DP-SGD, one of them killed at random: the round seals what it would have.

Real trainers in their real sandbox, as the engine starts them. Copies of one round share its key: one is left alone,
in the other one member after another is killed; the same numbers of devices give the same bits, so any noise or draw
that were made anew, twice, or by both, would show in the sealed bytes.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
from pathlib import Path

import msgspec
import psutil
import pytest
from support.real_round import KEY, real_job, sealed_bytes, write_words

from core import jobs
from core.engine import group
from core.engine.children import ChildDied
from core.training.round import SEALED_NAME

pytestmark = pytest.mark.slow

CAMPAIGN = bool(os.environ.get("HEDGEROW_CAMPAIGN"))
KILLS = 40 if CAMPAIGN else 3
STEPS = 30


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> jobs.ShardRef:
    return write_words(tmp_path_factory.mktemp("store"))


def live(job: jobs.TrainJob, logs: Path, kill_at: int | None, chance: random.Random) -> tuple[bool, int]:
    """One life of the group; whether it sealed, and at which step it began.

    Args:
        job: the round.
        logs: where the trainers write.
        kill_at: after so many messages about progress one of them is killed; ``None`` leaves them alone.
        chance: chooses whom.
    """

    async def main() -> tuple[bool, int]:
        child = await group.start(job, key=KEY, interpreter="", logs=logs, threads=1)
        assert isinstance(child, group.Group)
        pids = [child.pid, *(sibling.pid for sibling in child.siblings)]
        steps: list[int] = []
        try:
            async for message in child.messages():
                if isinstance(message, jobs.ChargeRequest):
                    await child.send(jobs.Grant(charge_id=5))
                if isinstance(message, jobs.Progress):
                    steps.append(message.step)
                    if len(steps) == kill_at:
                        os.kill(chance.choice(pids), signal.SIGKILL)
                if isinstance(message, jobs.Sealed):
                    return True, steps[0] if steps else 0
            raise AssertionError("the group ended without a word")
        except ChildDied:
            assert not any(psutil.pid_exists(pid) for pid in pids), "if one dies, all end"
            return False, steps[0] if steps else 0
        finally:
            await child.kill()

    return asyncio.run(main())


@pytest.mark.parametrize("unit", ["record", "document"])
def test_whoever_is_killed_the_round_is_sealed_as_it_would_have_been(
    tmp_path: Path, shard: jobs.ShardRef, unit: str
) -> None:
    chance = random.Random(7)
    plan = jobs.PrivacyPlan(
        unit=unit, clip_norm=1.0, noise_multiplier=0.8, sampling_prob=0.2, steps=STEPS, units=40,  # type: ignore[arg-type]
        windows_per_document=2 if unit == "document" else 1,
    )  # fmt: skip
    first = real_job(
        tmp_path, shard, "record", "first", privacy=plan, local_steps=STEPS, checkpoint_interval_s=0.0,
        devices=("cpu", "cpu"), strategy="",
    )  # fmt: skip
    done, _ = live(first, tmp_path, 3, chance)
    assert not done
    assert list(Path(first.round_dir).glob("checkpoint.*")), "there is a key to go on with"

    def copy(name: str) -> jobs.TrainJob:
        folder = shutil.copytree(first.round_dir, tmp_path / name)
        return msgspec.structs.replace(first, round_dir=str(folder), state_dir=str(tmp_path / f"{name}-state"))

    alone = copy("alone")
    assert live(alone, tmp_path, None, chance)[0]
    kills = went_on = rounds = 0
    while kills < KILLS:
        job, done, rounds = copy(f"killed-{rounds}"), False, rounds + 1
        while not done:
            done, began = live(job, tmp_path, chance.randrange(1, 8) if kills < KILLS else None, chance)
            kills += not done
            went_on += began > 0
            assert not (done ^ (Path(job.round_dir) / SEALED_NAME).exists())
        assert sealed_bytes(job) == sealed_bytes(alone), f"after {kills} kills"
    print(f"{unit}: {kills} kills of one of two trainers over {rounds} rounds, {went_on} lives went on")
    assert went_on >= KILLS // 2
