"""Energy is measured or not claimed."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from core.hardware import energy
from core.hardware.energy import EnergyMeter, metering


class Machine:
    """Two processor packages as the kernel shows them, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 0.0
        for number, name in enumerate(["package-0", "package-1"]):
            zone = folder / f"intel-rapl:{number}"
            zone.mkdir()
            (zone / "name").write_text(name + "\n")
            (zone / "max_energy_range_uj").write_text("1000000000\n")
        (folder / "intel-rapl:0:0").mkdir()
        (folder / "intel-rapl:2").mkdir()
        (folder / "intel-rapl:2" / "name").write_text("psys")
        self.set(0, 0)

    def set(self, *joules: float) -> None:
        for number, value in enumerate(joules):
            (self.folder / f"intel-rapl:{number}" / "energy_uj").write_text(f"{int(value * 1e6)}\n")

    def meter(self, device: str = "cpu") -> EnergyMeter:
        return EnergyMeter((device,), powercap=self.folder, clock=lambda: self.now)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_packages_add_up_and_wrap_around(machine: Machine) -> None:
    machine.set(100, 900)
    meter = machine.meter()
    machine.set(460, 900)
    meter.sample()
    machine.set(460, 260)
    assert meter.energy_wh() == (pytest.approx((360 + 360) / 3_600), True)


def test_a_reading_that_fails_claims_nothing(machine: Machine) -> None:
    meter = machine.meter()
    machine.set(500, 500)
    (machine.folder / "intel-rapl:1" / "energy_uj").unlink()
    assert meter.energy_wh() == (0.0, False)
    machine.set(900, 900)
    assert meter.energy_wh() == (0.0, False)
    assert not meter.measured


def test_without_counters_nothing_is_measured(tmp_path: Path) -> None:
    assert EnergyMeter(("cpu",), powercap=tmp_path).energy_wh() == (0.0, False)
    assert EnergyMeter(("cpu",), powercap=tmp_path / "missing").energy_wh() == (0.0, False)


def test_a_meter_is_sampled_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    release, loop_turns = threading.Event(), []

    def slow(device_id: str, function: str) -> energy.Reading:
        return lambda: 1.0 if threading.current_thread() is threading.main_thread() else (release.wait(30), 1.0)[1]

    monkeypatch.setattr(energy, "_nvml_reading", slow)

    async def main() -> None:
        async def turn() -> None:
            for number in range(5):
                loop_turns.append(number)
                await asyncio.sleep(0.01)
            release.set()

        turning = asyncio.create_task(turn())
        async with metering(("cuda:0",), 0.01) as meter:
            await asyncio.to_thread(meter.sample)
        await turning

    asyncio.run(main())
    assert loop_turns == [0, 1, 2, 3, 4]


def test_this_machine_does_not_fail() -> None:
    for device in ("cpu", "cuda:0"):
        wh, measured = EnergyMeter((device,)).energy_wh()
        assert wh >= 0
        assert measured or wh == 0


def _gpu(monkeypatch: pytest.MonkeyPatch, **readings: list[float | None]) -> None:
    def reading(device_id: str, function: str) -> energy.Reading:
        assert device_id == "cuda:1"
        values = readings[function]
        return lambda: values.pop(0) if len(values) > 1 else values[0]

    monkeypatch.setattr(energy, "_nvml_reading", reading)


def test_a_gpu_counter(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> None:
    _gpu(monkeypatch, nvmlDeviceGetTotalEnergyConsumption=[50.0, 50.0, 3_650.0], nvmlDeviceGetPowerUsage=[None])
    assert machine.meter("cuda:1").energy_wh() == (1.0, True)


def test_a_gpu_counter_that_went_back_claims_nothing(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> None:
    _gpu(monkeypatch, nvmlDeviceGetTotalEnergyConsumption=[50.0, 50.0, 10.0], nvmlDeviceGetPowerUsage=[None])
    assert machine.meter("cuda:1").energy_wh() == (0.0, False)


def test_a_gpu_with_power_only_is_integrated(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> None:
    _gpu(monkeypatch, nvmlDeviceGetTotalEnergyConsumption=[None], nvmlDeviceGetPowerUsage=[100.0, 100.0, 300.0, 300.0])
    meter = machine.meter("cuda:1")
    machine.now = 18.0
    meter.sample()
    machine.now = 30.0
    assert meter.energy_wh() == (pytest.approx((200 * 18 + 300 * 12) / 3_600), True)


def test_several_devices_add_up_and_one_that_says_nothing_leaves_all_unknown(
    monkeypatch: pytest.MonkeyPatch, machine: Machine
) -> None:
    counters = {"cuda:0": [0.0, 0.0, 3_600.0], "cuda:1": [0.0, 0.0, 7_200.0]}

    def reading(device_id: str, function: str) -> energy.Reading:
        values = counters.get(device_id, [None])
        return lambda: values.pop(0) if len(values) > 1 else values[0]

    monkeypatch.setattr(energy, "_nvml_reading", reading)
    meter = EnergyMeter(("cuda:0", "cpu", "cuda:1", "cpu"), powercap=machine.folder, clock=lambda: machine.now)
    machine.set(3_600, 0)
    assert meter.energy_wh() == (pytest.approx(1 + 2 + 1), True), "a processor that is named twice counts once"
    assert EnergyMeter(("cpu", "cuda:2"), powercap=machine.folder).energy_wh() == (0.0, False)
    assert EnergyMeter((), powercap=machine.folder).energy_wh() == (0.0, False)
