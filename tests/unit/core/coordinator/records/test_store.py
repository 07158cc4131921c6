from __future__ import annotations

import sqlite3
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from core.api.errors import CoordinatorError, InviteError, StorageError
from core.coordinator.records.schema import Assignment, Checkpoint, Round, Sign
from core.coordinator.records.store import Store
from core.federation.identity import NodeKey, key_id
from core.federation.protocol import Receipt

TOKEN = b"t" * 16
NOW = 1_000.0


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "coordinator.db", create=True)
    made.add_token(TOKEN, 2, NOW + 60)
    return made


def opened(server_round: int = 1) -> Round:
    return Round(
        server_round=server_round, state="open", base_hash="b" * 64, base_bytes=5, step_clock=0, started_at=NOW,
        deadline_at=NOW + 9,
    )  # fmt: skip


def checkpoint(server_round: int) -> Checkpoint:
    return Checkpoint(server_round=server_round, sha256="c" * 64, size_bytes=5, momentum="", created_at=NOW)


def test_the_token_itself_is_never_stored(store: Store, tmp_path: Path) -> None:
    store.bind(NodeKey.generate().public_pem, TOKEN, NOW)
    store.close()
    assert all(TOKEN not in path.read_bytes() for path in tmp_path.iterdir())


def test_binding_is_idempotent_and_costs_one_use(store: Store) -> None:
    first, second, third = (NodeKey.generate().public_pem for _ in range(3))
    bound = store.bind(first, TOKEN, NOW)
    assert store.bind(first, TOKEN, NOW + 999) == bound  # a repeat, even after the expiry
    store.bind(second, TOKEN, NOW)
    with pytest.raises(InviteError, match="used up"):
        store.bind(third, TOKEN, NOW)
    assert [item.key_id for item in store.volunteers()] == sorted((key_id(first), key_id(second)))


def test_a_strange_or_expired_token_is_refused(store: Store) -> None:
    with pytest.raises(InviteError, match="never gave out"):
        store.bind(NodeKey.generate().public_pem, b"x" * 16, NOW)
    with pytest.raises(InviteError, match="expired"):
        store.bind(NodeKey.generate().public_pem, TOKEN, NOW + 60)
    assert store.volunteers() == []


def test_one_use_is_one_use_among_many_at_once(tmp_path: Path) -> None:
    path = tmp_path / "coordinator.db"
    Store(path, create=True).add_token(TOKEN, 3, NOW + 60)
    good, bad = [], []

    def enrol() -> None:
        try:
            good.append(Store(path).bind(NodeKey.generate().public_pem, TOKEN, NOW))
        except InviteError as error:
            bad.append(error)

    threads = [threading.Thread(target=enrol) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(good), len(bad)) == (3, 5)


def test_a_key_that_left_cannot_return(store: Store) -> None:
    key = NodeKey.generate().public_pem
    store.bind(key, TOKEN, NOW)
    store.leave(key_id(key), NOW + 1)
    store.leave(key_id(key), NOW + 2)
    assert store.volunteers() == []
    assert [item.left_at for item in store.volunteers(gone=True)] == [NOW + 1]
    with pytest.raises(InviteError, match="left"):
        store.bind(key, TOKEN, NOW)


def test_a_round_and_its_assignments_are_there_for_the_next_process(store: Store, tmp_path: Path) -> None:
    assignments = [Assignment(server_round=1, key_id=name, nonce=name.encode() * 16) for name in ("a", "b")]
    store.begin_round(opened(), assignments)
    other = Store(tmp_path / "coordinator.db")
    assert other.open_round() == opened()
    assert other.assignments(1) == assignments
    other.settle(replace(assignments[0], state="accepted", update_sha256="u" * 64, size_bytes=7))
    other.reissue(1, "b", b"n" * 16)
    found = store.assignments(1)
    assert (found[0].state, found[0].size_bytes) == ("accepted", 7)
    assert (found[1].nonce, found[1].attempt, found[1].state) == (b"n" * 16, 2, "assigned")
    assert store.accepted_updates() == {"u" * 64: "a"}


def test_a_round_that_cannot_begin_leaves_no_trace(store: Store) -> None:
    twice = [Assignment(server_round=1, key_id="a", nonce=b"n" * 16)] * 2
    with pytest.raises(StorageError):
        store.begin_round(opened(), twice)
    assert store.rounds() == []
    assert store.events_after(0) == []


def test_closing_is_one_step(store: Store) -> None:
    store.begin_round(opened(), [Assignment(server_round=1, key_id="a", nonce=b"n" * 16)])
    receipt = Receipt(update_sha256="u" * 64, server_round=1, state="accepted", checkpoint_hash="c" * 64)
    closed = replace(opened(), state="closed", closed_at=NOW + 3, volunteers=1, upload_bytes=7, dense_bytes=28)
    store.close_round(closed, checkpoint(1), [("a", receipt)])
    assert store.open_round() is None
    assert store.rounds() == [closed]
    assert store.latest_checkpoint() == checkpoint(1)
    with pytest.raises(StorageError):  # the checkpoint of round 1 is there already: nothing of this may stay
        store.close_round(replace(closed, volunteers=9), checkpoint(1), [])
    assert store.rounds() == [closed]


def test_a_receipt_is_for_the_key_that_sent_the_update(store: Store) -> None:
    key = NodeKey.generate().public_pem
    store.bind(key, TOKEN, NOW)
    store.begin_round(opened(), [Assignment(server_round=1, key_id=key_id(key), nonce=b"n" * 16)])
    receipt = Receipt(update_sha256="u" * 64, server_round=1, state="refused", reason="why", signature=b"s")
    refused = Assignment(server_round=1, key_id=key_id(key), nonce=b"n" * 16, state="refused", update_sha256="u" * 64)
    store.settle(refused, receipt)
    assert store.receipts_waiting() == 1
    assert store.receipt("u" * 64, "somebody else", NOW) is None
    assert store.receipts_waiting() == 1
    assert store.receipt("u" * 64, key_id(key), NOW) == receipt
    assert store.receipts_waiting() == 0


