"""Whether learning can be expected: the figure, its bounds, and what of a plan goes into it."""

from __future__ import annotations

import math
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.federation import config

from core.api.messages.privacy import Verdict
from core.config.base import UnitOfPrivacy
from core.config.privacy import PrivacyTerms, SubspaceTerms
from core.engine import plans
from core.engine.plans import Plan
from core.engine.verdict import BARELY_BELOW, RANK, USEFUL_BELOW, noise_to_signal, verdict_of
from core.model.presets import num_parameters

counts = st.integers(1, 10**9)


def test_the_bounds_part_the_verdicts() -> None:
    assert verdict_of(0.0) == verdict_of(math.nextafter(USEFUL_BELOW, 0)) == "useful"
    assert verdict_of(USEFUL_BELOW) == verdict_of(math.nextafter(BARELY_BELOW, 0)) == "barely"
    assert verdict_of(BARELY_BELOW) == verdict_of(math.inf) == "not useful"
    assert set(RANK) == set(get_args(Verdict))
    assert sorted(RANK, key=lambda one: RANK[one])[:3] == ["useful", "barely", "not useful"]


@given(sigma=st.floats(0.01, 100), values=counts, batch=counts, steps=counts, volunteers=counts)
def test_noise_to_signal_follows_its_formula(
    sigma: float, values: int, batch: int, steps: int, volunteers: int
) -> None:
    def ratio(**changes: float) -> float:
        base = {
            "noise_multiplier": sigma, "values": values, "batch": batch, "steps": steps, "volunteers": volunteers,
        }  # fmt: skip
        return noise_to_signal(**{**base, **changes})  # type: ignore[arg-type]

    assert ratio() == pytest.approx(sigma * math.sqrt(values / (steps * volunteers)) / batch)
    assert ratio(noise_multiplier=2 * sigma) == pytest.approx(2 * ratio())
    assert ratio(values=4 * values) == pytest.approx(2 * ratio())
    assert ratio(batch=2 * batch) == pytest.approx(ratio() / 2)
    assert ratio(steps=4 * steps) == ratio(volunteers=4 * volunteers) == pytest.approx(ratio() / 2)
    assert ratio(noise_multiplier=0.0) == 0


@pytest.mark.parametrize(
    "wrong", [{"values": 0}, {"batch": 0}, {"steps": 0}, {"volunteers": 0}, {"noise_multiplier": -0.1},
              {"noise_multiplier": math.nan}, {"noise_multiplier": math.inf}],
)  # fmt: skip
def test_a_figure_of_nothing_is_refused(wrong: dict[str, float]) -> None:
    right = {"noise_multiplier": 1.0, "values": 1, "batch": 1, "steps": 1, "volunteers": 1}
    with pytest.raises(ValueError, match="noise to signal"):
        noise_to_signal(**{**right, **wrong})  # type: ignore[arg-type]


def plan(unit: UnitOfPrivacy, steps: int, **changes: object) -> Plan:
    made = Plan(
        unit=unit, units=1_000, sampling_prob=0.01, noise_multiplier=0.8, clip_norm=1.0, steps=steps, relation="",
        rdp_per_step=(), epsilon_limit=8.0, epsilon_planned=2.0, delta=1e-5, rounds_affordable=9,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def test_a_plan_is_judged_over_all_its_steps_and_volunteers() -> None:
    terms = config(privacy=PrivacyTerms(unit="document", relation="zero-out"))
    training, schedule = terms.training, terms.schedule
    steps = training.local_steps * schedule.rounds
    expected = 0.8 * math.sqrt(num_parameters(terms.model) / (steps * schedule.cohort_size)) / training.batch_size
    assert plans.noise_ratio(terms, plan("document", training.local_steps)) == pytest.approx(expected)


def test_a_whole_text_is_judged_by_its_releases() -> None:
    terms = config(privacy=PrivacyTerms(unit="corpus", relation="replace-one"))
    releases = terms.schedule.rounds * terms.schedule.cohort_size
    expected = 0.8 * math.sqrt(num_parameters(terms.model) / releases)
    assert plans.noise_ratio(terms, plan("corpus", 1)) == pytest.approx(expected)


def test_a_public_subspace_promises_no_more() -> None:
    terms = config()
    whole = plans.noise_ratio(terms, plan("record", terms.training.local_steps))
    reduced = plan("record", terms.training.local_steps, subspace=SubspaceTerms(kind="released", rank=2))
    assert plans.noise_ratio(terms, reduced) == whole > 0


def test_without_noise_there_is_nothing_to_judge() -> None:
    terms = config(privacy=PrivacyTerms(unit="none", relation="none"))
    assert plans.noise_ratio(terms, plan("none", terms.training.local_steps, noise_multiplier=0.0)) == 0
