"""How much privacy a mechanism costs: Rényi values over dp-accounting, σ solved for a whole plan, rounds affordable.

The gate itself is ``core.privacy_filters``; this module gives it its numbers. dp-accounting and scipy take over a
second to import, so they are imported inside functions and the engine asks ``planner`` in a child process instead.

Relations: ``record`` and ``document`` are zero-out with public n, for which the Rényi bound of the Poisson-sampled
Gaussian under add-or-remove applies (Mironov et al. 2019, arXiv 1908.10530). ``corpus`` is replace-one: sensitivity 2C
against noise σC, so μ = 2/σ per release.

Guarantees: σ is rounded up and rounds down; ``solve_noise_multiplier`` returns a value whose *whole plan* the gate
admits, checked with the rounded value itself. Rényi values are rounded outwards by more than dp-accounting's own
rounding, which matters where a tiny q leaves it a difference of almost equal numbers.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from core.api.errors import PrivacyError
from core.config.base import UnitOfPrivacy
from core.privacy_filters import ORDERS, SpentEvent, admits, gdp_epsilon

MIN_NOISE = 1e-3
MAX_NOISE = 10_000.0
MAX_STEPS = 10**12
_LEAST_SOLVED = 0.05
_DIGITS = 4
_MOST_PLD_STEPS = 200_000
_OUTWARD = 1e-12
_SLACK = 1e-9
"""Share of ε kept free, so that the last round of a plan fits although the ledger adds its rounds one by one."""

Mechanism = Literal["sampled_gaussian", "gaussian"]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One mechanism with fixed parameters, run ``steps`` times."""

    mechanism: Mechanism
    noise_multiplier: float
    sampling_prob: float = 1.0
    steps: int = 1

    def __post_init__(self) -> None:
        """Check every number.

        Raises:
            ValueError: a parameter is out of range.
        """
        if not MIN_NOISE <= self.noise_multiplier <= MAX_NOISE:
            raise ValueError(
                f"noise_multiplier must lie between {MIN_NOISE:g} and {MAX_NOISE:g}, got {self.noise_multiplier}"
            )
        if not 0 < self.sampling_prob <= 1:
            raise ValueError(f"sampling_prob must lie in (0, 1], got {self.sampling_prob}")
        if not 0 <= self.steps <= MAX_STEPS:
            raise ValueError(f"steps must lie between 0 and {MAX_STEPS:,}, got {self.steps}")
        if self.mechanism == "gaussian" and self.sampling_prob != 1:
            raise ValueError("an unsampled Gaussian has no sampling probability")


def relation_of(unit: UnitOfPrivacy) -> str:
    """The neighbouring relation a unit's ε is printed with."""
    return {"record": "zero-out", "document": "zero-out", "corpus": "replace-one", "none": "none"}[unit]


def rdp_vector(event: Event) -> tuple[float, ...]:
    """Rényi divergence bound of one step at each of ``ORDERS``, from dp-accounting, rounded outwards."""
    import dp_accounting
    from dp_accounting import rdp

    if event.mechanism == "gaussian":
        inner: dp_accounting.DpEvent = dp_accounting.GaussianDpEvent(event.noise_multiplier / 2.0)
    else:
        gaussian = dp_accounting.GaussianDpEvent(event.noise_multiplier)
        inner = dp_accounting.PoissonSampledDpEvent(event.sampling_prob, gaussian)
    accountant = rdp.RdpAccountant(list(ORDERS), dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE)
    accountant.compose(inner, 1)
    return tuple(max(float(value), 0.0) * (1 + _OUTWARD) + _OUTWARD for value in accountant.rdp)


def pld_epsilon(event: Event, delta: float) -> float | None:
    """ε of a plan that is fixed from the start, by privacy loss distributions; for comparison, never for the gate.

    Tighter than any filter, because it may assume that nothing will be chosen later. Add-or-remove for a sampled
    Gaussian, of which zero-out is a case; for a whole corpus the exact figure of the Gaussian.

    Returns:
        ``None`` where the plan is too long to be worth the time, or is no plan at all.
    """
    if not 0 < event.steps <= _MOST_PLD_STEPS:
        return None
    if event.mechanism == "gaussian":
        return gdp_epsilon(2.0 / event.noise_multiplier * math.sqrt(event.steps), delta)
    import dp_accounting
    from dp_accounting.pld import pld_privacy_accountant as pld

    accountant = pld.PLDAccountant(dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE)
    gaussian = dp_accounting.GaussianDpEvent(event.noise_multiplier)
    accountant.compose(dp_accounting.PoissonSampledDpEvent(event.sampling_prob, gaussian), event.steps)
    epsilon = float(accountant.get_epsilon(delta))
    return epsilon if math.isfinite(epsilon) else None


