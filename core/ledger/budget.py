"""From a charged mechanism to the events of the gate, which budgets it enters, and how a limit may rise.

Guarantees: the Rényi values used are never below the ledger's own bound, which is exact for the whole orders of the
gate (Mironov, Talwar & Zhang 2019, arXiv 1908.10530, equation 6, Poisson sampling, zero-out), computed with the
standard library alone. An accountant that understates can therefore not make a charge smaller.

Units add up: a corpus charge enters the budgets of document and record as its Gaussian event, because who is protected
as a whole corpus is protected in each part. A document charge enters the budget of record with twice its sensitivity: a
changed record leaves its document in place, so one bounded vector becomes another, 2C away at most. Charges never count
upwards: the corpus figure does not cover a document charge, nor the document figure a record charge.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from typing import Final

from core.ledger.rows import EventSpec
from core.privacy_filters import ORDERS, SpentEvent

ENTERS: Final[dict[str, tuple[str, ...]]] = {
    "record": ("record",),
    "document": ("document", "record"),
    "corpus": ("corpus", "document", "record"),
    "none": (),
}
"""Unit of a charge → units of the budgets it enters."""
BUDGET_UNITS: Final = ("record", "document", "corpus")
RELATIONS: Final = {"record": "zero-out", "document": "zero-out", "corpus": "replace-one"}
_ROUNDING: Final = 1e-9
"""Two correct computations of one bound may differ by this much; the accountant's is then taken as it is."""


def feeds(unit: str) -> tuple[str, ...]:
    """Units whose charges enter a budget of ``unit``."""
    return tuple(charged for charged, entered in ENTERS.items() if unit in entered)


def finer(unit: str) -> tuple[str, ...]:
    """Units that can be charged on the same text without entering a budget of ``unit``, ``none`` aside."""
    return tuple(charged for charged in ENTERS if charged != "none" and charged not in feeds(unit))


def sampled_gaussian_rdp(sampling_prob: float, noise_multiplier: float, order: int) -> float:
    """Rényi divergence of one Poisson-sampled Gaussian step at a whole order above 1.

    The expectation is 1 + Σ_{k≥2} C(α,k) (1−q)^(α−k) q^k (e^(k(k−1)/2σ²) − 1); all terms are positive and summed in
    logarithms, so that neither a tiny q loses its digits nor a tiny σ overflows.
    """
    q, variance = sampling_prob, noise_multiplier * noise_multiplier
    if q == 1:
        return order / (2 * variance)
    terms = [
        math.log(math.comb(order, k))
        + (order - k) * math.log1p(-q)
        + k * math.log(q)
        + _log_expm1(k * (k - 1) / (2 * variance))
        for k in range(2, order + 1)
    ]
    top = max(terms)
    total = top + math.log(math.fsum(math.exp(term - top) for term in terms))
    grown = total + math.log1p(math.exp(-total)) if total > 0 else math.log1p(math.exp(total))
    return grown / (order - 1)


def replaced_rdp(sampling_prob: float, noise_multiplier: float, order: int) -> float:
    """Rényi divergence of one Poisson-sampled Gaussian step where a drawn vector of norm C may become any other.

    The smaller of two upper bounds. With A and B the outputs before and after and N that without the example, the weak
    triangle inequality (Mironov 2017, arXiv 1702.07476, proposition 11, p = q = 2) gives
    D_α(A‖B) ≤ (α−½)/(α−1) D_2α(A‖N) + D_2α−1(N‖B), where both terms are at most those of the sampled Gaussian (Mironov,
    Talwar & Zhang 2019, theorem 5). And A and B are mixtures of the same weights, so by joint convexity
    e^((α−1)D) ≤ 1 − q + q e^(2α(α−1)/σ²).
    """
    far, near = (sampled_gaussian_rdp(sampling_prob, noise_multiplier, n) for n in (2 * order, 2 * order - 1))
    by_triangle = (order - 0.5) / (order - 1) * far + near
    exponent = 2.0 * order * (order - 1) / noise_multiplier**2
    grown = math.log(sampling_prob) + _log_expm1(exponent)
    by_convexity = (grown + math.log1p(math.exp(-grown)) if grown > 0 else math.log1p(math.exp(grown))) / (order - 1)
    return min(by_triangle, by_convexity)


def _log_expm1(x: float) -> float:
    return x + math.log(-math.expm1(-x))


def gaussian_mu(spec: EventSpec) -> float:
    """μ of one release of an unsampled Gaussian: sensitivity over noise; replace-one doubles the sensitivity."""
    return (2.0 if spec.relation == "replace-one" else 1.0) / spec.noise_multiplier


@functools.lru_cache(maxsize=4_096)
def spent_event(spec: EventSpec, budget_unit: str) -> SpentEvent:
    """What a charge adds to a budget of ``budget_unit``.

    Raises:
        ValueError: the charge does not enter such a budget (``none`` enters no budget), or the accountant's values are
            not usable.
    """
    if budget_unit not in ENTERS[spec.unit]:
        raise ValueError(f"a charge of unit {spec.unit!r} enters no budget of unit {budget_unit!r}")
    if spec.mechanism == "gaussian":
        mu = gaussian_mu(spec)
        own = tuple(order * mu * mu / 2 for order in ORDERS)
        return SpentEvent(rdp_per_step=_at_least(own, spec.rdp_per_step), steps=spec.steps, gaussian_mu=mu)
    own = tuple(sampled_gaussian_rdp(spec.sampling_prob, spec.noise_multiplier, order) for order in ORDERS)
    values = _at_least(own, spec.rdp_per_step)
    if budget_unit != spec.unit:
        replaced = (replaced_rdp(spec.sampling_prob, spec.noise_multiplier, order) for order in ORDERS)
        values = tuple(max(one, other) for one, other in zip(replaced, values, strict=True))
    return SpentEvent(rdp_per_step=values, steps=spec.steps)


def _at_least(own: tuple[float, ...], given: tuple[float, ...]) -> tuple[float, ...]:
    if not given:
        return own
    if len(given) != len(own) or not all(math.isfinite(value) for value in given):
        raise ValueError(f"an event needs {len(own)} finite Rényi values, got {given}")
    return tuple(theirs if ours <= theirs * (1 + _ROUNDING) else ours for ours, theirs in zip(own, given, strict=True))


def rungs(limit: float, wanted: float) -> list[float]:
    """The steps from a limit up to a higher one along 1, 3, 8, 16, 32, …; each becomes a row.

    Raises:
        ValueError: the wanted limit is not a rung.
    """
    ladder = [1.0, 3.0, 8.0]
    while ladder[-1] < wanted:
        ladder.append(ladder[-1] * 2)
    if wanted not in ladder:
        raise ValueError(f"a limit rises only along 1, 3, 8, 16, …; {wanted:g} is not among them")
    return [rung for rung in ladder if limit < rung <= wanted]


def merged_limits(limits: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """(ε, δ) after two lineages met: the smaller of each, so that both promises still hold."""
    pairs = list(limits)
    return min(epsilon for epsilon, _ in pairs), min(delta for _, delta in pairs)


def round_up(epsilon: float, places: int = 2) -> float:
    """ε as it may be shown: never below what was spent."""
    scale = 10.0**places
    return math.ceil(epsilon * scale - 1e-9) / scale
