"""A household's terms are the larger federation's wherever a round's mathematics is concerned."""

from __future__ import annotations

import msgspec
import pytest
from support.federation import config

from core.api.errors import UsageError
from core.config.base import MAX_TEXT
from core.config.exchange import AdaptationTerms, CodecConfig, DownlinkTerms, ScheduleConfig
from core.config.federation import LargerFederation
from core.config.learning import OuterConfig
from core.config.privacy import PrivacyTerms
from core.household.terms import deadline_at_home, household_terms


def test_whatever_makes_a_round_is_the_same() -> None:
    larger = config(outer=OuterConfig(learning_rate=0.2, momentum=0.9))
    own = household_terms(larger, "a" * 32, "b" * 64)
    same = ("model", "tokenizer", "public_data", "training", "shard", "privacy", "codec", "seed", "licence", "groups")
    for name in same:
        assert getattr(own, name) == getattr(larger, name), name
    assert own.run_id != larger.run_id
    assert own.forwards_to == LargerFederation(name=larger.name, federation_id="a" * 32, manifest_hash="b" * 64)
    assert own.outer.optimizer == "fedavg"
    assert own.schedule.quorum == 1
    assert own.schedule.rounds == larger.schedule.rounds
    assert larger.name in own.purpose
    assert larger.purpose in own.purpose


def test_long_words_of_theirs_still_make_valid_terms() -> None:
    larger = config(name="n" * 120, purpose="p" * MAX_TEXT)
    own = household_terms(larger, "a" * 32, "b" * 64)
    assert msgspec.json.decode(msgspec.json.encode(own), type=type(own)) == own


def test_a_household_of_a_household_is_refused() -> None:
    own = household_terms(config(), "a" * 32, "b" * 64)
    with pytest.raises(UsageError, match="is a household itself"):
        household_terms(own, "c" * 32, "d" * 64)


def test_error_feedback_is_refused_in_a_sentence() -> None:
    plain = PrivacyTerms(unit="none", relation="none")
    larger = config(privacy=plain, codec=CodecConfig(name="topk", error_feedback=0.95))
    with pytest.raises(UsageError, match="which a household cannot do for a mean"):
        household_terms(larger, "a" * 32, "b" * 64)
    sparse = config(privacy=plain, codec=CodecConfig(name="topk"))
    assert household_terms(sparse, "a" * 32, "b" * 64).codec == sparse.codec


def test_half_a_name_of_a_larger_federation_is_refused() -> None:
    with pytest.raises(ValueError, match="in part only"):
        LargerFederation(name="Moor")


@pytest.mark.parametrize(("deadline_s", "allowance_s"), [(30.0, 600.0), (3_600.0, 600.0), (86_400.0, 30.0)])
def test_there_is_time_left_for_both_ways(deadline_s: float, allowance_s: float) -> None:
    schedule = ScheduleConfig(rounds=1, cohort_size=1, quorum=1, deadline_s=deadline_s, upload_allowance_s=allowance_s)
    own = household_terms(config(schedule=schedule), "a" * 32, "b" * 64)
    at = deadline_at_home(own, 1_000.0 + deadline_s, 1_000.0)
    assert 1_000.0 + deadline_s / 2 <= at
    last = at + own.schedule.upload_allowance_s
    assert last <= 1_000.0 + deadline_s + min(allowance_s, 5.0), (
        "the household's last update comes before theirs is due"
    )
    assert deadline_at_home(own, 900.0, 1_000.0) == 1_000.0


def test_what_a_larger_federation_lets_the_line_choose_stays_there() -> None:
    larger = config(
        privacy=PrivacyTerms(unit="none", relation="none"),
        adaptation=AdaptationTerms(codecs=(CodecConfig(name="topk"),), least_local_steps=2),
        downlink=DownlinkTerms(mode="delta"),
    )
    own = household_terms(larger, "a" * 32, "b" * 64)
    assert (own.codecs, own.downlink) == ((larger.codec,), DownlinkTerms())
