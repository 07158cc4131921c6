"""Bounds, weights and rules on numbers small enough to check by hand, and against plain NumPy on larger ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from core import robust
from core.aggregation import MeanAccumulator
from core.api.errors import UpdateError
from core.config import AggregationTerms
from core.influence import clip_factor, running_median
from core.postprocess.compression.codec import SLICE
from core.robust import Combination, Contribution, InMemory, combine, norm_in_memory
from core.update import ModelUpdate


def update(*values: float) -> ModelUpdate:
    return ModelUpdate({"w": np.array(values, np.float32)})


def cohort(count: int, size: int = 50, seed: int = 0) -> list[ModelUpdate]:
    rng = np.random.default_rng(seed)
    return [
        ModelUpdate({"a": rng.standard_normal((size, 2)).astype(np.float32), "b": rng.standard_normal(3).astype("f4")})
        for _ in range(count)
    ]


def terms(**changes: Any) -> AggregationTerms:
    return AggregationTerms(**changes)


def test_a_block_is_what_the_codecs_decode_at_a_time() -> None:
    assert robust.BLOCK == SLICE


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
    before = combine([*honest, update(0.0, -1e30)], terms(norm_bound="median"), history=[0.5] * 9)
    assert before.bound == 0.5
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


@pytest.mark.parametrize("count", [10, 11, 25])
def test_order_statistics_are_those_of_each_value(count: int) -> None:
    updates = cohort(count, seed=count)
    rows = np.sort(np.stack([one.flat() for one in updates]).astype(np.float64), axis=0)
    bound = running_median(norm_in_memory(one) for one in updates)
    scaled = np.stack([clip_factor(norm_in_memory(one), bound) * one.flat().astype(np.float64) for one in updates])
    rows = np.sort(scaled, axis=0)
    cut = math.floor(0.2 * count)
    trimmed, median = (combine(updates, terms(rule=rule)) for rule in ("trimmed-mean", "median"))
    np.testing.assert_allclose(trimmed.update.flat(), rows[cut : count - cut].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(median.update.flat(), np.median(rows, axis=0), atol=1e-6)
    assert trimmed.notes == median.notes == ()


@pytest.mark.parametrize("rule", ["trimmed-mean", "median"])
def test_with_fewer_than_ten_the_bounded_mean_is_taken_and_said(rule: str) -> None:
    updates = cohort(9)
    found = combine(updates, terms(rule=rule))
    assert found.update.flat().tobytes() == combine(updates, terms(norm_bound="median")).update.flat().tobytes()
    assert found.notes == (f"With 9 updates instead of 10 the bounded mean was taken, not {rule}.",)


def test_centred_clipping_pulls_in_what_is_far_from_the_centre() -> None:
    centre = update(10.0, 0.0)
    crowd = [update(11.0, 0.0), update(9.0, 0.0), update(10.0, 1.0), update(10.0, -1.0), update(-90.0, 0.0)]
    found = combine(crowd, terms(rule="centred-clipping"), centre=centre)
    assert found.update.arrays["w"] == pytest.approx([10.0 - 1.0 / 5, 0.0])
    late = combine(crowd, terms(rule="centred-clipping"), centre=centre, late=[(update(-90.0, 0.0), 3)]).late
    assert late is not None
    assert late.arrays["w"] == pytest.approx([0.5 * 9.0 / 6, 0.0]), "one that comes late is pulled in as well"


def test_centred_clipping_without_a_centre_is_the_mean_bounded_by_the_median() -> None:
    updates = cohort(7)
    found = combine(updates, terms(rule="centred-clipping")).update.flat()
    np.testing.assert_allclose(found, combine(updates, terms(norm_bound="median")).update.flat(), atol=1e-7)


def test_multi_krum_leaves_out_those_who_are_far_from_all() -> None:
    crowd = [update(1.0 + 0.01 * i, 1.0) for i in range(8)]
    liars = [update(-1.0, 1.0), update(1.0, -1.0)]
    found = combine([liars[0], *crowd, liars[1]], terms(rule="multi-krum", trim=0.2))
    np.testing.assert_allclose(found.update.arrays["w"], [1.035, 1.0], rtol=0.02)
    few = combine(crowd[:2], terms(rule="multi-krum"))
    assert few.notes == ("With 2 updates instead of 3 the bounded mean was taken, not multi-krum.",)


def test_parameters_are_combined_over_those_who_hold_them() -> None:
    """Shard rounds: each part has its own contributors, and its own rule as far as they allow it."""
    one = [ModelUpdate({"a": np.full(2, float(i), np.float32)}) for i in range(10)]
    other = [ModelUpdate({"b": np.full(3, float(i), np.float32)}) for i in range(2)]
    found = Combination([Contribution(update=InMemory(u)) for u in (*one, *other)], terms(rule="median"))
    assert found.part("a", 0, 2).tolist() == [4.5, 4.5]
    assert found.part("b", 1, 2).tolist() == [0.5]
    assert found.count("a") == 10
    assert found.count("c") == 0
    assert "a" in found
    assert "c" not in found
    assert "With 2 updates" in found.notes[0]
    late = Combination([], late=[Contribution(update=InMemory(one[3]))])
    assert "a" not in late
    assert late.late("a", 0, 2) is not None
    assert late.late("b", 0, 2) is None


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UpdateError, match="not finite"):
        Combination([Contribution(update=InMemory(update(3e38)), factor=9.0)]).part("w", 0, 1)
    with pytest.raises(UpdateError, match="other parameters"):
        combine([update(1.0), update(1.0, 2.0)], terms())
    with pytest.raises(UpdateError, match="different shapes"):
        Combination([Contribution(update=InMemory(one)) for one in (update(1.0), update(1.0, 2.0))])
    with pytest.raises(ValueError, match="no update"):
        combine([], terms())


def test_order_statistics_hold_no_more_than_a_block_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    updates = cohort(12, size=400)
    whole = combine(updates, terms(rule="trimmed-mean")).update.flat()
    taken: list[int] = []
    stack = np.stack

    def counted(rows: list[np.ndarray]) -> np.ndarray:
        taken.append(sum(row.size for row in rows))
        return stack(rows)

    monkeypatch.setattr(robust, "BLOCK", 256)
    monkeypatch.setattr(robust.np, "stack", counted)
    assert combine(updates, terms(rule="trimmed-mean")).update.flat() == pytest.approx(whole, abs=1e-6)
    assert max(taken) <= 256
    assert len(taken) > 3
