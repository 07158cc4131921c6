"""Measured beside the loop, only what a rule asks for, and unknown when nobody answers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from support.fake_nvml import FakeNvml

from core.config.node import Limits
from core.hardware import sensors
from core.hardware.sensors import MAX_AGE_S, GpuView, Sense, Sensors, pick_device

LOOK = """
import asyncio, time
from core.config.node import Limits
from core.hardware import nvml
from core.hardware.sensors import GpuView, look_at_gpus
nvml._torch_is_for_cpu = lambda: False
see = lambda **limits: look_at_gpus(Limits(**limits), ())
answer = []
for _ in range(LOOKS):
    view = see(DEVICES)
    answer.append([view.devices, view.device, view.temperature_c, view.drives_display, view.other])
"""


def look(fake: FakeNvml, folder: Path, devices: tuple[str, ...] = (), looks: int = 1, **answers: Any) -> Any:
    code = LOOK.replace("DEVICES", f"devices={devices!r}").replace("LOOKS", str(looks))
    return fake.run(fake.write(folder / "scenario", **answers), code)


def test_the_gpu_that_would_train_is_looked_at(fake_nvml: FakeNvml, tmp_path: Path) -> None:
    two = {
        "nvmlDeviceGetCount": "2", "nvmlDeviceGetTemperature.1": "77", "nvmlDeviceGetDisplayActive.1": "1",
        "nvmlDeviceGetUtilizationRates.1": "60 0",
    }  # fmt: skip
    everything = ["cuda:0", "cuda:1", "cpu"]
    assert look(fake_nvml, tmp_path, **two) == [[everything, "cuda:0", 41.0, False, 0.25]]
    assert look(fake_nvml, tmp_path, ("cuda:1",), **two) == [[everything, "cuda:1", 77.0, True, 0.6]]
    assert look(fake_nvml, tmp_path, ("cuda:7", "cpu"), **two) == [[everything, "cpu", None, None, None]]
    assert look(fake_nvml, tmp_path, ("mps",), **two) == [[[*everything, "mps"], "mps", None, None, None]]


def test_of_several_gpus_that_train_together_the_worst_counts(fake_nvml: FakeNvml, tmp_path: Path) -> None:
    two = {
        "nvmlDeviceGetCount": "2", "nvmlDeviceGetTemperature.1": "77", "nvmlDeviceGetDisplayActive.1": "1",
        "nvmlDeviceGetUtilizationRates.0": "25 3", "nvmlDeviceGetUtilizationRates.1": "60 0",
    }  # fmt: skip
    (seen,) = look(fake_nvml, tmp_path, ("cpu", "cuda:0", "cuda:1"), **two)
    assert seen[1:] == ["cuda:0", 77.0, True, 0.6]
    silent = {"nvmlDeviceGetTemperature.1": None, "nvmlDeviceGetDisplayActive.1": None}
    (seen,) = look(fake_nvml, tmp_path, ("cuda:0", "cuda:1"), **{**two, **silent})
    assert seen[1:] == ["cuda:0", 41.0, None, 0.6], "one that says nothing does not hide what the other says"


def test_a_gpu_that_is_lost_between_two_looks_is_no_longer_there(fake_nvml: FakeNvml, tmp_path: Path) -> None:
    before, after = look(fake_nvml, tmp_path, ("cuda:0",), 2, nvmlDeviceGetTemperature__0="41 | !15")
    assert before[:3] == [["cuda:0", "cpu"], "cuda:0", 41.0]
    assert after[:3] == [["cpu"], "cpu", None]


def test_without_a_driver_the_processor_is_what_there_is(fake_nvml: FakeNvml, tmp_path: Path) -> None:
    assert look(FakeNvml(tmp_path), tmp_path) == [[["cpu"], "cpu", None, None, None]]
    assert look(fake_nvml, tmp_path, nvmlInitWithFlags="!999") == [[None, "", None, None, None]]


def test_a_driver_that_hangs_does_not_hold_the_loop(fake_nvml: FakeNvml, tmp_path: Path) -> None:
    code = """
import asyncio
from pathlib import Path
from core.config.node import Limits
from core.hardware import nvml, sensors
sensors.gpus.asked.__defaults__ = (0.5,)
async def main():
    turns = [0]
    async def turn():
        while True:
            turns[0] += 1
            await asyncio.sleep(0.01)
    turning = asyncio.create_task(turn())
    senses = sensors.Sensors(Path("."), Limits)
    await senses.refresh(())
    turning.cancel()
    first = turns[0]
    seen = senses.readings(0.0)
    return [first, seen.devices, seen.temperature_c, seen.disk_free_bytes is not None]