def spent(event: Event) -> SpentEvent:
    """The event as the gate counts it."""
    mu = 2.0 / event.noise_multiplier if event.mechanism == "gaussian" else None
    return SpentEvent(rdp_per_step=rdp_vector(event), steps=event.steps, gaussian_mu=mu)


def bucket(num_units: int) -> int:
    """Coarse public n: rounded *down* to four significant binary digits, so at most 1/8 below the truth.

    q = B / bucket is fixed at consent and charged as it is, so the privacy figure does not depend on n at all. The true
    n is never smaller, so a draw has q·n ≥ B examples on average, fewer than 9/8·B, while the normaliser stays B: the
    step is up to an eighth longer than the mean gradient, and edits within the bucket change nothing others can see.
    """
    if num_units <= 0:
        return 0
    step = 1 << max(num_units.bit_length() - 4, 0)
    return num_units // step * step


def target_delta(num_units: int, cap: float) -> float:
    """δ = min(cap, 1/(10 n)), fixed per lineage at first consent."""
    return min(cap, 1.0 / (10.0 * max(num_units, 1)))


def event_for(unit: UnitOfPrivacy, noise_multiplier: float, sampling_prob: float, steps: int) -> Event:
    """The event of ``steps`` DP-SGD steps, or of ``steps`` whole-corpus releases.

    Raises:
        ValueError: the unit has no mechanism.
    """
    if unit in ("record", "document"):
        return Event(
            mechanism="sampled_gaussian", noise_multiplier=noise_multiplier, sampling_prob=sampling_prob, steps=steps
        )
    if unit == "corpus":
        return Event(mechanism="gaussian", noise_multiplier=noise_multiplier, steps=steps)
    raise ValueError(f"unit {unit!r} has no mechanism and no ε")


def _fits(unit: UnitOfPrivacy, sigma: float, q: float, steps: int, epsilon: float, delta: float) -> bool:
    return _admits(spent(event_for(unit, sigma, q, steps)), epsilon, delta)


def _admits(plan: SpentEvent, epsilon: float, delta: float) -> bool:
    return admits([], [plan], epsilon * (1 - _SLACK), delta)


def solve_noise_multiplier(
    unit: UnitOfPrivacy, sampling_prob: float, steps: int, epsilon: float, delta: float, minimum: float = 0.0
) -> float:
    """Smallest σ (four digits, rounded up) at which the gate admits all ``steps`` from an untouched budget.

    Args:
        unit: record, document or corpus.
        sampling_prob: Poisson probability; ignored under ``corpus``.
        steps: DP-SGD steps, or releases under ``corpus``, of the whole plan.
        epsilon: limit of the budget.
        delta: δ of the budget.
        minimum: the federation's least σ.

    Raises:
        PrivacyError: no σ makes the plan fit.
    """
    if not _fits(unit, MAX_NOISE, sampling_prob, steps, epsilon, delta):
        raise PrivacyError(
            f"No amount of noise makes {steps} steps fit ε {epsilon:g}.", "Raise the limit or plan fewer rounds."
        )
    low, high = max(minimum, _LEAST_SOLVED), MAX_NOISE
    if _fits(unit, low, sampling_prob, steps, epsilon, delta):
        return low
    while high / low > 1 + 10.0 ** -(_DIGITS + 1):
        middle = math.sqrt(low * high)
        if _fits(unit, middle, sampling_prob, steps, epsilon, delta):
            high = middle
        else:
            low = middle
    scale: int = 10**_DIGITS
    ticks = math.ceil(high * scale)
    while not _fits(unit, min(ticks / scale, MAX_NOISE), sampling_prob, steps, epsilon, delta):
        ticks += 1
    return min(ticks / scale, MAX_NOISE)


def rounds_affordable(
    unit: UnitOfPrivacy, noise_multiplier: float, sampling_prob: float, steps_per_round: int, epsilon: float,
    delta: float, most: int = 1_000_000,
) -> int:  # fmt: skip
    """Rounds the gate admits from an untouched budget at this σ; never more than ``most``."""
    one = spent(event_for(unit, noise_multiplier, sampling_prob, 1))

    def fits(rounds: int) -> bool:
        steps = rounds * (1 if unit == "corpus" else steps_per_round)
        return _admits(msgspec.structs.replace(one, steps=steps), epsilon, delta)

    low, high = 0, 1
    while high <= most and fits(high):
        low, high = high, high * 2
    high = min(high, most + 1)
    while high - low > 1:
        middle = (low + high) // 2
        if fits(middle):
            low = middle
        else:
            high = middle
    return low
