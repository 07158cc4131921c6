"""Doctor: what is wrong. Every check of the engine with its result and one fix each, and the end of its log."""

from __future__ import annotations

from PySide6.QtGui import QGuiApplication, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from app.crash import CrashReports
from app.pages.page import Page, PageTitle, ScrollColumn
from app.stores.engine_store import EngineStore
from app.theme import Theme, Type
from app.widgets.banner import Banner
from app.widgets.buttons import Button
from app.widgets.labels import ElidedLabel, Label
from app.widgets.panel import Hairline, IconLabel, Panel, row
from app.words import checks, figures, strangers
from core.api.errors import HedgerowError
from core.api.messages.base import Message
from core.api.messages.state import Check, CheckList, LogText


class DoctorPage(Page):
    """The list of checks, those that failed on top."""

    def __init__(self, theme: Theme, store: EngineStore, reports: CrashReports | None = None) -> None:
        super().__init__(theme, store)
        self._checks: list[Check] | None = None
        self._asking = False
        scroll = ScrollColumn(theme)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        self.title = PageTitle(theme)
        self.copy = Button(theme, self.tr("Copy report"), self._copy, icon="copy")
        self.again = Button(theme, self.tr("Check again"), self.entered)
        self.title.add(self.copy)
        self.title.add(self.again)
        self.trouble = Banner(theme)
        self.trouble.hide()
        self.panel = Panel(theme, padding=0, gap=0)
        self.panel.body.setContentsMargins(1, 1, 1, 1)
        scroll.column.addWidget(self.title)
        scroll.column.addWidget(self.trouble)
        self.log = _Log(theme)
        self.report = _Report(theme, reports)
        scroll.column.addWidget(self.report)
        scroll.column.addWidget(self.panel)
        scroll.column.addWidget(self.log)
        scroll.column.addStretch(1)

    def entered(self) -> None:
        """Run the checks."""
        self.report.look()
        if self._asking:
            return
        self._asking = True
        self.refresh()
        self.store.ask_quietly("doctor", timeout_s=60.0).then(self._on_checks, self._on_refused)
        self.store.ask_quietly("log").then(self._on_log)

    def refresh(self) -> None:
        """Give the count."""
        self.again.setEnabled(self.store.connected and not self._asking)
        self.copy.setEnabled(bool(self._checks))
        if self._checks is None:
            self.title.say(self.tr("Checking") if self._asking else self.tr("Not checked yet"), self._engine_line())
            self.panel.setVisible(False)
            return
        failed = sum(not c.ok for c in self._checks)
        if failed:
            text = self.tr("{0} of %n check(s) failed", "", len(self._checks)).format(failed)
        else:
            text = self.tr("All %n check(s) passed", "", len(self._checks))
        self.title.say(text, self._engine_line())

    def _engine_line(self) -> str:
        engine = self.store.snapshot.engine if self.store.snapshot else None
        if engine is None:
            return self.tr("The engine is not running.")
        parts = [
            self.tr("Engine {0}, process {1}").format(strangers.plain(engine.version, 20), engine.pid),
            self.tr("since {0}").format(figures.when(engine.started_at)),
        ]
        if engine.device:
            parts.append(strangers.plain(engine.device, 60))
        if engine.sandbox:
            parts.append(self.tr("sandbox {0}").format(strangers.plain(engine.sandbox, 30)))
        return " · ".join(parts)

    def _on_checks(self, answer: Message) -> None:
        assert isinstance(answer, CheckList)
        self._asking = False
        self.trouble.hide()
        if answer.checks != self._checks:
            self._checks = list(answer.checks)
            self._rebuild(sorted(self._checks, key=lambda c: c.ok))
        self.refresh()

    def _on_log(self, answer: Message) -> None:
        assert isinstance(answer, LogText)
        self.log.show_lines(answer.lines)

    def _on_refused(self, error: HedgerowError) -> None:
        self._asking = False
        self.trouble.say(strangers.plain(error.message), strangers.plain(error.hint))
        self.refresh()

    def _rebuild(self, found: list[Check]) -> None:
        while (item := self.panel.body.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        for number, check in enumerate(found):
            if number:
                self.panel.body.addWidget(Hairline())
            self.panel.body.addWidget(_CheckRow(self.theme, check))
        self.panel.setVisible(bool(found))

    def _copy(self) -> None:
        lines = [self._engine_line()]
        lines += [
            f"{'ok  ' if check.ok else 'FAIL'} {check.name}: {check.detail} {check.fix}".rstrip()
            for check in self._checks or []
        ]
        QGuiApplication.clipboard().setText("\n".join(lines))


class _Log(Panel):
    """The end of the engine's log."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self.copy = Button(theme, self.tr("Copy log"), self._copy, icon="copy", size="small")
        self.note = ElidedLabel(theme, "", Type.SMALL, "muted")
        head = row(Label(theme, self.tr("Log"), weight=600), self.note, 1, self.copy, gap=theme.px(3))
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setAccessibleName(self.tr("Log of the engine"))
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setTabChangesFocus(True)
        self.text.setFont(theme.font(Type.SMALL, mono=True))
        self.text.setFixedHeight(theme.px(56))
        self.body.addLayout(head)
        self.body.addWidget(self.text)
        self.hide()

    def show_lines(self, lines: list[str]) -> None:
        """Show the newest lines, the end in view."""
        shown = "\n".join(strangers.plain(line, 400) for line in lines)
        self.setVisible(bool(lines))
        self.note.setText(self.tr("the last %n line(s), without text of yours", "", len(lines)))
        if shown != self.text.toPlainText():
            self.text.setPlainText(shown)
            self.text.moveCursor(QTextCursor.MoveOperation.End)
            self.text.horizontalScrollBar().setValue(0)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.toPlainText())


class _Report(Panel):
    """What went wrong in the window: to read, to copy, to throw away."""

    def __init__(self, theme: Theme, reports: CrashReports | None) -> None:
        super().__init__(theme)
        self._reports = reports
        self.copy = Button(theme, self.tr("Copy report"), self._copy, icon="copy", size="small")
        self.forget = Button(theme, self.tr("Throw away"), self._forget, size="small")
        title = ElidedLabel(theme, self.tr("Something in this window went wrong"), weight=600)
        head = row(title, gap=theme.px(3))
        head.addStretch(1)
        head.addWidget(self.copy)
        head.addWidget(self.forget)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setAccessibleName(self.tr("Report of what went wrong"))
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setTabChangesFocus(True)
        self.text.setFont(theme.font(Type.SMALL, mono=True))
        self.text.setFixedHeight(theme.px(48))
        note = self.tr("It is sent nowhere. Whoever mends it can use it; it may name files of yours, so read it first.")
        self.body.addLayout(head)
        self.body.addWidget(Label(theme, note, Type.SMALL, "muted", wrap=True))
        self.body.addWidget(self.text)
        self.hide()

    def look(self) -> None:
        """Show what there is."""
        told = self._reports.waiting() if self._reports is not None else ""
        self.setVisible(bool(told))
        if told != self.text.toPlainText():
            self.text.setPlainText(told)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.toPlainText())
        self.copy.set_label(self.tr("Copied"), "check")

    def _forget(self) -> None:
        if self._reports is not None:
            self._reports.forget()
        self.look()


class _CheckRow(QWidget):
    """One check."""

    def __init__(self, theme: Theme, check: Check) -> None:
        super().__init__()
        line = QHBoxLayout(self)
        line.setContentsMargins(theme.px(4), theme.px(2.5), theme.px(4), theme.px(2.5))
        line.setSpacing(theme.px(3))
        line.addWidget(IconLabel(theme, "check" if check.ok else "warning", "accent" if check.ok else "danger"))
        name = ElidedLabel(theme, checks.name(check), weight=500)
        name.setFixedWidth(theme.px(52))
        line.addWidget(name)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(Label(theme, checks.detail(check), Type.BODY, "muted", wrap=True))
        if check.fix:
            words.addWidget(Label(theme, checks.fix(check), Type.SMALL, "danger", wrap=True))
        line.addLayout(words, 1)
