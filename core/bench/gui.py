"""``hedgerow bench gui``: how soon the window is there, what it costs, and whether a sick engine can hold it up.

The window is a process of its own on a real engine that has nothing to do, and on an engine that only plays one where
it should train, flood or be of another version. Everything that is started here ends here.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.api.client import EngineClient
from core.api.errors import EngineError, UsageError
from core.api.messages.base import API_VERSION
from core.bench import engine as real_engine
from core.bench.desk import Window, bus, end, screen
from core.bench.process_cost import Memory, Work, memory, work
from core.bench.rows import Row

SOAK = "HEDGEROW_BENCH_SOAK_S"
"""Environment variable: seconds over which growth is measured."""
LONG_SOAK_S = 600.0
_LONGEST_SOAK_S = 86_400.0
_ANCHORS = "vorta 111, picard 133"


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long to look. All but ``starts`` in seconds."""

    starts: int = 5
    quiet_s: float = 10.0
    soak_s: float = 60.0
    page_s: float = 2.0
    """How long a page is shown while growth is measured."""
    fault_s: float = 3.0
    settle_s: float = 2.0
    """How long to wait before looking."""
    visit_s: float = 0.3
    """How long each page of the tour is shown."""


QUICK = Pace(starts=1, quiet_s=1.0, soak_s=2.0, page_s=0.2, fault_s=0.5, settle_s=0.5, visit_s=0.1)
"""Only to see that it runs."""


def measure(pace: Pace | None = None) -> list[Row]:
    """Every row of the window; rows without a value where no window opens here.

    Args:
        pace: how long to look; without it the default one, with the soak that the environment names.

    Raises:
        UsageError: the environment names no length of time.
        EngineError: an engine does not start, or a window that had opened does not answer.
    """
    pace = pace or Pace(soak_s=_soak_s())
    if sys.platform != "linux":
        return _not_run("this system")
    with tempfile.TemporaryDirectory(prefix="hedgerow-bench-") as folder, screen() as (where, desk):
        home = Path(folder) / "home"
        engine = real_engine.start(home)
        try:
            with EngineClient(home) as client:
                real_engine.attach(client)
            with bus() as address:
                desk = desk | {"DBUS_SESSION_BUS_ADDRESS": address or "disabled:"}
                try:
                    with Window(home, desk) as window:
                        window.wait("painted")
                except EngineError:
                    return _not_run(where)
                return [
                    *_starts(home, desk, pace, where, tray=bool(address)),
                    *_on_a_real_engine(home, desk, pace, engine),
                    *_at_work(Path(folder) / "work", desk, pace),
                    _under_another_version(Path(folder) / "older", desk, pace),
                ]
        finally:
            engine.send_signal(signal.SIGCONT)
            end(engine)


def _soak_s() -> float:
    text = os.environ.get(SOAK, "60")
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= _LONGEST_SOAK_S:
        raise UsageError(f"{SOAK} is {text!r}, must be seconds from 1 to {_LONGEST_SOAK_S:g}.")
    return seconds


def _not_run(where: str) -> list[Row]:
    note = f"no window opens on {where}"
    return [
        Row(metric="GUI start to the first painted window", unit="s", anchor=note, gate="≤ 1.0", aim="≤ 0.7"),
        Row(metric="GUI after the start, PSS", unit="MiB", anchor=note, gate="≤ 95", aim="≤ 80"),
    ]


def _starts(home: Path, desk: dict[str, str], pace: Pace, where: str, *, tray: bool) -> list[Row]:
    shown, hidden, built = [], [], 0
    for _ in range(pace.starts):
        with Window(home, desk) as window:
            shown.append(window.wait("painted")["at"] - window.began)
    for _ in range(pace.starts if tray else 0):
        with Window(home, desk, ("--background",), panel=True) as window:
            ready = window.wait("ready")
            if ready["tray"] and not ready["shown"]:
                hidden.append(ready["at"] - window.began)
                built = len(ready["built"])
    first = statistics.median(shown)
    second = statistics.median(hidden) if hidden else None
    return [
        Row(
            metric=f"GUI start to the first painted window ({where}), median of {pace.starts}",
            unit="s",
            value=first,
            anchor="vorta 0.73–1.84",
            gate="≤ 1.0",
            aim="≤ 0.7",
            holds=first <= 1.0,
        ),
        Row(
            metric=f"start to the tray icon alone, median of {pace.starts}",
            unit="s",
            value=second,
            anchor="" if tray else "no dbus-daemon here",
            aim="≤ 0.5",
            holds=None,
        ),
        Row(
            metric="pages built by that",
            unit="1",
            value=float(built) if hidden else None,
            gate="0",
            holds=built == 0 if hidden else None,
        ),
    ]


