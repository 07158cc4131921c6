"""The updates of a cohort become one that no small part of it can own: bounds, weights and robust rules, by blocks.

::

    norm ─▶ clip factor (running median) ─▶ weight (equal, by loss, ramp) ─▶ rule ─▶ one update
    late ─▶ clip factor ─▶ 1/√(1 + staleness) ────────────────────────────────────▶ what is subtracted beside it

| rule | source | each update is read |
|---|---|---|
| ``mean`` | Photon, Algorithm 1, line 8; bounded: Sun et al. 2019, https://arxiv.org/abs/1911.07963 | once |
| ``centred-clipping`` | Karimireddy et al. 2021, https://arxiv.org/abs/2012.10333; one step, median radius | twice |
| ``trimmed-mean``, ``median`` | Yin et al. 2018, https://arxiv.org/abs/1803.01498 | once |
| ``multi-krum`` | Blanchard et al. 2017, https://papers.nips.cc/paper/6617 | twice |

Guarantees:
    - NumPy alone, float64 inside, updates in the order given: the same updates always give the same bits, in memory and
      from files, whole or block by block.
    - Of the updates a block is in memory, and where a rule compares them as many values of all together.
    - A volunteer's own words give it no weight, but for a loss; see ``core.influence``.
    - Half of a cohort or more, in one hand, owns every rule here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from core.api.errors import UpdateError
from core.config.learning import MIN_CONTRIBUTORS, AggregationTerms
from core.influence import clip_factor, running_median
from core.update import Array

BLOCK: Final = 1 << 20
"""Values of an update in memory at a time."""
_Wide = NDArray[np.float64]


class Readable(Protocol):
    """An update whose values are read where they lie."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Name → shape, in order."""

    def part(self, name: str, start: int, stop: int) -> Array:
        """Some values of a parameter, flat, float32 and finite."""


class Centre(Protocol):
    """What the cohort is expected to say, such as the mean of the rounds before."""

    def part(self, name: str, start: int, stop: int) -> Array:
        """Some values of a parameter, flat."""


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """One admitted update, with what decides how much it counts."""

    update: Readable
    factor: float = 1.0
    """It is scaled by this before anything else; see ``clip_factor``."""
    weight: float = 1.0
    """How much it counts; see ``weights_of`` and ``staleness_weight``."""


@dataclass
class _Group:
    """Parameters that the same updates hold, and what a first pass over them found."""

    members: tuple[int, ...]
    names: list[str] = field(default_factory=list)
    rule: str = "mean"
    chosen: tuple[int, ...] = ()
    """Of ``multi-krum``."""
    radius: float = math.inf
    pull: dict[int, float] = field(default_factory=dict)
    """Of ``centred-clipping``: update → share of its way from the centre that it may go."""
    ready: bool = False


