"""The engine's state and the one sentence that says why, computed from facts and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.api.messages.base import Sentence
from core.api.messages.corpora import CorpusInfo
from core.api.messages.federations import FederationInfo
from core.api.messages.state import RoundProgress, State
from core.hardware.limits import Decision, Reason


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that the sentence depends on."""

    decision: Decision
    """What the owner's wish and rules say."""
    problem: Sentence | None = None
    """Something that stops all work, such as a ledger that went back in time."""
    federations: Sequence[FederationInfo] = ()
    corpora: Sequence[CorpusInfo] = ()
    exhausted: frozenset[str] = field(default_factory=frozenset)
    """Federations whose next round does not fit a budget."""
    progress: RoundProgress | None = None


@dataclass(frozen=True)
class Standing:
    """State, sentence, and when it changes by itself, if it does."""

    state: State
    why: Sentence
    until: float | None = None


def standing(facts: Facts) -> Standing:
    """Order matters: what stops everything first, then the owner's wish, their rules, the budget, the work."""
    active = [f for f in facts.federations if f.state != "left"]
    if facts.problem is not None:
        return Standing("problem", facts.problem)
    if not active:
        return _not_joined(facts)
    begun = facts.progress is not None and not facts.decision.stops_trainer
    if facts.decision.action == "pause" and not begun:
        wished = facts.decision.reason in (Reason.PAUSED, Reason.SNOOZED)
        return Standing("paused" if wished else "paused_rule", facts.decision.sentence, facts.decision.until)
    if facts.progress is not None:
        return _working(facts.progress, facts.decision)
    return _waiting(facts, active)


def _not_joined(facts: Facts) -> Standing:
    if any(c.state == "reading" for c in facts.corpora):
        return Standing("not_joined", _say("reading", "Reading your text; paste an invite to join a federation."))
    if not facts.corpora:
        return Standing("not_joined", _say("no_text", "Choose text of yours, then paste an invite to join."))
    return Standing("not_joined", _say("not_joined", "Not in any federation yet: paste an invite to join."))


def _working(progress: RoundProgress, decision: Decision) -> Standing:
    name, number, rounds = progress.federation_name, progress.server_round, progress.rounds
    args: dict[str, str | int | float] = {"federation": name, "round": number, "rounds": rounds}
    if progress.phase == "uploading" and not decision.may_send:
        return Standing("waiting", decision.sentence, decision.until)
    match progress.phase:
        case "download":
            text = f"Downloading the model for round {number} of {rounds} of {name}."
        case "training" if decision.share < 1.0:
            percent = round(100 * decision.share)
            text = f"Training round {number} of {rounds} of {name} {percent} % of the time, as your rules say."
            said = _say("working_throttled", text, percent=percent, **args)
            return Standing("training", said, decision.until if decision.action == "throttle" else None)
        case "training" if progress.step == 0:
            text = f"Preparing round {number} of {rounds} of {name}."
        case "training":
            text = f"Training round {number} of {rounds} of {name}: step {progress.step} of {progress.steps}."
        case "sealing":
            text = f"Sealing the update of round {number} of {name}."
        case "slot":
            text = f"The update of round {number} of {name} is ready; it sets out with the next slot."
            return Standing("waiting", _say("slot", text, **args))
        case "uploading":
            text = f"Sending the update of round {number} of {name}."
        case _:
            text = f"The update of round {number} of {name} is sent; waiting for its receipt."
            return Standing("waiting", _say("receipt", text, **args))
    return Standing("training", _say(f"working_{progress.phase}", text, **args))


def _waiting(facts: Facts, active: Sequence[FederationInfo]) -> Standing:
    unfinished = [f for f in active if f.state != "finished"]
    if not unfinished:
        names = _list([f.name for f in active])
        return Standing(
            "waiting", _say("finished", f"{names} has finished all its rounds. Nothing more is sent.", name=names)
        )
    missing = [c for c in facts.corpora if c.state == "missing" and any(c.corpus_id in f.corpora for f in unfinished)]
    if missing:
        name = missing[0].name
        text = f"The text {name!r} is not there any more: put it back, or remove it in Data."
        return Standing("problem", _say("corpus_missing", text, corpus=name))
    if all(f.federation_id in facts.exhausted for f in unfinished):
        text = "The privacy budget of your text is used up, so nothing more is trained on it."
        return Standing("no_budget", _say("no_budget", text))
    resting = [f for f in unfinished if f.state in ("below_floor", "resting")]
    if len(resting) == len(unfinished):
        return Standing("paused_rule", _rests(resting))
    unfinished = [f for f in unfinished if f not in resting]
    lost = [f for f in unfinished if f.last_error]
    if lost and len(lost) == len(unfinished):
        state: State = "waiting" if lost[0].state == "unreachable" else "problem"
        return Standing(state, _say("coordinator_error", lost[0].last_error, federation=lost[0].name))
    if any(c.state == "reading" for c in facts.corpora):
        return Standing("waiting", _say("reading", "Reading your text before the next round."))
    names = _list([f.name for f in unfinished])
    return Standing("waiting", _say("waiting", f"Waiting for the next round of {names}.", name=names))


def _rests(resting: Sequence[FederationInfo]) -> Sentence:
    below = [f for f in resting if f.state == "below_floor"]
    if below:
        return _say("below_floor", below[0].last_error, federation=below[0].name)
    names = _list([f.name for f in resting])
    return _say("resting", f"No new round of {names} is begun: you set the share to 0.", name=names)


def _say(code: str, text: str, **args: str | int | float) -> Sentence:
    return Sentence(code=code, text=text, args=args)


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
