"""Settings: change one thing. Rows are generated from the schema; each has its default and a way back to it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.desktop import autostart
from app.pages.page import Page, PageTitle, ScrollColumn
from app.settings_schema import SETTINGS, Setting, say
from app.stores.engine_store import EngineStore
from app.theme import Theme, Type
from app.widgets.banner import Banner
from app.widgets.buttons import Button
from app.widgets.choice import Choice
from app.widgets.labels import Label
from app.widgets.panel import Hairline, Panel
from app.window_settings import WindowSettings
from app.words import strangers
from core.api.errors import HedgerowError
from core.api.messages.base import Message
from core.api.messages.machine import LimitsParams, LimitsView


class SettingsPage(Page):
    """One row per setting, grouped."""

    def __init__(
        self, theme: Theme, store: EngineStore, own: WindowSettings, on_keep_running: Callable[[bool], object]
    ) -> None:
        super().__init__(theme, store)
        self._own = own
        self._on_keep_running = on_keep_running
        self._values: dict[str, str] = {}
        self._rows: dict[str, SettingRow] = {}
        self._waiting = list(dict.fromkeys(s.group for s in SETTINGS))
        scroll = ScrollColumn(theme)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        self.title = PageTitle(theme)
        self.title.say(
            self.tr("Your limits win"),
            self.tr("Whatever a federation asks for, this machine stays below what stands here."),
        )
        self.trouble = Banner(theme)
        self.trouble.hide()
        scroll.column.addWidget(self.title)
        scroll.column.addWidget(self.trouble)
        scroll.column.addStretch(1)
        self._column = scroll.column
        self._go_on()

    @property
    def rows(self) -> dict[str, SettingRow]:
        """Every row; groups that still wait for their turn are built now."""
        while self._waiting:
            self._add_group()
        return self._rows

    def _go_on(self) -> None:
        # A group in each turn of the event loop: all of them at once would hold the window up for a tenth of a second.
        if self._waiting:
            self._add_group()
            QTimer.singleShot(0, self, self._go_on)

    def _add_group(self) -> None:
        self._column.insertWidget(self._column.count() - 1, self._make_group(self._waiting.pop(0)))

    def _make_group(self, group: str) -> Panel:
        panel = Panel(self.theme, gap=1)
        panel.body.addWidget(Label(self.theme, say(group), weight=600, wrap=True))
        for number, setting in enumerate(s for s in SETTINGS if s.group == group):
            if number:
                panel.body.addWidget(Hairline())
            line = SettingRow(self.theme, setting, self._change)
            self._rows[setting.key] = line
            self._show_row(line)
            panel.body.addWidget(line)
        return panel

    def entered(self) -> None:
        """Ask what holds now."""
        self.store.ask_quietly("limits.show").then(self._on_values)

    def refresh(self) -> None:
        """Show what holds."""
        for line in self._rows.values():
            self._show_row(line)
        if self.store.connected and not self._values and self.isVisible():
            self.entered()

    def _show_row(self, line: SettingRow) -> None:
        key = line.setting.key
        if line.setting.owner == "window":
            line.show_value(self._own.value(key))
        elif line.setting.owner == "session":
            line.show_value("yes" if autostart.is_on() else "no")
        else:
            line.setEnabled(self.store.connected)
            if key in self._values:
                line.show_value(self._values[key])

    def _on_values(self, view: Message) -> None:
        assert isinstance(view, LimitsView)
        self._values = dict(view.values)
        self.trouble.hide()
        self.refresh()

    def _change(self, setting: Setting, value: str) -> None:
        if setting.owner == "window":
            self._own.set_value(setting.key, value)
            self.refresh()
            return
        if setting.owner == "session":
            self._start_with_session(value == "yes")
            return
        call = self.store.ask_quietly("limits.set", LimitsParams(key=setting.key, value=value))
        call.then(lambda view: self._on_set(setting.key, value, view), self._on_refused)

    def _start_with_session(self, wanted: bool) -> None:
        try:
            if wanted:
                autostart.switch_on()
            else:
                autostart.switch_off()
        except OSError as error:
            self.trouble.say(self.tr("The session's folder cannot be written"), strangers.plain(str(error)))
            self._rows["autostart"].forget()
        self.refresh()

    def _on_set(self, key: str, value: str, view: Message) -> None:
        if key == "keep_running":
            self._on_keep_running(value == "yes")
        self._on_values(view)

    def _on_refused(self, error: HedgerowError) -> None:
        self.trouble.say(strangers.plain(error.message), strangers.plain(error.hint))
        for line in self._rows.values():
            line.forget()
        self.refresh()


class SettingRow(QWidget):
    """Title and help at the left, the control and the way back at the right."""

    def __init__(
        self, theme: Theme, setting: Setting, change: Callable[[Setting, str], object], *, compact: bool = False
    ) -> None:
        """A row; a ``compact`` one keeps its help in a tool tip."""
        super().__init__()
        self.setting, self._change = setting, change
        self._shown: str | None = None
        title = Label(theme, say(setting.title), wrap=True)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(title)
        if setting.help and compact:
            self.setToolTip(say(setting.help))
        elif setting.help:
            words.addWidget(Label(theme, say(setting.help), Type.SMALL, "muted", wrap=True))
        self.control = self._make_control(theme)
        if compact and isinstance(self.control, Choice):
            self.control.setMaximumWidth(theme.px(40))
        self.control.setAccessibleName(say(setting.title))
        self.control.setAccessibleDescription(say(setting.help))
        title.setBuddy(self.control)
        self.reset = Button(theme, self.tr("Reset"), self._reset, kind="link", size="small")
        self.reset.setAccessibleName(self.tr("Reset {0}").format(say(setting.title)))
        keep = self.reset.sizePolicy()
        keep.setRetainSizeWhenHidden(not compact)
        self.reset.setSizePolicy(keep)
        self.reset.hide()
        line = QHBoxLayout(self)
        line.setContentsMargins(0, theme.px(1), 0, theme.px(1))
        line.setSpacing(theme.px(2))
        line.addLayout(words, 1)
        line.addWidget(self.reset)
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnMinimumWidth(0, theme.px(24 if compact else 46))
        grid.setHorizontalSpacing(theme.px(2))
        side = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        grid.addWidget(self.control, 0, 0, side)
        unit = Label(theme, setting.unit, Type.BODY, "muted")
        unit.setMinimumWidth(theme.px(6))
        grid.addWidget(unit, 0, 1)
        line.addLayout(grid)

    def _make_control(self, theme: Theme) -> QWidget:
        setting = self.setting
        if setting.kind == "switch":
            box = QCheckBox()
            box.toggled.connect(lambda on: self._tell("yes" if on else "no"))
            return box
        if setting.kind == "choice":
            combo = Choice()
            for value, name in setting.choices:
                combo.addItem(say(name), value)
            combo.setMinimumWidth(theme.px(30))
            combo.currentIndexChanged.connect(lambda _: self._tell(str(combo.currentData())))
            return combo
        field = QLineEdit()
        field.setFixedWidth(theme.px(46 if setting.kind == "text" else 22))
        if setting.kind != "text":
            field.setAlignment(Qt.AlignmentFlag.AlignRight)
        field.setMaxLength(200)
        field.editingFinished.connect(
            lambda: self._tell(
                field.text().strip().replace(",", ".") if setting.kind in ("number", "whole") else field.text().strip()
            )
        )
        return field

    def show_value(self, value: str) -> None:
        """Show what holds."""
        if value == self._shown:
            return
        self._shown = value
        self.control.blockSignals(True)
        if isinstance(self.control, QCheckBox):
            self.control.setChecked(value == "yes")
        elif isinstance(self.control, QComboBox):
            self.control.setCurrentIndex(max(0, self.control.findData(value)))
        elif isinstance(self.control, QLineEdit):
            self.control.setText(strangers.plain(value, 200))
        self.control.blockSignals(False)
        self.reset.setVisible(value != self.setting.default)

    def forget(self) -> None:
        """Show the true value again, whatever is in the control."""
        self._shown = None

    def _tell(self, value: str) -> None:
        if self._shown is not None and value != self._shown:
            self._change(self.setting, value)

    def _reset(self) -> None:
        self._tell(self.setting.default)
