"""``hedgerow bench engine``: what the engine costs while it has nothing to do, and how soon it answers."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from core.api.client import EngineClient
from core.bench.rows import Row

_QUIET_S = 5.0


def measure() -> list[Row]:
    """Start a real engine on a new home, leave it alone for a few seconds, and look."""
    with tempfile.TemporaryDirectory(prefix="hedgerow-bench-") as folder:
        began = time.perf_counter()
        process = start(Path(folder) / "home")
        try:
            with EngineClient(Path(folder) / "home") as client:
                attach(client)
                started_s = time.perf_counter() - began
                return [
                    *_idle(process.pid),
                    Row(metric="engine: from nothing to the first answer", unit="s", value=started_s),
                ]
        finally:
            process.terminate()
            process.wait(10)


def start(home: Path) -> subprocess.Popen[bytes]:
    """Start a real engine on a home that is not there yet, with a passphrase of its own."""
    home.mkdir(mode=0o700)
    reader, writer = os.pipe()
    os.write(writer, secrets.token_urlsafe(16).encode())
    os.close(writer)
    command = [sys.executable, "-m", "core.engine", "--home", str(home), "--passphrase-fd", str(reader)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=(reader,))
    os.close(reader)
    return process


def attach(client: EngineClient) -> None:
    """Wait until a started engine answers; after 30 s its refusal is raised."""
    deadline = time.monotonic() + 30
    while True:
        try:
            client.connect(timeout_s=2)
            return
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _idle(pid: int) -> list[Row]:
    process = psutil.Process(pid)
    time.sleep(1.0)
    before, switches = process.cpu_times(), process.num_ctx_switches().voluntary
    time.sleep(_QUIET_S)
    after = process.cpu_times()
    busy = after.user + after.system - before.user - before.system
    wakeups = (process.num_ctx_switches().voluntary - switches) / _QUIET_S
    pss = process.memory_full_info().pss / 2**20
    anchor = "BOINC 12, F@H 76–472, bare Flower SuperNode 263"
    return [
        Row(
            metric="engine idle, PSS",
            unit="MiB",
            value=pss,
            anchor=anchor,
            gate="≤ 80 MB",
            aim="≤ 60 MB",
            holds=pss * 1.048576 <= 80,
        ),
        Row(metric="engine idle, wake-ups", unit="1/s", value=wakeups, gate="≤ 2", holds=wakeups <= 2),
        Row(metric="engine idle, processor", unit="%", value=round(100 * busy / _QUIET_S, 2)),
    ]
