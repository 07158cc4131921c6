from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.coordinator.processes import MAX_LOG_BYTES, Child, end_exactly, rotate, started

STUBBORN = "import signal,time;signal.signal(signal.SIGTERM, signal.SIG_IGN);print('up',flush=True);time.sleep(60)"


def child(tmp_path: Path, code: str) -> Child:
    return Child("child", [sys.executable, "-c", code], dict(os.environ), tmp_path / "child.log")


def wait_for(condition: object, timeout_s: float = 10.0) -> None:
    give_up_at = time.monotonic() + timeout_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    stubborn = child(tmp_path, STUBBORN)
    process = stubborn.start(pipe=True)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    began = time.monotonic()
    stubborn.stop(timeout_s=0.3)
    assert 0.3 <= time.monotonic() - began < 5
    assert process.returncode == -signal.SIGKILL


def test_grandchildren_end_with_the_child(tmp_path: Path) -> None:
    code = (
        f"import subprocess,sys;p=subprocess.Popen([sys.executable,'-c',{STUBBORN!r}]);print(p.pid,flush=True);p.wait()"
    )
    parent = child(tmp_path, code)
    process = parent.start(pipe=True)
    assert process.stdout is not None
    lines = sorted(process.stdout.readline() for _ in range(2))
    grandchild = int(lines[0])
    assert started(grandchild)
    parent.stop(timeout_s=0.3)
    wait_for(lambda: not started(grandchild) or Path(f"/proc/{grandchild}/stat").read_text().split()[2] == "Z")


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_a_child_dies_with_its_killed_parent(tmp_path: Path) -> None:
    code = (
        "import os,sys,time;from pathlib import Path;from core.coordinator.processes import Child;"
        f"c=Child('c',[sys.executable,'-c','import time;time.sleep(60)'],{{}},Path({str(tmp_path / 'x')!r}));"
        "c.start();time.sleep(0.5);print(c.pid,flush=True);time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert started(pid)
        parent.kill()
    wait_for(lambda: not started(pid) or Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z")


def test_only_the_very_process_is_ended(tmp_path: Path) -> None:
    sleeper = child(tmp_path, "import time;time.sleep(60)")
    process = sleeper.start()
    end_exactly(sleeper.pid, started(sleeper.pid) + 1)
    time.sleep(0.1)
    assert sleeper.alive()
    end_exactly(sleeper.pid, started(sleeper.pid))
    assert process.wait(5) == -signal.SIGKILL
    sleeper.stop()


def test_a_log_is_bounded(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    rotate(log)
    log.write_bytes(b"x" * (MAX_LOG_BYTES + 1))
    rotate(log)
    assert log.stat().st_size == 0
    assert (tmp_path / "a.log.1").stat().st_size == MAX_LOG_BYTES + 1


def test_last_words_are_the_end_of_the_log(tmp_path: Path) -> None:
    talker = child(tmp_path, "import sys;sys.stderr.write('one\\ntwo\\nthree\\nfour\\n')")
    talker.start().wait(10)
    assert talker.last_words() == "two three four"
    talker.stop()
