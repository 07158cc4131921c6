"""Home: does it run and why, what have I given, what has it cost me."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from app.pages.page import Page, ScrollColumn
from app.state_view import Action
from app.stores.engine_store import EngineStore
from app.stores.upload_model import UploadModel
from app.theme import Theme, Type
from app.widgets.banner import Banner
from app.widgets.buttons import Button
from app.widgets.chip import GUARANTEE_ICONS, GUARANTEE_INKS, Chip
from app.widgets.hedge import Hedge
from app.widgets.labels import ElidedLabel, Label
from app.widgets.panel import Columns, Hairline, Panel, heading, row
from app.widgets.plot import Line, Plot
from app.widgets.ring_figure import LegendDot, Rings
from app.widgets.state_bar import StatePanel
from app.words import figures, strangers
from core.api.messages.privacy import BudgetInfo
from core.api.messages.state import Point
from core.api.messages.uploads import UploadInfo

_ROWS = 4
PLOTS_EVERY_MS = 1_000


class HomePage(Page):
    """State, rings, what left, hedge, loss and the gain on the owner's own text.

    Signals:
        wanted: the key of another page to open.
        upload_wanted: an upload to look into.
    """

    wanted = Signal(str)
    upload_wanted = Signal(str)

    def __init__(
        self,
        theme: Theme,
        store: EngineStore,
        act: Callable[[Action], object],
        snooze: Callable[[float], object],
    ) -> None:
        super().__init__(theme, store)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        # The state and its button stay where the rest scrolls.
        top = QVBoxLayout()
        top.setContentsMargins(theme.px(6), theme.px(5), theme.px(6), theme.px(4))
        top.setSpacing(theme.px(4))
        scroll = ScrollColumn(theme)
        scroll.column.setContentsMargins(theme.px(6), 0, theme.px(6), theme.px(5))
        outer.addLayout(top)
        outer.addWidget(scroll, 1)
        self._pace = QTimer(self)
        self._pace.setSingleShot(True)
        self._pace.setInterval(PLOTS_EVERY_MS)
        self._pace.timeout.connect(self._draw_plots)
        self._plots_are_old = False
        self.banner = Banner(theme, quiet=True)
        self.banner.hide()
        self.setup = Banner(theme, quiet=True)
        self.setup.add_button(self.tr("Go on"), lambda: self.wanted.emit("first run"))
        self.setup.hide()
        self.state = StatePanel(theme, act, snooze)
        self.rings = _RingsPanel(theme)
        self.left = _LeftPanel(theme)
        self.left.all.clicked.connect(lambda: self.wanted.emit("uploads"))
        self.left.inside.clicked.connect(self._open_last)
        self.rings.add_text.clicked.connect(lambda: self.wanted.emit("add_folder"))
        self.hedge = _HedgePanel(theme)
        self.loss = _LossPanel(theme)
        self.gain = _GainPanel(theme)
        plots = Columns(theme, self.hedge, self.loss, left_share=1, right_share=1)
        self._columns = (Columns(theme, self.rings, self.left), plots, Columns(theme, plots, self.gain))
        top.addWidget(self.banner)
        top.addWidget(self.setup)
        top.addWidget(self.state)
        scroll.column.addWidget(self._columns[0], 1)
        scroll.column.addWidget(self._columns[2], 1)

    def offer_setup(self, offered: bool) -> None:
        """Whether the first questions are still to be seen."""
        if offered:
            self.setup.say(
                self.tr("Setting up is not finished"), self.tr("A few questions about text, hardware and privacy.")
            )
        self.setup.setVisible(offered)

    def refresh(self) -> None:
        """Show the newest figures; when the engine is away, the last ones with their date."""
        store, snapshot = self.store, self.store.snapshot
        lost = not store.connected and store.lost_at is not None
        self.banner.setVisible(lost)
        if lost and store.lost_at is not None:
            self.banner.say(
                self.tr("Last figures: {0}").format(figures.when(store.seen_at)),
                self.tr("The engine is away. They move again when it is back."),
            )
        self.state.show_view(store.view, snapshot.round if snapshot else None, store.connected)
        self.rings.show_store(store)
        self.left.show_store(store)
        self._plots_are_old = True
        if not self._pace.isActive():
            self._draw_plots()

    def _draw_plots(self) -> None:
        snapshot = self.store.snapshot
        if snapshot is not None and self.isVisible() and self._plots_are_old:
            self._plots_are_old = False
            self._pace.start()
            self.hedge.show_days(snapshot.contribution.days)
            self.loss.show_points(snapshot.series.loss)
            self.gain.show_points(snapshot.series.bits_per_byte)

    def _open_last(self) -> None:
        if self.left.last is not None:
            self.upload_wanted.emit(self.left.last.upload_id)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Two columns become one where it is narrow."""
        narrow = self.narrow
        self._columns[0].set_narrow(narrow)
        self._columns[2].set_narrow(narrow)
        super().resizeEvent(event)


