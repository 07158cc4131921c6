"""What torch sees on this machine, as JSON on stdout: ``python -I -m core.training.devices``.

The engine never loads torch, so it asks this child. NVIDIA's driver knows more about its GPUs; AMD and Apple devices
are known here alone, and only torch knows whether it can really compute on any of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import msgspec
import torch

from core.api.messages.machine import Device, TorchView

_TRIED: tuple[type[Exception], ...] = (RuntimeError, AssertionError, AttributeError, OSError, NotImplementedError)
"""How builds of torch say that a back end is not theirs."""


def look() -> TorchView:
    """Every device that torch can compute on, the processor left out."""
    devices = [device for found in (_cuda, _mps, _xpu) for device in _quietly(found)]
    return TorchView(torch=f"torch {torch.__version__} computes with {_build()}.", devices=devices)


def cap_memory(device: str, allowed_bytes: int) -> None:
    """Let torch's allocator refuse at the owner's cap, before the driver would begin to spill into main memory."""
    if allowed_bytes <= 0 or not device.startswith("cuda"):
        return
    total = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, allowed_bytes / total), torch.device(device))


def synchroniser(device: str) -> Callable[[], None]:
    """A function that waits until a device has done all that it was given; nothing to wait for on a processor."""
    if device.startswith("cuda"):
        return lambda: torch.cuda.synchronize(device)
    if device.startswith("xpu"):
        return lambda: torch.xpu.synchronize(device)
    if device.startswith("mps"):
        return torch.mps.synchronize
    return lambda: None


def _build() -> str:
    if torch.version.cuda:
        return f"CUDA {torch.version.cuda}"
    if torch.version.hip:
        return f"ROCm {torch.version.hip}"
    return "Metal" if _quietly(_mps) else "the processor alone"


def _quietly(ask: Callable[[], list[Device]]) -> list[Device]:
    try:
        return ask()
    except _TRIED:
        return []


def _cuda() -> list[Device]:
    """NVIDIA and, in a build for ROCm, AMD."""
    if not torch.cuda.is_available():
        return []
    return [_of_cuda(number) for number in range(torch.cuda.device_count())]


def _of_cuda(number: int) -> Device:
    device_id = f"cuda:{number}"
    try:
        facts = torch.cuda.get_device_properties(number)
        torch.zeros(1, device=device_id)
    except _TRIED as error:
        return Device(device_id=device_id, name=f"GPU {number}", kind="cuda", problem=_first_line(error))
    capability = "" if torch.version.hip else f"{facts.major}.{facts.minor}"
    return Device(
        device_id=device_id, name=str(facts.name), kind="cuda", memory_bytes=int(facts.total_memory),
        capability=capability,
    )  # fmt: skip


def _mps() -> list[Device]:
    if not torch.backends.mps.is_available():
        return []
    memory = int(torch.mps.recommended_max_memory())
    return [Device(device_id="mps", name="Apple GPU", kind="mps", memory_bytes=memory)]


def _xpu() -> list[Device]:
    if not torch.xpu.is_available():
        return []
    found = [torch.xpu.get_device_properties(number) for number in range(torch.xpu.device_count())]
    return [
        Device(device_id=f"xpu:{n}", name=str(facts.name), kind="xpu", memory_bytes=int(facts.total_memory))
        for n, facts in enumerate(found)
    ]


def _first_line(error: Exception) -> str:
    words = next(iter(str(error).splitlines()), type(error).__name__)
    return f"torch cannot compute on this GPU ({words[:200]})."


def main() -> int:
    """Print what torch sees."""
    sys.stdout.buffer.write(msgspec.json.encode(look()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
