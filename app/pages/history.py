"""History: what was given. Hours, rounds and tokens, energy and CO₂ beside a data centre's, and every round."""

from __future__ import annotations

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QStackedWidget, QVBoxLayout

from app.pages.page import EmptyState, Page, PageTitle, ScrollColumn
from app.stores.engine_store import EngineStore
from app.stores.history_model import HistoryModel
from app.theme import Theme, Type
from app.widgets.banner import Banner
from app.widgets.bars import Bars
from app.widgets.buttons import Button
from app.widgets.labels import ElidedLabel, Label
from app.widgets.panel import Columns, Hairline, Panel, fact, heading, row
from app.widgets.rows import HouseList
from app.words import figures, strangers
from core.api.errors import HedgerowError
from core.api.messages.base import Message
from core.api.messages.given import Contribution, Footprint, HistoryList, HistoryParams, HistoryRow


class HistoryPage(Page):
    """Rounds at the left; what they took, and what a data centre would have taken, at the right."""

    def __init__(self, theme: Theme, store: EngineStore) -> None:
        super().__init__(theme, store)
        self._history: HistoryList | None = None
        self._rows: list[HistoryRow] = []
        self._coming: list[HistoryRow] = []
        self._revision = -1
        self.title = PageTitle(theme)
        self.trouble = Banner(theme)
        self.trouble.hide()
        self.model = HistoryModel(self)
        self.list = HouseList(theme, self.tr("Rounds"))
        self.list.setModel(self.model)
        rounds = Panel(theme, padding=0, gap=0)
        rounds.body.setContentsMargins(1, 1, 1, 1)
        head = QVBoxLayout()
        head.setContentsMargins(theme.px(3.5), theme.px(3), theme.px(3.5), theme.px(3))
        head.setSpacing(0)
        self.counted = ElidedLabel(theme, "", Type.BODY, weight=600)
        head.addWidget(self.counted)
        head.addWidget(ElidedLabel(theme, self.tr("newest first"), Type.SMALL, "muted"))
        rounds.body.addLayout(head)
        rounds.body.addWidget(Hairline())
        rounds.body.addWidget(self.list, 1)
        self.footprint = _Footprint(theme)
        self._columns = Columns(theme, rounds, self.footprint, left_share=5, right_share=6)
        empty = Panel(theme)
        empty.body.addWidget(
            EmptyState(
                theme,
                "history",
                self.tr("Nothing given yet"),
                self.tr("Each round you finish appears here: how long it took, how many tokens, how much energy."),
                [],
            )
        )
        self._stack = QStackedWidget()
        self._stack.addWidget(self._columns)
        self._stack.addWidget(empty)
        column = self.column()
        column.addWidget(self.title)
        column.addWidget(self.trouble)
        column.addWidget(self._stack, 1)

    def entered(self) -> None:
        """Only this page needs every round."""
        self._revision = self._rounds_known()
        self._coming = []
        self._ask(0)

    def _ask(self, before: int) -> None:
        self.store.ask_quietly("history", HistoryParams(before=before)).then(self._on_history, self._on_refused)

    def _rounds_known(self) -> int:
        snapshot = self.store.snapshot
        return len(snapshot.uploads) + snapshot.contribution.rounds if snapshot else -1

    def _on_history(self, answer: Message) -> None:
        assert isinstance(answer, HistoryList)
        self._history = answer
        self._coming += answer.rows
        self._rows = self._coming if len(self._coming) > len(self._rows) or not answer.older else self._rows
        if answer.older:
            self._ask(answer.older)
        self.trouble.hide()
        self.refresh()

    def _on_refused(self, error: HedgerowError) -> None:
        self.trouble.say(strangers.plain(error.message), strangers.plain(error.hint))

    def refresh(self) -> None:
        """Show what is known; a round that ended meanwhile is asked for."""
        if self.isVisible() and self.store.connected and self._history and self._rounds_known() != self._revision:
            self.entered()
        given = self.store.snapshot.contribution if self.store.snapshot else None
        rows = self._rows
        self.model.set_rows(rows)
        asked = self._history is None and given is not None and given.gpu_seconds > 0
        self._stack.setCurrentIndex(0 if rows or asked else 1)
        self.footprint.setVisible(self._history is not None)
        self.counted.setText(self.tr("%n round(s)", "", len(rows)) if self._history else self.tr("Asking the engine"))
        self._show_title(given)
        if self._history is not None:
            self.footprint.show_footprint(self._history.footprint, self._history.contribution)

    def _show_title(self, given: Contribution | None) -> None:
        if given is None or not given.gpu_seconds:
            self.title.say(self.tr("No hours given yet"))
            return
        note = self.tr("{0} tokens in %n finished round(s), {1} sent", "", given.rounds)
        self.title.say(
            self.tr("{0} given").format(figures.duration(given.gpu_seconds)),
            note.format(figures.short_count(given.tokens), figures.size(given.uploaded_bytes)),
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Two columns become one where it is narrow."""
        self._columns.set_narrow(self.narrow)
        super().resizeEvent(event)


class _Footprint(Panel):
    """Energy here and in a data centre, CO₂ where the grid is known, and the method one click away."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, padding=0, gap=0)
        scroll = ScrollColumn(theme)
        scroll.lie_on_panel()
        body = scroll.column
        inset = theme.px(4)
        body.setContentsMargins(inset, inset, inset, inset)
        body.setSpacing(theme.px(2))
        head, self.title, self.note = heading(theme, self.tr("Energy"))
        body.addLayout(head)
        self.bars = Bars(theme, self.tr("Energy here and in a data centre"), "accent", axis=False)
        self.bars.setFixedHeight(theme.px(30))
        body.addWidget(self.bars)
        grid = QGridLayout()
        grid.setHorizontalSpacing(theme.px(4))
        grid.setVerticalSpacing(theme.px(1.5))
        grid.setColumnStretch(1, 1)
        self.facts: dict[str, ElidedLabel] = {}
        names = {
            "measured": self.tr("Measured here"),
            "estimated": self.tr("Estimated here"),
            "transfer": self.tr("Network, at most"),
            "here": self.tr("Together"),
            "centre": self.tr("Data centre"),
            "co2": self.tr("CO₂"),
        }
        for number, (key, name) in enumerate(names.items()):
            label, value = fact(theme, name)
            grid.addWidget(label, number, 0)
            grid.addWidget(value, number, 1)
            self.facts[key] = value
        body.addLayout(grid)
        self.grid_hint = Label(theme, "", Type.SMALL, "muted", wrap=True)
        body.addWidget(self.grid_hint)
        body.addWidget(Hairline())
        self.open_method = Button(theme, self.tr("How this is worked out"), self._turn, kind="link", size="small")
        self.method = Label(theme, self._how(), Type.SMALL, "muted", wrap=True)
        self.method.hide()
        body.addLayout(row(self.open_method, 1))
        body.addWidget(self.method)
        body.addStretch(1)
        self.body.addWidget(scroll)

    def _turn(self) -> None:
        self.method.setVisible(self.method.isHidden())
        self.open_method.set_label(self.tr("How this is worked out") if self.method.isHidden() else self.tr("Close"))

    def show_footprint(self, found: Footprint, given: Contribution) -> None:
        """Show the figures; an estimate is always called one."""
        here = found.here_wh
        estimated = found.estimated_wh > 0
        self.note.setText(
            self.tr("measured") if not estimated and found.measured_wh else self.tr("estimated where not measured")
        )
        values = {
            "measured": figures.energy(found.measured_wh) if found.measured_wh else self.tr("nothing"),
            "estimated": self.tr("{0}, at {1} W").format(
                figures.energy(found.estimated_wh), figures.number(found.device_watts, 0)
            )
            if estimated
            else self.tr("nothing"),
            "transfer": figures.energy(found.transfer_wh),
            "here": figures.energy(here),
            "centre": self.tr("{0} for the same training, estimated").format(figures.energy(found.data_centre_wh)),
            "co2": self._co2(found),
        }
        for key, value in values.items():
            self.facts[key].setText(value)
        unknown = found.co2_g is None
        self.grid_hint.setVisible(unknown)
        self.grid_hint.setText(
            self.tr("How much CO₂ that is depends on your electricity. Say grams for a kilowatt-hour in the settings.")
        )
        centre = figures.energy(found.data_centre_wh)
        names = [self.tr("here, {0}").format(values["here"]), self.tr("data centre, {0}").format(centre)]
        summary = self.tr("{0} here, {1} in a data centre").format(values["here"], centre)
        self.bars.show_bars([here, found.data_centre_wh], names, summary)

    def _co2(self, found: Footprint) -> str:
        if found.co2_g is None:
            return self.tr("not known")
        there = self._grams(found.data_centre_co2_g or 0.0)
        return self.tr("{0} here, {1} there, on your grid").format(self._grams(found.co2_g), there)

    def _grams(self, value: float) -> str:
        if value < 1_000:
            return self.tr("{0} g").format(figures.number(value, 0 if value >= 10 else 1))
        return self.tr("{0} kg").format(figures.number(value / 1_000, 1))

    def _how(self) -> str:
        return self.tr(
            "Here: joules from the device's own counter where it has one, otherwise your figure of its power times "
            "the time. Nothing is cooled. Network: 60 Wh a gigabyte, a figure of 2015 that has fallen since. Data "
            "centre: one V100 of 250 W that reaches 40 % of its peak, six operations for each parameter and token, "
            "times 1.67 for cooling and the rest. The method is that of Qiu and others, arXiv 2102.07627."
        )
