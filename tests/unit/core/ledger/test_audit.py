"""Every row that matters, changed by hand: the books no longer add up, and the sentence says where."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from support.ledger_kit import NONE, add_corpus, charge, digests, prepared, seal

from core.ledger import audit
from core.ledger.entries import GENESIS, broken_links, encode_body, entry_hash
from core.ledger.store import Ledger


def _ledger(path: Path) -> Ledger:
    ledger = prepared(path)
    add_corpus(ledger, "c2", ["three"])
    add_corpus(ledger, "c3", ["four"])
    seal(ledger, 0)
    charge(ledger, 1, NONE, "c3")
    ledger.bind_lineage("c1", digests(["three"]))
    ledger.set_budget("c1", "record", 16.0, 1e-5)
    return ledger


TAMPERINGS = [
    ("DELETE FROM entries WHERE kind = 'charge'", "is missing"),
    ("DELETE FROM entries WHERE seq = (SELECT MAX(seq) FROM entries)", "in its table|changed in its table"),
    ("UPDATE entries SET body = replace(CAST(body AS TEXT), '20', '02') WHERE kind = 'charge'", "was changed"),
    ("UPDATE entries SET kind = 'end' WHERE kind = 'seal'", "was changed"),
    ("UPDATE charge_lines SET spec = replace(CAST(spec AS TEXT), '1.0', '9.0')", "what a charge was for"),
    ("DELETE FROM charge_lines", "what a charge was for"),
    ("UPDATE charge_lines SET lineage_id = (SELECT MAX(lineage_id) FROM lineages) WHERE corpus_id = 'c1'", "charge"),
    ("DELETE FROM charges", r"a charge \(1\) is missing"),
    ("UPDATE charges SET lines = CAST('[]' AS BLOB)", "a charge"),
    ("UPDATE releases SET server_round = 5 WHERE server_round = 0", "the round of a charge"),
    ("UPDATE releases SET sha256 = 'other' WHERE sealed_at IS NOT NULL", "a sealed update"),
    ("UPDATE releases SET sealed_at = NULL", "a sealed update"),
    ("UPDATE budgets SET epsilon = 1000", "a budget"),
    ("UPDATE budgets SET delta = 0.1", "a budget"),
    ("DELETE FROM budgets", "a budget"),
    ("UPDATE lineages SET ended_by_none = 0", "an ended guarantee"),
    ("DELETE FROM documents", "documents of entry"),
    ("UPDATE documents SET digest = randomblob(32)", "documents of entry"),
]


@pytest.mark.parametrize(("statement", "words"), TAMPERINGS, ids=[statement[:44] for statement, _ in TAMPERINGS])
def test_tampering_is_named(tmp_path: Path, statement: str, words: str) -> None:
    import re

    ledger = _ledger(tmp_path / "ledger.db")
    assert ledger.verify_chain() == []
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        statement = statement.replace("SET body = replace(CAST(body AS TEXT), '20', '02')",
                                      "SET body = CAST(replace(CAST(body AS TEXT), '20', '02') AS BLOB)")  # fmt: skip
        statement = statement.replace("SET spec = replace(CAST(spec AS TEXT), '1.0', '9.0')",
                                      "SET spec = CAST(replace(CAST(spec AS TEXT), '1.0', '9.0') AS BLOB)")  # fmt: skip
        assert connection.execute(statement).rowcount > 0, "the tampering did nothing"
    found = ledger.verify_chain()
    assert found
    assert any(re.search(words, sentence) for sentence in found), found


def test_a_chain_cannot_be_reordered_or_extended_by_guessing() -> None:
    bodies = [encode_body({"n": n}) for n in range(4)]
    chain, previous = [], GENESIS
    for seq, body in enumerate(bodies, 1):
        previous = entry_hash(seq, previous, "test", body)
        chain.append((seq, "test", body, previous))
    assert list(broken_links(chain)) == []
    swapped = [chain[0], (2, *chain[2][1:]), (3, *chain[1][1:]), chain[3]]
    assert len(list(broken_links(swapped))) >= 2
    assert list(broken_links([chain[0], *chain[2:]])) == ["entry 2 is missing"]
    assert list(broken_links([*chain, (5, "test", bodies[0], bytes(32))]))
    with pytest.raises(ValueError, match="short kind"):
        entry_hash(1, GENESIS, "x" * 256, b"")


def test_a_body_does_not_depend_on_the_order_it_was_written_in() -> None:
    assert encode_body({"b": 1, "a": [2, 1]}) == encode_body({"a": [2, 1], "b": 1}) == b'{"a":[2,1],"b":1}'


def test_what_another_process_writes_meanwhile_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, other = _ledger(tmp_path / "ledger.db"), Ledger.open(tmp_path / "ledger.db", None)
    real, written = audit._Replay.compare, []

    def compare(replay: audit._Replay) -> list[str]:
        written.append(charge(other, 2, NONE, "c3"))
        return real(replay)

    monkeypatch.setattr(audit._Replay, "compare", compare)
    assert ledger.verify_chain() == []
    assert len(written) == 1
    other.close()
