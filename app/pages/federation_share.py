"""The share of one federation beside others: a number, and what it means now."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QVBoxLayout, QWidget

from app.theme import Theme, Type
from app.widgets.labels import Label
from app.words import figures
from app.words.shares import Share
from core.api.messages.federations import FederationInfo

MOST = 100.0
DECIMALS = 2


class WeightBox(QDoubleSpinBox):
    """A weight from 0 to 100 as short as it can be written; a wheel that only passes by leaves it alone."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setRange(0.0, MOST)
        self.setDecimals(DECIMALS)
        self.setLocale(figures.locale())
        self.setKeyboardTracking(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.lineEdit().setTextMargins(0, 0, theme.px(2), 0)
        self.setFixedWidth(theme.px(26))

    def textFromValue(self, value: float) -> str:
        """Without zeros at the end."""
        decimals = next(n for n in range(DECIMALS + 1) if n == DECIMALS or round(value, n) == round(value, DECIMALS))
        return figures.number(value, decimals)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Turn only what was chosen before."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class ShareRow(QWidget):
    """Title and meaning at the left, the number at the right."""

    def __init__(self, theme: Theme, change: Callable[[str, float], object]) -> None:
        """A row for no federation yet.

        Args:
            theme: colours and sizes.
            change: called with a federation's id and its new weight.
        """
        super().__init__()
        self._change = change
        self._federation_id = ""
        self._shown: float | None = None
        self._asked: float | None = None
        """Told to the engine, which has not said yet that it holds."""
        self.box = WeightBox(theme)
        self.box.setSpecialValueText(self.tr("rests"))
        self.box.setAccessibleName(self.tr("Share beside others"))
        self.box.valueChanged.connect(self._tell)
        title = Label(theme, self.tr("Share beside others"), wrap=True)
        title.setBuddy(self.box)
        self.meaning = Label(theme, "", Type.SMALL, "muted", wrap=True)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(title)
        words.addWidget(self.meaning)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(theme.px(2))
        line.addLayout(words, 1)
        line.addWidget(self.box, 0, Qt.AlignmentFlag.AlignVCenter)

    def show_share(self, info: FederationInfo, share: Share | None) -> None:
        """Show what holds; a number that is being typed stays unless the federation or what holds changed.

        Args:
            info: the federation.
            share: its part of the machine; ``None`` where it shares it with nobody.
        """
        self.setVisible(info.state not in ("finished", "left"))
        if (info.federation_id, info.weight) != (self._federation_id, self._shown):
            self._federation_id, self._shown, self._asked = info.federation_id, info.weight, None
            self.box.blockSignals(True)
            self.box.setValue(info.weight)
            self.box.blockSignals(False)
        self.meaning.setText(self._meaning(info.weight, share))
        self.box.setAccessibleDescription(self.meaning.text())

    def forget(self) -> None:
        """Show the true number again, whatever stands in the field."""
        self._shown = self._asked = None

    def _meaning(self, weight: float, share: Share | None) -> str:
        if not weight:
            return self.tr("It rests: no new round is begun for it, one that was begun is finished.")
        if share is None:
            return self.tr("Alone it trains whatever stands here. Beside others twice the number is twice the time.")
        words = self.tr("Twice the number is twice the time: {0} % asked, {1} % given in the last seven days.")
        return words.format(figures.percent(share.asked), figures.percent(share.given))

    def _tell(self, value: float) -> None:
        if self._federation_id and value != (self._shown if self._asked is None else self._asked):
            self._asked = round(value, DECIMALS)
            self._change(self._federation_id, self._asked)
