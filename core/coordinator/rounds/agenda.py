"""Which round comes next, and from which weights: a federation's own agenda, or the errands of a household.

A household's federation has no model of its own. A larger one gives it a round to do, with base, shard, steps and
deadline; its machines do it, and the mean of their updates goes back as one update. See ``core.household``.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from core.config.federation import FederationConfig
from core.coordinator.learning.gate import HeldOutGate
from core.coordinator.learning.stability import next_rate
from core.coordinator.records.schema import Round
from core.coordinator.records.store import Store

RECENT: Final = 5
"""Closed rounds by which the steps of the next one are chosen."""
LEAST_S: Final = 1e-3
"""Seconds of training below which, as above those of the whole round, a volunteer's word is no measure."""
GATHER_S = 20.0
"""Longest that an errand waits for more machines than the quorum; the deadline is somebody else's."""
FORWARDED = "forwarded"
"""Named value that the forwarder sets once the larger federation will ask for nothing more."""


@dataclass(frozen=True, kw_only=True)
class Opening:
    """A round that may begin."""

    server_round: int
    base_hash: str
    base_bytes: int
    step_clock: int
    deadline_at: float | None = None
    """Unix seconds; ``None`` counts the terms' deadline from the moment the cohort is there."""
    shard: str = ""
    """What everybody trains; empty: as the lottery has it."""
    outer_lr: float | None = None
    """The server learning rate of its outer step; ``None`` where none is taken."""


class Agenda(Protocol):
    """What the conductor works through."""

    fixed: bool
    """Whether deadlines are somebody else's, so that no round may be extended."""

    def finished(self) -> bool:
        """Whether nothing will come any more."""

    def next(self) -> Opening | None:
        """The next round; ``None`` while there is none to begin. Asked only while no round is open."""

    def local_steps(self, server_round: int) -> int:
        """Optimiser steps of a round that was opened."""

    def patience_s(self) -> float:
        """How long to wait for a full cohort once the quorum is there."""


class Pace(NamedTuple):
    """How a round went, in the middle of its volunteers."""

    step_s: float
    """Seconds of one step."""
    overhead_s: float
    """Seconds of the round in which the volunteer in the middle did not train."""


class OwnAgenda:
    """Round after round from the newest checkpoint that was not rejected, as many as the terms plan."""

    fixed = False

    def __init__(self, config: FederationConfig, store: Store, *, evaluates: bool) -> None:
        self._config = config
        self._store = store
        self._gate = HeldOutGate(config, store, evaluates=evaluates)

    def finished(self) -> bool:
        """Whether the last planned round is over and its checkpoint was judged, or too many in a row were given up."""
        rounds = self._store.rounds()
        over = bool(rounds) and rounds[-1].state != "open" and self._no_more(rounds) and self._gate.settled()
        return over or bool(stopped_because(self._config, rounds))

    def next(self) -> Opening | None:
        """The round after the last; ``None`` while it is not known yet from which weights, and after the last."""
        if not self._gate.settle():
            return None
        rounds, base = self._store.rounds(), self._store.latest_checkpoint()
        if self._no_more(rounds) or stopped_because(self._config, rounds):
            return None
        return Opening(
            server_round=1 + self._last(rounds),
            base_hash=base.sha256,
            base_bytes=base.size_bytes,
            step_clock=self._step_clock(rounds),
            outer_lr=next_rate(self._config.stability, self._config.outer, rounds, self._store.checkpoints()),
        )

    def _no_more(self, rounds: list[Round]) -> bool:
        return self._last(rounds) >= self._config.schedule.rounds

    def _step_clock(self, rounds: list[Round]) -> int:
        """After the last closed round: its own, and the most steps that anybody did in it.

        The slowest do not hold the schedule of the learning rate back, and nobody can drive it on: admission takes no
        claim of more steps than were asked for. A round that was given up moves no clock.
        """
        closed = [item for item in rounds if item.state == "closed"]
        if not closed:
            return 0
        last = closed[-1]
        steps = [
            item.steps
            for item in self._store.assignments(last.server_round)
            if item.state == "accepted" and not item.folded
        ]
        # Databases of an earlier version did not keep the steps of their rounds.
        return last.step_clock + (max(steps, default=0) or self._config.training.local_steps)

    def local_steps(self, server_round: int) -> int:
        """As the terms say, or fewer where rounds before it spent little time on anything but training.

        From durable rows of rounds that ended before, so that a restart asks for the same.
        """
        planned, least = self._config.training.local_steps, self._config.adaptation.least_local_steps
        if not least:
            return planned
        closed = [item for item in self._store.rounds() if item.state == "closed" and item.server_round < server_round]
        found = [pace for item in closed[-RECENT:] if (pace := self._pace(item)) is not None]
        return enough_steps(found, least, planned, self._config.adaptation.compute_share)

    def _pace(self, closed: Round) -> Pace | None:
        """Of a closed round; ``None`` where nobody said how long training took."""
        done = [
            item
            for item in self._store.assignments(closed.server_round)
            if item.state == "accepted" and item.steps and not item.folded
            and LEAST_S <= (item.seconds or 0.0) <= (closed.closed_at or 0.0) - closed.started_at
        ]  # fmt: skip
        if not done or closed.closed_at is None:
            return None
        trained_s = statistics.median_low(item.seconds or 0.0 for item in done)
        step_s = statistics.median_low((item.seconds or 0.0) / item.steps for item in done)
        return Pace(step_s, max(0.0, closed.closed_at - closed.started_at - trained_s))

    def patience_s(self) -> float:
        """One deadline."""
        return self._config.schedule.deadline_s

    @staticmethod
    def _last(rounds: list[Round]) -> int:
        return rounds[-1].server_round if rounds else 0


