"""Checking the books: the chain by itself, and the tables against what the chain says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec

from core.ledger.budget import BUDGET_UNITS, merged_limits
from core.ledger.charges import charge_content
from core.ledger.corpora import sketch
from core.ledger.database import Database
from core.ledger.entries import broken_links

_BATCH = 1_000


def problems(database: Database, *, documents: bool = True) -> list[str]:
    """Everything that does not add up, one sentence each; empty when all is well.

    Args:
        database: the ledger.
        documents: also check the document sketches, which takes long where there are millions.
    """
    replay = _Replay(database)
    with database.snapshot():  # entries and tables of one moment: another process may be writing
        found = list(broken_links(entries_of(database)))
        for seq, kind, body, _ in entries_of(database):
            try:
                replay.read(seq, kind, body)
            except (msgspec.MsgspecError, KeyError, TypeError, ValueError):
                found.append(f"entry {seq} ({kind}) cannot be read")
        found += replay.compare()
    if documents:
        found += replay.compare_documents()
    return found


def entries_of(database: Database) -> Iterator[tuple[int, str, bytes, bytes]]:
    """(seq, kind, body, hash) of every entry, in order, a few at a time in memory."""
    last = 0
    while rows := database.rows(
        "SELECT seq, kind, body, hash FROM entries WHERE seq > ? ORDER BY seq LIMIT 1000", (last,)
    ):
        for seq, kind, body, digest in rows:
            yield seq, kind, body, digest
            last = seq


class _Replay:
    """What the tables must hold, rebuilt from the entries alone."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._found: list[str] = []
        self._root: dict[int, int] = {}
        self._ended: set[int] = set()
        self._budgets: dict[tuple[int, str], tuple[float, float]] = {}
        self._charges: dict[int, tuple[int, int, bytes, list[int], list[Any]]] = {}
        self._seals: dict[int, str] = {}
        self._sketches: dict[int, str] = {}

    def read(self, seq: int, kind: str, body: bytes) -> None:
        """Take in one entry; kinds without a table are passed over."""
        entry: dict[str, Any] = msgspec.json.decode(body)
        if kind == "bind":
            self._root.setdefault(entry["lineage"], entry["lineage"])
            self._sketches[seq] = entry["sketch"]
        elif kind == "merge":
            self._merge(entry["into"], entry["from"])
        elif kind == "budget":
            self._budgets[entry["lineage"], entry["unit"]] = (float(entry["epsilon"]), float(entry["delta"]))
        elif kind == "end":
            self._ended.add(entry["lineage"])
        elif kind == "charge":
            content = (entry["release"], seq, charge_content(body), entry["lineages"], entry["key"])
            self._charges[entry["charge"]] = content
        elif kind == "seal":
            self._seals[entry["release"]] = entry["sha256"]

    def _merge(self, into: int, other: int) -> None:
        for lineage, root in self._root.items():
            if root == other:
                self._root[lineage] = into
        self._root[other] = into
        for unit in BUDGET_UNITS:
            limits = [self._budgets.pop((lineage, unit), None) for lineage in (into, other)]
            known = [limit for limit in limits if limit]
            if known:
                self._budgets[into, unit] = merged_limits(known)
        if other in self._ended:
            self._ended.add(into)

    def compare(self) -> list[str]:
        """Budgets, ended guarantees, charges and seals in the tables against the entries."""
        budgets = {(r[0], r[1]): (r[2], r[3]) for r in self._db.rows("SELECT * FROM budgets")}
        self._same("a budget", self._budgets, budgets)
        ended = {row[0] for row in self._db.rows("SELECT lineage_id FROM lineages WHERE ended_by_none")}
        self._same("an ended guarantee", dict.fromkeys(self._ended), dict.fromkeys(ended))
        charges = {
            row[0]: (row[1], row[2], row[3])
            for row in self._db.rows("SELECT charge_id, release_id, seq, lines FROM charges")
        }
        self._same("a charge", {number: content[:3] for number, content in self._charges.items()}, charges)
        self._compare_lines()
        keys = {
            row[0]: list(row[1:])
            for row in self._db.rows(
                "SELECT c.charge_id, r.federation_id, r.run_id, r.server_round"
                " FROM charges c JOIN releases r ON r.release_id = c.release_id"
            )
        }
        self._same("the round of a charge", {number: c[4] for number, c in self._charges.items()}, keys)
        seals = dict(self._db.rows("SELECT release_id, sha256 FROM releases WHERE sealed_at IS NOT NULL"))
        self._same("a sealed update", self._seals, seals)
        return self._found

    def _compare_lines(self) -> None:
        lines: dict[int, list[tuple[str, bytes, int]]] = defaultdict(list)
        for charge_id, corpus_id, spec, lineage in self._db.rows(
            "SELECT charge_id, corpus_id, spec, lineage_id FROM charge_lines ORDER BY charge_id, line"
        ):
            lines[charge_id].append((corpus_id, spec, lineage))
        expected: dict[int, list[tuple[str, bytes, int]]] = {}
        for number, (_, _, encoded, lineages, _) in self._charges.items():
            pairs = msgspec.json.decode(encoded, type=list[tuple[str, msgspec.Raw]])
            expected[number] = [
                (corpus_id, bytes(spec), self._root.get(lineage, lineage))
                for (corpus_id, spec), lineage in zip(pairs, lineages, strict=True)
            ]
        # A charge for public text alone has no line, in neither.
        self._same("what a charge was for", expected, {number: [] for number in expected} | dict(lines))

    def compare_documents(self) -> list[str]:
        """The document digests in the table against the sketch in each binding."""
        found = []
        for seq, expected in self._sketches.items():
            rows = self._db.rows("SELECT digest, lineage_id FROM documents WHERE seq = ?", (seq,))
            if sketch(row[0] for row in rows) != expected:
                found.append(f"the documents of entry {seq} were changed")
        return found

    def _same(self, what: str, expected: dict[Any, Any], actual: dict[Any, Any]) -> None:
        for key in sorted(set(expected) | set(actual), key=repr):
            if key not in actual:
                self._found.append(f"{what} ({key}) is missing from its table")
            elif key not in expected:
                self._found.append(f"{what} ({key}) is in its table but was never entered")
            elif expected[key] != actual[key]:
                self._found.append(f"{what} ({key}) was changed in its table")
