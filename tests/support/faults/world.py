"""What lies outside a volunteer's machine and outlives every fault on it: coordinator, network, keyring, witness.

The witness knows what left and what was drawn, by looking, and judges the ledger from its file with statements of its
own; nothing here asks the code under test what it believes.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from flwr.proto.message_pb2 import Message as ProtoMessage
from support.faults.disk import Disk

from core import vault
from core.federation.fleet import Delivery, Fleet, Session
from core.federation.protocol import LedgerSeen, Receipt, SpooledUpdate, TrainInstruction

_now = time.time
"""The coordinator's clock, whatever becomes of the volunteer's."""


class Event(msgspec.Struct):
    """One thing that happened outside."""

    kind: str
    server_round: int = 0
    step: int = 0
    value: str = ""


class World:
    """Everything that happened outside, on a file, so that it survives even the process that says it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        raw = path.read_bytes().splitlines() if path.exists() else []
        self.events = [msgspec.json.decode(line, type=Event) for line in raw]
        self._file = path.open("ab", buffering=0)

    def note(self, kind: str, server_round: int = 0, step: int = 0, value: str = "") -> None:
        """It happened."""
        event = Event(kind, server_round, step, value)
        self.events.append(event)
        self._file.write(msgspec.json.encode(event) + b"\n")

    def of(self, kind: str, server_round: int | None = None) -> list[Event]:
        """What happened of one kind."""
        return [e for e in self.events if e.kind == kind and server_round in (None, e.server_round)]

    @property
    def current(self) -> int:
        """The round the coordinator asks for."""
        return 1 + len({e.server_round for e in self.of("over")})

    def left(self) -> dict[int, set[str]]:
        """Round → hashes of the updates of which anything left the machine."""
        found: dict[int, set[str]] = defaultdict(set)
        for event in self.of("left"):
            found[event.server_round].add(event.value)
        return dict(found)

    def key(self) -> bytes:
        """What the system's random numbers gave this time: never the same twice, but the same in each repetition."""
        self.note("key")
        return hashlib.sha256(f"key {len(self.of('key'))}".encode()).digest()

    def copy(self, path: Path) -> World:
        """The same past, from which another future begins."""
        shutil.copy(self._path, path)
        return World(path)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


class Keyring:
    """Secrets outside the disk. A power cut may take the newest write back, as a keyring with a cache would."""

    backend = "outside"
    changed_from = ""

    def __init__(self, world: World, disk: Disk, secrets: Mapping[str, bytes]) -> None:
        self._world, self._disk, self._secrets = world, disk, dict(secrets)

    def get(self, name: str) -> bytes | None:
        """The secret of that name."""
        if name != "ledger-head":
            return self._secrets.get(name)
        kept = self._world.of("keyring")
        return bytes.fromhex(kept[-1].value) if kept else None

    def set(self, name: str, value: bytes) -> None:
        """Keep a secret."""
        assert name == "ledger-head"
        self._disk.point("write the head to the keyring")
        self._world.note("keyring", value=value.hex())
        self._disk.point("the head is in the keyring")

    def delete(self, name: str) -> None:
        """Never asked for here."""
        raise AssertionError(name)


@dataclass(frozen=True)
class Terms:
    """What the federation asks, as far as the wire says it."""

    manifest_hash: str
    run_id: str
    rounds: int
    local_steps: int
    bases: Mapping[int, bytes]
    """Weights of each round."""


