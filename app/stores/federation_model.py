"""The federations this machine has joined, as a list of two-line rows."""

from __future__ import annotations

from PySide6.QtCore import Qt

from app.stores.row_model import FIGURE, FIGURE_INK, SECOND_FIGURE, SECOND_LINE, Index, RowModel
from app.words import figures, strangers
from core.api.messages import FederationInfo


class FederationModel(RowModel[FederationInfo]):
    """One row per federation."""

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
            return {"unreachable": "danger", "below_floor": "text"}.get(row.state, "muted")
        if role == SECOND_FIGURE:
            return self.tr("round {0}").format(row.server_round) if row.server_round else ""
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{strangers.name(row.name)}, {self.state_word(row)}, {figures.count(row.rounds_done)}"
        return None

    def state_word(self, row: FederationInfo) -> str:
        """How it stands."""
        return {
            "active": self.tr("joined"),
            "unreachable": self.tr("no answer"),
            "below_floor": self.tr("below your floor"),
            "finished": self.tr("finished"),
            "left": self.tr("left"),
        }[row.state]
