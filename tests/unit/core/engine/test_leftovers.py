"""What carries over between rounds goes with the text it came from, and with the federation."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from support.ledger_kit import federation, prepared

from core.engine import leftovers
from core.ledger.store import Ledger

NAMES = ("residual-a-b-c", "moments-a-b-c", "place-a-b")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = prepared(tmp_path / "ledger.db")
    ledger.save_federation(federation(plans={"c1": {}}))
    ledger.save_federation(federation("other", plans={}))
    for name in ("fed", "other"):
        folder = leftovers.state_folder(tmp_path, name)
        (folder / "node-1").mkdir(parents=True)
        for file in NAMES:
            (folder / file).write_bytes(b"private")
    return ledger


def left(home: Path, name: str) -> list[str]:
    return sorted(path.name for path in leftovers.state_folder(home, name).iterdir())


def test_nothing_goes_while_text_and_federation_are_there(ledger: Ledger, tmp_path: Path) -> None:
    leftovers.forget_state(tmp_path, ledger)
    assert left(tmp_path, "fed") == left(tmp_path, "other") == sorted([*NAMES, "node-1"])


def test_residual_and_moments_go_with_the_text(ledger: Ledger, tmp_path: Path) -> None:
    ledger.remove_corpus("c1")
    leftovers.forget_state(tmp_path, ledger)
    assert left(tmp_path, "fed") == [], "the folder stays, for a trainer may be at work in it"
    assert left(tmp_path, "other") == sorted([*NAMES, "node-1"])
    leftovers.forget_state(tmp_path, ledger)


def test_they_go_with_a_federation_that_was_left(ledger: Ledger, tmp_path: Path) -> None:
    row = msgspec.structs.replace(ledger.federation("other"), left_at=5.0)
    ledger.save_federation(row)
    leftovers.forget_state(tmp_path, ledger)
    assert left(tmp_path, "other") == []
    assert left(tmp_path, "fed") == sorted([*NAMES, "node-1"])
