"""Try it: what came of it. A text of the owner's, continued by the model as it stands, and how far it has come."""

from __future__ import annotations

import secrets

from PySide6.QtCore import Qt
from PySide6.QtGui import QHideEvent, QKeySequence, QShortcut, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QStackedWidget

from app.children.completion_process import CompletionProcess
from app.pages.page import EmptyState, Page, PageTitle
from app.stores.engine_store import EngineStore
from app.theme import Theme, Type
from app.widgets.banner import Banner
from app.widgets.buttons import Button
from app.widgets.choice import Choice
from app.widgets.labels import Label
from app.widgets.panel import Panel, row
from app.words import figures, strangers
from core.api import completion
from core.api.errors import HedgerowError
from core.api.messages.base import Message
from core.api.messages.federations import FederationInfo, FederationParams, ModelHere

MAX_TOKENS = 200
TEMPERATURE = 0.8


class TryItPage(Page):
    """A sheet to write on; the model writes on. Nothing written here leaves this page but to the child it starts."""

    def __init__(self, theme: Theme, store: EngineStore) -> None:
        super().__init__(theme, store)
        self.child = CompletionProcess(self)
        self.child.grew.connect(self._on_piece)
        self.child.finished.connect(self._on_done)
        self.child.failed.connect(self._on_failed)
        self._asked = ""
        self._here: ModelHere | None = None
        self.title = PageTitle(theme)
        self.which = Choice()
        self.which.setAccessibleName(self.tr("Federation whose model is tried"))
        self.which.currentIndexChanged.connect(lambda _: self._other())
        self.title.add(self.which)
        self.trouble = Banner(theme)
        self.trouble.hide()
        self.sheet = QPlainTextEdit()
        self.sheet.setAccessibleName(self.tr("Text that the model continues"))
        self.sheet.setPlaceholderText(self.tr("Write how a text begins."))
        self.sheet.setTabChangesFocus(True)
        self.sheet.setFont(theme.font(Type.WORD))
        self.sheet.setMinimumHeight(theme.px(45))
        self.facts = Label(theme, self._idle(), Type.SMALL, "muted", wrap=True)
        self.go = Button(theme, self.tr("Continue it"), self._go, kind="primary")
        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(self.go.click)
        self.halt = Button(theme, self.tr("Stop"), self.stop)
        self.clear = Button(theme, self.tr("Empty the sheet"), self._clear, kind="link", size="small")
        panel = Panel(theme)
        panel.body.addWidget(self.sheet, 1)
        panel.body.addWidget(self.facts)
        panel.body.addLayout(row(self.clear, 1, self.halt, self.go, gap=theme.px(2)))
        empty = Panel(theme)
        empty.body.addWidget(
            EmptyState(
                theme,
                "leaf",
                self.tr("No model is here yet"),
                self.tr("Join a federation; its model comes with your first round, and you can write with it here."),
                [],
            )
        )
        self._stack = QStackedWidget()
        self._stack.addWidget(panel)
        self._stack.addWidget(empty)
        column = self.column()
        column.addWidget(self.title)
        column.addWidget(self.trouble)
        column.addWidget(self._stack, 1)

    def refresh(self) -> None:
        """Follow the federations and the figures."""
        joined = self._joined()
        names = [(f.federation_id, strangers.for_menu(f.name)) for f in joined]
        if names != [(self.which.itemData(i), self.which.itemText(i)) for i in range(self.which.count())]:
            chosen = self.which.currentData()
            self.which.blockSignals(True)
            self.which.clear()
            for federation_id, name in names:
                self.which.addItem(name, federation_id)
            self.which.setCurrentIndex(max(0, self.which.findData(chosen)))
            self.which.blockSignals(False)
        self.which.setVisible(len(joined) > 1)
        self._stack.setCurrentIndex(0 if joined else 1)
        self.title.say(self.tr("Write with the model"), self._progress())
        self._show_buttons()

    def _idle(self) -> str:
        return self.tr("It runs on this machine alone, without network. What you write goes nowhere and is not kept.")

    def _joined(self) -> list[FederationInfo]:
        return self.store.snapshot.federations if self.store.snapshot else []

    def _progress(self) -> str:
        """How much better the model has become on the owner's own held-out text since the first round here."""
        points = self.store.snapshot.series.bits_per_byte if self.store.snapshot else []
        if len(points) < 2:
            return self.tr("How much better it becomes on your held-out text is said here after two rounds.")
        first, last = points[0].value, points[-1].value
        if last < first:
            text = self.tr("On your held-out text it went from {0} to {1} bits per byte since you joined.")
        else:
            text = self.tr("On your held-out text it stands at {1} bits per byte; it was {0} when you joined.")
        return text.format(figures.number(first, 2), figures.number(last, 2))

    def _show_buttons(self) -> None:
        busy = self.child.running or bool(self._asked)
        self.go.setEnabled(self.store.connected and not busy)
        self.halt.setEnabled(busy)
        self.sheet.setReadOnly(busy)

    def _go(self) -> None:
        federation_id = self.which.currentData()
        if federation_id is None or self.child.running:
            return
        self.trouble.hide()
        self._asked = federation_id
        self.facts.setText(self.tr("Looking for the model…"))
        self._show_buttons()
        call = self.store.ask_quietly("model.here", FederationParams(federation_id=federation_id), 10.0)
        call.then(lambda here: self._on_here(federation_id, here), self._on_failed)

    def _on_here(self, federation_id: str, here: Message) -> None:
        assert isinstance(here, ModelHere)
        if self._asked != federation_id:
            return
        self._asked, self._here = "", here
        self.facts.setText(self.tr("Opening {0} parameters…").format(figures.short_count(here.parameters)))
        prompt = self.sheet.toPlainText()
        seed = secrets.randbelow(2**31)
        self.child.start(here, prompt, max_tokens=MAX_TOKENS, temperature=TEMPERATURE, seed=seed)
        self._show_buttons()

    def _on_piece(self, text: str) -> None:
        visible = "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)
        cursor = self.sheet.textCursor()
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(visible)
        self.sheet.setTextCursor(cursor)
        self.sheet.ensureCursorVisible()

    def _on_done(self, done: object) -> None:
        assert isinstance(done, completion.Done)
        here = self._here
        speed = done.tokens / done.seconds if done.seconds > 0 else 0.0
        parts = [self.tr("%n token(s)", "", done.tokens), self.tr("{0} a second").format(figures.number(speed, 0))]
        if here is not None:
            parts.insert(0, self.tr("Model of {0}, after %n round(s)", "", here.rounds).format(
                strangers.name(here.name)
            ))  # fmt: skip
        if done.ended:
            parts.append(self.tr("it ended the text by itself"))
        self.facts.setText(" · ".join(parts))
        self._show_buttons()

    def _on_failed(self, error: HedgerowError) -> None:
        self._asked = ""
        self.facts.setText(self._idle())
        self.trouble.say(strangers.plain(error.message), strangers.plain(error.hint))
        self._show_buttons()

    def stop(self) -> None:
        """End the child; what was written stays."""
        self._asked = ""
        self.child.stop()
        self.facts.setText(self._idle())
        self._show_buttons()

    def hideEvent(self, event: QHideEvent) -> None:
        """Nobody reads it now, so nothing more is written."""
        if self.child.running or self._asked:
            self.stop()
        super().hideEvent(event)

    def _clear(self) -> None:
        self.stop()
        self.sheet.clear()
        self.sheet.setFocus()

    def _other(self) -> None:
        self.stop()
        self.trouble.hide()
