"""What each lineage has spent, kept in memory between charges and held against the chain before each use.

The gate looks at everything a budget ever spent. Reading all of it for every charge takes longer the longer the history
is; here only what came since the last look is read.

Guarantees: what is kept stands for one entry of the chain, by number and hash. It is used only while that entry is
still in its place, so neither a transaction that was rolled back nor another process' charge nor an older file put in
this one's place can leave it too small. A merge of lineages, or anything else that does not follow, has all of it read
again. That the lines in the table are those of the chain is checked when the ledger is opened.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from core.ledger.budget import BUDGET_UNITS, ENTERS, spent_event
from core.ledger.database import Database
from core.ledger.entries import Head
from core.ledger.rows import EventSpec
from core.privacy_filters import Spending


@dataclass
class Account:
    """One lineage's mechanisms, equal ones counted together, as of one entry."""

    head: Head
    last: int = 0
    counts: Counter[bytes] = field(default_factory=Counter)
    charges: Counter[frozenset[str]] = field(default_factory=Counter)
    cuts: set[str] = field(default_factory=set)
    """Every way in which charged records were cut."""
    budgets: dict[str, Spending] = field(default_factory=lambda: {unit: Spending() for unit in BUDGET_UNITS})

    def charged(self, units: Iterable[str]) -> int:
        """How many charges have a line under one of these units."""
        wanted = frozenset(units)
        return sum(count for had, count in self.charges.items() if had & wanted)


class Spent:
    """Events of every budget. Call inside a transaction or a snapshot of the same database."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._kept: dict[int, Account] = {}

    def of(self, lineage: int) -> Account:
        """What a lineage has spent up to now; good as long as the transaction or snapshot lasts."""
        kept = self._kept.get(lineage)
        since = self._db.rows(
            "SELECT seq, hash, kind FROM entries WHERE seq >= ? ORDER BY seq", (kept.head.seq,)
        ) if kept else []  # fmt: skip
        if kept is None or not since or since[0][:2] != kept.head or any(row[2] == "merge" for row in since[1:]):
            newest = self._db.row("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1")
            kept = self._kept[lineage] = Account(Head(*newest) if newest else Head(0, b""))
        elif any(row[2] == "charge" for row in since[1:]):
            kept.head = Head(*since[-1][:2])
        else:
            return kept
        try:
            self._read(lineage, kept)
        except BaseException:
            del self._kept[lineage]  # half of it may be counted
            raise
        return kept

    def _read(self, lineage: int, kept: Account) -> None:
        """Add the lines of the charges since the last one that was counted."""
        # A plus keeps SQLite from the lineage's index, which would walk its whole history for the newest line.
        column = "+lineage_id" if kept.last else "lineage_id"
        rows = self._db.rows(
            f"SELECT charge_id, unit, spec FROM charge_lines WHERE charge_id > ? AND {column} = ? ORDER BY charge_id",  # noqa: S608
            (kept.last, lineage),
        )
        for _, lines in itertools.groupby(rows, key=lambda row: row[0]):
            kept.charges[frozenset(unit for _, unit, _ in lines)] += 1
        new = Counter(raw for _, _, raw in rows)
        kept.counts += new
        kept.last = rows[-1][0] if rows else kept.last
        for raw in new:
            spec = msgspec.json.decode(raw, type=EventSpec)
            if spec.unit == "record":
                kept.cuts.add(spec.cut)
            for unit in ENTERS[spec.unit]:
                event = spent_event(spec, unit)
                kept.budgets[unit].put(raw, msgspec.structs.replace(event, steps=event.steps * kept.counts[raw]))
