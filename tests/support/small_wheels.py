"""Wheels of a few bytes in a folder that pip installs from, in place of a registry: real files, real pip."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from core.api.runtime import Lock, Package

TORCH = "2.13.0"
FLWR = "1.41.0"


def wheel(folder: Path, name: str, version: str, body: str = "") -> str:
    """Write one and return its hash."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:

        def put(member: str, text: str) -> None:
            archive.writestr(zipfile.ZipInfo(member, (2026, 1, 1, 0, 0, 0)), text)  # the same bytes each time

        put(f"{name}/__init__.py", f"__version__ = {version!r}\n{body}")
        put(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        tag = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        put(f"{info}/WHEEL", tag)
        put(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def registry(folder: Path) -> Lock:
    """Fill a folder with a small torch and what else a runtime needs, and the lock of it."""
    folder.mkdir(parents=True, exist_ok=True)
    packages = (Package(name="flwr", version=FLWR, sha256=(wheel(folder, "flwr", FLWR),)),)
    torch = wheel(folder, "torch", TORCH)
    sizes = {"packages": 1_000, "cpu": 1_000}
    return Lock(
        torch=TORCH, flwr=FLWR, interface=1, packages=packages, torch_sha256={"registry": (torch,)},
        download_bytes=sizes, disk_bytes=sizes,
    )  # fmt: skip