def _on_a_real_engine(home: Path, desk: dict[str, str], pace: Pace, engine: subprocess.Popen[bytes]) -> list[Row]:
    with Window(home, desk) as window:
        keys = window.wait("ready")["keys"]
        window.wait("painted")
        window.wait("attached")
        time.sleep(pace.settle_s)
        started = memory(window.pid)
        window.ask("page home")
        time.sleep(pace.settle_s)
        seen = work(window.pid, pace.quiet_s)
        window.ask("hide")
        time.sleep(pace.settle_s)
        hidden = work(window.pid, pace.quiet_s)
        window.ask("show")
        window.ask("watch")
        _visit(window, keys, pace.visit_s)
        toured_turns = window.ask("report", "turns")
        _visit(window, keys, pace.visit_s)
        toured = memory(window.pid)
        growth = _soak(window, keys, pace)
        return [
            *_memory_rows(started, toured),
            _growth_row(growth, pace.soak_s),
            *_idle_rows(hidden, seen),
            _turns_row("opening every page for the first time", toured_turns),
            _calls_row(window),
            *_fault_rows(window, engine, pace),
        ]


def _visit(window: Window, keys: list[str], seconds: float) -> None:
    for key in keys:
        window.ask(f"page {key}")
        time.sleep(seconds)


def _soak(window: Window, keys: list[str], pace: Pace) -> float:
    before, stop = memory(window.pid).own, time.monotonic() + pace.soak_s
    for key in itertools.cycle(keys):
        if time.monotonic() >= stop:
            break
        window.ask(f"page {key}")
        time.sleep(pace.page_s)
    return memory(window.pid).own - before


def _memory_rows(started: Memory, toured: Memory) -> list[Row]:
    return [
        Row(
            metric="GUI after the start, PSS",
            unit="MiB",
            value=started.pss,
            anchor=_ANCHORS,
            gate="≤ 95",
            aim="≤ 80",
            holds=started.pss <= 95,
        ),
        Row(metric="GUI after the start, RSS", unit="MiB", value=started.rss, anchor=_ANCHORS, aim="≤ 95"),
        Row(metric="after every page, PSS", unit="MiB", value=toured.pss, gate="≤ 120", holds=toured.pss <= 120),
        Row(metric="after every page, RSS", unit="MiB", value=toured.rss, aim="≤ 120"),
    ]


def _growth_row(growth: float, seconds: float) -> Row:
    gate = "< 2 in 10 min"
    holds = growth < 2 if growth >= 2 or seconds >= LONG_SOAK_S else None
    return Row(
        metric=f"growth while pages are switched for {seconds:g} s, own memory",
        unit="MiB",
        value=growth,
        gate=gate,
        holds=holds,
    )


def _idle_rows(hidden: Work, seen: Work) -> list[Row]:
    rows = []
    for name, found, percent, wakeups, anchor, aim in (
        ("hidden", hidden, 0.05, 1.0, "vorta, picard 0.00–0.10", "≤ 0.02"),
        ("shown, nothing to do", seen, 0.1, 5.0, "vorta, picard 0.00–0.10", ""),
    ):
        rows.append(
            Row(
                metric=f"{name}: processor",
                unit="% of a core",
                value=round(found.percent, 4),
                anchor=anchor,
                gate=f"≤ {percent:g}",
                aim=aim,
                holds=found.percent <= percent,
            )
        )
        rows.append(
            Row(
                metric=f"{name}: wake-ups",
                unit="1/s",
                value=found.wakeups,
                anchor="BOINC Manager 33.6, bare PySide6 0",
                gate=f"≤ {wakeups:g}",
                holds=found.wakeups <= wakeups,
            )
        )
    return rows