class Combination:
    """What a cohort's updates come to, parameter by parameter and block by block."""

    def __init__(
        self,
        fresh: Sequence[Contribution],
        rule: AggregationTerms | None = None,
        *,
        late: Sequence[Contribution] = (),
        centre: Centre | None = None,
    ) -> None:
        """Read nothing yet.

        Args:
            fresh: the round's own, in the order in which they are added.
            rule: the federation's terms; ``None`` is the plain mean.
            late: those of earlier rounds that are folded in beside the mean.
            centre: of ``centred-clipping``; without one it is zero.
        """
        self._terms = rule or AggregationTerms()
        self._all = [*fresh, *late]
        self._fresh = len(fresh)
        self._centre = centre
        self._groups: dict[str, _Group] = {}
        self._late: dict[str, list[int]] = {}
        holders: dict[str, list[int]] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        for number, one in enumerate(self._all):
            for name, shape in one.update.shapes.items():
                if self._shapes.setdefault(name, shape) != shape:
                    raise UpdateError("The updates have parameters of different shapes.")
                (holders if number < self._fresh else self._late).setdefault(name, []).append(number)
        known: dict[tuple[int, ...], _Group] = {}
        self.notes: tuple[str, ...] = ()
        """What could not be done as the terms say, in sentences."""
        for name, members in holders.items():
            group = known.setdefault(tuple(members), _Group(tuple(members)))
            group.names.append(name)
            self._groups[name] = group
        for group in known.values():
            group.rule = self._possible(len(group.members))

    def _possible(self, count: int) -> str:
        """The rule as far as so many updates allow it."""
        rule = self._terms.rule
        hostile = math.floor(self._terms.trim * count)
        least = 2 * hostile + 3 if rule == "multi-krum" else MIN_CONTRIBUTORS
        if not self._terms.counts_once or count >= least:
            return rule
        note = f"With {count} updates instead of {least} the bounded mean was taken, not {rule}."
        if note not in self.notes:
            self.notes += (note,)
        return "mean"

    def __contains__(self, name: object) -> bool:
        """Whether a fresh update holds this parameter."""
        return name in self._groups

    def count(self, name: str) -> int:
        """Fresh updates that hold a parameter."""
        return len(self._groups[name].members) if name in self._groups else 0

    def late_count(self, name: str) -> int:
        """Late updates that hold a parameter."""
        return len(self._late.get(name, ()))

    def part(self, name: str, start: int, stop: int) -> Array:
        """Some values of what the fresh updates come to, flat, in float32.

        Raises:
            UpdateError: they do not fit into float32.
        """
        group = self._groups[name]
        self._prepare(group)
        if group.rule in ("trimmed-mean", "median"):
            return _narrow(self._ordered(group, name, start, stop))
        members = group.chosen if group.rule == "multi-krum" else group.members
        centre = self._centre_part(name, start, stop) if group.rule == "centred-clipping" else None
        total = np.zeros(stop - start, np.float64)
        weight = 0.0
        for number in members:
            one = self._all[number]
            if centre is not None:
                total += one.weight * self._pulled(number, group.pull[number], centre, name, start, stop)
            else:
                values, scale = one.update.part(name, start, stop), one.weight * one.factor
                np.add(total, values if scale == 1.0 else scale * values.astype(np.float64), out=total)
            weight += one.weight
        total /= weight
        return _narrow(total if centre is None else centre + total)

    def late(self, name: str, start: int, stop: int) -> Array | None:
        """Some values of Σ w_i·Δ_i/(n_fresh + n_late) over the late updates; ``None`` where there is none.

        Raises:
            UpdateError: they do not fit into float32.
        """
        members = self._late.get(name)
        if not members:
            return None
        group = self._groups.get(name)
        centred = group is not None and group.rule == "centred-clipping"
        if group is not None:
            self._prepare(group)
        total = np.zeros(stop - start, np.float64)
        for number in members:
            one = self._all[number]
            if centred and group is not None:
                centre = self._centre_part(name, start, stop)
                pulled = self._pulled(number, self._late_pull(number, group), centre, name, start, stop)
                total += one.weight * (centre + pulled)
            else:
                total += (one.weight * one.factor) * one.update.part(name, start, stop).astype(np.float64)
        return _narrow(total / (self.count(name) + len(members)))

    # A first pass over whole updates, once for each group

    def _prepare(self, group: _Group) -> None:
        if group.ready:
            return
        if group.rule == "centred-clipping":
            distances = {number: self._distance(number, group) for number in group.members}
            group.radius = running_median(distances.values())
            group.pull = {number: clip_factor(far, group.radius) for number, far in distances.items()}
        elif group.rule == "multi-krum":
            group.chosen = self._krum(group)
        group.ready = True

    def _late_pull(self, number: int, group: _Group) -> float:
        if number not in group.pull:
            group.pull[number] = clip_factor(self._distance(number, group), group.radius)
        return group.pull[number]

    def _distance(self, number: int, group: _Group) -> float:
        """How far an update is from the centre, over the group's parameters that it holds."""
        one = self._all[number]

        def blocks() -> Iterator[_Wide]:
            for name, start, stop in self._blocks(group, BLOCK):
                if name in one.update.shapes:
                    yield self._scaled(number, name, start, stop) - self._centre_part(name, start, stop)

        return math.sqrt(sum(float(np.square(block).sum()) for block in blocks()))

    def _krum(self, group: _Group) -> tuple[int, ...]:
        """Those whose nearest neighbours are nearest: all but the share that is taken for hostile."""
        members, count = group.members, len(group.members)
        squares = np.zeros((count, count), np.float64)
        for name, start, stop in self._blocks(group, self._narrow_block(count)):
            rows = [self._scaled(number, name, start, stop) for number in members]
            for i in range(count):
                for j in range(i):
                    squares[i, j] += float(np.square(rows[i] - rows[j]).sum())
        squares += squares.T
        hostile = math.floor(self._terms.trim * count)
        near = np.sort(squares, axis=1)[:, 1 : count - hostile - 1]
        scores = [math.fsum(row) for row in near]
        best = sorted(range(count), key=lambda at: (scores[at], at))[: count - hostile]
        return tuple(members[at] for at in sorted(best))

    # Blocks

    def _ordered(self, group: _Group, name: str, start: int, stop: int) -> _Wide:
        """Trimmed mean or median of each value."""
        count = len(group.members)
        width, cut = self._narrow_block(count), math.floor(self._terms.trim * count)
        found = np.empty(stop - start, np.float64)
        for first in range(start, stop, width):
            after = min(stop, first + width)
            rows = np.stack([self._scaled(number, name, first, after) for number in group.members])
            rows.sort(axis=0)
            if group.rule == "median":
                kept = rows[(count - 1) // 2 : count // 2 + 1]
            else:
                kept = rows[cut : count - cut]
            total = np.zeros(after - first, np.float64)
            for row in kept:
                total += row
            found[first - start : after - start] = total / len(kept)
        return found

    def _blocks(self, group: _Group, width: int) -> Iterator[tuple[str, int, int]]:
        for name in group.names:
            size = math.prod(self._shapes[name])
            for start in range(0, size, width):
                yield name, start, min(size, start + width)

    @staticmethod
    def _narrow_block(count: int) -> int:
        """Values of each update where a block of all is in memory at once."""
        return max(1, BLOCK // count)

    def _scaled(self, number: int, name: str, start: int, stop: int) -> _Wide:
        one = self._all[number]
        return one.factor * one.update.part(name, start, stop).astype(np.float64)

    def _pulled(self, number: int, pull: float, centre: _Wide, name: str, start: int, stop: int) -> _Wide:
        return pull * (self._scaled(number, name, start, stop) - centre)

    def _centre_part(self, name: str, start: int, stop: int) -> _Wide:
        if self._centre is None:
            return np.zeros(stop - start, np.float64)
        return self._centre.part(name, start, stop).astype(np.float64)


def _narrow(values: _Wide) -> Array:
    with np.errstate(over="ignore"):
        found = values.astype(np.float32)
    if not np.isfinite(found).all():
        raise UpdateError("The mean of the updates is not finite.")
    return found
