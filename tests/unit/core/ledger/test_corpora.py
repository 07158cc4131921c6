"""Lineages: shared documents share a budget, and nothing done to a corpus refunds anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.ledger_kit import NONE, RECORD, add_corpus, charge, digests, prepared

from core.api.errors import CorpusError
from core.jobs import ShardRef
from core.ledger import schema
from core.ledger.database import Database
from core.ledger.rows import BudgetRow, Choice
from core.ledger.store import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return prepared(tmp_path / "ledger.db")


def record_budget(ledger: Ledger, corpus_id: str) -> BudgetRow:
    return next(row for row in ledger.budgets() if (row.corpus_id, row.unit) == (corpus_id, "record"))


def test_facts_change_one_by_one(ledger: Ledger) -> None:
    shard = ShardRef(path="/s", sha256="a" * 64, tokens=5, documents=1, text_bytes=20)
    ledger.update_corpus("c1", tokens=5, state="ready", shards=(shard,))
    ledger.update_corpus("c1", words=4)
    facts = ledger.corpus_facts("c1")
    assert (facts.tokens, facts.words, facts.state, facts.shards) == (5, 4, "ready", (shard,))
    assert ledger.corpora()[0].paths == ("/text/c1",)


def test_wrong_facts_are_refused(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="has no colour"):
        ledger.update_corpus("c1", colour="red")
    with pytest.raises(ValueError, match="Expected `int`"):
        ledger.update_corpus("c1", tokens="many")
    with pytest.raises(CorpusError, match="no text with the id other"):
        ledger.update_corpus("other", tokens=1)
    with pytest.raises(ValueError, match="added already"):
        ledger.add_corpus("c1", "Again", [])
    assert ledger.corpus_facts("c1").tokens == 0


def test_separate_texts_have_separate_budgets(ledger: Ledger) -> None:
    assert add_corpus(ledger, "c2", ["three"]) != ledger.corpus("c1").lineage_id
    charge(ledger, 0)
    assert record_budget(ledger, "c1").epsilon > record_budget(ledger, "c2").epsilon == 0


def test_removing_and_adding_again_refunds_nothing(ledger: Ledger) -> None:
    charge(ledger, 0)
    spent = record_budget(ledger, "c1")
    ledger.remove_corpus("c1")
    assert ledger.corpora() == []
    ledger.add_corpus("copy", "A copy", ["/elsewhere"])
    ledger.bind_lineage("copy", digests(["two", "something new"]))
    again = record_budget(ledger, "copy")
    assert (again.epsilon, again.limit, again.delta) == (spent.epsilon, spent.limit, spent.delta)
    ledger.add_corpus("c1", "Back", ["/text/c1"])
    assert record_budget(ledger, "c1").epsilon == spent.epsilon


def test_editing_keeps_the_lineage(ledger: Ledger) -> None:
    before = ledger.corpus("c1").lineage_id
    assert ledger.bind_lineage("c1", digests(["all", "new", "documents"])) == before
    assert ledger.bind_lineage("c1", []) == before


def test_a_shared_document_merges_events_limits_and_endings(ledger: Ledger) -> None:
    add_corpus(ledger, "c2", ["three"], epsilon=3.0)
    charge(ledger, 0, RECORD, "c1")
    charge(ledger, 1, RECORD, "c2")
    one = record_budget(ledger, "c1").epsilon
    ledger.add_corpus("bridge", "Bridge", ["/b"])
    lineage = ledger.bind_lineage("bridge", digests(["one", "three"]))
    assert {corpus.lineage_id for corpus in ledger.corpora()} == {lineage}
    for corpus_id in ("c1", "c2", "bridge"):
        row = record_budget(ledger, corpus_id)
        assert (row.releases, row.limit, row.ended_by_none) == (2, 3.0, False)
        assert row.epsilon > one, "the union of events, not the larger of two sums"
    assert ledger.verify_chain() == []


def test_an_ended_guarantee_spreads_by_merging(ledger: Ledger) -> None:
    add_corpus(ledger, "c2", ["three"])
    charge(ledger, 0, NONE, "c2")
    assert not record_budget(ledger, "c1").ended_by_none
    ledger.bind_lineage("c1", digests(["three"]))
    assert record_budget(ledger, "c1").ended_by_none
    assert ledger.verify_chain() == []


def test_one_release_of_two_corpora_counts_twice_once_they_merge(ledger: Ledger) -> None:
    """A document in both was in both parts of the release; counting it once would be too little."""
    add_corpus(ledger, "c2", ["three"])
    charge(ledger, 0, RECORD, "c1", "c2")
    before = record_budget(ledger, "c1").epsilon
    ledger.bind_lineage("c2", digests(["one"]))
    assert record_budget(ledger, "c1").epsilon > before
    assert record_budget(ledger, "c1").releases == 1


def test_the_gate_sees_both_halves_of_one_charge_on_one_lineage(ledger: Ledger) -> None:
    add_corpus(ledger, "c2", ["one"])
    assert ledger.corpus("c1").lineage_id == ledger.corpus("c2").lineage_id
    charge(ledger, 0, RECORD, "c1", "c2")
    once = prepared(Path(ledger._db.path).with_name("once.db"))
    charge(once, 0)
    charge(once, 1)
    assert record_budget(ledger, "c1").epsilon == record_budget(once, "c1").epsilon


def test_thousands_of_documents(ledger: Ledger) -> None:
    names = [f"document {number}" for number in range(3_000)]
    ledger.add_corpus("large", "Large", ["/l"])
    lineage = ledger.bind_lineage("large", digests(names))
    ledger.add_corpus("late", "Late", ["/l"])
    assert ledger.bind_lineage("late", digests(names[2_999:])) == lineage
    assert ledger.verify_chain() == []
    with pytest.raises(ValueError, match="hexadecimal"):
        ledger.bind_lineage("late", ["not hex"])


def test_what_the_owner_chose_is_kept_and_changes_nothing_else(ledger: Ledger, tmp_path: Path) -> None:
    choice = Choice(include=("*.md",), exclude=("drafts/",), hidden=True, text_field="body", weight=2.5)
    ledger.add_corpus("c2", "Notes", ("/n",), choice)
    assert ledger.corpus("c2").choice == choice
    before = ledger.corpus("c1")
    assert before.choice == Choice()
    after = ledger.choose("c1", choice)
    assert (after.choice, after.facts, after.lineage_id) == (choice, before.facts, before.lineage_id)
    with pytest.raises(CorpusError, match="no text with the id"):
        ledger.choose("zz", choice)
    assert ledger.verify_chain() == []


@pytest.mark.parametrize("weight", [0.0, -1.0, 1_001.0, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="weight"):
        Choice(weight=weight)


def test_a_ledger_of_before_choices_keeps_every_corpus(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    old = Database(path)
    schema.prepare(old, schema.MIGRATIONS[:1])
    old.run("INSERT INTO lineages (lineage_id) VALUES (7)")
    old.run(
        "INSERT INTO corpora (corpus_id, name, paths, lineage_id, added_at, facts) VALUES (?, ?, ?, ?, ?, ?)",
        ("c" * 32, "Notes", b'["/n"]', 7, 5.0, b'{"tokens":9,"state":"ready"}'),
    )
    old.close()
    with Ledger.open(path, None) as ledger:
        (row,) = ledger.corpora()
        assert (row.name, row.paths, row.lineage_id, row.facts.tokens) == ("Notes", ("/n",), 7, 9)
        assert row.choice == Choice()
