"""The duty cycle: half the time is half the time, on every way to a gradient, and a pause ends the longest sleep."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
from support.tiny_round import KEY, PLANS, FakeEngine, rooms_for

from core.jobs import Grant, Pause, Throttle, TrainJob, decode_down, encode
from core.training.channel import Channel
from core.training.pacing import Pacer, busy_clock
from core.training.round import TrainingRound
from core.training.state import Interrupted


class Sleeper:
    """Sleeps for real and counts it, or plays a sleep that is ``late`` by a factor."""

    def __init__(self, share: float, clock: list[float] | None = None, late: float = 1.0) -> None:
        self.share, self.late = share, late
        self.clock = clock
        self.slept, self.times = 0.0, 0

    def doze(self, seconds: float) -> None:
        self.times += 1
        if self.clock is not None:
            self.clock[0] += seconds * self.late
            self.slept += seconds * self.late
            return
        began = time.monotonic()
        time.sleep(seconds)
        self.slept += time.monotonic() - began


def played(share: float, late: float = 1.0) -> tuple[Sleeper, Pacer, list[float], list[str]]:
    clock, waits = [0.0], list[str]()
    sleeper = Sleeper(share, clock, late)
    return sleeper, Pacer(sleeper, lambda: waits.append("wait"), lambda: clock[0], lambda: clock[0]), clock, waits


def work(pacer: Pacer, clock: list[float], times: int = 100, seconds: float = 0.1) -> float:
    """Seconds of work done."""
    pacer.rest()
    for _ in range(times):
        clock[0] += seconds
        pacer.rest()
    return times * seconds


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("late", [0.7, 1.0, 1.3])
def test_the_share_is_kept_though_sleeps_are_too_long_or_too_short(share: float, late: float) -> None:
    sleeper, pacer, clock, waits = played(share, late)
    busy = work(pacer, clock)
    assert busy / (busy + sleeper.slept) == pytest.approx(share, abs=0.02)
    assert waits, "the device is waited for, or its queue would work through the sleep"


@pytest.mark.parametrize("waits_s", [0.0, 0.3])
def test_waiting_for_other_devices_is_not_work(waits_s: float) -> None:
    """They may be asleep; whoever rested for their rests would make them wait in turn, each time longer."""
    sleeper, pacer, clock, _ = played(0.5)
    pacer.rest()
    for _ in range(100):
        clock[0] += 0.1
        with pacer.waiting():
            clock[0] += waits_s
        pacer.rest()
    assert sleeper.slept == pytest.approx(10.0)


def test_without_a_throttle_nothing_sleeps_or_waits() -> None:
    sleeper, pacer, clock, waits = played(1.0)
    work(pacer, clock)
    assert (sleeper.times, waits) == (0, [])
    sleeper.share = 0.5
    work(pacer, clock, times=2)
    assert sleeper.slept == pytest.approx(0.2), "what was computed before the throttle is not slept for"


def test_what_was_owed_at_another_share_is_forgotten() -> None:
    sleeper, pacer, clock, _ = played(0.1, late=0.0)
    work(pacer, clock, times=10)
    sleeper.late, sleeper.slept, sleeper.share = 1.0, 0.0, 0.5
    work(pacer, clock, times=1)
    assert sleeper.slept == pytest.approx(0.1, abs=1e-6)


def test_a_very_long_sleep_is_not_made_up_for() -> None:
    sleeper, pacer, clock, _ = played(0.5, late=1_000.0)
    work(pacer, clock, times=1)
    sleeper.late, sleeper.slept = 1.0, 0.0
    work(pacer, clock, times=20)
    assert sleeper.slept == pytest.approx(1.0)


@pytest.mark.parametrize("unit", ["none", "corpus", "record"])
def test_half_the_time_is_half_the_time(make_job: Callable[..., TrainJob], unit: str) -> None:
    """By the processor time of this process, so that other programs on the machine change nothing."""
    steps = 60
    plan = msgspec.structs.replace(PLANS[unit], steps=steps if unit == "record" else 0)
    job = make_job(unit, local_steps=steps, privacy=plan)
    sleeper, looks = Sleeper(0.5), [0]
    pacer = Pacer(sleeper, lambda: looks.__setitem__(0, looks[0] + 1), busy_clock("cpu"))
    rooms = replace(rooms_for(job), rest=pacer.rest)
    one = TrainingRound(job, KEY, FakeEngine(), rooms)
    began = time.process_time()
    one.run()
    busy = time.process_time() - began
    assert looks[0] > 2 * steps, "it rests between micro-steps, not only between steps"
    assert 0.4 <= busy / (busy + sleeper.slept) <= 0.6


def test_a_rest_is_not_counted_as_work(make_job: Callable[..., TrainJob], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("core.training.trainer.time.monotonic", lambda: clock[0])
    rooms = replace(rooms_for(make_job("none")), rest=lambda: clock.__setitem__(0, clock[0] + 100.0))
    one = TrainingRound(make_job("none"), KEY, FakeEngine(), rooms)
    one.run()
    assert clock[0] > 1_000
    assert one.state.seconds == 0.0


@pytest.fixture
def pipes() -> tuple[Channel, int, int]:
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    channel = Channel(in_read, out_write)
    channel.start()
    return channel, in_write, out_read


def test_the_share_arrives_and_a_change_or_a_pause_ends_a_sleep(pipes: tuple[Channel, int, int]) -> None:
    channel, down, up = pipes
    os.write(down, encode(Throttle(share=0.1)) + encode(Grant(charge_id=3)))
    assert channel.wait_for_grant() == 3
    assert channel.share == 0.1
    threading.Timer(0.1, lambda: os.write(down, encode(Throttle(share=0.5)))).start()
    channel.doze(600.0)
    assert channel.share == 0.5
    threading.Timer(0.1, lambda: os.write(down, encode(Pause()))).start()
    began = time.monotonic()
    with pytest.raises(Interrupted):
        channel.doze(600.0)
    assert time.monotonic() - began <= 1.0
    with pytest.raises(Interrupted):
        channel.doze(0.0)
    os.close(down)
    os.close(up)


def test_a_long_sleep_is_not_taken_for_a_trainer_that_is_stuck(
    pipes: tuple[Channel, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.training.channel.DOZE_LOOK_S", 0.01)
    channel, down, up = pipes
    before = channel._looks
    channel.doze(0.2)
    assert channel._looks >= before + 3
    os.close(down)
    os.close(up)


@pytest.mark.parametrize("share", ["0", "-1", "1.5", "1e999", '"half"'])
def test_a_share_that_is_none_is_refused(share: str) -> None:
    with pytest.raises(ValueError, match=r"share|number|float|malformed"):
        decode_down(f'{{"type":"throttle","share":{share}}}\n'.encode())
