"""The owner's floor under every federation's terms: whatever a manifest asks, nothing weaker is taken part in.

Guarantees: terms below the floor are refused before anything is enrolled, and a floor that rises later stops the
rounds of what was joined before, until the owner joins again. The floor only ever refuses or adds noise; it never
moves a budget.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from core.api.errors import PrivacyError
from core.config.base import UnitOfPrivacy
from core.config.federation import FederationConfig
from core.config.node import PrivacyFloor
from core.engine.plans import Plan

STRENGTH: Final[dict[UnitOfPrivacy, int]] = {"none": 0, "record": 1, "document": 2, "corpus": 3}
"""A stronger unit's guarantee covers what a weaker one's covers."""
_LEAVE: Final = "Leave and join again, or lower your floor in the settings."
_CHANGE: Final = "`hedgerow limits set` changes your floor."


class BelowFloor(PrivacyError):
    """What was consented to before is below the owner's floor now; it rests and is no fault."""


def unit_refusal(config: FederationConfig, floor: PrivacyFloor) -> str:
    """Why the terms' unit is below the floor; empty if it is not."""
    unit = config.privacy.unit
    if STRENGTH[unit] >= STRENGTH[floor.unit]:
        return ""
    offered = "gives no guarantee" if unit == "none" else f"protects a {unit}"
    return f"{config.name} {offered}, but your floor asks for the unit {floor.unit} at least. {_CHANGE}"


def epsilon_refusal(epsilon: float, floor: PrivacyFloor) -> str:
    """Why a limit is beyond the floor; empty if it is not."""
    if epsilon <= floor.epsilon:
        return ""
    return f"A limit of ε {epsilon:g} is beyond your floor of ε {floor.epsilon:g}. {_CHANGE}"


def refusal(config: FederationConfig, plans: Iterable[Plan], floor: PrivacyFloor) -> str:
    """Why what was consented to before is below the floor now; empty if it is not."""
    chosen = list(plans)
    if not chosen:  # public text alone: there is nothing to protect
        return ""
    below = unit_refusal(config, floor)
    reasons = [f"{below} It rests; leaving is possible at any time." if below else ""]
    for plan in chosen:
        if plan.unit == "none":
            continue
        if plan.epsilon_limit > floor.epsilon:
            reasons.append(
                f"You joined {config.name} with a limit of ε {plan.epsilon_limit:g}, but your floor is "
                f"ε {floor.epsilon:g} now. {_LEAVE}"
            )
        if plan.noise_multiplier < floor.noise:
            reasons.append(
                f"You joined {config.name} with noise σ {plan.noise_multiplier:g}, but your floor is σ {floor.noise:g} "
                f"now. {_LEAVE}"
            )
    return next((reason for reason in reasons if reason), "")
