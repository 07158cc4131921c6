"""What a charge costs beside the least that makes a row durable: one commit of a bare SQLite file, WAL and FULL.

Both in turn, in one folder, on the same disk. The ledger has charges of many kinds before it, since the gate reads all
of them; the charge's own time includes gate, hash chain and commit, while the keyring, a place of the system's, is left
out. The gauge is what the window asks for: every budget with its ε.
"""

from __future__ import annotations

import functools
import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from core.bench.rows import Row
from core.ledger.database import Database
from core.ledger.rows import EventSpec, FederationRow, ReleaseAttributes
from core.ledger.store import Ledger

CHARGES: Final = 300
KINDS: Final = 12
HISTORIES: Final = (0, 1_000, 10_000)
"""Earlier charges of the same text."""
_RUN: Final = "ab" * 16
_RATIO_GATE: Final = 1.5


class Kept:
    """The head, kept in memory."""

    def __init__(self) -> None:
        self.head: bytes | None = None

    def read(self) -> bytes | None:
        """The head that was written last."""
        return self.head

    def write(self, head: bytes) -> None:
        """Keep it."""
        self.head = head


def measure(charges: int = CHARGES, histories: Sequence[int] = HISTORIES) -> list[Row]:
    """Median, the slowest hundredth, and the gauge; then the same after long histories."""
    return [row for earlier in histories for row in _after(earlier, charges)]


def _after(earlier: int, charges: int) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="hedgerow-bench-") as folder:
        bare = Database(Path(folder) / "bare.db")
        bare.run("CREATE TABLE charges (charge_id INTEGER PRIMARY KEY, spec BLOB NOT NULL)")
        ledger = prepared(Path(folder) / "ledger.db", earlier)
        ours, anchor, gauge = list[float](), list[float](), list[float]()
        for number in range(earlier, earlier + charges):
            spec = specs()[number % KINDS]
            attributes = ReleaseAttributes("b" * 64, "full", ("c1",), "f" * 64)
            release = ledger.begin_release("fed", _RUN, number, attributes)
            ours.append(_timed(functools.partial(ledger.charge, release.release_id, [("c1", spec)])))
            anchor.append(_timed(functools.partial(_commit, bare, bytes(500))))
            gauge.append(_timed(ledger.budgets))
        ledger.close()
        bare.close()
    rows = _charge_rows(ours, anchor, earlier)
    return [*rows, _gauge_row(gauge, earlier + charges)]


def specs() -> list[EventSpec]:
    """Mechanisms that differ, as over several federations and plans; cheap enough that all charges fit."""
    return [EventSpec("sampled_gaussian", 2.0 + kind / 8, 0.002, 2, "zero-out", "document") for kind in range(KINDS)]


def prepared(path: Path, earlier: int = 0) -> Ledger:
    """A ledger with one federation, one text of 1,000 documents with a budget, and so many charges, just opened."""
    with Ledger.open(path, Kept()) as ledger:
        _fill(ledger)
    database = Database(path)
    with database.transaction():  # one commit for all of the past
        book = Ledger(database, None, time.time)
        for number in range(earlier):
            attributes = ReleaseAttributes("b" * 64, "full", ("c1",), "f" * 64)
            release = book.begin_release("fed", _RUN, number, attributes)
            book.charge(release.release_id, [("c1", specs()[number % KINDS])])
    database.close()
    return Ledger.open(path, Kept())


def _fill(ledger: Ledger) -> None:
    ledger.save_federation(
        FederationRow(
            federation_id="fed", name="bench", operator="bench", address="a:1", invite="", federation_key=bytes(32),
            root_certificate="", manifest=b"{}", manifest_hash="f" * 64, run_id=_RUN, node_id=1, key_name="k",
            joined_at=0.0,
        )
    )  # fmt: skip
    ledger.add_corpus("c1", "Text", ["/text"])
    ledger.bind_lineage("c1", [hashlib.sha256(b"%d" % number).hexdigest() for number in range(1_000)])
    ledger.set_budget("c1", "document", 8.0, 1e-5)
    ledger.set_budget("c1", "record", 8.0, 1e-5)


def _commit(database: Database, content: bytes) -> None:
    with database.transaction():
        database.run("INSERT INTO charges (spec) VALUES (?)", (content,))


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - began)


def _charge_rows(ours: list[float], anchor: list[float], earlier: int) -> list[Row]:
    history = f" after {earlier:,} others" if earlier else ""
    middle, bare = statistics.median(ours), statistics.median(anchor)
    slow, bare_slow = (statistics.quantiles(times, n=100)[-1] for times in (ours, anchor))
    return [
        Row(
            metric=f"charge{history} / bare SQLite FULL commit, median",
            unit="×",
            value=middle / bare,
            anchor="bare commit 1×",
            gate=f"≤ {_RATIO_GATE}×",
            holds=middle <= _RATIO_GATE * bare,
        ),
        Row(metric=f"charge{history}, p50", unit="ms", value=middle, anchor=f"bare commit {bare:.2f}", aim="< 1"),
        Row(metric=f"charge{history}, p99", unit="ms", value=slow, anchor=f"bare commit {bare_slow:.2f}", aim="< 10"),
    ]


def _gauge_row(times: list[float], charges: int) -> Row:
    recent = times[-50:]
    return Row(metric=f"gauge after {charges:,} charges", unit="ms", value=statistics.median(recent), aim="< 5")
