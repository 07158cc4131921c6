"""What an operator does with a federation: run it, invite, look, export. The composition root of the coordinator."""

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

from filelock import FileLock, Timeout

from core.api.errors import CoordinatorError, StorageError, UsageError
from core.coordinator.home import Federation
from core.coordinator.learning.evaluation import Evaluator
from core.coordinator.learning.model_files import ModelFiles
from core.coordinator.records.schema import Checkpoint, Event, RollRow, Round
from core.coordinator.records.store import Store
from core.coordinator.rounds.agenda import stopped_because
from core.coordinator.running import is_running, leave_mark, take_mark
from core.coordinator.supervisor import Stopping, Supervisor
from core.coordinator.web import certificates
from core.federation.invite import TOKEN_BYTES, Invite, encode
from core.model.export import export_huggingface

TICK_S = 0.2
RECEIPTS_WAIT_S = 20.0
EVALUATION_WAIT_S = 600.0
MOST_PEOPLE = 500
LOCK_WAIT_S = 2.0
"""Whoever only looks whether the folder is run holds its lock for a moment."""
Print = Callable[[dict[str, Any]], None]


class Service:
    """Runs one federation until its last round, a signal, or the death of the parent it was told to watch."""

    def __init__(self, federation: Federation, listen: str, show: Print) -> None:
        self._federation = federation
        self._store = federation.store()
        self._store.check()
        self._show = show
        self._stop = threading.Event()
        self._supervisor = Supervisor(
            federation, self._store, listen or federation.settings.listen, self._say, self._stop.is_set
        )
        self._evaluator = Evaluator(federation, self._store) if federation.home.evaluation_text.is_file() else None
        self._seq = self._store.last_event()
        self._closing: dict[int, float] = {}

    def _say(self, event: str, body: dict[str, Any]) -> None:
        self._show({"event": event, **body})

    def run(self, *, keep_serving: bool = False, parent_pid: int = 0) -> None:
        """Run to the end.

        Raises:
            CoordinatorError: another process runs this folder, a port is taken, Flower does not start.
            StorageError: the folder is damaged.
        """
        lock = FileLock(self._federation.home.lock_path)
        try:
            lock.acquire(timeout=LOCK_WAIT_S)
        except Timeout as error:
            root = self._federation.home.root
            raise CoordinatorError(f"{root} is already being run.", "Stop the other process first.") from error
        try:
            with _Signals(self._stop), suppress(Stopping):
                try:
                    leave_mark(self._store)
                    self._supervisor.start()
                    if self._evaluator is not None:
                        self._evaluator.start()
                    address = self._supervisor.address
                    ready = {"ready": True, "address": address, "url": f"https://{address}/", "pid": os.getpid()}
                    self._show(ready | {"forwards_to": self._federation.config.forwards_to.name})
                    self._loop(keep_serving, parent_pid)
                finally:
                    self._store_address("")
                    take_mark(self._store)
                    if self._evaluator is not None:
                        self._evaluator.close()
                    self._supervisor.stop()
        finally:
            lock.release()

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
            self._show({"event": "round_closed", **round_row(closed, checkpoint)})


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


def round_row(item: Round, checkpoint: Checkpoint | None) -> dict[str, Any]:
    """One round as told to the operator.

    ``loss`` is nats per token on the coordinator's own text, ``held_out`` bits per byte of the round's base on the
    volunteers' own, in their words.
    """
    return {
        "round": item.server_round,
        "state": item.state,
        "loss": None if checkpoint is None else checkpoint.loss,
        "bits_per_byte": None if checkpoint is None else checkpoint.bits_per_byte,
        "training_loss": item.training_loss,
        "volunteers": item.volunteers,
        "upload_bytes": item.upload_bytes,
        "dense_bytes": item.dense_bytes,
        "seconds": None if item.closed_at is None else round(item.closed_at - item.started_at, 3),
        "checkpoint": "" if checkpoint is None else checkpoint.sha256,
        "pseudo_gradient_norm": item.pseudo_gradient_norm,
        "model_norm": item.model_norm,
        "evaluation": "" if checkpoint is None else checkpoint.evaluation,
        "held_out": item.held_out,
        "held_out_spread": item.held_out_spread,
        "late": item.late,
        "norm_bound": item.norm_bound,
        "reason": item.reason,
    }


def summary(federation: Federation, store: Store) -> dict[str, Any]:
    """The whole federation in figures, for ``status`` and the last event."""
    checkpoints = store.checkpoints()
    by_round = {item.server_round: item for item in checkpoints}
    rounds = store.rounds()
    rows = [round_row(item, by_round.get(item.server_round)) for item in rounds]
    measured = [item.bits_per_byte for item in checkpoints if item.bits_per_byte is not None]
    initial = checkpoints[0].bits_per_byte if checkpoints else None
    return {
        "name": federation.config.name,
        "federation_id": federation.federation_id,
        "run_id": federation.config.run_id,
        "manifest_hash": federation.manifest_hash,
        "unit": federation.config.privacy.unit,
        "preset": federation.config.model.preset,
        "rounds_planned": federation.config.schedule.rounds,
        "stopped": stopped_because(federation.config, rounds),
        "rounds": rows,
        "bits_per_byte": {"initial": initial, "final": measured[-1] if len(measured) > 1 else None},
        "volunteers": len(store.volunteers()),
        "volunteers_left": len(store.volunteers(gone=True)),
        "upload_bytes": sum(row["upload_bytes"] for row in rows),
        "dense_bytes": sum(row["dense_bytes"] for row in rows),
        "checkpoint": checkpoints[-1].sha256 if checkpoints else "",
        "forwards_to": federation.config.forwards_to.name,
    }


def _person(row: RollRow) -> dict[str, Any]:
    return {
        "id": row.key_id[:12],
        "joined_at": row.enrolled_at,
        "left_at": row.left_at,
        "updates": row.updates,
        "last_round": row.last_round,
    }


def status(root: Path) -> dict[str, Any]:
    """Figures of a federation, running or not."""
    federation = Federation(root)
    store = federation.store()
    try:
        address = store.meta("address") if is_running(federation) else ""
        people = [_person(row) for row in store.roll(MOST_PEOPLE)]
        return summary(federation, store) | {"running": bool(address), "address": address, "people": people}
    finally:
        store.close()


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
