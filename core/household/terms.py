"""The terms of a household: those of the larger federation, for the owner's own machines."""

from __future__ import annotations

import secrets
from typing import Final

import msgspec

from core.api.errors import UsageError
from core.config.base import MAX_TEXT
from core.config.exchange import AdaptationTerms, DownlinkTerms, ScheduleConfig
from core.config.federation import FederationConfig, LargerFederation
from core.config.learning import AggregationTerms, OuterConfig, StabilityTerms
from core.config.model import InitialisationTerms

MAX_MACHINES: Final = 32
_SHARE: Final = 0.1
"""Of a round's time that is kept for the way of an update within the household, and again for the way out of it."""
_LEAST_S: Final = 5.0


def household_terms(larger: FederationConfig, federation_id: str, manifest_hash: str) -> FederationConfig:
    """The manifest's content for the machines of one household.

    Model, tokenizer, public text, training, shards, privacy and codec are the larger federation's to the letter, so
    that a round here is a round there. Outer optimiser and stability are left out: the mean is passed on, never
    applied; and so is what guards against strangers, since the machines are one owner's, and what is chosen by the
    line, which is the house's own.

    Args:
        larger: the larger federation's terms.
        federation_id: its identity.
        manifest_hash: of its signed terms.

    Raises:
        UsageError: it is a household itself, or it asks for error feedback.
    """
    if larger.forwards_to.federation_id:
        raise UsageError(
            f"{larger.name} is a household itself.", f"Ask for an invite to {larger.forwards_to.name} for yours."
        )
    if larger.codec.error_feedback:
        raise UsageError(
            f"{larger.name} carries what an update leaves out on to the next, which a household cannot do for a mean.",
            "Let each of your machines join it by itself.",
        )
    schedule = larger.schedule
    purpose = (
        f"The machines of one household, together one volunteer of {larger.name}. The mean of their updates goes there "
        f"each round, nothing else does. In the words of {larger.name}: {larger.purpose}"
    )
    return msgspec.structs.replace(
        larger,
        run_id=secrets.token_hex(16),
        name=f"{larger.name[:110]} at home",
        purpose=purpose[:MAX_TEXT],
        outer=OuterConfig(optimizer="fedavg", learning_rate=1.0, momentum=0.0),
        stability=StabilityTerms(),
        schedule=ScheduleConfig(
            rounds=schedule.rounds,
            cohort_size=MAX_MACHINES,
            quorum=1,
            deadline_s=schedule.deadline_s,
            upload_allowance_s=min(schedule.upload_allowance_s, max(_LEAST_S, _SHARE * schedule.deadline_s)),
        ),
        downlink=DownlinkTerms(),
        adaptation=AdaptationTerms(),
        aggregation=AggregationTerms(),
        initialisation=InitialisationTerms(),
        forwards_to=LargerFederation(name=larger.name, federation_id=federation_id, manifest_hash=manifest_hash),
    )


def deadline_at_home(own: FederationConfig, deadline_at: float, now: float) -> float:
    """When the household's machines must be done, so that their updates and then the mean still arrive in time.

    Args:
        own: the household's terms.
        deadline_at: of the larger federation's round, Unix seconds.
        now: by the same clock.
    """
    left = max(0.0, deadline_at - now)
    return now + max(0.5 * left, left - own.schedule.upload_allowance_s - _SHARE * left)
