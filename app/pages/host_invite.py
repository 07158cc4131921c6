"""An invite to a federation of one's own: for how many, until when, as a link and as a code for a camera."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QSpinBox, QVBoxLayout

from app.theme import Theme, Type
from app.widgets.buttons import Button
from app.widgets.choice import Choice
from app.widgets.labels import Label
from app.widgets.panel import Panel, heading, row
from app.widgets.qr import QrCode
from app.words import figures
from core.api.hosting import Invitation

DAYS = (1, 7, 30)
MOST_USES = 10_000


class HostInvite(Panel):
    """How many, how long, and what came of it."""

    def __init__(self, theme: Theme, make: Callable[[int, int], object], leave: Callable[[], object]) -> None:
        super().__init__(theme, gap=3)
        self._theme = theme
        self._head, self.title, _ = heading(theme, "")
        self.uses = QSpinBox()
        self.uses.setRange(1, MOST_USES)
        self.uses.setFixedWidth(theme.px(18))
        self.uses.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.uses.lineEdit().setTextMargins(0, 0, theme.px(2), 0)
        self.uses.setAccessibleName(self.tr("Volunteers that can join with it"))
        self.days = Choice()
        for days in DAYS:
            self.days.addItem(self.tr("%n day(s)", "", days), days)
        self.days.setCurrentIndex(1)
        self.days.setAccessibleName(self.tr("How long it is valid"))
        self.make = Button(
            theme, self.tr("Make an invite"), lambda: make(self.uses.value(), int(self.days.currentData())),
            kind="primary",
        )  # fmt: skip
        self.back = Button(theme, self.tr("Back"), leave)
        many, long = Label(theme, self.tr("For")), Label(theme, self.tr("volunteers, valid for"))
        many.setBuddy(self.uses)
        long.setBuddy(self.days)
        self.link = QPlainTextEdit()
        self.link.setReadOnly(True)
        self.link.setTabChangesFocus(True)
        self.link.setFont(theme.font(Type.SMALL, mono=True))
        self.link.setFixedHeight(theme.px(34))
        self.link.setAccessibleName(self.tr("Invite link"))
        self.copy = Button(theme, self.tr("Copy the link"), self._copy, icon="copy")
        self.said = Label(theme, "", Type.SMALL, "muted", wrap=True)
        self.code = QrCode(theme, self.tr("The invite link as a code for a camera"))
        words = QVBoxLayout()
        words.setSpacing(theme.px(3))
        words.addWidget(self.link)
        words.addLayout(row(self.copy, 1, gap=theme.px(2)))
        words.addWidget(self.said)
        words.addStretch(1)
        found = QHBoxLayout()
        found.setSpacing(theme.px(4))
        found.addLayout(words, 1)
        found.addWidget(self.code, 0, Qt.AlignmentFlag.AlignTop)
        self.body.addLayout(self._head)
        self.body.addLayout(row(many, self.uses, long, self.days, 1, self.back, self.make, gap=theme.px(2)))
        self.body.addLayout(found)
        self.body.addStretch(1)
        self.begin("")

    def begin(self, name: str) -> None:
        """Nothing is made yet."""
        self.title.setText(self.tr("Invite to {0}").format(name))
        self.make.setEnabled(True)
        for part in (self.link, self.copy, self.code):
            part.hide()
        self.said.setText(
            self.tr("Whoever has the link can join, as often as it says. Send it as you would send a key.")
        )

    def show_busy(self) -> None:
        """It is being made."""
        self.make.setEnabled(False)

    def show_invitation(self, made: Invitation) -> None:
        """Show a new one."""
        self.make.setEnabled(True)
        self.link.setPlainText(made.invite)
        self.link.show()
        self.copy.show()
        self.code.setVisible(self.code.show_text(made.invite))
        uses = self.tr("%n volunteer(s) can join with it", "", made.uses)
        until = self.tr("until {0}, at {1}.").format(figures.moment(made.expires_at), made.address)
        self.said.setText(f"{uses} {until}")
        self.copy.setFocus()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.link.toPlainText())
        self.copy.set_label(self.tr("Copied"), "check")
