"""What is waited for, and for how long, without a network."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.federation import config

from core.config.node import MIN_MBIT_S
from core.coordinator.founding import found
from core.coordinator.home import HostSettings
from core.coordinator.web import gateway, patience
from core.federation.protocol import MAX_POLL_S


def test_the_slowest_line_an_owner_may_set_is_fast_enough() -> None:
    assert patience.SLOWEST_BYTES_PER_S < MIN_MBIT_S * 1e6 / 8 / 2
    assert patience.longest_s(0) == patience.PATIENCE_S


def test_who_does_not_read_the_answer_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    federation = found(tmp_path / "f", config(), HostSettings(), b"{}")
    app = gateway.Gateway(federation, 9)
    sizes: list[int] = []

    def soon(size: int) -> float:
        sizes.append(size)
        return 0.1

    monkeypatch.setattr(gateway, "longest_s", soon)
    sha256 = federation.home.blobs.put(bytes(100_000))
    scope = {
        "type": "http", "method": "GET", "path": f"/blobs/{sha256}", "raw_path": f"/blobs/{sha256}".encode(),
        "query_string": b"", "headers": [],
    }  # fmt: skip

    async def ask() -> None:
        async def receive() -> dict[str, object]:
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: object) -> None:
            await asyncio.Event().wait()

        async with asyncio.timeout(10):
            await app(scope, receive, send)

    asyncio.run(ask())
    assert sizes == [100_000]


def test_all_together_ask_as_often_as_a_few_do() -> None:
    assert gateway.poll_s(0) == gateway.poll_s(32) == gateway.MIN_POLL_S
    assert gateway.poll_s(128) == 8.0
    assert gateway.poll_s(10**6) == MAX_POLL_S
