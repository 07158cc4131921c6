"""Rates are kept over time, whoever asks, and every byte is counted."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.https import Site, site

from core.federation.bandwidth import BURST_S, HANDSHAKE, LARGE, PIECE, Bucket, Line, Traffic, header_bytes
from core.federation.gateway import Gateway
from core.federation.transport import Transport


class Clock:
    """Time that passes only in sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def bucket(mbit_s: float) -> tuple[Clock, Bucket]:
    clock = Clock()
    one = Bucket(lambda: clock.now, clock.sleep)
    one.limit(mbit_s)
    return clock, one


def test_a_megabit_is_125_thousand_bytes_a_second() -> None:
    clock, one = bucket(1.0)

    async def main() -> None:
        for _ in range(100):
            await one.take(12_500)

    asyncio.run(main())
    assert clock.now - 100.0 == pytest.approx(10.0)


def test_silence_saves_up_only_a_moment() -> None:
    clock, one = bucket(1.0)
    clock.now += 3_600.0
    asyncio.run(one.take(125_000))
    assert clock.now - 3_700.0 == pytest.approx(1.0 - BURST_S)


def test_no_limit_waits_for_nothing() -> None:
    clock, one = bucket(0.0)
    asyncio.run(one.take(1 << 40))
    assert (clock.now, one.limited) == (100.0, False)


def test_a_new_limit_forgets_what_was_owed() -> None:
    clock, one = bucket(1.0)
    clock.now += 1
    asyncio.run(one.take(125_000))
    one.limit(100.0)
    before = clock.now
    asyncio.run(one.take(125_000))
    assert clock.now - before == pytest.approx(0.01)


def test_two_who_take_at_once_share_the_rate() -> None:
    async def main() -> list[tuple[str, float]]:
        one, began, ended = Bucket(), time.monotonic(), []
        one.limit(1.0)

        async def take(name: str) -> None:
            await one.take(12_500)
            ended.append((name, time.monotonic() - began))

        await asyncio.gather(take("first"), take("second"))
        return ended

    (first, early), (second, late) = asyncio.run(main())
    assert (first, second) == ("first", "second")
    assert early >= 0.099
    assert late >= 0.199


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as one:
        yield one


def test_a_paced_upload_is_the_same_request_and_every_byte_is_counted(here: Site) -> None:
    here.give("POST", "/leave", b"x" * 50_000)
    body = os.urandom(5 * PIECE + 3)
    counted = [0, 0]

    def count(up: int, down: int) -> None:
        counted[0] += up
        counted[1] += down

    async def send(mbit_s: float) -> float:
        traffic = Traffic(count)
        traffic.limit(mbit_s, 0)
        transport = Transport(here.endpoint, 10.0, traffic)
        began = time.monotonic()
        try:
            answer = await transport.request("POST", "/leave", body=body, headers={}, max_bytes=60_000)
        finally:
            await transport.close()
        assert len(answer.body) == 50_000
        return time.monotonic() - began

    seconds = [asyncio.run(send(0.0)), asyncio.run(send(4.0))]
    assert seconds[1] >= len(body) / 500_000 - BURST_S
    plain, paced = here.asked
    assert plain.body == paced.body == body
    assert plain.headers["content-length"] == paced.headers["content-length"]
    assert "transfer-encoding" not in paced.headers
    sent = 2 * (len(body) + header_bytes(plain.headers) + HANDSHAKE[0])
    assert abs(counted[0] - sent) < 200
    assert 2 * (50_000 + HANDSHAKE[1]) < counted[1] < 2 * (50_000 + HANDSHAKE[1] + 500)


def test_a_paced_download_is_the_same_file(here: Site, tmp_path: Path) -> None:
    content = os.urandom(300_000)
    name = hashlib.sha256(content).hexdigest()
    here.give_blob(f"/blobs/{name}", content)

    async def fetch() -> float:
        traffic = Traffic()
        traffic.limit(0, 8.0)
        transport = Transport(here.endpoint, 10.0, traffic)
        began = time.monotonic()
        try:
            path = await Gateway(transport).fetch_blob(name, tmp_path, len(content))
        finally:
            await transport.close()
        assert path.read_bytes() == content
        return time.monotonic() - began

    assert asyncio.run(fetch()) >= 0.3 - BURST_S


def test_a_line_is_known_by_what_it_carried() -> None:
    line = Line()
    line.went_up(LARGE - 1, 0.001)
    assert line.up_bytes_per_s == 0.0, "a small one says how far away the other side is"
    line.went_up(1_000_000, 2.0)
    assert line.up_bytes_per_s == 500_000.0
    line.went_up(1_000_000, 1.0)
    assert line.up_bytes_per_s == 750_000.0
    line.came_down(1_000_000, 0.1)
    assert (line.up_bytes_per_s, line.down_bytes_per_s) == (750_000.0, 10_000_000.0)


def test_both_directions_are_measured_as_they_are_used(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.give("POST", "/", b"ok")
        here.give("GET", "/much", bytes(300_000))

        async def main() -> tuple[float, float]:
            traffic = Traffic()
            traffic.limit(8.0, 0.0)
            transport = Transport(here.endpoint, traffic=traffic)
            try:
                await transport.request("POST", "/", body=bytes(1_000_000), headers={}, max_bytes=10)
                await transport.request("GET", "/much", headers={}, max_bytes=1_000_000)
            finally:
                await transport.close()
            return traffic.line.up_bytes_per_s, traffic.line.down_bytes_per_s

        up, down = asyncio.run(main())
        assert 0.3e6 < up < 1.5e6, "what the owner allows is what the next one can expect"
        assert down > 0
