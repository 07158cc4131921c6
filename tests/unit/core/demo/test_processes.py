"""No child of the demo outlives it: not after `stop`, not after SIGKILL, not in a session of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from core.demo.processes import child_environment

SCENE = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from core.demo.processes import Children

    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    family = (
        "import subprocess, sys, os, time\\n"
        f"child = subprocess.Popen([sys.executable, '-c', {stubborn!r}], start_new_session=True)\\n"
        "print(os.getpid(), child.pid, flush=True)\\n"
        "{rest}\\n"
    )
    children = Children(Path(sys.argv[1]))
    for name, rest in (("waits", "time.sleep(600)"), ("leaves an orphan", "os._exit(0)")):
        process = children.start(name, [sys.executable, "-c", family.replace("{rest}", rest)])
        print(process.stdout.readline().strip(), flush=True)
    sys.stdin.readline()
    children.stop()
    print("stopped", flush=True)
    """
)


def scene(tmp_path: Path) -> tuple[subprocess.Popen[str], list[int]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SCENE, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    pids = [int(word) for _ in range(2) for word in process.stdout.readline().split()]
    assert len(pids) == 4
    return process, pids


def alive(pids: list[int]) -> list[int]:
    running = []
    for pid in pids:
        try:
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                running.append(pid)
        except psutil.NoSuchProcess:
            continue
    return running


def test_stop_ends_stubborn_hidden_and_orphaned_descendants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process, pids = scene(tmp_path)
    deadline = time.monotonic() + 5
    while alive(pids[2:3]) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert alive(pids) == [pids[0], pids[1], pids[3]], "a parent, its child and an orphan"
    out, _ = process.communicate("\n", timeout=40)
    assert "stopped" in out
    assert alive(pids) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_direct_children_die_with_a_killed_demo(tmp_path: Path) -> None:
    process, pids = scene(tmp_path)
    waiting = pids[0]
    assert alive([waiting])
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    deadline = time.monotonic() + 5
    while alive([waiting]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert alive([waiting]) == []
    for pid in alive(pids):
        psutil.Process(pid).kill()


def test_children_get_no_proxy_and_no_home_of_the_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HEDGEROW_HOME", "/somewhere")
    found = child_environment()
    assert "HTTPS_PROXY" not in found
    assert "HEDGEROW_HOME" not in found
    assert found["FLWR_TELEMETRY_ENABLED"] == "0"
