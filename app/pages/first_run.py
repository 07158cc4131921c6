"""First run: five questions, one at a time; each can be skipped, and all of it goes on later from Home."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QGridLayout, QHBoxLayout, QRadioButton, QStackedWidget, QVBoxLayout, QWidget

from app.children.runtime_process import RuntimeProcess
from app.pages.page import Page, PageTitle, ScrollColumn
from app.pages.runtime_pane import RuntimePane
from app.pages.settings import SettingRow
from app.settings_schema import SETTINGS, Setting
from app.stores.engine_store import EPSILON_STEPS, EngineStore
from app.theme import Theme, Type
from app.widgets.banner import Banner
from app.widgets.buttons import Button
from app.widgets.choice import stop_at_chosen
from app.widgets.labels import ElidedLabel, Label
from app.widgets.panel import Hairline, IconLabel, Panel, row
from app.words import figures, strangers
from app.words.units import epsilon_meaning
from core.api.errors import HedgerowError
from core.api.messages.base import Message
from core.api.messages.machine import LimitsParams, LimitsView

STEPS = 5
_Part = TypeVar("_Part", bound=QWidget)
_HARDWARE = ("offered_hours_per_week", "duty_cycle", "pause_on_full_screen", "train_on_battery", "only_when_idle")


class FirstRunPage(Page):
    """Steps at the left, one question at the right, Skip, Back and Next below.

    Signals:
        moved: the step that is next, from 0; ``STEPS`` once all of it was seen.
        left: the owner goes on later.
        invite_wanted: open an invite.
        demo_wanted: run a whole federation on this machine.
    """

    moved = Signal(int)
    left = Signal()
    invite_wanted = Signal()
    demo_wanted = Signal()

    def __init__(
        self,
        theme: Theme,
        store: EngineStore,
        choose_folder: Callable[[], object],
        choose_files: Callable[[], object],
        step: int,
        installer: RuntimeProcess,
    ) -> None:
        super().__init__(theme, store)
        self._values: dict[str, str] = {}
        self.step = min(max(step, 0), STEPS - 1)
        titles = [
            self.tr("What this is"), self.tr("Folders"), self.tr("Hardware"), self.tr("Privacy"),
            self.tr("Invite or demo"),
        ]  # fmt: skip
        self.steps = _Steps(theme, titles, self.go)
        self.title = PageTitle(theme)
        self.trouble = Banner(theme)
        self.trouble.hide()
        self._choose_folder, self._choose_files, self._installer = choose_folder, choose_files, installer
        self._stack = QStackedWidget()
        self.skip = Button(theme, self.tr("Skip this step"), lambda: self.go(self.step + 1), kind="link")
        self.later = Button(theme, self.tr("Later"), self.left.emit, kind="link")
        self.back = Button(theme, self.tr("Back"), lambda: self.go(self.step - 1))
        self.next = Button(theme, self.tr("Next"), lambda: self.go(self.step + 1), kind="primary")
        right = QWidget()
        column = QVBoxLayout(right)
        margin = theme.px(8)
        column.setContentsMargins(margin, margin, margin, theme.px(5))
        column.setSpacing(theme.px(4))
        column.addWidget(self.title)
        column.addWidget(self.trouble)
        scroll = ScrollColumn(theme)
        scroll.column.setContentsMargins(0, 0, 0, 0)
        scroll.column.addWidget(self._stack)
        column.addWidget(scroll, 1)
        column.addLayout(row(self.skip, self.later, 1, self.back, self.next, gap=theme.px(3)))
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(0)
        line.addWidget(self.steps)
        line.addWidget(right, 1)

    # The parts are built when their step is gone to: all at once would hold the window up for a tenth of a second.

    @cached_property
    def _what(self) -> QWidget:
        return self._stacked(_What(self.theme))

    @cached_property
    def folders(self) -> _Folders:
        """The step about text."""
        return self._stacked(_Folders(self.theme, self._choose_folder, self._choose_files))

    @cached_property
    def hardware(self) -> _Hardware:
        """The step about the machine."""
        pane = RuntimePane(self.theme, self._installer)
        step = self._stacked(_Hardware(self.theme, self._change, pane))
        pane.look()
        return step

    @cached_property
    def privacy(self) -> _Privacy:
        """The step about the limit."""
        return self._stacked(_Privacy(self.theme, lambda epsilon: self._set("floor_epsilon", f"{epsilon:g}")))

    @cached_property
    def start(self) -> _Start:
        """The step about whom to help."""
        return self._stacked(_Start(self.theme, self._invite, self._demo))

    def _stacked(self, part: _Part) -> _Part:
        self._stack.addWidget(part)
        return part

    def _show_part(self) -> None:
        part: QWidget
        match self.step:
            case 0:
                part = self._what
            case 1:
                part = self.folders
                corpora = self.store.snapshot.corpora if self.store.snapshot else []
                self.folders.show_corpora([(strangers.name(c.name), c.state, c.words) for c in corpora])
            case 2:
                part = self.hardware
                self.hardware.show_values(self._values, enabled=self.store.connected)
            case 3:
                part = self.privacy
                self.privacy.show_limit(_number(self._values.get("floor_epsilon"), EPSILON_STEPS[-1]))
            case _:
                part = self.start
        self._stack.setCurrentWidget(part)

    def entered(self) -> None:
        """Ask which limits hold, and whether what computes is there."""
        if "hardware" in self.__dict__:
            self.hardware.runtime.look()
        self.store.ask_quietly("limits.show").then(self._on_values)

    def go(self, step: int) -> None:
        """Show a step; beyond the last one it is done."""
        if step >= STEPS:
            self.moved.emit(STEPS)
            self.left.emit()
            return
        self.step = max(step, 0)
        self.moved.emit(self.step)
        self.trouble.hide()
        self.refresh()
        self.next.setFocus()

    def show_first(self) -> None:
        """Show the first step without forgetting how far the owner was."""
        self.step = 0
        self.refresh()
        self.next.setFocus()

    def _invite(self) -> None:
        self.moved.emit(STEPS)
        self.invite_wanted.emit()

    def _demo(self) -> None:
        self.demo_wanted.emit()
        self.start.say_started()

    def _change(self, setting: Setting, value: str) -> None:
        self._set(setting.key, value)

    def _set(self, key: str, value: str) -> None:
        call = self.store.ask_quietly("limits.set", LimitsParams(key=key, value=value))
        call.then(self._on_values, self._on_refused)

    def _on_values(self, view: Message) -> None:
        assert isinstance(view, LimitsView)
        self._values = dict(view.values)
        self.trouble.hide()
        self.refresh()

    def _on_refused(self, error: HedgerowError) -> None:
        self.trouble.say(strangers.plain(error.message), strangers.plain(error.hint))
        self.hardware.forget()
        self.refresh()

    def refresh(self) -> None:
        """Show the step and what holds."""
        if self.isVisible() and self.store.connected and not self._values:
            self._values = {"": ""}  # asked for
            self.entered()
        questions = (
            (self.tr("Hedgerow lends your machine's time to a language model"),
             self.tr("The model learns from your text without your text leaving. This is what happens.")),
            (self.tr("Which text may be learned from?"),
             self.tr("Folders or files. They are read on this machine only; you can look at every document first.")),
            (self.tr("How much of this machine?"),
             self.tr("These limits win over whatever a federation asks. Page Compute has all of them.")),
            (self.tr("How much may training learn from your text?"),
             self.tr("Before anything leaves, this machine adds noise, so that no single document can be made out. "
                     "Each round uses up some of that protection. You set where it stops.")),
            (self.tr("Whom do you help?"),
             self.tr("Nothing is sent until you have seen a federation's terms and pressed Join.")),
        )  # fmt: skip
        self.title.say(*questions[self.step])
        self._show_part()
        self.steps.show_step(self.step)
        self.back.setEnabled(self.step > 0)
        self.skip.setVisible(self.step < STEPS - 1)
        self.next.set_label(self.tr("Done") if self.step == STEPS - 1 else self.tr("Next"))


class _Steps(QWidget):
    """The five steps, those before the present one ticked."""

    def __init__(self, theme: Theme, titles: list[str], go: Callable[[int], object]) -> None:
        super().__init__()
        self.setObjectName("rail")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(theme.px(58))
        self._titles = titles
        column = QVBoxLayout(self)
        inset = theme.px(4)
        column.setContentsMargins(inset, theme.px(6), inset, inset)
        column.setSpacing(theme.px(2))
        brand = Label(theme, "Hedgerow", Type.WORD, weight=600)
        column.addLayout(row(IconLabel(theme, "leaf", "accent", theme.px(6)), brand, 1, gap=theme.px(2)))
        column.addSpacing(theme.px(4))
        self.buttons: list[Button] = []
        for number, title in enumerate(titles):
            button = Button(theme, title, lambda n=number: go(n), kind="link")  # type: ignore[misc]
            self.buttons.append(button)
            column.addWidget(button)
        column.addStretch(1)
        note = self.tr("Every step can be skipped and done later from Home.")
        column.addWidget(Label(theme, note, Type.SMALL, "muted", wrap=True))

    def show_step(self, step: int) -> None:
        """Tick what was seen, mark what is."""
        for number, (button, title) in enumerate(zip(self.buttons, self._titles, strict=True)):
            done = number < step
            button.set_label(f"{'✓' if done else number + 1}  {title}")
            said = self.tr("{0}, seen") if done else self.tr("{0}, now") if number == step else "{0}"
            button.setAccessibleName(said.format(title))
            button.set_kind("plain" if number == step else "link")


class _What(QWidget):
    """What happens, what leaves, what stays."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        panel = Panel(theme, gap=3)
        lines = (
            ("data", self.tr("You point it at text of yours"),
             self.tr("It is read and kept encrypted here. Nobody else gets to see it, not even its file names.")),
            ("compute", self.tr("Your machine trains for a while"),
             self.tr("When you allow it, as hard as you allow it. It stops at once when you press Pause.")),
            ("uploads", self.tr("Numbers leave, with noise"),
             self.tr("A few megabytes that say how to change the model a little. Every one of them can be opened and "
                     "looked at.")),
            ("shield-check", self.tr("What it costs in privacy is counted"),
             self.tr("As an upper bound, written down before anything leaves. At your limit it stops by itself.")),
            ("shield-cross", self.tr("What it does not hide"),
             self.tr("That you take part, and a fact that stands in many of your documents.")),
        )  # fmt: skip
        for number, (icon, title, text) in enumerate(lines):
            if number:
                panel.body.addWidget(Hairline())
            words = QVBoxLayout()
            words.setSpacing(0)
            words.addWidget(Label(theme, title, weight=600, wrap=True))
            words.addWidget(Label(theme, text, Type.BODY, "muted", wrap=True))
            line = QHBoxLayout()
            line.setSpacing(theme.px(4))
            ink = {"shield-check": "guarantee", "shield-cross": "danger"}.get(icon, "accent")
            line.addWidget(IconLabel(theme, icon, ink, theme.px(6)), 0, Qt.AlignmentFlag.AlignTop)
            line.addLayout(words, 1)
            panel.body.addLayout(line)
        _hold(self, panel)


