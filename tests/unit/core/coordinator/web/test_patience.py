"""What is waited for, and for how long, without a network."""

from __future__ import annotations

import asyncio
import base64
import time
from pathlib import Path

import pytest
from starlette.responses import Response
from support.federation import config

from core.config.node import MIN_MBIT_S
from core.coordinator.founding import found
from core.coordinator.home import HostSettings
from core.coordinator.web import gateway, patience
from core.federation.identity import NodeKey
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
    assert gateway.poll_s(0) == gateway.poll_s(16) == gateway.MIN_POLL_S
    assert gateway.poll_s(128) == 8.0
    assert gateway.poll_s(10**6) == MAX_POLL_S


def test_one_volunteer_has_a_few_requests_on_their_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    federation = found(tmp_path / "f", config(), HostSettings(), b"{}")
    store, key = federation.store(), NodeKey.generate()
    store.add_token(b"t" * 16, 1, time.time() + 60)
    store.bind(key.public_pem, b"t" * 16, time.time())
    app = gateway.Gateway(federation, 9)
    open_gate, refused, statuses = asyncio.Event(), asyncio.Semaphore(0), []

    async def never(request: object, name: str, limit: int) -> Response:
        await open_gate.wait()
        return Response(status_code=204)

    monkeypatch.setattr(app, "_forwarded", never)
    scope = {
        "type": "http", "method": "POST", "path": "/v1/fleet/push-object", "raw_path": b"/v1/fleet/push-object",
        "query_string": b"", "headers": [
            (b"flwr-public-key", base64.b64encode(key.public_pem)), (b"content-length", b"10"),
        ],
    }  # fmt: skip

    async def ask() -> None:
        async def receive() -> dict[str, object]:
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
                refused.release()

        tasks = [asyncio.create_task(app(dict(scope), receive, send)) for _ in range(gateway.AT_ONCE + 3)]
        for _ in range(3):
            await refused.acquire()
        open_gate.set()
        await asyncio.gather(*tasks)

    asyncio.run(ask())
    assert sorted(statuses) == [204] * gateway.AT_ONCE + [503] * 3
