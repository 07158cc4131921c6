"""A federation's terms against those consented to: the same, tighter, or something that needs new consent.

Looser is judged by what the terms allow at worst: ε of one round and of all of them, with the least noise and the
largest sampling probability that the federation would accept. Terms that change anything else than how much may be
asked are no longer what was agreed to, whatever they cost, and need consent as well.
"""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec

from core.config.federation import FederationConfig
from core.engine.plans import PER_EXAMPLE, Plan
from core.ledger.budget import RELATIONS, spent_event
from core.ledger.rows import EventSpec
from core.privacy_filters import report

_LOWER: Final = {"privacy.max_sampling_prob", "privacy.delta_cap", "schedule.rounds"}
"""Fields of which less asks less."""
_HIGHER: Final = {"privacy.min_noise_multiplier", "schedule.upload_slot_s"}
"""Fields of which more asks less."""


def worst_case(config: FederationConfig, delta: float) -> tuple[float, float]:
    """ε of one round and of all rounds, at the least noise and the largest sampling probability of the terms.

    Both are infinite under ``none``.
    """
    terms = config.privacy
    if terms.unit == "none":
        return math.inf, math.inf
    sampled = terms.unit in PER_EXAMPLE
    spec = EventSpec(
        mechanism="sampled_gaussian" if sampled else "gaussian",
        noise_multiplier=terms.min_noise_multiplier,
        sampling_prob=terms.max_sampling_prob if sampled else 1.0,
        steps=config.training.local_steps if sampled else 1,
        relation=RELATIONS[terms.unit],  # type: ignore[arg-type]
        unit=terms.unit,
    )
    one = spent_event(spec, terms.unit)
    every = msgspec.structs.replace(one, steps=one.steps * config.schedule.rounds)
    return report([one], delta).epsilon, report([every], delta).epsilon


def needs_consent(agreed: FederationConfig, offered: FederationConfig) -> str:
    """Why other terms are not simply tighter, naming the field; empty where they are, or are the same."""
    for name, old, new in _differences(msgspec.to_builtins(agreed), msgspec.to_builtins(offered)):
        if name in _LOWER and new < old:
            continue
        if name in _HIGHER and new > old:
            continue
        return f"{name} was {_short(old)} and is {_short(new)} now"
    delta = min(agreed.privacy.delta_cap, offered.privacy.delta_cap)
    before, after = worst_case(agreed, delta), worst_case(offered, delta)
    if any(new > old for old, new in zip(before, after, strict=True)):  # by construction it never is
        return f"the worst case was ε {before[1]:.3g} and is {after[1]:.3g} now"
    return ""


def keeps(plan: Plan, offered: FederationConfig) -> bool:
    """Whether the mechanism consented to satisfies tighter terms as it stands."""
    terms = offered.privacy
    if plan.unit == "none":
        return True
    return (
        plan.noise_multiplier >= terms.min_noise_multiplier
        and (plan.unit not in PER_EXAMPLE or plan.sampling_prob <= terms.max_sampling_prob)
        and plan.delta <= terms.delta_cap
    )


def _differences(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list[tuple[str, Any, Any]]:
    found: list[tuple[str, Any, Any]] = []
    for key in old:
        if isinstance(old[key], dict) and isinstance(new[key], dict):
            found += _differences(old[key], new[key], f"{prefix}{key}.")
        elif old[key] != new[key]:
            found.append((prefix + key, old[key], new[key]))
    return found


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
