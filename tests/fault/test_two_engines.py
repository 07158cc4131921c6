"""Engines that start at once on one folder: exactly one gets it, and after its SIGKILL exactly one again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROUNDS = 25 if os.environ.get("HEDGEROW_CAMPAIGN") else 3
AT_ONCE = 3
ENGINE = """
import sys, time
from pathlib import Path
from core.api.errors import EngineError
from core.engine.lock import EngineLock, prepare_home
home = Path(sys.argv[1])
prepare_home(home)
lock = EngineLock(home / "engine.lock")
print("ready", flush=True)
sys.stdin.readline()
try:
    lock.acquire()
except EngineError as error:
    print("refused:", error.message, flush=True)
else:
    print("held", flush=True)
sys.stdin.readline()
"""


def start(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", ENGINE, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def heard(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_one_engine_holds_a_folder_however_the_last_one_ended(tmp_path: Path) -> None:
    killed = 0
    for _ in range(ROUNDS):
        engines = [start(tmp_path) for _ in range(AT_ONCE)]
        try:
            assert [heard(engine) for engine in engines] == ["ready"] * AT_ONCE
            for engine in engines:
                assert engine.stdin is not None
                engine.stdin.write("go\n")
                engine.stdin.flush()
            said = [heard(engine) for engine in engines]
            assert said.count("held") == 1, said
            assert sum(s.startswith("refused: Another engine is already running") for s in said) == AT_ONCE - 1
            holder = engines[said.index("held")]
            holder.send_signal(signal.SIGKILL)
            assert holder.wait(20) == -signal.SIGKILL
            killed += 1
        finally:
            for engine in engines:
                engine.kill()
                engine.communicate(timeout=20)
    assert killed == ROUNDS
