"""How much one update may count: its norm against the running median, its loss, its volunteer's standing, its age.

Pure numbers; ``core.combination`` applies them to values.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from core.config.learning import AggregationTerms
from core.update import Array

NORM_ROUNDS: Final = 5
"""Rounds whose accepted norms the running median is taken over, the present one included."""
LOSS_REACH: Final = math.log(2) / 2
"""Nats from the cohort's median up to which a loss counts, so that no update weighs over twice what another does."""
FEW: Final = 3
"""Accepted norms from which on they say what is usual."""
GROWTH: Final = 2.0
"""Times the running median that the median of a whole cohort may be long in one round. Honest updates grow together
while the inner rate warms up and residuals fill: held to the median of shorter rounds they lost 1.3 % in 40 rounds."""
HARD_BOUND: Final = 100.0
"""Running medians from which on an update is no update any more, and is set aside."""


def norm_of(blocks: Iterable[Array]) -> float:
    """The L2 norm of values that come block by block; the same blocks give the same bits."""
    total = 0.0
    for block in blocks:
        total += float(np.square(block.astype(np.float64)).sum())
    return math.sqrt(total)


def running_median(norms: Iterable[float]) -> float:
    """What these accepted norms have for usual; infinite where there is none.

    Of an even number the lower one in the middle, so that in a cohort of two nobody raises it for both.
    """
    found = list(norms)
    return statistics.median_low(found) if found else math.inf


def bound_of(before: Sequence[float], present: Sequence[float]) -> float:
    """The length to which updates are clipped: the running median, or the present cohort's own where all have grown.

    Args:
        before: accepted norms of the ``NORM_ROUNDS`` − 1 rounds before.
        present: those of this round; too few say nothing of their own.
    """
    usual = running_median([*before, *present])
    own = running_median(present) if len(present) >= FEW else usual
    return max(usual, min(own, GROWTH * usual))


def longest_norm(norms: Iterable[float]) -> float:
    """The norm beyond which an update is set aside unread; infinite where too few were accepted to say.

    Of the upper of two in the middle: what few short updates could lower would shut everybody else out.
    """
    found = list(norms)
    usual = statistics.median_high(found) if len(found) >= FEW else 0.0
    return HARD_BOUND * usual if usual > 0 else math.inf


def clip_factor(norm: float, bound: float) -> float:
    """What scales an update down to the bound; 1 where it is shorter."""
    return 1.0 if norm <= bound else bound / norm


def ramp_weight(accepted_before: int, ramp_rounds: int) -> float:
    """What an update counts of a volunteer that had so many accepted before: 1/(r+1), 2/(r+1), … 1."""
    return min(1.0, (accepted_before + 1) / (ramp_rounds + 1))


def staleness_weight(rounds: int) -> float:
    """What an update counts that comes so many rounds late: 1/√(1 + s)."""
    return 1.0 / math.sqrt(1.0 + rounds)


def loss_weights(losses: Sequence[float | None], terms: AggregationTerms) -> list[float]:
    """How much each update counts by its loss; 1 on average, and exactly 1 under equal weights.

    A missing loss counts as the median. α_k ∝ exp(−L_k) (speech case study; FedVSSL, Rehman et al. 2022,
    https://arxiv.org/abs/2207.01975), with L_k at most ``LOSS_REACH`` away from the median.
    """
    said = [loss for loss in losses if loss is not None and math.isfinite(loss)]
    if terms.weights == "equal" or not said:
        return [1.0] * len(losses)
    middle = statistics.median(said)
    away = [0.0 if loss is None or not math.isfinite(loss) else loss - middle for loss in losses]
    raw = [math.exp(-max(-LOSS_REACH, min(LOSS_REACH, distance))) for distance in away]
    mean = math.fsum(raw) / len(raw)
    share = terms.loss_share if terms.weights == "loss" else 1.0
    return [share * (value / mean) + (1.0 - share) for value in raw]


def weights_of(losses: Sequence[float | None], accepted_before: Sequence[int], terms: AggregationTerms) -> list[float]:
    """What each fresh update counts: by its loss, and less while its volunteer is new."""
    by_loss = loss_weights(losses, terms)
    return [
        weight * ramp_weight(before, terms.ramp_rounds) for weight, before in zip(by_loss, accepted_before, strict=True)
    ]


def is_bounded(terms: AggregationTerms) -> bool:
    """Whether updates are clipped to the running median; order statistics give way to the *bounded* mean always."""
    return terms.norm_bound == "median" or terms.counts_once
