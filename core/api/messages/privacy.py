"""Budgets: what was charged to the owner's text, and what is still planned."""

from __future__ import annotations

from typing import Literal

from core.api.messages.base import Message

Guarantee = Literal["guaranteed", "promised", "none"]
Verdict = Literal["", "useful", "barely", "not useful"]


class BudgetPlan(Message, frozen=True, kw_only=True):
    """What one joined federation still means to do with a text."""

    federation_id: str
    federation_name: str
    rounds: int
    """Rounds of the plan still to come."""
    noise_to_signal: float = 0.0
    verdict: Verdict = ""
    """Whether learning can be expected of the whole plan; empty without noise."""
    few: bool = False
    """So little text that learning under noise is unlikely, unless the verdict is useful."""


class PlannedCharge(Message, frozen=True, kw_only=True):
    """A point of the forecast: ε after so many more rounds of everything that is planned."""

    rounds: int
    epsilon: float
    """Rounded up; the last point may lie at the limit, where contribution stops."""


class BudgetInfo(Message, frozen=True, kw_only=True):
    """Privacy of one corpus lineage under one unit."""

    corpus_id: str
    corpus_name: str
    unit: str
    guarantee: Guarantee
    epsilon: float
    """Charged so far, rounded up; the smallest value among the filters."""
    limit: float
    delta: float
    relation: str
    method: str
    orders: list[float] = []
    rounds_left: int | None = None
    releases: int = 0
    ended_by_none: bool = False
    """True once a round without guarantee used this text; no figure holds any more."""
    epsilon_at_end: float | None = None
    """After everything that the joined federations still plan, rounded up, at most the limit; ``None`` without a plan.
    """
    ahead: list[PlannedCharge] = []
    """The way there, in a few points; empty where nothing is planned."""
    plans: list[BudgetPlan] = []
    """The joined federations that charge this budget."""


class BudgetList(Message, frozen=True, kw_only=True):
    """All budgets."""

    budgets: list[BudgetInfo]


class ExportParams(Message, frozen=True, kw_only=True):
    """Where to write the privacy ledger to, for its owner."""

    path: str
    """A new file in a folder that exists; absolute."""
    report: bool = False
    """In words instead of JSON."""
