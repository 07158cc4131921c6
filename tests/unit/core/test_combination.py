"""The rules on numbers small enough to check by hand, and against plain NumPy on larger ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from support.updates import cohort, update

from core import combination
from core.api.errors import UpdateError
from core.combination import Combination, Contribution
from core.config.learning import AggregationTerms
from core.influence import clip_factor, running_median
from core.postprocess.compression.codec import SLICE
from core.robust import InMemory, combine, norm_in_memory
from core.update import ModelUpdate


def terms(**changes: Any) -> AggregationTerms:
    return AggregationTerms(**changes)


def test_a_block_is_what_the_codecs_decode_at_a_time() -> None:
    assert combination.BLOCK == SLICE


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

    monkeypatch.setattr(combination, "BLOCK", 256)
    monkeypatch.setattr(combination.np, "stack", counted)
    assert combine(updates, terms(rule="trimmed-mean")).update.flat() == pytest.approx(whole, abs=1e-6)
    assert max(taken) <= 256
    assert len(taken) > 3
