"""The profile on this machine, and on machines with strange parts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import msgspec
import psutil
import pytest

from core.api.messages.machine import Device, TorchView
from core.hardware import profile
from core.hardware.profile import disk_free, read_battery, read_cpu, read_profile, with_torch


def test_this_machine(tmp_path: Path) -> None:
    found = read_profile(tmp_path)
    assert found.cpu_threads >= found.cpu_cores >= 1
    assert found.memory_bytes == psutil.virtual_memory().total
    assert 0 < found.free_memory_bytes <= found.memory_bytes
    assert found.disk_free_bytes > 0
    assert found.nvml
    assert found.nvml.startswith("ok") or found.nvml.endswith((".", ")"))
    assert found.devices[-1].device_id == "cpu"
    assert found.devices[-1].utilisation is None


def test_probing_measures_the_processor() -> None:
    found = read_profile(probe=True).devices[-1].utilisation
    assert found is not None
    assert 0 <= found <= 1


def test_it_prints_json_and_loads_no_torch() -> None:
    code = (
        "import runpy, sys\ntry:\n    runpy.run_module('core.hardware.profile', run_name='__main__')\n"
        "except SystemExit:\n    pass\nassert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert json.loads(done.stdout)["devices"][-1]["device_id"] == "cpu"


def test_cpu_names_and_features(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor : 0\nmodel name : Some  CPU @ 3 GHz\nflags : fpu avx avx2 avx512_bf16 amx_bf16\n")
    assert read_cpu(cpuinfo) == ("Some CPU @ 3 GHz", ["avx", "avx2", "avx512_bf16", "amx_bf16"])
    cpuinfo.write_text("processor : 0\nFeatures : fp asimd bf16 sve\nHardware : Board X\n")
    assert read_cpu(cpuinfo) == ("Board X", ["asimd", "bf16", "sve"])
    cpuinfo.write_bytes(b"\xff\xfe\x00 nonsense")
    name, features = read_cpu(cpuinfo)
    assert name
    assert features == []
    assert read_cpu(tmp_path / "missing")[0]


@pytest.mark.parametrize(
    ("battery", "expected"),
    [
        (None, (None, None)),
        (SimpleNamespace(percent=81.5, power_plugged=False), (81.5, True)),
        (SimpleNamespace(percent=100, power_plugged=True), (100.0, False)),
        (SimpleNamespace(percent=50, power_plugged=None), (50.0, None)),
    ],
)
def test_batteries(monkeypatch: pytest.MonkeyPatch, battery: object, expected: tuple) -> None:
    monkeypatch.setattr(profile.psutil, "sensors_battery", lambda: battery, raising=False)
    assert read_battery() == expected


def test_a_battery_that_cannot_be_read_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise FileNotFoundError("/sys/class/power_supply/BAT0/capacity")

    monkeypatch.setattr(profile.psutil, "sensors_battery", broken, raising=False)
    assert read_battery() == (None, None)


def test_free_space_of_a_folder_not_there_yet(tmp_path: Path) -> None:
    assert disk_free(tmp_path / "not" / "yet") > 0


def test_what_torch_sees_is_merged(tmp_path: Path) -> None:
    plain = read_profile(tmp_path)
    cpu = plain.devices[-1]
    known = [
        Device(device_id="cuda:0", name="A", kind="cuda"),
        Device(device_id="cuda:1", name="B", kind="cuda", problem="Too old."),
        Device(device_id="cuda:2", name="C", kind="cuda"),
    ]
    seen = TorchView(
        torch="torch 2.",
        devices=[
            Device(device_id="cuda:0", name="A", kind="cuda"),
            Device(device_id="mps", name="Apple GPU", kind="mps"),
        ],
    )
    merged = with_torch(msgspec.structs.replace(plain, devices=[*known, cpu]), seen)
    assert [(device.device_id, device.problem[:16]) for device in merged.devices] == [
        ("cuda:0", ""), ("cuda:1", "Too old."), ("cuda:2", "torch does not s"), ("mps", ""), ("cpu", "")
    ]  # fmt: skip
    assert merged.torch == "torch 2."
