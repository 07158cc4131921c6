"""One volunteer of the demo: a real engine in a home of its own, driven through the same API as any window."""

from __future__ import annotations

import os
import queue
import secrets
import subprocess
import threading
import time
from pathlib import Path
from typing import TypeVar

from core.api import interpreter
from core.api.client import EngineClient
from core.api.errors import CorpusError, EngineError, HedgerowError, UsageError
from core.api.messages.base import Message
from core.api.messages.corpora import CorpusInfo, CorpusParams, PathsParams
from core.api.messages.federations import CorpusChoice, InviteParams, JoinParams, TermsView
from core.api.messages.machine import LimitsParams
from core.api.messages.privacy import BudgetInfo, BudgetList
from core.api.messages.state import Snapshot
from core.demo.processes import Children

M = TypeVar("M", bound=Message)
_START_S = 60.0
_READ_S = 300.0


DEMO_LIMITS = {"offered_hours_per_week": "168", "use_metered": "yes", "pause_on_full_screen": "no"}
"""A demo talks to itself and is watched, so a paid network and a full screen are no reason to pause."""


class VolunteerEngine:
    """Starts an engine, gives it text and limits, joins, and reports every snapshot."""

    def __init__(self, name: str, home: Path, texts: Path, children: Children) -> None:
        self.name = name
        self.home = home
        self.snapshots: queue.SimpleQueue[Snapshot] = queue.SimpleQueue()
        self._texts = texts
        self._children = children
        self._client = EngineClient(home)
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start the engine. Its keystore's passphrase is made here and passed on a descriptor, never written."""
        self.home.mkdir(parents=True, mode=0o700)
        reader, writer = os.pipe()
        try:
            os.write(writer, secrets.token_urlsafe(32).encode())
            os.close(writer)
            command = (*self._command(), "--home", str(self.home), "--passphrase-fd", str(reader))
            self._process = self._children.start(self.name.replace(" ", "-"), command, inherited=(reader,))
        finally:
            os.close(reader)

    def _command(self) -> tuple[str, ...]:
        return tuple(interpreter.command("core.engine"))

    def prepare(self, threads: int) -> CorpusInfo:
        """Attach, set the limits, and have the text read.

        Raises:
            HedgerowError: the engine does not come up, or the text cannot be used.
        """
        self._attach()
        self._ask(Message, "limits.set", LimitsParams(key="cpu_threads", value=str(threads)))
        for key, value in DEMO_LIMITS.items():
            self._ask(Message, "limits.set", LimitsParams(key=key, value=value))
        info = self._ask(CorpusInfo, "corpus.add", PathsParams(paths=[str(self._texts)], name=f"Text of {self.name}"))
        deadline = time.monotonic() + _READ_S
        while info.state == "reading":
            if time.monotonic() > deadline:
                raise CorpusError(f"The text of {self.name} was not read within {_READ_S:.0f} seconds.")
            self._client.next_event(timeout_s=0.2)
            info = self._ask(CorpusInfo, "corpus.inspect", CorpusParams(corpus_id=info.corpus_id))
        if info.state != "ready":
            raise CorpusError(f"The text of {self.name} cannot be used: {info.error}")
        return info

    def join(self, invite: str, epsilon: float) -> None:
        """Read the terms, refuse by name if the share is too small for them, else join and start.

        Raises:
            CorpusError: the share is too small.
            HedgerowError: what the engine said.
        """
        terms = self._ask(TermsView, "federation.terms", InviteParams(invite=invite, epsilon=epsilon))
        unusable = [offer for offer in terms.offers if not offer.usable]
        if unusable or not terms.offers:
            reason = unusable[0].reason if unusable else "no text"
            raise CorpusError(
                f"The share of {self.name} cannot be used: {reason}", "Give more text or fewer volunteers."
            )
        if not terms.fits:
            raise UsageError(f"{self.name} cannot train this model: {terms.fits_reason}")
        corpora = [CorpusChoice(corpus_id=offer.corpus_id, epsilon=epsilon) for offer in terms.offers]
        self._ask(
            Message, "federation.join", JoinParams(invite=invite, manifest_hash=terms.manifest_hash, corpora=corpora)
        )
        self._ask(Message, "start")

    def follow(self) -> None:
        """Send every snapshot to ``snapshots`` from a thread of its own, which takes every answer from now on."""
        threading.Thread(target=self._follow, daemon=True).start()

    def budgets(self) -> list[BudgetInfo]:
        """What was charged so far, asked over a connection of its own.

        Raises:
            HedgerowError: the engine is gone.
        """
        with EngineClient(self.home) as client:
            client.connect()
            answer = client.call("privacy")
        assert isinstance(answer, BudgetList)
        return answer.budgets

    def check(self) -> None:
        """Notice that the engine has ended.

        Raises:
            EngineError: it has, with its last words.
        """
        if self._process is not None and self._process.poll() is not None:
            words = self._children.complaint(self.name.replace(" ", "-"))
            raise EngineError(f"The engine of {self.name} ended: {words or f'code {self._process.returncode}'}")

    def _attach(self) -> None:
        deadline = time.monotonic() + _START_S
        while True:
            self.check()
            try:
                self._client.connect(timeout_s=5.0)
                return
            except HedgerowError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.1)

    def _follow(self) -> None:
        for event in self._client.events():
            if isinstance(event.value, Snapshot):
                self.snapshots.put(event.value)

    def _ask(self, kind: type[M], method: str, params: Message | None = None) -> M:
        answer = self._client.call(method, params)
        assert isinstance(answer, kind)
        return answer
