"""Letters over Flower's grid: many at a time, and replies looked for no more often than a small machine bears."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from support.live_federation import wait_for

from core.coordinator import server_app
from core.coordinator.rounds.letters import Letter
from core.coordinator.server_app import GridTransport, look_again_s
from core.coordinator.web.spool import Spool


class Grid:
    """Takes messages, refuses every tenth, and never has a reply."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.pulled: set[str] = set()

    def push_messages(self, messages: Iterable[object]) -> list[str | None]:
        some = list(messages)
        self.batches.append(len(some))
        first = sum(self.batches[:-1])
        return [None if (first + number) % 10 == 9 else f"{first + number}" for number in range(len(some))]

    def pull_messages(self, message_ids: list[str]) -> list[object]:
        self.pulled.update(message_ids)
        return []


def letter(number: int) -> Letter:
    return Letter(
        server_round=1, key_id=f"{number:064x}", node_id=str(number + 1), nonce=bytes(16), record={}, ttl_s=60.0
    )  # fmt: skip


def test_letters_go_out_many_at_a_time_and_each_refusal_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_app, "PULL_INTERVAL_S", 0.01)
    monkeypatch.setattr(server_app, "LOOKS_PER_S", 10_000)
    monkeypatch.setattr(server_app, "_message", lambda one: one)  # Flower makes messages inside a task only
    grid = Grid()
    transport = GridTransport(grid, Spool(tmp_path))  # type: ignore[arg-type]
    transport.send([letter(number) for number in range(70)])
    assert grid.batches == [32, 32, 6]
    refused = {int(answer.letter.key_id, 16) for answer in transport.answers()}
    assert refused == {9, 19, 29, 39, 49, 59, 69}
    end = time.monotonic() + 10
    while len(grid.pulled) < 63:
        assert time.monotonic() < end
        time.sleep(0.01)
    transport._broken = RuntimeError("over")


def test_a_reply_is_looked_for_as_soon_as_the_update_before_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_app, "PULL_INTERVAL_S", 60.0)
    monkeypatch.setattr(server_app, "GLANCE_S", 0.02)
    monkeypatch.setattr(server_app, "_message", lambda one: one)
    grid, spool, one, other = Grid(), Spool(tmp_path), letter(0), letter(1)
    transport = GridTransport(grid, spool)  # type: ignore[arg-type]
    transport.send([one, other])
    data = b"an update"
    sha256 = hashlib.sha256(data).hexdigest()
    wait_for(lambda: grid.pulled == {"0", "1"}, 10, "a first look for both")
    grid.pulled.clear()
    spool.write(one.key_id, sha256, 0, data)
    time.sleep(0.2)
    assert not grid.pulled, "it is not whole"
    assert spool.finish(one.key_id, sha256)
    wait_for(lambda: grid.pulled, 10, "a second look")
    assert grid.pulled == {"0"}, "nothing came from the other"
    transport._broken = RuntimeError("over")
    old = time.time() - server_app.FOLLOWS_S - 1
    os.utime(spool.path(one.key_id, sha256), (old, old))
    assert not spool.arrived(one.key_id, time.time() - server_app.FOLLOWS_S), "one whose reply never came"


def test_a_reply_is_looked_for_in_proportion_to_what_it_takes() -> None:
    assert look_again_s(0.0, 0.1) == server_app.PULL_INTERVAL_S
    assert look_again_s(500.0, 0.1) == 10.0
    assert look_again_s(86_400.0, 0.1) == server_app.LONGEST_INTERVAL_S
    assert look_again_s(0.0, 8.0) == 8.0, "128 are waited for"
