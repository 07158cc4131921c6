"""Waiting until it is known how good the newest checkpoint is, where the next round depends on that.

The wait is bounded. An evaluator that is missing, fails or takes too long is told of in an event, and the checkpoint
passes: a federation never hangs on its own text.
"""

from __future__ import annotations

import time

from core.config.federation import FederationConfig
from core.coordinator.learning.stability import base_of, held_out
from core.coordinator.records.schema import Checkpoint
from core.coordinator.records.store import Store

PATIENCE_S = 1_900.0
"""A little longer than an evaluation may take."""
DECIDED = "gate_decided"
"""Named value: the newest round whose checkpoint may be built upon."""


class HeldOutGate:
    """Decides about each checkpoint once, before a round is opened on it."""

    def __init__(self, config: FederationConfig, store: Store, *, evaluates: bool) -> None:
        """Look at nothing yet.

        Args:
            config: the terms.
            store: of the federation.
            evaluates: whether the coordinator has a text of its own.
        """
        self._terms = config.stability
        self._store = store
        self._evaluates = evaluates
        self._asked: dict[int, float] = {}

    def settled(self) -> bool:
        """Whether nothing is left to decide; changes nothing."""
        return self._undecided() is None

    def settle(self) -> bool:
        """Decide if it is time; returns whether the next round may be opened."""
        newest = self._undecided()
        if newest is None:
            return True
        if not self._evaluates:
            self._pass(newest, "The coordinator has no text of its own to evaluate on.")
        elif newest.evaluation == "":
            since = self._asked.setdefault(newest.server_round, time.monotonic())
            if time.monotonic() - since < PATIENCE_S:
                return False
            self._pass(newest, f"It was not evaluated within {PATIENCE_S:.0f} seconds.")
        elif newest.evaluation != "ok":
            self._pass(newest, newest.evaluation)
        else:
            self._judge(newest)
        return True

    def _undecided(self) -> Checkpoint | None:
        """The checkpoint of the last round, while no round was opened on it and nothing was decided."""
        if not self._terms.waits_for_evaluation:
            return None
        rounds, newest = self._store.rounds(), self._store.latest_checkpoint()
        if not rounds or rounds[-1].server_round != newest.server_round:
            return None
        return None if self._store.meta(DECIDED) == str(newest.server_round) else newest

    def _judge(self, newest: Checkpoint) -> None:
        last = self._store.round(newest.server_round)
        assert last is not None
        base = base_of(last, self._store.checkpoints())
        reason = held_out(self._terms, newest, base)
        if reason:
            self._store.reject(newest.server_round, reason)
        else:
            self._store.set_meta(DECIDED, str(newest.server_round))

    def _pass(self, newest: Checkpoint, reason: str) -> None:
        self._store.log_event("gate_passed", {"round": newest.server_round, "reason": reason})
        self._store.set_meta(DECIDED, str(newest.server_round))
