"""The real socket: who may talk, what is answered, and what happens to a client that does not read."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from core.api import wire
from core.api.client import engine_paths
from core.api.errors import UsageError
from core.api.messages.base import Acknowledged, Message, Nothing, Sentence
from core.api.messages.state import EngineInfo, Hello, HelloParams, Notice, Snapshot, SnoozeParams
from core.engine import ipc

ENGINE = EngineInfo(version="0", pid=1, started_at=0.0, home="/", keystore="file", sandbox="")
SENTENCE = Sentence(code="x", text="x")


class Bench:
    """A server with a counter for state."""

    def __init__(self, home: Path) -> None:
        (home / "run").mkdir(parents=True, mode=0o700)
        self.home = home
        self.revision = 0
        self.server = ipc.Server(engine_paths(home), self.handle, self.snapshot, "0")

    def snapshot(self) -> Snapshot:
        return Snapshot(revision=self.revision, state="waiting", why=SENTENCE, engine=ENGINE)

    async def handle(self, request: wire.Request) -> Message:
        if isinstance(request.params, SnoozeParams):
            await asyncio.sleep(request.params.seconds)
        if request.method == "pause":
            raise UsageError("No.", "Do not.")
        if request.method == "resume":
            raise RuntimeError("secret detail")
        return Acknowledged(detail=request.method)

    def change(self) -> None:
        self.revision += 1
        self.server.changed()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(str(engine_paths(self.home).socket), limit=4 << 20)

    async def greet(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await self.connect()
        token = engine_paths(self.home).token.read_text()
        writer.write(wire.encode_request(1, "hello", HelloParams(token=token)))
        answer = wire.decode_incoming(await reader.readline())
        assert isinstance(answer, wire.Result)
        hello = wire.decode_result("hello", answer.value)
        assert isinstance(hello, Hello)
        assert hello.snapshot.revision == self.revision
        return reader, writer


@contextlib.asynccontextmanager
async def bench(home: Path) -> AsyncIterator[Bench]:
    one = Bench(home)
    await one.server.start()
    try:
        yield one
    finally:
        await one.server.stop()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: bytes) -> object:
    writer.write(line)
    return wire.decode_incoming(await asyncio.wait_for(reader.readline(), 5))


def test_socket_and_token_are_private_and_gone_afterwards(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path):
            paths = engine_paths(tmp_path)
            assert stat.S_IMODE(paths.socket.stat().st_mode) == 0o600
            assert stat.S_IMODE(paths.token.stat().st_mode) == 0o600
        assert not paths.socket.exists()
        assert not paths.token.exists()

    asyncio.run(main())


def test_answers_errors_and_inner_failures(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path) as one:
            reader, writer = await one.greet()
            answer = await ask(reader, writer, wire.encode_request(2, "start", Nothing()))
            assert isinstance(answer, wire.Result)
            refused = await ask(reader, writer, wire.encode_request(3, "pause", Nothing()))
            assert isinstance(refused, wire.Failure)
            assert (refused.number, str(refused.error)) == (3, "No. Do not.")
            broken = await ask(reader, writer, wire.encode_request(4, "resume", Nothing()))
            assert isinstance(broken, wire.Failure)
            assert "failed inside at 'resume'" in str(broken.error)
            assert "secret" not in str(broken.error)

    asyncio.run(main())


def test_a_slow_request_does_not_hold_up_others(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path) as one:
            reader, writer = await one.greet()
            writer.write(wire.encode_request(2, "snooze", SnoozeParams(seconds=2.0)))
            answer = await ask(reader, writer, wire.encode_request(3, "start", Nothing()))
            assert isinstance(answer, wire.Result)
            assert answer.number == 3

    asyncio.run(main())


@pytest.mark.parametrize(
    "line",
    [
        wire.encode_request(1, "hello", HelloParams(token="wrong")),
        wire.encode_request(1, "status", Nothing()),
        b"GET / HTTP/1.1\r\n",
        b'{"jsonrpc":"2.0","id":1,"method":"nonsense"}\n',
        b"[" * 100_000 + b"\n",
        b"x" * (wire.MAX_LINE + 10) + b"\n",
    ],
    ids=["token", "no hello", "browser", "method", "deep", "long"],
)
def test_a_stranger_gets_one_sentence_and_the_door(tmp_path: Path, line: bytes) -> None:
    async def main() -> None:
        async with bench(tmp_path) as one:
            reader, writer = await one.connect()
            with contextlib.suppress(ConnectionError):
                writer.write(line)
                await writer.drain()
            with contextlib.suppress(ConnectionError):
                rest = await asyncio.wait_for(reader.read(), 5)
                assert rest.count(b"\n") <= 1
                assert b"snapshot" not in rest
            reader, writer = await one.greet()

    asyncio.run(main())


def test_silence_after_connecting_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipc, "HELLO_TIMEOUT_S", 0.2)

    async def main() -> None:
        async with bench(tmp_path) as one:
            reader, _ = await one.connect()
            assert await asyncio.wait_for(reader.read(), 5) == b""

    asyncio.run(main())


def test_another_uid_is_turned_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with bench(tmp_path) as one:
            me = os.getuid()
            monkeypatch.setattr(os, "getuid", lambda: me + 1)
            reader, _ = await one.connect()
            assert await asyncio.wait_for(reader.read(), 5) == b""

    asyncio.run(main())


def test_a_thousand_changes_in_a_second_are_few_snapshots_and_the_last_arrives(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path) as one:
            reader, writer = await one.greet()
            before = time.monotonic()
            for _ in range(1_000):
                one.change()
                await asyncio.sleep(0.001)
            took = time.monotonic() - before
            seen = []
            with contextlib.suppress(TimeoutError):
                while True:
                    event = wire.decode_incoming(await asyncio.wait_for(reader.readline(), 0.6))
                    assert isinstance(event, wire.Event)
                    assert isinstance(event.value, Snapshot)
                    seen.append(event.value.revision)
            assert seen[-1] == 1_000
            assert seen == sorted(seen)
            writer.close()
            assert 2 <= len(seen) <= 4 * took + 3

    asyncio.run(main())


def test_a_client_that_does_not_read_keeps_nobody_waiting_and_gets_the_newest_state_later(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path) as one:
            deaf_reader, deaf = await one.greet()
            deaf.transport.pause_reading()  # type: ignore[attr-defined]
            reader, writer = await one.greet()
            long = Notice(level="info", sentence=Sentence(code="n", text="x" * 100_000), at=0.0)
            for _ in range(300):
                one.server.notice(long)
                one.change()
                await asyncio.wait_for(reader.readline(), 5)
            (waiting,) = (c for c in one.server._clients if c._queue)
            assert len(waiting._queue) <= ipc.MAX_QUEUE // 2
            deaf.transport.resume_reading()  # type: ignore[attr-defined]
            revision = 0
            while revision < 300:
                event = wire.decode_incoming(await asyncio.wait_for(deaf_reader.readline(), 5))
                assert isinstance(event, wire.Event)
                revision = getattr(event.value, "revision", 0)
            writer.close()

    asyncio.run(main())


def test_a_client_that_asks_and_never_reads_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipc, "MAX_QUEUE", 8)

    async def main() -> None:
        async with bench(tmp_path) as one:
            _reader, writer = await one.greet()
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            with contextlib.suppress(ConnectionError):
                for number in range(100_000):
                    writer.write(wire.encode_request(number + 2, "start", Nothing()))
                    if number % 100 == 0:
                        await asyncio.wait_for(writer.drain(), 10)
                    if not one.server._clients:
                        return
            assert not one.server._clients

    asyncio.run(main())


def test_a_home_with_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 30)

    async def main() -> None:
        async with bench(home) as one:
            address = engine_paths(home).socket
            assert len(str(address)) <= 100
            assert stat.S_IMODE(address.parent.stat().st_mode) == 0o700
            await one.greet()
        assert not address.exists()

    asyncio.run(main())


def test_an_event_of_the_server_is_the_schema(tmp_path: Path) -> None:
    async def main() -> bytes:
        async with bench(tmp_path) as one:
            return one.server.snapshot_line()

    raw = msgspec.json.decode(asyncio.run(main()))
    assert raw["method"] == "snapshot"


def test_stopping_leaves_no_connection_to_be_cut_off_by_the_end_of_the_loop(tmp_path: Path) -> None:
    async def run() -> None:
        bench = Bench(tmp_path)
        await bench.server.start()
        reader, writer = await bench.greet()
        await bench.server.stop()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert await reader.read() == b"", "the client is told by the end of the stream"
        writer.close()

    asyncio.run(run())
