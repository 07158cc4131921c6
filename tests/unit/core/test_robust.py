"""What is made of updates in memory: bounds, weights and late ones on numbers small enough to check by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from support.updates import cohort, update

from core.aggregation import MeanAccumulator
from core.api.errors import UpdateError
from core.config.learning import AggregationTerms
from core.robust import combine, norm_in_memory


def terms(**changes: Any) -> AggregationTerms:
    return AggregationTerms(**changes)


def test_a_norm_is_that_of_all_blocks() -> None:
    one = cohort(1)[0]
    assert norm_in_memory(one) == pytest.approx(one.norm(), rel=1e-12)


def test_the_plain_mean_has_the_bits_of_the_accumulator() -> None:
    updates = cohort(5)
    total = MeanAccumulator(updates[0].shapes)
    for one in updates:
        total.add(one)
    found = combine(updates, terms())
    assert found.update.flat().tobytes() == total.mean().flat().tobytes()
    assert found.factors == found.weights == (1.0,) * 5
    assert math.isinf(found.bound)


def test_a_huge_update_moves_the_mean_by_no_more_than_a_usual_one() -> None:
    honest = [update(1.0, 0.0), update(0.0, 1.0), update(-1.0, 0.0)]
    found = combine([*honest, update(0.0, -1e30)], terms(norm_bound="median"))
    assert found.bound == 1.0
    assert found.factors == (1.0, 1.0, 1.0, pytest.approx(1e-30))
    assert found.update.arrays["w"] == pytest.approx([0.0, 0.0], abs=1e-6)
    before = combine([*honest, update(0.0, -1e30)], terms(norm_bound="median"), history=[0.25] * 9)
    assert before.bound == 0.5, "a cohort that has grown counts for twice the usual at most"
    assert before.update.norm() <= 0.5


def test_metric_weights_are_the_softmax_of_the_negative_loss() -> None:
    losses = [2.0, 2.1, 2.25]
    expected = np.exp(1 - np.array(losses))  # the speech case study's exp(1 − L)/Σ
    mean = combine([update(1.0), update(2.0), update(4.0)], terms(weights="metric"), losses=losses)
    assert mean.update.arrays["w"][0] == pytest.approx(expected @ [1, 2, 4] / expected.sum())


def test_loss_weights_are_mixed_with_the_plain_mean() -> None:
    losses, updates = [2.0, 2.3], [update(1.0), update(3.0)]
    by_loss = combine(updates, terms(weights="metric"), losses=losses).update.arrays["w"][0]
    plain = combine(updates, terms()).update.arrays["w"][0]
    for share in (0.0, 0.9, 1.0):
        found = combine(updates, terms(weights="loss", loss_share=share), losses=losses).update.arrays["w"][0]
        assert found == pytest.approx(share * by_loss + (1 - share) * plain, rel=1e-6)


def test_new_volunteers_count_less_until_they_are_known() -> None:
    found = combine([update(0.0), update(3.0)], terms(ramp_rounds=1), accepted_before=[0, 9])
    assert found.update.arrays["w"][0] == pytest.approx(2.0)


def test_late_updates_count_less_and_stay_beside_the_mean() -> None:
    found = combine([update(1.0), update(3.0)], terms(), late=[(update(4.0), 3)])
    assert found.update.arrays["w"][0] == 2.0
    assert found.late is not None
    assert found.late.arrays["w"][0] == pytest.approx(0.5 * 4.0 / 3)
    bounded = combine([update(1.0), update(1.0)], terms(norm_bound="median"), late=[(update(-1e9), 3)])
    assert bounded.late is not None
    assert bounded.late.arrays["w"][0] == pytest.approx(-0.5 / 3)
    assert combine([update(1.0)], terms()).late is None


def test_what_cannot_be_combined_is_refused() -> None:
    with pytest.raises(UpdateError, match="other parameters"):
        combine([update(1.0), update(1.0, 2.0)], terms())
    with pytest.raises(ValueError, match="no update"):
        combine([], terms())
    with pytest.raises(ValueError, match="another number"):
        combine([update(1.0)], terms(), losses=[1.0, 2.0])
