"""What every ledger test needs: an anchor in memory, a joined federation, a corpus with a budget, mechanisms."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from core.ledger.rows import EventSpec, FederationRow, Release, ReleaseAttributes
from core.ledger.store import Ledger

RUN = "ab" * 16
RECORD = EventSpec("sampled_gaussian", 1.0, 0.01, 20, "zero-out", "record")
DOCUMENT = EventSpec("sampled_gaussian", 1.0, 0.01, 20, "zero-out", "document")
CORPUS = EventSpec("gaussian", 4.0, 1.0, 1, "replace-one", "corpus")
NONE = EventSpec("none", 0.0, 0.0, 0, "none", "none")


class Memory:
    """An anchor that outlives the ledger file; ``broken`` makes it refuse."""

    def __init__(self, head: bytes | None = None) -> None:
        self.head = head
        self.writes = 0
        self.broken: Exception | None = None

    def read(self) -> bytes | None:
        return self.head

    def write(self, head: bytes) -> None:
        if self.broken:
            raise self.broken
        self.head = head
        self.writes += 1


def digest(text: str) -> str:
    """The keyed digest of a document, without the key."""
    return hashlib.sha256(text.encode()).hexdigest()


def digests(texts: Iterable[str]) -> list[str]:
    return [digest(text) for text in texts]


def federation(federation_id: str = "fed", **changes: Any) -> FederationRow:
    content: dict[str, Any] = {
        "federation_id": federation_id, "name": f"The {federation_id}", "operator": "Somebody", "address": "a:1",
        "invite": "hedgerow://join?x", "federation_key": b"k" * 32, "root_certificate": "PEM", "manifest": b"{}",
        "manifest_hash": "f" * 64, "run_id": RUN, "node_id": 2**64 - 1, "key_name": "node-fed", "joined_at": 1.0,
    }  # fmt: skip
    return FederationRow(**(content | changes))


def attributes(*corpora: str, base: str = "b") -> ReleaseAttributes:
    return ReleaseAttributes(base * 64, "full", corpora or ("c1",), "f" * 64)


def prepared(path: Path, anchor: Memory | None = None, *, epsilon: float = 8.0, **options: Any) -> Ledger:
    """A ledger with one federation and one corpus ``c1`` with budgets for record and corpus."""
    ledger = Ledger.open(path, anchor, **options)
    if not ledger.federations():
        ledger.save_federation(federation())
        add_corpus(ledger, "c1", ["one", "two"], epsilon)
    return ledger


def add_corpus(ledger: Ledger, corpus_id: str, documents: Iterable[str], epsilon: float = 8.0) -> int:
    ledger.add_corpus(corpus_id, f"Text {corpus_id}", [f"/text/{corpus_id}"])
    lineage = ledger.bind_lineage(corpus_id, digests(documents))
    for unit in ("record", "document", "corpus"):
        ledger.set_budget(corpus_id, unit, epsilon, 1e-5)
    return lineage


def begin(ledger: Ledger, server_round: int, *corpora: str) -> Release:
    return ledger.begin_release("fed", RUN, server_round, attributes(*corpora))


def charge(ledger: Ledger, server_round: int, spec: EventSpec = RECORD, *corpora: str) -> int:
    """Begin and charge a round for all named corpora (``c1`` by default)."""
    corpora = corpora or ("c1",)
    return ledger.charge(begin(ledger, server_round, *corpora).release_id, [(corpus, spec) for corpus in corpora])


def seal(ledger: Ledger, server_round: int, spec: EventSpec = RECORD) -> Release:
    """Begin, charge and seal a round with bytes that belong to it."""
    charge(ledger, server_round, spec)
    return ledger.seal(begin(ledger, server_round).release_id, f"{server_round:064x}", 1_000, 4_000, "/sealed")
