"""Whether learning can be expected at a price: how loud the noise is beside what is learned.

An example moves the mean gradient of its batch by C/B at most, and the noise of a step has length σ√N·C/B. Over T steps
what is learned adds up as T and noise only as √T, and M volunteers average theirs, so that the noise is
r = σ√N/(B√(T·M)) times as long as the most that was learned.

The bounds are calibrated on sixteen runs of preset ``tiny``, unit ``document``, published in
tests/benchmarks/RESULTS.md under "Learning under DP": at r up to 3.1 about half (45 to 55 %) of what is learned without
noise was learned, at 6 to 7 about a third, at 10 a fifth, at 13 next to nothing, at 18 and above nothing. Other sizes
and units were not measured: it is an expectation, never a promise. A public subspace is not counted: it learns more,
but less than its fewer values would promise.

Guarantees:
    - A function of public terms and of the plan alone: it reads no text and costs no ε.
    - It decides nothing but words and what is suggested; a charge never looks at it.
"""

from __future__ import annotations

import math
from typing import Final

from core.api.messages.privacy import Verdict

USEFUL_BELOW: Final = 4.0
"""r below which about half is learned of what would be learned without noise."""
BARELY_BELOW: Final = 12.0
"""r below which something is learned."""
FEW_UNITS: Final = 1_000
"""Documents or records below which learning is unlikely, whatever the figure says."""
RANK: Final[dict[Verdict, int]] = {"useful": 0, "barely": 1, "not useful": 2, "": 3}
"""The better first."""


def noise_to_signal(*, noise_multiplier: float, values: int, batch: int, steps: int, volunteers: int) -> float:
    """r = σ√N/(B√(T·M)); 0 without noise.

    Args:
        noise_multiplier: σ, noise of a step or release in multiples of the clip.
        values: N, how many values learn.
        batch: B, expected examples of a step; 1 where a whole update is released.
        steps: T, steps or releases of the whole plan.
        volunteers: M of a round.

    Raises:
        ValueError: a count is below 1, or σ below 0.
    """
    if min(values, batch, steps, volunteers) < 1 or not 0 <= noise_multiplier < math.inf:
        raise ValueError("noise to signal needs counts of 1 or more and a noise multiplier of 0 or more")
    return noise_multiplier * math.sqrt(values) / (batch * math.sqrt(steps * volunteers))


def verdict_of(ratio: float) -> Verdict:
    """What to expect of a plan with noise at this noise to signal."""
    if ratio < USEFUL_BELOW:
        return "useful"
    return "barely" if ratio < BARELY_BELOW else "not useful"
