"""What an operator does with a federation: run it, invite, export. The composition root of the coordinator."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from core.api.errors import StorageError, UsageError
from core.coordinator.home import Federation
from core.coordinator.learning.evaluation import Evaluator
from core.coordinator.learning.model_files import ModelFiles
from core.coordinator.learning.requirements import machine_bytes, refuse_missing
from core.coordinator.premises import Premises
from core.coordinator.records.schema import Event
from core.coordinator.records.store import Store
from core.coordinator.reporting import ISOLATED, round_row, summary
from core.coordinator.running import leave_mark, take_mark
from core.coordinator.supervisor import Stopping, Supervisor
from core.coordinator.web import certificates
from core.coordinator.web.listening import address_of
from core.federation.invite import TOKEN_BYTES, Invite, encode
from core.model.export import export_huggingface

TICK_S = 0.2
RECEIPTS_WAIT_S = 20.0
EVALUATION_WAIT_S = 600.0
Print = Callable[[dict[str, Any]], None]


class Service:
    """Runs one federation until its last round, a signal, or the death of the parent it was told to watch."""

    def __init__(self, federation: Federation, premises: Premises, show: Print) -> None:
        refuse_missing(federation.config, machine_bytes())
        self._federation = federation
        self._premises = premises
        self._store = federation.store()
        self._store.check()
        self._show = show
        self._stop = threading.Event()
        self._supervisor = Supervisor(federation, self._store, premises, self._say, self._stop.is_set)
        self._evaluator = Evaluator(federation, self._store) if federation.home.evaluation_text.is_file() else None
        self._seq = self._store.last_event()
        self._closing: dict[int, float] = {}

    def _say(self, event: str, body: dict[str, Any]) -> None:
        self._show({"event": event, **body})

    def run(self, *, keep_serving: bool = False, parent_pid: int = 0) -> None:
        """Run to the end.

        Raises:
            CoordinatorError: Flower does not start, or cannot be kept running.
            StorageError: the folder is damaged.
        """
        with _Signals(self._stop), suppress(Stopping):
            try:
                leave_mark(self._store)
                self._store.set_meta(ISOLATED, "yes" if self._premises.isolated else "no")
                self._supervisor.start()
                if self._evaluator is not None:
                    self._evaluator.start()
                self._show(self._ready())
                self._loop(keep_serving, parent_pid)
            finally:
                self._store_address("")
                take_mark(self._store)
                if self._evaluator is not None:
                    self._evaluator.close()
                self._supervisor.stop()

    def _ready(self) -> dict[str, Any]:
        address, metrics = self._supervisor.address, self._premises.metrics
        return {
            "ready": True,
            "address": address,
            "url": f"https://{address}/",
            "pid": os.getpid(),
            "forwards_to": self._federation.config.forwards_to.name,
            "isolated": self._premises.isolated,
            "metrics": "" if metrics is None else f"http://{address_of(metrics)}/metrics",
        }

    def _store_address(self, address: str) -> None:
        with suppress(StorageError):
            self._store.set_meta("address", address)

    def _loop(self, keep_serving: bool, parent_pid: int) -> None:
        finished_at = 0.0
        while not self._stop.is_set():
            if parent_pid and os.getppid() != parent_pid:
                return
            self._supervisor.tick()
            self._show_events()
            if self._supervisor.finished() and not self._closing:
                finished_at = finished_at or time.monotonic()
                waited = time.monotonic() - finished_at
                if not keep_serving and (not self._store.receipts_waiting() or waited > RECEIPTS_WAIT_S):
                    self._show({"event": "finished", **summary(self._federation, self._store)})
                    return
            self._stop.wait(TICK_S)

    # Event lines

    def _show_events(self) -> None:
        for event in self._store.events_after(self._seq):
            self._seq = event.seq
            if event.kind == "round_closed":
                self._closing[int(event.body["round"])] = time.monotonic()
                if self._evaluator is not None:
                    self._evaluator.wake()
            elif event.kind == "evaluated":
                self._show_evaluation(event)
            else:
                self._show({"event": event.kind, "at": event.at, **event.body})
        self._show_closed()

    def _show_evaluation(self, event: Event) -> None:
        if event.body["outcome"] != "ok":
            self._show({"event": "evaluation_failed", "at": event.at, **event.body})
        elif event.body["round"] == 0:
            first = self._store.checkpoints()[0]
            self._show({"event": "evaluated", "round": 0, "loss": first.loss, "bits_per_byte": first.bits_per_byte})

    def _show_closed(self) -> None:
        """Tell that a round is closed once its checkpoint was evaluated, or that has taken too long."""
        if not self._closing:
            return
        checkpoints = {item.server_round: item for item in self._store.checkpoints()}
        for server_round, since in sorted(self._closing.items()):
            checkpoint = checkpoints.get(server_round)
            unmeasured = self._evaluator is not None and checkpoint is not None and not checkpoint.evaluation
            if unmeasured and time.monotonic() - since < EVALUATION_WAIT_S:
                return
            del self._closing[server_round]
            closed = self._store.round(server_round)
            assert closed is not None
            outcomes = self._store.outcomes().get(server_round, {})
            self._show({"event": "round_closed", **round_row(closed, checkpoint, outcomes)})


class _Signals:
    """Turns SIGINT, SIGTERM and SIGHUP into a request to stop; a second one changes nothing, stopping is quick."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None:
                self._before[number] = signal.signal(number, self._handle)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self._stop.set()


