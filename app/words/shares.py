"""What several federations ask of one machine, and what each was given of it, as parts of 1."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from core.api.messages.federations import FederationInfo

_SHARING = ("active", "unreachable", "resting")


class Share(NamedTuple):
    """Of one federation."""

    asked: float
    """Its weight among all weights."""
    given: float
    """Its part of what all were given in the last seven days; 0 before any was."""


def shares(federations: Iterable[FederationInfo]) -> dict[str, Share]:
    """By federation id; empty where fewer than two share the machine, because one alone has all of it."""
    among = [one for one in federations if one.state in _SHARING]
    if len(among) < 2:
        return {}
    weights, seconds = sum(one.weight for one in among), sum(one.week_seconds for one in among)
    return {
        one.federation_id: Share(
            asked=one.weight / weights if weights else 0.0, given=one.week_seconds / seconds if seconds else 0.0
        )
        for one in among
    }
