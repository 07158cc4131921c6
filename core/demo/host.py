"""The demo's coordinator: ``python -m core.coordinator`` as any operator would run it, on loopback."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from core.api import interpreter
from core.api.errors import CoordinatorError, from_code
from core.demo.processes import Children, child_environment

_MODULE = "core.coordinator"
_START_S = 60.0


class Host:
    """One federation in one folder."""

    def __init__(self, folder: Path, children: Children) -> None:
        self.folder = folder
        self.events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        """Everything the running coordinator reports, oldest first."""
        self._children = children
        self._process: subprocess.Popen[str] | None = None

    def create(self, arguments: Sequence[str]) -> None:
        """Make the federation.

        Raises:
            HedgerowError: what the coordinator said.
        """
        self._ask("create", str(self.folder), *arguments)

    def start(self, exposed: Callable[[str], None], listen: str = "127.0.0.1:0") -> dict[str, Any]:
        """Run it and wait until its gateway listens; its further events go to ``events``.

        Args:
            exposed: told, before anything starts, why other programs of this machine reach Flower's control port.

        Raises:
            CoordinatorError: it ended, or did not get ready in a minute.
        """
        command = (*interpreter.command(_MODULE), "run", str(self.folder), "--listen", listen)
        self._process = self._children.start("coordinator", (*command, "--json", "--keep-serving"))
        threading.Thread(target=self._follow, args=(self._process,), daemon=True).start()
        give_up_at = time.monotonic() + _START_S
        while True:
            try:
                line = self.events.get(timeout=max(0.0, give_up_at - time.monotonic()))
            except queue.Empty:
                raise CoordinatorError("The coordinator did not get ready within a minute.") from None
            if line.get("event") == "network" and not line.get("isolated"):
                exposed(str(line.get("why")))
            if "ready" in line:
                return line
            if line.get("event") in ("ended", None):
                raise self._failure(line)

    def invite(self, uses: int) -> str:
        """A fresh invite for so many volunteers.

        Raises:
            HedgerowError: what the coordinator said.
        """
        return str(self._ask("invite", str(self.folder), "--uses", str(uses))["invite"])

    def export(self, out: Path) -> Path:
        """Write the newest model so that transformers opens it, and return the folder.

        Raises:
            HedgerowError: what the coordinator said.
        """
        self._ask("export", str(self.folder), str(out))
        return out

    def check(self) -> None:
        """Notice that the coordinator has ended.

        Raises:
            CoordinatorError: it has, with its last words.
        """
        if self._process is not None and self._process.poll() is not None:
            raise self._failure({})

    def _failure(self, last: dict[str, Any]) -> CoordinatorError:
        said = last.get("error", {})
        reason = said.get("message") if isinstance(said, dict) else said
        return CoordinatorError(f"The coordinator ended: {reason or self._children.complaint('coordinator')}")

    def _follow(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                self.events.put(event)
        self.events.put({"event": "ended"})

    def _ask(self, command: str, *arguments: str) -> dict[str, Any]:
        done = subprocess.run(
            [*interpreter.command(_MODULE), command, *arguments, "--json"],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=180,
            check=False,
            # Stopping the demo kills this child: what it was writing must lie where the demo cleans up.
            env=child_environment() | {"TMPDIR": str(self.folder.parent)},
            start_new_session=True,
        )
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            answer = {}
        if done.returncode or not isinstance(answer, dict):
            said = answer.get("error", {}) if isinstance(answer, dict) else {}
            message = said.get("message") or done.stderr.strip()[-400:] or f"exit code {done.returncode}"
            raise from_code(str(said.get("code", "coordinator")), message, str(said.get("hint", "")))
        return answer
