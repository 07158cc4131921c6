"""Whose round is trained next where several federations ask one machine: whoever was given least for its weight.

Guarantees, for federations whose rounds wait all the time: of any two, neither is ahead of the other by more than its
weight allows and one round of its own; and whoever weighs more than 0 has its turn again after a time that the weights
and the rounds' lengths bound. Nobody is interrupted, and no deadline changes the order.

A coordinator asks for its next round only after it has taken the last one, so a federation is never there at the moment
its own round ends. If the trainer went to whoever is there, two federations would always take turns, whatever they
weigh. So for ``EXPECTED_S`` after a round the trainer is kept for the next one of the same federation, if its share is
behind; but a round that waits has the trainer stand idle no longer than ``EXPECTED_S`` and a tenth of what was trained
meanwhile, all in all. Rounds too short for that are given to whoever is there, so that nobody can idle a machine away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from core.api.errors import CoordinatorError

WEEK_S: Final = 7 * 86_400.0
"""How far back is counted what a federation was given."""
EXPECTED_S: Final = 20.0
"""How long after a round the next one of the same federation is waited for; short beside a round worth weighing."""
IDLE_PART: Final = 0.1


class Rests(CoordinatorError):
    """The owner's weight of a federation is 0, so no new round is begun for it; that is no fault."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Claim:
    """A round that waits for the trainer."""

    federation_id: str
    since: float
    """When it began to wait; any clock that only grows."""
    begun: bool = False
    """Whether some of it was trained before: it is finished first, whatever its federation weighs."""
    worked: float = 0.0
    """Seconds for which the trainer had been taken, since the engine started, when it began to wait."""


def first(claims: Iterable[Claim], weights: Mapping[str, float], given: Mapping[str, float]) -> Claim | None:
    """Which of the waiting rounds is trained next.

    Args:
        claims: rounds that could be trained at this moment.
        weights: by federation; one that is not named weighs 1, and one of 0 has no new round begun.
        given: seconds of training in the last seven days, by federation.

    Returns:
        A round that was begun before any other; then the one of the federation that was given least for its weight, and
        of equals the one that waits longest. ``None`` if none may be trained.
    """
    may = [claim for claim in claims if claim.begun or weights.get(claim.federation_id, 1.0) > 0]
    return min(may, key=lambda one: (not one.begun, _ratio(one.federation_id, weights, given), one.since), default=None)


def kept_for_another(
    claim: Claim, expected: Collection[str], weights: Mapping[str, float], given: Mapping[str, float]
) -> bool:
    """Whether the trainer is better kept for a moment than given to this round.

    Args:
        claim: the first of those that wait.
        expected: federations that no round waits of, but whose next one should be here in a moment.
        weights: as for ``first``.
        given: as for ``first``.
    """
    mine = _ratio(claim.federation_id, weights, given)
    return not claim.begun and any(_ratio(one, weights, given) < mine for one in expected)


def may_stand_idle(claim: Claim, now: float, worked: float) -> bool:
    """Whether the trainer may stand idle for longer while a round waits.

    Args:
        claim: the round.
        now: by the clock of ``since``.
        worked: as ``Claim.worked``, now.
    """
    meanwhile = worked - claim.worked
    return (now - claim.since) - meanwhile < EXPECTED_S + IDLE_PART * meanwhile


def _ratio(federation_id: str, weights: Mapping[str, float], given: Mapping[str, float]) -> float:
    weight = weights.get(federation_id, 1.0)
    return given.get(federation_id, 0.0) / weight if weight > 0 else float("inf")