answer = asyncio.run(main())
"""
    scenario = fake_nvml.write(tmp_path / "scenario", nvmlDeviceGetTemperature__0="hang")
    turns, devices, heat, disk = fake_nvml.run(scenario, code)
    assert turns >= 5, "the loop went on while the driver was silent"
    assert (devices, heat, disk) == (None, None, True)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which senses were asked, in place of the machine."""
    names: list[str] = []

    def play(name: str, answer: object) -> None:
        def ask(*arguments: object) -> object:
            names.append(name)
            return answer

        monkeypatch.setattr(sensors, name, ask)

    play("read_battery", (70.0, False))
    play("disk_free", 5)
    play("read_metered", True)
    play("read_full_screen", None)
    play("read_idle_s", 12.0)
    play("look_at_gpus", GpuView(("cuda:0", "cpu"), "cuda:0", 50.0, True, 0.1))
    return names


def refresh(senses: Sensors, *pids: int) -> None:
    asyncio.run(senses.refresh(pids))


def test_only_what_a_rule_asks_for_is_measured(asked: list[str], tmp_path: Path) -> None:
    limits = Limits(use_metered=True, pause_on_full_screen=False, devices=("cpu",))
    senses = Sensors(tmp_path, lambda: limits)
    refresh(senses)
    assert sorted(asked) == ["disk_free", "read_battery"]
    asked.clear()
    limits = Limits(only_when_idle="always", other_cpu_percent=10)
    senses = Sensors(tmp_path, lambda: limits, lambda: (7, 3))
    refresh(senses)
    assert sorted(asked) == ["disk_free", "look_at_gpus", "read_battery", "read_full_screen", "read_idle_s",
                             "read_metered"]  # fmt: skip
    seen = senses.readings(9.0)
    assert (seen.week_seconds, seen.on_battery, seen.disk_free_bytes, seen.metered) == (9.0, False, 5, True)
    assert (seen.full_screen, seen.idle_s, seen.other_cpu, seen.other_gpu) == (None, 12.0, None, 0.1)
    assert (seen.device, seen.temperature_c, seen.drives_display) == ("cuda:0", 50.0, True)
    assert (seen.month_bytes, seen.round_bytes) == (7, 3)


def test_a_gpu_is_left_asleep_on_battery(asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "read_battery", lambda: (70.0, True))
    refresh(Sensors(tmp_path, Limits))
    assert "look_at_gpus" not in asked
    refresh(Sensors(tmp_path, lambda: Limits(train_on_battery=True)))
    assert "look_at_gpus" in asked


def test_nothing_is_asked_twice_in_a_moment_and_old_values_are_unknown(asked: list[str], tmp_path: Path) -> None:
    now = [0.0]
    senses = Sensors(tmp_path, Limits, clock=lambda: now[0])
    refresh(senses)
    refresh(senses)
    assert asked.count("look_at_gpus") == asked.count("read_battery") == 1
    now[0] = 5.0
    refresh(senses, 1)
    assert (asked.count("look_at_gpus"), asked.count("read_battery"), asked.count("read_metered")) == (2, 2, 1)
    now[0] += MAX_AGE_S
    assert senses.readings(0.0).temperature_c == 50.0
    now[0] += 1
    seen = senses.readings(0.0)
    assert (seen.temperature_c, seen.on_battery, seen.devices, seen.metered) == (None, None, None, None)


def test_a_sense_that_fails_forgets_what_it_knew() -> None:
    sense: Sense[int | None] = Sense("The sensor", None, lambda: 0.0)
    sense.take(lambda: 5)
    assert sense.value == 5

    def broken() -> int:
        raise OSError

    sense.take(broken)
    assert sense.value is None


@pytest.mark.parametrize(
    ("offered", "usable", "device"),
    [
        ((), ("cuda:0", "cpu"), "cuda:0"),
        ((), (), "cpu"),
        (("cuda:1", "cpu"), ("cuda:0", "cpu"), "cpu"),
        (("cuda:1",), ("cuda:0", "cpu"), "cpu"),
        (("xpu:0",), ("cpu",), "xpu:0"),
    ],
)
def test_the_device_is_the_first_offered_one_that_works(
    offered: tuple[str, ...], usable: tuple[str, ...], device: str
) -> None:
    assert pick_device(Limits(devices=offered), usable) == device
