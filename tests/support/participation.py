"""A volunteer who has joined, over a scripted wire; ledger, governor and trainer process are real.

The wire itself is tested against a real SuperLink in ``tests/contract/test_fleet.py``.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import shutil
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from flwr.proto.message_pb2 import Message as ProtoMessage
from support.joined import House, config

from core.api.errors import InviteError
from core.api.messages.federations import FederationInfo
from core.api.messages.state import Notice
from core.config.federation import FederationConfig
from core.coordinator.web import certificates
from core.engine import plans
from core.engine.membership import Membership
from core.engine.participation import Participation
from core.engine.plans import Plan
from core.engine.work import MachineWork
from core.federation import invite as invites
from core.federation.fleet import Delivery, Fleet, RunEnded, Session
from core.federation.identity import FederationKey, NodeKey, federation_id
from core.federation.invite import Invite
from core.federation.manifest import open_manifest, seal_manifest
from core.federation.protocol import EnrolAnswer, LedgerSeen, Receipt, SpooledUpdate, TrainInstruction
from core.federation.transport import RegistrationLost, Unreachable
from core.ledger.rows import FederationRow, Release

FEDERATION = FederationKey.generate()
BASE = os.urandom(4_000)
BASE_HASH = hashlib.sha256(BASE).hexdigest()

TRAINER = """
import numpy as np
from core.model.layout import parameter_shapes
from core.model.presets import num_parameters
from core.postprocess.compression.codec import encode
from core.update import ModelUpdate
mode, folder, plan = {mode!r}, Path(job.round_dir), job.privacy
starts = folder / "starts"
with starts.open("a") as stream:
    stream.write("x")
count = len(starts.read_text())
with (folder / "shards").open("a") as stream:
    stream.write(" ".join(f"{{s.path}}*{{c.weight}}" for c in job.corpora for s in c.shards) + "\\n")
say(jobs.Ready(sandbox="" if mode == "open" else "seccomp"))
sealed = folder / "update.sealed"
if not sealed.exists():
    if mode != "resumes" or count == 1:
        say(jobs.HeldOut(bits_per_byte=3.0, nats_per_token=2.0))
    asked = jobs.PrivacyPlan(unit="record", noise_multiplier=0.1) if mode == "greedy" else plan
    say(jobs.ChargeRequest(plan=asked))
    answer = hear()
    if not isinstance(answer, jobs.Grant):
        say(jobs.Failed(code="privacy", message="refused"))
        raise SystemExit(1)
    if mode in ("dies", "resumes") and count < 3 or mode == "always dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if mode == "boasts" and count == 1:
        say(jobs.Progress(step=job.local_steps + 1, steps=job.local_steps + 1, tokens=1))
    while mode == "hangs" and count == 1:
        say(jobs.Alive(looks=7))
        time.sleep(0.05)
    if mode == "slow" and count == 1 and job.server_round == 1:
        for step in range(1, 400):
            say(jobs.Progress(step=min(step, 2), steps=3, tokens=step, loss=2.0, seconds=0.1))
            time.sleep(0.05)
    shapes = parameter_shapes(job.model)
    rng = np.random.default_rng()
    update = ModelUpdate({{n: rng.standard_normal(s, dtype=np.float32) for n, s in shapes.items()}})
    say(jobs.Progress(step=3, steps=3, tokens=30, loss=1.5, seconds=0.2))
    vault.encrypt_file(sealed, key, encode(update, job.codec), b"sealed-update")
payload = vault.decrypt_file(sealed, key, b"sealed-update")
if plan.unit != "none":
    say(jobs.DPRecord(unit=plan.unit, steps=plan.steps, sampling_prob=plan.sampling_prob, clip_norm=plan.clip_norm,
        noise_multiplier=plan.noise_multiplier * (0.5 if mode == "quiet" else 1.0),
        noise_draws=plan.steps * num_parameters(job.model),
        noise_energy=plan.steps * num_parameters(job.model) * (plan.noise_multiplier * plan.clip_norm) ** 2))
say(jobs.Sealed(path=str(sealed), sha256=hashlib.sha256(payload).hexdigest(), size_bytes=len(payload),
    dense_bytes=4 * num_parameters(job.model), steps=3, tokens=30, seconds=0.2, mean_loss=1.5))
