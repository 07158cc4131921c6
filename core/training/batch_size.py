"""CalcBatchSize (Photon, line 17): how many sequences at once, from a static guess and a few measured steps.

The search runs over powers of two, by bisection where a size broke the budget and by doubling where it paid. It never
tries what it expects to break the budget: before anything is measured the model's closed form is believed, then the
last measured peak plus the growth between two of them. So nothing has to crash to teach it where the end is. It stops
at the knee, where twice as many sequences bring under 3 % more tokens a second, and takes the smallest number that is
as fast as any: the rest of the memory is somebody else's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from core.jobs import BatchProbe

MAX_PROBES: Final = 5
KNEE: Final = 1.03
"""Twice as many sequences must be this much faster to be worth their memory."""
STEEP: Final = 1.3
"""After a gain this large one doubling is skipped; it is measured later if the knee may lie there."""
MARGIN: Final = 1.08
"""How far a peak may lie above the straight line through the measured ones."""
MAX_STEP_S: Final = 0.5
"""Longest micro-step, so that a pause is felt within a second; one sequence is always allowed."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the search chose."""

    micro_batch: int
    probes: tuple[BatchProbe, ...]
    """In the order in which they were measured."""
    out_of_memory: int
    """How many of them broke the budget or ran out."""
    bytes_per_sequence: int
    """Measured growth of the peak; 0 where fewer than two sizes were measured."""
    why: str
    """One sentence for the owner."""


def sizes(largest: int) -> list[int]:
    """Powers of two below ``largest``, and ``largest`` itself."""
    return [*(1 << exponent for exponent in range(largest.bit_length()) if 1 << exponent < largest), largest]


@dataclass
class _Search:
    """Positions are places in ``grid``; ``high`` is the largest that is still worth a thought."""

    grid: list[int]
    estimate: Callable[[int], int]
    budget_bytes: int
    high: int
    probes: dict[int, BatchProbe] = field(default_factory=dict)
    out_of_memory: int = 0
    blocked: str = ""

    def take(self, at: int, probe: BatchProbe) -> None:
        """Learn from one measurement."""
        self.probes[at] = probe
        if not 0 < probe.peak_bytes <= self.budget_bytes:
            self.out_of_memory += 1
            self._block(at, f"{self.grid[at]} did not fit into {self.budget_bytes / 1e9:.1f} GB")
        elif probe.step_s > MAX_STEP_S and at > 0:
            self._block(at, f"{self.grid[at]} at once would let a pause wait {probe.step_s:.1f} s")

    def _block(self, at: int, why: str) -> None:
        self.high, self.blocked = min(self.high, at - 1), why

    def fitting(self) -> list[int]:
        """Measured positions that may be chosen."""
        return sorted(at for at in self.probes if at <= self.high)

    def knee(self) -> int:
        """The smallest measured position that is as fast as any."""
        fitting = self.fitting()
        best = max(self.probes[at].tokens_per_s for at in fitting)
        return next(at for at in fitting if self.probes[at].tokens_per_s * KNEE >= best)

    def bytes_per_sequence(self) -> float:
        """Slope between the smallest and the largest measured size; 0 while unknown."""
        known = [at for at in sorted(self.probes) if self.probes[at].peak_bytes]
        if len(known) < 2:
            return 0.0
        low, high = self.probes[known[0]], self.probes[known[-1]]
        return max(0.0, (high.peak_bytes - low.peak_bytes) / (high.micro_batch - low.micro_batch))

    def expected_bytes(self, at: int) -> float:
        """The peak to expect at a position above the measured ones."""
        known = [place for place in self.probes if place < at and self.probes[place].peak_bytes]
        if not known:
            return self.estimate(self.grid[at])
        last = self.probes[max(known)]
        more = self.grid[at] - last.micro_batch
        closed_form = (self.estimate(self.grid[at]) - self.estimate(last.micro_batch)) / more
        return last.peak_bytes + MARGIN * (self.bytes_per_sequence() or closed_form) * more

    def following(self) -> int | None:
        """The next position to measure; ``None`` when there is nothing left to learn."""
        fitting = self.fitting()
        if not fitting:
            return self.high // 2 if self.high >= 0 else None
        knee = self.knee()
        if len(self.probes) == 1 and knee and not self._may(knee + 1, believe=False):
            return knee - 1  # the closed form alone forbids more: learn the real growth from a smaller size
        if knee == fitting[-1]:
            for stride in (2, 1) if self._steep(fitting) else (1,):
                if self._may(knee + stride):
                    return knee + stride
        if knee == fitting[0]:
            return knee - 1 if knee else None
        skipped = [at for at in range(fitting[0], knee) if at not in self.probes]
        return skipped[-1] if skipped else None

    def _steep(self, fitting: list[int]) -> bool:
        speeds = [self.probes[at].tokens_per_s for at in fitting[-2:]]
        return len(speeds) == 2 and speeds[1] >= STEEP * speeds[0]

    def _may(self, at: int, believe: bool = True) -> bool:
        if at > self.high:
            return not believe
        expected = self.expected_bytes(at)
        if expected > self.budget_bytes and believe:
            needs = f"{self.grid[at]} would need about {expected / 1e9:.1f} GB"
            self._block(at, f"{needs} of the {self.budget_bytes / 1e9:.1f} GB allowed")
        return expected <= self.budget_bytes


