"""NVIDIA GPUs through NVML: what there is, and in one sentence why there is none.

NVML is asked only here, opened and closed around each question, and may be absent, broken, or too old in any part:
what it cannot say is ``None``. Calls can take a second on a sleeping GPU, so never make them in a control loop.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from importlib import metadata
from types import ModuleType
from typing import Any, Final, TypeVar

from core.api.messages import Device

MIN_CAPABILITY: Final = (7, 5)
"""Turing; CUDA 13, which current torch is built for, runs on nothing older."""
T = TypeVar("T")

_SENTENCES: Final = {
    "NVMLError_LibraryNotFound": "No NVIDIA driver is installed (its library was not found).",
    "NVMLError_DriverNotLoaded": "The NVIDIA driver is installed but not loaded; a restart usually helps.",
    "NVMLError_LibRmVersionMismatch": "The NVIDIA driver was updated and its parts do not match; restart the machine.",
    "NVMLError_NoPermission": "The NVIDIA driver does not let this user ask for GPUs.",
    "NVMLError_GpuIsLost": "A GPU has fallen off the bus; restart the machine.",
    "NVMLError_FunctionNotFound": "The NVIDIA driver is too old to be asked; update it.",
}


class NoNvml(Exception):
    """There is no usable NVML; the message is a sentence."""


def read_gpus() -> tuple[str, list[Device]]:
    """``ok`` with the driver version, or the reason why there is nothing, and the GPUs found."""
    try:
        with opened() as nvml:
            driver = _text(nvml.nvmlSystemGetDriverVersion())
            count = int(nvml.nvmlDeviceGetCount())
            devices = [_device(nvml, index, driver) for index in range(count)]
    except NoNvml as error:
        return str(error), []
    return (f"ok, driver {driver}" if devices else f"The NVIDIA driver {driver} works but finds no GPU."), devices


@contextlib.contextmanager
def opened() -> Iterator[ModuleType]:
    """NVML, initialised and shut down again.

    Raises:
        NoNvml: it is absent or broken; inside the block, any NVML error becomes this too.
    """
    try:
        import pynvml
    except ImportError as error:
        raise NoNvml("The package nvidia-ml-py is not installed, so GPUs cannot be seen.") from error
    try:
        pynvml.nvmlInit()
        try:
            yield pynvml
        finally:
            pynvml.nvmlShutdown()
    except (pynvml.NVMLError, OSError) as error:
        raise NoNvml(_sentence(error)) from error


def _sentence(error: Exception) -> str:
    return _SENTENCES.get(type(error).__name__, f"The NVIDIA driver does not answer ({error}).")


def _device(nvml: ModuleType, index: int, driver: str) -> Device:
    def ask(question: Callable[[Any], T]) -> T | None:
        try:
            return question(handle)
        except (nvml.NVMLError, AttributeError, OSError):
            return None

    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
    except nvml.NVMLError as error:
        return Device(
            device_id=f"cuda:{index}", name=f"GPU {index}", kind="cuda", driver=driver, problem=_sentence(error)
        )
    memory = ask(nvml.nvmlDeviceGetMemoryInfo)
    capability = ask(nvml.nvmlDeviceGetCudaComputeCapability)
    power = ask(nvml.nvmlDeviceGetPowerUsage)
    rates = ask(nvml.nvmlDeviceGetUtilizationRates)
    temperature = ask(lambda device: nvml.nvmlDeviceGetTemperature(device, nvml.NVML_TEMPERATURE_GPU))
    name = ask(nvml.nvmlDeviceGetName)
    return Device(
        device_id=f"cuda:{index}",
        name=_text(name) if name else f"GPU {index}",
        kind="cuda",
        memory_bytes=int(memory.total) if memory else None,
        free_bytes=int(memory.free) if memory else None,
        capability=f"{capability[0]}.{capability[1]}" if capability else "",
        driver=driver,
        temperature_c=None if temperature is None else float(temperature),
        power_w=None if power is None else power / 1_000,
        utilisation=None if rates is None else rates.gpu / 100,
        problem=_problem(capability),
    )


def _problem(capability: tuple[int, int] | None) -> str:
    if capability is not None and tuple(capability) < MIN_CAPABILITY:
        least = ".".join(map(str, MIN_CAPABILITY))
        return f"This GPU is too old to train on: compute capability {capability[0]}.{capability[1]}, needed {least}."
    if _torch_is_for_cpu():
        return "The installed torch is its CPU build, so this GPU cannot train; install the CUDA build."
    return ""


def _torch_is_for_cpu() -> bool:
    """By the version's suffix; torch itself is never imported here."""
    try:
        return metadata.version("torch").endswith("+cpu")
    except metadata.PackageNotFoundError:
        return False


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
