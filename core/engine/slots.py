"""When a finished update may set out: at coarse moments that say nothing about how long this machine trained.

Under DP units the size of a draw decides how long a round takes, and a draw is secret. So nothing is sent before the
next boundary of a coarse grid of this machine's own clock, which no coordinator can move: whoever watches the line
learns in which slot an update was finished, not when. Under ``none`` and for public text alone there is nothing to
hide, and nothing waits.
"""

from __future__ import annotations

import math
from typing import Final

from core.config.base import UnitOfPrivacy
from core.config.exchange import ScheduleConfig

MIN_SLOT_S: Final = 5.0
"""Shortest slot, whatever a manifest asks and however short its rounds are."""
MOST_OF_DEADLINE: Final = 0.02
"""Longest slot as a share of a round's deadline; a longer one would cost rounds."""


def slot_s(schedule: ScheduleConfig) -> float:
    """Seconds between two moments at which an update may set out."""
    most = MOST_OF_DEADLINE * schedule.deadline_s
    return max(MIN_SLOT_S, min(schedule.upload_slot_s, most))


def opens_in(unit: UnitOfPrivacy, schedule: ScheduleConfig, sealed_at: float, now: float) -> float:
    """Seconds until an update may be sent; 0 once a boundary has passed since it was sealed.

    Args:
        unit: of the joining's plan.
        schedule: the federation's.
        sealed_at: when it was finished, by this machine's clock.
        now: by the same clock. One that was set back since counts as a boundary that has passed.
    """
    if unit == "none":
        return 0.0
    slot = slot_s(schedule)
    if math.floor(now / slot) != math.floor(sealed_at / slot):
        return 0.0
    return slot - now % slot
