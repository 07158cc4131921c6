from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import pytest

from core.api.errors import EngineError, PrivacyError
from core.jobs import Alive, Grant, Pause, Progress, Refuse, decode_up, encode
from core.training.channel import Channel
from core.training.state import Interrupted


class Ends(NamedTuple):
    channel: Channel
    down: BinaryIO
    up: BinaryIO


@pytest.fixture
def ends() -> Iterator[Ends]:
    """A channel over real pipes, and the engine's ends of them."""
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    down, up = os.fdopen(in_write, "wb", buffering=0), os.fdopen(out_read, "rb")
    yield Ends(Channel(in_read, out_write), down, up)
    down.close()
    up.close()


def test_a_grant_and_a_refusal_reach_the_waiting_trainer(ends: Ends) -> None:
    ends.channel.start()
    ends.down.write(encode(Grant(charge_id=7)))
    assert ends.channel.wait_for_grant() == 7
    ends.down.write(encode(Refuse(reason="The budget of Letters is used up.")))
    with pytest.raises(PrivacyError, match="Letters"):
        ends.channel.wait_for_grant()


def test_a_pause_is_seen_at_once_and_wakes_a_waiting_trainer(ends: Ends) -> None:
    ends.channel.start()
    ends.channel.check_pause()
    threading.Timer(0.1, lambda: ends.down.write(encode(Pause()))).start()
    began = time.monotonic()
    with pytest.raises(Interrupted):
        ends.channel.wait_for_grant()
    assert time.monotonic() - began < 1.0
    with pytest.raises(Interrupted):
        ends.channel.check_pause()


@pytest.mark.parametrize("last", [b"", b"{}\n", b"not json\n", b'{"type":"grant"'])
def test_an_engine_that_is_gone_or_babbles_is_a_pause(ends: Ends, last: bytes) -> None:
    ends.channel.start()
    ends.down.write(last)
    ends.down.close()
    with pytest.raises(Interrupted):
        ends.channel.wait_for_grant()


def test_it_shows_life_each_second_even_while_the_trainer_computes(ends: Ends) -> None:
    ends.channel.start()
    came = [(decode_up(ends.up.readline()), time.monotonic()) for _ in range(3)]
    assert all(isinstance(message, Alive) for message, _ in came)
    assert came[2][1] - came[1][1] < 1.5


def test_the_sign_of_life_says_whether_the_work_moves(ends: Ends) -> None:
    for _ in range(3):
        ends.channel.check_pause()
    ends.channel.start()
    alive = decode_up(ends.up.readline())
    assert isinstance(alive, Alive)
    assert alive.looks == 3


def test_lines_of_several_threads_never_mix(ends: Ends) -> None:
    def talk(step: int) -> None:
        for _ in range(200):
            ends.channel.send(Progress(step=step, steps=9, tokens=1 << 40))

    threads = [threading.Thread(target=talk, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    seen = [decode_up(ends.up.readline()) for _ in range(800)]
    for thread in threads:
        thread.join()
    assert sorted({m.step for m in seen if isinstance(m, Progress)}) == [0, 1, 2, 3]


@pytest.mark.parametrize("line", [b"", b"\n", b"[]\n", encode(Pause()), b'{"type":"train"}\n'])
def test_what_is_no_job_is_refused(ends: Ends, line: bytes) -> None:
    ends.down.write(line)
    ends.down.close()
    with pytest.raises(EngineError):
        ends.channel.read_job()