class _RingsPanel(Panel):
    """The two rings with their figures."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self.rings = Rings(theme, theme.px(48))
        self.given = ElidedLabel(theme, "", Type.FIGURE, weight=600)
        self.given_note = Label(theme, "", Type.BODY, "muted", wrap=True)
        self.privacy = ElidedLabel(theme, "", Type.FIGURE, weight=600)
        self.privacy_note = Label(theme, "", Type.BODY, "muted", wrap=True)
        self.kind = Chip(theme)
        self.without = Chip(theme, "", "danger", "shield-cross")
        self.dots = (LegendDot(theme, "accent"), LegendDot(theme, "guarantee"))
        self.add_text = Button(theme, self.tr("Add folder…"), size="small", icon="plus")
        self._legends = (
            ElidedLabel(theme, self.tr("Given · outer ring"), Type.SMALL, "muted"),
            ElidedLabel(theme, self.tr("Privacy left · inner ring"), Type.SMALL, "muted"),
        )
        words = QVBoxLayout()
        words.setSpacing(theme.px(0.5))
        words.addStretch(1)
        words.addLayout(row(self.dots[0], self._legends[0], 1, gap=theme.px(2)))
        words.addWidget(self.given)
        words.addWidget(self.given_note)
        words.addSpacing(theme.px(3))
        words.addWidget(Hairline())
        words.addSpacing(theme.px(3))
        words.addLayout(row(self.dots[1], self._legends[1], 1, gap=theme.px(2)))
        words.addWidget(self.privacy)
        words.addWidget(self.privacy_note)
        words.addSpacing(theme.px(1))
        words.addLayout(row(self.kind, self.add_text, 1, gap=theme.px(2)))
        words.addLayout(row(self.without, 1))
        words.addStretch(1)
        line = QHBoxLayout()
        line.setContentsMargins(theme.px(2), 0, theme.px(2), 0)
        line.setSpacing(theme.px(8))
        line.addWidget(self.rings, 0, Qt.AlignmentFlag.AlignVCenter)
        line.addLayout(words, 1)
        self.body.addLayout(line)

    def show_store(self, store: EngineStore) -> None:
        """Show what is known."""
        snapshot = store.snapshot
        joined = snapshot is not None and bool(snapshot.federations)
        self.rings.show_figure(store.rings(), f"{store.given_text()}, {store.privacy_text()}")
        self.add_text.setVisible(snapshot is not None and not snapshot.corpora)
        budget, unguarded = store.scarcest(), store.unguarded()
        self.kind.setVisible(budget is not None)
        self.without.setVisible(bool(unguarded))
        # Green only while it trains: the dot wears the ring's own colour.
        self.dots[0].set_ink("accent" if store.view.key == "training" else "muted")
        if snapshot is None or not joined:
            self.given.setText(self.tr("Nothing given yet"))
            self.given_note.setText(self.tr("Hours of training fill this ring, once you have joined."))
            self.privacy.setText(self.tr("Nothing spent"))
            self.privacy_note.setText(self.tr("It gets shorter with each round and ends at a limit you set."))
            return
        given = snapshot.contribution
        self.given.setText(figures.duration(given.week_seconds))
        notes = [self.tr("of {0} offered this week").format(figures.duration(given.week_offered_s))]
        if given.energy_wh > 0:
            amount = figures.energy(given.energy_wh)
            notes.append(
                self.tr("{0} in all").format(amount)
                if given.energy_measured
                else self.tr("about {0} in all").format(amount)
            )
        self.given_note.setText(" · ".join(notes))
        self._show_privacy(budget, unguarded)

    def _show_privacy(self, budget: BudgetInfo | None, unguarded: list[BudgetInfo]) -> None:
        self.without.show_fact(self.tr("%n text(s) without", "", len(unguarded)), "danger", "shield-cross")
        self.without.setToolTip(", ".join(strangers.for_menu(b.corpus_name) for b in unguarded))
        if budget is None:
            self.dots[1].set_ink("danger" if unguarded else "guarantee")
            self.privacy.setText(self.tr("No guarantee") if unguarded else self.tr("Nothing spent"))
            self.privacy_note.setText(
                self.tr("No figure bounds what the model learned from it.")
                if unguarded
                else self.tr("No round has used your text yet.")
            )
            return
        spent = figures.epsilon_spent(budget.epsilon)
        limit = figures.epsilon_limit(budget.limit)
        name = strangers.name(budget.corpus_name)
        self.dots[1].set_ink(GUARANTEE_INKS[budget.guarantee])
        if budget.rounds_left is None:
            self.privacy.setText(self.tr("ε {0} of {1}").format(spent, limit))
            self.privacy_note.setText(self.tr("charged so far on {0}").format(name))
        else:
            rounds = self.tr("about %n round(s)", "", budget.rounds_left)
            self.privacy.setText(rounds if budget.rounds_left else self.tr("none left"))
            self.privacy_note.setText(self.tr("ε {0} of {1} spent on {2}").format(spent, limit, name))
        words = {"guaranteed": self.tr("Guaranteed here"), "promised": self.tr("Promised by them"), "none": ""}
        kind = budget.guarantee
        self.kind.show_fact(words[kind], GUARANTEE_INKS[kind], GUARANTEE_ICONS[kind])


class _LeftPanel(Panel):
    """The last updates that left."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, gap=1)
        self._model = UploadModel(self)
        self.last: UploadInfo | None = None
        line, _, _ = heading(theme, self.tr("What left this machine"))
        self.all = Button(theme, self.tr("All"), kind="link", size="small")
        line.addWidget(self.all)
        self.note = Label(theme, "", Type.SMALL, "muted", wrap=True)
        self.inside = Button(theme, self.tr("See inside the last one"), size="small")
        self.body.addLayout(line)
        self.body.addWidget(self.note)
        self.body.addSpacing(theme.px(1))
        self._rows: list[tuple[QWidget, tuple[ElidedLabel, ...]]] = []
        for number in range(_ROWS):
            holder = QWidget()
            grid = QGridLayout(holder)
            grid.setContentsMargins(0, 0, 0, 0)
            grid.setHorizontalSpacing(theme.px(1.5))
            grid.setVerticalSpacing(0)
            grid.setColumnStretch(0, 1)
            inks = ("text", "muted", "text", "guarantee")
            sizes = (Type.BODY, Type.SMALL, Type.SMALL, Type.BODY)
            labels = tuple(ElidedLabel(theme, "", size, ink) for size, ink in zip(sizes, inks, strict=True))
            for column, label in enumerate(labels):
                label.setFixedHeight(theme.px(8))
                side = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
                label.setAlignment(side | Qt.AlignmentFlag.AlignVCenter)
                grid.addWidget(label, 0, column)
            if number < _ROWS - 1:
                grid.addWidget(Hairline(), 1, 0, 1, 4)
            self._rows.append((holder, labels))
            self.body.addWidget(holder)
        self.body.addStretch(1)
        self.body.addWidget(self.inside)

    def show_store(self, store: EngineStore) -> None:
        """Show the newest updates."""
        snapshot = store.snapshot
        uploads = list(snapshot.uploads) if snapshot else []
        gone = [u for u in uploads if u.state != "sealed"]
        self.last = gone[0] if gone else None
        self.inside.setVisible(self.last is not None)
        self.all.setVisible(bool(uploads))
        if snapshot is None or not uploads:
            self.note.setText(self.tr("Nothing has left this machine."))
        else:
            given = snapshot.contribution
            self.all.set_label(self.tr("All {0}").format(figures.count(max(given.uploads, len(gone)))))
            count = self.tr("%n upload(s)", "", given.week_uploads)
            text = self.tr("This week: {0}, {1}. Text sent: none.")
            self.note.setText(text.format(count, figures.size(given.week_uploaded_bytes)))
        for (holder, labels), upload in zip(self._rows, [*gone, *[None] * _ROWS], strict=False):
            holder.setVisible(upload is not None)
            if upload is not None:
                self._fill(labels, upload)

    def _fill(self, labels: tuple[ElidedLabel, ...], upload: UploadInfo) -> None:
        labels[0].setText(figures.when(upload.sent_at or upload.sealed_at))
        labels[1].setText(self.tr("round {0}").format(upload.server_round))
        labels[2].setText(figures.size(upload.size_bytes))
        labels[3].setText(self._model.cost(upload))
        labels[3].set_ink("danger" if upload.unit == "none" else "guarantee")


