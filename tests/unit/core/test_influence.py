"""What one update counts, on numbers small enough to check by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.config.learning import AggregationTerms
from core.influence import (
    GROWTH,
    LOSS_REACH,
    bound_of,
    clip_factor,
    is_bounded,
    loss_weights,
    norm_of,
    ramp_weight,
    running_median,
    staleness_weight,
    weights_of,
)

METRIC = AggregationTerms(weights="metric")


def test_a_norm_is_that_of_all_blocks() -> None:
    values = np.arange(10, dtype=np.float32)
    assert norm_of([values[:4], values[4:]]) == pytest.approx(np.linalg.norm(values))


def test_a_cohort_that_has_grown_as_a_whole_is_held_to_its_own_length() -> None:
    usual = [1.0] * 12
    assert bound_of(usual, [1.1, 0.9, 1.0]) == 1.0
    assert bound_of(usual, [1.7, 1.8, 1.6]) == 1.7, "the inner rate warms up"
    assert bound_of(usual, [1e9, 1e9, 1e9]) == GROWTH, "all of a cohort may be hostile once"
    assert bound_of(usual, [1.0, 1.0, 1e9]) == 1.0, "one of three is not the cohort"
    assert bound_of(usual, [1.7, 1.8]) == 1.0, "two say nothing"
    assert bound_of([], [3.0, 1.0]) == 1.0
    assert bound_of([2.0] * 9, [0.5] * 3) == 2.0, "short ones are not clipped to themselves"


def test_the_running_median_bounds_what_is_longer_and_leaves_the_rest() -> None:
    assert running_median([3.0, 1.0, 2.0]) == 2.0
    assert running_median([1.0, 1e30]) == 1.0, "of two the shorter one"
    assert math.isinf(running_median([]))
    assert clip_factor(1.0, 2.0) == 1.0
    assert clip_factor(8.0, 2.0) == 0.25
    assert clip_factor(8.0, math.inf) == 1.0
    assert clip_factor(8.0, 0.0) == 0.0


@pytest.mark.parametrize("lie", [0.0, 1e300, math.inf, math.nan])
@pytest.mark.parametrize("count", [2, 3, 10, 129])
def test_a_lying_loss_gets_at_most_two_shares(lie: float, count: int) -> None:
    honest = list(np.linspace(2.0, 6.0, count - 1))
    found = loss_weights([lie, *honest], METRIC)
    assert found[0] / sum(found) <= 2 / (count + 1) + 1e-12
    assert max(found) / min(found) <= 2.0 + 1e-12
    assert sum(found) == pytest.approx(count)


def test_a_missing_loss_counts_as_the_median() -> None:
    found = loss_weights([None, 2.0, 3.0, 4.0], METRIC)
    assert found[0] == found[2]
    assert loss_weights([None, None], METRIC) == [1.0, 1.0]
    assert loss_weights([1.0, 9.0], AggregationTerms()) == [1.0, 1.0]
    assert found[1] / found[2] == pytest.approx(math.exp(LOSS_REACH))


def test_losses_weigh_by_the_softmax_of_their_negative() -> None:
    losses = [2.0, 2.1, 2.25]
    expected = np.exp(1 - np.array(losses))
    np.testing.assert_allclose(np.array(loss_weights(losses, METRIC)) / 3, expected / expected.sum())


def test_new_volunteers_count_less_until_they_are_known() -> None:
    assert [ramp_weight(done, 3) for done in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert ramp_weight(0, 0) == 1.0
    assert weights_of([None, None], [0, 9], AggregationTerms(ramp_rounds=1)) == [0.5, 1.0]


def test_late_updates_count_less_with_each_round() -> None:
    assert [staleness_weight(s) for s in (0, 1, 3)] == [1.0, pytest.approx(0.7071, abs=1e-4), 0.5]


def test_order_statistics_fall_back_to_a_bounded_mean_only() -> None:
    assert not is_bounded(AggregationTerms())
    assert is_bounded(AggregationTerms(norm_bound="median"))
    assert is_bounded(AggregationTerms(rule="median"))
    assert not is_bounded(AggregationTerms(rule="centred-clipping"))
