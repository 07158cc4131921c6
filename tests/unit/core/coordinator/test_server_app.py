"""Letters over Flower's grid: many at a time, and replies looked for no more often than a small machine bears."""

from __future__ import annotations

import time
from collections.abc import Iterable

import pytest

from core.coordinator import server_app
from core.coordinator.rounds.letters import Letter
from core.coordinator.server_app import GridTransport, look_again_s


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


def test_letters_go_out_many_at_a_time_and_each_refusal_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_app, "PULL_INTERVAL_S", 0.01)
    monkeypatch.setattr(server_app, "LOOKS_PER_S", 10_000)
    monkeypatch.setattr(server_app, "_message", lambda one: one)  # Flower makes messages inside a task only
    grid = Grid()
    transport = GridTransport(grid)  # type: ignore[arg-type]
    transport.send([letter(number) for number in range(70)])
    assert grid.batches == [32, 32, 6]
    refused = {int(answer.letter.key_id, 16) for answer in transport.answers()}
    assert refused == {9, 19, 29, 39, 49, 59, 69}
    end = time.monotonic() + 10
    while len(grid.pulled) < 63:
        assert time.monotonic() < end
        time.sleep(0.01)
    transport._broken = RuntimeError("over")


def test_a_reply_is_looked_for_in_proportion_to_what_it_takes() -> None:
    assert look_again_s(0.0, 0.1) == server_app.PULL_INTERVAL_S
    assert look_again_s(500.0, 0.1) == 10.0
    assert look_again_s(86_400.0, 0.1) == server_app.LONGEST_INTERVAL_S
    assert look_again_s(0.0, 8.0) == 8.0, "128 are waited for"
