"""Unit ``document`` from the reader to the receipt: whole documents are counted, drawn, charged and named."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from pathlib import Path

import msgspec
import pytest
from support.live_federation import federation, wait_for

from core.api import completion
from core.api.messages.base import Message
from core.api.messages.federations import FederationParams, ModelHere
from core.ledger.rows import EventSpec

pytestmark = pytest.mark.slow
TERMS = {
    "name": "Commons", "privacy": "document", "rounds": 1, "cohort": 1, "local_steps": 2, "batch_size": 8,
    "seq_len": 32, "windows_per_document": 2, "deadline": "2m",
}  # fmt: skip


@pytest.mark.parametrize("subspace", ["none", pytest.param("public", marks=pytest.mark.campaign)])
def test_documents_are_what_is_counted_and_charged(tmp_path: Path, subspace: str) -> None:
    terms = TERMS
    if subspace == "public":
        (tmp_path / "public.txt").write_text("What grows outside the hedge belongs to everybody. " * 400)
        terms = TERMS | {"subspace": "public", "subspace_rank": 4, "public": str(tmp_path / "public.txt")}
    notes = tmp_path / "notes.jsonl"
    notes.write_text(
        "".join(
            json.dumps({"text": f"Note {n}. " + "What grows inside the hedge stays inside the hedge. " * 12}) + "\n"
            for n in range(120)
        )
    )
    with federation(tmp_path, **terms) as (coordinator, (volunteer,), _):
        coordinator.start()
        volunteer.start()
        corpus = volunteer.add_text(notes)
        assert corpus.documents == 120
        joined = volunteer.join(coordinator.invite(), corpus)
        assert joined.manifest.unit == "document"
        volunteer.call("start")
        wait_for(coordinator.closed_rounds, 90, "the round")
        wait_for(lambda: volunteer.status().uploads[0].state == "accepted", 30, "the receipt")
        (upload,) = volunteer.status().uploads
        _try_the_model(volunteer.call("model.here", FederationParams(federation_id=joined.federation_id)))
        assert upload.unit == "document"
        budgets = {budget.unit: budget for budget in volunteer.status().privacy}
        assert set(budgets) == {"document"}
        assert 0 < budgets["document"].epsilon <= budgets["document"].limit == 8.0
        with sqlite3.connect(f"file:{volunteer.home / 'ledger.db'}?mode=ro", uri=True) as db:
            (raw,) = db.execute("SELECT spec FROM charge_lines").fetchone()
    spec = msgspec.json.decode(raw, type=EventSpec)
    assert (spec.unit, spec.mechanism, spec.steps) == ("document", "sampled_gaussian", 2)
    assert 8 / 120 <= spec.sampling_prob <= 8 / 90, "q comes from a bucketed count of documents, not of records"


def _try_the_model(here: Message) -> None:
    """The owner's text is continued by the model that the round began with."""
    assert isinstance(here, ModelHere)
    assert (here.name, here.rounds) == ("Commons", 0)
    raw = completion.request(here, "What grows inside", max_tokens=12, temperature=0.8, seed=1)
    done = subprocess.run(completion.command(), input=raw, stdout=subprocess.PIPE, timeout=60, check=True)
    *grown, end = (completion.read(line) for line in done.stdout.splitlines())
    assert isinstance(end, completion.Done)
    assert end.tokens == len(grown) > 0