def invite(root: Path, uses: int, lifetime_s: float) -> dict[str, Any]:
    """A new enrolment token, as a link.

    Raises:
        UsageError: uses or lifetime are absurd, or no address is known.
        InviteError: the link would be too long.
    """
    if not 1 <= uses <= 999_999:
        raise UsageError(f"An invite cannot have {uses} uses.", "Choose 1 to 999999.")
    if not 60 <= lifetime_s <= 366 * 86_400:
        raise UsageError("An invite lives between a minute and a year.", "Write it like 12h or 7d.")
    federation = Federation(root)
    store = federation.store()
    try:
        address = _public_address(federation, store)
        token = os.urandom(TOKEN_BYTES)
        expires_at = int(time.time() + lifetime_s)
        certificate = certificates.load_certificate(federation.home.key_path("root.crt").read_bytes())
        link = encode(
            Invite(
                name=federation.config.name,
                address=address,
                federation_key=federation.key.public_bytes,
                root_certificate=certificates.cert_der(certificate),
                token=token,
                uses=uses,
                expires_at=expires_at,
            )
        )
        store.add_token(token, uses, expires_at)
    finally:
        store.close()
    return {"invite": link, "address": address, "uses": uses, "expires_at": expires_at}


def _public_address(federation: Federation, store: Store) -> str:
    """Host and port for invites: what the operator named, completed by where the gateway listens."""
    listening = store.meta("address") or federation.settings.listen
    host, _, port = listening.rpartition(":")
    named = federation.settings.address
    if named:
        bare, colon, given = named.rpartition(":")
        has_port = bool(colon) and given.isdecimal() and not bare.endswith(":")
        host, port = (bare, given) if has_port else (f"[{named}]" if ":" in named and "[" not in named else named, port)
    if port == "0":
        raise UsageError(
            "The gateway's port is not known yet.", "Run the federation first, or set a port with --listen."
        )
    if host in ("0.0.0.0", "[::]"):  # noqa: S104 - compared, not bound
        raise UsageError(f"Nobody can connect to {host}.", "Name the host with `create --address HOST`.")
    return f"{host}:{port}"


def export(root: Path, out: Path) -> dict[str, Any]:
    """Write the newest model as a folder that transformers opens.

    Raises:
        UsageError: the folder exists.
    """
    out = out.expanduser().resolve()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} exists already.", "Choose a new folder.")
    federation = Federation(root)
    larger = federation.config.forwards_to.name
    if larger:
        raise UsageError("A household keeps no model of its own.", f"Ask the operator of {larger} for it.")
    store = federation.store()
    try:
        checkpoint = store.latest_checkpoint()
    finally:
        store.close()
    with ModelFiles(federation).opened(checkpoint.sha256) as weights:
        export_huggingface(federation.config.model, weights, federation.tokenizer_path, out)
    return {"model_dir": str(out), "round": checkpoint.server_round, "checkpoint": checkpoint.sha256}
