"""NVIDIA GPUs through NVML: what there is, and in one sentence why there is none.

NVML is asked only here, opened and closed around each question, and may be absent, broken, hung, or too old in any
part: what it cannot say is ``None``. Calls can take a second on a sleeping GPU, so never make them in a control loop.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from importlib import metadata
from types import ModuleType
from typing import Any, Final, TypeVar

import psutil

from core.api.messages.machine import Device, GpuProcess
from core.hardware.patience import NoAnswer, Patience
from core.hardware.visible import cuda_number

MIN_CAPABILITY: Final = (7, 5)
"""Turing; CUDA 13, which current torch is built for, runs on nothing older."""
TIMEOUT_S: Final = 5.0
"""Longest wait for all answers of one look; a sleeping GPU takes about a second to wake."""
NOT_INSTALLED: Final = "No NVIDIA driver is installed (its library was not found)."
TRAINER: Final = "core.training.worker"
MAX_PROCESSES: Final = 64
T = TypeVar("T")

_PATIENCE: Final = Patience("The NVIDIA driver")
_SENTENCES: Final = {
    "NVMLError_LibraryNotFound": NOT_INSTALLED,
    "NVMLError_DriverNotLoaded": "The NVIDIA driver is installed but not loaded; a restart usually helps.",
    "NVMLError_LibRmVersionMismatch": "The NVIDIA driver was updated and its parts do not match; restart the machine.",
    "NVMLError_NoPermission": "The NVIDIA driver does not let this user ask for GPUs.",
    "NVMLError_GpuIsLost": "A GPU has fallen off the bus; restart the machine.",
    "NVMLError_FunctionNotFound": "The NVIDIA driver is too old to be asked; update it.",
}
_LOST: Final = ("NVMLError_GpuIsLost", "NVMLError_ResetRequired")


class NoNvml(Exception):
    """There is no usable NVML; the message is a sentence."""


def read_gpus() -> tuple[str, list[Device]]:
    """``ok`` with the driver version, or the reason why there is nothing, and the GPUs found."""
    try:
        driver, devices = asked(look)
    except NoNvml as error:
        return str(error), []
    return (f"ok, driver {driver}" if devices else f"The NVIDIA driver {driver} works but finds no GPU."), devices


def asked(question: Callable[[ModuleType], T], timeout_s: float = TIMEOUT_S) -> T:
    """Ask NVML on a thread of its own.

    Raises:
        NoNvml: it is absent, broken, or does not answer in time.
    """

    def ask() -> T:
        with opened() as nvml:
            return question(nvml)

    try:
        return _PATIENCE.ask(ask, timeout_s)
    except NoAnswer as error:
        raise NoNvml(str(error)) from error


@contextlib.contextmanager
def opened() -> Iterator[ModuleType]:
    """NVML, initialised and shut down again; ``asked`` is the way to it that cannot hang.

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
            with contextlib.suppress(pynvml.NVMLError):
                pynvml.nvmlShutdown()
    except (pynvml.NVMLError, pynvml.NVMLLibraryMismatchError, OSError, UnicodeDecodeError) as error:
        raise NoNvml(_sentence(error)) from error


def handle_of(nvml: ModuleType, device_id: str) -> Any:
    """The GPU that torch calls ``cuda:n``.

    Raises:
        NoNvml: there is no such GPU.
    """
    number = int(device_id.partition(":")[2] or 0)
    for index in range(int(nvml.nvmlDeviceGetCount())):
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        uuid = _ask(nvml, lambda handle=handle: nvml.nvmlDeviceGetUUID(handle))  # type: ignore[misc]
        if cuda_number(index, _text(uuid or "")) == number:
            return handle
    raise NoNvml(f"There is no GPU {device_id}.")


def foreign_load(nvml: ModuleType, handle: Any, ours: frozenset[int]) -> float | None:
    """Share of a GPU that programs other than ours keep busy, 0 to 1; ``None`` where they cannot be told apart.

    Args:
        nvml: the opened library.
        handle: the GPU.
        ours: process ids of the trainer; empty while none runs. Trainers of other engines on this machine, as in the
            demo, are no strangers either, or they would make each other pause.
    """
    listed = _ask(nvml, lambda: nvml.nvmlDeviceGetComputeRunningProcesses(handle))
    here = frozenset(p.pid for p in listed or () if p.pid in ours or TRAINER in _command_line(p.pid))
    if not here:
        # In a container the driver names processes by the host's numbers: a trainer that is not found proves nothing.
        rates = None if ours else _ask(nvml, lambda: nvml.nvmlDeviceGetUtilizationRates(handle))
        return None if rates is None else float(rates.gpu) / 100
    samples = _ask(nvml, lambda: nvml.nvmlDeviceGetProcessUtilization(handle, 0))
    if samples is None:
        return None
    newest: dict[int, Any] = {}
    for sample in samples:
        if sample.pid not in newest or newest[sample.pid].timeStamp < sample.timeStamp:
            newest[sample.pid] = sample
    last = max((sample.timeStamp for sample in newest.values()), default=0)
    fresh = [s for s in newest.values() if s.pid not in here | ours and last - s.timeStamp < 5_000_000]
    return min(1.0, float(sum(sample.smUtil for sample in fresh)) / 100)


