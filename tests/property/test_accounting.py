"""Random histories: the gate against dp-accounting and Opacus, and what no accountant may ever get wrong.

A history mixes what a lineage really meets: records, documents and whole corpora, with noise, probability and steps
that differ from charge to charge. ``HEDGEROW_CAMPAIGN=1`` draws 200 of them.

The same method at the same orders must give the same ε to 1e-3; PLD, the closed form and Opacus must never give more.
"""

from __future__ import annotations

import functools
import math
import os
import random

import pytest
from support.privacy_oracles import (
    DELTA,
    History,
    corpus,
    exact_gaussian,
    is_gaussian,
    opacus,
    pld_epsilon,
    same_method,
    sampled,
)

from core.ledger.budget import ENTERS, feeds, spent_event
from core.ledger.rows import EventSpec
from core.privacy_filters import report

HISTORIES = 200 if os.environ.get("HEDGEROW_CAMPAIGN") else 8


@functools.cache
def histories(budget: str) -> list[History]:
    """Of charges that enter this budget: one to six of them, up to a few hundred steps each."""
    chance = random.Random(f"histories of {budget}")
    found = []
    for _ in range(HISTORIES):
        history = []
        for _ in range(chance.randint(1, 6)):
            unit = chance.choice(feeds(budget))
            if unit == "corpus":
                history.append(corpus(chance.uniform(4, 20), chance.randint(1, 4)))
            else:
                q, sigma = math.exp(chance.uniform(math.log(5e-4), math.log(0.1))), chance.uniform(0.7, 3.0)
                history.append(sampled(unit, q, sigma, chance.randint(1, 200)))
        found.append(history)
    return found


def epsilon(history: History, budget: str, delta: float = DELTA) -> float:
    return report([spent_event(spec, budget) for spec in history], delta).epsilon


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("budget", ["record", "document", "corpus"])
def test_random_histories_against_every_oracle(budget: str) -> None:
    for history in histories(budget):
        ours = epsilon(history, budget)
        assert ours >= pld_epsilon(history, budget), history
        assert ours >= opacus(history), history
        if all(budget == spec.unit or spec.mechanism == "gaussian" for spec in history):
            assert ours == pytest.approx(same_method(history), abs=1e-3), history
        else:
            assert ours >= same_method(history), "a replaced document costs more than a removed one"
        if is_gaussian(history):
            assert ours >= exact_gaussian(history, DELTA)


@pytest.mark.filterwarnings("ignore")
def test_the_comparison_notices_a_gate_that_understates() -> None:
    """A fault planted in each oracle's own kind: half of q, 5 % more noise, a corpus charged as if only removed."""
    for history in histories("record")[:3]:
        true = same_method(history)
        for field, factor in (("sampling_prob", 0.5), ("noise_multiplier", 1.05)):
            planted = [
                EventSpec(**{**_fields(spec), field: getattr(spec, field) * factor})
                if spec.mechanism != "gaussian" or field == "noise_multiplier"
                else spec
                for spec in history
            ]
            if planted != history:
                assert same_method(planted) < true - 1e-3
    once = [corpus(8.0, 4)]
    assert epsilon([corpus(16.0, 4)], "corpus") < pld_epsilon(once, "corpus"), "sensitivity C where it is 2C"


def _fields(spec: EventSpec) -> dict[str, object]:
    return {name: getattr(spec, name) for name in spec.__struct_fields__}


@pytest.mark.parametrize("budget", ["record", "document", "corpus"])
def test_order_does_not_matter(budget: str) -> None:
    chance = random.Random(5)
    for history in histories(budget):
        shuffled = chance.sample(history, len(history))
        assert epsilon(shuffled, budget) == epsilon(history, budget)
        parts = [EventSpec(**{**_fields(spec), "steps": 1}) for spec in history for _ in range(min(spec.steps, 20))]
        cut = [EventSpec(**{**_fields(spec), "steps": min(spec.steps, 20)}) for spec in history]
        assert epsilon(parts, budget) == pytest.approx(epsilon(cut, budget), rel=1e-12)


@pytest.mark.parametrize("unit", ["record", "document", "corpus"])
def test_monotone_in_steps_noise_and_probability_in_every_budget_it_enters(unit: str) -> None:
    chance = random.Random(6)
    for _ in range(20):
        q, sigma, steps = 10 ** chance.uniform(-5, -0.4), chance.uniform(0.4, 8), chance.randint(1, 5_000)
        for budget in ENTERS[unit]:
            base = epsilon([_one(unit, q, sigma, steps)], budget)
            assert epsilon([_one(unit, q, sigma, steps + 1)], budget) > base
            assert epsilon([_one(unit, q, sigma * 1.01, steps)], budget) < base
            assert epsilon([_one(unit, q, sigma, steps), corpus(50.0)], budget) > base, "more is never less"
            if unit != "corpus":
                assert epsilon([_one(unit, q * 1.01, sigma, steps)], budget) > base


def _one(unit: str, q: float, sigma: float, steps: int) -> EventSpec:
    return corpus(sigma, steps) if unit == "corpus" else sampled(unit, q, sigma, steps)


@pytest.mark.parametrize("unit", ["record", "document"])
@pytest.mark.parametrize(("q", "sigma", "steps"), [(1e-4, 0.8, 2_000), (0.01, 1.0, 1_000), (0.2, 3.0, 50)])
def test_a_coarser_budget_never_says_less(unit: str, q: float, sigma: float, steps: int) -> None:
    """What a document charge costs its records is at least what it costs the document."""
    found = [epsilon([sampled(unit, q, sigma, steps)], budget) for budget in ENTERS[unit]]
    assert found == sorted(found)
