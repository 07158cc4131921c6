"""Rényi values in sixty digits, plans solved and priced, and the planner that answers for them."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import mpmath
import pytest

from core.api.errors import HedgerowError, PrivacyError, UsageError
from core.postprocess.privacy import accountant, planner
from core.postprocess.privacy.accountant import Event, bucket, rdp_vector, spent, target_delta
from core.privacy_filters import NUM_FILTERS, ORDERS, admits, gdp_epsilon, report


def sampled(q: float, sigma: float, steps: int = 1) -> Event:
    return Event(mechanism="sampled_gaussian", noise_multiplier=sigma, sampling_prob=q, steps=steps)


def exact_rdp(q: float, sigma: float, order: int) -> mpmath.mpf:
    """Mironov, Talwar & Zhang 2019 at a whole order, as 1 plus a sum of positive terms, in sixty digits."""
    wide, variance = mpmath.mpf(q), mpmath.mpf(sigma) ** 2
    excess = mpmath.fsum(
        mpmath.binomial(order, k)
        * wide**k
        * (1 - wide) ** (order - k)
        * mpmath.expm1(mpmath.mpf(k * k - k) / (2 * variance))
        for k in range(2, order + 1)
    )
    return mpmath.log1p(excess) / (order - 1)


@pytest.mark.parametrize("q", [1e-7, 1e-4, 0.01, 0.05, 0.25, 0.9, 1 - 1e-9])
@pytest.mark.parametrize("sigma", [0.3, 0.6, 1.0, 2.0, 50.0])
def test_renyi_values_are_exact_and_never_below(q: float, sigma: float) -> None:
    with mpmath.workdps(60):
        for order, value in zip(ORDERS, rdp_vector(sampled(q, sigma)), strict=True):
            true = exact_rdp(q, sigma, order)
            assert true <= mpmath.mpf(value) <= true * (1 + 1e-11) + 1e-11


def test_sampling_everything_is_the_plain_gaussian() -> None:
    assert rdp_vector(sampled(1.0, 2.0)) == pytest.approx([a / 8 for a in ORDERS])


def test_a_corpus_release_has_sensitivity_two_clip_norms() -> None:
    event = spent(Event(mechanism="gaussian", noise_multiplier=4.0))
    assert event.gaussian_mu == 0.5
    assert event.rdp_per_step == pytest.approx([a * 0.5**2 / 2 for a in ORDERS])


@pytest.mark.parametrize("steps", [1, 10, 50, 100])
@pytest.mark.parametrize("sigma", [1.0, 2.0, 4.0])
def test_a_corpus_plan_costs_its_closed_form(sigma: float, steps: int) -> None:
    event = spent(Event(mechanism="gaussian", noise_multiplier=sigma, steps=steps))
    exact = gdp_epsilon(2 * math.sqrt(steps) / sigma, 1e-5)
    assert report([event], 1e-5 * NUM_FILTERS).epsilon == pytest.approx(exact, abs=1e-3)
    assert report([event], 1e-5).epsilon > exact


@pytest.mark.parametrize(("unit", "q", "steps"), [("record", 0.05, 60), ("record", 0.01, 2000), ("corpus", 1.0, 3)])
@pytest.mark.parametrize("epsilon", [1.0, 3.0, 8.0])
def test_the_whole_solved_plan_fits_and_is_tight(unit: str, q: float, steps: int, epsilon: float) -> None:
    sigma = accountant.solve_noise_multiplier(unit, q, steps, epsilon, 1e-5)  # type: ignore[arg-type]
    event = accountant.event_for(unit, sigma, q, steps)  # type: ignore[arg-type]
    assert admits([], [spent(event)], epsilon, 1e-5)
    one_by_one = [spent(accountant.event_for(unit, sigma, q, 1))] * steps  # type: ignore[arg-type]
    assert admits(one_by_one[:-1], one_by_one[-1:], epsilon, 1e-5)
    less = accountant.event_for(unit, sigma * 0.99, q, steps)  # type: ignore[arg-type]
    assert not admits([], [spent(less)], epsilon, 1e-5)


def test_the_federations_minimum_wins_when_it_is_stricter() -> None:
    assert accountant.solve_noise_multiplier("record", 0.01, 10, 8.0, 1e-5, minimum=2.0) == 2.0


def test_an_impossible_budget_is_named() -> None:
    with pytest.raises(PrivacyError, match="No amount of noise"):
        accountant.solve_noise_multiplier("record", 0.01, 10, 0.01, 1e-5)


def test_rounds_affordable_is_exactly_where_the_gate_stops() -> None:
    rounds = accountant.rounds_affordable("record", 1.0, 0.05, 20, 8.0, 1e-5)
    event = Event(mechanism="sampled_gaussian", noise_multiplier=1.0, sampling_prob=0.05, steps=20 * rounds)
    more = Event(mechanism="sampled_gaussian", noise_multiplier=1.0, sampling_prob=0.05, steps=20 * (rounds + 1))
    assert rounds > 0
    assert admits([], [spent(event)], 8.0, 1e-5)
    assert not admits([], [spent(more)], 8.0, 1e-5)


@pytest.mark.parametrize("n", [1, 15, 16, 17, 999, 1_000, 1_300, 123_457, 10**9])
def test_buckets_round_down_by_at_most_a_ninth(n: int) -> None:
    assert n * 8 / 9 <= bucket(n) <= n
    assert bucket(bucket(n)) == bucket(n)


def test_delta() -> None:
    assert target_delta(1_000, 1e-5) == 1e-5
    assert target_delta(1_000_000, 1e-5) == pytest.approx(1e-7)


def test_too_little_text_is_refused_by_name() -> None:
    request = planner.Solve(
        unit="record", n=100, batch_size=64, steps_per_round=20, rounds=3, epsilon=8, delta=1e-5, max_sampling_prob=0.25
    )
    with pytest.raises(PrivacyError, match="100 records"):
        planner.solve(request)


def test_the_planner_child_answers_and_refuses() -> None:
    command = [sys.executable, "-I", "-m", "core.postprocess.privacy.planner"]
    request = {
        "estimate": {"unit": "record", "noise_multiplier": 1.0, "sampling_prob": 0.01, "steps": 1000, "delta": 1e-5}
    }
    done = subprocess.run(command, input=json.dumps(request), capture_output=True, text=True, timeout=60, check=False)
    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert found["epsilon"] >= 1.828244, "PLD's"
    assert found["relation"] == "zero-out"
    done = subprocess.run(command, input="{", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "usage"


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b'{"solve": {}}', b'{"estimate": null}', b"[]", b'{"other": 1}', b"\xff", b"[" * 5_000, b" " * 70_000],
)
def test_malformed_requests_are_usage_errors(raw: bytes) -> None:
    with pytest.raises(UsageError):
        planner.answer(raw)


PLAN: dict[str, object] = {
    "unit": "record", "n": 1300, "batch_size": 64, "steps_per_round": 20, "rounds": 3, "epsilon": 8.0, "delta": 1e-5,
    "min_noise_multiplier": 0.3, "max_sampling_prob": 0.25,
}  # fmt: skip
ABSURD = [0, -1, 1e-320, 1e308, 10**300, None, "x", True]


@pytest.mark.parametrize("field", PLAN)
@pytest.mark.parametrize("value", ABSURD)
def test_an_absurd_plan_gets_a_sentence_or_a_plan_that_fits(field: str, value: object) -> None:
    try:
        found = json.loads(planner.answer(json.dumps({"solve": {**PLAN, field: value}}).encode()))
    except HedgerowError:
        return
    assert 0 < found["epsilon_planned"] <= (value if field == "epsilon" else 8.0)
    assert 0 < found["sampling_prob"] <= 0.25 or field == "max_sampling_prob"
    assert found["rounds_affordable"] >= (value if field == "rounds" else 3)


@pytest.mark.parametrize("field", ["unit", "noise_multiplier", "steps", "delta", "sampling_prob"])
@pytest.mark.parametrize("value", ABSURD)
def test_an_absurd_estimate_gets_a_sentence_or_a_figure(field: str, value: object) -> None:
    good = {"unit": "record", "noise_multiplier": 1.0, "steps": 100, "delta": 1e-5, "sampling_prob": 0.01}
    try:
        found = json.loads(planner.answer(json.dumps({"estimate": {**good, field: value}}).encode()))
    except HedgerowError:
        return
    assert found["epsilon"] >= 0


def test_a_corpus_plan_is_solved_by_the_closed_form() -> None:
    found = planner.solve(planner.Solve(**{**PLAN, "unit": "corpus", "rounds": 10}))  # type: ignore[arg-type]
    assert found.relation == "replace-one"
    assert found.sampling_prob == 1
    mu = 2 * math.sqrt(10) / found.noise_multiplier
    assert gdp_epsilon(mu, 1e-5 / NUM_FILTERS) == pytest.approx(found.epsilon_planned, abs=1e-6)
    assert 7.99 < found.epsilon_planned <= 8
    assert found.rounds_affordable == 10


def test_what_the_engine_imports_is_light() -> None:
    program = (
        "import sys, core.postprocess.privacy.accountant, core.postprocess.compression.codec, core.postprocess.base;"
        "print(sorted({'torch', 'scipy', 'dp_accounting'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_none_has_no_epsilon() -> None:
    with pytest.raises(ValueError, match="no mechanism"):
        accountant.event_for("none", 1.0, 0.1, 1)


def test_the_figure_to_compare_with_is_below_the_gates_and_above_what_is_exact() -> None:
    event = accountant.event_for("record", 1.0, 0.01, 1_000)
    pld = accountant.pld_epsilon(event, 1e-5)
    assert pld == pytest.approx(1.828, abs=2e-3), "the literature's value for q 0.01, σ 1, T 1000"
    assert pld < report([accountant.spent(event)], 1e-5).epsilon
    corpus = accountant.event_for("corpus", 4.0, 1.0, 9)
    assert accountant.pld_epsilon(corpus, 1e-5) == gdp_epsilon(1.5, 1e-5)


def test_an_endless_plan_is_not_compared() -> None:
    assert accountant.pld_epsilon(accountant.event_for("record", 1.0, 0.01, 10**9), 1e-5) is None
