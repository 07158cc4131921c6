"""Finished rounds, newest first, as a list of two-line rows."""

from __future__ import annotations

from PySide6.QtCore import Qt

from app.stores.row_model import FIGURE, FIGURE_INK, SECOND_FIGURE, SECOND_LINE, Index, RowModel
from app.words import figures, strangers
from core.api.messages.given import HistoryRow


class HistoryModel(RowModel[HistoryRow]):
    """One row per round."""

    def key(self, row: HistoryRow) -> str:
        """Federation and round."""
        return f"{row.federation_id} {row.federation_name} {row.server_round}"

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """The parts of a row."""
        row = self.row(index.row())
        if row is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.tr("{0}, round {1}").format(strangers.name(row.federation_name), row.server_round)
        if role == SECOND_LINE:
            return f"{figures.when(row.finished_at)} · {self.end(row)}"
        if role == FIGURE:
            return figures.duration(row.seconds)
        if role == FIGURE_INK:
            return "text" if row.state != "abandoned" else "muted"
        if role == SECOND_FIGURE:
            return self.work(row)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            name = self.tr("{0}, round {1}").format(strangers.name(row.federation_name), row.server_round)
            parts = (name, figures.when(row.finished_at), self.end(row), figures.duration(row.seconds), self.work(row))
            return ", ".join(parts)
        return None

    def work(self, row: HistoryRow) -> str:
        """Tokens, and energy where it was measured."""
        tokens = self.tr("{0} tokens").format(figures.short_count(row.tokens))
        return f"{tokens} · {figures.energy(row.energy_wh)}" if row.measured else tokens

    def end(self, row: HistoryRow) -> str:
        """What became of it."""
        words = {
            "sealed": self.tr("finished, not sent yet"),
            "uploading": self.tr("on its way"),
            "sent": self.tr("sent"),
            "accepted": self.tr("accepted"),
            "refused": self.tr("refused"),
            "late": self.tr("too late"),
            "abandoned": self.tr("given up"),
        }
        return words.get(row.state, strangers.plain(row.state, 20))
