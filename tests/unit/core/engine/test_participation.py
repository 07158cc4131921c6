"""Rounds as the coordinator's messages make them, over a scripted wire; ledger, governor and trainer process are real.

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
import pytest
from flwr.proto.message_pb2 import Message as ProtoMessage
from support.joined import KEY, House, config

from core import vault
from core.api.errors import InviteError
from core.api.messages import FederationInfo, Notice
from core.config.federation import FederationConfig
from core.config.privacy import PrivacyTerms
from core.coordinator.web import certificates
from core.engine import leftovers, plans, rounds, sending
from core.engine import participation as participations
from core.engine.config_store import Presence
from core.engine.membership import Membership
from core.engine.participation import Participation
from core.engine.plans import Plan
from core.engine.standing import Facts, standing
from core.engine.work import MachineWork
from core.federation import invite as invites
from core.federation.fleet import Delivery, Fleet, RunEnded, Session
from core.federation.identity import FederationKey, NodeKey, federation_id
from core.federation.invite import Invite
from core.federation.manifest import open_manifest, seal_manifest
from core.federation.protocol import EnrolAnswer, LedgerSeen, Receipt, SpooledUpdate, TrainInstruction, read_seal
from core.federation.transport import RegistrationLost, Unreachable, WrongServer
from core.hardware.limits import Readings
from core.ledger.rows import Choice, FederationRow, Release

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


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(participations, "POLL_S", 0.1)
    monkeypatch.setattr(participations, "REST_POLL_S", 0.1)
    monkeypatch.setattr(participations, "BACKOFF_S", (0.1, 0.3))
    monkeypatch.setattr(participations, "REFUSED_RETRY_S", 0.2)
    monkeypatch.setattr(participations, "BUSY_POLL_S", 0.05)


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


def test_a_home_restored_without_a_keyring_is_noticed_by_what_the_federation_saw(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with sqlite3.connect(bench.house.home / "ledger.db") as db:
        db.execute("VACUUM INTO ?", (str(tmp_path / "backup.db"),))

    async def what() -> None:
        bench.wire.ask()
        await bench.state("sent")
        await bench.one.stop()
        restored(bench, tmp_path / "backup.db")
        one = bench.begin()
        bench.wire.ask(2)
        ledger = bench.house.ledger
        await bench.until(lambda: ledger.newer_elsewhere, "the newer ledger")
        assert list(ledger.newer_elsewhere.values()) == ["Moor"]
        await bench.state("abandoned", server_round=2)
        assert one.exhausted
        assert bench.charges() == 0
        assert len(bench.wire.announced) == 1, "nothing more left"
        assert any("seen a newer privacy ledger" in notice.sentence.text for notice in bench.notices)
        ledger.leave_federation(one.member.row.federation_id)
        assert not ledger.blocked, "one that lies about it can be left"

    run(bench, what)


def test_nothing_is_charged_before_the_federation_was_asked_what_it_saw(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        bench.wire.ask()
        release = await bench.state("sent")
        bench.wire.ask(2)
        await bench.state("sent", server_round=2)
        assert bench.wire.seen is not None
        assert bench.wire.seen.server_round == 2
        assert not bench.house.ledger.newer_elsewhere
        assert bench.wire.announced[0][3]["ledger"] != bench.wire.announced[1][3]["ledger"]
        accept(bench, release)
        await bench.crash()
        bench.wire.ask(3)
        await bench.state("sent", server_round=3)

    run(bench, what)


def test_a_round_begun_before_a_crash_waits_until_the_federation_answers(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        bench.one._tasks[1].cancel()  # so that the round is begun and nothing more
        bench.wire.ask()
        await bench.until(lambda: bench.release(), "the round")
        await bench.one.stop()
        bench.house.ledger.close()
        bench.house.open()
        bench.wire.mute = True
        one = bench.begin()
        release = bench.release()
        assert release is not None
        assert await one._advance(release) == participations.POLL_S
        assert bench.charges() == 0

    run(bench, what)


def test_a_round_from_instruction_to_receipt(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        delivery = bench.wire.ask()
        release = await bench.state("sent")
        assert bench.wire.confirmed == [delivery.message_id]
        ((message_id, payload, metrics, record),) = bench.wire.announced
        assert message_id == delivery.message_id
        assert metrics == {"steps": 3.0}, "loss and counts stay here under a unit with a guarantee"
        assert isinstance(payload, bytes)
        assert hashlib.sha256(payload).hexdigest() == release.sha256
        seal = read_seal(record)
        assert seal.is_genuine(bench.node_key.public_pem)
        assert seal.nonce == bench.wire.records[message_id]["nonce"]
        assert seal.update_sha256 == release.sha256
        assert [object_id for _, object_id in bench.wire.pushed] == ["a", "b", "c"]
        accept(bench, release)
        done = await bench.state("accepted")
        assert done.reason == "because"
        assert bench.charges() == 1
        assert bench.house.ledger.contribution().tokens == 30
        assert bench.house.board.series.bits_per_byte[0].value == 3.0
        assert os.listdir(bench.house.home / "rounds" / str(done.release_id)) == ["update.sealed"]

    run(bench, what)


@pytest.mark.parametrize(("server_round", "mode"), [(2, "good"), (2, "resumes"), (1, "good")])
def test_a_held_out_score_travels_in_the_rounds_that_ask_for_it(tmp_path: Path, server_round: int, mode: str) -> None:
    """P18: under unit none alone; a trainer that goes on after a death has said it before."""
    schedule = msgspec.structs.replace(CONFIG.schedule, evaluate_every=2)
    terms = msgspec.structs.replace(
        CONFIG, privacy=PrivacyTerms(unit="none", relation="none"), schedule=schedule
    )  # fmt: skip
    bench = Bench(tmp_path, mode, NONE, terms)
    manifest_hash = open_manifest(seal_manifest(terms, FEDERATION), FEDERATION.public_bytes).sha256

    async def what() -> None:
        bench.wire.ask(server_round, manifest_hash=manifest_hash)
        await bench.state("sent", server_round=server_round)
        ((_, _, metrics, _),) = bench.wire.announced
        assert metrics["loss"] == 1.5
        assert metrics.get("held_out") == (3.0 if server_round == 2 else None)

    run(bench, what)


def test_a_repeat_is_answered_with_the_same_bytes_and_one_charge(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        bench.wire.ask()
        release = await bench.state("sent")
        bench.wire.ask(run=2)
        await bench.until(lambda: len(bench.wire.announced) == 2, "the second answer")
        accept(bench, release)
        await bench.state("accepted")
        bench.wire.ask(run=3)
        await bench.until(lambda: len(bench.wire.announced) == 3, "the third answer")
        assert len({payload for _, payload, _, _ in bench.wire.announced}) == 1
        assert len({seal["nonce"] for _, _, _, seal in bench.wire.announced}) == 3
        assert bench.charges() == 1
        assert (await bench.state("accepted")).sha256 == release.sha256

    run(bench, what)


def large(bench: Bench) -> Bench:
    """Every update is too large for a message."""
    bench.house.config.set("message_update_mb", "0")
    return bench


def test_a_large_update_goes_up_first_and_the_reply_names_it(tmp_path: Path) -> None:
    bench = large(Bench(tmp_path))
    shown: list[tuple[int, int]] = []

    def look() -> None:
        assert bench.house.board.progress is not None
        shown.append((bench.house.board.progress.done_bytes, bench.house.board.progress.total_bytes))

    bench.wire.between = look

    async def what() -> None:
        delivery = bench.wire.ask()
        release = await bench.state("sent")
        ((message_id, payload, _, record),) = bench.wire.announced
        assert message_id == delivery.message_id
        assert payload == SpooledUpdate(sha256=release.sha256, size_bytes=release.size_bytes)
        assert read_seal(record).update_sha256 == release.sha256
        assert read_seal(record).is_genuine(bench.node_key.public_pem)
        assert hashlib.sha256(bench.wire.spool).hexdigest() == release.sha256
        assert shown == [(at, release.size_bytes) for at in bench.wire.offered]
        assert len(shown) > 2
        accept(bench, release)
        await bench.state("accepted")

    run(bench, what)


@pytest.mark.parametrize("moment", ["pieces", "reply", "parts of the reply"])
def test_after_a_crash_a_large_update_goes_on_where_it_was(tmp_path: Path, moment: str) -> None:
    bench = large(Bench(tmp_path))
    wire = bench.wire

    async def what() -> None:
        if moment == "pieces":
            wire.between = lambda: setattr(wire, "down", len(wire.offered) == 2)
        elif moment == "reply":
            wire.ended.add(1)
        else:
            wire.drop_after = 1
        wire.ask()
        release = await bench.state("uploading")
        reached = {
            "pieces": lambda: wire.down,
            "reply": lambda: len(wire.spool) == release.size_bytes and bench.one._orphans,
            "parts of the reply": lambda: wire.drop_after == 0,
        }
        await bench.until(reached[moment], "the fault")
        await bench.crash()
        wire.between, wire.down, wire.drop_after = (lambda: None), False, None
        wire.ended.clear()
        release = await bench.state("sent")
        assert wire.offered == sorted(set(wire.offered)), "no piece went up twice"
        assert len(wire.announced) == 1
        assert [object_id for _, object_id in wire.pushed] == ["a", "b", "c"]
        assert (bench.charges(), bench.starts(release)) == (1, 1)

    run(bench, what)


def test_a_large_update_stops_between_two_pieces_when_the_network_becomes_metered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(participations, "SEND_RETRY_S", 0.1)
    monkeypatch.setattr(sending, "TICK_S", 0.0)
    bench, metered = large(Bench(tmp_path)), [False]
    bench.house.governor._read = lambda week: Readings(now=time.time(), week_seconds=week, metered=metered[0])
    bench.wire.between = lambda: metered.__setitem__(0, len(bench.wire.offered) == 2)

    async def what() -> None:
        bench.wire.ask()
        await bench.until(lambda: metered[0], "the second piece")
        await asyncio.sleep(0.4)
        assert len(bench.wire.offered) == 2
        assert bench.wire.announced == []
        metered[0] = False
        release = await bench.state("sent")
        assert bench.wire.offered == list(range(0, release.size_bytes, 300_000))

    run(bench, what)


def test_a_large_update_that_nobody_waits_for_is_still_answered_for(tmp_path: Path) -> None:
    bench = large(Bench(tmp_path))
    bench.wire.waited_for, bench.wire.late = False, True

    async def what() -> None:
        bench.wire.ask()
        assert "closed the round" in (await bench.state("late")).reason
        assert bench.wire.offered == []

    run(bench, what)


def test_a_second_question_outlives_a_crash(tmp_path: Path) -> None:
    """It is taken over at once and answered when its turn comes; the engine may end in between."""
    bench = large(Bench(tmp_path))

    async def what() -> None:
        bench.wire.ask()
        release = await bench.state("sent")
        bench.wire.spool = bytearray()

        async def never(release: Release) -> Any:
            await asyncio.sleep(3_600)

        bench.one._sender.send = never  # type: ignore[method-assign]
        asked = bench.wire.ask(run=2)
        await bench.until(lambda: asked.message_id in bench.wire.confirmed, "the message to be taken over")
        await bench.crash()
        await bench.until(lambda: len(bench.wire.announced) == 2, "the second answer")
        assert bench.wire.announced[1][0] == asked.message_id
        accept(bench, release)
        await bench.state("accepted")

    run(bench, what)


def test_another_base_for_the_same_round_is_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        bench.wire.ask()
        release = await bench.state("sent")
        other = bench.wire.ask(base_hash="b" * 64)
        await bench.until(lambda: bench.wire.declined == [other.message_id], "a refusal")
        assert len(bench.wire.announced) == 1
        assert "already begun with other base weights" in bench.notices[-1].sentence.text
        accept(bench, release)
        await bench.state("accepted")

    run(bench, what)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"run_id": "b" * 32}, "another run"),
        ({"manifest_hash": "b" * 64}, "terms that it does not show"),
        ({"server_round": 4}, "more rounds than it said"),
        ({"local_steps": 2}, "another number of steps"),
        ({"local_steps": 4}, "another number of steps"),
        ({"base_bytes": 1 << 39}, "bytes of weights"),
        ({"kind": "evaluate"}, ""),
        ({"kind": "query"}, ""),
    ],
)
def test_what_was_not_consented_to_is_declined_and_nothing_begins(
    tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        delivery = bench.wire.ask(**changes)
        await bench.until(lambda: bench.wire.declined == [delivery.message_id], "a refusal")
        assert bench.house.ledger.open_releases() == []
        assert (bench.wire.fetched, bench.charges()) == (0, 0)
        assert sentence in (bench.notices[-1].sentence.text if bench.notices else "")

    run(bench, what)


def test_an_announcement_whose_answer_was_lost_is_not_taken_for_too_late(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.wire.swallows = True

    async def what() -> None:
        first = bench.wire.ask()
        await bench.until(lambda: len(bench.wire.announced) == 2, "the same announcement once more")
        await asyncio.sleep(0.3)
        kept = bench.release(1)
        assert kept is not None
        assert kept.state == "sealed", "it waits to be asked again"
        await bench.crash()
        await bench.until(lambda: len(bench.wire.announced) == 3, "one try of the next engine")
        again = bench.wire.ask()
        release = await bench.state("sent")
        assert [message_id for message_id, *_ in bench.wire.announced] == [first.message_id] * 3 + [again.message_id]
        assert len({payload for _, payload, *_ in bench.wire.announced}) == 1, "the same bytes each time"
        accept(bench, release)
        await bench.state("accepted")

    run(bench, what)


def other_terms(key: FederationKey = FEDERATION, **schedule: float) -> tuple[bytes, str]:
    """Signed terms with another schedule, and their hash."""
    changed = msgspec.structs.replace(CONFIG, schedule=msgspec.structs.replace(CONFIG.schedule, **schedule))
    envelope = seal_manifest(changed, key)
    return envelope, open_manifest(envelope, key.public_bytes).sha256


def test_tighter_terms_are_taken_on_and_outlive_a_restart(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.wire.served, tighter = other_terms(rounds=2)

    async def what() -> None:
        bench.wire.ask(manifest_hash=tighter)
        release = await bench.state("sent")
        assert release.attributes.manifest_hash == tighter
        assert any(notice.sentence.code == "terms_tighter" for notice in bench.notices)
        await bench.crash()
        assert bench.one.member.row.manifest_hash == tighter
        assert bench.one.member.config.schedule.rounds == 2

    run(bench, what)


@pytest.mark.parametrize(
    ("schedule", "key", "sentence"),
    [
        ({"rounds": 9}, FEDERATION, "schedule.rounds was 3 and is 9 now"),
        ({"rounds": 2}, FederationKey.generate(), "not signed with the key"),
    ],
    ids=["looser", "signed by another"],
)
def test_looser_or_forged_terms_need_new_consent_and_change_nothing(
    tmp_path: Path, schedule: dict[str, float], key: FederationKey, sentence: str
) -> None:
    bench = Bench(tmp_path)
    bench.wire.served, other = other_terms(key, **schedule)

    async def what() -> None:
        delivery = bench.wire.ask(manifest_hash=other)
        await bench.until(lambda: bench.wire.declined == [delivery.message_id], "a refusal")
        assert sentence in bench.notices[-1].sentence.text
        assert (bench.wire.fetched, bench.charges()) == (0, 0)
        assert bench.one.member.row.manifest_hash == MANIFEST_HASH
        bench.wire.ask(server_round=2)
        await bench.state("sent", server_round=2)

    run(bench, what)


def test_an_instruction_that_is_no_instruction_is_declined(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        delivery = bench.wire.ask()
        bench.wire.records[delivery.message_id] = {"surprise": 1}
        await bench.until(lambda: bench.wire.declined == [delivery.message_id], "a refusal")
        assert "instruction was refused" in bench.notices[-1].sentence.text

    run(bench, what)


def test_older_rounds_are_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        bench.wire.ask(2)
        await bench.state("sent", server_round=2)
        old = bench.wire.ask(1)
        await bench.until(lambda: bench.wire.declined == [old.message_id], "a refusal")
        assert bench.release(1) is None
        assert "asked for round 1 after round 2" in bench.notices[-1].sentence.text

    run(bench, what)


def test_without_budget_nothing_is_downloaded_or_trained(tmp_path: Path) -> None:
    bench = Bench(tmp_path, plan=msgspec.structs.replace(PLAN, epsilon_limit=0.01))

    async def what() -> None:
        assert bench.one.exhausted
        delivery = bench.wire.ask()
        release = await bench.state("abandoned")
        await bench.until(lambda: bench.wire.declined == [delivery.message_id], "a refusal")
        assert (bench.wire.fetched, bench.charges(), bench.starts(release)) == (0, 0, 0)
        assert "no room for another round" in bench.notices[-1].sentence.text

    run(bench, what)


def test_a_floor_that_rose_after_joining_stops_the_rounds_before_anything_is_fetched(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.house.config.set("floor_unit", "document")

    async def what() -> None:
        delivery = bench.wire.ask()
        release = await bench.state("abandoned")
        await bench.until(lambda: bench.wire.declined == [delivery.message_id], "a refusal")
        assert (bench.wire.fetched, bench.charges(), bench.starts(release)) == (0, 0, 0)
        assert "your floor asks for the unit document" in bench.notices[-1].sentence.text
        told = len(bench.notices)
        again = bench.wire.ask(server_round=2)
        await bench.until(lambda: again.message_id in bench.wire.declined, "a second refusal")
        assert len(bench.notices) == told, "it is a state now, not another notice each round"

    run(bench, what)


def test_a_round_that_is_over_is_not_begun(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        bench.wire.ask(deadline_at=time.time() - 1)
        await bench.state("abandoned")
        assert bench.charges() == 0

    run(bench, what)


@pytest.mark.parametrize("moment", ["inbox", "upload"])
def test_after_a_crash_everything_goes_on_where_it_was(tmp_path: Path, moment: str) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        if moment == "inbox":
            bench.wire.down = True
            bench.wire.ask()
            await bench.until(lambda: not bench.wire.waiting, "the message to be handed over")
            await bench.crash()
            bench.wire.down = False
            release = await bench.state("sent")
            assert len(bench.wire.announced) == 1
        else:
            bench.wire.drop_after = 1
            bench.wire.ask()
            release = await bench.state("uploading")
            await bench.until(lambda: bench.wire.drop_after == 0, "a cut line")
            await bench.crash()
            bench.wire.drop_after = None
            release = await bench.state("sent")
            assert len(bench.wire.announced) == 1, "the same session goes on"
            assert bench.wire.pushed == [("s1", "a"), ("s1", "b"), ("s1", "c")]
        assert (bench.charges(), bench.starts(release)) == (1, 1)

    run(bench, what)


def test_a_run_that_ended_keeps_the_update_for_the_next_message(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        bench.wire.ended.add(1)
        bench.wire.ask()
        sealed = await bench.state("sealed")
        await asyncio.sleep(0.3)
        assert bench.wire.announced == []
        bench.wire.ask(run=2)
        sent = await bench.state("sent")
        assert sent.sha256 == sealed.sha256
        assert (bench.charges(), bench.starts(sent)) == (1, 1)

    run(bench, what)


def test_an_update_nobody_asks_for_again_is_late_once_a_later_round_comes(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        bench.wire.ended.add(1)
        bench.wire.ask()
        await bench.state("sealed")
        bench.wire.ask(2, run=2)
        await bench.state("sent", server_round=2)
        assert (await bench.state("late")).reason
        assert bench.charges() == 2

    run(bench, what)


def test_somebody_else_at_the_address_costs_no_finished_update(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    announce, seen = bench.wire.announce, []

    async def elsewhere(*arguments: Any) -> Session:
        seen.append(1)
        if len(seen) == 1:
            raise WrongServer("The server is not the coordinator of this invite.")
        return await announce(*arguments)

    bench.wire.announce = elsewhere  # type: ignore[method-assign]

    async def what() -> None:
        bench.wire.ask()
        release = await bench.state("sent")
        assert len(seen) == 2
        assert (bench.charges(), bench.starts(release)) == (1, 1)

    run(bench, what)


def test_the_next_round_is_trained_while_the_last_is_still_on_its_way(tmp_path: Path) -> None:
    """Where a federation closes rounds without waiting for everybody, a slow line costs the machine no time."""
    bench = Bench(tmp_path)
    line = asyncio.Event()
    push = bench.wire.push_next

    async def slowly(session: Session, payload: bytes) -> None:
        await line.wait()
        await push(session, payload)

    bench.wire.push_next = slowly  # type: ignore[method-assign]

    async def play() -> None:
        bench.wire.ask()
        one = bench.begin()
        await bench.state("uploading")
        bench.wire.ask(server_round=2)
        second = await bench.state("sealed", server_round=2)
        first = await bench.state("uploading")
        assert bench.house.board.progress is not None
        line.set()
        await bench.state("sent")
        await bench.state("sent", server_round=2)
        assert [seal["update_sha256"] for *_, seal in bench.wire.announced] == [first.sha256, second.sha256]
        assert bench.charges() == 2
        await one.stop()

    asyncio.run(play())


def test_a_coordinator_under_a_crowd_is_asked_less_often(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    pulls: list[float] = []
    pull = bench.wire.pull

    async def noted() -> Delivery | None:
        pulls.append(time.monotonic())
        return await pull()

    bench.wire.pull = noted  # type: ignore[method-assign]

    async def play() -> None:
        one = bench.one
        await bench.until(lambda: len(pulls) > 5, "a few questions")
        one.member.transport.poll_s = 1.0
        await asyncio.sleep(0.2)
        before = len(pulls)
        await asyncio.sleep(2.2)
        assert 1 <= len(pulls) - before <= 4

    run(bench, play)


def test_too_late_is_said(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.wire.late = True

    async def what() -> None:
        bench.wire.ask()
        release = await bench.state("late")
        assert "had closed the round" in release.reason
        assert bench.wire.pushed == []
        bench.wire.late = False
        bench.wire.ask(run=2)
        await bench.until(lambda: len(bench.wire.pushed) == 3, "the same bytes")
        accept(bench, release)
        await bench.state("accepted")

    run(bench, what)


def test_a_refused_update_says_why(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        bench.wire.ask()
        accept(bench, await bench.state("sent"), "refused")
        assert (await bench.state("refused")).reason == "because"
        assert "did not take the update of round 1: because" in bench.notices[-1].sentence.text

    run(bench, what)


def test_a_trainer_that_dies_is_started_again_for_one_charge(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "dies")

    async def what() -> None:
        bench.wire.ask()
        release = await bench.state("sent")
        assert (bench.starts(release), bench.charges()) == (3, 1)
        assert any("signal SIGKILL" in notice.sentence.text for notice in bench.notices)

    run(bench, what)


@pytest.mark.parametrize(
    ("mode", "sentence"), [("hangs", "did nothing for 0 seconds"), ("boasts", "more steps than there are")]
)
def test_a_trainer_that_hangs_or_boasts_is_ended_and_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, sentence: str
) -> None:
    monkeypatch.setattr(rounds, "_hang_after_s", lambda _: 0.4)
    bench = Bench(tmp_path, mode)

    async def what() -> None:
        bench.wire.ask()
        release = await bench.state("sent")
        assert (bench.starts(release), bench.charges()) == (2, 1)
        assert any(sentence in notice.sentence.text for notice in bench.notices)

    run(bench, what)


def test_a_trainer_that_always_dies_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(participations, "MAX_DEATHS", 2)
    bench = Bench(tmp_path, "always dies")

    async def what() -> None:
        delivery = bench.wire.ask()
        await bench.state("abandoned")
        await bench.until(lambda: bench.wire.declined == [delivery.message_id], "a refusal")
        assert bench.charges() == 1, "what was charged stays charged"

    run(bench, what)


@pytest.mark.parametrize(
    ("mode", "sentence", "charged"),
    [
        ("quiet", "did not do what was charged for", 1),
        ("greedy", "another charge than you consented to", 0),
        ("open", "could not be locked down", 0),
    ],
)
def test_a_trainer_that_misbehaves_sends_nothing(tmp_path: Path, mode: str, sentence: str, charged: int) -> None:
    bench = Bench(tmp_path, mode)

    async def what() -> None:
        bench.wire.ask()
        await bench.state("abandoned")
        assert (bench.wire.announced, bench.charges()) == ([], charged)
        assert sentence in bench.notices[-1].sentence.text

    run(bench, what)


def test_pause_during_training_and_resume(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "slow")

    async def what() -> None:
        bench.wire.ask()

        def training() -> bool:
            progress = bench.house.board.progress
            return progress is not None and progress.step == 2

        await bench.until(training, "training")
        before = time.monotonic()
        bench.house.config.set_presence(Presence(paused=True))
        bench.house.governor.reconsider()
        await bench.house.governor.settled()
        assert time.monotonic() - before <= 1.0
        await asyncio.sleep(0.3)
        release = bench.release()
        assert release is not None
        assert (release.state, bench.starts(release)) == ("training", 1)
        bench.house.config.set_presence(Presence())
        bench.house.governor.reconsider()
        bench.one.kick()
        release = await bench.state("sent")
        assert (bench.starts(release), bench.charges()) == (2, 1)

    run(bench, what)


def weigh(bench: Bench, weight: float) -> None:
    """As the engine does when the owner says what the federation weighs."""
    bench.house.ledger.set_weight(bench.one.member.row.federation_id, weight)
    bench.house.governor.reconsider()
    bench.one.kick()


def test_one_that_rests_is_asked_nothing_until_it_weighs_something(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        weigh(bench, 0.0)
        await asyncio.sleep(0.3)
        delivery = bench.wire.ask()
        await asyncio.sleep(0.6)
        assert bench.wire.waiting == [delivery], "offline to the coordinator, so that no round waits for it"
        weigh(bench, 1.0)
        await bench.state("sent")

    run(bench, what)


def test_a_round_begun_before_it_rested_is_finished_and_the_next_is_declined(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "slow")

    async def what() -> None:
        bench.wire.ask()
        await bench.until(lambda: (now := bench.house.board.progress) is not None and now.step == 2, "training")
        weigh(bench, 0.0)
        await bench.house.governor.settled()
        bench.house.config.set_presence(Presence(paused=True))
        bench.house.governor.reconsider()
        await bench.house.governor.settled()
        bench.wire.ask(2)
        bench.house.config.set_presence(Presence())
        bench.house.governor.reconsider()
        bench.one.kick()
        release = await bench.state("sent")
        assert (bench.starts(release), bench.charges()) == (2, 1), "over a pause too"
        declined = await bench.state("abandoned", server_round=2)
        assert "share of this federation to 0" in declined.reason
        assert len(bench.wire.declined) == 1
        assert not [notice for notice in bench.notices if notice.level == "error"], "the owner knows"
        assert bench.charges() == 1

    run(bench, what)


def test_the_next_round_is_expected_where_there_is_one(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    expected: list[str] = []
    bench.house.governor.expect = expected.append  # type: ignore[method-assign]

    async def what() -> None:
        mine = bench.one.member.row.federation_id
        for number in range(1, CONFIG.schedule.rounds + 1):
            bench.wire.ask(number)
            accept(bench, await bench.state("sent", server_round=number))
            await bench.state("accepted", server_round=number)
        assert expected == [mine] * (CONFIG.schedule.rounds - 1), "after the last one nothing comes"

    run(bench, what)


def test_on_a_metered_network_a_finished_update_waits_and_no_round_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(participations, "SEND_RETRY_S", 0.1)
    bench, metered = Bench(tmp_path), [False]
    bench.house.governor._read = lambda week: Readings(now=time.time(), week_seconds=week, metered=metered[0])

    async def what() -> None:
        bench.wire.ask()
        await bench.state("training")
        metered[0] = True
        release = await bench.state("sealed")
        bench.wire.ask(server_round=2)
        await bench.state("assigned", server_round=2)
        await asyncio.sleep(0.4)
        assert (release.state, bench.wire.announced) == ("sealed", [])
        governor, board = bench.house.governor, bench.house.board
        facts = Facts(decision=governor.decision, federations=[MOOR], progress=board.progress)
        assert standing(facts).why.text.startswith(
            "The network is metered, so no round begins. A finished update is kept"
        )
        metered[0] = False
        await bench.state("sent")
        await bench.state("sent", server_round=2)

    run(bench, what)


def test_a_round_goes_on_with_the_shards_and_weights_it_began_with(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "slow")
    ledger, corpus = bench.house.ledger, bench.corpus
    old = ledger.corpus(corpus).facts.shards[0]

    async def what() -> None:
        bench.wire.ask()
        await bench.until(lambda: (now := bench.house.board.progress) is not None and now.step == 2, "training")
        newer = tmp_path / "newer.shard"
        newer.write_bytes(b"")
        ledger.update_corpus(corpus, shards=(msgspec.structs.replace(old, path=str(newer)),))
        ledger.choose(corpus, Choice(weight=5.0))
        bench.house.config.set_presence(Presence(paused=True))
        bench.house.governor.reconsider()
        await bench.house.governor.settled()
        bench.house.config.set_presence(Presence())
        bench.house.governor.reconsider()
        bench.one.kick()
        release = await bench.state("sent")
        folder = bench.house.home / "rounds" / str(release.release_id)
        assert (folder / "shards").read_text().splitlines() == [f"{old.path}*1.0"] * 2
        assert bench.charges() == 1
        accept(bench, release)
        await bench.state("accepted")
        bench.wire.ask(2)
        release = await bench.state("sent", server_round=2)
        folder = bench.house.home / "rounds" / str(release.release_id)
        assert (folder / "shards").read_text() == f"{newer}*5.0\n", "the next round takes the next generation"

    run(bench, what)


def test_removed_text_is_not_trained_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.house.ledger.remove_corpus(bench.corpus)

    async def what() -> None:
        bench.wire.ask()
        await bench.state("abandoned")
        assert (bench.charges(), bench.wire.announced) == (0, [])

    run(bench, what)


def test_vanished_text_waits_and_goes_on_when_it_is_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    folder = tmp_path / "text-cccc"
    folder.rmdir()

    async def what() -> None:
        bench.wire.ask()
        await bench.state("assigned")
        await asyncio.sleep(0.3)
        assert bench.house.corpora.infos()[0].state == "missing"
        assert bench.wire.fetched == 0
        os.mkdir(folder)
        await bench.state("sent")

    run(bench, what)


def test_a_damaged_sealed_file_is_never_sent(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        bench.wire.ended.add(1)
        bench.wire.ask()
        release = await bench.state("sealed")
        Path(release.path).write_bytes(b"rotten" * 100)  # noqa: ASYNC240
        bench.wire.ask(run=2)
        await bench.state("abandoned")
        assert bench.wire.announced == []

    run(bench, what)


def test_old_sealed_updates_are_reduced_to_hash_and_summary(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        bench.wire.ask()
        accept(bench, await bench.state("sent"))
        done = await bench.state("accepted")
        assert vault.decrypt_file(done.path, KEY, rounds.SEALED_CONTEXT)
        leftovers.drop_old(bench.house.home, bench.house.ledger, 10.0)
        gone = await bench.state("accepted")
        assert (gone.path, gone.sha256) == ("", done.sha256)
        assert not (bench.house.home / "rounds" / str(done.release_id)).exists()

    run(bench, what)


def test_a_coordinator_that_lost_its_registrations_gives_a_new_node_id(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.wire.known = 8

    async def what() -> None:
        bench.wire.ask()
        await bench.state("sent")
        assert bench.house.ledger.federations()[0].node_id == 8
        assert bench.one.last_error == ""

    run(bench, what)


def test_a_key_that_is_gone_for_good_is_said(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.wire.known = 0

    async def what() -> None:
        await bench.until(lambda: bench.one.last_error == "This key has left.", "the sentence")
        assert not bench.one.unreachable

    run(bench, what)
