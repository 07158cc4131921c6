"""A choice among a few: as wide as its longest words where there is room, narrower where there is not."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QComboBox, QRadioButton, QSizePolicy

LEAST_LETTERS = 14


class Choice(QComboBox):
    """A combo box that gives way; what no longer fits ends in … and is read out whole."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        """A few letters and the arrow."""
        least = self.fontMetrics().averageCharWidth() * LEAST_LETTERS
        return QSize(min(least, super().minimumSizeHint().width()), super().minimumSizeHint().height())


def stop_at_chosen(radios: Sequence[QRadioButton]) -> None:
    """Let Tab stop at what is chosen, or at the first where nothing is; Qt does so only after a click."""
    chosen = next((radio for radio in radios if radio.isChecked()), radios[0])
    for radio in radios:
        radio.setFocusPolicy(Qt.FocusPolicy.StrongFocus if radio is chosen else Qt.FocusPolicy.ClickFocus)
