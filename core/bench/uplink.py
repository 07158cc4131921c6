"""``hedgerow bench uplink``: how much of the time a volunteer computes behind a line of 20 Mb/s up and 100 Mb/s down.

The volunteer's engine lives in a network namespace of its own, at the other end of a pair of virtual cables, each
shaped by a token bucket (``tbf``). Everything else is a real federation: one volunteer, preset 10m, rounds as long as
the chosen steps take. Needs root, ``ip`` and ``tc``; where one is missing the rows say *not run*.

Share = seconds of computing, as the engine counts them, over the time from the end of the second round to the end of
the last: downloads, starting the trainer, checkpoints, sealing, upload, the coordinator's step and every wait are in
it. Before the second round an engine compiles for its plan, once in a federation's life; a row says how long they took.

Beside it, for every codec, what one round sends over that line by the count of the network device: the sealed update
with TLS, TCP, questions, heartbeats and the acknowledgements of what comes down.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, get_args

import psutil

from core.api import interpreter
from core.api.messages.state import Snapshot
from core.bench.rows import Row
from core.config.exchange import CodecName
from core.demo.host import Host
from core.demo.processes import Children
from core.demo.text import default_text, split
from core.demo.volunteer import VolunteerEngine

UP: Final = "20mbit"
DOWN: Final = "100mbit"
HERE, THERE = "10.77.0.1", "10.77.0.2"
SETTLED: Final = 2
"""First rounds, which are not counted."""
ROUNDS: Final = SETTLED + 2
LITTLE: Final = 300
"""Documents where only bytes are counted."""
STEPS: Final = 128
"""Of a round: the fewest of Photon's published runs. What a round costs besides computing does not grow with them,
so a share says nothing without their number."""
_PREFIX: Final = "hedgerow-bench-"
LONGEST_S: Final = 5_000.0


@dataclass(frozen=True)
class Variant:
    """What is sent, and how."""

    name: str
    options: tuple[str, ...]


VARIANTS: Final = (
    Variant("int8 up, whole checkpoints down", ("--codec", "int8")),
    Variant("top-k up, int8 differences down", ("--codec", "topk", "--error-feedback", "0.95", "--downlink", "int8")),
)


class Line(NamedTuple):
    """A shaped line."""

    namespace: str
    """At its other end."""
    device: str
    """At this one."""

    def up_bytes(self) -> int:
        """What has come from the other end so far, frames and all."""
        return int(Path(f"/sys/class/net/{self.device}/statistics/rx_bytes").read_text("ascii"))


class Measured(NamedTuple):
    """All rounds but the first ``SETTLED``."""

    computed_s: float
    wall_s: float
    up_bytes: int
    sealed_bytes: int
    """Of one round."""
    settling_s: float
    """From the end of the first round to the end of the last that is not counted."""


class ShapedEngine(VolunteerEngine):
    """An engine at the far end of the line."""

    def __init__(self, namespace: str, home: Path, texts: Path, children: Children) -> None:
        super().__init__("volunteer 1", home, texts, children)
        self._namespace = namespace

    def _command(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self._namespace, *interpreter.command("core.engine"))


def measure(preset: str = "10m", steps: int = STEPS, rounds: int = ROUNDS) -> list[Row]:
    """Each variant in turn, on a line of its own."""
    reason = _missing()
    rows = []
    for variant in VARIANTS:
        what = f"{variant.name}: share of the time spent computing, {preset}, {steps} steps a round"
        gate, aim, anchor = "≥ 90 %", "≥ 95 %", "Covenant 94.5 % at 110 Mb/s"
        if reason:
            rows.append(Row(metric=f"{what} ({reason})", unit="%", anchor=anchor, gate=gate, aim=aim))
            continue
        found = _run(variant, preset, steps, rounds)
        share = 100 * found.computed_s / found.wall_s
        computed_s, wall_s = (round(seconds / (rounds - SETTLED), 1) for seconds in (found.computed_s, found.wall_s))
        rows += [
            Row(metric=what, unit="%", value=round(share, 1), anchor=anchor, gate=gate, aim=aim, holds=share >= 90.0),
            Row(
                metric=f"{variant.name}: computing in one round",
                unit="s",
                value=computed_s,
            ),
            Row(metric=f"{variant.name}: one round", unit="s", value=wall_s),
            Row(
                metric=f"{variant.name}: the second round, compiling before it",
                unit="s",
                value=round(found.settling_s, 1),
            ),
        ]
    return rows


def measure_bytes(
    preset: str = "10m", rounds: int = ROUNDS, codecs: Sequence[CodecName] = get_args(CodecName)
) -> list[Row]:
    """Each codec in turn: bytes on the line in a round, over those of the sealed update."""
    reason, rows = _missing(), []
    for name in codecs:
        what = f"{name}, {preset}: bytes up in a round"
        if reason:
            rows.append(Row(metric=f"{what} ({reason})", unit="bytes", anchor="its sealed update"))
            continue
        found = _run(Variant(name, ("--codec", name, "--downlink", "int8")), preset, 1, rounds, LITTLE)
        sent = found.up_bytes / (rounds - SETTLED)
        over = f"its sealed update: {found.sealed_bytes} bytes, {sent - found.sealed_bytes:+.0f}"
        rows.append(Row(metric=what, unit="bytes", value=round(sent), anchor=over))
    return rows


def _missing() -> str:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "needs root"
    missing = [name for name in ("ip", "tc") if shutil.which(name) is None]
    return f"no {missing[0]} here" if missing else ""


@contextmanager
def shaped_line() -> Iterator[Line]:
    """A namespace at the other end of a shaped line.

    Raises:
        RuntimeError: the kernel refused a part of it.
    """
    _sweep()
    name = f"{_PREFIX}{os.getpid()}"
    near, far = f"hb{os.getpid() % 100_000}a", f"hb{os.getpid() % 100_000}b"
    inside = ("ip", "netns", "exec", name)
    try:
        for command in (
            ("ip", "netns", "add", name),
            ("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", name),
            ("ip", "addr", "add", f"{HERE}/30", "dev", near),
            ("ip", "link", "set", near, "up"),
            (*inside, "ip", "addr", "add", f"{THERE}/30", "dev", far),
            (*inside, "ip", "link", "set", far, "up"),
            (*inside, "ip", "link", "set", "lo", "up"),
            ("tc", "qdisc", "add", "dev", near, "root", "tbf", "rate", DOWN, "burst", "64kb", "latency", "100ms"),
            (*inside, "tc", "qdisc", "add", "dev", far, "root", "tbf", "rate", UP, "burst", "32kb", "latency", "100ms"),
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        yield Line(name, near)
    finally:
        _remove(os.getpid())


def _remove(pid: int) -> None:
    for command in (("ip", "link", "del", f"hb{pid % 100_000}a"), ("ip", "netns", "del", f"{_PREFIX}{pid}")):
        subprocess.run(command, capture_output=True, check=False)


def _sweep() -> None:
    """Remove the line of a benchmark that was killed: a second one would have its address."""
    for place in Path("/run/netns").glob(f"{_PREFIX}*"):
        pid = place.name.removeprefix(_PREFIX)
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            _remove(int(pid))


def _run(variant: Variant, preset: str, steps: int, rounds: int, documents: int | None = None) -> Measured:
    """A federation of one volunteer behind the line, until its last round."""
    with tempfile.TemporaryDirectory(prefix="hedgerow-bench-") as scratch, shaped_line() as line:
        folder = Path(scratch)
        texts = folder / "texts"
        texts.mkdir()
        for number, document in enumerate(split(default_text(), 1).shares[0][:documents]):
            (texts / f"{number}.txt").write_text(document.text, "utf-8")
        children = Children(folder / "logs")
        try:
            host = Host(folder / "federation", children)
            host.create(
                (
                    "--name", "bench", "--preset", preset, "--privacy", "none", "--rounds", str(rounds), "--cohort",
                    "1", "--quorum", "1", "--local-steps", str(steps), "--deadline", "2h", *variant.options,
                )
            )  # fmt: skip
            host.start(lambda why: None, f"{HERE}:0")
            engine = ShapedEngine(line.namespace, folder / "home", texts, children)
            engine.start()
            engine.prepare(threads=1)
            engine.join(host.invite(1), 8.0)
            engine.follow()
            return _watched(host, engine, rounds, line)
        finally:
            children.stop()


def _watched(host: Host, engine: VolunteerEngine, rounds: int, line: Line) -> Measured:
    """Follow the rounds; what was computed and sent is looked up as each one ends."""
    computed: list[float] = []
    ended: list[float] = []
    sent: list[int] = []
    sealed = 0
    end = time.monotonic() + LONGEST_S
    while len(ended) < rounds:
        if time.monotonic() > end:
            raise RuntimeError("the rounds did not end in time")
        host.check()
        engine.check()
        event = host.events.get(timeout=LONGEST_S)
        if event.get("event") == "update":
            sealed = int(event["upload_bytes"])
        elif event.get("event") == "round_closed":
            ended.append(time.monotonic())
            sent.append(line.up_bytes())
            computed.append(_computed_s(engine))
    first = SETTLED - 1
    settling_s = ended[first] - ended[0]
    counted = (computed[-1] - computed[first], ended[-1] - ended[first], sent[-1] - sent[first])
    return Measured(*counted, sealed, settling_s)


def _computed_s(engine: VolunteerEngine) -> float:
    found: Snapshot | None = None
    while not engine.snapshots.empty():
        found = engine.snapshots.get()
    if found is None:
        found = engine.snapshots.get(timeout=60)
    return float(found.contribution.gpu_seconds)
