"""Builds the stand-in for NVIDIA's library and asks it through our code, in a process that loads it as the real one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOOD = {
    "nvmlInitWithFlags": "0",
    "nvmlSystemGetDriverVersion": "580.12",
    "nvmlDeviceGetCount": "1",
    "nvmlDeviceGetName.0": "NVIDIA H200",
    "nvmlDeviceGetUUID.0": "GPU-aaaa-0",
    "nvmlDeviceGetMemoryInfo.0": "150000000000 140000000000 10000000000",
    "nvmlDeviceGetCudaComputeCapability.0": "9 0",
    "nvmlDeviceGetPowerUsage.0": "75500",
    "nvmlDeviceGetEnforcedPowerLimit.0": "700000",
    "nvmlDeviceGetUtilizationRates.0": "25 3",
    "nvmlDeviceGetTemperature.0": "41",
    "nvmlDeviceGetDisplayActive.0": "0",
    "nvmlDeviceGetMigMode.0": "0",
    "nvmlDeviceGetComputeRunningProcesses.0": "",
    "nvmlDeviceGetGraphicsRunningProcesses.0": "",
}


@dataclass(frozen=True)
class FakeNvml:
    """A folder with the compiled library."""

    folder: Path

    def environment(self, scenario: Path) -> dict[str, str]:
        """What a process needs to load it."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("CUDA_", "LD_"))}
        paths = {"LD_LIBRARY_PATH": str(self.folder), "PYTHONPATH": str(ROOT)}
        return clean | paths | {"FAKE_NVML": str(scenario)}

    def write(self, path: Path, **answers: str | None) -> Path:
        """A scenario: a good GPU and what differs; ``__`` stands for the dot, ``None`` takes a line away."""
        changed = {name.replace("__", "."): value for name, value in answers.items()}
        lines = [f"{name} = {value}\n" for name, value in (GOOD | changed).items() if value is not None]
        path.write_text("".join(lines))
        return path

    def run(self, scenario: Path, code: str, **environment: str) -> Any:
        """Run Python code that leaves its answer in ``answer``; the real ``pynvml`` loads the fake library."""
        program = f"import json, msgspec\n{code}\nprint(msgspec.json.encode(answer).decode())"
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False,
            env=self.environment(scenario) | environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def compile_fake_nvml(folder: Path, *, old: bool = False) -> FakeNvml:
    """Compile it; the test is skipped, and says so, where there is no compiler."""
    compiler = shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("gcc is not installed, so NVIDIA's library cannot be played")
    source = Path(__file__).with_suffix(".c")
    flags = ["-shared", "-fPIC", "-Wall", "-Werror", *(["-DOLD"] if old else [])]
    subprocess.run([compiler, *flags, "-o", folder / "libnvidia-ml.so.1", source], check=True, timeout=60)
    return FakeNvml(folder)
