"""The gate's arithmetic against exact values, and against what would let a charge slip through."""

from __future__ import annotations

import math
import random

import mpmath
import msgspec
import pytest

from core.privacy_filters import NUM_FILTERS, ORDERS, Spending, SpentEvent, admits, gdp_delta, gdp_epsilon, report

EXACT = {  # σ → ε at δ = 1e-5 after T Gaussian releases of sensitivity 1, μ = √T/σ
    (0.5, 1): 9.997256, (1, 1): 4.377178, (2, 1): 1.993091, (4, 1): 0.926342,
    (1, 10): 17.856587, (2, 50): 20.675508, (4, 100): 13.206712,
}  # fmt: skip


def gaussian(mu: float, steps: int = 1) -> SpentEvent:
    return SpentEvent(rdp_per_step=tuple(a * mu * mu / 2 for a in ORDERS), steps=steps, gaussian_mu=mu)


@pytest.mark.parametrize(("sigma", "steps"), EXACT)
def test_gaussian_dp_is_exact(sigma: float, steps: int) -> None:
    assert gdp_epsilon(math.sqrt(steps) / sigma, 1e-5) == pytest.approx(EXACT[sigma, steps], abs=1e-6)


def test_more_reference_values() -> None:
    assert gdp_epsilon(1.0, 1e-6) == pytest.approx(4.886554, abs=1e-6)
    assert gdp_epsilon(math.sqrt(25) / 2, 1e-6) == pytest.approx(14.450777, abs=1e-6)
    assert gdp_epsilon(math.sqrt(400) / 8, 1e-8) == pytest.approx(16.632379, abs=1e-6)
    mixed = math.sqrt(3 / 0.8**2 + 10 + 20 / 4)
    assert gdp_epsilon(mixed, 1e-5) == pytest.approx(28.069140, abs=1e-6)


def test_epsilon_is_an_upper_bound_of_its_own_delta() -> None:
    for mu in (0.01, 0.3, 1, 5, 40):
        epsilon = gdp_epsilon(mu, 1e-6)
        assert gdp_delta(epsilon, mu) <= 1e-6
        assert gdp_delta(epsilon * (1 - 1e-6), mu) > 1e-6


@pytest.mark.parametrize("mu", [1e-3, 0.1, 1.0, 6.0, 25.0, 33.0, 36.0, 60.0, 500.0])
@pytest.mark.parametrize("delta", [1e-5 / NUM_FILTERS, 1e-12])
def test_never_below_fifty_digits_also_where_float64_loses_its_tail(mu: float, delta: float) -> None:
    with mpmath.workdps(50):
        epsilon, wide = mpmath.mpf(gdp_epsilon(mu, delta)), mpmath.mpf(mu)
        true_delta = mpmath.ncdf(wide / 2 - epsilon / wide) - mpmath.exp(epsilon) * mpmath.ncdf(
            -wide / 2 - epsilon / wide
        )
        assert true_delta <= mpmath.mpf(delta)


def test_the_report_is_never_below_the_exact_value() -> None:
    generator = random.Random(7)
    for _ in range(50):
        events = [
            gaussian(generator.uniform(0.05, 2), generator.randint(1, 30)) for _ in range(generator.randint(1, 6))
        ]
        mu = math.sqrt(sum(e.gaussian_mu**2 * e.steps for e in events if e.gaussian_mu is not None))
        found = report(events, 1e-5)
        assert found.epsilon >= gdp_epsilon(mu, 1e-5)
        assert found.epsilon == min(found.by_filter.values())
        assert len(found.by_filter) == NUM_FILTERS
        generator.shuffle(events)
        assert report(events, 1e-5) == found, "order must not matter"


def test_one_sampled_event_closes_the_gaussian_filter() -> None:
    sampled = SpentEvent(rdp_per_step=(0.001,) * len(ORDERS), steps=1)
    assert "gaussian-dp" in report([gaussian(1)], 1e-5).by_filter
    assert "gaussian-dp" not in report([gaussian(1), sampled], 1e-5).by_filter


def test_a_charge_passes_only_below_the_limit_including_itself() -> None:
    limit = report([gaussian(0.5, 4)], 1e-5).epsilon
    assert admits([gaussian(0.5, 3)], [gaussian(0.5)], limit, 1e-5)
    assert not admits([gaussian(0.5, 4)], [gaussian(0.5)], limit, 1e-5)
    assert not admits([], [gaussian(0.5, 5)], limit, 1e-5)


@pytest.mark.parametrize("bad", [-1e-9, math.nan, math.inf, -math.inf])
def test_no_value_can_make_a_sum_smaller(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        SpentEvent(rdp_per_step=(bad, *(0.1,) * (len(ORDERS) - 1)), steps=1)
    with pytest.raises(ValueError, match="finite"):
        SpentEvent(rdp_per_step=(0.1,) * len(ORDERS), steps=1, gaussian_mu=bad)
    with pytest.raises(ValueError, match="finite"):
        gdp_epsilon(bad, 1e-5)


def test_negative_steps_and_wrong_orders_are_refused() -> None:
    with pytest.raises(ValueError, match="not negative"):
        SpentEvent(rdp_per_step=(0.1,) * len(ORDERS), steps=-1)
    for steps in (1.5, math.nan, math.inf):
        with pytest.raises(ValueError, match="whole number"):
            SpentEvent(rdp_per_step=(0.1,) * len(ORDERS), steps=steps)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="values"):
        SpentEvent(rdp_per_step=(0.1,), steps=1)


@pytest.mark.parametrize("delta", [0.0, 1.0, -1.0, math.nan])
def test_delta_must_make_sense(delta: float) -> None:
    with pytest.raises(ValueError, match="δ"):
        report([gaussian(1)], delta)


def test_nothing_spent_costs_nothing() -> None:
    assert report([], 1e-5).epsilon == 0.0
    assert report([gaussian(1, 0)], 1e-5).epsilon == 0.0


def test_sums_that_are_kept_give_the_reports_figure_to_the_last_bit() -> None:
    """Whatever is added, in whatever order, to whichever mechanism, sampled or not."""
    dice = random.Random(3)
    for _ in range(60):
        kept, counts = Spending(), dict[bytes, SpentEvent]()
        kinds = [
            SpentEvent(
                rdp_per_step=tuple(dice.random() * order for order in ORDERS), steps=1,
                gaussian_mu=dice.choice([None, dice.random()]) if dice.random() < 0.5 else dice.random(),
            )
            for _ in range(dice.randrange(1, 9))
        ]  # fmt: skip
        for _ in range(dice.randrange(0, 25)):
            number = dice.randrange(len(kinds))
            steps = dice.randrange(0, 4)
            before = counts.get(b"%d" % number, msgspec.structs.replace(kinds[number], steps=0))
            counts[b"%d" % number] = msgspec.structs.replace(before, steps=before.steps + steps)
            kept.put(b"%d" % number, counts[b"%d" % number])
            new = [msgspec.structs.replace(dice.choice(kinds), steps=dice.randrange(0, 3)) for _ in range(2)]
            for extra in ([], new):
                for delta in (1e-5, 1e-9):
                    expected = report([*counts.values(), *extra], delta).epsilon
                    assert kept.epsilon(delta, extra) == expected
        assert kept.events == list(counts.values())
    assert Spending().epsilon(1e-5) == 0.0
    with pytest.raises(ValueError, match="δ"):
        Spending().epsilon(0.0)
