"""A machine without text in a federation with guarantees: it trains on the public text, and nothing of its owner's."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from support.live_federation import federation, wait_for

from core.api.messages.federations import FederationParams

pytestmark = pytest.mark.slow


def test_a_volunteer_without_text_trains_on_public_shards_uncharged(tmp_path: Path) -> None:
    (tmp_path / "public.txt").write_text("A hedge is a living boundary, and this text belongs to everybody.\n" * 900)
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "private.md").write_text("What is written here stays here, whatever else the machine does.\n" * 300)
    terms = {
        "name": "Commons", "privacy": "record", "rounds": 1, "cohort": 1, "local_steps": 2, "batch_size": 4,
        "seq_len": 32, "public": tmp_path / "public.txt", "deadline": "2m",
    }  # fmt: skip
    with federation(tmp_path, **terms) as (coordinator, (volunteer,), _):
        coordinator.start()
        volunteer.start()
        own = volunteer.add_text(notes)
        joined = volunteer.join(coordinator.invite(), None)
        assert joined.corpora == []
        volunteer.call("start")
        wait_for(coordinator.closed_rounds, 90, "the round")
        wait_for(
            lambda: volunteer.status().uploads and volunteer.status().uploads[0].state == "accepted", 30, "receipt"
        )
        (upload,) = volunteer.status().uploads
        assert (upload.unit, upload.epsilon_cost) == ("public", None)
        assert volunteer.status().privacy == [], "no budget, and none that ended"
        kept = list((volunteer.home / "public" / joined.federation_id).iterdir())
        assert len(kept) == 1
        with sqlite3.connect(f"file:{volunteer.home / 'ledger.db'}?mode=ro", uri=True) as db:
            assert db.execute("SELECT COUNT(*), MIN(unit) FROM charges").fetchone() == (1, "none")
            assert db.execute("SELECT COUNT(*) FROM charge_lines").fetchone() == (0,)
            assert db.execute("SELECT COUNT(*) FROM lineages WHERE ended_by_none").fetchone() == (0,)
        assert own.state == "ready"
        volunteer.call("federation.leave", FederationParams(federation_id=joined.federation_id))
        assert not (volunteer.home / "public" / joined.federation_id).exists()