def _turns_row(name: str, turns: dict[str, Any]) -> Row:
    longest_ms = 1e3 * turns["longest_s"]
    return Row(
        metric=f"longest block of the window: {name}",
        unit="ms",
        value=longest_ms,
        anchor=f"{1e3 * turns['processor_s']:.3g} ms of it at work",
        gate="≤ 50",
        holds=longest_ms <= 50,
    )


def _calls_row(window: Window) -> Row:
    seconds = sorted(window.ask("calls", "calls")["seconds"])
    p99_ms = 1e3 * seconds[int(0.99 * (len(seconds) - 1))] if seconds else None
    return Row(metric=f"question to the engine and back, p99 of {len(seconds)}", unit="ms", value=p99_ms, aim="≤ 5")


def _fault_rows(window: Window, engine: subprocess.Popen[bytes], pace: Pace) -> list[Row]:
    pages = ["home", "compute", "privacy", "history"]
    window.ask("watch")
    engine.send_signal(signal.SIGSTOP)
    _visit(window, pages, pace.fault_s / len(pages))
    engine.send_signal(signal.SIGCONT)
    window.ask("calls", "calls")
    frozen = window.ask("report", "turns")
    window.ask("page compute")
    time.sleep(pace.settle_s)
    window.ask("watch")
    killed = time.monotonic()
    engine.kill()
    lost = window.wait("lost")["at"] - killed
    told = window.wait("lost_shown")["at"] - killed
    _visit(window, pages, pace.fault_s / len(pages))
    dead = window.ask("report", "turns")
    return [
        _turns_row(f"engine frozen for {pace.fault_s:g} s", frozen),
        _turns_row("engine killed", dead),
        Row(metric="engine killed → the window knows", unit="s", value=lost, gate="≤ 1", holds=lost <= 1),
        Row(metric="engine killed → it is on the screen", unit="s", value=told, gate="≤ 1", holds=told <= 1),
    ]


@contextlib.contextmanager
def _scripted(home: Path, version: int = API_VERSION) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "core.bench.scripted_engine", str(home), "--api-version", str(version)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        if not process.stdout.readline():
            raise EngineError("The engine that plays one did not start.")
        yield process
    finally:
        process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
        process.stdout.close()


def _at_work(home: Path, desk: dict[str, str], pace: Pace) -> list[Row]:
    with _scripted(home) as engine, Window(home, desk) as window:
        keys = window.wait("ready")["keys"]
        window.wait("painted")
        window.wait("attached")
        _visit(window, keys, pace.visit_s)
        rows = []
        for key, name in (("home", "Home, plots at 1 Hz"), ("compute", "Compute, four plots at 0.5 Hz")):
            window.ask(f"page {key}")
            time.sleep(pace.settle_s)
            rows += _live_rows(name, work(window.pid, pace.quiet_s), 2.0)
        window.ask("hide")
        time.sleep(pace.settle_s)
        rows += _live_rows("hidden, engine at work", work(window.pid, pace.quiet_s), None)
        window.ask("show")
        window.ask("watch")
        assert engine.stdin is not None
        assert engine.stdout is not None
        engine.stdin.write(f"flood {pace.fault_s + 1:g}\n")
        engine.stdin.flush()
        _visit(window, ["home", "compute", "privacy", "uploads"], pace.fault_s / 4)
        taken = json.loads(engine.stdout.readline())
        flooded = window.ask("report", "turns")
        rows.append(_turns_row("engine floods", flooded))
        rows.append(Row(metric="lines of that flood taken", unit="1/s", value=taken["lines"] / taken["seconds"]))
        return rows


def _live_rows(name: str, found: Work, percent: float | None) -> list[Row]:
    return [
        Row(
            metric=f"{name}: processor",
            unit="% of a core",
            value=round(found.percent, 4),
            gate="" if percent is None else f"≤ {percent:g}",
            holds=None if percent is None else found.percent <= percent,
        ),
        Row(metric=f"{name}: wake-ups", unit="1/s", value=found.wakeups),
    ]


def _under_another_version(home: Path, desk: dict[str, str], pace: Pace) -> Row:
    with _scripted(home, API_VERSION - 1), Window(home, desk) as window:
        keys = window.wait("ready")["keys"]
        window.wait("painted")
        _visit(window, keys, pace.visit_s)
        window.ask("watch")
        _visit(window, ["home", "compute", "privacy", "history"], pace.fault_s / 4)
        return _turns_row("engine of another version", window.ask("report", "turns"))
