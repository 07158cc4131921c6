"""Decisions of stability as pure functions of rows."""

from __future__ import annotations

import math
from typing import Any

import pytest

from core.config.learning import OuterConfig, StabilityTerms
from core.coordinator.learning import stability
from core.coordinator.records.schema import Checkpoint, Round

OUTER = OuterConfig(learning_rate=0.8)


def row(number: int, delta: float = 1.0, model: float = 10.0, **more: Any) -> Round:
    fields: dict[str, Any] = {
        "server_round": number, "state": "closed", "base_hash": f"{number - 1:064x}", "base_bytes": 1, "step_clock": 0,
        "started_at": 0.0, "deadline_at": 1.0, "pseudo_gradient_norm": delta, "model_norm": model, "outer_lr": 0.8,
    }  # fmt: skip
    return Round(**fields | more)


def made(number: int, loss: float | None = None, **more: Any) -> Checkpoint:
    fields: dict[str, Any] = {"evaluation": "" if loss is None else "ok", "momentum": "", "size_bytes": 1}
    return Checkpoint(server_round=number, sha256=f"{number:064x}", created_at=0.0, loss=loss, **fields | more)


USUAL = [row(n, delta) for n, delta in enumerate((0.8, 1.0, 1.2, 1.1), 1)]


def test_a_blow_up_is_so_many_times_the_running_median() -> None:
    terms = StabilityTerms(blow_up=3.0)
    assert stability.blow_up(terms, USUAL, 3.1, 10.0) == ""
    assert "pseudo-gradient is 3.2, more than 3 times the median of 1.05" in stability.blow_up(terms, USUAL, 3.2, 10.0)
    assert "model is 31" in stability.blow_up(terms, USUAL, 1.0, 31.0)
    assert stability.blow_up(terms, USUAL, math.nan, 10.0), "what is no number is no usual number"
    assert stability.blow_up(terms, USUAL, math.inf, 10.0)
    assert stability.blow_up(StabilityTerms(), USUAL, 1e9, 1e9) == "", "off"


def test_there_is_no_blow_up_without_history_and_void_rounds_are_none() -> None:
    terms = StabilityTerms(blow_up=3.0)
    assert stability.blow_up(terms, USUAL[:2], 99.0, 99.0) == ""
    void = row(3, state="void", pseudo_gradient_norm=None, model_norm=None)
    assert stability.blow_up(terms, [*USUAL[:2], void], 99.0, 99.0) == ""
    assert stability.blow_up(terms, USUAL[:3], 99.0, 10.0)


def test_the_median_is_over_the_window_alone() -> None:
    terms = StabilityTerms(blow_up=2.0, window=3)
    history = [row(n, 100.0 if n < 5 else 1.0) for n in range(1, 8)]
    assert stability.blow_up(terms, history, 2.5, 10.0)
    assert stability.blow_up(StabilityTerms(blow_up=2.0, window=7), history, 2.5, 10.0) == ""


def test_pseudo_gradients_that_have_grown_for_good_are_usual_after_half_a_window() -> None:
    terms = StabilityTerms(blow_up=3.0, window=4)
    history, refused = list(USUAL), 0
    for number in range(5, 20):
        reason = stability.blow_up(terms, history, 50.0, 10.0)
        history.append(row(number, 50.0, rejected=reason))
        refused += bool(reason)
    assert 1 <= refused <= 3


def test_a_refused_model_is_not_what_models_are_compared_with() -> None:
    terms = StabilityTerms(blow_up=3.0)
    history = [*USUAL, *(row(n, 1.0, 1_000.0, rejected="it blew up") for n in (5, 6, 7, 8, 9, 10))]
    assert "model" in stability.blow_up(terms, history, 1.0, 900.0)


def test_the_gate_lets_little_pass_and_nothing_that_is_no_number() -> None:
    terms = StabilityTerms(held_out_gate=0.02)
    base = made(1, 4.0)
    assert stability.held_out(terms, made(2, 4.07), base) == ""
    assert "4.0900, more than 2.0% worse than the 4.0000" in stability.held_out(terms, made(2, 4.09), base)
    assert stability.held_out(terms, made(2, 3.0), base) == ""
    assert stability.held_out(terms, made(2, None, evaluation="ok"), base), "NaN in the database is nothing"
    assert stability.held_out(terms, made(2, None, evaluation="it failed"), base) == ""
    assert stability.held_out(terms, made(2, 9.0), None) == ""
    assert stability.held_out(terms, made(2, 9.0), made(1)) == "", "its base was not measured"
    assert stability.held_out(StabilityTerms(), made(2, 9.0), base) == "", "off"


