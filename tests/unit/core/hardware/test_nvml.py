"""GPUs: several, split, half-readable, old, lost, hung, absent. The real ``pynvml`` loads a library compiled here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.fake_nvml import FakeNvml

LOOK = """
from core.hardware import nvml
nvml._torch_is_for_cpu = lambda: False
answer = nvml.read_gpus()
"""
MIG_DEVICE = {"nvmlDeviceGetName.10": "NVIDIA H200 MIG 1g.18gb", "nvmlDeviceGetMemoryInfo.10": "18000 17000 1000"}


def look(
    fake: FakeNvml, folder: Path, code: str = LOOK, environment: dict[str, str] | None = None, **answers: Any
) -> Any:
    return fake.run(fake.write(folder / "scenario", **answers), code, **(environment or {}))


def test_a_gpu_in_full(fake_nvml: FakeNvml, tmp_path: Path) -> None:
    pid = os.getpid()
    used = {
        "nvmlDeviceGetComputeRunningProcesses__0": f"{pid} 300, 4194303 900",
        "nvmlDeviceGetGraphicsRunningProcesses__0": f"{pid} 50",
    }
    state, (gpu,) = look(fake_nvml, tmp_path, **used)
    assert state == "ok, driver 580.12"
    assert (gpu["device_id"], gpu["name"], gpu["kind"], gpu["capability"]) == ("cuda:0", "NVIDIA H200", "cuda", "9.0")
    assert (gpu["memory_bytes"], gpu["free_bytes"]) == (150_000_000_000, 140_000_000_000)
    assert (gpu["temperature_c"], gpu["power_w"], gpu["power_limit_w"], gpu["utilisation"]) == (41, 75.5, 700, 0.25)
    assert (gpu["drives_display"], gpu["mig"], gpu["driver"], gpu["problem"]) == (False, False, "580.12", "")
    stranger, ours = gpu["processes"]
    assert stranger == {"pid": 4194303, "name": "", "memory_bytes": 900}
    assert (ours["pid"], ours["memory_bytes"]) == (pid, 300)
    assert ours["name"]


def test_several_gpus_and_each_says_what_it_can(fake_nvml: FakeNvml, tmp_path: Path) -> None:
    state, gpus = look(
        fake_nvml, tmp_path, nvmlDeviceGetCount="4", nvmlDeviceGetName__1="NVIDIA GeForce GTX 1080",
        nvmlDeviceGetCudaComputeCapability__1="6 1", nvmlDeviceGetHandleByIndex__2="!15", nvmlDeviceGetName__3="!3",
        nvmlDeviceGetTemperature__1="!999",
    )  # fmt: skip
    assert state == "ok, driver 580.12"
    assert [gpu["device_id"] for gpu in gpus] == ["cuda:0", "cuda:1", "cuda:2", "cuda:3"]
    assert gpus[0]["problem"] == ""
    assert gpus[1]["problem"] == "This GPU is too old to train on: compute capability 6.1, needed 7.5."
    assert gpus[1]["temperature_c"] is None
    assert gpus[2]["problem"] == "A GPU has fallen off the bus; restart the machine."
    unknown = ("memory_bytes", "free_bytes", "power_w", "power_limit_w", "utilisation", "temperature_c", "mig",
               "drives_display", "processes")  # fmt: skip
    assert gpus[3]["name"] == "GPU 3"
    assert [gpus[3][name] for name in unknown] == [None] * len(unknown)


def test_a_gpu_that_falls_off_the_bus_between_two_calls(fake_nvml: FakeNvml, tmp_path: Path) -> None:
    twice = LOOK + "answer = [answer, nvml.read_gpus()]"
    (before, (well,)), (after, (lost,)) = look(
        fake_nvml, tmp_path, twice, nvmlDeviceGetTemperature__0="41 | !15", nvmlDeviceGetName__0="NVIDIA H200"
    )
    assert (before, after) == ("ok, driver 580.12", "ok, driver 580.12")
    assert (well["temperature_c"], well["problem"]) == (41, "")
    assert (lost["device_id"], lost["problem"]) == ("cuda:0", "A GPU has fallen off the bus; restart the machine.")


@pytest.mark.parametrize(
    ("parts", "name", "memory", "problem"),
    [
        ({"nvmlDeviceGetMigDeviceHandleByIndex.10": "0"} | MIG_DEVICE, "NVIDIA H200 MIG 1g.18gb", 18_000, ""),
        (
            {"nvmlDeviceGetMigDeviceHandleByIndex.10": "!6"}, "NVIDIA H200", 150_000_000_000,
            "MIG is on, but this GPU has no instance to compute on; create one or turn MIG off.",
        ),
    ],
)  # fmt: skip
def test_a_split_gpu_counts_as_its_first_instance(
    fake_nvml: FakeNvml, tmp_path: Path, parts: dict[str, str], name: str, memory: int, problem: str
) -> None:
    mode = {"nvmlDeviceGetMigMode.0": "1", "nvmlDeviceGetMaxMigDeviceCount.0": "1"}
    _, (gpu,) = look(fake_nvml, tmp_path, **mode, **parts)
    assert (gpu["mig"], gpu["name"], gpu["memory_bytes"], gpu["problem"]) == (True, name, memory, problem)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("!9", "The NVIDIA driver is installed but not loaded; a restart usually helps."),
        ("!18", "The NVIDIA driver was updated and its parts do not match; restart the machine."),
        ("!4", "The NVIDIA driver does not let this user ask for GPUs."),
        ("!999", "The NVIDIA driver does not answer"),
    ],
)
def test_a_broken_driver_is_one_sentence(fake_nvml: FakeNvml, tmp_path: Path, code: str, words: str) -> None:
    state, gpus = look(fake_nvml, tmp_path, nvmlInitWithFlags=code)
    assert state.startswith(words)
    assert gpus == []


def test_no_library_and_no_gpu_are_said(fake_nvml: FakeNvml, tmp_path: Path) -> None:
    nowhere = FakeNvml(tmp_path)
    assert look(nowhere, tmp_path) == ["No NVIDIA driver is installed (its library was not found).", []]
    found = look(fake_nvml, tmp_path, nvmlDeviceGetCount="0")
    assert found == ["The NVIDIA driver 580.12 works but finds no GPU.", []]


def test_a_library_of_long_ago_says_what_it_knows(old_nvml: FakeNvml, tmp_path: Path) -> None:
    state, (gpu,) = look(old_nvml, tmp_path)
    assert state == "ok, driver 580.12"
    assert (gpu["name"], gpu["temperature_c"], gpu["problem"]) == ("NVIDIA H200", 41, "")
    assert (gpu["power_limit_w"], gpu["mig"], gpu["processes"], gpu["drives_display"]) == (None, None, None, None)


def test_a_call_that_hangs_costs_the_answer_and_nothing_else(fake_nvml: FakeNvml, tmp_path: Path) -> None:
    code = """