class _HedgePanel(Panel):
    """One stem a day."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        line, _, self.note = heading(theme, self.tr("Your hedge"))
        self.hedge = Hedge(theme)
        self.body.addLayout(line)
        self.body.addWidget(self.hedge, 1)

    def show_days(self, days: list[tuple[str, float]]) -> None:
        """Show the days given."""
        self.hedge.show_days(days, date.today())
        total = sum(seconds for _, seconds in days)
        self.note.setText(self.tr("{0} · one stem a day").format(figures.coarse(total)) if days else "")


class _LossPanel(Panel):
    """Training loss over this machine's steps."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        line, _, self.note = heading(theme, self.tr("Training loss"))
        self.plot = Plot(theme, self.tr("Training loss"))
        self.plot.show_empty(self.tr("Appears with the first steps of training."))
        self.body.addLayout(line)
        self.body.addWidget(self.plot, 1)

    def show_points(self, points: list[Point]) -> None:
        """Show the newest curve."""
        if not points:
            return
        first, last = points[0], points[-1]
        self.note.setText(self.tr("{0} nats per token").format(figures.number(last.value, 2)))
        summary = self.tr("Training loss {0} at step {1}, {2} at the first point")
        values = (figures.number(last.value, 2), figures.count(last.step), figures.number(first.value, 2))
        line = Line(tuple((float(p.step), p.value) for p in points), "accent")
        ends = (self.tr("step {0}").format(figures.count(first.step)), figures.count(last.step))
        self.plot.show_lines([line], summary.format(*values), ends=ends)


