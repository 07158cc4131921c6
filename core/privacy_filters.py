"""The gate's arithmetic: privacy filters over everything a budget has ever spent. Standard library only.

K = 9 filters run side by side, each at δ/K: one Rényi filter per order of ``ORDERS`` (Feldman & Zrnic 2021,
arXiv 2008.11193) with the tail-bound conversion ε = ρ(α) + ln(K/δ)/(α−1) (Mironov 2017), and one Gaussian-DP filter
(Smith & Thakurta 2022, arXiv 2210.17520), which stays open only while every event was an unsampled Gaussian.

Guarantees: a charge passes only if at least one filter admits the sum *including* it. Sort all histories by the filter
that admitted their last charge: within one class that filter's sum never exceeded its bound, so the class behaves as
if that filter alone had ruled, and loses at most δ/K. Summed over K classes the whole is (limit, δ)-DP, however the
events were chosen. The figure shown is the smallest ε among the filters, never below what was spent; rounding up is
left to whoever prints it.

Edge cases:

| case | result |
|---|---|
| no events | ε 0 |
| a value that is not finite or negative, steps that are no whole number | ``ValueError``, never a smaller sum |
| δ outside (0, 1), or so small that float64 cannot hold its share | ``ValueError`` |
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence

import msgspec

ORDERS: tuple[int, ...] = (2, 3, 4, 6, 8, 12, 16, 32)
NUM_FILTERS = len(ORDERS) + 1
GAUSSIAN = "gaussian-dp"
_NAMES = tuple(f"rényi order {order}" for order in ORDERS)
_SMALLEST_TAIL = 1e-290  # below it float64 loses digits on its way to zero
_LEAST_DELTA = 1e-250
_OUTWARD = 1e-9
"""Share of δ kept back, far above the rounding of ``gdp_delta``."""


class SpentEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One mechanism run ``steps`` times."""

    rdp_per_step: tuple[float, ...]
    """Rényi divergence bound of one step at each of ``ORDERS``."""
    steps: int
    gaussian_mu: float | None = None
    """μ of one step where the event is an unsampled Gaussian, else ``None``."""

    def __post_init__(self) -> None:
        """Refuse anything that could make a sum smaller.

        Raises:
            ValueError: wrong length, or a value that is negative or not finite.
        """
        if len(self.rdp_per_step) != len(ORDERS):
            raise ValueError(f"an event needs {len(ORDERS)} Rényi values, got {len(self.rdp_per_step)}")
        if not isinstance(self.steps, int) or self.steps < 0:
            raise ValueError(f"an event's steps must be a whole number and not negative, got {self.steps}")
        if any(not math.isfinite(value) or value < 0 for value in self.rdp_per_step):
            raise ValueError("an event's values must be finite and not negative")
        if self.gaussian_mu is not None and not (math.isfinite(self.gaussian_mu) and self.gaussian_mu >= 0):
            raise ValueError("an event's μ must be finite and not negative")


class FilterReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was charged so far, and by which filter it is smallest."""

    epsilon: float
    method: str
    """``rényi order α`` or ``gaussian-dp``, with the number of filters."""
    delta: float
    by_filter: dict[str, float]


def renyi_epsilon(rdp: float, order: int, delta: float) -> float:
    """ε of one Rényi filter by the tail bound, at its own δ."""
    return rdp + math.log(1.0 / delta) / (order - 1)


def gdp_delta(epsilon: float, mu: float) -> float:
    """Exact δ(ε) of μ-Gaussian-DP (Dong, Roth & Su 2022): Φ(−ε/μ + μ/2) − e^ε Φ(−ε/μ − μ/2).

    ``erfc`` keeps both terms accurate in the tail; the second is formed in logarithms so that e^ε cannot overflow, and
    left out where it cannot be computed, which only makes δ larger.
    """
    if mu == 0:
        return 0.0
    first = 0.5 * math.erfc((epsilon / mu - mu / 2) / math.sqrt(2))
    tail = 0.5 * math.erfc((epsilon / mu + mu / 2) / math.sqrt(2))
    if tail < _SMALLEST_TAIL:
        return first
    return max(first - math.exp(epsilon + math.log(tail)), 0.0)


def gdp_epsilon(mu: float, delta: float) -> float:
    """Smallest ε with δ(ε) ≤ δ under μ-Gaussian-DP, rounded outwards by bisection.

    Raises:
        ValueError: μ is negative or not finite, or δ lies outside (0, 1).
    """
    if not math.isfinite(mu) or mu < 0:
        raise ValueError(f"μ must be finite and not negative, got {mu}")
    _check_delta(delta)
    delta *= 1 - _OUTWARD
    if mu == 0 or gdp_delta(0.0, mu) <= delta:
        return 0.0
    low, high = 0.0, 1.0
    while gdp_delta(high, mu) > delta:
        low, high = high, high * 2
    for _ in range(100):
        middle = (low + high) / 2
        if gdp_delta(middle, mu) > delta:
            low = middle
        else:
            high = middle
    return high


def _check_delta(delta: float) -> None:
    if not _LEAST_DELTA <= delta < 1:
        raise ValueError(f"δ must lie between {_LEAST_DELTA:g} and 1, got {delta}")


def report(events: Iterable[SpentEvent], delta: float) -> FilterReport:
    """ε of every filter over all events, each at δ/K.

    Args:
        events: everything the budget ever spent, in any order; the result does not depend on it.
        delta: δ of the budget, fixed at its first consent.

    Raises:
        ValueError: δ lies outside (0, 1).
    """
    _check_delta(delta)
    spent: Sequence[SpentEvent] = [event for event in events if event.steps]
    share = delta / NUM_FILTERS
    if not spent:
        return FilterReport(epsilon=0.0, method="nothing spent", delta=delta, by_filter={})
    values = zip(*[[rdp * event.steps for rdp in event.rdp_per_step] for event in spent], strict=True)
    by_filter = {
        name: renyi_epsilon(math.fsum(each), order, share)
        for name, order, each in zip(_NAMES, ORDERS, values, strict=True)
    }
    if all(event.gaussian_mu is not None for event in spent):
        mu = math.sqrt(math.fsum((event.gaussian_mu or 0.0) ** 2 * event.steps for event in spent))
        by_filter[GAUSSIAN] = gdp_epsilon(mu, share)
    best = min(by_filter, key=lambda name: by_filter[name])
    return FilterReport(
        epsilon=by_filter[best], method=f"{best} of {NUM_FILTERS} filters at δ/{NUM_FILTERS}", delta=delta,
        by_filter=by_filter,
    )  # fmt: skip


@functools.lru_cache(maxsize=64)
def _tails(delta: float) -> tuple[float, ...]:
    """What the conversion adds to each Rényi sum at δ/K."""
    _check_delta(delta)
    share = delta / NUM_FILTERS
    return tuple(renyi_epsilon(0.0, order, share) for order in ORDERS)


class Spending:
    """Everything a budget spent, as sums are taken over it again and again: the same ε as ``report``, to the last bit.

    Products are kept per mechanism, so that one more run of one of them costs one multiplication an order.
    """

    def __init__(self) -> None:
        self._places: dict[bytes, int] = {}
        self._products: tuple[list[float], ...] = tuple([] for _ in ORDERS)
        self._squares: list[float | None] = []
        self._events: list[SpentEvent] = []

    def put(self, name: bytes, event: SpentEvent) -> None:
        """Add a mechanism, or have it run another number of steps than before."""
        place = self._places.setdefault(name, len(self._events))
        if place == len(self._events):
            self._events.append(event)
            self._squares.append(None)
            for column in self._products:
                column.append(0.0)
        self._events[place] = event
        self._squares[place] = _square(event)
        for column, rdp in zip(self._products, event.rdp_per_step, strict=True):
            column[place] = rdp * event.steps

    @property
    def events(self) -> list[SpentEvent]:
        """One for each mechanism."""
        return list(self._events)

    def epsilon(self, delta: float, new: Sequence[SpentEvent] = ()) -> float:
        """``report([*events, *new], delta).epsilon``.

        Raises:
            ValueError: δ lies outside (0, 1).
        """
        tails = _tails(delta)
        new = [event for event in new if event.steps]
        if not new and not any(event.steps for event in self._events):
            return 0.0
        found = min(
            math.fsum([*column, *[event.rdp_per_step[i] * event.steps for event in new]]) + tails[i]
            for i, column in enumerate(self._products)
        )
        if None not in self._squares and all(event.gaussian_mu is not None for event in new):
            squares = [*self._squares, *map(_square, new)]
            found = min(found, gdp_epsilon(math.sqrt(math.fsum(filter(None, squares))), delta / NUM_FILTERS))
        return found


def _square(event: SpentEvent) -> float | None:
    return 0.0 if not event.steps else None if event.gaussian_mu is None else event.gaussian_mu**2 * event.steps


def admits(events: Iterable[SpentEvent], new: Iterable[SpentEvent], epsilon: float, delta: float) -> bool:
    """Whether at least one filter stays at or below the limit when ``new`` is added to everything spent."""
    return report([*events, *new], delta).epsilon <= epsilon
