"""What a volunteer refuses by arithmetic."""

from __future__ import annotations

import resource
import time

import pytest
from support.federation import config

from core.config.exchange import AdaptationTerms, CodecConfig, ScheduleConfig
from core.config.model import InitialisationTerms
from core.config.privacy import PrivacyTerms
from core.engine import plans
from core.model.presets import preset
from core.model.recipes import default_training


@pytest.mark.parametrize("name", ["3b", "3b-gpt2", "30b"])
def test_a_model_larger_than_the_machine_is_refused_at_once_in_one_sentence(name: str) -> None:
    terms = config(
        model=preset(name), training=default_training(name, "none"),
        schedule=ScheduleConfig(rounds=16, cohort_size=2, quorum=2),
    )  # fmt: skip
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    reason = plans.too_big(terms, 4 << 30)
    assert time.process_time() - began < 0.5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10, "nothing was allocated"
    assert reason.startswith("A round needs about ")
    assert "your limit is 4.0 GB" in reason


def test_a_model_that_fits_is_taken_however_large_its_updates_are() -> None:
    terms = config(model=preset("125m"), training=default_training("125m", "record"))
    assert plans.upload_bytes(terms) > 100 << 20
    assert plans.too_big(terms, 1 << 40) == ""
    assert plans.too_big(config(), 4 << 30) == ""


def test_the_consent_is_told_every_codec_what_stays_and_what_is_asked_beyond_the_update() -> None:
    plain = plans.manifest_view(config(privacy=PrivacyTerms(unit="none", relation="none")))
    assert (plain.slower_codecs, plain.carries_over, plain.starts_alone, plain.held_out_score) == (
        [],
        False,
        False,
        False,
    )
    small = CodecConfig(name="topk", error_feedback=0.9)
    terms = config(
        privacy=PrivacyTerms(unit="none", relation="none"), codec=CodecConfig(name="int8", error_feedback=0.9),
        adaptation=AdaptationTerms(codecs=(small,)),
        schedule=ScheduleConfig(rounds=16, cohort_size=2, quorum=2, evaluate_every=4),
    )  # fmt: skip
    view = plans.manifest_view(terms)
    assert (view.codec, view.slower_codecs) == ("int8", ["topk"])
    assert view.carries_over
    assert view.held_out_score
    assert "held_out" in plans.leaves(terms)
    assert view.upload_bytes > 20 * plans.upload_bytes(
        config(privacy=PrivacyTerms(unit="none", relation="none"), codec=small)
    )
    alone = config(
        privacy=PrivacyTerms(unit="none", relation="none"), initialisation=InitialisationTerms(source="sampled-client")
    )
    assert plans.manifest_view(alone).starts_alone
