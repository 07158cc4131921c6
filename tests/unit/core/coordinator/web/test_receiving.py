"""What a real gateway process cannot be made to meet: a full disk, and patience that ends."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import time
from collections import namedtuple

import httpx
import pytest

from core.coordinator.home import Federation
from core.coordinator.learning.updates import UpdateReader
from core.coordinator.records.schema import Assignment, Round
from core.coordinator.web import bodies, receiving
from core.coordinator.web.gateway import Gateway
from core.federation.identity import HEADER_DIGEST, NodeKey, key_id, sign_request

Usage = namedtuple("Usage", "total used free")


class Site:
    """The gateway in this process, and one member with an open assignment."""

    def __init__(self, federation: Federation) -> None:
        self.gateway = Gateway(federation, 1)
        self.spool = federation.home.spool
        self.size = UpdateReader(federation.config).sizes("full")[0]
        self.data = hashlib.shake_256(b"update").digest(self.size)
        self.sha256 = hashlib.sha256(self.data).hexdigest()
        self.key = NodeKey.generate()
        self.identity = key_id(self.key.public_pem)
        store = federation.store()
        store.add_token(b"t" * 16, 1, time.time() + 60)
        store.bind(self.key.public_pem, b"t" * 16, time.time())
        opened = Round(
            server_round=1, state="open", base_hash="0" * 64, base_bytes=1, step_clock=0, started_at=0.0,
            deadline_at=time.time() + 100,
        )  # fmt: skip
        store.begin_round(opened, [Assignment(server_round=1, key_id=self.identity, nonce=bytes(16))])

    def put(self, part: str, piece: bytes) -> httpx.Response:
        path = f"/blobs/{self.sha256}"
        headers = {
            **sign_request(self.key, "PUT", f"{path} {part}", piece), "content-range": part,
            HEADER_DIGEST: hashlib.sha256(piece).hexdigest(), "content-length": str(len(piece)),
        }  # fmt: skip

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.gateway)
            async with httpx.AsyncClient(transport=transport, base_url="https://gateway") as client:
                return await client.put(path, content=piece, headers=headers)

        return asyncio.run(ask())

    def whole(self) -> httpx.Response:
        return self.put(f"bytes 0-{self.size - 1}/{self.size}", self.data)


@pytest.fixture
def site(federation: Federation) -> Site:
    return Site(federation)


def test_a_disk_without_room_is_named_before_and_while_it_fills(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, receiving.DISK_MARGIN))
        answer = site.put(f"bytes */{site.size}", b"")
        assert answer.status_code == 507
        assert answer.json()["code"] == "storage"
        assert "coordinator's disk has 268 MB left" in answer.json()["message"]
    with monkeypatch.context() as full:

        def refuse(*arguments: object) -> int:
            raise OSError(28, "No space left on device")

        full.setattr("core.coordinator.web.spool.os.open", refuse)
        answer = site.whole()
        assert (answer.status_code, answer.json()["code"]) == (507, "storage")
        assert "No space left" in answer.json()["message"]
    assert site.whole().status_code == 200
    assert site.spool.find(site.identity, site.sha256) is not None


def test_who_is_silent_is_let_go_and_what_came_is_kept(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PATIENCE_S", 0.05)

    async def ask() -> int:
        """Speak ASGI itself: a client would wait for its own body."""
        queue: list[dict[str, object]] = [{"type": "http.request", "body": site.data[:100], "more_body": True}]
        said: list[int] = []

        async def receive() -> dict[str, object]:
            if queue:
                return queue.pop(0)
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                said.append(int(str(message["status"])))

        path, part = f"/blobs/{site.sha256}", f"bytes 0-{site.size - 1}/{site.size}"
        headers = {
            **sign_request(site.key, "PUT", f"{path} {part}", site.data), "content-range": part,
            HEADER_DIGEST: site.sha256, "content-length": str(site.size),
        }  # fmt: skip
        scope = {
            "type": "http", "method": "PUT", "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }  # fmt: skip
        await asyncio.wait_for(site.gateway(scope, receive, send), 20)  # type: ignore[arg-type]
        return said[0]

    assert asyncio.run(ask()) == 408
    assert site.put(f"bytes */{site.size}", b"").json() == {"offset": 100}
    rest = site.put(f"bytes 100-{site.size - 1}/{site.size}", site.data[100:])
    assert rest.json() == {"offset": site.size}
