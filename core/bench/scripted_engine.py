"""An engine that only plays one, for the window's benchmark: ``python -m core.bench.scripted_engine HOME``.

Socket, token and lock lie where the real engine's do, and it speaks the same wire, but it computes nothing: it trains
in words, one step and one snapshot a second. It can be of another version, and flood: a line ``flood SECONDS`` on
standard input makes it send snapshots, notices and events of tomorrow as fast as they are taken, and then say in one
JSON line how many were. The end of standard input ends it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from filelock import FileLock

from core.api import wire
from core.api.client import engine_paths
from core.api.errors import EngineError, HedgerowError, UsageError
from core.api.messages.base import API_VERSION, Acknowledged, Message, Sentence
from core.api.messages.corpora import CorpusInfo
from core.api.messages.federations import FederationInfo, ManifestView
from core.api.messages.given import Contribution, HistoryList
from core.api.messages.machine import Device, HardwareProfile, LimitsView, LoadView
from core.api.messages.privacy import BudgetInfo
from core.api.messages.state import (
    CheckList,
    EngineInfo,
    Hello,
    HelloParams,
    LogText,
    Notice,
    Point,
    RoundProgress,
    Series,
    Snapshot,
)
from core.api.messages.uploads import UploadList

POINTS = 240
_ALIKE = 20
_TOMORROW = b'{"jsonrpc":"2.0","method":"weather","params":{"rain":true}}\n'


class ScriptedEngine:
    """Serves one home until its process ends.

    Raises:
        EngineError: an engine is at work there already.
    """

    def __init__(self, home: Path, api_version: int) -> None:
        self._version = api_version
        self._paths = engine_paths(home)
        self._paths.token.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = FileLock(self._paths.lock, timeout=0, mode=0o600)
        self._lock.acquire()
        self._token = secrets.token_urlsafe(32)
        descriptor = os.open(self._paths.token, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as token:
            token.write(self._token)
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(str(self._paths.socket))
        self._paths.socket.chmod(0o600)
        self._server.listen(8)
        self._guard = threading.Lock()
        self._guests: list[socket.socket] = []
        self._began = time.time()
        self._step = 0

    def start(self) -> None:
        """Answer and tell from threads of its own."""
        threading.Thread(target=self._accept, daemon=True).start()
        threading.Thread(target=self._train, daemon=True).start()

    def flood(self, seconds: float) -> int:
        """Send as fast as it is taken; how many lines were."""
        notice = Notice(level="info", sentence=Sentence(code="", text="A notice among many."), at=time.time())
        lines = wire.encode_event("snapshot", self._snapshot()), wire.encode_event("notice", notice), _TOMORROW
        chunk = b"".join(line * _ALIKE for line in lines)
        end, sent = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            sent += len(lines) * _ALIKE * self._send(chunk)
        return sent

    def _train(self) -> None:
        while True:
            time.sleep(1.0)
            self._step += 1
            self._send(wire.encode_event("snapshot", self._snapshot()))

    def _send(self, raw: bytes) -> int:
        reached = 0
        with self._guard:
            for guest in self._guests:
                with contextlib.suppress(OSError):
                    guest.sendall(raw)
                    reached += 1
        return reached

    def _accept(self) -> None:
        while True:
            guest, _ = self._server.accept()
            threading.Thread(target=self._converse, args=(guest,), daemon=True).start()

    def _converse(self, guest: socket.socket) -> None:
        with contextlib.suppress(OSError, UsageError), guest.makefile("rb") as lines:
            for line in lines:
                request = wire.decode_request(line)
                answer = self._answer(request)
                with self._guard:
                    guest.sendall(answer)
                    if request.method == "hello" and guest not in self._guests:
                        self._guests.append(guest)
        with self._guard:
            if guest in self._guests:
                self._guests.remove(guest)
        guest.close()

    def _answer(self, request: wire.Request) -> bytes:
        try:
            return wire.encode_result(request.number, self._reply(request))
        except HedgerowError as error:
            return wire.encode_error(request.number, error)

    def _reply(self, request: wire.Request) -> Message:
        if isinstance(request.params, HelloParams):
            if not secrets.compare_digest(request.params.token, self._token):
                raise UsageError("The token is wrong.")
            return Hello(api_version=self._version, engine_version="0", snapshot=self._snapshot())
        snapshot = self._snapshot()
        replies: dict[str, Message] = {
            "status": snapshot,
            "load": LoadView(cores_used=2.0 + math.sin(self._step), cores=8, memory_used_bytes=9 << 30,
                             memory_bytes=32 << 30, devices=[_gpu(self._step)]),
            "hardware": _hardware(),
            "limits.show": LimitsView(values={"cpu_threads": "4", "gpu_temperature_c": "85"}),
            "history": HistoryList(rows=[], contribution=snapshot.contribution),
            "uploads.list": UploadList(uploads=[]),
            "doctor": CheckList(checks=[]),
            "log": LogText(lines=[]),
            "pause": Acknowledged(),
        }  # fmt: skip
        if request.method not in replies:
            raise EngineError("This engine only plays one.")
        return replies[request.method]

    def _snapshot(self) -> Snapshot:
        step = self._step
        days = [((date.today() - timedelta(days=back)).isoformat(), 3_600.0 + 600 * (back % 7)) for back in range(50)]
        loss = [
            Point(step=n, server_round=1, value=6.0 / (1 + 0.01 * n) + 0.05 * math.sin(n))
            for n in range(step, step + POINTS)
        ]
        return Snapshot(
            revision=step + 1,
            state="training",
            why=Sentence(code="", text=f"Training: step {step} of 500."),
            engine=EngineInfo(version="0", pid=os.getpid(), started_at=self._began, home="", keystore="", sandbox=""),
            round=_round(step, self._began),
            federations=[_federation(self._began)],
            corpora=[
                CorpusInfo(corpus_id="c1", name="Notes", paths=["notes"], state="ready", documents=90, tokens=9_000)
            ],
            contribution=Contribution(rounds=9, week_seconds=9_000.0 + step, week_offered_s=72_000.0, days=days),
            privacy=[_budget()],
            series=Series(loss=loss, bits_per_byte=loss[::12]),
        )


def _gpu(step: int) -> Device:
    return Device(
        device_id="cuda:0", name="A device", kind="cuda", memory_bytes=12 << 30, free_bytes=5 << 30,
        temperature_c=60.0 + step % 7, utilisation=0.6 + 0.3 * math.sin(step),
    )  # fmt: skip


def _hardware() -> HardwareProfile:
    return HardwareProfile(
        cpu_name="A processor", cpu_cores=4, cpu_threads=8, cpu_features=[], memory_bytes=32 << 30,
        free_memory_bytes=20 << 30, disk_free_bytes=1 << 40, battery_percent=None, on_battery=None, nvml="ok",
        devices=[_gpu(0)],
    )  # fmt: skip


def _round(step: int, began: float) -> RoundProgress:
    return RoundProgress(
        federation_id="f1", federation_name="Common Prose", server_round=7, rounds=300, phase="training",
        step=step % 500, steps=500, started_at=began, eta_s=float(500 - step % 500), tokens=8_192 * step,
        tokens_per_s=8_192.0, upload_bytes=10_731_612,
    )  # fmt: skip


def _federation(began: float) -> FederationInfo:
    manifest = ManifestView(
        name="Common Prose", operator="A lab", jurisdiction="", purpose="", licence="", withdrawal="", unit="record",
        relation="zero-out", rounds=300, steps_per_round=500, batch_size=64, seq_len=128, clip_norm=1.0, preset="10m",
        parameters=10_000_000, upload_bytes=10_731_612, download_bytes=40_000_000, cohort_size=8, codec="int8",
        shard="",
    )  # fmt: skip
    return FederationInfo(
        federation_id="f1", name="Common Prose", operator="A lab", address="prose.example.org:8443",
        manifest_hash="0" * 64, manifest=manifest, corpora=["c1"], joined_at=began, state="active", server_round=7,
    )  # fmt: skip


def _budget() -> BudgetInfo:
    return BudgetInfo(
        corpus_id="c1", corpus_name="Notes", unit="record", guarantee="guaranteed", epsilon=2.0, limit=8.0, delta=1e-6,
        relation="zero-out", method="", rounds_left=60, releases=7,
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m core.bench.scripted_engine", description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--api-version", type=int, default=API_VERSION)
    given = parser.parse_args(arguments)
    engine = ScriptedEngine(given.home, given.api_version)
    engine.start()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        word, _, seconds = line.strip().partition(" ")
        if word == "flood":
            lines = engine.flood(float(seconds))
            print(json.dumps({"lines": lines, "seconds": float(seconds)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
