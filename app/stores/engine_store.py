"""What the window knows of the engine: the last true snapshot, whether it still holds, and what was just asked.

Pages read this and nothing else. The last figures stay when the engine goes away; ``connected`` says that they are old.
"""

from __future__ import annotations

import time
from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from app.client import Call, EngineLink, OtherVersionError
from app.state_view import Action, StateView, view
from app.widgets.rings import RingFigure
from app.words import figures, sentences
from core.api.errors import HedgerowError
from core.api.messages.base import Message
from core.api.messages.corpora import CorpusInfo
from core.api.messages.privacy import BudgetInfo
from core.api.messages.state import Hello, Notice, Snapshot, SnoozeParams

EPSILON_STEPS = (1.0, 3.0, 8.0)
"""Limits an owner chooses from; the ledger raises a limit only along these."""


class EngineStore(QObject):
    """State of the engine as signals.

    Signals:
        changed: the snapshot, the connection or a wish changed.
        noticed: a ``Notice`` to show in passing.
        refused: a ``HedgerowError`` from something that was asked.
    """

    changed = Signal()
    noticed = Signal(object)
    refused = Signal(object)

    def __init__(self, link: EngineLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.link = link
        self.snapshot: Snapshot | None = None
        self.connected = False
        self.ever_connected = False
        self.seen_at = 0.0
        self.lost_at: float | None = None
        self.loss: HedgerowError | None = None
        self._wish = ""
        link.attached.connect(self._on_attached)
        link.lost.connect(self._on_lost)
        link.snapshot.connect(self._on_snapshot)
        link.notice.connect(self._on_notice)

    def _on_attached(self, hello: Hello) -> None:
        self.connected = self.ever_connected = True
        self.lost_at, self.loss = None, None
        self._take(hello.snapshot)

    def _on_snapshot(self, snapshot: Snapshot) -> None:
        self._take(snapshot)

    def _take(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.seen_at = time.time()
        if (self._wish == "pausing") == (snapshot.state == "paused"):
            self._wish = ""
        self.changed.emit()

    def _on_lost(self, error: HedgerowError) -> None:
        self.connected = False
        self._wish = ""
        self.loss = error
        self.lost_at = time.time() if self.ever_connected else None
        self.changed.emit()

    def _on_notice(self, notice: Notice) -> None:
        self.noticed.emit(notice)

    def ask(self, method: str, params: Message | None = None, timeout_s: float = 20.0) -> Call:
        """Send a request; a refusal is also announced by ``refused``."""
        return self.link.request(method, params, timeout_s).then(None, self.refused.emit)

    def ask_quietly(self, method: str, params: Message | None = None, timeout_s: float = 20.0) -> Call:
        """Send a request whose failure the caller shows itself."""
        return self.link.request(method, params, timeout_s)

    def pause(self) -> None:
        """Pause until resumed; shown as "Pausing" until the engine says so."""
        self._wish_for("pausing", self.ask("pause"))

    def snooze(self, seconds: float) -> None:
        """Pause for a while."""
        self._wish_for("pausing", self.ask("snooze", SnoozeParams(seconds=seconds)))

    def resume(self) -> None:
        """Go on."""
        self._wish_for("resuming", self.ask("resume"))

    def _wish_for(self, wish: str, call: Call) -> None:
        if self.connected:
            self._wish = wish
            self.changed.emit()
            call.failed.connect(self._forget_wish)

    def _forget_wish(self, _: HedgerowError) -> None:
        self._wish = ""
        self.changed.emit()

    @property
    def view(self) -> StateView:
        """The state to show."""
        if not self.connected:
            if isinstance(self.loss, OtherVersionError):
                # It would be called "starting" for ever, or be started again in vain.
                return replace(view("stopped", str(self.loss)), action=Action.NOTHING, action_text="")
            if self.lost_at is None:
                return view("starting", self.tr("The engine is starting."))
            text = self.tr("The engine stopped at {0}. Nothing is lost: it goes on where it was.")
            return view("stopped", text.format(figures.clock(self.lost_at)))
        assert self.snapshot is not None
        if self._wish == "pausing":
            return view("pausing", self.tr("Writing down where the round stands. GPU memory is free in a moment."))
        if self._wish == "resuming":
            return view("resuming", self.tr("The engine takes up the round again."))
        return view(self.snapshot.state, sentences.say(self.snapshot.why))

    @property
    def paused(self) -> bool:
        """Whether the owner paused, or is about to."""
        return self.view.key in ("pausing", "paused")

    def budgets(self) -> list[BudgetInfo]:
        """Budgets with the one that runs out first on top; text without a guarantee last."""
        if self.snapshot is None:
            return []
        return sorted(self.snapshot.privacy, key=_urgency)

    def scarcest(self) -> BudgetInfo | None:
        """The guaranteed or promised budget that runs out first."""
        return next((b for b in self.budgets() if not without_guarantee(b)), None)

    def unguarded(self) -> list[BudgetInfo]:
        """Budgets of text without a guarantee."""
        return [b for b in self.budgets() if without_guarantee(b)]

    def corpus(self, corpus_id: str) -> CorpusInfo | None:
        """One corpus by id."""
        corpora = self.snapshot.corpora if self.snapshot else []
        return next((c for c in corpora if c.corpus_id == corpus_id), None)

    def rings(self) -> RingFigure:
        """The two rings for what is known."""
        sign = self.view.sign
        if self.snapshot is None or not self.snapshot.federations:
            return RingFigure(None, None)
        given = self.snapshot.contribution
        offered = given.week_offered_s
        share = given.week_seconds / offered if offered > 0 else 0.0
        budget = self.scarcest()
        if budget is not None:
            return RingFigure(share, share_left(budget), budget.guarantee, sign)
        return RingFigure(share, 1.0, "none" if self.unguarded() else "guaranteed", sign)

    def given_text(self) -> str:
        """What was given this week of what was offered, in one line."""
        given = self.snapshot.contribution if self.snapshot else None
        helps = self.snapshot is not None and bool(self.snapshot.federations)
        if given is None or not (helps or given.week_seconds):
            return self.tr("Nothing given yet")
        return self.tr("{0} of {1} given").format(
            figures.coarse(given.week_seconds), figures.coarse(given.week_offered_s)
        )

    def privacy_text(self) -> str:
        """What privacy is left, in one line."""
        budget = self.scarcest()
        if budget is None:
            return self.tr("No guarantee") if self.unguarded() else self.tr("Nothing spent")
        if budget.rounds_left is not None:
            return self.tr("{0} round(s) left", "", budget.rounds_left).format(figures.count(budget.rounds_left))
        spent = figures.epsilon_spent(budget.epsilon)
        return self.tr("ε {0} of {1}").format(spent, figures.epsilon_limit(budget.limit))


def without_guarantee(budget: BudgetInfo) -> bool:
    """Whether no figure holds for this text."""
    return budget.guarantee == "none" or budget.ended_by_none


def share_left(budget: BudgetInfo) -> float:
    """The share of a budget that is left; exactly 0 only where it is used up."""
    if budget.limit <= 0:
        return 0.0
    return min(1.0, max(0.0, 1.0 - budget.epsilon / budget.limit))


def _urgency(budget: BudgetInfo) -> tuple[bool, float, float]:
    rounds = float("inf") if budget.rounds_left is None else float(budget.rounds_left)
    return without_guarantee(budget), rounds, share_left(budget)