time.sleep(30)
"""


class Wire:
    """What a SuperLink and a gateway would answer."""

    steps = staticmethod(Fleet.steps)

    def __init__(self) -> None:
        self.waiting: list[Delivery] = []
        self.records: dict[str, dict[str, Any]] = {}
        self.confirmed: list[str] = []
        self.declined: list[str] = []
        self.announced: list[tuple[str, bytes | SpooledUpdate, dict[str, float], dict[str, Any]]] = []
        self.spool = bytearray()
        self.offered: list[int] = []
        """Where each piece of a large update began."""
        self.waited_for = True
        self.between = lambda: None
        """Called between two pieces."""
        self.pushed: list[tuple[str, str]] = []
        self.ended: set[int] = set()
        self.late = False
        self.down = False
        self.drop_after: int | None = None
        self.receipts: dict[str, Receipt] = {}
        self.fetched = 0
        self.node_id = 7
        self.known = 7
        self.swallows = False
        """The first announcement arrives but its answer is lost, and repeating it is swallowed, as a SuperLink does."""
        self.mute = False
        """Whether it does not say what it saw of the ledger."""
        self.seen: LedgerSeen | None = None
        """What the coordinator has of this machine's ledger; kept from each reply that arrives, as it does."""
        self.served = b""
        """The signed terms that the coordinator shows now; empty: those consented to."""

    async def heartbeat(self, interval_s: float) -> None:
        if self.node_id != self.known:
            raise RegistrationLost("Unknown here.")

    async def enrol(self, token: bytes, manifest_hash: str) -> EnrolAnswer:
        assert (token, manifest_hash) == (b"t" * 16, MANIFEST_HASH)
        if not self.known:
            raise InviteError("This key has left.")
        return EnrolAnswer(node_id=str(self.known), federation_id="f", run_id="r")

    async def manifest(self) -> bytes:
        return self.served or seal_manifest(CONFIG, FEDERATION)

    async def pull(self) -> Delivery | None:
        return self.waiting.pop(0) if self.waiting else None

    async def instruction(self, delivery: Delivery) -> dict[str, Any]:
        if self.down:
            raise Unreachable("The line is cut.")
        return self.records[delivery.message_id]

    async def confirm(self, delivery: Delivery) -> None:
        self.confirmed.append(delivery.message_id)

    async def decline(self, delivery: Delivery) -> None:
        self.declined.append(delivery.message_id)

    async def announce(
        self,
        delivery: Delivery,
        payload: bytes | SpooledUpdate,
        metrics: Mapping[str, float],
        seal: Mapping[str, Any],
    ) -> Session:
        self._alive(delivery)
        self.announced.append((delivery.message_id, payload, dict(metrics), dict(seal)))
        self.seen = LedgerSeen(server_round=seal["server_round"], commitment=seal["ledger"])
        known = [message_id for message_id, *_ in self.announced[:-1]]
        repeated = delivery.message_id in known
        to_push = [] if self.late or (repeated and self.swallows) else ["a", "b", "c"]
        if self.swallows and not known:
            raise Unreachable("The line was cut before the answer came.")
        return Session(
            delivery=delivery, session_id=f"s{len(self.announced)}", message_id="m", objects={}, chunks=[],
            to_push=to_push, touched_at=time.time(),
        )  # fmt: skip

    async def put_blob(
        self, sha256: str, size: int, read: Callable[[int, int], bytes], before: Callable[[int, int], Awaitable[None]]
    ) -> bool:
        while self.waited_for and len(self.spool) < size:
            await before(len(self.spool), size)
            if self.down:
                raise Unreachable("The line is cut.")
            self.offered.append(len(self.spool))
            self.spool += read(len(self.spool), min(size, len(self.spool) + 300_000))
            self.between()
        if self.waited_for:
            await before(size, size)
            assert hashlib.sha256(self.spool).hexdigest() == sha256
        return self.waited_for

    async def push_next(self, session: Session, payload: bytes) -> None:
        self._alive(session.delivery)
        if self.drop_after == 0:
            raise Unreachable("The line is cut.")
        if self.drop_after is not None:
            self.drop_after -= 1
        self.pushed.append((session.session_id, session.remaining[0]))
        session.acknowledged = [*session.acknowledged, session.remaining[0]]

    def _alive(self, delivery: Delivery) -> None:
        if delivery.run_id in self.ended:
            raise RunEnded("This run is over.")

    async def fetch_blob(self, sha256: str, folder: Path, size: int, progress: Callable[[int, int], None]) -> Path:
        self.fetched += 1
        path = folder / sha256
        path.write_bytes(BASE)
        progress(len(BASE), size)
        return path

    async def ledger_seen(self, key: bytes) -> LedgerSeen | None:
        if self.mute:
            raise Unreachable("Nobody answers.")
        return self.seen

    async def receipt(self, sha256: str, key: bytes) -> Receipt | None:
        return self.receipts.get(sha256)

    def ask(self, server_round: int = 1, run: int = 1, kind: str = "train", **changes: Any) -> Delivery:
        """Queue one instruction."""
        number = f"{len(self.records):064x}"
        message = ProtoMessage()
        message.metadata.run_id = run
        message.metadata.message_id = number
        message.metadata.message_type = kind
        message.metadata.created_at = time.time()
        message.metadata.ttl = 300.0
        values: dict[str, Any] = {
            "run_id": "a" * 32, "server_round": server_round, "manifest_hash": MANIFEST_HASH, "base_hash": BASE_HASH,
            "base_bytes": len(BASE), "step_clock": 0, "local_steps": 3, "deadline_at": time.time() + 200.0,
            "nonce": os.urandom(16), **changes,
        }  # fmt: skip
        self.records[number] = TrainInstruction(**values).to_record()
        delivery = Delivery(message.SerializeToString(), b"")
        self.waiting.append(delivery)
        return delivery


