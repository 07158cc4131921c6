"""Compute: how hard does it work. Load, heat and memory now against their limits, the limits, and the week plan."""

from __future__ import annotations

import math
import time
from collections import deque

from PySide6.QtCore import QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from app.children.runtime_process import RuntimeProcess
from app.pages.page import Page, PageTitle, ScrollColumn
from app.pages.runtime_pane import RuntimePane
from app.pages.settings import SettingRow
from app.settings_schema import SETTINGS, Setting
from app.stores.engine_store import EngineStore
from app.theme import Theme, Type
from app.widgets.banner import Banner
from app.widgets.buttons import Button
from app.widgets.labels import ElidedLabel, Label
from app.widgets.panel import Columns, Hairline, Panel, heading
from app.widgets.plot import Limit, Line, Plot
from app.widgets.week_grid import WeekGrid
from app.words import figures, strangers
from core.api.errors import HedgerowError
from core.api.messages.base import Message
from core.api.messages.machine import (
    HardwareParams,
    HardwareProfile,
    LimitsParams,
    LimitsView,
    LoadView,
    TrainingPlanView,
)

LOOK_MS = 2_000
SHOWN_S = 600.0
_MEASURE_S = 1_800.0
_LIMITS = ("duty_cycle", "cpu_threads", "memory_gb", "gpu_memory_gb", "gpu_temperature_c")
_RULES = ("pause_on_full_screen", "train_on_battery", "only_when_idle")


