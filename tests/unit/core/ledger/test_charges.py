"""The gate: every budget a charge enters, before anything is written; once per release; never refunded."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest
from support.ledger_kit import CORPUS, DOCUMENT, NONE, RECORD, RUN, add_corpus, begin, charge, prepared, seal

from core.api.errors import BudgetExhausted, PrivacyError, ReleaseMismatch
from core.ledger.budget import spent_event
from core.ledger.entries import entry_hash
from core.ledger.rows import BudgetRow, ReleaseAttributes
from core.ledger.store import Ledger
from core.privacy_filters import report

LONG = msgspec.structs.replace(RECORD, steps=2_000)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return prepared(tmp_path / "ledger.db")


def budget(ledger: Ledger, unit: str = "record", corpus_id: str = "c1") -> BudgetRow:
    return next(row for row in ledger.budgets() if row.unit == unit and row.corpus_id == corpus_id)


def test_a_charge_counts_what_the_filters_say(ledger: Ledger) -> None:
    assert budget(ledger).epsilon == 0.0
    charge(ledger, 0)
    charge(ledger, 1)
    expected = report([spent_event(RECORD, "record"), spent_event(RECORD, "record")], 1e-5)
    assert budget(ledger).epsilon == expected.epsilon > 0
    assert budget(ledger).method == expected.method
    assert (budget(ledger).releases, budget(ledger).relation) == (2, "zero-out")


def test_the_same_release_is_charged_once(ledger: Ledger) -> None:
    first = charge(ledger, 0)
    spent = budget(ledger).epsilon
    assert {charge(ledger, 0) for _ in range(10)} == {first}
    assert budget(ledger).epsilon == spent
    with pytest.raises(ReleaseMismatch, match="Round 0 was already charged for another mechanism"):
        charge(ledger, 0, msgspec.structs.replace(RECORD, steps=19))


def test_a_release_without_text_is_charged_with_no_line_and_touches_no_lineage(ledger: Ledger) -> None:
    before = budget(ledger)
    attributes = ReleaseAttributes("b" * 64, "full", (), "f" * 64)
    release = ledger.begin_release("fed", RUN, 0, attributes)
    with pytest.raises(PrivacyError, match="was not charged"):
        ledger.seal(release.release_id, "a" * 64, 1_000, 4_000, "/sealed")
    assert ledger.charge(release.release_id, []) == ledger.charge(release.release_id, [])
    ledger.seal(release.release_id, "a" * 64, 1_000, 4_000, "/sealed")
    assert budget(ledger) == before
    assert not budget(ledger).ended_by_none
    assert ledger.verify_chain() == []
    with pytest.raises(ValueError, match="each corpus of its release"):
        ledger.charge(ledger.begin_release("fed", RUN, 1, attributes).release_id, [("c1", RECORD)])
    with pytest.raises(ValueError, match="each corpus of its release"):
        ledger.charge(begin(ledger, 2).release_id, [])


def test_at_the_budget_nothing_is_written(ledger: Ledger) -> None:
    rounds = ledger.rounds_left([("c1", LONG)])
    assert rounds > 3
    for number in range(rounds):
        assert ledger.can_afford([("c1", LONG)])
        charge(ledger, number, LONG)
    head, row = ledger.head(), budget(ledger)
    assert row.epsilon <= row.limit
    assert ledger.rounds_left([("c1", LONG)]) == 0
    assert not ledger.can_afford([("c1", LONG)])
    with pytest.raises(BudgetExhausted, match=r"Text c1 has no room left .* ε 8 per record"):
        charge(ledger, rounds, LONG)
    assert (ledger.head(), budget(ledger)) == (head, row)
    assert begin(ledger, rounds).charge_id is None


def test_a_corpus_charge_enters_the_record_budget_and_not_the_other_way(ledger: Ledger) -> None:
    charge(ledger, 0, CORPUS)
    gaussian = report([spent_event(CORPUS, "corpus")], 1e-5).epsilon
    assert budget(ledger, "corpus").epsilon == budget(ledger, "record").epsilon == gaussian
    assert budget(ledger, "corpus").weaker_releases == 0
    charge(ledger, 1, RECORD)
    assert budget(ledger, "corpus").epsilon == gaussian
    assert budget(ledger, "corpus").weaker_releases == 1
    assert (
        budget(ledger, "record").epsilon
        == report([spent_event(CORPUS, "record"), spent_event(RECORD, "record")], 1e-5).epsilon
    )


def test_a_document_charge_enters_the_record_budget_as_a_replacement_and_no_corpus_budget(ledger: Ledger) -> None:
    charge(ledger, 0, DOCUMENT)
    own = report([spent_event(DOCUMENT, "document")], 1e-5).epsilon
    inner = report([spent_event(DOCUMENT, "record")], 1e-5).epsilon
    assert budget(ledger, "document").epsilon == own
    assert budget(ledger, "record").epsilon == inner > own
    assert budget(ledger, "corpus").epsilon == 0.0
    assert budget(ledger, "corpus").weaker_releases == 1
    charge(ledger, 1, RECORD)
    assert budget(ledger, "document").epsilon == own
    assert budget(ledger, "document").weaker_releases == 1


def test_records_of_another_cut_are_not_added_to_those_they_overlap(ledger: Ledger) -> None:
    """A passage would lie in one record of each, so neither sum would bound it. Documents hold both, and go on."""
    short = msgspec.structs.replace(RECORD, cut="128:aa")
    charge(ledger, 0, short)
    charge(ledger, 1, short)
    head = ledger.head()
    for other in (msgspec.structs.replace(RECORD, cut="512:aa"), msgspec.structs.replace(RECORD, cut="128:bb"), RECORD):
        assert "overlap" in ledger.cut_otherwise("c1", other)
        assert not ledger.can_afford([("c1", other)])
        with pytest.raises(PrivacyError, match="cut to another length or by another tokenizer"):
            charge(ledger, 2, other)
    assert ledger.head() == head
    assert ledger.cut_otherwise("c1", short) == ""
    charge(ledger, 3, DOCUMENT)
    charge(ledger, 4, CORPUS)
    charge(ledger, 5, short)
    assert ledger.verify_chain() == []


def test_a_ledger_of_before_records_named_their_cut_still_adds_up(tmp_path: Path) -> None:
    """A field that mechanisms gained later is missing in older entries, and they are compared byte for byte."""
    path = tmp_path / "ledger.db"
    ledger = prepared(path)
    charge(ledger, 0)
    ledger.close()
    with sqlite3.connect(path) as db:
        ((seq, kind, body),) = db.execute("SELECT seq, kind, body FROM entries WHERE kind = 'charge'").fetchall()
        ((previous,),) = db.execute("SELECT hash FROM entries WHERE seq = ?", (seq - 1,)).fetchall()
        older = body.replace(b',"cut":""', b"")
        assert older != body
        db.execute(
            "UPDATE entries SET body = ?, hash = ? WHERE seq = ?", (older, entry_hash(seq, previous, kind, older), seq)
        )
        for table, column in (("charges", "lines"), ("charge_lines", "spec")):
            ((stored,),) = db.execute(f"SELECT {column} FROM {table}").fetchall()
            db.execute(f"UPDATE {table} SET {column} = ?", (stored.replace(b',"cut":""', b""),))
    again = Ledger.open(path, None)
    assert again.verify_chain() == []
    assert budget(again).epsilon == report([spent_event(RECORD, "record")], 1e-5).epsilon
    charge(again, 1)
    assert again.verify_chain() == []


def test_a_full_record_budget_stops_a_corpus_charge(ledger: Ledger) -> None:
    for number in range(ledger.rounds_left([("c1", LONG)])):
        charge(ledger, number, LONG)
    assert budget(ledger, "corpus").epsilon == 0.0
    strong = msgspec.structs.replace(CORPUS, noise_multiplier=2.0)
    with pytest.raises(BudgetExhausted, match="per record"):
        charge(ledger, 10_000, strong)


def test_gaussian_filter_beats_renyi_while_only_gaussians_were_spent(ledger: Ledger) -> None:
    charge(ledger, 0, CORPUS)
    assert "gaussian-dp" in budget(ledger, "record").method
    charge(ledger, 1, RECORD)
    assert "order" in budget(ledger, "record").method


def test_several_corpora_are_charged_together_or_not_at_all(ledger: Ledger) -> None:
    add_corpus(ledger, "c2", ["three"], epsilon=1.0)
    while ledger.can_afford([("c2", RECORD)]):
        charge(ledger, begin_next(ledger), RECORD, "c2")
    before = budget(ledger).epsilon
    with pytest.raises(BudgetExhausted, match="Text c2"):
        charge(ledger, begin_next(ledger), RECORD, "c1", "c2")
    assert budget(ledger).epsilon == before
    ledger.set_budget("c2", "record", 3.0, 1e-5)
    charge(ledger, ledger.federations()[0].high_water_round, RECORD, "c1", "c2")
    assert budget(ledger).epsilon > before


def begin_next(ledger: Ledger) -> int:
    return ledger.federations()[0].high_water_round + 1


def test_a_charge_covers_exactly_the_corpora_of_its_release(ledger: Ledger) -> None:
    add_corpus(ledger, "c2", ["three"])
    release = begin(ledger, 0, "c1", "c2").release_id
    for lines in ([("c1", RECORD)], [("c1", RECORD), ("c1", RECORD)], []):
        with pytest.raises(ValueError, match=r"covers each corpus|at least one"):
            ledger.charge(release, lines)


def test_none_ends_every_guarantee_for_good(ledger: Ledger) -> None:
    charge(ledger, 0, NONE)
    assert all(row.ended_by_none for row in ledger.budgets())
    assert begin(ledger, 0).unit == "none"
    ledger.remove_corpus("c1")
    ledger.add_corpus("again", "Again", ["/x"])
    ledger.bind_lineage("again", [_two()])
    assert [row.ended_by_none for row in ledger.budgets()] == [True, True, True]
    assert ledger.verify_chain() == []


def _two() -> str:
    from support.ledger_kit import digest

    return digest("two")


def test_none_without_any_budget_still_shows(ledger: Ledger) -> None:
    ledger.add_corpus("bare", "Bare", ["/x"])
    ledger.bind_lineage("bare", ["aa"])
    ledger.end_guarantee("bare")
    row = next(row for row in ledger.budgets() if row.corpus_id == "bare")
    assert (row.unit, row.ended_by_none) == ("none", True)


def test_without_a_budget_or_before_reading_nothing_is_charged(ledger: Ledger) -> None:
    ledger.add_corpus("new", "New text", ["/x"])
    release = begin(ledger, 0, "new").release_id
    with pytest.raises(PrivacyError, match="New text has not been read yet"):
        ledger.charge(release, [("new", RECORD)])
    ledger.bind_lineage("new", ["aa"])
    with pytest.raises(PrivacyError, match="New text has no privacy budget for the unit record"):
        ledger.charge(release, [("new", RECORD)])


def test_limits_rise_only_along_the_ladder_and_each_rung_is_a_row(ledger: Ledger) -> None:
    ledger.set_budget("c1", "record", 2.5, 1e-6)
    assert (budget(ledger).limit, budget(ledger).delta) == (2.5, 1e-5)
    with pytest.raises(PrivacyError, match=r"ε 2.5 cannot be raised to 7"):
        ledger.set_budget("c1", "record", 7.0, 1e-5)
    seq = ledger.head().seq
    assert ledger.set_budget("c1", "record", 16.0, 1e-5).limit == 16.0
    assert ledger.head().seq == seq + 3
    ledger.set_budget("c1", "record", 16.0, 1e-5)
    assert ledger.head().seq == seq + 3
    assert ledger.verify_chain() == []


@pytest.mark.parametrize(
    ("unit", "epsilon", "delta"),
    [("none", 1, 1e-5), ("record", 0, 1e-5), ("record", float("nan"), 1e-5), ("record", 1, 0), ("record", 1, 1)],
)
def test_absurd_budgets_are_refused(ledger: Ledger, unit: str, epsilon: float, delta: float) -> None:
    with pytest.raises(ValueError, match="budget"):
        ledger.set_budget("c1", unit, epsilon, delta)


def test_a_sealed_or_ended_release_is_not_charged_anew(ledger: Ledger) -> None:
    ledger.mark(begin(ledger, 0).release_id, "abandoned")
    with pytest.raises(ValueError, match="abandoned and cannot be charged"):
        charge(ledger, 0)
    assert seal(ledger, 1).charge_id == charge(ledger, 1)


def test_what_a_release_cost_is_kept_with_it(ledger: Ledger) -> None:
    first, second = seal(ledger, 0), seal(ledger, 1)
    assert first.epsilon_cost == first.epsilon_after
    assert second.epsilon_after == budget(ledger).epsilon
    assert second.epsilon_cost == pytest.approx(second.epsilon_after - first.epsilon_after)
    assert second.delta == 1e-5
