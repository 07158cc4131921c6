"""The federations this machine has joined, as a list of two-line rows."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Qt

from app.stores.row_model import FIGURE, FIGURE_INK, SECOND_FIGURE, SECOND_LINE, Index, RowModel
from app.words import figures, strangers
from app.words.shares import Share, shares
from core.api.messages.federations import FederationInfo


class FederationModel(RowModel[FederationInfo]):
    """One row per federation, with its share of the machine where several share it."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._shares: dict[str, Share] = {}

    def set_rows(self, rows: Sequence[FederationInfo]) -> None:
        """Take a new list; one weight changes the share of every row."""
        before, self._shares = self._shares, shares(rows)
        super().set_rows(rows)
        if before != self._shares and rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, 0))

    def key(self, row: FederationInfo) -> str:
        """Its id."""
        return row.federation_id

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """The parts of a row."""
        row = self.row(index.row())
        if row is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return strangers.name(row.name)
        if role == SECOND_LINE:
            return self.tr("by {0}").format(strangers.name(row.operator))
        if role == FIGURE:
            return self.state_word(row)
        if role == FIGURE_INK:
            return {"unreachable": "danger", "below_floor": "text", "resting": "text"}.get(row.state, "muted")
        if role == SECOND_FIGURE:
            return self._second_figure(row)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.share_words(row)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            said = f"{strangers.name(row.name)}, {self.state_word(row)}, {figures.count(row.rounds_done)}"
            return ", ".join(part for part in (said, self.share_words(row)) if part)
        return None

    def share(self, row: FederationInfo) -> Share | None:
        """Its part of the machine; ``None`` where it shares it with nobody."""
        return self._shares.get(row.federation_id)

    def share_words(self, row: FederationInfo) -> str:
        """What it was given beside what its owner asks for it; empty where it shares the machine with nobody."""
        share = self.share(row)
        if share is None:
            return ""
        words = self.tr("{0} % of this machine asked, {1} % given in the last seven days ({2})")
        return words.format(
            figures.percent(share.asked), figures.percent(share.given), figures.duration(row.week_seconds)
        )

    def _second_figure(self, row: FederationInfo) -> str:
        share = self.share(row)
        if share is not None and row.weight:
            return self.tr("{0} % of this machine").format(figures.percent(share.asked))
        return self.tr("round {0}").format(row.server_round) if row.server_round else ""

    def state_word(self, row: FederationInfo) -> str:
        """How it stands."""
        return {
            "active": self.tr("joined"),
            "unreachable": self.tr("no answer"),
            "below_floor": self.tr("below your floor"),
            "resting": self.tr("rests"),
            "finished": self.tr("finished"),
            "left": self.tr("left"),
        }[row.state]
