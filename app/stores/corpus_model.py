"""The owner's corpora as a table: source, documents, words, share of training."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QT_TRANSLATE_NOOP, QObject, Qt

from app.stores.row_model import FIGURE_INK, SHARE, Index, RowModel
from app.words import figures, strangers
from core.api.messages.corpora import CorpusInfo
from core.api.messages.federations import FederationInfo


def shares_of_training(corpora: Sequence[CorpusInfo], federations: Sequence[FederationInfo]) -> dict[str, float]:
    """What part of what this machine trains on comes from each text that is ready.

    Windows are drawn by weight alone, however long a text is: a short one with the weight of a long one comes as often.
    Under unit ``record`` every record is as likely as any other, so there the length decides, and weights say nothing.
    Public text of a federation takes its part, too. Where a text serves several federations the share is their mean;
    where none uses any, it is what a federation of all of them would draw.
    """
    ready = {corpus.corpus_id: corpus for corpus in corpora if corpus.state == "ready" and corpus.tokens}
    uses = [federation for federation in federations if federation.state not in ("finished", "left")]
    found: dict[str, list[float]] = {}
    for federation in uses:
        mine = [ready[corpus_id] for corpus_id in federation.corpora if corpus_id in ready]
        by_length = federation.manifest.unit in ("record", "document")
        drawn = {c.corpus_id: float(c.records) if by_length else c.weight for c in mine}
        total = sum(drawn.values()) + (0.0 if by_length else federation.manifest.public_weight)
        for corpus_id, part in drawn.items():
            found.setdefault(corpus_id, []).append(part / total if total else 0.0)
    if not found:
        total = sum(corpus.weight for corpus in ready.values())
        return {corpus_id: corpus.weight / total for corpus_id, corpus in ready.items()}
    return {corpus_id: sum(parts) / len(parts) for corpus_id, parts in found.items()}


class CorpusModel(RowModel[CorpusInfo]):
    """One row per corpus."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._shares: dict[str, float] = {}

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
        return self._shares.get(row.corpus_id)

    def set_corpora(self, corpora: Sequence[CorpusInfo], federations: Sequence[FederationInfo]) -> None:
        """Take a new list, and what the texts are used for."""
        shares = shares_of_training(corpora, federations)
        if shares != self._shares and self._rows:
            self._shares = shares
            self.dataChanged.emit(self.index(0, 3), self.index(len(self._rows) - 1, 3))
        self._shares = shares
        self.set_rows(corpora)

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
