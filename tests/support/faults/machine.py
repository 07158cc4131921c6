"""A volunteer's whole machine in one process: the engine's code from message to receipt, and the trainer's own round.

Real are ledger, participation, round, sender, journal, trainer, checkpoints, mechanism, chain and seal. The trainer
runs on a thread that moves only while the engine listens to it, so operations come in one order. Text is an array, the
model has 7,000 values, and outside is ``world``.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import random
import shutil
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from support.faults.disk import Dead, Disk
from support.faults.world import Cost, Keyring, Terms, Wire, World
from support.joined import KEY, config
from support.tiny_round import SPEC, TOKENS, Windows

from core.api.errors import HedgerowError, StorageError
from core.config.exchange import CodecConfig
from core.config.learning import TrainingConfig
from core.config.privacy import PrivacyTerms
from core.coordinator.web import certificates
from core.engine import group, machine, rounds, slots, training_plans
from core.engine.board import Board
from core.engine.children import ChildDied
from core.engine.config_store import ConfigStore
from core.engine.corpora import Corpora
from core.engine.editions import Editions
from core.engine.governor import Governor
from core.engine.lock import prepare_home
from core.engine.membership import Membership
from core.engine.participation import Participation
from core.engine.plans import Plan
from core.engine.room import Room
from core.engine.service import KeystoreAnchor
from core.engine.work import MachineWork
from core.federation import invite as invites
from core.federation.identity import FederationKey, NodeKey, federation_id
from core.federation.invite import Invite
from core.federation.manifest import open_manifest, seal_manifest
from core.hardware.limits import Readings
from core.jobs import Down, DPRecord, Grant, Job, Ready, ShardRef, TrainingPlan, TrainJob
from core.ledger.rows import FederationRow
from core.ledger.store import Ledger
from core.model.checkpoint_io import encode_weights
from core.model.initialise import seeded_weights
from core.model.shard import parse_shard
from core.postprocess.base import build_chain
from core.postprocess.privacy.dp_sgd import add_noise, clipped_sum
from core.postprocess.privacy.gaussian import CsprngNormal
from core.training import round as training_round
from core.training.gradients import Gradients, PackedGradients
from core.training.private_gradients import PrivateGradients
from core.training.round import Rooms, TrainingRound
from core.training.state import RoundState
from core.update import ModelUpdate

ROUNDS = 2
STEPS = 2
CORPORA = ("a" * 32, "b" * 32)
MOST_TURNS = 40
_PLANS = {
    "record": {"sampling_prob": 0.1, "noise_multiplier": 1.0, "steps": STEPS, "relation": "zero-out"},
    "document": {"sampling_prob": 0.1, "noise_multiplier": 2.0, "steps": STEPS, "relation": "zero-out"},
    "corpus": {"sampling_prob": 1.0, "noise_multiplier": 4.0, "steps": 1, "relation": "replace-one"},
}


@dataclass(frozen=True)
class Scene:
    """A volunteer who has joined, once for all faults: a folder to copy, keys, terms, and what a round costs."""

    unit: str
    home: Path
    secrets: dict[str, bytes]
    terms: Terms
    cost: Cost
    head: str
    """The ledger's, in the keyring."""


