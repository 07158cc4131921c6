"""Which builds of torch there are, where they come from, how large they are, and which one suits this machine."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from core.api.runtime import Lock, Variant
from core.hardware.nvml import read_gpus

REGISTRY: Final = "registry"
"""The package registry that pip is set up for; its torch is whatever that registry has for this system."""
_VENDOR: Final = "https://download.pytorch.org/whl/"
INDEXES: Final[dict[str, tuple[str, ...]]] = {
    "cpu": (f"{_VENDOR}cpu", REGISTRY),
    "cuda": (f"{_VENDOR}cu126", REGISTRY),
    "rocm": (f"{_VENDOR}rocm6.4",),
}
"""Variant → indexes in the order they are tried. No registry has torch for ROCm."""

_ESTIMATES: Final[Mapping[str, tuple[int, int]]] = {
    "cpu": (190_000_000, 750_000_000),
    "cuda": (2_900_000_000, 6_800_000_000),
    "rocm": (4_700_000_000, 17_000_000_000),
}
"""Download and disk of torch with what it brings, where the lock has measured nothing."""
_PACKAGES: Final = (190_000_000, 620_000_000)
_AMD: Final = Path("/dev/kfd")


def offered(lock: Lock) -> tuple[Variant, ...]:
    """The variants of this system, with what each takes in all."""
    names = ("cpu", "cuda", "rocm") if sys.platform == "linux" else ("cpu", "cuda")
    return tuple(sized(lock, name) for name in (names if sys.platform != "darwin" else names[:1]))


def sized(lock: Lock, name: str) -> Variant:
    """One variant; sizes the lock does not know are estimates."""
    download, disk = _ESTIMATES[name]
    return Variant(
        name=name,
        download_bytes=lock.download_bytes.get("packages", _PACKAGES[0]) + lock.download_bytes.get(name, download),
        disk_bytes=lock.disk_bytes.get("packages", _PACKAGES[1]) + lock.disk_bytes.get(name, disk),
    )


def suggest(amd: Path = _AMD) -> tuple[str, str]:
    """The variant that suits this machine, and why in one sentence. Asks the driver; takes up to seconds."""
    _, gpus = read_gpus()
    usable = [gpu for gpu in gpus if not gpu.problem]
    if usable:
        return "cuda", f"This machine has an NVIDIA GPU ({usable[0].name})."
    if amd.exists():
        return "rocm", "This machine has an AMD GPU with its compute driver."
    return "cpu", "No GPU was found that could train; the processor does it."
