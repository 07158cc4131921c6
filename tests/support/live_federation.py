"""A real coordinator and real engines on loopback, as processes, for end-to-end and fault tests.

The gateway is reached through a ``SlowLink``, so a test can slow, count and cut the traffic. Every process is ended
by its id when the context closes, whatever happened.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
from support.slow_link import SlowLink

from core.api.client import EngineClient
from core.api.errors import EngineError
from core.api.messages.base import Nothing
from core.api.messages.corpora import CorpusInfo, PathsParams
from core.api.messages.federations import CorpusChoice, FederationInfo, InviteParams, JoinParams, TermsView
from core.api.messages.state import Snapshot

BASE_ENV = {
    **{k: v for k, v in os.environ.items() if "proxy" not in k.lower()},
    "FLWR_TELEMETRY_ENABLED": "0",
    "OMP_NUM_THREADS": "1",
    "PYTHONUNBUFFERED": "1",
}


def wait_for(condition: Callable[[], Any], timeout_s: float, what: str, every_s: float = 0.05) -> Any:
    """Poll until the condition is truthy and return it; fail with ``what`` otherwise."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(every_s)
    raise AssertionError(f"waited {timeout_s:g} s in vain for {what}")


def end_tree(pid: int) -> None:
    """SIGKILL a process and all its descendants."""
    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(pid).children(recursive=True)
        for one in [*family, psutil.Process(pid)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()


class Coordinator:
    """``python -m core.coordinator`` in a folder of its own."""

    def __init__(self, directory: Path, link: SlowLink, **options: Any) -> None:
        self.directory = directory
        self.link = link
        self.events: list[dict[str, Any]] = []
        self.process: subprocess.Popen[str] | None = None
        self.run_options = ["--listen", "127.0.0.1:0"]
        arguments: list[str] = []
        for name, value in options.items():
            arguments += [f"--{name.replace('_', '-')}", str(value)]
        self._call("create", str(directory), "--address", link.address, *arguments)

    def _call(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "core.coordinator", *arguments],
            env=BASE_ENV, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2_000:] + done.stdout[-500:]
        return done.stdout

    def invite(self, uses: int = 1) -> str:
        """A fresh invite link."""
        out = self._call("invite", str(self.directory), "--uses", str(uses), "--json")
        return str(json.loads(out)["invite"])

    def start(self) -> None:
        """Start ``run``, again if it ran before, and point the link at the gateway once it is ready."""
        before = len(self.events)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "core.coordinator", "run", str(self.directory), *self.run_options, "--json"],
            env=BASE_ENV, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        ready = wait_for(lambda: next((e for e in self.events[before:] if "ready" in e), None), 60, "the coordinator")
        host, port = ready["address"].rsplit(":", 1)
        self.link.target = (host, int(port))

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with contextlib.suppress(ValueError):
                self.events.append(json.loads(line))

    def find(self, key: str) -> dict[str, Any] | None:
        """The last event with this key or of this type."""
        return next((e for e in reversed(self.events) if key in e or e.get("event") == key), None)

    def closed_rounds(self) -> list[dict[str, Any]]:
        """Events of closed rounds."""
        return [e for e in self.events if e.get("event") == "round_closed"]

    def children(self, needle: str) -> list[psutil.Process]:
        """Live descendants whose command line contains ``needle``."""
        assert self.process is not None
        found = []
        for one in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if any(needle in part for part in one.cmdline()) and one.status() != psutil.STATUS_ZOMBIE:
                    found.append(one)
        return found

    def stop(self) -> None:
        """End the coordinator and everything it started."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                end_tree(self.process.pid)
                self.process.wait(10)


class Household(Coordinator):
    """A coordinator that is one volunteer of a larger federation."""

    def __init__(self, directory: Path, link: SlowLink, invite: str) -> None:
        self.directory = directory
        self.link = link
        self.events = []
        self.process = None
        self.run_options = ["--forward", invite, "--yes", "--listen", "127.0.0.1:0", "--address", link.address]


class Volunteer:
    """A real engine with a home of its own and a passphrase-encrypted keystore."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        secret = home.parent / f"{home.name}.passphrase"
        if not secret.exists():
            secret.touch(mode=0o600)
            secret.write_text("correct horse battery staple")
        self.environment = {**BASE_ENV, "HEDGEROW_PASSPHRASE_FILE": str(secret)}
        self.process: subprocess.Popen[str] | None = None
        self.client: EngineClient | None = None

    def start(self) -> None:
        """Start the engine and attach."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "core.engine", "--home", str(self.home)],
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        assert "ready" in self.process.stdout.readline(), "the engine ended before it was ready"
        self.client = EngineClient(self.home)
        self.client.connect(timeout_s=30)

    def call(self, method: str, params: Any = None) -> Any:
        """One request."""
        assert self.client is not None
        return self.client.call(method, params if params is not None else Nothing())

    def status(self) -> Snapshot:
        """The whole state."""
        snapshot = self.call("status")
        assert isinstance(snapshot, Snapshot)
        return snapshot

    def add_text(self, path: Path) -> CorpusInfo:
        """Add a corpus and wait until it is read."""
        corpus = self.call("corpus.add", PathsParams(paths=[str(path)]))

        def ready() -> CorpusInfo | None:
            found = next((c for c in self.status().corpora if c.corpus_id == corpus.corpus_id), None)
            return found if found is not None and found.state != "reading" else None

        done = wait_for(ready, 60, "the reader")
        assert done.state == "ready", done.error
        return done

    def join(self, invite: str, corpus: CorpusInfo | None, epsilon: float = 8.0) -> FederationInfo:
        """Look at the terms and consent to exactly those; without a corpus to the public text alone."""
        terms: TermsView = self.call("federation.terms", InviteParams(invite=invite, epsilon=epsilon))
        chosen = [] if corpus is None else [CorpusChoice(corpus_id=corpus.corpus_id, epsilon=epsilon)]
        return self.call(
            "federation.join", JoinParams(invite=invite, manifest_hash=terms.manifest_hash, corpora=chosen)
        )

    def kill(self) -> None:
        """SIGKILL the engine alone, as a crash would; its children must follow by themselves."""
        assert self.process is not None
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        self.process.wait(10)
        if self.client is not None:
            self.client.close()
        _gone, alive = psutil.wait_procs(children, timeout=5)
        assert not alive, f"children outlived the engine: {alive}"

    def stop(self) -> None:
        """End the engine cleanly."""
        if self.process is None:
            return
        with contextlib.suppress(EngineError, OSError):
            if self.client is not None:
                self.client.close()
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            end_tree(self.process.pid)


@contextlib.contextmanager
def federation(root: Path, *, bytes_per_s: float = 0.0, volunteers: int = 1, **options: Any) -> Iterator[Any]:
    """A created (not yet running) coordinator, its link and not yet started volunteers; all ended on exit."""
    link = SlowLink(bytes_per_s=bytes_per_s)
    coordinator = Coordinator(root / "host", link, **options)
    people = [Volunteer(root / f"volunteer{i}" / "home") for i in range(volunteers)]
    try:
        yield coordinator, people, link
    finally:
        for one in people:
            one.stop()
        coordinator.stop()
        link.close()
