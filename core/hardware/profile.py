"""What this machine has: processor, memory, disk, battery, network, GPUs. Nothing is guessed; unknown is ``None``.

``python -m core.hardware.profile`` prints it as JSON.
"""

from __future__ import annotations

import platform
import shutil
import sys
from pathlib import Path
from typing import Final

import msgspec
import psutil

from core.api.messages.machine import Device, HardwareProfile, TorchView
from core.hardware.idle import read_idle_s
from core.hardware.network import read_metered
from core.hardware.nvml import read_gpus
from core.hardware.screen import read_full_screen

CPUINFO: Final = Path("/proc/cpuinfo")
_FEATURES: Final = (
    "avx", "avx2", "fma", "f16c", "avx512f", "avx512_bf16", "avx512_vnni", "avx_vnni", "amx_tile", "amx_bf16",
    "asimd", "bf16", "i8mm", "sve", "sve2",
)  # fmt: skip
_PROBE_S: Final = 0.3


def read_profile(home: Path | str | None = None, *, probe: bool = False) -> HardwareProfile:
    """Look at the machine; takes seconds where a driver or the system is slow, so never in a control loop.

    Args:
        home: folder whose drive is meant by the free disk space; the working folder by default.
        probe: also measure for a moment how busy the processor is, and ask the desktop what it knows.
    """
    name, features = read_cpu()
    memory = psutil.virtual_memory()
    percent, on_battery = read_battery()
    nvml, gpus = read_gpus()
    cpu = Device(
        device_id="cpu",
        name=name,
        kind="cpu",
        memory_bytes=int(memory.total),
        free_bytes=int(memory.available),
        capability=" ".join(features),
        utilisation=psutil.cpu_percent(_PROBE_S) / 100 if probe else None,
    )
    threads = psutil.cpu_count() or 1
    return HardwareProfile(
        cpu_name=name,
        cpu_cores=psutil.cpu_count(logical=False) or threads,
        cpu_threads=threads,
        cpu_features=features,
        memory_bytes=int(memory.total),
        free_memory_bytes=int(memory.available),
        disk_free_bytes=disk_free(Path(home) if home is not None else Path.cwd()),
        battery_percent=percent,
        on_battery=on_battery,
        nvml=nvml,
        devices=[*gpus, cpu],
        network_metered=read_metered() if probe else None,
        idle_s=read_idle_s() if probe else None,
        full_screen=read_full_screen() if probe else None,
    )


def with_torch(profile: HardwareProfile, seen: TorchView) -> HardwareProfile:
    """Add what torch sees: AMD and Apple devices, and GPUs that the driver lists but torch cannot use."""
    by_id = {device.device_id: device for device in seen.devices}
    known = [device for device in profile.devices if device.kind != "cpu"]
    devices = [_judged(device, by_id.get(device.device_id)) for device in known]
    devices += [device for one, device in by_id.items() if one not in {device.device_id for device in known}]
    devices += [device for device in profile.devices if device.kind == "cpu"]
    return msgspec.structs.replace(profile, devices=devices, torch=seen.torch)


def _judged(device: Device, seen: Device | None) -> Device:
    if device.problem or (seen is not None and not seen.problem):
        return device
    unseen = "torch does not see this GPU; the driver may be too old for this torch, so update it."
    return msgspec.structs.replace(device, problem=seen.problem if seen is not None else unseen)


def read_cpu(cpuinfo: Path = CPUINFO) -> tuple[str, list[str]]:
    """Name and the features that matter for training; from the kernel where it says, else from Python."""
    name, flags = "", set[str]()
    try:
        lines = cpuinfo.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        match key.strip().lower():
            case "model name" | "hardware" if not name:
                name = " ".join(value.split())
            case "flags" | "features":
                flags |= set(value.split())
    name = name or platform.processor() or platform.machine() or "unknown processor"
    return name, [feature for feature in _FEATURES if feature in flags]


def read_battery() -> tuple[float | None, bool | None]:
    """(percent, whether the machine runs on it); (None, None) where there is none or it cannot be read."""
    try:
        battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    except (OSError, RuntimeError, ValueError, NotImplementedError):
        return None, None
    if battery is None:
        return None, None
    plugged = battery.power_plugged
    return float(battery.percent), None if plugged is None else not plugged


def disk_free(folder: Path) -> int:
    """Free bytes for this user on the drive of a folder, or of its nearest parent that exists; 0 if unreadable."""
    for candidate in (folder.absolute(), *folder.absolute().parents):
        try:
            return shutil.disk_usage(candidate).free
        except FileNotFoundError:
            continue
        except OSError:
            return 0
    return 0


def main() -> int:
    """Print the profile as JSON."""
    profile = msgspec.json.encode(read_profile(probe="--probe" in sys.argv[1:]))
    sys.stdout.write(msgspec.json.format(profile, indent=2).decode() + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
