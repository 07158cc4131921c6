"""An adversary who sees every answer of the gate gets no charge beyond a budget, by other people's sums.

The adversary plays against the real ledger. He chooses mechanisms after looking at what is left, squeezes each to its
last step, prefers what reveals most for the least ε, crosses units, lineages and federations, lets texts meet, and
removes and adds them again. After each granted charge dp-accounting's Rényi accountant and the closed form judge every
budget that it entered; when he gives up, dp-accounting's PLD judges them all.
"""

from __future__ import annotations

import math
import os
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.ledger_kit import Memory, attributes, digest, federation
from support.privacy_oracles import DELTA, corpus, is_gaussian, pld_epsilon, same_method, sampled

from core import privacy_filters
from core.api.errors import BudgetExhausted, PrivacyError
from core.ledger.budget import ENTERS
from core.ledger.rows import EventSpec
from core.ledger.store import Ledger

GAMES = 60 if os.environ.get("HEDGEROW_CAMPAIGN") else 3
MOVES = 25
LIMITS = {"record": 8.0, "document": 8.0, "corpus": 8.0}
UNITS = tuple(LIMITS)


class Adversary:
    """One game: a ledger, and what an honest onlooker writes down beside it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.ledger = Ledger.open(folder / "ledger.db", Memory())
        self.rounds = {"fed": 0, "other": 0}
        for federation_id in self.rounds:
            self.ledger.save_federation(federation(federation_id, run_id=federation_id[0] * 32))
        self.groups: list[set[str]] = []
        self.charged: list[tuple[list[str], EventSpec]] = []
        self.granted, self.refused = 0, 0

    def offer(self, corpus_id: str, documents: set[str]) -> None:
        """A text is added, edited, or added again after it was removed."""
        if corpus_id not in {row.corpus_id for row in self.ledger.corpora()}:
            self.ledger.add_corpus(corpus_id, corpus_id, ["/x"])
        self.ledger.bind_lineage(corpus_id, [digest(name) for name in documents])
        wanted = {corpus_id, *documents}
        met = [group for group in self.groups if group & wanted]
        self.groups = [group for group in self.groups if group not in met] + [set().union(wanted, *met)]
        for unit, limit in LIMITS.items():
            self.ledger.set_budget(corpus_id, unit, limit, DELTA)

    def names(self) -> list[str]:
        return sorted(row.corpus_id for row in self.ledger.corpora())

    def lines(self, names: list[str], spec: EventSpec) -> list[tuple[str, EventSpec]]:
        return [(name, spec) for name in names]

    def candidates(self) -> list[tuple[list[str], EventSpec]]:
        """Mechanisms of every unit over a wide range, for one text or two."""
        found = []
        for _ in range(8):
            names = self.chance.sample(self.names(), self.chance.randint(1, 2))
            sigma, q = self.chance.uniform(0.5, 12.0), 10 ** self.chance.uniform(-3.5, -0.3)
            unit = self.chance.choice(UNITS)
            found.append((names, corpus(sigma) if unit == "corpus" else sampled(unit, q, sigma, 1)))
        return found

    def squeezed(self, names: list[str], spec: EventSpec) -> EventSpec | None:
        """The same with the most steps that the gate lets pass."""

        def passes(steps: int) -> bool:
            return self.ledger.can_afford(self.lines(names, msgspec.structs.replace(spec, steps=steps)))

        low, high = 0, 1
        while high <= 4_096 and passes(high):
            low, high = high, high * 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if passes(middle) else (low, middle)
        return msgspec.structs.replace(spec, steps=low) if low else None

    def move(self, greedy: bool) -> None:
        """Charge the candidate that reveals most, or any, to its last step or in part, where one passes at all."""
        possible = [(names, full) for names, spec in self.candidates() if (full := self.squeezed(names, spec))]
        if not possible:
            return
        names, spec = max(possible, key=lambda one: reveals(one[1])) if greedy else self.chance.choice(possible)
        if not greedy and spec.steps > 1:
            spec = msgspec.structs.replace(spec, steps=self.chance.randint(1, spec.steps))
        self.charge(names, spec)
        more = msgspec.structs.replace(spec, steps=spec.steps + 1)
        if greedy and spec.steps < 4_096:
            with pytest.raises(BudgetExhausted):
                self.charge(names, more)
            self.refused += 1

    def charge(self, names: list[str], spec: EventSpec) -> None:
        federation_id = self.chance.choice(list(self.rounds))
        self.rounds[federation_id] += 1
        release = self.ledger.begin_release(
            federation_id, federation_id[0] * 32, self.rounds[federation_id], attributes(*sorted(names))
        )
        self.ledger.charge(release.release_id, self.lines(sorted(names), spec))
        self.charged.append((names, spec))
        self.granted += 1
        for group in self.groups:
            if group & set(names):
                for unit in ENTERS[spec.unit]:
                    assert same_method(self.history(group, unit)) <= LIMITS[unit] + 1e-9, (self.charged, unit)

    def history(self, group: set[str], unit: str) -> list[EventSpec]:
        return [spec for names, spec in self.charged for name in names if name in group and unit in ENTERS[spec.unit]]


def reveals(spec: EventSpec) -> float:
    """About the variance of the privacy loss, which is what an attacker is after."""
    if spec.mechanism == "gaussian":
        return spec.steps * (2 / spec.noise_multiplier) ** 2
    return spec.steps * spec.sampling_prob**2 * math.expm1(min(spec.noise_multiplier**-2, 50.0))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(GAMES))
def test_nothing_passes_beyond_the_budget(tmp_path: Path, seed: int) -> None:
    game = Adversary(tmp_path, seed)
    game.offer("a", {"one", "two"})
    game.offer("b", {"three"})
    game.offer("c", {"four", "five"})
    for number in range(MOVES):
        if number == MOVES // 3 and seed % 2:
            game.ledger.remove_corpus("a")
            game.offer("a", {"two"})
        if number == MOVES // 2:
            judge(game)  # what follows may join lineages, whose sum may then stand above the limit
            game.offer("d", {"four", "six"} if seed % 3 else {"one", "three", "six"})
        game.move(greedy=bool((number + seed) % 3))
    assert game.granted >= 2
    assert game.refused >= 1, "a game in which nothing was refused shows nothing"
    for row in game.ledger.budgets():
        group = next(group for group in game.groups if row.corpus_id in group)
        history = game.history(group, row.unit)
        assert not history or row.epsilon >= pld_epsilon(history, row.unit)
    game.ledger.close()


def judge(game: Adversary) -> None:
    """Every budget by the tightest accountant, while each lineage has been one from its beginning."""
    for group in game.groups:
        for unit, limit in LIMITS.items():
            history = game.history(group, unit)
            assert not history or pld_epsilon(history, unit) <= limit


def test_an_order_chosen_as_you_go_buys_nothing(tmp_path: Path) -> None:
    """Spending each filter's slack in turn ends where one filter ends: the best of all over everything spent."""
    game = Adversary(tmp_path, 7)
    game.offer("a", {"one"})
    low_order = sampled("record", 1e-3, 0.6, 1)
    high_order = sampled("record", 0.02, 6.0, 1)
    plain = corpus(9.0)
    for spec in (low_order, high_order, plain) * 4:
        full = game.squeezed(["a"], spec)
        if full is not None:
            game.charge(["a"], msgspec.structs.replace(full, steps=max(1, full.steps // 2)))
    history = game.history({"a"}, "record")
    assert len(history) > 6
    assert not is_gaussian(history)
    assert pld_epsilon(history, "record") <= same_method(history) <= LIMITS["record"]
    game.ledger.close()


def test_texts_that_meet_spend_what_both_spent(tmp_path: Path) -> None:
    """Two full lineages that come to share a document afford nothing more, under whatever name."""
    game = Adversary(tmp_path, 8)
    game.offer("a", {"one"})
    game.offer("b", {"two"})
    for name in ("a", "b"):
        full = game.squeezed([name], sampled("document", 0.01, 1.0, 1))
        assert full is not None
        game.charge([name], msgspec.structs.replace(full, steps=full.steps * 3 // 4))
    game.offer("c", {"one", "two", "three"})
    tiny: Any = sampled("record", 1e-3, 10.0, 1)
    for name in ("a", "b", "c"):
        assert not game.ledger.can_afford([(name, sampled("document", 0.01, 1.0, 1))])
        assert not game.ledger.can_afford([(name, corpus(12.0))])
        with pytest.raises(PrivacyError):
            game.charge([name], tiny)
    game.ledger.close()


@pytest.mark.parametrize("fault", ["forgets the oldest", "charges half"])
def test_the_onlooker_notices_a_gate_that_lets_too_much_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    def epsilon(self: Any, delta: float, new: Any = ()) -> float:
        spent = [*self.events, *new]
        if fault == "charges half":
            spent = [msgspec.structs.replace(event, steps=(event.steps + 1) // 2) for event in spent]
        return privacy_filters.report(spent if fault == "charges half" else spent[1:], delta).epsilon

    monkeypatch.setattr(privacy_filters.Spending, "epsilon", epsilon)
    game = Adversary(tmp_path, 9)
    game.offer("a", {"one"})
    with pytest.raises(AssertionError):
        spend(game)
    game.ledger.close()


def spend(game: Adversary) -> None:
    for number in range(MOVES):
        spec = sampled("record", 0.01 + number / 1e4, 1.0, 1)
        game.charge(["a"], game.squeezed(["a"], spec) or spec)
