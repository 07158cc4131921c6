"""What the owner's limits mean on this machine: threads, memory, device; and what the machine is."""

from __future__ import annotations

import asyncio
import functools
from pathlib import Path
from typing import Literal

import msgspec
import psutil

from core.api.errors import EngineError
from core.api.messages.machine import HardwareProfile, TorchView
from core.config.federation import FederationConfig
from core.config.node import Limits
from core.engine.children import converse
from core.hardware.nvml import read_gpus
from core.hardware.profile import read_profile, with_torch
from core.hardware.sensors import CPU, used_devices
from core.model.presets import memory_bytes

TORCH = "core.training.devices"
TORCH_TIMEOUT_S = 60.0
"""Importing torch on a cold disk takes a while, and so does waking several GPUs."""


async def look(home: Path, interpreter: str, probe: bool) -> HardwareProfile:
    """The machine as it is; a probe also asks torch, in a child."""
    profile = await asyncio.to_thread(functools.partial(read_profile, home, probe=probe))
    return with_torch(profile, await ask_torch(home, interpreter)) if probe else profile


async def ask_torch(home: Path, interpreter: str) -> TorchView:
    """What torch sees, or in its place the sentence that says why that is not known."""
    try:
        said = await converse(
            TORCH, b"", interpreter=interpreter, log_path=home / "logs" / "devices.log", timeout_s=TORCH_TIMEOUT_S
        )
        return msgspec.json.decode(said, type=TorchView)
    except (EngineError, OSError) as error:
        return TorchView(torch=f"torch cannot be asked: {error}")
    except msgspec.MsgspecError:
        return TorchView(torch="torch said something about its devices that cannot be read.")


def threads(limits: Limits) -> int:
    """Threads of the trainer: the owner's number, or all physical cores but one."""
    if limits.cpu_threads:
        return limits.cpu_threads
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 2
    return max(1, cores - 1)


def memory_limit(limits: Limits) -> int:
    """Bytes the trainer may use: the owner's number, or half of the machine."""
    if limits.memory_gb:
        return int(limits.memory_gb * 1e9)
    return int(psutil.virtual_memory().total) // 2


def trainer_memory(limits: Limits, device: str) -> int:
    """Most bytes for a trainer on a device, as the owner set it; 0 means what is free there."""
    return int((limits.memory_gb if device == CPU else limits.gpu_memory_gb) * 1e9)


def usable_devices() -> tuple[str, ...]:
    """Devices that can train, the best first. Asks the driver; call it in a thread."""
    _, gpus = read_gpus()
    return (*(gpu.device_id for gpu in gpus if not gpu.problem), CPU)


def strategy(config: FederationConfig, devices: tuple[str, ...]) -> Literal["", "fsdp"]:
    """``fsdp`` where several GPUs are offered and the model is too big for the smallest. Call it in a thread."""
    unit = config.privacy.unit
    if len(devices) < 2 or unit not in ("none", "corpus") or not all(device.startswith("cuda") for device in devices):
        return ""
    _, gpus = read_gpus()
    memory = [gpu.memory_bytes for gpu in gpus if gpu.device_id in devices and gpu.memory_bytes]
    needed = memory_bytes(config.model, 1, config.training.seq_len, device="gpu", private=unit != "none")
    return "fsdp" if memory and needed > min(memory) else ""


def choose_devices(limits: Limits) -> tuple[str, ...]:
    """Devices to train on together: all the owner offers that are usable, or the best found. Call it in a thread."""
    return used_devices(limits, usable_devices())
