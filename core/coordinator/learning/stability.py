"""When the coordinator takes a step back: what is a blow-up, a refused gate, a plateau, and what the rate is then.

Pure functions of durable rows, so that a coordinator that was killed decides the same again. The seeds' slide on the
instability of the global optimiser: follow the norm of the model after aggregation, adjust the server learning rate.

A round that is refused is over like any other: its volunteers have their receipts, its number is used up and its steps
count in the clock of the inner learning rate. Its checkpoint is not built upon: the next round starts from the base it
had, with the moments of that base, at a lower rate.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence

from core.config.learning import OuterConfig, StabilityTerms
from core.coordinator.records.schema import Checkpoint, Round

LEAST_HISTORY = 3
"""Rounds without which a median says nothing; under inner warm-up the first are many times too small."""
QUIET = 5
"""Good rounds at a lowered rate after which it goes one step back up."""
LEAST_SHARE = 1e-3
"""Of the terms' server learning rate, below which it is never lowered: who no longer moves no longer learns."""


def blow_up(terms: StabilityTerms, before: Sequence[Round], delta_norm: float, model_norm: float) -> str:
    """Why a round has blown up, in one sentence; empty if it has not.

    Norms of pseudo-gradients are compared with those of all closed rounds, refused ones too: they do not shrink with
    the server learning rate, and where honest ones have grown for good the median follows within half a window. Norms
    of models are compared with those that were built upon.

    Args:
        terms: the factor and the window.
        before: the rounds before it, oldest first.
        delta_norm: of its pseudo-gradient.
        model_norm: of the model after it.
    """
    if not terms.blow_up:
        return ""
    closed = [item for item in before if item.state == "closed"]
    deltas = [item.pseudo_gradient_norm for item in closed]
    models = [item.model_norm for item in closed if not item.rejected]
    for what, norm, history in (("pseudo-gradient", delta_norm, deltas), ("model", model_norm, models)):
        known = [value for value in history if value is not None][-terms.window :]
        if len(known) < LEAST_HISTORY:
            continue
        usual = statistics.median(known)
        if not norm <= terms.blow_up * usual:
            return (
                f"The norm of its {what} is {norm:.4g}, more than {terms.blow_up:g} times the median of {usual:.4g} "
                f"over {len(known)} rounds."
            )
    return ""


def held_out(terms: StabilityTerms, newest: Checkpoint, base: Checkpoint | None) -> str:
    """Why an evaluated checkpoint is refused by the held-out gate, in one sentence; empty if it is not."""
    if not terms.held_out_gate or newest.evaluation != "ok":
        return ""
    if newest.loss is None or not math.isfinite(newest.loss):
        return "Its loss on the coordinator's own text is not a number."
    if base is None or base.loss is None or newest.loss <= base.loss * (1 + terms.held_out_gate):
        return ""
    return (
        f"Its loss on the coordinator's own text is {newest.loss:.4f}, more than {terms.held_out_gate:.1%} worse than "
        f"the {base.loss:.4f} of its base."
    )


def base_of(round_: Round, checkpoints: Sequence[Checkpoint]) -> Checkpoint | None:
    """The checkpoint that a round started from."""
    earlier = (item for item in reversed(checkpoints) if item.server_round < round_.server_round)
    return next((item for item in earlier if item.sha256 == round_.base_hash and not item.rejected), None)


def plateau(terms: StabilityTerms, rounds: Sequence[Round], checkpoints: Sequence[Checkpoint]) -> bool:
    """Whether the held-out loss has not improved for as many measured rounds as the terms say, at the present rate."""
    measured = [item for item in checkpoints if item.loss is not None and not item.rejected]
    if not terms.plateau_rounds or not measured:
        return False
    best = min(measured, key=lambda item: (item.loss, item.server_round))
    lowered = 0
    for earlier, later in itertools.pairwise(rounds):
        if earlier.outer_lr != later.outer_lr:
            lowered = later.server_round - 1
    since = max(best.server_round, lowered)
    return sum(item.server_round > since for item in measured) >= terms.plateau_rounds


def next_rate(
    terms: StabilityTerms, outer: OuterConfig, rounds: Sequence[Round], checkpoints: Sequence[Checkpoint]
) -> float:
    """The server learning rate of the round that comes next.

    Args:
        terms: what lowers it.
        outer: the rate that the federation begins with.
        rounds: all so far, the last of them over; each says the rate it was opened with.
        checkpoints: all so far.
    """
    if not rounds:
        return outer.learning_rate
    last = rounds[-1]
    rate = outer.learning_rate if last.outer_lr is None else last.outer_lr
    if last.rejected:
        factor = terms.backoff
    elif plateau(terms, rounds, checkpoints):
        factor = terms.plateau_factor
    else:
        return _recovered(terms, outer, rounds, rate)
    return rate if factor == 1.0 else min(rate, max(rate * factor, LEAST_SHARE * outer.learning_rate))


def _recovered(terms: StabilityTerms, outer: OuterConfig, rounds: Sequence[Round], rate: float) -> float:
    """The rate, one step back up after ``QUIET`` good rounds at it, as far as it was rejections that lowered it.

    Without that, whoever has a few rounds taken back would slow a federation down for good.
    """
    if terms.backoff >= 1 or rate >= outer.learning_rate:
        return rate
    closed = [item for item in rounds if item.state == "closed" or item.rejected]
    quiet = closed[-QUIET:]
    if len(quiet) < QUIET or any(item.rejected or item.outer_lr != rate for item in quiet):
        return rate
    raised = min(outer.learning_rate, rate / terms.backoff)
    ceiling = _annealed(terms, outer, rounds)
    return min(raised, ceiling) if ceiling > rate else rate


def _annealed(terms: StabilityTerms, outer: OuterConfig, rounds: Sequence[Round]) -> float:
    """The rate that plateaus alone would have left."""
    lowered = sum(
        1
        for earlier, later in itertools.pairwise(rounds)
        if not earlier.rejected and (later.outer_lr or 0.0) < (earlier.outer_lr or 0.0)
    )
    return float(outer.learning_rate * terms.plateau_factor**lowered)