def test_the_base_of_a_round_is_the_newest_of_its_hash_that_may_be_used() -> None:
    same = {"sha256": "f" * 64}
    checkpoints = [made(0), *(Checkpoint(**vars(made(n)) | same) for n in (1, 2)), made(3)]
    assert stability.base_of(row(4, base_hash="f" * 64), checkpoints) == checkpoints[2]
    assert stability.base_of(row(2, base_hash="f" * 64), checkpoints) == checkpoints[1]
    checkpoints[2] = Checkpoint(**vars(checkpoints[2]) | {"rejected": "why"})
    assert stability.base_of(row(4, base_hash="f" * 64), checkpoints) == checkpoints[1]
    assert stability.base_of(row(4, base_hash="e" * 64), checkpoints) is None


def test_a_plateau_counts_measured_rounds_since_the_best_and_since_the_rate_changed() -> None:
    terms = StabilityTerms(plateau_rounds=3)
    rounds = [row(n) for n in range(1, 6)]
    losses = [5.0, 4.0, 4.1, 4.2, 4.05, 4.3]
    checkpoints = [made(n, loss) for n, loss in enumerate(losses)]
    assert not stability.plateau(terms, rounds[:3], checkpoints[:4])
    assert stability.plateau(terms, rounds[:4], checkpoints[:5])
    lowered = [*rounds[:4], row(5, outer_lr=0.4)]
    assert not stability.plateau(terms, lowered, checkpoints), "one round at the new rate is not three"
    more = [*lowered, row(6, outer_lr=0.4), row(7, outer_lr=0.4)]
    assert stability.plateau(terms, more, [*checkpoints, made(6, 4.4), made(7, 4.5)])
    assert not stability.plateau(terms, more, [*checkpoints, made(6, 3.9), made(7, 4.5)]), "it improved"
    assert not stability.plateau(terms, more, [*checkpoints, made(6), made(7)]), "what was not measured says nothing"
    assert not stability.plateau(StabilityTerms(), rounds, checkpoints), "off"


def test_the_rate_falls_after_a_refusal_and_on_a_plateau_and_never_to_nothing() -> None:
    terms = StabilityTerms(backoff=0.5, plateau_rounds=2, plateau_factor=0.25)
    assert stability.next_rate(terms, OUTER, [], [made(0)]) == 0.8
    assert stability.next_rate(terms, OUTER, [row(1)], [made(0), made(1)]) == 0.8
    assert stability.next_rate(terms, OUTER, [row(1, rejected="why")], [made(0), made(1)]) == 0.4
    assert stability.next_rate(terms, OUTER, [row(1, state="void", rejected="not finite")], [made(0)]) == 0.4
    flat = [made(0, 4.0), made(1, 4.1), made(2, 4.1)]
    assert stability.next_rate(terms, OUTER, [row(1), row(2)], flat) == pytest.approx(0.2)
    assert stability.next_rate(terms, OUTER, [row(1, outer_lr=None)], [made(0)]) == 0.8, "a round of an older version"
    rate, rounds = 0.8, [row(1, rejected="why")]
    for number in range(2, 40):
        rate = stability.next_rate(terms, OUTER, rounds, [made(0)])
        rounds.append(row(number, outer_lr=rate, rejected="why"))
    assert rate == pytest.approx(0.8 * stability.LEAST_SHARE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"blow_up": 0.5},
        {"blow_up": float("nan")},
        {"blow_up": 1e6},
        {"window": 2},
        {"backoff": 0.0},
        {"backoff": 1.5},
        {"held_out_gate": -0.1},
        {"plateau_rounds": -1},
        {"plateau_factor": 0.0},
    ],
)
def test_terms_out_of_bounds_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"stability\."):
        StabilityTerms(**wrong)
