"""Children of the coordinator: started so that they die with us, logged, stopped in order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.api import interpreter
from core.api.errors import StorageError

if TYPE_CHECKING:
    from core.coordinator.home import Home

STOP_TIMEOUT_S = 5.0
MAX_LOG_BYTES = 8 << 20
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "no_proxy")


def environment(home: Home) -> dict[str, str]:
    """The children's environment: no proxies, no Flower settings of the user's, no calls home, our programs first."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.lower() not in _PROXIES and not name.upper().startswith("FLWR_")
    }
    return kept | {
        "PATH": os.pathsep.join((str(interpreter.scripts()), kept.get("PATH", os.defpath))),
        "NO_PROXY": "127.0.0.1,localhost",
        "FLWR_HOME": str(home.root / "flwr"),
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.5",
        "OMP_NUM_THREADS": "1",
    }


def launched(command: Sequence[str]) -> list[str]:
    """The same command, dying with this process."""
    return [*interpreter.command("core.coordinator.launch"), str(os.getpid()), *command]


class Child:
    """One supervised program in a session of its own, so that Ctrl-C reaches only us and a group can be ended."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log_path: Path) -> None:
        self.name = name
        self.command = list(command)
        self.log_path = log_path
        self.starts = 0
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._said = b""

    @property
    def pid(self) -> int:
        """Process id, 0 before the first start."""
        return 0 if self._process is None else self._process.pid

    def start(self, *, pipe: bool = False, inherited: Sequence[int] = ()) -> subprocess.Popen[bytes]:
        """Start, or start again. With ``pipe`` its standard output is ours to read; it is given ``inherited``.

        Raises:
            StorageError: the program or its log cannot be opened.
        """
        rotate(self.log_path)
        try:
            with self.log_path.open("ab") as log:
                self._process = subprocess.Popen(
                    launched(self.command),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE if pipe else log,
                    stderr=log,
                    env=self._environment,
                    pass_fds=tuple(inherited),
                    start_new_session=True,
                )
        except OSError as error:
            raise StorageError(f"{self.name} cannot be started: {error}.", f"See {self.log_path}.") from error
        self.starts += 1
        return self._process

    def lines(self) -> list[dict[str, Any]]:
        """Whole lines of JSON that it wrote since the last call, where its standard output is ours. Never waits."""
        if self._process is None or self._process.stdout is None:
            return []
        descriptor = self._process.stdout.fileno()
        os.set_blocking(descriptor, False)
        with suppress(BlockingIOError):
            self._said += os.read(descriptor, 65_536)
        *whole, self._said = self._said.split(b"\n")
        return [json.loads(line) for line in whole if line]

    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """SIGTERM, then SIGKILL, for it and all of its group; returns when nothing of it is left."""
        if self._process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGTERM)
        give_up_at = time.monotonic() + timeout_s
        while time.monotonic() < give_up_at and (self._process.poll() is None or group_lives(self._process.pid)):
            time.sleep(0.02)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def last_words(self, lines: int = 3) -> str:
        """The end of its log, for an error message."""
        try:
            text = self.log_path.read_text(errors="replace")[-4_000:]
        except OSError:
            return ""
        return " ".join(line.strip() for line in text.strip().splitlines()[-lines:])[:500]


def group_lives(group: int) -> bool:
    """Whether any process that is not a zombie is left in a process group of ours."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    if not Path("/proc/self/stat").exists():
        return True
    return any(_in_group(int(entry.name), group) for entry in Path("/proc").iterdir() if entry.name.isdecimal())


def _in_group(pid: int, group: int) -> bool:
    fields = _kernel_fields(pid)
    return len(fields) > 2 and fields[0] != "Z" and fields[2] == str(group)


def started(pid: int) -> int:
    """The kernel's start time of a process in clock ticks; 0 if it is gone or the system does not say."""
    fields = _kernel_fields(pid)
    return int(fields[19]) if len(fields) > 19 else 0


def _kernel_fields(pid: int) -> list[str]:
    """``/proc/PID/stat`` after the program's name: state, parent, group, …"""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def lives(pid: int, started_at: int) -> bool | None:
    """Whether the process that started then still runs (a zombie does not); ``None`` where the system does not say."""
    if not started_at:
        return None
    fields = _kernel_fields(pid)
    return len(fields) > 19 and int(fields[19]) == started_at and fields[0] not in "ZX"


def end_exactly(pid: int, started_at: int) -> None:
    """SIGKILL a process if it is still the one that started then."""
    if pid > 1 and started_at and started(pid) == started_at:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def rotate(path: Path) -> None:
    """Keep a log that children append to below ``MAX_LOG_BYTES``, one older copy beside it."""
    try:
        if path.stat().st_size > MAX_LOG_BYTES:
            path.with_suffix(".log.1").write_bytes(path.read_bytes())
            os.truncate(path, 0)
    except FileNotFoundError:
        return
