"""σ, q and ε against dp-accounting, against closed forms, and against each other."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import pytest

from core.api.errors import PrivacyError, UsageError
from core.postprocess.privacy import accountant, planner
from core.postprocess.privacy.accountant import Event, bucket, rdp_vector, spent, target_delta
from core.privacy_filters import NUM_FILTERS, ORDERS, admits, report

# (q, σ, T, δ) → PLD add/remove of dp-accounting, the tightest published value of the same mechanism
PLD = {
    (0.01, 1.0, 1000, 1e-5): 1.828244, (0.01, 0.8, 1000, 1e-5): 3.141018, (0.01, 0.5, 1000, 1e-5): 13.360826,
    (0.1, 2.0, 300, 1e-5): 4.183305, (0.001, 0.6, 10000, 1e-6): 3.152227, (0.02, 1.0, 2000, 1e-6): 6.322355,
}  # fmt: skip


def integer_order_rdp(q: float, sigma: float, order: int) -> float:
    """Mironov, Talwar & Zhang 2019, equation for integer orders: an independent way to the same number."""
    total = -math.inf
    for k in range(order + 1):
        term = math.log(math.comb(order, k)) + k * math.log(q) + (order - k) * math.log1p(-q)
        term += (k * k - k) / (2 * sigma * sigma)
        total = max(total, term) + math.log1p(math.exp(-abs(total - term))) if total > -math.inf else term
    return total / (order - 1)


@pytest.mark.parametrize(("q", "sigma"), [(0.01, 1.0), (0.05, 0.8), (0.1, 2.0), (0.25, 0.6)])
def test_renyi_values_agree_with_the_binomial_formula(q: float, sigma: float) -> None:
    event = Event(mechanism="sampled_gaussian", noise_multiplier=sigma, sampling_prob=q)
    assert rdp_vector(event) == pytest.approx([integer_order_rdp(q, sigma, a) for a in ORDERS], rel=1e-9)


def test_a_corpus_release_has_sensitivity_two_clip_norms() -> None:
    event = spent(Event(mechanism="gaussian", noise_multiplier=4.0))
    assert event.gaussian_mu == 0.5
    assert event.rdp_per_step == pytest.approx([a * 0.5**2 / 2 for a in ORDERS])


@pytest.mark.parametrize("case", PLD)
def test_the_gate_says_more_than_pld_and_not_absurdly_more(case: tuple[float, float, int, float]) -> None:
    q, sigma, steps, delta = case
    event = spent(Event(mechanism="sampled_gaussian", noise_multiplier=sigma, sampling_prob=q, steps=steps))
    found = report([event], delta).epsilon
    assert PLD[case] <= found <= 2.2 * PLD[case] + 1.5


def test_the_single_order_values_match_dp_accounting_at_the_same_orders() -> None:
    import dp_accounting
    from dp_accounting import rdp

    oracle = rdp.RdpAccountant(list(ORDERS), dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE)
    oracle.compose(dp_accounting.PoissonSampledDpEvent(0.02, dp_accounting.GaussianDpEvent(0.9)), 500)
    event = spent(Event(mechanism="sampled_gaussian", noise_multiplier=0.9, sampling_prob=0.02, steps=500))
    # dp-accounting converts tighter than the tail bound, so ours may only be larger, at δ and a fortiori at δ/K.
    assert report([event], 1e-5 * NUM_FILTERS).epsilon >= oracle.get_epsilon(1e-5)
    assert [value * 500 for value in event.rdp_per_step] == pytest.approx(list(oracle.rdp), rel=1e-12)


def test_monotone_in_steps_noise_and_sampling() -> None:
    def epsilon(q: float, sigma: float, steps: int) -> float:
        event = Event(mechanism="sampled_gaussian", noise_multiplier=sigma, sampling_prob=q, steps=steps)
        return report([spent(event)], 1e-5).epsilon

    assert epsilon(0.02, 1, 100) < epsilon(0.02, 1, 200)
    assert epsilon(0.02, 1.2, 100) < epsilon(0.02, 1, 100)
    assert epsilon(0.01, 1, 100) < epsilon(0.02, 1, 100)


@pytest.mark.parametrize(("unit", "q", "steps"), [("record", 0.05, 60), ("record", 0.01, 2000), ("corpus", 1.0, 3)])
@pytest.mark.parametrize("epsilon", [1.0, 3.0, 8.0])
def test_the_whole_solved_plan_fits_and_is_tight(unit: str, q: float, steps: int, epsilon: float) -> None:
    sigma = accountant.solve_noise_multiplier(unit, q, steps, epsilon, 1e-5)  # type: ignore[arg-type]
    event = accountant.event_for(unit, sigma, q, steps)  # type: ignore[arg-type]
    assert admits([], [spent(event)], epsilon, 1e-5)
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
def test_buckets_round_down_by_at_most_an_eighth(n: int) -> None:
    assert n * 7 / 8 <= bucket(n) <= n
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
    assert found["epsilon"] >= PLD[0.01, 1.0, 1000, 1e-5]
    assert found["relation"] == "zero-out"
    done = subprocess.run(command, input="{", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "usage"


@pytest.mark.parametrize("raw", [b"{}", b'{"solve": {}}', b'{"estimate": null}', b"[]", b'{"other": 1}'])
def test_malformed_requests_are_usage_errors(raw: bytes) -> None:
    with pytest.raises(UsageError):
        planner.answer(raw)


def test_none_has_no_epsilon() -> None:
    with pytest.raises(ValueError, match="no mechanism"):
        accountant.event_for("none", 1.0, 0.1, 1)
