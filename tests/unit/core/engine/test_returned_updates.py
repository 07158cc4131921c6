"""Updates that were refused are named to the trainer, where what is left out is carried on."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.federation import config
from support.ledger_kit import begin, prepared, seal

from core.config.exchange import CodecConfig, ScheduleConfig
from core.config.privacy import PrivacyTerms
from core.engine.config_store import ConfigStore
from core.engine.rounds import Round
from core.federation.protocol import TrainInstruction
from core.ledger.store import Ledger

PLAIN = PrivacyTerms(unit="none", relation="none")


def work(ledger: Ledger, home: Path, number: int, decay: float) -> Round:
    schedule = ScheduleConfig(rounds=9, cohort_size=2, quorum=2, late_rounds=2)
    codec = CodecConfig(name="topk", error_feedback=decay)
    row = SimpleNamespace(federation_id="fed", name="Moor")
    member: Any = SimpleNamespace(config=config(privacy=PLAIN, codec=codec, schedule=schedule), row=row)
    room: Any = SimpleNamespace(home=home, ledger=ledger, key=bytes(32), config=ConfigStore(home / "config.toml"))
    instruction = TrainInstruction(
        run_id="ab" * 16, server_round=number, manifest_hash="f" * 64, base_hash="b" * 64, base_bytes=1, step_clock=0,
        local_steps=1, deadline_at=time.time() + 100, nonce=bytes(16),
    )  # fmt: skip
    return Round(room, member, begin(ledger, number), instruction)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = prepared(tmp_path / "ledger.db")
    for number, state in ((1, "refused"), (2, "accepted"), (3, "late")):
        release = seal(ledger, number)
        ledger.mark(release.release_id, "sent")
        ledger.mark(release.release_id, state)  # type: ignore[arg-type]
    return ledger


def test_refused_ones_are_named_and_late_ones_never(ledger: Ledger, tmp_path: Path) -> None:
    for number in (4, 6, 9):
        assert work(ledger, tmp_path, number, 0.95)._returned() == (f"{1:064x}",)


def test_without_error_feedback_nothing_is_named(ledger: Ledger, tmp_path: Path) -> None:
    assert work(ledger, tmp_path, 6, 0.0)._returned() == ()