class _GainPanel(Panel):
    """What the shared model gained on text of the owner's that is kept back."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        line, _, self.note = heading(theme, self.tr("On your own text"))
        self.figure = Label(theme, "", Type.FIGURE, weight=600)
        self.words = Label(theme, "", Type.SMALL, "muted", wrap=True)
        self.plot = Plot(theme, self.tr("Bits per byte on your own text"))
        self.plot.show_empty(self.tr("Measured here before each round, on text kept back. Never sent."))
        self._head = QWidget()
        head = QHBoxLayout(self._head)
        head.setContentsMargins(0, 0, 0, 0)
        head.setSpacing(theme.px(3))
        head.addWidget(self.figure)
        head.addWidget(self.words, 1)
        self._head.hide()
        self.body.addLayout(line)
        self.body.addWidget(self._head)
        self.body.addWidget(self.plot, 1)

    def show_points(self, points: list[Point]) -> None:
        """Show the newest curve and its gain."""
        if not points:
            return
        first, last = points[0], points[-1]
        self.note.setText(self.tr("{0} bits per byte").format(figures.number(last.value, 2)))
        gain = (1 - last.value / first.value) * 100 if first.value > 0 else 0.0
        self._head.setVisible(len(points) > 1)
        self.figure.setText(self.tr("{0} %").format(figures.number(abs(gain), 0 if abs(gain) >= 10 else 1)))
        self.words.setText(
            self.tr("fewer bits per byte than on the day you joined, on text kept back from training")
            if gain >= 0
            else self.tr("more bits per byte than on the day you joined, on text kept back from training")
        )
        summary = self.tr("{0} bits per byte before round {1}, {2} when you joined")
        values = (figures.number(last.value, 2), last.server_round, figures.number(first.value, 2))
        line = Line(tuple((float(n), p.value) for n, p in enumerate(points)), "accent")
        ends = (self.tr("joined"), self.tr("round {0}").format(last.server_round))
        self.plot.show_lines([line], summary.format(*values), ends=ends)