def test_an_older_server_app_can_no_longer_write(store: Store, tmp_path: Path) -> None:
    store.take_claim()
    store.log_event("mine", {})
    younger = Store(tmp_path / "coordinator.db")
    younger.take_claim()
    younger.begin_round(opened(), [])
    with pytest.raises(CoordinatorError, match="taken over"):
        store.extend(1, NOW + 99, ())
    assert younger.open_round() == opened()


def test_events_come_in_order_and_once(store: Store) -> None:
    first = store.last_event()
    store.log_event("one", {"round": 1})
    store.log_event("two", {})
    assert [(event.kind, event.body) for event in store.events_after(first)] == [("one", {"round": 1}), ("two", {})]
    assert store.events_after(store.last_event()) == []


def test_the_last_sign_of_life_counts(store: Store) -> None:
    assert store.sign("server_app") is None
    for at in (1.0, 2.0):
        store.beat(Sign(name="server_app", pid=9, pid_started=8, at=at, flower_run="1"))
    found = store.sign("server_app")
    assert found is not None
    assert found.at == 2.0


def test_damage_is_named(store: Store, tmp_path: Path) -> None:
    store.close()
    path = tmp_path / "coordinator.db"
    for other in tmp_path.glob("coordinator.db-*"):
        other.unlink()
    path.write_bytes(b"not a database" * 500)
    with pytest.raises(StorageError, match=r"coordinator\.db cannot be used"):
        Store(path)
    with pytest.raises(StorageError, match="missing"):
        Store(tmp_path / "nothing.db")


def test_another_version_is_named(store: Store, tmp_path: Path) -> None:
    store.close()
    database = sqlite3.connect(tmp_path / "coordinator.db")
    database.execute("PRAGMA user_version=99")
    database.close()
    with pytest.raises(StorageError, match="version 99"):
        Store(tmp_path / "coordinator.db")


def test_a_database_of_the_first_version_is_brought_up_to_date(store: Store, tmp_path: Path) -> None:
    enrolled = store.volunteers()
    store.close()
    database = sqlite3.connect(tmp_path / "coordinator.db")
    for column in ("capability", "ledger", "ledger_round"):
        database.execute(f"ALTER TABLE volunteers DROP COLUMN {column}")
    for column in ("shard", "steps", "tokens", "norm", "kept", "folded", "held_out", "seconds"):
        database.execute(f"ALTER TABLE assignments DROP COLUMN {column}")
    for table, columns in (
        ("checkpoints", ("second_moment", "rejected", "parent", "delta", "delta_bytes", "residual")),
        ("rounds", ("outer_lr", "norms", "rejected", "late", "norm_bound", "held_out", "held_out_spread")),
    ):
        for column in columns:
            database.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    database.execute("DROP TABLE errands")
    database.execute("DROP TABLE means")
    database.execute("PRAGMA user_version=1")
    database.close()
    again = Store(tmp_path / "coordinator.db")
    assert again.volunteers() == enrolled
    assert again.newest_errand() is None
    assert again.mean(1) is None
    again.check()
    again.close()
    Store(tmp_path / "coordinator.db").close()


def test_a_rejected_checkpoint_is_never_the_latest(store: Store) -> None:
    for number in (1, 2):
        store.begin_round(opened(number), [])
        made = replace(checkpoint(number), momentum="m" * 64, second_moment="s" * 64)
        store.close_round(replace(opened(number), state="closed"), made, [])
    first = store.last_event()
    store.reject(2, "It is worse.")
    store.reject(2, "Once more.")
    assert store.latest_checkpoint().server_round == 1
    assert [item.rejected for item in store.checkpoints()] == ["", "It is worse."]
    assert [(item.rejected, item.reason) for item in store.rounds()] == [("", ""), ("It is worse.", "It is worse.")]
    told = [event.body for event in store.events_after(first)]
    assert told == [{"round": 2, "reason": "It is worse.", "restored": "b" * 64}]


def test_another_server_learning_rate_is_told_when_a_round_is_opened_with_it(store: Store) -> None:
    for number, rate in ((1, 1.0), (2, 1.0), (3, 0.5), (4, 0.5)):
        store.begin_round(replace(opened(number), outer_lr=rate), [])
    told = [event.body for event in store.events_after(0) if event.kind == "outer_rate"]
    assert told == [{"round": 3, "before": 1.0, "outer_lr": 0.5}]
    assert [item.outer_lr for item in store.rounds()] == [1.0, 1.0, 0.5, 0.5]


def test_the_newest_word_about_a_ledger_is_kept(store: Store) -> None:
    person, _ = (store.bind(NodeKey.generate().public_pem, TOKEN, NOW) for _ in range(2))
    assert (person.ledger, person.ledger_round) == (b"", 0)
    for server_round, word in ((3, b"c" * 32), (2, b"b" * 32), (3, b"d" * 32)):
        store.keep_ledger(person.key_id, server_round, word)
    kept = store.volunteer(person.key_id)
    assert kept is not None
    assert (kept.ledger, kept.ledger_round) == (b"d" * 32, 3)
    assert all(not other.ledger for other in store.volunteers() if other.key_id != person.key_id)


def test_a_write_waits_for_another_process(store: Store, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "coordinator.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    timer.start()
    began = time.monotonic()
    store.log_event("late", {})
    assert time.monotonic() - began > 0.2
    timer.join()
    other.close()
