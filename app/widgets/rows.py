"""Delegates: two-line rows for lists, a bar with its figure for shares."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPen
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.stores.row_model import FIGURE, FIGURE_INK, SECOND_FIGURE, SECOND_LINE, SHARE
from app.theme import Theme, Type

Index = QModelIndex | QPersistentModelIndex


class TwoLines(QStyledItemDelegate):
    """Title and figure above, second line and second figure below."""

    def __init__(self, theme: Theme, parent: QAbstractItemView) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """One row of a list."""
        return QSize(self._theme.px(30), self._theme.px(13))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw a row."""
        theme, unit = self._theme, self._theme.unit
        painter.save()
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        rect: QRect = option.rect
        if selected:
            painter.fillRect(rect, theme.colour("accent_soft"))
        painter.setPen(QPen(theme.colour("border"), 1))
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        inner = rect.adjusted(round(3.5 * unit), 2 * unit, round(-3.5 * unit), -2 * unit)
        half = inner.height() // 2
        ink = index.data(FIGURE_INK) or "muted"
        title = theme.font(Type.BODY, 600 if selected else 400)
        upper, lower = inner.adjusted(0, 0, 0, -half), inner.adjusted(0, half, 0, 0)
        self._pair(painter, upper, (str(index.data() or ""), str(index.data(FIGURE) or "")), title, ("text", str(ink)))
        small = theme.font(Type.SMALL)
        pair = (str(index.data(SECOND_LINE) or ""), str(index.data(SECOND_FIGURE) or ""))
        self._pair(painter, lower, pair, small, ("muted", "muted"))
        painter.restore()

    def _pair(self, painter: QPainter, box: QRect, texts: tuple[str, str], font: QFont, inks: tuple[str, str]) -> None:
        painter.setFont(self._theme.font(Type.SMALL))
        right = painter.fontMetrics().horizontalAdvance(texts[1])
        painter.setPen(self._theme.colour(inks[1]))
        painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, texts[1])
        painter.setFont(font)
        room = box.width() - right - (2 * self._theme.unit if right else 0)
        shown = painter.fontMetrics().elidedText(texts[0], Qt.TextElideMode.ElideRight, room)
        painter.setPen(self._theme.colour(inks[0]))
        painter.drawText(box, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)


class TableCells(QStyledItemDelegate):
    """Cells of a table: hairlines between rows, a share as a bar with its figure."""

    def __init__(self, theme: Theme, parent: QAbstractItemView) -> None:
        super().__init__(parent)
        self._theme = theme

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw a cell."""
        theme, unit = self._theme, self._theme.unit
        painter.save()
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        rect: QRect = option.rect
        if selected:
            painter.fillRect(rect, theme.colour("accent_soft"))
        painter.setPen(QPen(theme.colour("border"), 1))
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        inner = rect.adjusted(3 * unit, 0, -3 * unit, 0)
        share = index.data(SHARE)
        if isinstance(share, float):
            inner = self._bar(painter, inner, share)
        first = index.column() == 0
        painter.setFont(
            theme.font(Type.BODY, 600 if first else 400) if not self._small(index) else theme.font(Type.SMALL)
        )
        painter.setPen(theme.colour(str(index.data(FIGURE_INK) or "muted") if self._small(index) else "text"))
        alignment = index.data(Qt.ItemDataRole.TextAlignmentRole) or Qt.AlignmentFlag.AlignLeft
        shown = painter.fontMetrics().elidedText(str(index.data() or ""), Qt.TextElideMode.ElideRight, inner.width())
        painter.drawText(inner, Qt.AlignmentFlag(alignment), shown)
        painter.restore()

    def _small(self, index: Index) -> bool:
        return index.column() == index.model().columnCount() - 1

    def _bar(self, painter: QPainter, box: QRect, share: float) -> QRect:
        unit = self._theme.unit
        width, height = min(15 * unit, box.width() // 2), 1.5 * unit
        bar = QRectF(box.x(), box.center().y() - height / 2 + 1, width, height)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        for part, ink in ((1.0, "track"), (min(1.0, max(0.0, share)), "accent")):
            if part > 0:
                painter.setBrush(self._theme.colour(ink))
                painter.drawRoundedRect(
                    QRectF(bar.x(), bar.y(), max(height, width * part), height), height / 2, height / 2
                )
        return box.adjusted(width + 2 * unit, 0, 0, 0)


class HouseList(QListView):
    """A list of two-line rows."""

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self.setItemDelegate(TwoLines(theme, self))
        self.setUniformItemSizes(True)
        self.setAccessibleName(name)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)
        theme.changed.connect(self.viewport().update)
