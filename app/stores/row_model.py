"""A list of records as a Qt table: rows keep their identity, so that a view keeps its selection over a snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from core.api.messages.base import Message

Row = TypeVar("Row", bound=Message)
Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()

SECOND_LINE = Qt.ItemDataRole.UserRole + 1
FIGURE = Qt.ItemDataRole.UserRole + 2
FIGURE_INK = Qt.ItemDataRole.UserRole + 3
SECOND_FIGURE = Qt.ItemDataRole.UserRole + 4
SHARE = Qt.ItemDataRole.UserRole + 5


class RowModel(QAbstractTableModel, Generic[Row]):
    """Rows of frozen records, told apart by ``key``."""

    headings: tuple[str, ...] = ("",)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []
        self._source: Sequence[Row] | None = None

    def key(self, row: Row) -> str:
        """What makes a row the same row."""
        raise NotImplementedError

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Take a new list; only what differs is announced."""
        if rows is self._source and len(rows) == len(self._rows):
            return  # thousands of rows need not be compared with themselves at every snapshot
        self._source = rows
        fresh = list(rows)
        if [self.key(r) for r in fresh] != [self.key(r) for r in self._rows]:
            self.beginResetModel()
            self._rows = fresh
            self.endResetModel()
            return
        for number, (old, new) in enumerate(zip(self._rows, fresh, strict=True)):
            if old != new:
                self._rows[number] = new
                self.dataChanged.emit(self.index(number, 0), self.index(number, len(self.headings) - 1))

    def row(self, number: int) -> Row | None:
        """The record of a row."""
        return self._rows[number] if 0 <= number < len(self._rows) else None

    def find(self, key: str) -> int:
        """The row with a key, or -1."""
        return next((n for n, row in enumerate(self._rows) if self.key(row) == key), -1)

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        """Rows of the flat list."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        """One column per heading."""
        return 0 if parent.isValid() else len(self.headings)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Headings; figures stand at the right."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.headings):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.tr(self.headings[section]) if self.headings[section] else ""
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignment(section)
        return None

    def alignment(self, column: int) -> Qt.AlignmentFlag:
        """Text at the left, numbers at the right."""
        side = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
        return side | Qt.AlignmentFlag.AlignVCenter