def calc_batch_size(
    measure: Callable[[int], BatchProbe],
    estimate: Callable[[int], int],
    *,
    initial_guess: int,
    largest: int,
    budget_bytes: int,
    may_go_on: Callable[[], bool] = lambda: True,
) -> Found:
    """Search for the number of sequences that go through the model at once.

    Args:
        measure: runs whole training steps with so many sequences; a peak of 0 says that memory ran out.
        estimate: closed form of the peak in bytes, believed until something is measured.
        initial_guess: where to begin; lowered until ``estimate`` keeps within the budget.
        largest: the batch itself; there is never a reason for more.
        budget_bytes: most memory a step may take.
        may_go_on: asked before each measurement but the first.

    Raises:
        ValueError: ``largest`` or ``initial_guess`` is below 1.
    """
    if largest < 1 or initial_guess < 1:
        raise ValueError("a batch has at least one sequence")
    grid = sizes(largest)
    at: int | None = max(i for i, size in enumerate(grid) if size <= initial_guess)
    while at and estimate(grid[at]) > budget_bytes:
        at -= 1
    search = _Search(grid=grid, estimate=estimate, budget_bytes=budget_bytes, high=len(grid) - 1)
    while at is not None and len(search.probes) < MAX_PROBES and (not search.probes or may_go_on()):
        search.take(at, measure(grid[at]))
        at = search.following()
    chosen = search.knee() if search.fitting() else 0
    return Found(
        micro_batch=grid[chosen],
        probes=tuple(search.probes.values()),
        out_of_memory=search.out_of_memory,
        bytes_per_sequence=int(search.bytes_per_sequence()),
        why=_why(search, chosen),
    )


def _why(search: _Search, chosen: int) -> str:
    count = search.grid[chosen]
    words = f"{count} sequence{'s' * (count > 1)} at once"
    if not search.fitting():
        return f"{words}: {search.blocked or 'nothing was measured'}."
    speed = f"{words}, {search.probes[chosen].tokens_per_s:,.0f} tokens/s"
    larger = [at for at in search.fitting() if at > chosen]
    if larger:
        return f"{speed}; {search.grid[larger[0]]} gained less than {KNEE - 1:.0%}."
    if chosen == len(search.grid) - 1:
        return f"{speed}; that is the whole batch."
    return f"{speed}; {search.blocked}." if search.blocked else f"{speed}; there was no time to try more."
