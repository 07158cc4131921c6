"""Two devices of one machine in a real federation: they train apart in one round, and step by step in the next.

A sibling is killed while a round is under way, and its owner pauses it; ``make test`` takes the first round and the
kill, ``make campaign`` all of it. The engine's loops, its children in their sandbox, the coordinator and the wire are
real; only how the devices share a round is told instead of measured.
"""

from __future__ import annotations

import os
import signal
import sqlite3
from pathlib import Path
from pydoc_data import topics

import psutil
import pytest
from support.engine_here import EngineHere
from support.live_federation import federation, wait_for

from core.api.messages.federations import FederationParams
from core.api.messages.machine import LimitsParams
from core.engine import children, machine
from core.engine.group import Group

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

CAMPAIGN = bool(os.environ.get("HEDGEROW_CAMPAIGN"))
ROUNDS = 2 if CAMPAIGN else 1
STEPS, BATCH, LENGTH = 80, 8, 64
OPTIONS = {
    "name": "Two devices", "preset": "tiny", "privacy": "none", "rounds": ROUNDS, "cohort": 1, "quorum": 1,
    "local-steps": STEPS, "batch-size": BATCH, "seq-len": LENGTH, "deadline": 300,
}  # fmt: skip


def trainers(one: EngineHere) -> list[int]:
    """Leader and siblings of the round that is trained now."""
    assert one.engine is not None
    group = one.engine.governor._child
    return [group.pid, *(each.pid for each in group.siblings)] if isinstance(group, Group) else []


def step_of(one: EngineHere, server_round: int) -> int:
    """Steps done of a round, while it is trained."""
    progress = one.status().round
    at_it = progress is not None and progress.phase == "training" and progress.server_round == server_round
    return progress.step if progress is not None and at_it else -1


def begun(one: EngineHere, server_round: int) -> list[int]:
    """Wait until a round is under way; its trainers."""
    wait_for(
        lambda: len(trainers(one)) == 2 and step_of(one, server_round) >= 5, 90, f"round {server_round} by two", 0.02
    )  # fmt: skip
    assert step_of(one, server_round) < STEPS - 5, "what is done to it has to happen in its middle"
    return trainers(one)


def kill_a_sibling(one: EngineHere, server_round: int) -> None:
    """As the system does when memory is short; the leader must not outlive it."""
    pids = begun(one, server_round)
    os.kill(pids[1], signal.SIGKILL)
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in pids), 10, "the end of both trainers")


def pause_and_resume(one: EngineHere, server_round: int) -> None:
    """As the owner does."""
    pids = begun(one, server_round)
    one.call("pause")
    assert not any(psutil.pid_exists(pid) for pid in pids)
    one.call("resume")


@pytest.mark.campaign
def test_two_devices_share_a_round_and_send_one_update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "PAUSE_S", 30.0)  # a busy machine must not turn the pause into a kill
    strategy = ["local"]
    monkeypatch.setattr(machine, "strategy", lambda config, devices: strategy[0])
    text = tmp_path / "text"
    text.mkdir()
    (text / "topics.txt").write_text("\n\n".join(str(v) for v in topics.topics.values())[:300_000])
    with federation(tmp_path, **OPTIONS) as (coordinator, _, _link):
        one = EngineHere(tmp_path / "here" / "home")
        try:
            coordinator.start()
            one.start()
            one.call("limits.set", LimitsParams(key="devices", value="cpu,cpu"))
            one.call("limits.set", LimitsParams(key="checkpoint_interval_s", value="1"))
            one.join(coordinator.invite(), one.add_text(text))
            one.call("start")
            kill_a_sibling(one, 1)
            if CAMPAIGN:
                pause_and_resume(one, 1)
                strategy[0] = "ddp"
                wait_for(lambda: len(coordinator.closed_rounds()) >= 1, 90, "the first round")
                kill_a_sibling(one, 2)
                pause_and_resume(one, 2)
            wait_for(lambda: len(coordinator.closed_rounds()) >= ROUNDS, 90, "the last round")
            uploads = wait_for(
                lambda: (found := one.call("uploads.list").uploads)[-1:] and all(u.state == "accepted" for u in found)
                and found, 30, "receipts",
            )  # fmt: skip
            assert sorted(upload.server_round for upload in uploads) == [*range(1, ROUNDS + 1)]
            given = one.status().contribution
            state = one.home / "rounds" / "state"
            assert len(list(state.glob("*/moments-*"))) == 1, "the leader's; a node's lie in a folder of its own"
            (left,) = one.status().federations
            one.call("federation.leave", FederationParams(federation_id=left.federation_id))
            assert not list(state.iterdir())
        finally:
            one.stop()
    with sqlite3.connect(f"file:{one.home / 'ledger.db'}?mode=ro", uri=True) as db:
        charges = db.execute("SELECT release_id, COUNT(*) FROM charges GROUP BY release_id").fetchall()
    assert [count for _, count in charges] == [1] * ROUNDS
    assert given.tokens == (1 + ROUNDS) * STEPS * BATCH * LENGTH, "apart, each device trains all steps"