import time
from core.hardware import nvml
look = lambda: nvml.asked(nvml.look, 0.3)
answer, began = [], time.monotonic()
for _ in range(3):
    try:
        look()
    except nvml.NoNvml as error:
        answer.append(str(error))
answer.append(time.monotonic() - began)
"""
    first, second, third, seconds = look(fake_nvml, tmp_path, code, nvmlDeviceGetTemperature__0="hang")
    assert first == "The NVIDIA driver did not answer within 0.3 s."
    assert second.startswith("The NVIDIA driver has not answered for")
    assert third.startswith("The NVIDIA driver has not answered for")
    assert seconds < 20, "the program ended, with the hanging call still in it"


def test_numbers_are_those_of_cuda(fake_nvml: FakeNvml, tmp_path: Path) -> None:
    three = {
        "nvmlDeviceGetCount": "3", "nvmlDeviceGetUUID.1": "GPU-bbbb-1", "nvmlDeviceGetUUID.2": "GPU-cccc-2",
        "nvmlDeviceGetTotalEnergyConsumption.2": "7000",
    }  # fmt: skip
    code = LOOK + (
        "from core.hardware.energy import _nvml_reading\n"
        "read = _nvml_reading('cuda:0', 'nvmlDeviceGetTotalEnergyConsumption')\nanswer = [answer[1], read()]"
    )
    gpus, joules = look(fake_nvml, tmp_path, code, {"CUDA_VISIBLE_DEVICES": "GPU-cccc,0"}, **three)
    assert [gpu["device_id"] for gpu in gpus] == ["cuda:1", "hidden:1", "cuda:0"]
    assert gpus[1]["problem"] == "CUDA_VISIBLE_DEVICES does not name this GPU, so it cannot train."
    assert joules == 7.0


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"nvmlDeviceGetProcessUtilization.0": "40 90, 41 30, 42 25"}, 0.55),
        ({"nvmlDeviceGetProcessUtilization.0": "40 90"}, 0.0),
        ({}, None),
        ({"nvmlDeviceGetProcessUtilization.0": "41 30", "nvmlDeviceGetComputeRunningProcesses.0": "41 5"}, None),
    ],
)
def test_the_load_of_others_while_the_trainer_runs(
    fake_nvml: FakeNvml, tmp_path: Path, answers: dict[str, str], expected: float | None
) -> None:
    code = (
        "from core.hardware import nvml\n"
        "ask = lambda ours: nvml.asked(lambda n: nvml.foreign_load(n, nvml.handle_of(n, 'cuda:0'), frozenset(ours)))\n"
        "answer = [ask({40}), ask(())]"
    )
    usual = {"nvmlDeviceGetComputeRunningProcesses.0": "40 100, 41 5"}
    assert look(fake_nvml, tmp_path, code, **(usual | answers)) == [expected, 0.25]


def test_another_engines_trainer_is_no_stranger(fake_nvml: FakeNvml, tmp_path: Path) -> None:
    sleeping = [sys.executable, "-c", "input()", "core.training.worker"]
    with subprocess.Popen(sleeping, stdin=subprocess.PIPE) as other:
        answers = {
            "nvmlDeviceGetComputeRunningProcesses.0": f"{other.pid} 100",
            "nvmlDeviceGetProcessUtilization.0": f"{other.pid} 95, 41 4",
        }
        code = (
            "from core.hardware import nvml\n"
            "answer = nvml.asked(lambda n: nvml.foreign_load(n, nvml.handle_of(n, 'cuda:0'), frozenset()))"
        )
        assert look(fake_nvml, tmp_path, code, **answers) == 0.04
        other.communicate(b"\n", timeout=20)