class _Folders(QWidget):
    """Add text, and see what was added."""

    def __init__(self, theme: Theme, choose_folder: Callable[[], object], choose_files: Callable[[], object]) -> None:
        super().__init__()
        self._theme = theme
        panel = Panel(theme, gap=3)
        self.add_folder = Button(theme, self.tr("Add folder…"), choose_folder, icon="folder")
        self.add_files = Button(theme, self.tr("Add files…"), choose_files, icon="file")
        panel.body.addLayout(row(self.add_folder, self.add_files, 1, gap=theme.px(3)))
        self._list = QVBoxLayout()
        self._list.setSpacing(theme.px(1))
        panel.body.addLayout(self._list)
        self.none = Label(
            theme, self.tr("Nothing chosen yet. Folders can be dropped onto the window too."), Type.BODY, "muted",
            wrap=True,
        )  # fmt: skip
        panel.body.addWidget(self.none)
        self.lines: list[ElidedLabel] = []
        _hold(self, panel)

    def show_corpora(self, corpora: list[tuple[str, str, int]]) -> None:
        """Name, state and words of each text."""
        self.none.setVisible(not corpora)
        while len(self.lines) < len(corpora):
            label = ElidedLabel(self._theme, "", Type.BODY)
            self.lines.append(label)
            self._list.addWidget(label)
        for number, label in enumerate(self.lines):
            label.setVisible(number < len(corpora))
            if number < len(corpora):
                name, state, words = corpora[number]
                said = self.tr("being read") if state == "reading" else figures.words(words)
                label.setText(f"{name} · {said}")