def look(nvml: ModuleType) -> tuple[str, list[Device]]:
    """The driver's version, and every GPU."""
    driver = _text(nvml.nvmlSystemGetDriverVersion())
    count = int(nvml.nvmlDeviceGetCount())
    return driver, [_device(nvml, index, driver) for index in range(count)]


def _sentence(error: Exception) -> str:
    return _SENTENCES.get(type(error).__name__, f"The NVIDIA driver does not answer ({error}).")


def _ask(nvml: ModuleType, question: Callable[[], T]) -> T | None:
    """An answer, or ``None`` where this GPU or this driver has none; a lost GPU is an error all the same."""
    try:
        return question()
    except nvml.NVMLError as error:
        if type(error).__name__ in _LOST:
            raise
        return None
    except (AttributeError, OSError, ValueError, nvml.NVMLLibraryMismatchError):
        return None


def _device(nvml: ModuleType, index: int, driver: str) -> Device:
    device_id = f"cuda:{index}"
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        uuid = _ask(nvml, lambda: nvml.nvmlDeviceGetUUID(handle))
        number = cuda_number(index, _text(uuid or ""))
        if number is None:
            hidden = "CUDA_VISIBLE_DEVICES does not name this GPU, so it cannot train."
            return _facts(nvml, handle, f"hidden:{index}", index, driver, hidden)
        device_id = f"cuda:{number}"
        return _facts(nvml, handle, device_id, index, driver, "")
    except nvml.NVMLError as error:
        return Device(device_id=device_id, name=f"GPU {index}", kind="cuda", driver=driver, problem=_sentence(error))


def _facts(nvml: ModuleType, handle: Any, device_id: str, index: int, driver: str, problem: str) -> Device:
    def ask(question: Callable[[Any], T]) -> T | None:
        return _ask(nvml, lambda: question(handle))

    name = ask(nvml.nvmlDeviceGetName)
    memory = ask(nvml.nvmlDeviceGetMemoryInfo)
    mode = ask(nvml.nvmlDeviceGetMigMode)
    mig = None if mode is None else bool(mode[0])
    if mig:
        part = _first_part(nvml, handle)
        if part is None:
            problem = problem or "MIG is on, but this GPU has no instance to compute on; create one or turn MIG off."
        else:
            name = _ask(nvml, lambda: nvml.nvmlDeviceGetName(part)) or name
            memory = _ask(nvml, lambda: nvml.nvmlDeviceGetMemoryInfo(part)) or memory
    capability = ask(nvml.nvmlDeviceGetCudaComputeCapability)
    power, limit = ask(nvml.nvmlDeviceGetPowerUsage), ask(nvml.nvmlDeviceGetEnforcedPowerLimit)
    rates = ask(nvml.nvmlDeviceGetUtilizationRates)
    temperature = ask(lambda device: nvml.nvmlDeviceGetTemperature(device, nvml.NVML_TEMPERATURE_GPU))
    display = ask(nvml.nvmlDeviceGetDisplayActive)
    return Device(
        device_id=device_id,
        name=_text(name) if name else f"GPU {index}",
        kind="cuda",
        memory_bytes=int(memory.total) if memory else None,
        free_bytes=int(memory.free) if memory else None,
        capability=f"{capability[0]}.{capability[1]}" if capability else "",
        driver=driver,
        temperature_c=None if temperature is None else float(temperature),
        power_w=None if power is None else power / 1_000,
        power_limit_w=None if limit is None else limit / 1_000,
        utilisation=None if rates is None else rates.gpu / 100,
        drives_display=None if display is None else bool(display),
        mig=mig,
        processes=_processes(nvml, handle),
        problem=problem or _problem(capability),
    )


def _first_part(nvml: ModuleType, handle: Any) -> Any | None:
    """The first MIG instance: CUDA shows a process one instance of a split GPU, and no more."""
    count = _ask(nvml, lambda: nvml.nvmlDeviceGetMaxMigDeviceCount(handle)) or 0
    for number in range(count):
        part = _ask(nvml, lambda number=number: nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number))  # type: ignore[misc]
        if part is not None:
            return part
    return None


def _processes(nvml: ModuleType, handle: Any) -> list[GpuProcess] | None:
    """What uses the GPU, largest first; ``None`` where the driver does not tell."""
    questions = (nvml.nvmlDeviceGetComputeRunningProcesses, nvml.nvmlDeviceGetGraphicsRunningProcesses)
    lists = [_ask(nvml, lambda ask=ask: ask(handle)) for ask in questions]  # type: ignore[misc]
    if all(found is None for found in lists):
        return None
    memory: dict[int, int | None] = {}
    for process in (one for found in lists if found is not None for one in found):
        used = process.usedGpuMemory
        memory[process.pid] = memory.get(process.pid) if used is None else max(memory.get(process.pid) or 0, used)
    largest = sorted(memory.items(), key=lambda item: -(item[1] or 0))[:MAX_PROCESSES]
    return [GpuProcess(pid=pid, name=_process_name(pid), memory_bytes=used) for pid, used in largest]


def _process_name(pid: int) -> str:
    """Empty where it cannot be read: another user's, gone, or known under another number outside a container."""
    try:
        return str(psutil.Process(pid).name())
    except (psutil.Error, OSError, ValueError):
        return ""


def _command_line(pid: int) -> list[str]:
    try:
        return list(psutil.Process(pid).cmdline())
    except (psutil.Error, OSError, ValueError):
        return []


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
