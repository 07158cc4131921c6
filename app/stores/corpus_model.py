"""The owner's corpora as a table: source, documents, words, share of training."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP, Qt

from app import figures, strangers
from app.stores.row_model import FIGURE_INK, SHARE, Index, RowModel
from core.api.messages import CorpusInfo


class CorpusModel(RowModel[CorpusInfo]):
    """One row per corpus."""

    headings = (
        str(QT_TRANSLATE_NOOP("CorpusModel", "Source")),
        str(QT_TRANSLATE_NOOP("CorpusModel", "Documents")),
        str(QT_TRANSLATE_NOOP("CorpusModel", "Words")),
        str(QT_TRANSLATE_NOOP("CorpusModel", "Share of training")),
    )

    def key(self, row: CorpusInfo) -> str:
        """Its id."""
        return row.corpus_id

    def alignment(self, column: int) -> Qt.AlignmentFlag:
        """The share stands at the left of its column, under its heading."""
        return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter if column == 3 else super().alignment(column)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Figures of one cell."""
        row = self.row(index.row())
        if row is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(row, index.column())
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignment(index.column())
        if role == SHARE and index.column() == 3:
            return self._share(row)
        if role == FIGURE_INK:
            return "danger" if row.state in ("error", "missing") else "muted"
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{self.headerData(index.column(), Qt.Orientation.Horizontal)}: {self._text(row, index.column())}"
        return None

    def _share(self, row: CorpusInfo) -> float | None:
        if row.state == "reading":
            return row.files_done / row.files_total if row.files_total else 0.0
        total = sum(r.tokens for r in self._rows if r.state == "ready")
        return row.tokens / total if row.state == "ready" and total else None

    def _text(self, row: CorpusInfo, column: int) -> str:
        if column == 0:
            return strangers.name(row.name)
        if column == 3:
            return self._share_text(row)
        if row.state == "reading" and not row.documents:
            return figures.NOT_KNOWN
        return figures.count(row.documents) if column == 1 else figures.short_count(row.words)

    def _share_text(self, row: CorpusInfo) -> str:
        if row.state == "reading":
            return self.tr("{0} of {1}").format(figures.count(row.files_done), figures.count(row.files_total))
        if row.state == "missing":
            return self.tr("not there any more")
        if row.state == "error":
            return self.tr("cannot be read")
        share = self._share(row)
        return figures.NOT_KNOWN if share is None else self.tr("{0} %").format(round(share * 100))
