"""A federation's offline parts for engine tests: keys, manifest, invite, a home with text, and a scripted trainer."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from support.children import interpreter
from support.https import Site

from core.api.messages.federations import CorpusChoice, TermsView
from core.config.base import UnitOfPrivacy
from core.config.exchange import CodecConfig, ScheduleConfig
from core.config.federation import FederationConfig
from core.config.model import TokenizerSpec
from core.config.privacy import PrivacyTerms
from core.data.builtin import BUILTIN
from core.engine.board import Board
from core.engine.config_store import ConfigStore
from core.engine.corpora import Corpora
from core.engine.editions import Editions
from core.engine.governor import Governor
from core.engine.joining import Registrar
from core.engine.lock import prepare_home
from core.engine.membership import Membership
from core.engine.plans import Planner
from core.engine.room import Room
from core.federation import invite as invites
from core.federation.identity import FederationKey, federation_id
from core.federation.invite import Invite
from core.federation.manifest import seal_manifest
from core.federation.protocol import EnrolAnswer
from core.hardware.limits import Readings
from core.jobs import ShardRef
from core.ledger.store import Ledger
from core.model.presets import preset
from core.model.recipes import default_training

KEY = bytes(range(32))
RELATION = {"record": "zero-out", "document": "zero-out", "corpus": "replace-one", "none": "none"}


def config(unit: UnitOfPrivacy = "record", rounds: int = 3, steps: int = 3, **changes: object) -> FederationConfig:
    """A small federation."""
    training = default_training("tiny", unit)
    values = {
        "run_id": "a" * 32,
        "name": "Moor",
        "operator": "An operator",
        "jurisdiction": "Nowhere",
        "purpose": "To test.",
        "licence": "Apache-2.0",
        "withdrawal": "Stays.",
        "seed": 1,
        "model": preset("tiny"),
        "tokenizer": TokenizerSpec(sha256=BUILTIN["hedgerow-4k"], origin="here"),
        "training": type(training)(
            **{
                **{f: getattr(training, f) for f in training.__struct_fields__},
                "seq_len": 128,
                "batch_size": 8,
                "local_steps": steps,
            }
        ),
        "privacy": PrivacyTerms(unit=unit, relation=RELATION[unit]),  # type: ignore[arg-type]
        "codec": CodecConfig(),
        "schedule": ScheduleConfig(rounds=rounds, cohort_size=1, quorum=1, deadline_s=5.0),
        **changes,
    }
    return FederationConfig(**values)  # type: ignore[arg-type]


class MemoryKeystore:
    """Secrets in memory, so that a test can look and take them away."""

    backend = "memory"
    changed_from = ""

    def __init__(self) -> None:
        self.secrets: dict[str, bytes] = {}

    def get(self, name: str) -> bytes | None:
        """The secret of that name."""
        return self.secrets.get(name)

    def set(self, name: str, value: bytes) -> None:
        """Keep a secret."""
        self.secrets[name] = value

    def delete(self, name: str) -> None:
        """Forget a secret."""
        self.secrets.pop(name, None)


@dataclass
class House:
    """One volunteer's home without the engine around it."""

    home: Path
    trainer: str = ""
    keystore: MemoryKeystore = field(default_factory=MemoryKeystore)

    def __post_init__(self) -> None:
        prepare_home(self.home)
        self.open()

    def open(self) -> None:
        """Open everything anew from what is on disk, as after a crash."""
        self.ledger = Ledger.open(self.home / "ledger.db", None)
        self.config = ConfigStore(self.home / "config.toml")
        if self.trainer:
            self.config.set("worker_interpreter", interpreter(self.home / "python", self.trainer))
        self.board = Board(self.home / "series.enc", KEY)
        self.corpora = Corpora(self.home, self.ledger, KEY, self.config, self.board)
        self.governor = Governor(self.config, self.ledger, lambda week: Readings(now=time.time(), week_seconds=week))
        self.planner = Planner("", self.home / "logs" / "planner.log")
        self.editions = Editions(self.home, KEY, self.corpora)
        self.registrar = Registrar(self.ledger, self.keystore, self.config, self.corpora, self.planner, self.editions)
        self.room = Room(
            self.home, self.ledger, self.config, KEY, self.board, self.corpora, self.governor, self.editions
        )

    def add_text(self, records: int = 2_000, corpus_id: str = "c" * 32, digest: str = "aa") -> str:
        """A corpus as if it had been read."""
        folder = self.home.parent / f"text-{corpus_id[:4]}"
        folder.mkdir(exist_ok=True)
        self.ledger.add_corpus(corpus_id, f"Notes {corpus_id[:2]}", (str(folder),))
        self.ledger.bind_lineage(corpus_id, [digest])
        shard = self.home / "store" / f"{corpus_id}.shard"
        shard.write_bytes(b"")
        ref = ShardRef(path=str(shard), sha256="0" * 64, tokens=records * 128, documents=9, text_bytes=records * 400)
        self.ledger.update_corpus(corpus_id, records=records, documents=9, shards=(ref,), state="ready")
        return corpus_id


@dataclass
class Host:
    """The coordinator's secrets and what it hands out."""

    site: Site
    config: FederationConfig
    key: FederationKey = field(default_factory=FederationKey.generate)

    def __post_init__(self) -> None:
        self.envelope = seal_manifest(self.config, self.key)
        self.site.give("GET", "/manifest", self.envelope)

    def invite(self, **changes: object) -> str:
        """A link."""
        values = {
            "name": "Moor",
            "address": self.site.address,
            "federation_key": self.key.public_bytes,
            "root_certificate": self.site.root,
            "token": b"t" * 16,
            "expires_at": int(time.time()) + 3_600,
            **changes,
        }
        return invites.encode(Invite(**values))  # type: ignore[arg-type]


def enrol(host: Host, status: int = 200) -> None:
    """Have the gateway enrol whoever asks."""
    answer = EnrolAnswer(node_id="7", federation_id=federation_id(host.key.public_bytes), run_id=host.config.run_id)
    host.site.give("POST", "/enrol", msgspec.json.encode(answer), status)


def terms(house: House, link: str, epsilon: float | None = 8.0) -> TermsView:
    """What the registrar shows before consent."""
    return asyncio.run(house.registrar.terms(link, epsilon))


def join(house: House, link: str, manifest_hash: str, *choices: CorpusChoice) -> Membership:
    """Consent to these terms."""

    async def main() -> Membership:
        member = await house.registrar.join(link, manifest_hash, choices)
        await member.close()
        return member

    return asyncio.run(main())
