"""The invite: paste a link, read what it says before any connection is opened, then ask for the terms."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QGridLayout, QPlainTextEdit

from app.pages.page import Page, PageTitle
from app.stores.engine_store import EngineStore
from app.theme import Theme, Type
from app.widgets.banner import Banner
from app.widgets.buttons import Button
from app.widgets.labels import ElidedLabel, Label
from app.widgets.panel import Hairline, IconLabel, Panel, fact, row
from app.words import figures, strangers
from core.api.errors import HedgerowError
from core.api.messages.base import Message
from core.api.messages.federations import InviteParams, InviteView, TermsView

SCHEME = "hedgerow://join"
MAX_INVITE = 4_096
_TYPING_PAUSE_MS = 250


class InvitePage(Page):
    """One field, one panel, one step on.

    Signals:
        left: the owner went back.
        terms: the link and its checked ``TermsView``.
    """

    left = Signal()
    terms = Signal(str, object)

    def __init__(self, theme: Theme, store: EngineStore) -> None:
        super().__init__(theme, store)
        self._view: InviteView | None = None
        self._asked = ""
        self.title = PageTitle(theme)
        self.title.say(
            self.tr("Open an invite"),
            self.tr("Reading an invite opens no connection. Nothing is sent until you press Join."),
        )
        self.trouble = Banner(theme)
        self.trouble.hide()
        self.field = QPlainTextEdit()
        self.field.setAccessibleName(self.tr("Invite link"))
        self.field.setPlaceholderText("hedgerow://join?…")
        self.field.setTabChangesFocus(True)
        self.field.setFont(theme.font(Type.SMALL, mono=True))
        self.field.setFixedHeight(theme.px(22))
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(_TYPING_PAUSE_MS)
        self._typing.timeout.connect(self._inspect)
        self.field.textChanged.connect(self._on_edited)
        self.panel = self._make_panel()
        self.go_back = Button(theme, self.tr("Back"), self.left.emit)
        self.go_on = Button(theme, self.tr("Show the terms"), self._ask_terms, kind="primary")
        self.note = Label(theme, "", Type.SMALL, "muted", wrap=True)
        column = self.column()
        column.addWidget(self.title)
        column.addWidget(self.field)
        column.addWidget(self.trouble)
        column.addWidget(self.panel)
        column.addStretch(1)
        foot = Panel(theme)
        foot.body.addLayout(row(self.note, self.go_back, self.go_on, gap=theme.px(3)))
        column.addWidget(foot)

    def _make_panel(self) -> Panel:
        theme = self.theme
        panel = Panel(theme)
        self.name = ElidedLabel(theme, "", Type.TITLE, weight=600)
        theirs = Label(
            theme, self.tr("What the invite says, in their words. Nothing of it is checked yet."), Type.SMALL, "muted"
        )
        panel.body.addWidget(self.name)
        panel.body.addLayout(row(IconLabel(theme, "info", "muted", theme.px(4)), theirs, 1, gap=theme.px(2)))
        panel.body.addWidget(Hairline())
        grid = QGridLayout()
        grid.setHorizontalSpacing(theme.px(4))
        grid.setVerticalSpacing(theme.px(2))
        grid.setColumnStretch(1, 1)
        self.facts: dict[str, ElidedLabel] = {}
        names = {
            "address": self.tr("Address"),
            "key": self.tr("Key"),
            "uses": self.tr("Uses"),
            "expires": self.tr("Expires"),
        }
        for number, (key, name) in enumerate(names.items()):
            label, value = fact(theme, name, mono=key in ("address", "key"))
            grid.addWidget(label, number, 0)
            grid.addWidget(value, number, 1)
            self.facts[key] = value
        panel.body.addLayout(grid)
        return panel

    def begin(self, link: str) -> None:
        """Start with a link, or with the one that lies in the clipboard."""
        if not link:
            text = QGuiApplication.clipboard().text()[: MAX_INVITE + 1].strip()
            link = text if text.startswith(SCHEME) else ""
        self._view, self._asked = None, ""
        self.trouble.hide()
        self.field.setPlainText(link)
        self.refresh()
        self._typing.stop()
        if link:
            self._inspect()
            self.go_on.setFocus()
        else:
            self.field.setFocus()

    @property
    def link(self) -> str:
        """What is in the field."""
        return "".join(self.field.toPlainText().split())

    def refresh(self) -> None:
        """Show what was read."""
        view = self._view
        self.panel.setVisible(view is not None)
        self.go_on.setEnabled(view is not None and not view.expired and self.store.connected and self._asked != "terms")
        if view is None:
            self.note.setText(self.tr("Paste the whole link. It is at most 4 KiB long."))
            return
        self.name.setText(strangers.name(view.name))
        self.facts["address"].setText(strangers.plain(view.address, 80))
        self.facts["key"].setText(strangers.plain(view.fingerprint, 40))
        self.facts["uses"].setText(self.tr("%n volunteer(s) can join with it", "", view.uses))
        at = figures.when(view.expires_at)
        self.facts["expires"].setText(self.tr("expired {0}").format(at) if view.expired else at)
        self.facts["expires"].set_ink("danger" if view.expired else "text")
        if self._asked == "terms":
            self.note.setText(
                self.tr("Fetching the terms from {0} and checking their signature.").format(
                    strangers.plain(view.address, 80)
                )
            )
        elif view.expired:
            self.note.setText(self.tr("This invite has expired. Ask for a new one."))
        else:
            text = self.tr("The next step connects to {0} for the signed terms. It sends no text and enrols nothing.")
            self.note.setText(text.format(strangers.plain(view.address, 80)))

    def _on_edited(self) -> None:
        text = self.field.toPlainText()
        if len(text) > 2 * MAX_INVITE:
            self.field.blockSignals(True)
            self.field.setPlainText(text[: 2 * MAX_INVITE])
            self.field.blockSignals(False)
        self._view, self._asked = None, ""
        self.trouble.hide()
        self.refresh()
        self._typing.start()

    def _inspect(self) -> None:
        link = self.link
        if not link:
            return
        call = self.store.ask_quietly("invite.inspect", InviteParams(invite=link))
        call.then(lambda view: self._on_inspected(link, view), self._on_refused)

    def _on_inspected(self, link: str, view: Message) -> None:
        assert isinstance(view, InviteView)
        if link == self.link:
            self._view = view
            self.refresh()

    def _ask_terms(self) -> None:
        link = self.link
        self._asked = "terms"
        self.trouble.hide()
        self.refresh()
        call = self.store.ask_quietly("federation.terms", InviteParams(invite=link), 60.0)
        call.then(lambda terms: self._on_terms(link, terms), self._on_refused)

    def _on_terms(self, link: str, terms: Message) -> None:
        assert isinstance(terms, TermsView)
        self._asked = ""
        if link == self.link:
            self.terms.emit(link, terms)

    def _on_refused(self, error: HedgerowError) -> None:
        self._asked = ""
        self.trouble.say(strangers.plain(error.message), strangers.plain(error.hint))
        self.refresh()
