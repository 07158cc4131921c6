"""The Flower ServerApp: carries letters and answers between the conductor and Flower's grid.

Started by ``flwr-serverapp`` from a bundle that only names this module. Pulls each message id in a thread of its own,
because one slow upload blocks a joint pull; the threads are daemons, because a pull can block for two hours.
"""

from __future__ import annotations

import io
import logging
import os
import queue
import threading
import time
from collections.abc import Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path

import httpx
import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid, ServerApp

from core.api.errors import HedgerowError, UpdateError
from core.coordinator.home import Federation
from core.coordinator.learning.updates import UpdateReader
from core.coordinator.processes import MAX_LOG_BYTES, started
from core.coordinator.records.schema import Sign
from core.coordinator.records.store import SERVER_APP, Store
from core.coordinator.rounds.admission import Admission, RawReply
from core.coordinator.rounds.conductor import Conductor
from core.coordinator.rounds.letters import Answer, Letter
from core.coordinator.web.spool import Spool
from core.federation.protocol import (
    INSTRUCTION,
    MAX_MESSAGE_UPDATE,
    MESSAGE_TYPE,
    METRICS,
    SEAL,
    UPDATE,
    SpooledUpdate,
    read_spooled,
)

SIGN_INTERVAL_S = 1.0
HANG_S = 60.0
ARRIVING_S = 1.5
ONLINE_CACHE_S = 3.0
PULL_INTERVAL_S = 1.0
"""Between two looks for one reply; each costs the SuperLink about 20 ms of CPU, which on a small machine trains."""
GLANCE_S = 0.5
"""Between two glances at a folder, which cost next to nothing."""
FOLLOWS_S = 30.0
"""A reply comes within moments of the large update it names, if it comes."""
LOOKS_PER_S = 16
LOOK_SHARE = 0.02
LONGEST_INTERVAL_S = 30.0
PUSHED_AT_ONCE = 32
PUSH_TRIES = 5
log = logging.getLogger("core.coordinator")

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Run the federation whose folder is in the run's configuration."""
    federation = Federation(Path(str(context.run_config["dir"])))
    _log_to(federation.home.log_path("server_app"))
    store = federation.store()
    store.take_claim()
    life = SignOfLife(store, str(context.run_id))
    life.start()
    log.info("ServerApp runs as Flower run %s, process %s", context.run_id, os.getpid())
    try:
        compose(federation, store, GridTransport(grid, federation.home.spool), life).run()
    except HedgerowError as error:
        log.exception("%s", error)
        raise
    log.info("all rounds are done")


def compose(federation: Federation, store: Store, transport: GridTransport, life: SignOfLife) -> Conductor:
    """Put chain, admission and conductor together for one federation."""
    updates = UpdateReader(federation.config)
    admission = Admission(
        federation.config,
        federation_id=federation.federation_id,
        manifest_hash=federation.manifest_hash,
        updates=updates,
    )
    return Conductor(federation, store, transport, admission, updates, life.beat)


class SignOfLife:
    """Writes a row each second as long as the conductor's own beats are fresh, so that a hang is noticed as well."""

    def __init__(self, store: Store, flower_run: str) -> None:
        self._store = store
        self._run = flower_run
        self._beaten = time.monotonic()
        self._thread = threading.Thread(target=self._write, daemon=True, name="sign-of-life")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def beat(self) -> None:
        """The conductor is alive now."""
        self._beaten = time.monotonic()

    def _write(self) -> None:
        pid = os.getpid()
        began = started(pid)
        while True:
            if time.monotonic() - self._beaten < HANG_S:
                try:
                    self._store.beat(
                        Sign(name=SERVER_APP, pid=pid, pid_started=began, at=time.time(), flower_run=self._run)
                    )
                except HedgerowError:
                    log.exception("no sign of life could be written")
            time.sleep(SIGN_INTERVAL_S)


