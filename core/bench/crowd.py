"""``hedgerow bench crowd``: a whole coordinator under 8, 32 and 128 volunteers, and under slow strangers.

Gateway, SuperLink, SuperExec and ServerApp are the real ones. Volunteers share the machine's processor, so times are an
upper bound; what the coordinator's processes used themselves is counted apart.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

import psutil

from core.api import interpreter
from core.bench import volunteers
from core.bench.rows import Row
from core.config.exchange import CodecConfig, ScheduleConfig
from core.config.federation import FederationConfig
from core.config.model import TokenizerSpec
from core.config.privacy import PrivacyTerms
from core.coordinator import service
from core.coordinator.founding import found
from core.coordinator.home import Federation, HostSettings
from core.model.presets import preset
from core.model.recipes import default_training

SIZES: Final = (8, 32, 128)
ROUNDS: Final = 3
HONEST: Final = 20
STRANGERS: Final = 200
LONGEST_S: Final = 900.0
TOKENIZER: Final = b'{"nobody": "reads this"}'
_ROLES: Final = {
    "gateway": "core.coordinator.web.gateway",
    "SuperLink": "flower-superlink",
    "SuperExec": "flower-superexec",
    "ServerApp": "flwr-serverapp",
}


@dataclass
class Used:
    """What the processes of a coordinator used while it was watched."""

    cpu_s: dict[str, float] = field(default_factory=dict)
    peak_mb: dict[str, float] = field(default_factory=dict)
    rounds_s: list[float] = field(default_factory=list)

    @property
    def round_s(self) -> float:
        """Median of all rounds but the first, for which volunteers came in one by one."""
        return statistics.median(self.rounds_s[1:])


def measure(sizes: tuple[int, ...] = SIZES, rounds: int = ROUNDS, strangers: int = STRANGERS) -> list[Row]:
    """One federation for each size, then one twice: alone, and beside strangers."""
    rows: list[Row] = []
    for size in sizes:
        used = _federation(size, rounds)
        whole, cpu = sum(used.peak_mb.values()), sum(used.cpu_s.values())
        rows += [
            Row(metric=f"{size} volunteers: a round", unit="s", value=round(used.round_s, 1)),
            Row(metric=f"{size} volunteers: coordinator, peak PSS", unit="MB", value=round(whole)),
            *(
                Row(metric=f"{size} volunteers: {role}, peak PSS", unit="MB", value=round(mb))
                for role, mb in used.peak_mb.items()
            ),
            Row(
                metric=f"{size} volunteers: coordinator, processor time per update", unit="s",
                value=round(cpu / (size * rounds), 3),
            ),
        ]  # fmt: skip
    if strangers:
        alone, beside = _federation(HONEST, rounds), _federation(HONEST, rounds, strangers)
        ratio = beside.round_s / alone.round_s
        rows.append(
            Row(
                metric=f"{HONEST} volunteers beside {strangers} slow strangers: a round", unit="×",
                value=round(ratio, 2), anchor=f"alone {alone.round_s:.1f} s", gate="≤ 1.2×", holds=ratio <= 1.2,
            )
        )  # fmt: skip
    return rows


def terms(size: int, rounds: int) -> FederationConfig:
    """Everybody is asked, and waited for."""
    return FederationConfig(
        run_id="0" * 32, name="bench", operator="bench", jurisdiction="none", purpose="", licence="Apache-2.0",
        withdrawal="", seed=1, model=preset("tiny"),
        tokenizer=TokenizerSpec(sha256=hashlib.sha256(TOKENIZER).hexdigest(), origin=""),
        training=default_training("tiny", "none"),
        privacy=PrivacyTerms(unit="none", relation="none"),
        codec=CodecConfig(name="int8"),
        schedule=ScheduleConfig(rounds=rounds, cohort_size=size, quorum=size, deadline_s=LONGEST_S),
    )  # fmt: skip


def _federation(size: int, rounds: int, strangers: int = 0) -> Used:
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="hedgerow-bench-") as folder:
        federation = found(Path(folder) / "f", terms(size, rounds), HostSettings(), TOKENIZER)
        with _running(federation) as process:
            link = str(service.invite(federation.home.root, size, 3_600.0)["invite"])
            people = context.Process(target=volunteers.run, args=(link, size))
            crowd = context.Process(target=volunteers.slow_strangers, args=(link, strangers, LONGEST_S))
            used, over = Used(), threading.Event()
            watch = threading.Thread(target=_watch, args=(process.pid, used, over))
            try:
                if strangers:
                    crowd.start()
                    time.sleep(5.0)
                people.start()
                watch.start()
                people.join(LONGEST_S)
                if people.exitcode != 0:
                    raise RuntimeError(f"{size} volunteers did not get through")
            finally:
                over.set()
                for child in (people, crowd):
                    if child.pid is not None:
                        child.kill()
                        child.join()
                if watch.ident is not None:
                    watch.join()
        store = federation.store()
        used.rounds_s = [item.closed_at - item.started_at for item in store.rounds() if item.closed_at is not None]
        store.close()
    return used


@contextmanager
def _running(federation: Federation) -> Iterator[subprocess.Popen[str]]:
    command = [*interpreter.command("core.coordinator"), "run", str(federation.home.root), "--json", "--keep-serving"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if json.loads(line).get("ready"):
                break
        threading.Thread(target=_drain, args=(process.stdout,), daemon=True).start()
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        process.kill()


def _drain(stream: IO[str]) -> None:
    for _ in stream:
        pass


def _watch(pid: int, used: Used, over: threading.Event) -> None:
    """Peak memory each second, processor time at the end; processes that are replaced meanwhile add up."""
    seen: dict[tuple[str, int], float] = {}
    while not over.wait(1.0):
        for role, process in _parts(pid):
            with suppress(psutil.Error):
                memory = process.memory_full_info().pss / 1e6
                times = process.cpu_times()
                used.peak_mb[role] = max(used.peak_mb.get(role, 0.0), memory)
                seen[role, process.pid] = times.user + times.system
    for (role, _), seconds in seen.items():
        used.cpu_s[role] = used.cpu_s.get(role, 0.0) + seconds


def _parts(pid: int) -> Iterator[tuple[str, psutil.Process]]:
    with suppress(psutil.Error):
        whole = psutil.Process(pid)
        yield "service", whole
        for child in whole.children(recursive=True):
            with suppress(psutil.Error):
                words = " ".join(child.cmdline())
                for role, mark in _ROLES.items():
                    if mark in words and "core.coordinator.launch" not in words:
                        yield role, child
