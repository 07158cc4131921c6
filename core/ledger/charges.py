"""Budgets and charges: the gate. A charge is durable before it is granted, unique per release, and never refunded.

Guarantees: every budget that a charge enters is checked over *all* of its events from its creation, before anything is
written; one that does not admit the charge stops all of it. A charge covers every corpus of its release at once; a
release that names no corpus, because it reads public text alone, is charged with no line: nothing is spent, no lineage
is touched, and its update still cannot be sealed twice or without a row.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from core.api.errors import BudgetExhausted, PrivacyError, ReleaseMismatch
from core.ledger.book import Book, Clock
from core.ledger.budget import BUDGET_UNITS, ENTERS, RELATIONS, feeds, finer, rungs, spent_event
from core.ledger.corpora import CorpusBook
from core.ledger.database import Database
from core.ledger.releases import ReleaseBook
from core.ledger.rows import BudgetRow, CorpusRow, EventSpec
from core.ledger.spent import Account, Spent
from core.privacy_filters import FilterReport, SpentEvent, report

Line = tuple[str, EventSpec]
_Figures = tuple[float | None, float | None, float | None]
_LIMITS: Final = (
    "SELECT c.lineage_id, c.name, b.unit, b.epsilon, b.delta FROM corpora c"
    " LEFT JOIN budgets b ON b.lineage_id = c.lineage_id WHERE c.corpus_id = ?"
)
_MAX_ROUNDS_LEFT: Final = 1 << 20
_MAX_STEPS: Final = 100_000_000
_CUT_OTHERWISE: Final = "its passages were cut to another length or by another tokenizer before, and overlap these."
_CUT_HINT: Final = "Join federations that protect documents with it, or that cut it as before."
_ENDED: Final = "a round without guarantee used this text"


class ChargeBook(CorpusBook, ReleaseBook, Book):
    """Limits, events, and the gate between them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock)
        self._spent = Spent(database)

    def set_budget(self, corpus_id: str, unit: str, epsilon: float, delta: float) -> BudgetRow:
        """Set the limit of a corpus lineage under one unit, or move it.

        The first may be any figure; later ones may fall freely and rise only along 1, 3, 8, 16, …, each rung a row.
        δ is fixed by the first call; a later one keeps it.

        Raises:
            PrivacyError: the corpus has not been read yet, or the rise is not on the ladder.
            ValueError: unit, ε or δ is absurd.
        """
        if unit not in BUDGET_UNITS:
            raise ValueError(f"unit {unit!r} has no budget")
        if not 0 < epsilon <= 1e6 or not 0 < delta < 1:
            raise ValueError(f"ε {epsilon} and δ {delta} are not a budget")
        with self._db.transaction():
            lineage = self._lineage(corpus_id)
            old = self._budget(lineage, unit)
            for rung in self._steps(old, epsilon):
                self._append(
                    "budget", {"lineage": lineage, "unit": unit, "epsilon": rung, "delta": old[1] if old else delta}
                )
            self._db.run(
                "INSERT INTO budgets VALUES (?, ?, ?, ?) ON CONFLICT (lineage_id, unit)"
                " DO UPDATE SET epsilon = excluded.epsilon",
                (lineage, unit, epsilon, delta),
            )
            return self._budget_row(self.corpus(corpus_id), lineage, unit)

    @staticmethod
    def _steps(old: tuple[float, float] | None, epsilon: float) -> list[float]:
        if old is None or epsilon < old[0]:
            return [epsilon]
        if epsilon == old[0]:
            return []
        try:
            return rungs(old[0], epsilon)
        except ValueError as error:
            raise PrivacyError(
                f"The limit of ε {old[0]:g} cannot be raised to {epsilon:g}.", "It rises only along 1, 3, 8, 16, …"
            ) from error

    def budgets(self) -> list[BudgetRow]:
        """Every budget of the corpora not removed; a corpus without one whose guarantee ended shows as ``none``."""
        found: list[BudgetRow] = []
        for corpus in self.corpora():
            if corpus.lineage_id is None:
                continue
            units = [unit for unit in BUDGET_UNITS if self._budget(corpus.lineage_id, unit)]
            if not units and self._ended(corpus.lineage_id):
                units = ["none"]
            found += [self._budget_row(corpus, corpus.lineage_id, unit) for unit in units]
        return found

    def end_guarantee(self, corpus_id: str) -> None:
        """Note that a round without guarantee uses this text: no figure of its lineage holds any more, for good.

        Raises:
            PrivacyError: the corpus has not been read yet.
        """
        with self._db.transaction():
            self._end(self._lineage(corpus_id))

    def _end(self, lineage: int) -> None:
        if not self._ended(lineage):
            self._append("end", {"lineage": lineage})
            self._db.run("UPDATE lineages SET ended_by_none = 1 WHERE lineage_id = ?", (lineage,))

    def can_afford(self, lines: Iterable[Line]) -> bool:
        """Whether the gate would let this charge pass now. Nothing is written."""
        try:
            self.check(lines)
        except PrivacyError:
            return False
        return True

    def check(self, lines: Iterable[Line]) -> None:
        """Say why the gate would not let this charge pass now, if so. Nothing is written.

        Raises:
            BudgetExhausted: a budget does not admit it.
            PrivacyError: something else forbids it.
        """
        with self._db.snapshot():
            self._gate(list(lines))

    def rounds_left(self, lines: Sequence[Line]) -> int:
        """How many more charges like this one the gate would let pass, up to about a million."""
        steps = max((spec.steps for _, spec in lines), default=0)
        if not steps or any(spec.unit == "none" for _, spec in lines):
            return 0

        def fits(rounds: int) -> bool:
            return steps * rounds <= _MAX_STEPS and self.can_afford(times(lines, rounds))

        low, high = 0, 1
        while high <= _MAX_ROUNDS_LEFT and fits(high):
            low, high = high, high * 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        return low

    def forecast(self, lines: Iterable[Line]) -> dict[tuple[int, str], float]:
        """ε of every budget if these were charged as well, whatever its limit, by lineage and unit."""
        with self._db.snapshot():
            entering: dict[tuple[int, str], list[SpentEvent]] = {}
            for corpus_id, spec in lines:
                lineage = self._lineage(corpus_id)
                for unit in ENTERS[spec.unit]:
                    entering.setdefault((lineage, unit), []).append(spent_event(spec, unit))
            return {
                (lineage, unit): self._spent.of(lineage).budgets[unit].epsilon(budget[1], new)
                for (lineage, unit), new in entering.items()
                if (budget := self._budget(lineage, unit))
            }

    def _charge(self, release_id: int, lines: Sequence[Line]) -> int:
        with self._db.transaction():
            release = self.release(release_id)
            encoded = _encode_lines(lines)
            if release.charge_id is not None:
                stored = self._db.rows("SELECT lines FROM charges WHERE charge_id = ?", (release.charge_id,))[0][0]
                if stored != encoded:
                    raise ReleaseMismatch(
                        f"Round {release.server_round} was already charged for another mechanism.",
                        "It was not charged again, and nothing was sent.",
                    )
                return release.charge_id
            if release.state not in ("assigned", "training"):
                raise ValueError(f"release {release_id} is {release.state} and cannot be charged")
            if sorted(corpus_id for corpus_id, _ in lines) != sorted(set(release.attributes.corpora)):
                raise ValueError(f"a charge covers each corpus of its release once: {release.attributes.corpora}")
            lineages, (before, after, delta) = self._gate(lines)
            charge_id = self._next_id("charges", "charge_id")
            seq = self._append(
                "charge",
                {
                    "charge": charge_id,
                    "release": release_id,
                    "key": [release.federation_id, release.run_id, release.server_round],
                    "attributes": release.attributes,
                    "lines": msgspec.Raw(encoded),
                    "lineages": lineages,
                },
            )
            self._db.run(
                "INSERT INTO charges VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    charge_id,
                    release_id,
                    seq,
                    lines[0][1].unit if lines else "none",
                    encoded,
                    after,
                    _cost(before, after),
                    delta,
                ),
            )
            for number, ((corpus_id, spec), lineage) in enumerate(zip(lines, lineages, strict=True)):
                self._db.run(
                    "INSERT INTO charge_lines VALUES (?, ?, ?, ?, ?, ?)",
                    (charge_id, number, corpus_id, lineage, spec.unit, msgspec.json.encode(spec)),
                )
                if spec.unit == "none":
                    self._end(lineage)
            return charge_id

    def _gate(self, lines: Sequence[Line]) -> tuple[list[int], _Figures]:
        """Check every budget a charge enters.

        Returns:
            The lineage of each line; and ε before and after, and δ, of the budget most spent.

        Raises:
            BudgetExhausted: a budget does not admit it.
            PrivacyError: a corpus has no budget for its unit, or has not been read yet.
        """
        entering: dict[tuple[int, str], list[SpentEvent]] = {}
        names: dict[int, str] = {}
        limits: dict[int, dict[str, tuple[float, float]]] = {}
        accounts: dict[int, Account] = {}
        own: set[tuple[int, str]] = set()
        lineages: list[int] = []
        for corpus_id, spec in lines:
            lineage, name, limits[lineage] = self._lineage_name_and_limits(corpus_id)
            lineages.append(lineage)
            names[lineage] = name
            if spec.unit == "none":
                continue
            if lineage not in accounts:
                accounts[lineage] = self._spent.of(lineage)
            if spec.unit not in limits[lineage]:
                raise PrivacyError(
                    f"{name} has no privacy budget for the unit {spec.unit}.", "Set one by joining again."
                )
            own.add((lineage, spec.unit))
            if _other_cut(accounts[lineage], spec):
                raise PrivacyError(f"{name}: {_CUT_OTHERWISE}", _CUT_HINT)
            for unit in ENTERS[spec.unit]:
                entering.setdefault((lineage, unit), []).append(spent_event(spec, unit))
        worst: _Figures = (None, None, None)
        for (lineage, unit), new in entering.items():
            if unit not in limits[lineage]:
                continue
            epsilon, delta = limits[lineage][unit]
            spent = accounts[lineage].budgets[unit]
            after = spent.epsilon(delta, new)
            if not after <= epsilon:
                raise BudgetExhausted(
                    f"{names[lineage]} has no room left for this round: the limit is ε {epsilon:g} per {unit}.",
                    "Nothing was charged. Raise the limit, or offer other text.",
                )
            if (lineage, unit) in own and (worst[1] is None or after > worst[1]):
                worst = (spent.epsilon(delta), after, delta)
        return lineages, worst

    def cut_otherwise(self, corpus_id: str, spec: EventSpec) -> str:
        """Why records of this cut cannot be charged to a text, or an empty string."""
        with self._db.snapshot():
            other = _other_cut(self._spent.of(self._lineage(corpus_id)), spec)
        return f"{_CUT_OTHERWISE} {_CUT_HINT}" if other else ""

    def _events(self, lineage: int, unit: str) -> list[SpentEvent]:
        """Everything a budget ever spent."""
        with self._db.snapshot():
            return self._spent.of(lineage).budgets[unit].events

    def _lineage_name_and_limits(self, corpus_id: str) -> tuple[int, str, dict[str, tuple[float, float]]]:
        """Of one corpus; the limits are (ε, δ) of each unit that has a budget."""
        rows = self._db.rows(_LIMITS, (corpus_id,))
        if not rows or rows[0][0] is None:
            return self._lineage(corpus_id), "", {}  # it raises: there is no such corpus, or no lineage yet
        limits = {unit: (float(epsilon), float(delta)) for _, _, unit, epsilon, delta in rows if unit is not None}
        return int(rows[0][0]), str(rows[0][1]), limits

    def _lineage(self, corpus_id: str) -> int:
        corpus = self.corpus(corpus_id)
        if corpus.lineage_id is None:
            raise PrivacyError(f"{corpus.name} has not been read yet.", "Wait until its tokens are counted.")
        return corpus.lineage_id

    def _budget(self, lineage: int, unit: str) -> tuple[float, float] | None:
        row = self._db.row("SELECT epsilon, delta FROM budgets WHERE lineage_id = ? AND unit = ?", (lineage, unit))
        return None if row is None else (float(row[0]), float(row[1]))

    def _ended(self, lineage: int) -> bool:
        return self._db.row("SELECT 1 FROM lineages WHERE lineage_id = ? AND ended_by_none", (lineage,)) is not None

    def _count(self, lineage: int, units: Sequence[str]) -> int:
        with self._db.snapshot():
            return self._spent.of(lineage).charged(units)

    def _budget_row(self, corpus: CorpusRow, lineage: int, unit: str) -> BudgetRow:
        limit, delta = self._budget(lineage, unit) or (0.0, 0.0)
        figure = (
            report(self._events(lineage, unit), delta)
            if unit != "none"
            else FilterReport(epsilon=0.0, method=_ENDED, delta=0.0, by_filter={})
        )
        return BudgetRow(
            corpus_id=corpus.corpus_id,
            corpus_name=corpus.name,
            lineage_id=lineage,
            unit=unit,
            epsilon=figure.epsilon,
            limit=limit,
            delta=delta,
            method=figure.method,
            relation=RELATIONS.get(unit, "none"),
            releases=self._count(lineage, feeds(unit) or ("none",)),
            weaker_releases=self._count(lineage, finer(unit)) if unit != "none" else 0,
            ended_by_none=self._ended(lineage),
        )


def times(lines: Iterable[Line], rounds: int) -> list[Line]:
    """The same mechanisms, run so many times."""
    return [(corpus_id, msgspec.structs.replace(spec, steps=spec.steps * rounds)) for corpus_id, spec in lines]


def _encode_lines(lines: Sequence[Line]) -> bytes:
    return msgspec.json.encode(sorted(lines, key=lambda line: line[0]))


def _cost(before: float | None, after: float | None) -> float | None:
    if before is None or after is None:
        return None
    return after if math.isinf(before) else after - before


def _other_cut(account: Account, spec: EventSpec) -> bool:
    return spec.unit == "record" and not account.cuts <= {spec.cut}


class _ChargeEntry(msgspec.Struct):
    lines: msgspec.Raw


def charge_content(body: bytes) -> bytes:
    """The lines of a charge entry byte for byte, as they are stored beside it; used to compare the two."""
    return bytes(msgspec.json.decode(body, type=_ChargeEntry).lines)