def found(folder: Path, unit: str, *, large: bool = False) -> Scene:
    """Join, with two texts that share nothing.

    Args:
        folder: empty.
        unit: ``record``, ``document`` or ``corpus``.
        large: updates go up in pieces, before their reply.
    """
    home, key, node = folder / "home", FederationKey.generate(), NodeKey.generate()
    prepare_home(home)
    training = TrainingConfig(seq_len=8, batch_size=4, local_steps=STEPS, learning_rate=1e-2, decay_steps=40)
    terms = config(
        unit, rounds=ROUNDS, model=SPEC, training=training, codec=CodecConfig(name="int8"),  # type: ignore[arg-type]
        privacy=PrivacyTerms(unit=unit, relation=_PLANS[unit]["relation"], clip_norm=0.7),  # type: ignore[arg-type]
    )  # fmt: skip
    plan = Plan(
        unit=unit, units=40, clip_norm=0.7, rdp_per_step=(), epsilon_limit=8.0, epsilon_planned=1.0,  # type: ignore[arg-type]
        delta=1e-5, rounds_affordable=ROUNDS, **_PLANS[unit],  # type: ignore[arg-type]
    )  # fmt: skip
    root = certificates.cert_der(certificates.self_signed("root", certificates.new_key()))
    envelope = seal_manifest(terms, key)
    manifest_hash = open_manifest(envelope, key.public_bytes).sha256
    link = invites.encode(
        Invite(
            name="Moor", address="127.0.0.1:9", federation_key=key.public_bytes, root_certificate=root,
            token=b"t" * 16, expires_at=1,
        )
    )  # fmt: skip
    lineages = set()
    with Ledger.open(home / "ledger.db", None) as ledger:
        for corpus_id in CORPORA:
            text, shard = folder / f"text-{corpus_id[0]}", folder / f"{corpus_id[0]}.shard"
            text.mkdir()
            shard.write_bytes(b"")
            ledger.add_corpus(corpus_id, f"Notes {corpus_id[0]}", (str(text),))
            lineages.add(ledger.bind_lineage(corpus_id, [hashlib.sha256(corpus_id.encode()).hexdigest()]))
            ref = ShardRef(path=str(shard), sha256=corpus_id[0] * 64, tokens=5_120, documents=40, text_bytes=9_000)
            ledger.update_corpus(corpus_id, records=40, documents=40, shards=(ref,), state="ready")
            for unit_of_budget in ("record", "document", "corpus"):
                ledger.set_budget(corpus_id, unit_of_budget, 8.0, 1e-5)
        ledger.save_federation(
            FederationRow(
                federation_id=federation_id(key.public_bytes), name="Moor", operator="o", address="127.0.0.1:9",
                invite=link, federation_key=key.public_bytes, root_certificate=base64.b64encode(root).decode(),
                manifest=envelope, manifest_hash=manifest_hash, run_id="a" * 32, node_id=7, key_name="node",
                joined_at=1.0, plans={corpus_id: msgspec.to_builtins(plan) for corpus_id in CORPORA},
            )
        )  # fmt: skip
        head = ledger.head().encode().hex()
    if large:
        ConfigStore(home / "config.toml").set("message_update_mb", "0")
    bases = {number: encode_weights(seeded_weights(SPEC, number)) for number in range(1, ROUNDS + 1)}
    values = _PLANS[unit]
    return Scene(
        unit=unit, home=home, secrets={"node": node.to_pem()}, head=head,
        terms=Terms(manifest_hash=manifest_hash, run_id="a" * 32, rounds=ROUNDS, local_steps=STEPS, bases=bases),
        cost=Cost(unit, values["noise_multiplier"], values["sampling_prob"], values["steps"], frozenset(lineages)),  # type: ignore[arg-type]
    )  # fmt: skip


class Trainer:
    """The trainer's thread, in the place of the engine's child; it moves only between two of the engine's questions."""

    pids = (0,)
    paused_by_us = False

    def __init__(self, job: TrainJob, key: bytes, disk: Disk, world: World, changed: bool) -> None:
        self._disk, self._world, self._tokens = disk, world, TOKENS
        self._job = msgspec.structs.replace(job, checkpoint_interval_s=0.0)
        if changed:
            self._tokens = TOKENS[::-1].copy()
            shards = [msgspec.structs.replace(shard, sha256="c" * 64) for shard in job.corpora[0].shards]
            corpora = (msgspec.structs.replace(job.corpora[0], shards=tuple(shards)), *job.corpora[1:])
            self._job = msgspec.structs.replace(self._job, corpora=corpora)
        self._go, self._said = threading.Semaphore(0), threading.Semaphore(0)
        self._message: Job | None = None
        self._ended: BaseException | None = None
        self._grant = 0
        self._thread = threading.Thread(target=self._run, args=(key,), daemon=True)
        self._thread.start()

    # What the engine does with a child

    async def messages(self) -> AsyncIterator[Job]:
        """Everything the trainer says; raises as the engine's child does."""
        yield Ready(sandbox="seccomp", pid=0)
        while (message := self._next()) is not None:
            yield message
        if isinstance(self._ended, HedgerowError):
            raise self._ended
        if self._ended is not None:
            raise ChildDied("The worker ended unexpectedly.", "It is started again.") from self._ended

    def _next(self) -> Job | None:
        self._message = None
        self._go.release()
        assert self._said.acquire(timeout=60), "the trainer hangs"
        if self._disk.dead:
            raise Dead
        if self._message is not None:
            self._disk.point(f"hear {type(self._message).__name__}")
        return self._message

    async def send(self, message: Down) -> None:
        """Only an answer to a charge is ever sent here."""
        self._disk.point(f"say {type(message).__name__}")
        if isinstance(message, Grant):
            self._grant = message.charge_id

    async def kill(self) -> None:
        """End the thread at its next operation or word, at once for the engine."""
        if self._thread.is_alive():
            self._disk.trainer_dead = True
            self._go.release()
            self._thread.join(60)
        self._disk.trainer_dead, self._disk.trainer = self._disk.dead, 0

    # What the round does with its engine

    def _run(self, key: bytes) -> None:
        self._go.acquire()
        self._disk.trainer = threading.get_ident()
        try:
            self._disk.point("begin")
            TrainingRound(self._job, key, _Channel(self), self._rooms()).run()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the engine hears of it
            self._ended = error
        self._message = None
        self._said.release()

    def send_up(self, message: Job) -> None:
        """Say it, and wait until the engine asks for more."""
        self._disk.point(f"say {type(message).__name__}")
        self._message = message
        self._said.release()
        self._go.acquire()
        self._disk.point("go on")

    def wait_for_grant(self) -> int:
        """The engine has answered by now, or it never will."""
        if not self._grant:
            raise ChildDied("No grant came.")
        return self._grant

    def _rooms(self) -> Rooms:
        job, plan, world = self._job, self._job.privacy, self._world
        number = job.server_round

        def gradients(state: RoundState) -> Gradients:
            if plan.per_example:
                return _Witnessed(world, number, plan, job.training.batch_size, self._tokens)
            return PackedGradients(Windows(state.stream), job.training.batch_size, TrainingPlan(micro_batch=4), 1.0)

        def encode(update: ModelUpdate, record: DPRecord | None) -> tuple[bytes, DPRecord | None]:
            noise = CsprngNormal(world.key()) if plan.unit == "corpus" else None
            learning = parse_shard(job.model, job.shard).size()
            payload, metrics = build_chain(plan, job.codec, learning).encode(update, record, noise)
            if plan.unit == "corpus":
                record = DPRecord(
                    unit="corpus", steps=1, sampling_prob=1.0, clip_norm=plan.clip_norm,
                    noise_multiplier=plan.noise_multiplier, noise_draws=int(metrics["noise_draws"]),
                    noise_energy=metrics["noise_energy"],
                )  # fmt: skip
            return payload, record

        return Rooms(
            byte_lengths=np.ones(256, np.int32), held_out=lambda: [TOKENS[:9]], gradients=gradients, encode=encode,
            fresh_key=world.key,
        )  # fmt: skip