def enough_steps(found: Sequence[Pace], least: int, most: int, share: float) -> int:
    """Steps with which training takes ``share`` of a round, judged by rounds before it; ``most`` where there are none.

    More steps between two exchanges cost some learning, fewer cost time on the line; the median keeps one slow or one
    lying volunteer from deciding, and bounds are the terms'.
    """
    if not found:
        return most
    step_s = statistics.median_low(pace.step_s for pace in found)
    overhead_s = statistics.median_low(pace.overhead_s for pace in found)
    if step_s <= 0 or overhead_s * share / (1.0 - share) >= most * step_s:
        return most
    return max(least, math.ceil(overhead_s * share / (1.0 - share) / step_s))


def stopped_because(config: FederationConfig, rounds: Sequence[Round]) -> str:
    """Why a federation ended before its last round, in a sentence; empty if it did not."""
    most, void = config.schedule.max_void_rounds, 0
    for item in reversed(rounds):
        if item.state != "void":
            break
        void += 1
    if not most or void < most:
        return ""
    return f"The last {void} rounds were given up, and the terms allow no more: {rounds[-1].reason}"


class ErrandAgenda:
    """What the forwarder wrote down, in the order of the larger federation's rounds; gaps are rounds without us."""

    fixed = True

    def __init__(self, store: Store) -> None:
        self._store = store

    def finished(self) -> bool:
        """Whether the forwarder is done, and no round is open."""
        return self._store.meta(FORWARDED) == "1" and self._store.open_round() is None

    def next(self) -> Opening | None:
        """The newest errand that was not begun; one it overtook is nobody's any more."""
        errand, rounds = self._store.newest_errand(), self._store.rounds()
        if errand is None or (rounds and errand.server_round <= rounds[-1].server_round):
            return None
        return Opening(
            server_round=errand.server_round,
            base_hash=errand.base_hash,
            base_bytes=errand.base_bytes,
            step_clock=errand.step_clock,
            deadline_at=errand.deadline_at,
            shard=errand.shard,
        )

    def local_steps(self, server_round: int) -> int:
        """As the larger federation asked."""
        errand = self._store.errand(server_round)
        assert errand is not None
        return errand.local_steps

    def patience_s(self) -> float:
        """Short: who is away misses the round."""
        return GATHER_S


def agenda_of(config: FederationConfig, store: Store, *, evaluates: bool = False) -> Agenda:
    """The agenda that a federation's terms ask for.

    Args:
        config: the terms.
        store: of the federation.
        evaluates: whether the coordinator has a text of its own.
    """
    if config.forwards_to.federation_id:
        return ErrandAgenda(store)
    return OwnAgenda(config, store, evaluates=evaluates)