class GridTransport:
    """The conductor's ``Transport`` over Flower's grid."""

    def __init__(self, grid: Grid, spool: Spool) -> None:
        self._grid = grid
        self._spool = spool
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._pulling: dict[tuple[int, str, bytes], float] = {}
        self._lock = threading.Lock()
        self._online: frozenset[str] = frozenset()
        self._online_at = 0.0
        self._broken: BaseException | None = None
        self._crowd_s = 0.0

    def online(self) -> frozenset[str]:
        """Node ids that send heartbeats; a grid that fails for a moment leaves the last answer standing."""
        self._raise_if_broken()
        now = time.monotonic()
        if now - self._online_at >= ONLINE_CACHE_S:
            try:
                self._online = frozenset(str(node_id) for node_id in self._grid.get_node_ids())
            except httpx.HTTPError as error:
                self._judge(error)
            self._online_at = time.monotonic()
        return self._online

    def send(self, letters: Sequence[Letter]) -> None:
        """Push the letters, many at a time, and start a pulling thread for each."""
        self._crowd_s = len(letters) / LOOKS_PER_S
        for start in range(0, len(letters), PUSHED_AT_ONCE):
            some = letters[start : start + PUSHED_AT_ONCE]
            for letter, message_id in zip(some, self._push([_message(letter) for letter in some]), strict=True):
                if not message_id:
                    error = "The SuperLink did not take the message."
                    self._answers.put(Answer(letter=letter, reply=None, error=error))
                    continue
                log.info("round %s: sent to %s", letter.server_round, letter.key_id[:12])
                threading.Thread(target=self._pull, args=(letter, message_id), daemon=True).start()

    def _push(self, messages: Sequence[Message]) -> list[str]:
        """The id of each message, empty where it was not taken."""
        for attempt in range(PUSH_TRIES):
            try:
                pushed = [message_id or "" for message_id in self._grid.push_messages(messages)]
                return pushed if len(pushed) == len(messages) else [""] * len(messages)
            except httpx.HTTPError as error:
                self._judge(error)
                self._raise_if_broken()
                log.warning("push failed (%s), try %s", error, attempt + 1)
                time.sleep(0.5 * (attempt + 1))
        return [""] * len(messages)

    def answers(self) -> list[Answer]:
        """What has come since the last call."""
        self._raise_if_broken()
        found = []
        while not self._answers.empty():
            found.append(self._answers.get())
        return found

    def uploading(self, server_round: int) -> frozenset[str]:
        """Key ids whose pull has been busy for a while: the reply was announced, its bytes are on the way."""
        before = time.monotonic() - ARRIVING_S
        with self._lock:
            return frozenset(
                key for (number, key, _), at in self._pulling.items() if number == server_round and at < before
            )

    def _pull(self, letter: Letter, message_id: str) -> None:
        slot, began = (letter.server_round, letter.key_id, letter.nonce), time.monotonic()
        while self._broken is None:
            with self._lock:
                self._pulling[slot] = time.monotonic()
            try:
                messages = list(self._grid.pull_messages([message_id]))
            except httpx.HTTPError as error:
                messages = []
                self._judge(error)
            except Exception as error:  # noqa: BLE001 - whatever a hostile reply makes Flower's decoder raise
                self._answers.put(Answer(letter=letter, reply=None, error=f"Unreadable: {type(error).__name__}."))
                return
            finally:
                with self._lock:
                    self._pulling.pop(slot, None)
            if messages:
                self._answers.put(_answer(letter, messages[0]))
                return
            self._rest(letter.key_id, look_again_s(time.monotonic() - began, self._crowd_s))

    def _rest(self, key_id: str, seconds: float) -> None:
        """Wait until the next look, but no longer than a moment if the update that goes before the reply is here."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(GLANCE_S, left))
            if self._spool.arrived(key_id, time.time() - FOLLOWS_S):
                return

    def _judge(self, error: httpx.HTTPError) -> None:
        """401 and 403 are the end of this run; anything else passes."""
        if isinstance(error, httpx.HTTPStatusError) and error.response.status_code in (401, 403):
            self._broken = error

    def _raise_if_broken(self) -> None:
        if self._broken is not None:
            raise RuntimeError("this Flower run has ended") from self._broken


def look_again_s(waited_s: float, crowd_s: float) -> float:
    """Seconds until a reply is looked for again: a small part of what it took so far, more where many are waited for.

    Args:
        waited_s: since the message was sent.
        crowd_s: what looking for everybody takes at the rate that a small machine bears.
    """
    return min(LONGEST_INTERVAL_S, max(PULL_INTERVAL_S, crowd_s, waited_s * LOOK_SHARE))


def _message(letter: Letter) -> Message:
    return Message(
        RecordDict({INSTRUCTION: ConfigRecord(dict(letter.record))}),
        dst_node_id=int(letter.node_id),
        message_type=MESSAGE_TYPE,
        ttl=letter.ttl_s,
        group_id=str(letter.server_round),
    )


def _answer(letter: Letter, message: Message) -> Answer:
    if message.has_error():
        return Answer(
            letter=letter, reply=None, error=f"Flower error {message.error.code}: {message.error.reason}"[:300]
        )
    try:
        return Answer(letter=letter, reply=read_reply(message.content))
    except UpdateError as error:
        return Answer(letter=letter, reply=None, error=error.message)


def read_reply(content: RecordDict) -> RawReply:
    """Take a reply's content apart without believing it.

    Raises:
        UpdateError: records are missing, extra, or not of the fixed schema.
    """
    if set(content) != {UPDATE, METRICS, SEAL}:
        raise UpdateError("The reply holds other records than the schema allows.")
    update, metrics, seal = content[UPDATE], content[METRICS], content[SEAL]
    if not isinstance(metrics, MetricRecord) or not isinstance(seal, ConfigRecord):
        raise UpdateError("The reply's records are of the wrong kinds.")
    return RawReply(seal=dict(seal), metrics=dict(metrics), payload=_payload(update))


def _payload(update: object) -> bytes | SpooledUpdate:
    if isinstance(update, ConfigRecord):
        return read_spooled(dict(update))
    if not isinstance(update, ArrayRecord):
        raise UpdateError("The reply's records are of the wrong kinds.")
    if list(update) != [UPDATE]:
        raise UpdateError("The reply must hold exactly one array.")
    return uint8_bytes(update[UPDATE])


def uint8_bytes(array: Array) -> bytes:
    """The bytes of a one-dimensional uint8 array; its header is checked before anything is allocated.

    Raises:
        UpdateError: another type or shape, or header and bytes disagree.
    """
    if array.dtype != "uint8" or len(array.shape) != 1 or not 0 < array.shape[0] <= MAX_MESSAGE_UPDATE:
        raise UpdateError("The update is not one row of uint8 of allowed length.")
    if array.stype == "raw":
        payload = array.data
    else:
        stream = io.BytesIO(array.data)
        try:
            if np.lib.format.read_magic(stream) != (1, 0):
                raise ValueError("format version")
            shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        except (ValueError, SyntaxError, EOFError) as error:
            raise UpdateError("The update's array cannot be read.") from error
        if dtype != np.uint8 or shape != tuple(array.shape):
            raise UpdateError("The update's array says two things about itself.")
        payload = array.data[stream.tell() :]
    if len(payload) != array.shape[0]:
        raise UpdateError("The update's array is cut.")
    return bytes(payload)


def _log_to(path: Path) -> None:
    """Flower throws our output away, so the log is our own."""
    handler = RotatingFileHandler(path, maxBytes=MAX_LOG_BYTES, backupCount=1)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
