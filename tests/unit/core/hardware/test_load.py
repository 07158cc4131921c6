"""The load of others is the machine's minus ours."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest

from core.hardware import load
from core.hardware.load import OtherLoad, families


@pytest.fixture
def counters(monkeypatch: pytest.MonkeyPatch) -> dict[object, float]:
    """Seconds of the machine by kind, and of processes by id."""
    seconds: dict[object, float] = {"user": 0.0, "idle": 0.0, "steal": 0.0, os.getpid(): 0.0, 40: 0.0}

    def process(pid: int) -> SimpleNamespace:
        if pid not in seconds:
            raise psutil.NoSuchProcess(pid)
        return SimpleNamespace(cpu_times=lambda: SimpleNamespace(user=seconds[pid], system=0.0))

    def times() -> SimpleNamespace:
        return SimpleNamespace(**{str(name): value for name, value in seconds.items() if isinstance(name, str)})

    monkeypatch.setattr(load.psutil, "cpu_times", times)
    monkeypatch.setattr(load.psutil, "Process", process)
    return seconds


def pass_by(counters: dict[object, float], **changes: float) -> None:
    for name, seconds in changes.items():
        counters[int(name[1:]) if name[0] == "p" else name] += seconds


def test_ours_is_taken_off(counters: dict[object, float]) -> None:
    others = OtherLoad()
    assert others.sample({40}) is None
    assert others.sample({40}) is None, "no time has passed"
    pass_by(counters, user=6, idle=4, p40=5)
    assert others.sample({40}) == pytest.approx(0.1)
    pass_by(counters, user=5, idle=4, steal=1, p40=0)
    assert others.sample({40}) == pytest.approx(0.5)


def test_a_trainer_that_began_or_ended_meanwhile(counters: dict[object, float]) -> None:
    others = OtherLoad()
    others.sample(())
    pass_by(counters, user=5, idle=5, p40=5)
    assert others.sample({40}) == 0.0
    del counters[40]
    pass_by(counters, user=1, idle=9)
    assert others.sample({40}) == pytest.approx(0.1)


def test_a_family_is_everything_a_process_started() -> None:
    program = "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=0); print(p.pid)"
    done = f"{program}; sys.stdout.flush(); p.wait()"
    with subprocess.Popen([sys.executable, "-c", done], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert families([parent.pid]) >= {parent.pid, child}
        assert families([os.getpid(), parent.pid]) >= {os.getpid(), parent.pid, child}
        parent.communicate(b"\n", timeout=20)
    assert families([parent.pid]) == {parent.pid}
    assert families([]) == frozenset()