class _Hardware(QWidget):
    """The few limits that matter first."""

    def __init__(self, theme: Theme, change: Callable[[Setting, str], object], runtime: RuntimePane) -> None:
        super().__init__()
        self.runtime = runtime
        panel = Panel(theme, gap=1)
        known = {setting.key: setting for setting in SETTINGS}
        self.rows: dict[str, SettingRow] = {}
        for number, key in enumerate(_HARDWARE):
            if number:
                panel.body.addWidget(Hairline())
            self.rows[key] = SettingRow(theme, known[key], change)
            panel.body.addWidget(self.rows[key])
        _hold(self, runtime, panel)

    def show_values(self, values: dict[str, str], *, enabled: bool) -> None:
        """Show what holds."""
        for key, line in self.rows.items():
            line.setEnabled(enabled)
            if key in values:
                line.show_value(values[key])

    def forget(self) -> None:
        """Show the true values again."""
        for line in self.rows.values():
            line.forget()


class _Privacy(QWidget):
    """The highest limit that any federation may be given, with what it means."""

    def __init__(self, theme: Theme, on_epsilon: Callable[[float], object]) -> None:
        super().__init__()
        panel = Panel(theme, gap=2)
        names = (self.tr("Strict"), self.tr("Middle"), self.tr("Wide"))
        notes = (
            self.tr("Strong. Too noisy to learn from little text."),
            self.tr("A usual choice for private writing."),
            self.tr("Weak as proof, usual in research."),
        )
        grid = QGridLayout()
        grid.setHorizontalSpacing(theme.px(5))
        grid.setVerticalSpacing(theme.px(3))
        grid.setColumnStretch(2, 1)
        self._group = QButtonGroup(self)
        self.radios: list[QRadioButton] = []
        for number, (value, name, note) in enumerate(zip(EPSILON_STEPS, names, notes, strict=True)):
            radio = QRadioButton(name)
            radio.setAccessibleName(self.tr("{0}, ε at most {1}").format(name, figures.epsilon_limit(value)))
            radio.setAccessibleDescription(epsilon_meaning(value, "document"))
            radio.clicked.connect(lambda _=False, v=value: on_epsilon(v))
            self._group.addButton(radio)
            self.radios.append(radio)
            grid.addWidget(radio, number, 0)
            grid.addWidget(Label(theme, self.tr("ε at most {0}").format(figures.epsilon_limit(value))), number, 1)
            grid.addWidget(Label(theme, note, Type.BODY, "muted", wrap=True), number, 2)
        panel.body.addLayout(grid)
        panel.body.addWidget(Hairline())
        self.meaning = Label(theme, "", Type.BODY, wrap=True)
        panel.body.addWidget(self.meaning)
        note = self.tr(
            "ε is the measure of what is given away; smaller is safer. Each text has its own account. You can lower "
            "this at any time; a federation that asks for more is refused."
        )
        panel.body.addWidget(Label(theme, note, Type.SMALL, "muted", wrap=True))
        _hold(self, panel)

    def show_limit(self, epsilon: float) -> None:
        """Mark what holds, and say what it means."""
        self._group.setExclusive(False)
        for value, radio in zip(EPSILON_STEPS, self.radios, strict=True):
            radio.setChecked(value == epsilon)
        stop_at_chosen(self.radios)
        self._group.setExclusive(True)
        self.meaning.setText(
            self.tr("At ε {0}: {1}").format(figures.epsilon_limit(epsilon), epsilon_meaning(epsilon, "document"))
        )