class _Channel:
    """The trainer's side of it."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self.send = trainer.send_up
        self.wait_for_grant = trainer.wait_for_grant

    def check_pause(self) -> None:
        """Nobody pauses here."""


class _Witnessed(PrivateGradients):
    """DP-SGD as it is, with the witness looking on: what was drawn, and what the noise was."""

    def __init__(self, world: World, server_round: int, plan: Any, batch_size: int, tokens: Any) -> None:
        self._world, self._round, self._step, self._tokens = world, server_round, 0, tokens
        super().__init__(self, plan, batch_size, clipped_sum, self._noised, CsprngNormal)

    def compute(self, model: Any, state: RoundState, pulse: Any) -> Any:
        self._step = state.step
        return super().compute(model, state, pulse)

    def draw(self, source: Any) -> Sequence[Any]:
        """40 records of 9 tokens, each drawn with the plan's probability."""
        chances = source.uniform(40)
        self._world.note("draw", self._round, self._step, hashlib.sha256(chances.tobytes()).hexdigest())
        return [self._tokens[i * 16 : i * 16 + 9] for i in np.flatnonzero(chances < self.plan.sampling_prob)]

    def _noised(self, sums: Sequence[Any], clip_norm: float, noise_multiplier: float, source: Any) -> tuple[int, float]:
        drawn = add_noise(sums, clip_norm, noise_multiplier, source)
        raw = b"".join(part.numpy().tobytes() for part in sums)
        self._world.note("noise", self._round, self._step, hashlib.sha256(raw).hexdigest())
        return drawn


Connect = Callable[[Path], Any]


@contextlib.contextmanager
def small_world(world: World, disk: Disk, changed: bool = False) -> Iterator[None]:
    """Put the thread in the trainer's place, and leave out what asks the hardware or only waits."""

    async def start(job: TrainJob, *, key: bytes, **_: object) -> Trainer:
        disk.point("start the trainer")
        return Trainer(job, key, disk, world, changed)

    async def no_plan(*_: object) -> None:
        return None

    @contextlib.asynccontextmanager
    async def no_meter(*_: object) -> AsyncIterator[_NoMeter]:
        yield _NoMeter()

    replaced: list[tuple[Any, str, Any]] = [
        (group, "start", start),
        (machine, "choose_devices", lambda limits: ("cpu",)),
        (machine, "strategy", lambda config, devices: ""),
        (training_plans.TrainingPlans, "plan_for", no_plan),
        (training_plans.TrainingPlans, "improve", no_plan),
        (rounds, "metering", no_meter),
        (slots, "opens_in", lambda *_: 0.0),
        (training_round, "_WRITE_SHARE", 1e9),
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in replaced]
    for owner, name, value in replaced:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