class ComputePage(Page):
    """Four plots over limits and week plan."""

    def __init__(self, theme: Theme, store: EngineStore, installer: RuntimeProcess) -> None:
        super().__init__(theme, store)
        self._values: dict[str, str] = {}
        self._plans: list[TrainingPlanView] | None = None
        self._measuring = False
        scroll = ScrollColumn(theme)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        self.title = PageTitle(theme)
        self.measure = Button(theme, self.tr("Measure again"), self._measure)
        self.title.add(self.measure)
        self.trouble = Banner(theme)
        self.trouble.hide()
        self.runtime = RuntimePane(theme, installer)
        self.gauges = _Gauges(theme)
        self.limits = Panel(theme, gap=1)
        self.limits.body.addWidget(Label(theme, self.tr("Never more than"), weight=600))
        self.rows: dict[str, SettingRow] = {}
        known = {setting.key: setting for setting in SETTINGS}
        for number, key in enumerate((*_LIMITS, *_RULES)):
            if number:
                self.limits.body.addWidget(Hairline())
            self.rows[key] = SettingRow(theme, known[key], self._change, compact=True)
            self.limits.body.addWidget(self.rows[key])
        self.limits.body.addStretch(1)
        self.hours = _Hours(theme, lambda plan: self._set("schedule", plan))
        self._columns = Columns(theme, self.limits, self.hours, left_share=5, right_share=7)
        for part in (self.title, self.trouble, self.runtime, self.gauges, self._columns):
            scroll.column.addWidget(part)
        scroll.column.addStretch(1)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._look)

    def entered(self) -> None:
        """Ask what holds and what was measured, and look at the machine as long as the page is seen."""
        self.store.ask_quietly("limits.show").then(self._on_values)
        self.store.ask_quietly("hardware", HardwareParams(), 120.0).then(self._on_hardware)
        self.runtime.look()
        self._timer.start()
        self._look()

    def _look(self) -> None:
        if not self.isVisible() or self.window().isMinimized():
            self._timer.stop()
        elif self.store.connected:
            self.store.ask_quietly("load").then(self._on_load)

    def _on_load(self, load: Message) -> None:
        assert isinstance(load, LoadView)
        self.gauges.show_load(load, self._values, time.monotonic())

    def _on_values(self, view: Message) -> None:
        assert isinstance(view, LimitsView)
        self._values = dict(view.values)
        self.trouble.hide()
        self.refresh()

    def _on_hardware(self, profile: Message) -> None:
        assert isinstance(profile, HardwareProfile)
        self._plans, self._measuring = profile.training, False
        self.refresh()

    def _measure(self) -> None:
        self._measuring = True
        self.refresh()
        call = self.store.ask_quietly("hardware", HardwareParams(probe=True), _MEASURE_S)
        call.then(self._on_hardware, self._on_refused)

    def _change(self, setting: Setting, value: str) -> None:
        self._set(setting.key, value)

    def _set(self, key: str, value: str) -> None:
        call = self.store.ask_quietly("limits.set", LimitsParams(key=key, value=value))
        call.then(self._on_values, self._on_refused)

    def _on_refused(self, error: HedgerowError) -> None:
        self._measuring = False
        self.trouble.say(strangers.plain(error.message), strangers.plain(error.hint))
        for line in self.rows.values():
            line.forget()
        self.refresh()

    def refresh(self) -> None:
        """Show what holds, and how long a round takes."""
        if self.isVisible() and self.store.connected and not self._timer.isActive():
            self._timer.start()  # it stopped while nobody looked
        for key, line in self.rows.items():
            line.setEnabled(self.store.connected)
            if key in self._values:
                line.show_value(self._values[key])
        self.hours.show_plan(self._values.get("schedule", ""), self._values.get("offered_hours_per_week", ""))
        self.measure.setEnabled(self.store.connected and not self._measuring)
        self.measure.set_label(self.tr("Measuring") if self._measuring else self.tr("Measure again"))
        self._show_title()

    def _show_title(self) -> None:
        snapshot = self.store.snapshot
        plan = self._plans[0] if self._plans else None
        now = snapshot.round if snapshot else None
        rate = now.tokens_per_s if now and now.tokens_per_s else plan.tokens_per_s if plan else 0.0
        federations = [f for f in snapshot.federations if f.state == "active"] if snapshot else []
        if not federations:
            self.title.say(
                self.tr("Nothing to train yet"), self.tr("Join a federation, and its round is measured here.")
            )
            return
        manifest = federations[0].manifest
        tokens = manifest.steps_per_round * manifest.batch_size * manifest.seq_len
        if rate > 0:
            took = figures.duration(tokens / rate)
            self.title.say(self.tr("A round takes about {0} at this pace").format(took), self._plan_words(plan, rate))
        else:
            self.title.say(self.tr("Not measured yet"), self._plan_words(plan, rate))

    def _plan_words(self, plan: TrainingPlanView | None, rate: float) -> str:
        if plan is None:
            return self.tr("{0} tokens a second").format(figures.short_count(rate)) if rate else ""
        parts = [strangers.plain(plan.device, 40)]
        if rate:
            parts.append(self.tr("{0} tokens a second").format(figures.short_count(rate)))
        parts.append(self.tr("{0} of {1} sequences at once").format(plan.micro_batch, plan.batch_size))
        return " · ".join(parts)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Two columns become one, four plots two rows."""
        self._columns.set_narrow(self.narrow)
        self.gauges.set_narrow(self.narrow)
        super().resizeEvent(event)


class _Gauges(Panel):
    """Four plots: GPU load, temperature and memory where there is a GPU, and the processor; else memory beside it."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, padding=0, gap=0)
        self._theme = theme
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(0)
        self.plots: dict[str, _Gauge] = {}
        for key, title in (
            ("load", self.tr("GPU load")),
            ("heat", self.tr("GPU temperature")),
            ("gpu_memory", self.tr("GPU memory")),
            ("cores", self.tr("Processor")),
            ("memory", self.tr("Memory")),
        ):
            self.plots[key] = _Gauge(theme, title, self, decimals=int(key in ("gpu_memory", "cores", "memory")))
        self._narrow = False
        self._shown: tuple[object, ...] = ()
        self.body.addLayout(self._grid)
        self._arrange(("cores", "memory"))

    def set_narrow(self, narrow: bool) -> None:
        """Two in a row."""
        self._narrow = narrow
        self._arrange(tuple(key for key, plot in self.plots.items() if not plot.isHidden()))

    def _arrange(self, keys: tuple[str, ...]) -> None:
        if (keys, self._narrow) == self._shown:
            return
        self._shown = keys, self._narrow
        columns = min(2 if self._narrow else 4, len(keys))
        for key, plot in self.plots.items():
            self._grid.removeWidget(plot)
            plot.setVisible(key in keys)
        for number, key in enumerate(keys):
            self._grid.addWidget(self.plots[key], number // columns, number % columns)
        for column in range(4):
            self._grid.setColumnStretch(column, int(column < columns))

    def show_load(self, load: LoadView, limits: dict[str, str], now: float) -> None:
        """Add a reading to every plot."""
        gpu = load.devices[0] if load.devices else None
        self._arrange(("load", "heat", "gpu_memory", "cores") if gpu else ("cores", "memory"))
        threads = _number(limits.get("cpu_threads"))
        cores = None if load.cores_used is None else load.cores_used
        self.plots["cores"].add(
            now, cores, self.tr("{0} cores"), 1, float(load.cores), threads, self.tr("limit {0} cores")
        )
        gigabytes = load.memory_used_bytes / 1e9
        self.plots["memory"].add(now, gigabytes, self.tr("{0} GB"), 1, load.memory_bytes / 1e9, 0.0, "")
        if gpu is None:
            return
        percent = None if gpu.utilisation is None else 100 * gpu.utilisation
        self.plots["load"].add(now, percent, self.tr("{0} %"), 0, 100.0, 0.0, "")
        ceiling = _number(limits.get("gpu_temperature_c"))
        self.plots["heat"].add(now, gpu.temperature_c, self.tr("{0} °C"), 0, 100.0, ceiling, self.tr("ceiling {0} °C"))
        total = (gpu.memory_bytes or 0) / 1e9
        used = None if gpu.free_bytes is None or gpu.memory_bytes is None else total - gpu.free_bytes / 1e9
        cap = _number(limits.get("gpu_memory_gb"))
        self.plots["gpu_memory"].add(now, used, self.tr("{0} GB"), 1, total, cap, self.tr("limit {0} GB"))


class _Gauge(QWidget):
    """One value: its name, its figure, and the last ten minutes. What nobody knows is a gap and says so."""

    def __init__(self, theme: Theme, title: str, parent: QWidget, *, decimals: int = 0) -> None:
        super().__init__(parent)
        self._title = title
        self._readings: deque[tuple[float, float]] = deque()
        self.figure = ElidedLabel(theme, "", Type.TITLE, weight=600)
        self.limit = ElidedLabel(theme, "", Type.SMALL, "muted")
        self.plot = Plot(theme, title, decimals=decimals, from_zero=True)
        self.plot.setFixedHeight(theme.px(26))
        head, _, _ = heading(theme, title)
        column = QVBoxLayout(self)
        inset = theme.px(4)
        column.setContentsMargins(inset, theme.px(3), inset, theme.px(3))
        column.setSpacing(theme.px(1))
        column.addLayout(head)
        column.addWidget(self.figure)
        column.addWidget(self.limit)
        column.addWidget(self.plot)

    def add(
        self, now: float, value: float | None, words: str, decimals: int, top: float, limit: float, limit_words: str
    ) -> None:
        """Take a reading.

        Args:
            now: seconds of a clock that never goes back.
            value: the reading; ``None`` is unknown.
            words: how the figure is said.
            decimals: of the figure.
            top: what it can reach.
            limit: the owner's; 0 means none.
            limit_words: how the limit is said.
        """
        self._readings.append((now, math.nan if value is None else value))
        while self._readings and self._readings[0][0] < now - SHOWN_S:
            self._readings.popleft()
        said = self.tr("unknown") if value is None else words.format(figures.number(value, decimals))
        self.figure.setText(said)
        bound = (
            limit_words.format(figures.number(limit, 0)) if limit else self.tr("of {0}").format(figures.number(top, 0))
        )
        self.limit.setText(bound)
        points = tuple((at - now, each) for at, each in self._readings)
        known = [each for _, each in points if math.isfinite(each)]
        span = (
            self.tr("last minutes {0} to {1}").format(
                figures.number(min(known), decimals), figures.number(max(known), decimals)
            )
            if known
            else self.tr("nothing read yet")
        )
        self.plot.show_lines(
            [Line(points, "accent", end_dot=False)] if known else [],
            f"{self._title} {said}, {bound}, {span}",
            ends=(self.tr("earlier"), self.tr("now")),
            limit=Limit(limit, "") if limit else None,
        )


class _Hours(Panel):
    """The week plan and what it leaves open."""

    def __init__(self, theme: Theme, on_plan: object) -> None:
        super().__init__(theme)
        head, _, self.note = heading(theme, self.tr("Your hours"))
        self.grid = WeekGrid(theme)
        self.grid.planned.connect(on_plan)
        self.legend = Label(
            theme, self.tr("Filled: full effort. Dash: half. Pale: off. Drag, or arrows and Space."), Type.SMALL,
            "muted", wrap=True,
        )  # fmt: skip
        self.body.addLayout(head)
        self.body.addWidget(self.grid)
        self.body.addWidget(self.legend)
        self.body.addStretch(1)

    def show_plan(self, plan: str, offered: str) -> None:
        """Show what holds."""
        self.grid.show_plan(plan)
        words = self.tr("{0} h open · {1} h offered a week")
        self.note.setText(words.format(figures.number(self.grid.open_hours(), 0), figures.number(_number(offered), 0)))


def _number(text: str | None) -> float:
    """A setting as a number; 0 where there is none."""
    try:
        return float(text or 0)
    except ValueError:
        return 0.0
