"""GPUs: absent, broken, old, half-readable. The library is the real one; only its driver is played."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from core.hardware import nvml
from core.hardware.nvml import NoNvml, opened, read_gpus

NOT_SUPPORTED = pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)


def _play(monkeypatch: pytest.MonkeyPatch, **answers: Any) -> list[str]:
    """Let the library answer so; an exception is raised, everything else returned."""
    calls: list[str] = []
    usual: dict[str, Any] = {
        "nvmlInit": None,
        "nvmlShutdown": None,
        "nvmlSystemGetDriverVersion": b"580.12",
        "nvmlDeviceGetCount": 1,
        "nvmlDeviceGetHandleByIndex": "handle",
        "nvmlDeviceGetName": "NVIDIA H200",
        "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=100, free=60),
        "nvmlDeviceGetCudaComputeCapability": (9, 0),
        "nvmlDeviceGetPowerUsage": 75_500,
        "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=25),
        "nvmlDeviceGetTemperature": 41,
    }
    for name, answer in (usual | answers).items():

        def function(*_: Any, name: str = name, answer: Any = answer) -> Any:
            calls.append(name)
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(pynvml, name, function)
    monkeypatch.setattr(nvml.metadata, "version", lambda _: "2.13.0")
    return calls


def test_a_gpu_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = _play(monkeypatch)
    state, (gpu,) = read_gpus()
    assert state == "ok, driver 580.12"
    assert (gpu.device_id, gpu.name, gpu.kind, gpu.capability) == ("cuda:0", "NVIDIA H200", "cuda", "9.0")
    assert (gpu.memory_bytes, gpu.free_bytes, gpu.power_w, gpu.utilisation) == (100, 60, 75.5, 0.25)
    assert (gpu.temperature_c, gpu.driver, gpu.problem) == (41.0, "580.12", "")
    assert calls.count("nvmlInit") == calls.count("nvmlShutdown") == 1


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, "No NVIDIA driver is installed"),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, "not loaded"),
        (pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, "restart the machine"),
        (pynvml.NVML_ERROR_UNKNOWN, "does not answer"),
    ],
)
def test_a_missing_or_broken_driver_is_one_sentence(monkeypatch: pytest.MonkeyPatch, code: int, words: str) -> None:
    _play(monkeypatch, nvmlInit=pynvml.NVMLError(code))
    state, gpus = read_gpus()
    assert words in state
    assert gpus == []


def test_a_driver_without_gpus_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    _play(monkeypatch, nvmlDeviceGetCount=0)
    assert read_gpus() == ("The NVIDIA driver 580.12 works but finds no GPU.", [])


def test_what_a_gpu_cannot_say_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    _play(
        monkeypatch, nvmlDeviceGetMemoryInfo=NOT_SUPPORTED, nvmlDeviceGetPowerUsage=NOT_SUPPORTED,
        nvmlDeviceGetUtilizationRates=NOT_SUPPORTED, nvmlDeviceGetTemperature=NOT_SUPPORTED,
        nvmlDeviceGetCudaComputeCapability=NOT_SUPPORTED, nvmlDeviceGetName=NOT_SUPPORTED,
    )  # fmt: skip
    _, (gpu,) = read_gpus()
    assert (gpu.name, gpu.memory_bytes, gpu.power_w, gpu.utilisation, gpu.temperature_c) == ("GPU 0", *[None] * 4)


def test_an_old_gpu_and_a_lost_gpu_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    _play(monkeypatch, nvmlDeviceGetCudaComputeCapability=(6, 1))
    assert read_gpus()[1][0].problem == "This GPU is too old to train on: compute capability 6.1, needed 7.5."
    _play(monkeypatch, nvmlDeviceGetHandleByIndex=pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST))
    assert "fallen off the bus" in read_gpus()[1][0].problem


def test_a_cpu_build_of_torch_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    _play(monkeypatch)
    monkeypatch.setattr(nvml.metadata, "version", lambda _: "2.13.0+cpu")
    assert "CPU build" in read_gpus()[1][0].problem


def test_nvml_is_shut_down_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = _play(monkeypatch, nvmlDeviceGetCount=pynvml.NVMLError(pynvml.NVML_ERROR_UNKNOWN))
    with pytest.raises(NoNvml, match="does not answer"), opened() as library:
        library.nvmlDeviceGetCount()
    assert calls[-1] == "nvmlShutdown"
