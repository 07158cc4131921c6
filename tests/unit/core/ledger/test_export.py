"""The exported ledger is checked by this file alone, from the rule it carries; the report says what stands in it."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import msgspec
import pytest
from support.ledger_kit import CORPUS, DOCUMENT, NONE, RECORD, RUN, add_corpus, charge, prepared, seal

from core.ledger import export
from core.ledger.rows import ReleaseAttributes
from core.ledger.store import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = prepared(tmp_path / "ledger.db")
    for number, spec in enumerate((RECORD, DOCUMENT, CORPUS)):
        charge(made, number, spec)
    seal(made, 0)
    public = made.begin_release("fed", RUN, 3, ReleaseAttributes("b" * 64, "full", (), "f" * 64))
    made.charge(public.release_id, [])
    return made


def test_a_stranger_can_follow_the_chain_by_the_rule_in_the_file(ledger: Ledger) -> None:
    raw = b"".join(ledger.export_json())
    found = json.loads(raw)
    assert found["format"] == "hedgerow-ledger-1"
    assert [entry["seq"] for entry in found["entries"]] == list(range(1, ledger.head().seq + 1))
    bodies = msgspec.json.decode(
        msgspec.json.decode(raw, type=dict[str, msgspec.Raw])["entries"], type=list[dict[str, msgspec.Raw]]
    )
    previous = bytes(32)
    for entry, raw_entry in zip(found["entries"], bodies, strict=True):
        kind = entry["kind"].encode()
        previous = hashlib.sha256(
            b"hedgerow-ledger-1\n" + entry["seq"].to_bytes(8, "big") + previous + bytes([len(kind)]) + kind
            + bytes(raw_entry["body"])
        ).digest()  # fmt: skip
        assert previous.hex() == entry["hash"]
    assert previous == ledger.head().digest
    assert export.check(raw) == []


def test_a_changed_or_missing_entry_is_named(ledger: Ledger) -> None:
    raw = b"".join(ledger.export_json())
    changed = raw.replace(b'"noise_multiplier":1.0', b'"noise_multiplier":9.0', 1)
    assert changed != raw
    assert any("was changed" in sentence for sentence in export.check(changed))
    lines = raw.split(b"\n")
    assert any("is missing" in sentence for sentence in export.check(b"\n".join(lines[:2] + lines[3:])))
    for nonsense in (b"{}", b"[]", b'{"format":"other","entries":[]}'):
        with pytest.raises(ValueError, match=r"format|no exported ledger"):
            export.check(nonsense)


def test_the_figures_are_those_of_the_budgets(ledger: Ledger) -> None:
    found = json.loads(b"".join(ledger.export_json()))
    assert {(b["unit"], b["epsilon"]) for b in found["budgets"]} == {(b.unit, b.epsilon) for b in ledger.budgets()}


def test_the_report_names_every_charge_and_no_path(ledger: Ledger) -> None:
    report = ledger.export_report()
    assert len(re.findall(r"^ +\d+  \d{4}-\d\d-\d\d", report, re.M)) == 4
    assert "Text c1, 20 × σ 1, q 0.01 per document" in report
    assert "public text alone, nothing charged" in report
    assert "The fed, round 0" in report
    assert "/text/" not in report + b"".join(ledger.export_json()).decode()
    for budget in ledger.budgets():
        assert f"of {budget.limit:g} charged" in report


def test_an_ended_guarantee_stands_in_capitals(tmp_path: Path) -> None:
    ledger = prepared(tmp_path / "ledger.db")
    assert "Nothing was ever charged." in ledger.export_report()
    charge(ledger, 0, NONE)
    add_corpus(ledger, "c2", ["three"])
    report = ledger.export_report()
    assert report.count("Text c1: NO GUARANTEE.") == 3
    assert "Text c2: ε 0.00 of 8 charged" in report
    assert "Text c1, NO GUARANTEE" in report