CONFIG = config()
ROOT_DER = certificates.cert_der(certificates.self_signed("root", certificates.new_key()))
LINK = invites.encode(
    Invite(
        name="Moor", address="127.0.0.1:9", federation_key=FEDERATION.public_bytes, root_certificate=ROOT_DER,
        token=b"t" * 16, expires_at=1,
    )
)  # fmt: skip
ROOT = base64.b64encode(ROOT_DER).decode()
MANIFEST_HASH = open_manifest(seal_manifest(CONFIG, FEDERATION), FEDERATION.public_bytes).sha256
PLAN = Plan(
    unit="record", units=2_000, sampling_prob=0.004, noise_multiplier=1.0, clip_norm=1.0, steps=3, relation="zero-out",
    rdp_per_step=(), epsilon_limit=8.0, epsilon_planned=1.0, delta=1e-5, rounds_affordable=3,
)  # fmt: skip
NONE = Plan(
    unit="none", units=2_000, sampling_prob=1.0, noise_multiplier=0.0, clip_norm=1.0, steps=3, relation="none",
    rdp_per_step=(), epsilon_limit=8.0, epsilon_planned=0.0, delta=1e-5, rounds_affordable=3,
)  # fmt: skip

MOOR = FederationInfo(
    federation_id="f", name="Moor", operator="o", address="a", manifest_hash="h", joined_at=0.0, state="active",
    manifest=plans.manifest_view(CONFIG), corpora=[],
)  # fmt: skip


class Bench:
    """A volunteer who has joined, and the wire."""

    def __init__(self, folder: Path, mode: str = "good", plan: Plan = PLAN, terms: FederationConfig = CONFIG) -> None:
        self.house = House(folder / "home", TRAINER.format(mode=mode))
        self.wire = Wire()
        self.notices: list[Notice] = []
        self.corpus = self.house.add_text()
        self.node_key = NodeKey.generate()
        self.house.keystore.set("node", self.node_key.to_pem())
        envelope = seal_manifest(terms, FEDERATION)
        row = FederationRow(
            federation_id=federation_id(FEDERATION.public_bytes), name="Moor", operator="o", address="127.0.0.1:9",
            invite=LINK, federation_key=FEDERATION.public_bytes, root_certificate=ROOT, manifest=envelope,
            manifest_hash=open_manifest(envelope, FEDERATION.public_bytes).sha256, run_id="a" * 32, node_id=7,
            key_name="node", joined_at=1.0, plans={self.corpus: msgspec.to_builtins(plan)},
        )  # fmt: skip
        if plan.unit != "none":
            self.house.ledger.set_budget(self.corpus, plan.unit, plan.epsilon_limit, plan.delta)
        self.house.ledger.save_federation(row)

    def begin(self) -> Participation:
        """Take part, as an engine that has just started does."""
        self.house.board.publish = self.notices.append
        (row,) = self.house.ledger.federations()
        member = Membership(row, self.house.keystore)
        member.fleet = member.gateway = self.wire  # type: ignore[assignment]
        self.one = Participation(self.house.room, member, MachineWork(self.house.room, member))
        self.one.start()
        return self.one

    async def crash(self) -> None:
        """Stop without a word and open everything again from what is on disk."""
        await self.one.stop()
        self.house.ledger.close()
        self.house.open()
        self.begin()

    def release(self, server_round: int = 1) -> Release | None:
        with sqlite3.connect(self.house.home / "ledger.db") as db:
            rows = db.execute("SELECT release_id FROM releases WHERE server_round = ?", (server_round,)).fetchall()
        return self.house.ledger.release(rows[0][0]) if rows else None

    async def state(self, *states: str, server_round: int = 1, timeout_s: float = 30.0) -> Release:
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            release = self.release(server_round)
            if release is not None and release.state in states:
                return release
            await asyncio.sleep(0.03)
        raise AssertionError(f"never {states}, but {self.release(server_round)}; {self.notices}")

    async def until(self, condition: Callable[[], object], what: str) -> None:
        for _ in range(600):
            if condition():
                return
            await asyncio.sleep(0.03)
        raise AssertionError(f"waited in vain for {what}")

    def charges(self) -> int:
        with sqlite3.connect(self.house.home / "ledger.db") as db:
            return int(db.execute("SELECT COUNT(*) FROM charges").fetchone()[0])

    def starts(self, release: Release) -> int:
        path = self.house.home / "rounds" / str(release.release_id) / "starts"
        return len(path.read_text()) if path.exists() else 0


def run(bench: Bench, what: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        bench.begin()
        try:
            await what()
        finally:
            bench.house.governor.problem = True
            await bench.house.governor.stop()
            await bench.one.stop()
            bench.house.ledger.close()

    asyncio.run(main())


def accept(bench: Bench, release: Release, state: str = "accepted") -> None:
    bench.wire.receipts[release.sha256] = Receipt(
        update_sha256=release.sha256, server_round=release.server_round, state=state, reason="because"
    )


def restored(bench: Bench, copy: Path) -> None:
    """The home is as it was when it was copied, keyring and all."""
    bench.house.ledger.close()
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (bench.house.home / name).unlink(missing_ok=True)
    shutil.copy(copy, bench.house.home / "ledger.db")
    bench.house.open()