class Wire:
    """SuperLink and gateway. Each call is a point before, and one after where an answer can be lost."""

    steps = staticmethod(Fleet.steps)
    node_id = 7

    def __init__(self, world: World, disk: Disk, terms: Terms, again: bool) -> None:
        """One connection; whatever is not answered is asked anew, as after a message's time ran out.

        Args:
            world: outside.
            disk: of this life.
            terms: of the federation.
            again: the last round that was answered is asked for once more.
        """
        self._world, self._disk, self._terms = world, disk, terms
        self.waiting = [self._ask(world.current - 1)] if again and world.current > 1 else []
        self.waiting += [self._ask(world.current)] if world.current <= terms.rounds else []
        self._rounds: dict[str, int] = {}

    def _ask(self, server_round: int) -> Delivery:
        message = ProtoMessage()
        message.metadata.run_id = 1
        message.metadata.message_id = f"{server_round:02d}-{len(self._world.of('asked')):06d}"
        message.metadata.message_type = "train"
        message.metadata.created_at = _now()
        message.metadata.ttl = 3_000.0
        self._world.note("asked", server_round)
        return Delivery(message.SerializeToString(), b"")

    def next_round(self) -> None:
        """The round is over: accepted, or the coordinator waited long enough."""
        if self._world.current <= self._terms.rounds:
            self._world.note("over", self._world.current)
            if self._world.current <= self._terms.rounds:
                self.waiting.append(self._ask(self._world.current))

    async def heartbeat(self, interval_s: float) -> None:
        """Heard."""

    async def pull(self) -> Delivery | None:
        """The next message, once."""
        if not self.waiting:
            return None
        self._disk.point("ask for a message")
        delivery = self.waiting.pop(0)
        self._disk.point("a message was handed over")
        return delivery

    async def instruction(self, delivery: Delivery) -> dict[str, Any]:
        """Its content."""
        self._disk.point("fetch the message")
        server_round = int(delivery.message_id[:2])
        base = self._terms.bases[server_round]
        return TrainInstruction(
            run_id=self._terms.run_id, server_round=server_round, manifest_hash=self._terms.manifest_hash,
            base_hash=hashlib.sha256(base).hexdigest(), base_bytes=len(base), step_clock=0,
            local_steps=self._terms.local_steps, deadline_at=delivery.expires_at - 100.0,
            nonce=delivery.message_id.encode()[:16].ljust(16, b"."),
        ).to_record()  # fmt: skip

    async def confirm(self, delivery: Delivery) -> None:
        """Received."""
        self._disk.point("confirm the message")

    async def decline(self, delivery: Delivery) -> None:
        """The volunteer will not answer."""
        self._disk.point("decline the message")
        if int(delivery.message_id[:2]) == self._world.current:
            self.next_round()

    async def fetch_blob(self, sha256: str, folder: Path, size: int, progress: object = None) -> Path:
        """Base weights; no word about them survives a power cut, so they are fetched again."""
        self._disk.point("fetch base weights")
        path = folder / sha256
        if not path.exists():
            part = path.with_suffix(".part")
            try:
                part.write_bytes(next(b for b in self._terms.bases.values() if hashlib.sha256(b).hexdigest() == sha256))
            except OSError as error:
                raise vault.storage_error(part, error) from error
            part.rename(path)
        return path

    async def announce(
        self, delivery: Delivery, payload: bytes | SpooledUpdate, metrics: Mapping[str, float], seal: Mapping[str, Any]
    ) -> Session:
        """A reply begins: from here on its hash is outside."""
        self._disk.point("announce the reply")
        inside = isinstance(payload, bytes)
        sha256 = hashlib.sha256(payload).hexdigest() if isinstance(payload, bytes) else payload.sha256
        self._leaves(int(delivery.message_id[:2]), sha256)
        self._world.note("ledger announced", int(delivery.message_id[:2]), value=seal["ledger"].hex())
        self._disk.point("the reply is announced")
        return Session(
            delivery=delivery, session_id="s", message_id="m", objects={}, chunks=[],
            to_push=["a", "b"] if inside else ["a"], touched_at=time.time(),
        )  # fmt: skip

    async def push_next(self, session: Session, payload: bytes) -> None:
        """A part of it."""
        self._disk.point("push a part of the reply")
        server_round = int(session.delivery.message_id[:2])
        if payload:
            self._leaves(server_round, hashlib.sha256(payload).hexdigest())
        session.acknowledged = [*session.acknowledged, session.remaining[0]]
        if not session.remaining:
            (sha256,) = self._world.left()[server_round]
            self._world.note("arrived", server_round, value=sha256)
            said = [e.value for e in self._world.of("ledger announced") if e.server_round == server_round]
            self._world.note("ledger", server_round, value=said[-1])
        self._disk.point("the part is pushed")

    async def put_blob(
        self, sha256: str, size: int, read: Callable[[int, int], bytes], before: Callable[[int, int], Awaitable[None]]
    ) -> bool:
        """A large update in three pieces, from the first one on outside."""
        known = [number for number, hashes in self._world.left().items() if sha256 in hashes]
        parts, server_round = b"", known[0] if known else self._world.current
        while len(parts) < size:
            await before(len(parts), size)
            self._disk.point("push a piece of a large update")
            piece = read(len(parts), min(size, len(parts) + size // 3 + 1))
            self._world.note("piece", server_round, len(parts), hashlib.sha256(piece).hexdigest())
            parts += piece
        self._leaves(server_round, hashlib.sha256(parts).hexdigest())
        return True

    async def ledger_seen(self, key: bytes) -> LedgerSeen | None:
        """The commitment that came with the newest update; a coordinator that keeps silent has an empty one."""
        self._disk.point("ask what was seen of the ledger")
        kept = self._world.of("ledger")
        if not kept or not kept[-1].value:
            return None
        return LedgerSeen(server_round=kept[-1].server_round, commitment=bytes.fromhex(kept[-1].value))

    async def receipt(self, sha256: str, key: bytes) -> Receipt | None:
        """Durable at the coordinator, once it arrived."""
        self._disk.point("ask for the receipt")
        arrived = [e.server_round for e in self._world.of("arrived") if e.value == sha256]
        if not arrived:
            return None
        if arrived[0] == self._world.current:
            self.next_round()
        self._disk.point("the receipt is here")
        return Receipt(update_sha256=sha256, server_round=arrived[0], state="accepted")

    def _leaves(self, server_round: int, sha256: str) -> None:
        self._world.note("left", server_round, value=sha256)


@dataclass(frozen=True)
class Cost:
    """The least a round must be charged, per corpus, whoever computes it."""

    unit: str
    noise_multiplier: float
    sampling_prob: float
    steps: int
    lineages: frozenset[int]


def undercharged(ledger: Path, world: World, cost: Cost, rounds: set[int] | None = None) -> list[str]:
    """Judge the ledger's file by what left: one sentence for each round that is charged too little, or twice.

    Reads copies, so that the file's recovery is left to who opens it next.
    """
    found = []
    try:
        rows, sealed = _charges_and_seals(ledger)
    except sqlite3.DatabaseError as error:
        rows, sealed, found = [], {}, [f"the ledger cannot be read: {error}"]
    charges: dict[int, set[int]] = defaultdict(set)
    covered: dict[int, set[int]] = defaultdict(set)
    for server_round, charge_id, lineage, spec in rows:
        charges[server_round].add(charge_id)
        said = msgspec.json.decode(spec)
        if (
            said["unit"] == cost.unit
            and said["noise_multiplier"] <= cost.noise_multiplier
            and said["sampling_prob"] >= cost.sampling_prob
            and said["steps"] >= cost.steps
        ):
            covered[server_round].add(lineage)
    found += [f"round {number} has {len(ids)} charges" for number, ids in charges.items() if len(ids) != 1]
    for number, hashes in world.left().items():
        if rounds is not None and number not in rounds:
            continue
        if not cost.lineages <= covered[number]:
            found.append(f"round {number} left uncharged for {sorted(cost.lineages - covered[number])}")
        if sealed.get(number) not in hashes:
            found.append(f"what left for round {number} is not what the ledger calls sealed")
    return found


def _charges_and_seals(ledger: Path) -> tuple[list[tuple[Any, ...]], dict[int, str]]:
    with tempfile.TemporaryDirectory() as folder:
        for file in ledger.parent.glob(f"{ledger.name}*"):
            if not file.name.endswith("-shm"):
                shutil.copy(file, folder)
        with closing(sqlite3.connect(Path(folder) / ledger.name)) as db:
            rows = db.execute(
                "SELECT r.server_round, c.charge_id, COALESCE(g.merged_into, g.lineage_id), l.spec FROM charge_lines l"
                " JOIN charges c ON c.charge_id = l.charge_id JOIN releases r ON r.release_id = c.release_id"
                " JOIN lineages g ON g.lineage_id = l.lineage_id"
            ).fetchall()
            return rows, dict(db.execute("SELECT server_round, sha256 FROM releases WHERE sha256 != ''").fetchall())


def charged_rounds(ledger: Path) -> set[int]:
    """Rounds with a charge, by the file."""
    with closing(sqlite3.connect(ledger)) as db:
        return {row[0] for row in db.execute("SELECT r.server_round FROM charges JOIN releases r USING (release_id)")}


def head_of(ledger: Path) -> str:
    """The newest entry of the chain as the keyring should know it, read without the code under test."""
    with closing(sqlite3.connect(ledger)) as db:
        seq, digest = db.execute("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
    return (int(seq).to_bytes(8, "big") + digest).hex()


def repeated(world: World) -> list[str]:
    """Judge the randomness: each round one release, each step one draw and one noise, and never the same ones twice."""
    found = [f"round {number} left as {len(hashes)} different updates" for number, hashes in world.left().items()
             if len(hashes) != 1]  # fmt: skip
    for kind in ("draw", "noise"):
        seen: dict[tuple[int, int], set[str]] = defaultdict(set)
        owner: dict[str, tuple[int, int]] = {}
        for event in world.of(kind):
            place = (event.server_round, event.step)
            seen[place].add(event.value)
            if owner.setdefault(event.value, place) != place:
                found.append(f"the {kind} of {place} was that of {owner[event.value]} before")
        found += [f"{len(v)} different {kind}s in step {place}" for place, v in seen.items() if len(v) != 1]
    pieces: dict[tuple[int, int], set[str]] = defaultdict(set)
    for event in world.of("piece"):
        pieces[event.server_round, event.step].add(event.value)
    return found + [f"piece {place} left as {len(v)} different ones" for place, v in pieces.items() if len(v) != 1]