class _Start(QWidget):
    """An invite, or a whole federation on this machine to look at."""

    def __init__(self, theme: Theme, invite: Callable[[], object], demo: Callable[[], object]) -> None:
        super().__init__()
        panel = Panel(theme, gap=3)
        self.invite = Button(theme, self.tr("Open invite"), invite, icon="invite")
        self.demo = Button(theme, self.tr("Run the demo"), demo, icon="leaf")
        words = self.tr("You got a link that begins with hedgerow://join. Reading it opens no connection.")
        panel.body.addLayout(row(self.invite, 1))
        panel.body.addWidget(Label(theme, words, Type.BODY, "muted", wrap=True))
        panel.body.addWidget(Hairline())
        panel.body.addLayout(row(self.demo, 1))
        self.said = Label(
            theme,
            self.tr(
                "Without an invite: a coordinator and two volunteers run on this machine for some minutes, on text "
                "that every machine has. A second window shows one of them."
            ),
            Type.BODY,
            "muted",
            wrap=True,
        )
        panel.body.addWidget(self.said)
        _hold(self, panel)

    def say_started(self) -> None:
        """The demo was asked for."""
        self.demo.setEnabled(False)
        self.said.setText(self.tr("The demo starts. Its window opens when its first volunteer is there, in a minute."))


def _hold(holder: QWidget, *panels: Panel) -> None:
    """Panels, as high as they need."""
    outer = QVBoxLayout(holder)
    outer.setContentsMargins(0, 0, 0, 0)
    outer.setSpacing(16)
    for panel in panels:
        outer.addWidget(panel)
    outer.addStretch(1)


def _number(text: str | None, default: float) -> float:
    try:
        return float(text or default)
    except ValueError:
        return default
