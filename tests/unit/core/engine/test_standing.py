"""There is always one sentence, and the most important one wins."""

from __future__ import annotations

import msgspec
import pytest

from core.api.messages.base import Sentence
from core.api.messages.corpora import CorpusInfo
from core.api.messages.federations import FederationInfo, ManifestView
from core.api.messages.state import RoundProgress
from core.config.node import Limits
from core.engine.standing import Facts, standing
from core.hardware.limits import Decision, Readings, User, decide

VIEW = ManifestView(
    name="Moor", operator="o", jurisdiction="j", purpose="p", licence="l", withdrawal="w", unit="record",
    relation="zero-out", rounds=3, steps_per_round=3, batch_size=8, seq_len=64, clip_norm=1.0, preset="tiny",
    parameters=1, upload_bytes=1, download_bytes=1, cohort_size=1, codec="int8", shard="full",
)  # fmt: skip
MOOR = FederationInfo(
    federation_id="f", name="Moor", operator="o", address="a", manifest_hash="h", manifest=VIEW, corpora=["c"],
    joined_at=0.0, state="active",
)  # fmt: skip
TEXT = CorpusInfo(corpus_id="c", name="Notes", paths=["/n"], state="ready")
STEP = RoundProgress(federation_id="f", federation_name="Moor", server_round=2, rounds=3, phase="training", steps=5)


def decided(
    week_seconds: float = 0.0, metered: bool | None = None, limits: Limits | None = None, **wish: object
) -> Decision:
    seen = Readings(now=1_000.0, week_seconds=week_seconds, metered=metered)
    return decide(limits or Limits(), seen, User(**wish))  # type: ignore[arg-type]


def facts(**changes: object) -> Facts:
    plain = {"decision": decided(), "federations": [MOOR], "corpora": [TEXT]}
    return Facts(**{**plain, **changes})  # type: ignore[arg-type]


def changed(what: msgspec.Struct, **changes: object) -> object:
    return msgspec.structs.replace(what, **changes)


@pytest.mark.parametrize(
    ("given", "state", "text"),
    [
        (facts(federations=[], corpora=[]), "not_joined", "Choose text of yours"),
        (facts(federations=[]), "not_joined", "paste an invite"),
        (facts(federations=[changed(MOOR, state="left")]), "not_joined", "paste an invite"),
        (facts(), "waiting", "Waiting for the next round of Moor."),
        (facts(decision=decided(paused=True), progress=STEP), "paused", "until you press Resume"),
        (facts(decision=decided(snoozed_until=1_001.0)), "paused", "Paused by you until"),
        (facts(decision=decided(snoozed_until=999.0)), "waiting", "Waiting"),
        (facts(decision=decided(1e9), progress=STEP), "paused_rule", "goes on on Monday"),
        (facts(progress=STEP), "training", "Preparing round 2 of 3 of Moor."),
        (facts(progress=changed(STEP, step=1)), "training", "step 1 of 5"),
        (
            facts(decision=decided(limits=Limits(duty_cycle=0.25)), progress=changed(STEP, step=1)),
            "training",
            "Training round 2 of 3 of Moor 25 % of the time, as your rules say.",
        ),
        (facts(decision=decided(metered=True)), "paused_rule", "so no round begins"),
        (facts(decision=decided(metered=True), progress=changed(STEP, step=1)), "training", "step 1 of 5"),
        (
            facts(decision=decided(metered=True), progress=changed(STEP, phase="uploading")),
            "waiting",
            "is kept and sent",
        ),
        (facts(progress=changed(STEP, phase="download")), "training", "Downloading the model"),
        (facts(progress=changed(STEP, phase="uploading")), "training", "Sending the update"),
        (facts(progress=changed(STEP, phase="receipt")), "waiting", "waiting for its receipt"),
        (facts(exhausted=frozenset("f")), "no_budget", "privacy budget of your text is used up"),
        (facts(corpora=[changed(TEXT, state="missing")]), "problem", "'Notes' is not there any more"),
        (facts(corpora=[changed(TEXT, state="reading")]), "waiting", "Reading your text"),
        (
            facts(federations=[changed(MOOR, state="unreachable", last_error="No coordinator answers.")]),
            "waiting",
            "No coordinator answers.",
        ),
        (
            facts(federations=[changed(MOOR, state="below_floor", last_error="Your floor is σ 2 now.")]),
            "paused_rule",
            "Your floor is σ 2 now.",
        ),
        (
            facts(federations=[changed(MOOR, name="Fen", state="below_floor", last_error="Your floor rose."), MOOR]),
            "waiting",
            "next round of Moor.",
        ),
        (facts(federations=[changed(MOOR, state="resting")]), "paused_rule", "No new round of Moor is begun"),
        (
            facts(federations=[changed(MOOR, name="Fen", state="resting"), MOOR]),
            "waiting",
            "next round of Moor.",
        ),
        (
            facts(federations=[changed(MOOR, state="resting"), changed(MOOR, state="below_floor", last_error="Rose.")]),
            "paused_rule",
            "Rose.",
        ),
        (facts(federations=[changed(MOOR, last_error="The clock is 2 hours behind.")]), "problem", "2 hours behind"),
        (facts(federations=[changed(MOOR, state="finished")]), "waiting", "has finished all its rounds"),
        (
            facts(problem=Sentence(code="x", text="The ledger went back."), decision=decided(paused=True)),
            "problem",
            "went back",
        ),
    ],
)
def test_every_state_has_its_sentence(given: Facts, state: str, text: str) -> None:
    found = standing(given)
    assert found.state == state
    assert text in found.why.text
    assert found.why.code
    assert found.why.text.endswith((".", "?"))


def test_a_snooze_says_when_it_ends() -> None:
    assert standing(facts(decision=decided(snoozed_until=1_060.0))).until == 1_060.0
