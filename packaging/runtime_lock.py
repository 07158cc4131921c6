"""Write the lock of the compute runtime: every package but torch with version and hashes, and what all of it takes.

Run by `make package`, against the registry pip is set up for; never committed, because it belongs to one package.
    python packaging/runtime_lock.py OUT [--wheels DIR]

pip resolves for the oldest Python the runtime may be made with; the newer ones get the same versions. Sizes are
measured on the wheels of the Python that runs this. torch's own hashes are recorded for the registry, and for the
vendor's indexes where they answer.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

PYTHONS = ("3.11", "3.12", "3.13")
PLATFORMS = (*(f"manylinux_2_{minor}_x86_64" for minor in range(34, 4, -1)), "manylinux2014_x86_64", "linux_x86_64")
NOT_FOR_IT = ("pyside6-essentials",)
WITH_TORCH = re.compile(r"^(nvidia-(?!ml-py)|triton|pytorch-triton|cuda-)")


def requirements() -> tuple[list[str], str]:
    """What the runtime needs beside torch, as written in pyproject.toml; and torch's exact version."""
    wanted: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    names = {re.split(r"[<>=!~;\[ ]", line, maxsplit=1)[0].lower(): line for line in wanted}
    torch = names["torch"].partition("==")[2]
    return [line for name, line in names.items() if name not in NOT_FOR_IT], torch


def report(arguments: Sequence[str]) -> list[dict[str, Any]]:
    """What pip would install."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report.json"
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--dry-run",
            "--ignore-installed",
            "--report",
            str(out),
        ]
        subprocess.run([*command, "--only-binary", ":all:", *arguments], check=True)
        found: list[dict[str, Any]] = json.loads(out.read_text("utf-8"))["install"]
    return found


def resolved(lines: Sequence[str], python: str, *flags: str) -> list[dict[str, Any]]:
    """The same for a certain Python on Linux, for x86_64."""
    target = ["--python-version", python, "--implementation", "cp", "--target", tempfile.gettempdir()]
    for platform in PLATFORMS:
        target += ["--platform", platform]
    return report([*target, *flags, *lines])


def name_of(item: dict[str, Any]) -> str:
    """Normalised name."""
    return re.sub(r"[-_.]+", "-", item["metadata"]["name"]).lower()


def sha256_of(item: dict[str, Any]) -> str:
    """Hash of the file pip would take."""
    return str(item["download_info"]["archive_info"]["hashes"]["sha256"])


def measure(pins: Sequence[str], wheels: Path) -> dict[str, tuple[int, int]]:
    """Fetch these files and return (bytes to fetch, bytes unpacked) by name."""
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary",
            ":all:",
            "-d",
            str(wheels),
            *pins,
        ],
        check=True,
    )
    found: dict[str, tuple[int, int]] = {}
    for path in wheels.glob("*.whl"):
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(info.file_size for info in archive.infolist())
        found[re.sub(r"[-_.]+", "-", path.name.split("-")[0]).lower()] = (path.stat().st_size, unpacked)
    return found


def vendor_hashes(torch: str) -> dict[str, list[str]]:
    """Index → hashes of torch's wheels there, of every index that answers."""
    import urllib.request

    from core.runtime.variants import INDEXES, REGISTRY

    found: dict[str, list[str]] = {}
    for index in {index for indexes in INDEXES.values() for index in indexes if index != REGISTRY}:
        try:
            with urllib.request.urlopen(f"{index}/torch/", timeout=10) as page:
                text = page.read().decode("utf-8", "replace")
        except OSError:
            continue
        pattern = rf"torch-{re.escape(torch)}[^#\"]*linux_x86_64\.whl#sha256=([0-9a-f]{{64}})"
        if hashes := sorted(set(re.findall(pattern, text))):
            found[index] = hashes
    return found


def make(wheels: Path) -> dict[str, Any]:
    """The lock."""
    from core.api.runtime import INTERFACE

    lines, torch = requirements()
    hashes: dict[str, set[str]] = {}
    versions: dict[str, str] = {}
    for item in resolved([*lines, "pip"], PYTHONS[0]):
        if not WITH_TORCH.match(name_of(item)):  # torch pins those itself, and another variant has others
            versions[name_of(item)] = item["metadata"]["version"].partition("+")[0]
            hashes[name_of(item)] = {sha256_of(item)}
    pins = [f"{name}=={version}" for name, version in versions.items()]
    for python in PYTHONS[1:]:
        for item in resolved(pins, python, "--no-deps"):
            hashes[name_of(item)].add(sha256_of(item))
    sizes = measure(pins, wheels)
    rest = [name for name in versions if name != "torch"]
    # An index of CPU builds is measured as such; where the registry's torch brings a GPU's libraries, it is not.
    alone = sizes["torch"][0] < 400_000_000
    with_bytecode = 1.25
    return {
        "torch": torch,
        "flwr": versions["flwr"],
        "interface": INTERFACE,
        "packages": [
            {"name": name, "version": versions[name], "sha256": sorted(hashes[name])} for name in sorted(rest)
        ],
        "torch_sha256": {"registry": sorted(hashes["torch"]), **vendor_hashes(torch)},
        "download_bytes": {
            "packages": sum(sizes[name][0] for name in rest),
            **({"cpu": sizes["torch"][0]} if alone else {}),
        },
        "disk_bytes": {
            "packages": round(sum(sizes[name][1] for name in rest) * with_bytecode),
            **({"cpu": round(sizes["torch"][1] * with_bytecode)} if alone else {}),
        },
    }


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description="Write the lock of the compute runtime.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--wheels", type=Path, help="where to keep what was fetched for measuring")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wheels = options.wheels or Path(folder)
        wheels.mkdir(parents=True, exist_ok=True)
        lock = make(wheels)
    options.out.write_text(json.dumps(lock, indent=1) + "\n", encoding="utf-8")
    fetched = sum(lock["download_bytes"].values()) / 1e6
    print(f"{options.out}: {len(lock['packages'])} packages beside torch {lock['torch']}, {fetched:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
