"""Everything that left this machine, newest first, as a list of two-line rows."""

from __future__ import annotations

from PySide6.QtCore import Qt

from app.stores.row_model import FIGURE, FIGURE_INK, SECOND_FIGURE, SECOND_LINE, Index, RowModel
from app.words import figures, strangers
from core.api.messages.uploads import UploadInfo


class UploadModel(RowModel[UploadInfo]):
    """One row per update."""

    def key(self, row: UploadInfo) -> str:
        """Its id."""
        return row.upload_id

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """The parts of a row."""
        row = self.row(index.row())
        if row is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.tr("Round {0}").format(row.server_round)
        if role == SECOND_LINE:
            return self.second_line(row)
        if role == FIGURE:
            return self.cost(row)
        if role == FIGURE_INK:
            return "danger" if row.unit == "none" else "guarantee"
        if role == SECOND_FIGURE:
            return figures.size(row.size_bytes)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            parts = (self.tr("Round {0}").format(row.server_round), self.second_line(row), self.cost(row))
            return ", ".join((*parts, figures.size(row.size_bytes)))
        return None

    def second_line(self, row: UploadInfo) -> str:
        """When it left, or why it has not."""
        if row.state == "sealed":
            return self.tr("finished, not sent yet")
        if row.state == "uploading":
            return self.tr("on its way")
        at = figures.when(row.sent_at or row.sealed_at)
        if row.state == "refused":
            return self.tr("{0} · refused").format(at)
        if row.state == "late":
            return self.tr("{0} · late").format(at)
        return at

    def cost(self, row: UploadInfo) -> str:
        """What it cost in privacy."""
        if row.unit == "none":
            return self.tr("no guarantee")
        if row.unit == "public":
            return self.tr("public text only")
        if row.epsilon_cost is None:
            return ""
        return self.tr("ε +{0}").format(figures.epsilon_spent(row.epsilon_cost, 2))

    def state_word(self, row: UploadInfo) -> str:
        """What became of an update."""
        words = {
            "sealed": self.tr("finished, not sent yet"),
            "uploading": self.tr("on its way"),
            "sent": self.tr("sent, receipt not here yet"),
            "accepted": self.tr("accepted, receipt kept"),
            "refused": self.tr("refused: {0}").format(strangers.plain(row.reason, 120)),
            "late": self.tr("too late for its round"),
        }
        return words[row.state]
