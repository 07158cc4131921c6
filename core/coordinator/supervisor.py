"""Keeps Flower and the gateway running: SuperLink, superexec, gateway, and the run of our ServerApp.

A dead SuperLink is started again at once on the same port, so that run and superexec survive. A ServerApp whose sign of
life stops is ended and replaced by a new run within seconds, long before Flower notices after a minute.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable
from typing import Any

from core.api import interpreter
from core.api.errors import CoordinatorError, from_code
from core.coordinator.home import Federation
from core.coordinator.premises import Premises
from core.coordinator.processes import Child, end_exactly, environment, lives, rotate
from core.coordinator.records.schema import Sign
from core.coordinator.records.store import SERVER_APP, Store
from core.coordinator.rounds.agenda import agenda_of
from core.coordinator.superlink import (
    Control,
    compact_database,
    free_port,
    superexec_command,
    superlink_command,
)
from core.coordinator.web.enrolment import Enrolment
from core.coordinator.web.listening import address_of

SUPERLINK_START_S = 60.0
GATEWAY_START_S = 30.0
SILENT_S = 30.0
"""Silence of a living ServerApp that counts as hanging."""
UNKNOWN_SILENT_S = 10.0
"""The same where the system does not say whether a process lives."""
HEALTHY_S = 60.0
"""A run that lasted this long clears the count of failures."""
FIRST_SIGN_S = 45.0
STATUS_EVERY_S = 1.0
MAX_RUN_FAILURES = 8
ROTATE_EVERY_S = 60.0

Say = Callable[[str, dict[str, Any]], None]


class Stopping(Exception):
    """Somebody asked to stop while things were still being started."""


class Supervisor:
    """The processes of one federation."""

    def __init__(
        self, federation: Federation, store: Store, premises: Premises, say: Say, stopping: Callable[[], bool]
    ) -> None:
        self._federation = federation
        self._store = store
        self._premises = premises
        self._say = say
        self._stopping = stopping
        home = federation.home
        self.port = free_port()
        self.control = Control(home, self.port)
        self._environment = environment(home)
        self.superlink = self._child("superlink", superlink_command(home, self.port))
        self.superexec = self._child("superexec", superexec_command(home, self.port))
        self.gateway = self._child("gateway", [])
        self.address = address_of(premises.listening)
        self.run_id = ""
        self._run_started_at = 0.0
        self._run_failures = 0
        self._try_run_at = 0.0
        self._asked_at = 0.0
        self._rotated_at = time.monotonic()
        self._enrolment = Enrolment(federation, store, self.control)

    def _child(self, name: str, command: list[str]) -> Child:
        return Child(name, command, self._environment, self._federation.home.log_path(name))

    # Starting

    def start(self) -> None:
        """Start everything; returns when volunteers can connect.

        Raises:
            CoordinatorError: a port is taken, or Flower does not start.
            Stopping: nothing is wanted any more.
        """
        self.superlink.start()
        self._start_gateway()
        self._await_superlink()
        self.superexec.start()
        self._begin_run()

    def _hear_outside(self) -> None:
        """Pass on what the keeper of a household's forwarder says. It cannot be started again from in here."""
        outside = self._premises.outside
        if outside is None:
            return
        for line in outside.lines():
            self._say("restarted", {"process": line.get("restarted", ""), "why": line.get("why", "")})
        if not outside.alive():
            raise CoordinatorError(
                f"What connects this household to the larger federation has ended: {outside.last_words(1)}",
                "Run it again.",
            )

    def _await_superlink(self) -> None:
        """Wait until the SuperLink answers and knows our volunteers; a damaged ``state.db`` is set aside once."""
        give_up_at = time.monotonic() + SUPERLINK_START_S
        set_aside = False
        while time.monotonic() < give_up_at:
            if self._stopping():
                raise Stopping
            if not self.superlink.alive():
                if set_aside:
                    break
                set_aside = True
                self._set_state_aside()
                self.superlink.start()
            try:
                changed = self._enrolment.reconcile()
            except CoordinatorError:
                time.sleep(0.1)
                continue
            if changed:
                self._say("registrations_rebuilt", {"volunteers": changed})
            return
        raise CoordinatorError(
            f"Flower's SuperLink does not start: {self.superlink.last_words()}", f"See {self.superlink.log_path}."
        )

    def _set_state_aside(self) -> None:
        """Move ``state.db`` away: it can be rebuilt, and a damaged one would stop everything."""
        database = self._federation.home.superlink_database
        if database.exists():
            shutil.move(database, database.with_name("state.db.set-aside"))
        for suffix in ("-wal", "-shm"):
            database.with_name(database.name + suffix).unlink(missing_ok=True)

    def _start_gateway(self) -> None:
        sockets = {"--socket": self._premises.listening, "--metrics": self._premises.metrics}
        handed = {name: bound.fileno() for name, bound in sockets.items() if bound is not None}
        self.gateway.command = [
            *interpreter.command("core.coordinator.web.gateway"), str(self._federation.home.root),
            "--superlink", str(self.port), *(word for item in handed.items() for word in map(str, item)),
        ]  # fmt: skip
        process = self.gateway.start(pipe=True, inherited=tuple(handed.values()))
        assert process.stdout is not None
        timer = threading.Timer(GATEWAY_START_S, process.kill)
        timer.daemon = True
        timer.start()
        line = process.stdout.readline()
        timer.cancel()
        try:
            said = json.loads(line)
        except ValueError:
            words = self.gateway.last_words()
            raise CoordinatorError(f"The gateway does not start: {words}", f"See {self.gateway.log_path}.") from None
        if not said.get("ready"):
            raise from_code(str(said.get("code")), str(said.get("message")), str(said.get("hint", "")))
        self._store.set_meta("address", self.address)

    # Keeping alive

    def tick(self) -> None:
        """One look at everything; called a few times a second."""
        fallen = not self.superlink.alive()
        if fallen:
            self._say("restarted", {"process": "superlink"})
            self.superlink.start()
        if not self.gateway.alive():
            self._say("restarted", {"process": "gateway"})
            self._start_gateway()
        if fallen:
            self._await_superlink()
        if not self.superexec.alive():
            self._say("restarted", {"process": "superexec"})
            self.superexec.start()
        self._watch_run()
        self._hear_outside()
        if time.monotonic() - self._rotated_at > ROTATE_EVERY_S:
            self._rotated_at = time.monotonic()
            for child in (self.superlink, self.superexec, self.gateway):
                rotate(child.log_path)

    def finished(self) -> bool:
        """Whether the last round is over."""
        return agenda_of(self._federation.config, self._store).finished()

    def _begin_run(self) -> None:
        """Start our ServerApp as a new Flower run, after every earlier one was ended."""
        if self.finished():
            return
        try:
            for old in self.control.active_runs():
                self._end_run(old)
            self.run_id = self.control.start_run(self._federation.home)
        except CoordinatorError as error:
            self._say("waiting", {"why": error.message})
            self._retry_run(error.message)
            return
        self._run_started_at = time.monotonic()

    def _end_run(self, run_id: str) -> None:
        sign = self._store.sign(SERVER_APP)
        if sign is not None and sign.flower_run == run_id:
            end_exactly(sign.pid, sign.pid_started)
        try:
            self.control.stop_run(run_id)
        except CoordinatorError:
            return  # It has just finished by itself.

    def _retry_run(self, why: str) -> None:
        """Try again soon: at once after the first failure, then slower and slower."""
        self.run_id = ""
        self._run_failures += 1
        if self._run_failures > MAX_RUN_FAILURES:
            raise CoordinatorError(
                f"The ServerApp failed {self._run_failures} times in a row: {why[:300]}",
                f"See {self._federation.home.log_path('server_app')}.",
            )
        self._try_run_at = time.monotonic() + min(30.0, float(2**self._run_failures - 2))

    def _watch_run(self) -> None:
        now = time.monotonic()
        if not self.run_id:
            if not self.finished() and now >= self._try_run_at:
                self._begin_run()
            return
        sign = self._store.sign(SERVER_APP)
        began = sign is not None and sign.flower_run == self.run_id
        if sign is not None and began and self._is_well(sign):
            return
        if self.finished():
            self.run_id = ""
            return
        if not began and now - self._run_started_at < FIRST_SIGN_S and now - self._asked_at < STATUS_EVERY_S:
            return
        self._asked_at = now
        self._replace_run(died=began)

    def _is_well(self, sign: Sign) -> bool:
        """Whether the ServerApp lives and works. A dead one shows at once, one that hangs by its silence."""
        alive = lives(sign.pid, sign.pid_started)
        silence_s = time.time() - sign.at
        return alive is not False and silence_s <= (SILENT_S if alive else UNKNOWN_SILENT_S)

    def _replace_run(self, *, died: bool) -> None:
        """Start a new run if this one has ended, has died or gone silent, or never began."""
        why = "it gave no sign of life"
        try:
            status = self.control.run_status(self.run_id)
        except CoordinatorError:
            if not died:
                return  # The SuperLink is away; its turn comes first.
        else:
            late = time.monotonic() - self._run_started_at >= FIRST_SIGN_S
            if not (died or late or status.status == "finished"):
                return
            why = status.details or why
        self._say("restarted", {"process": "server_app", "why": why[:300]})
        if time.monotonic() - self._run_started_at > HEALTHY_S:
            self._run_failures = 0
        self._end_run(self.run_id)
        self._retry_run(why)

    # Stopping

    def stop(self) -> None:
        """Superexec with its ServerApp, gateway, SuperLink; nothing is left behind."""
        self.superexec.stop()
        self.gateway.stop()
        self._premises.close()
        self.control.close()
        self.superlink.stop()
        compact_database(self._federation.home)
