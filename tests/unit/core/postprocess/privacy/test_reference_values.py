"""Published and independently computed ε: ours is that of the same method, and never below a tighter one.

The tables are figures of dp-accounting 0.6.0 (Rényi with its own dense orders; PLD), Opacus 1.6.0 (Rényi; PRV) and the
closed form of Gaussian DP, at δ 1e-5 unless a row says otherwise. The gate uses few orders and shares δ among nine
filters, so its own figure is larger; what must be equal is the same method at the same orders.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from core.ledger.budget import sampled_gaussian_rdp
from core.postprocess.privacy.accountant import Event, rdp_vector, spent
from core.privacy_filters import NUM_FILTERS, ORDERS, gdp_epsilon, renyi_epsilon, report

Case = tuple[float, float, int, float]
SAMPLED: dict[Case, tuple[float, float, float, float, float]] = {
    # (q, σ, T, δ): dp-accounting Rényi, PLD add-or-remove, PLD replace-one, Opacus Rényi, Opacus PRV
    (0.01, 1.0, 1000, 1e-5): (2.101367, 1.828244, 2.843446, 2.101365, 1.838372),
    (0.01, 1.0, 100, 1e-5): (1.214145, 0.718037, 0.895126, 1.214145, 0.728134),
    (0.01, 1.1, 1000, 1e-5): (1.711770, 1.515370, 2.477805, 1.711770, 1.525473),
    (0.01, 0.8, 1000, 1e-5): (3.695613, 3.141018, 4.228005, 3.695429, 3.151263),
    (0.01, 0.5, 1000, 1e-5): (15.472133, 13.360826, 15.161361, 15.464268, 13.371764),
    (0.004267, 1.1, 14063, 1e-5): (2.596880, 2.381987, 4.221910, 2.596880, 2.392045),
    (0.1, 2.0, 300, 1e-5): (4.564302, 4.183305, 8.326988, 4.564284, 4.193546),
    (0.001, 0.6, 10000, 1e-6): (3.999186, 3.152227, 3.454678, 3.999131, 3.162500),
    (0.02, 1.0, 2000, 1e-6): (6.847920, 6.322355, 10.380718, 6.847601, 6.332644),
}
GAUSSIAN: dict[tuple[float, int], float] = {
    # (σ, T): exact ε of T releases of sensitivity 1
    (0.5, 1): 9.997256, (0.5, 10): 46.211210, (0.5, 50): 159.441486, (0.5, 100): 284.391849,
    (1.0, 1): 4.377178, (1.0, 10): 17.856587, (1.0, 50): 54.376639, (1.0, 100): 91.817290,
    (2.0, 1): 1.993091, (2.0, 10): 7.511276, (2.0, 50): 20.675508, (2.0, 100): 33.103732,
    (4.0, 1): 0.926342, (4.0, 10): 3.341409, (4.0, 50): 8.595866, (4.0, 100): 13.206712,
}  # fmt: skip
GAUSSIAN_RENYI: dict[tuple[float, int], float] = {
    (0.5, 1): 10.725510, (0.5, 10): 48.801693, (0.5, 100): 294.861260,
    (1.0, 1): 4.728507, (1.0, 10): 19.053598, (1.0, 100): 96.116308,
    (2.0, 1): 2.165716, (2.0, 10): 8.079406, (2.0, 100): 35.081754,
    (4.0, 1): 1.012551, (4.0, 10): 3.617100, (4.0, 100): 14.132226,
}  # fmt: skip
ROUNDS_AT_EIGHT = {1: 2, 2: 11, 4: 44, 8: 177, 16: 710}
"""Releases of sensitivity 1 at σ that ε 8 at δ 1e-5 allows."""
LARGEST_MU = {1: 0.268051, 2: 0.501552, 4: 0.924931, 8: 1.666031, 16: 2.905478}
MIXED_PLD, MIXED_RENYI = 5.397469, 5.827793
"""Of (0.01, 1, 1000) and then five Gaussian releases of sensitivity 1 at σ 2."""


def by_accountant(q: float, sigma: float) -> list[float]:
    return list(rdp_vector(Event(mechanism="sampled_gaussian", noise_multiplier=sigma, sampling_prob=q)))


def by_ledger(q: float, sigma: float) -> list[float]:
    return [sampled_gaussian_rdp(q, sigma, order) for order in ORDERS]


def released(sigma: float, steps: int) -> Event:
    """Sensitivity 1 against σ is sensitivity 2C against 2σ."""
    return Event(mechanism="gaussian", noise_multiplier=2 * sigma, steps=steps)


@pytest.mark.parametrize("own", [by_accountant, by_ledger])
@pytest.mark.parametrize("case", SAMPLED)
def test_sampled_steps(own: Callable[[float, float], list[float]], case: Case) -> None:
    import dp_accounting
    from dp_accounting import rdp

    q, sigma, steps, delta = case
    dense, pld, _, opacus, prv = SAMPLED[case]
    oracle = rdp.RdpAccountant(list(ORDERS), dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE)
    event = dp_accounting.PoissonSampledDpEvent(q, dp_accounting.GaussianDpEvent(sigma))
    oracle.compose(event, steps)
    values = [value * steps for value in own(q, sigma)]
    converted, _ = rdp.compute_epsilon(ORDERS, values, delta)
    assert converted == pytest.approx(oracle.get_epsilon(delta), abs=1e-3)
    tails = [renyi_epsilon(value, order, delta) for value, order in zip(values, ORDERS, strict=True)]
    assert tails == pytest.approx(
        [value + math.log(1 / delta) / (order - 1) for value, order in zip(oracle.rdp, ORDERS, strict=True)], abs=1e-3
    )
    published = rdp.RdpAccountant(neighboring_relation=dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE)
    published.compose(event, steps)
    assert published.get_epsilon(delta) == pytest.approx(dense, abs=1e-3), "the oracle is the one of the table"
    assert max(dense, pld, opacus, prv) <= converted + 1e-3
    assert converted <= dense * 1.15, "few orders cost little"


@pytest.mark.parametrize("case", SAMPLED)
def test_the_gate_says_more_than_each_and_not_absurdly_more(case: Case) -> None:
    q, sigma, steps, delta = case
    event = spent(Event(mechanism="sampled_gaussian", noise_multiplier=sigma, sampling_prob=q, steps=steps))
    dense, pld, _, opacus, prv = SAMPLED[case]
    assert max(dense, pld, opacus, prv) < report([event], delta).epsilon <= 2.2 * pld + 1.5


@pytest.mark.parametrize("case", SAMPLED)
def test_a_replaced_record_in_a_document_costs_at_least_the_replace_one_figure(case: Case) -> None:
    from core.ledger.budget import spent_event
    from core.ledger.rows import EventSpec

    q, sigma, steps, delta = case
    spec = EventSpec("sampled_gaussian", sigma, q, steps, "zero-out", "document")
    assert report([spent_event(spec, "record")], delta).epsilon > SAMPLED[case][2]


@pytest.mark.parametrize("case", GAUSSIAN)
def test_whole_releases_cost_the_closed_form(case: tuple[float, int]) -> None:
    sigma, steps = case
    event = spent(released(sigma, steps))
    assert event.gaussian_mu == 1 / sigma
    assert gdp_epsilon(math.sqrt(steps) / sigma, 1e-5) == pytest.approx(GAUSSIAN[case], abs=1e-6)
    found = report([event], 1e-5 * NUM_FILTERS)
    assert found.by_filter["gaussian-dp"] == pytest.approx(GAUSSIAN[case], abs=1e-6)
    assert report([event], 1e-5).epsilon > GAUSSIAN[case]


@pytest.mark.parametrize("case", GAUSSIAN_RENYI)
def test_whole_releases_by_the_rényi_filters(case: tuple[float, int]) -> None:
    from dp_accounting import rdp

    sigma, steps = case
    event = spent(released(sigma, steps))
    assert event.rdp_per_step == pytest.approx([order / (2 * sigma**2) for order in ORDERS], abs=1e-9)
    few, _ = rdp.compute_epsilon(ORDERS, [value * steps for value in event.rdp_per_step], 1e-5)
    dense = [1 + x / 10 for x in range(1, 100)] + list(range(11, 64)) + [128, 256, 512, 1024]
    many, _ = rdp.compute_epsilon(dense, [order * steps / (2 * sigma**2) for order in dense], 1e-5)
    assert many == pytest.approx(GAUSSIAN_RENYI[case], abs=1e-3)
    assert GAUSSIAN[case] < many <= few + 1e-9


@pytest.mark.parametrize(
    ("events", "delta", "exact"),
    [
        ([(1.0, 1)], 1e-6, 4.886554),
        ([(2.0, 25)], 1e-6, 14.450777),
        ([(4.0, 100)], 1e-6, 14.450777),
        ([(8.0, 400)], 1e-8, 16.632379),
        ([(0.8, 3), (1.0, 10), (2.0, 20)], 1e-5, 28.069140),
    ],
    ids=["one", "twenty-five", "hundred", "four hundred", "mixed"],
)
def test_more_releases(events: list[tuple[float, int]], delta: float, exact: float) -> None:
    found = report([spent(released(sigma, steps)) for sigma, steps in events], delta * NUM_FILTERS)
    assert found.by_filter["gaussian-dp"] == pytest.approx(exact, abs=1e-6)


def test_what_a_budget_of_eight_allows() -> None:
    for epsilon, mu in LARGEST_MU.items():
        assert gdp_epsilon(mu, 1e-5) == pytest.approx(epsilon, abs=1e-3)
    for sigma, rounds in ROUNDS_AT_EIGHT.items():
        assert gdp_epsilon(math.sqrt(rounds) / sigma, 1e-5) <= 8 < gdp_epsilon(math.sqrt(rounds + 1) / sigma, 1e-5)


def test_steps_and_releases_together() -> None:
    from dp_accounting import rdp

    steps = spent(Event(mechanism="sampled_gaussian", noise_multiplier=1.0, sampling_prob=0.01, steps=1000))
    releases = spent(released(2.0, 5))
    pairs = zip(steps.rdp_per_step, releases.rdp_per_step, strict=True)
    converted, _ = rdp.compute_epsilon(ORDERS, [1000 * one + 5 * other for one, other in pairs], 1e-5)
    assert MIXED_PLD < MIXED_RENYI - 1e-3 <= converted <= 1.15 * MIXED_RENYI
    assert report([steps, releases], 1e-5).epsilon > converted