class _NoMeter:
    def energy_wh(self) -> tuple[float, bool]:
        return 0.0, False


@dataclass
class Life:
    """One life of the engine, from its start to the end of all rounds, or to a fault."""

    scene: Scene
    world: World
    disk: Disk
    again: bool = False
    until: int = ROUNDS
    """The last round of interest."""
    changed: bool = False
    """The text is another one than the lives before had."""
    connector: Connect | None = None
    refusals: list[str] = field(default_factory=list)
    """Every sentence the engine had to say about a failure."""
    surprises: list[str] = field(default_factory=list)
    """What was no sentence."""
    rolled_back: bool = False
    finished: bool = False

    def run(self) -> bool:
        """Live; whether all rounds are over. ``False`` where the machine died."""
        if not self.world.of("keyring"):
            self.world.note("keyring", value=self.scene.head)
        with small_world(self.world, self.disk, self.changed), self.disk.watching():
            try:
                asyncio.run(self._live())
            except HedgerowError as error:  # the engine did not even start
                self.refusals.append(str(error))
            except Dead:
                assert self.disk.dead, "only the machine's death ends a life"
        self.finished = self.finished and not self.disk.dead
        return self.finished

    async def _live(self) -> None:
        home, disk = self.disk.root, self.disk
        keyring = Keyring(self.world, disk, self.scene.secrets)
        prepare_home(home)
        config = ConfigStore(home / "config.toml")
        ledger = Ledger.open(
            home / "ledger.db",
            KeystoreAnchor(keyring),
            clock=lambda: time.time(),
            connector=self.connector or disk.connect,
        )
        try:
            self.rolled_back = ledger.rolled_back
            board = Board(home / "series.enc", KEY)
            corpora = Corpora(home, ledger, KEY, config, board)
            governor = Governor(config, ledger, lambda week: Readings(now=time.time(), week_seconds=week))
            governor.problem = ledger.rolled_back or bool(ledger.damage)
            editions = Editions(home, KEY, corpora)
            room = Room(home, ledger, config, KEY, board, corpora, governor, editions)
            board.publish = lambda notice: self.refusals.append(notice.sentence.text)
            (row,) = ledger.federations()
            member = Membership(row, keyring)
            wire = Wire(self.world, disk, self.scene.terms, self.again)
            member.fleet = member.gateway = wire  # type: ignore[assignment]
            one = Participation(room, member, MachineWork(room, member))
            one.count_budget()
            one._again = {release.release_id for release in one._unanswered()}
            patience_s = 0.1 if governor.problem else 60.0  # then whoever wants to train waits for ever
            for _ in range(6 if governor.problem else MOST_TURNS):
                await self._turn(one, ledger, wire, patience_s)
                over = self.world.current > self.until and not any(r.server_round <= self.until for r in one._open())
                if over and not one._again:
                    self.finished = True
                    break
            await member.close()
        finally:
            if disk.dead:
                disk.off = True  # what is left of this process may close its files; they are looked at no more
            ledger.close()

    async def _turn(self, one: Participation, ledger: Ledger, wire: Wire, patience_s: float) -> None:
        """What the loops of a participation do, one after the other; they too go on after whatever fails."""
        try:
            await one._exchange()
        except HedgerowError as error:
            self.refusals.append(str(error))
        except Exception as error:  # noqa: BLE001
            self.surprises.append(repr(error))
        try:
            for pick in (one._to_train, one._to_send):
                release = pick()
                if release is not None:
                    async with asyncio.timeout(patience_s):
                        await one._advance(release)
        except TimeoutError:
            self.refusals.append("It waits.")
        except StorageError as error:
            self.refusals.append(str(error))
        except Exception as error:  # noqa: BLE001
            self.surprises.append(repr(error))
        newest = [r for r in (*ledger.open_releases(), *_ended(ledger)) if r.server_round == self.world.current]
        if newest and newest[-1].state in ("abandoned", "late", "refused"):
            wire.next_round()


def _ended(ledger: Ledger) -> list[Any]:
    rows = ledger._db.rows("SELECT release_id FROM releases ORDER BY release_id")
    return [ledger.release(row[0]) for row in rows]


def rebooted(disk: Disk, target: Path, world: World, dice: random.Random, *, power: bool) -> int:
    """What the next life finds; how many operations a power cut took back."""
    target.mkdir()
    if not power:
        shutil.copytree(disk.root, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*-shm"))
        return 0
    lost = disk.after_power_cut(target, dice)
    heads = world.of("keyring")
    if len(heads) > 1 and dice.random() < 0.3:
        world.note("keyring", value=heads[-2].value)  # a keyring may have a cache too
    return lost
