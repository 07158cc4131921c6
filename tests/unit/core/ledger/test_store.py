"""Opening, the anchor, rollback, threads: what makes the ledger more than a table."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest
from support.ledger_kit import CORPUS, RECORD, Memory, add_corpus, begin, charge, digests, prepared, seal

from core.api.errors import KeystoreError, LedgerRolledBack, PrivacyError, StorageError
from core.ledger.entries import Head
from core.ledger.store import Ledger


def _copy(path: Path, target: Path) -> None:
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)


def _restore(copy: Path, path: Path) -> None:
    for leftover in path.parent.glob(path.name + "-*"):
        leftover.unlink()
    shutil.copy(copy, path)


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    anchor = Memory()
    first = prepared(tmp_path / "ledger.db", anchor)
    seal(first, 0)
    budgets, uploads, head = first.budgets(), first.uploads(), first.head()
    first.close()
    second = Ledger.open(tmp_path / "ledger.db", anchor)
    assert (second.budgets(), second.uploads(), second.head()) == (budgets, uploads, head)
    assert not second.rolled_back
    assert second.damage == second.verify_chain() == []
    assert stat.S_IMODE((tmp_path / "ledger.db").stat().st_mode) == 0o600


def test_commits_are_synced(tmp_path: Path) -> None:
    ledger = prepared(tmp_path / "ledger.db")
    assert ledger._db.rows("PRAGMA synchronous") == [(2,)]
    assert ledger._db.rows("PRAGMA journal_mode") == [("wal",)]
    assert ledger._db.rows("PRAGMA foreign_keys") == [(1,)]


def test_the_head_is_kept_outside_after_charge_and_seal(tmp_path: Path) -> None:
    anchor = Memory()
    ledger = prepared(tmp_path / "ledger.db", anchor)
    before = anchor.writes
    charge(ledger, 0)
    assert anchor.head == ledger.head().encode()
    seal(ledger, 0)
    assert anchor.head == ledger.head().encode()
    seal(ledger, 0)
    assert anchor.writes == before + 2


def test_an_anchor_that_is_behind_is_repaired(tmp_path: Path) -> None:
    anchor = Memory()
    ledger = prepared(tmp_path / "ledger.db", anchor)
    charge(ledger, 0)
    behind = anchor.head
    charge(ledger, 1)
    ledger.close()
    anchor.head = behind
    again = Ledger.open(tmp_path / "ledger.db", anchor)
    assert not again.rolled_back
    assert anchor.head == again.head().encode()


def test_a_restored_copy_stops_spending_but_can_be_read(tmp_path: Path) -> None:
    anchor, path = Memory(), tmp_path / "ledger.db"
    ledger = prepared(path, anchor)
    charge(ledger, 0)
    _copy(path, tmp_path / "backup.db")
    seal(ledger, 1)
    ledger.close()
    _restore(tmp_path / "backup.db", path)
    head = anchor.head
    old = Ledger.open(path, anchor)
    assert old.rolled_back
    assert old.budgets()[0].releases == 1
    assert not old.can_afford([("c1", RECORD)])
    assert old.rounds_left([("c1", RECORD)]) == 0
    release = begin(old, 0).release_id
    for action in (lambda: charge(old, 2), lambda: charge(old, 0), lambda: old.seal(release, "a" * 64, 1, 1, "/x")):
        with pytest.raises(LedgerRolledBack, match="older than the one this machine had"):
            action()
    assert anchor.head == head, "the evidence stays"


@pytest.mark.parametrize("change", ["limit", "lineage", "end"])
def test_an_older_limit_cannot_be_put_back(tmp_path: Path, change: str) -> None:
    """What makes a budget stricter without a charge is anchored too."""
    anchor, path = Memory(), tmp_path / "ledger.db"
    ledger = prepared(path, anchor)
    charge(ledger, 0)
    add_corpus(ledger, "c9", ["something", "else"])
    _copy(path, tmp_path / "backup.db")
    match change:
        case "limit":
            ledger.set_budget("c1", "record", 1.0, 1e-5)
        case "lineage":
            ledger.bind_lineage("c9", digests(["a document more"]))
        case "end":
            ledger.end_guarantee("c1")
    assert anchor.head == ledger.head().encode()
    ledger.close()
    _restore(tmp_path / "backup.db", path)
    assert Ledger.open(path, anchor).rolled_back


def test_a_keyring_that_is_locked_does_not_stop_what_leaves_nothing(tmp_path: Path) -> None:
    anchor = Memory()
    ledger = prepared(tmp_path / "ledger.db", anchor)

    def locked(head: bytes) -> None:
        raise KeystoreError("It is locked.")

    anchor.write = locked  # type: ignore[method-assign]
    ledger.set_budget("c1", "record", 7.0, 1e-5)
    with pytest.raises(KeystoreError):
        charge(ledger, 0)


def test_a_copy_that_was_continued_is_noticed(tmp_path: Path) -> None:
    """A restored file that grew past the old head has another hash there."""
    anchor, path = Memory(), tmp_path / "ledger.db"
    ledger = prepared(path, anchor)
    _copy(path, tmp_path / "backup.db")
    charge(ledger, 0)
    ledger.close()
    _restore(tmp_path / "backup.db", path)
    with Ledger.open(path, None) as other:  # somebody spends without the anchor
        for number in range(3, 9):
            charge(other, number)
    assert Ledger.open(path, anchor).rolled_back


def test_a_deleted_ledger_is_noticed(tmp_path: Path) -> None:
    anchor, path = Memory(), tmp_path / "ledger.db"
    with prepared(path, anchor) as ledger:
        charge(ledger, 0)
    for file in tmp_path.glob("ledger.db*"):
        file.unlink()
    fresh = Ledger.open(path, anchor)
    assert fresh.rolled_back
    fresh = prepared(tmp_path / "other.db", anchor)
    assert fresh.rolled_back


def test_a_lost_anchor_is_made_anew_and_said(tmp_path: Path) -> None:
    with prepared(tmp_path / "ledger.db", Memory()) as ledger:
        charge(ledger, 0)
        assert not ledger.anchor_was_missing
    anchor = Memory()
    again = Ledger.open(tmp_path / "ledger.db", anchor)
    assert again.anchor_was_missing
    assert not again.rolled_back
    assert anchor.head == again.head().encode()


def test_an_unreadable_anchor_stops_spending(tmp_path: Path) -> None:
    prepared(tmp_path / "ledger.db", Memory()).close()
    ledger = Ledger.open(tmp_path / "ledger.db", Memory(b"nonsense"))
    with pytest.raises(PrivacyError, match="head kept in the keyring cannot be read"):
        charge(ledger, 0)


def test_a_keyring_that_refuses_leaves_the_charge_and_can_be_asked_again(tmp_path: Path) -> None:
    anchor = Memory()
    ledger = prepared(tmp_path / "ledger.db", anchor)
    anchor.broken = KeystoreError("The keyring is locked.")
    with pytest.raises(KeystoreError):
        charge(ledger, 0)
    assert ledger.budgets()[0].releases == 1
    anchor.broken = None
    assert charge(ledger, 0) == 1
    assert anchor.head == ledger.head().encode()
    assert ledger.budgets()[0].releases == 1


def test_a_changed_row_stops_spending_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with prepared(path, Memory()) as ledger:
        charge(ledger, 0)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM charge_lines")
    changed = Ledger.open(path, None)
    assert changed.damage
    with pytest.raises(PrivacyError, match="does not add up"):
        charge(changed, 1)
    assert not changed.can_afford([("c1", CORPUS)])


def test_two_openings_share_one_chain(tmp_path: Path) -> None:
    """The engine's lock keeps a second engine out; where it fails, the chain still holds."""
    anchor = Memory()
    one, two = prepared(tmp_path / "ledger.db", anchor), prepared(tmp_path / "ledger.db", anchor)
    for number in range(0, 20, 2):
        charge(one, number)
        charge(two, number + 1)
    assert one.verify_chain() == []
    assert one.budgets() == two.budgets()
    assert one.budgets()[0].releases == 20


def test_many_threads_charge_one_release_once(tmp_path: Path) -> None:
    ledger = prepared(tmp_path / "ledger.db", Memory())
    numbers: list[int] = []
    threads = [threading.Thread(target=lambda: numbers.append(charge(ledger, 0))) for _ in range(8)]
    threads += [threading.Thread(target=lambda: ledger.budgets()) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers == [1] * 8
    assert ledger.budgets()[0].releases == 1


def test_a_closed_ledger_says_so(tmp_path: Path) -> None:
    ledger = prepared(tmp_path / "ledger.db")
    ledger.close()
    ledger.close()
    with pytest.raises(StorageError, match="is closed"):
        ledger.budgets()


def test_head_bytes() -> None:
    head = Head(7, bytes(range(32)))
    assert Head.decode(head.encode()) == head
    with pytest.raises(ValueError, match="40 bytes"):
        Head.decode(b"x" * 39)
