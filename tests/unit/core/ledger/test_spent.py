"""What is kept in memory between charges is never less than what the ledger says."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import msgspec
import pytest
from support.ledger_kit import CORPUS, DOCUMENT, RECORD, RUN, add_corpus, attributes, charge, digests, prepared

from core.api.errors import BudgetExhausted
from core.ledger.rows import BudgetRow
from core.ledger.store import Ledger

KINDS = [msgspec.structs.replace(spec, steps=steps) for spec in (RECORD, DOCUMENT, CORPUS) for steps in (1, 2)]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return prepared(tmp_path / "ledger.db", epsilon=1_000.0)


def afresh(path: Path) -> list[BudgetRow]:
    """The budgets as one that remembers nothing reads them."""
    with Ledger.open(path, None) as other:
        return other.budgets()


def statements(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    rows = type(ledger._db).rows

    def noted(self: object, sql: str, parameters: object = ()) -> object:
        said.append(sql)
        return rows(self, sql, parameters)  # type: ignore[arg-type]

    monkeypatch.setattr(type(ledger._db), "rows", noted)
    return said


def test_after_any_history_it_is_what_a_fresh_look_finds(ledger: Ledger, tmp_path: Path) -> None:
    dice = random.Random(4)
    other = Ledger.open(tmp_path / "ledger.db", None)
    for server_round in range(30):
        writer = dice.choice([ledger, other])
        spec = dice.choice(KINDS)
        if dice.random() < 0.2:
            with contextlib.suppress(ZeroDivisionError), writer._db.transaction():
                charge(writer, server_round, spec)
                writer.budgets()
                raise ZeroDivisionError
        charge(writer, server_round, spec)
        assert ledger.budgets() == other.budgets() == afresh(tmp_path / "ledger.db")
    other.close()
    assert any(row.epsilon > 0 for row in ledger.budgets())


def test_a_charge_taken_back_and_another_in_its_place(ledger: Ledger, tmp_path: Path) -> None:
    """The entry has the same number and another hash, so what was kept is not used."""
    with contextlib.suppress(ZeroDivisionError), ledger._db.transaction():
        charge(ledger, 0, KINDS[0])
        assert ledger.budgets()[0].epsilon > 0
        raise ZeroDivisionError
    assert ledger.budgets()[0].epsilon == 0
    charge(ledger, 0, KINDS[1])
    assert ledger.budgets() == afresh(tmp_path / "ledger.db")


def test_a_merge_brings_the_events_of_both(ledger: Ledger, tmp_path: Path) -> None:
    add_corpus(ledger, "c2", ["other text"])
    charge(ledger, 0, RECORD)
    charge(ledger, 1, RECORD, "c2")
    apart = {row.corpus_id: row.epsilon for row in ledger.budgets() if row.unit == "record"}
    ledger.bind_lineage("c2", digests(["one", "other text"]))
    together = {row.corpus_id: row.epsilon for row in ledger.budgets() if row.unit == "record"}
    assert together["c2"] == together["c1"] > apart["c1"]
    assert ledger.budgets() == afresh(tmp_path / "ledger.db")


def test_another_process_spends_what_is_left(ledger: Ledger, tmp_path: Path) -> None:
    big = msgspec.structs.replace(RECORD, steps=ledger.rounds_left([("c1", RECORD)]) * RECORD.steps)
    assert ledger.can_afford([("c1", big)])
    with Ledger.open(tmp_path / "ledger.db", None) as other:
        charge(other, 0, big)
    assert not ledger.can_afford([("c1", big)])
    release = ledger.begin_release("fed", RUN, 1, attributes("c1"))
    with pytest.raises(BudgetExhausted):
        ledger.charge(release.release_id, [("c1", big)])


def test_only_what_came_since_is_read(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    charge(ledger, 0)
    charge(ledger, 1)
    release = ledger.begin_release("fed", RUN, 2, attributes("c1"))
    said = statements(ledger, monkeypatch)
    ledger.charge(release.release_id, [("c1", RECORD)])
    assert sum("FROM charge_lines" in sql for sql in said) <= 1
    assert len(said) <= 15, said
