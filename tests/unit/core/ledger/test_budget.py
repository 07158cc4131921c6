"""The arithmetic: figures known from elsewhere, nothing understated, limits along the ladder."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from support.ledger_kit import CORPUS, DOCUMENT, NONE, RECORD

from core.ledger.budget import (
    feeds,
    finer,
    merged_limits,
    replaced_rdp,
    round_up,
    rungs,
    sampled_gaussian_rdp,
    spent_event,
)
from core.ledger.rows import EventSpec
from core.privacy_filters import ORDERS, gdp_epsilon


def test_the_own_bound_equals_the_accountant_at_every_order() -> None:
    from dp_accounting import dp_event
    from dp_accounting.rdp import RdpAccountant

    for q, sigma in [(0.01, 1.0), (0.25, 0.5), (0.001, 3.0), (0.0137, 0.8)]:
        accountant = RdpAccountant(list(ORDERS))
        accountant.compose(dp_event.PoissonSampledDpEvent(q, dp_event.GaussianDpEvent(sigma)))
        own = [sampled_gaussian_rdp(q, sigma, order) for order in ORDERS]
        assert own == pytest.approx(list(accountant._rdp), rel=1e-9)


def test_one_order_is_a_cliff_as_the_literature_says() -> None:
    """q = 0.01, σ = 1, T = 1000, δ = 1e-5, by the sharper conversion of one order: ε 2.11 at 8 and 3,088 at 16."""

    def epsilon(order: int) -> float:
        rdp = 1000 * sampled_gaussian_rdp(0.01, 1.0, order)
        return rdp + math.log((order - 1) / order) + (math.log(1e5) - math.log(order)) / (order - 1)

    assert epsilon(8) == pytest.approx(2.11, abs=0.005)
    assert epsilon(16) == pytest.approx(3_088, abs=1)


def test_without_sampling_it_is_the_plain_gaussian() -> None:
    assert sampled_gaussian_rdp(1.0, 2.0, 8) == 8 / 8
    assert sampled_gaussian_rdp(1 - 1e-12, 2.0, 8) == pytest.approx(1.0, rel=1e-6)


def test_extreme_mechanisms_stay_finite_and_not_negative() -> None:
    for q, sigma in [(1e-9, 1e4), (1.0, 1e4), (0.5, 0.05), (1e-9, 0.05)]:
        values = [sampled_gaussian_rdp(q, sigma, order) for order in ORDERS]
        assert all(math.isfinite(value) and value > 0 for value in values)
        assert all(low <= high * (1 + 1e-12) for low, high in pairwise(values))


def test_an_understated_charge_is_corrected_and_an_overstated_one_kept() -> None:
    own = spent_event(RECORD, "record").rdp_per_step
    low = EventSpec("sampled_gaussian", 1.0, 0.01, 20, "zero-out", "record", tuple(v / 2 for v in own))
    high = EventSpec("sampled_gaussian", 1.0, 0.01, 20, "zero-out", "record", tuple(v * 2 for v in own))
    assert spent_event(low, "record").rdp_per_step == own
    assert spent_event(high, "record").rdp_per_step == tuple(v * 2 for v in own)
    theirs = tuple(v * (1 - 1e-13) for v in own)
    near = EventSpec("sampled_gaussian", 1.0, 0.01, 20, "zero-out", "record", theirs)
    assert spent_event(near, "record").rdp_per_step == theirs, "two correct computations may differ in the last digits"


def test_replace_one_doubles_the_sensitivity() -> None:
    event = spent_event(CORPUS, "corpus")
    assert event.gaussian_mu == 2 / 4.0
    assert event.rdp_per_step == tuple(order * 0.25 / 2 for order in ORDERS)
    assert gdp_epsilon(0.5, 1e-5) == pytest.approx(1.9, abs=0.1)


@pytest.mark.parametrize(
    "arguments",
    [
        ("sampled_gaussian", 0.0, 0.05, 20, "zero-out", "record"),
        ("sampled_gaussian", -1.0, 0.05, 20, "zero-out", "record"),
        ("sampled_gaussian", math.nan, 0.05, 20, "zero-out", "record"),
        ("sampled_gaussian", math.inf, 0.05, 20, "zero-out", "record"),
        ("sampled_gaussian", 1.0, 0.0, 20, "zero-out", "record"),
        ("sampled_gaussian", 1.0, 1.1, 20, "zero-out", "record"),
        ("sampled_gaussian", 1.0, 0.05, 0, "zero-out", "record"),
        ("sampled_gaussian", 1.0, 0.05, -5, "zero-out", "record"),
        ("sampled_gaussian", 1.0, 0.05, 20, "replace-one", "record"),
        ("gaussian", 1.0, 1.0, 1, "zero-out", "corpus"),
        ("gaussian", 1.0, 0.5, 1, "replace-one", "corpus"),
        ("none", 0.0, 0.0, 0, "none", "record"),
        ("gaussian", 1.0, 1.0, 1, "replace-one", "document"),
        ("sampled_gaussian", 1.0, 0.05, 20, "zero-out", "corpus"),
    ],
)
def test_absurd_mechanisms_are_refused(arguments: tuple) -> None:
    with pytest.raises(ValueError, match=r"unit|noise|sampling|steps"):
        EventSpec(*arguments)


@pytest.mark.parametrize("values", [(0.1,), (math.nan,) * 8, (math.inf,) * 8])
def test_unusable_accountant_values_are_refused(values: tuple) -> None:
    with pytest.raises(ValueError, match="Rényi"):
        spent_event(EventSpec("sampled_gaussian", 1.0, 0.05, 20, "zero-out", "record", values), "record")


@pytest.mark.parametrize(
    ("spec", "unit"), [(NONE, "record"), (RECORD, "document"), (RECORD, "corpus"), (DOCUMENT, "corpus")]
)
def test_a_charge_has_no_event_in_a_budget_it_does_not_enter(spec: EventSpec, unit: str) -> None:
    with pytest.raises(ValueError, match="enters no budget"):
        spent_event(spec, unit)


def divergence(q: float, sigma: float, order: int, before: float, after: float) -> float:
    """D_order of the two outputs in one dimension, by the trapezoidal rule, which is exact to rounding here."""
    x = np.linspace(-60 * sigma - 3 * order, 60 * sigma + 3 * order, 400_001)

    def log_density(shift: float) -> np.ndarray:
        return np.logaddexp(np.log1p(-q) - x * x / (2 * sigma**2), np.log(q) - (x - shift) ** 2 / (2 * sigma**2))

    exponent = order * log_density(before) + (1 - order) * log_density(after)
    step, top = x[1] - x[0], exponent.max()
    total = top + np.log(np.exp(exponent - top).sum() * step) - 0.5 * np.log(2 * np.pi * sigma**2)
    return float(total / (order - 1))


@pytest.mark.parametrize("q", [0.001, 0.01, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("sigma", [0.5, 1.0, 4.0])
def test_a_replaced_record_costs_at_least_what_the_worst_documents_reveal(q: float, sigma: float) -> None:
    for order in ORDERS:
        bound = replaced_rdp(q, sigma, order)
        assert math.isfinite(bound)
        for before, after in [(1.0, -1.0), (-1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.7, -0.9)]:
            assert divergence(q, sigma, order, before, after) <= bound * (1 + 1e-9) + 1e-12, (order, before, after)


def test_a_document_charge_counts_about_fourfold_in_records_where_noise_is_large() -> None:
    own, inner = spent_event(DOCUMENT, "document"), spent_event(DOCUMENT, "record")
    assert inner.steps == own.steps
    assert all(4 * a <= b for a, b in zip(own.rdp_per_step, inner.rdp_per_step, strict=True))
    quiet = EventSpec("sampled_gaussian", 40.0, 0.01, 20, "zero-out", "document")
    ratio = spent_event(quiet, "record").rdp_per_step[0] / spent_event(quiet, "document").rdp_per_step[0]
    assert 4 <= ratio < 10


def test_units_add_up_one_way() -> None:
    assert feeds("record") == ("record", "document", "corpus")
    assert feeds("document") == ("document", "corpus")
    assert feeds("corpus") == ("corpus",)
    assert finer("corpus") == ("record", "document")
    assert finer("document") == ("record",)
    assert finer("record") == ()


def test_rungs() -> None:
    assert rungs(1, 8) == [3, 8]
    assert rungs(0.5, 64) == [1, 3, 8, 16, 32, 64]
    assert rungs(5, 8) == [8]
    for wanted in (2, 7.9, 24):
        with pytest.raises(ValueError, match="rises only"):
            rungs(1, wanted)


def test_merging_keeps_both_promises() -> None:
    assert merged_limits([(8, 1e-6), (3, 1e-5)]) == (3, 1e-6)


def test_spent_rounds_up() -> None:
    assert round_up(1.001) == 1.01
    assert round_up(2.0) == 2.0
    assert round_up(0.0) == 0.0
