"""One federation as its operator sees it: does it run, how good is the model, which rounds, which machines."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from app.pages.page import ScrollColumn
from app.stores.hosted_model import HostedRoundModel, HostedVolunteerModel
from app.theme import Theme, Type
from app.widgets.buttons import Button
from app.widgets.chip import Chip
from app.widgets.labels import ElidedLabel, Label
from app.widgets.panel import Columns, Hairline, Panel, fact, row
from app.widgets.plot import Line, Plot
from app.widgets.rows import HouseList
from app.words import figures, strangers
from app.words.units import unit_title
from core.api.hosting import Hosted


class HostDetail(Panel):
    """Figures, curve, rounds and machines of one federation, and what can be done with it."""

    def __init__(
        self,
        theme: Theme,
        run: Callable[[], object],
        stop: Callable[[], object],
        invite: Callable[[], object],
        export: Callable[[], object],
    ) -> None:
        super().__init__(theme, padding=0, gap=0)
        scroll = ScrollColumn(theme)
        scroll.lie_on_panel()
        body = scroll.column
        inset = theme.px(4)
        body.setContentsMargins(inset, inset, inset, inset)
        body.setSpacing(theme.px(3))
        self.name = ElidedLabel(theme, "", Type.TITLE, weight=600)
        self.state = Chip(theme)
        head = row(self.name, gap=theme.px(2))
        head.addStretch(1)
        head.addWidget(self.state)
        self.run = Button(theme, self.tr("Run it"), run, kind="primary", icon="resume")
        self.stop = Button(theme, self.tr("Stop it"), stop, icon="pause")
        self.invite = Button(theme, self.tr("Invite…"), invite, icon="invite")
        self.export = Button(theme, self.tr("Export the model…"), export)
        self.note = Label(theme, "", Type.SMALL, "muted", wrap=True)
        body.addLayout(head)
        body.addLayout(row(self.run, self.stop, self.invite, self.export, 1, gap=theme.px(2)))
        body.addWidget(self.note)
        body.addWidget(Hairline())
        self.plot = Plot(theme, self.tr("Bits per byte on your own text"))
        self.plot.setFixedHeight(theme.px(36))
        self.figures = Columns(theme, self._make_facts(theme), self._make_curve(theme), left_share=1, right_share=1)
        body.addWidget(self.figures)
        self.rounds, self.people = HostedRoundModel(self), HostedVolunteerModel(self)
        self.lists = Columns(
            theme,
            self._make_list(theme, self.tr("Rounds"), self.rounds),
            self._make_list(theme, self.tr("Volunteers"), self.people),
            left_share=1,
            right_share=1,
        )
        body.addWidget(self.lists)
        self.body.addWidget(scroll)

    def set_narrow(self, narrow: bool) -> None:
        """Stack what stands side by side."""
        for columns in (self.figures, self.lists):
            columns.set_narrow(narrow)

    def _make_curve(self, theme: Theme) -> QWidget:
        holder, column = _upright(theme)
        column.addWidget(Label(theme, self.tr("Bits per byte on your own text, lower is better"), Type.SMALL, "muted"))
        column.addWidget(self.plot)
        column.addStretch(1)
        return holder

    def _make_facts(self, theme: Theme) -> QWidget:
        holder, column = _upright(theme)
        grid = QGridLayout()
        grid.setHorizontalSpacing(theme.px(4))
        grid.setVerticalSpacing(theme.px(2))
        grid.setColumnStretch(1, 1)
        self.facts: dict[str, ElidedLabel] = {}
        names = {
            "rounds": self.tr("Rounds"),
            "volunteers": self.tr("Volunteers"),
            "received": self.tr("Received"),
            "model": self.tr("Model"),
            "privacy": self.tr("Privacy"),
            "address": self.tr("Address"),
            "folder": self.tr("Folder"),
        }
        for number, (key, name) in enumerate(names.items()):
            label, value = fact(theme, name, mono=key in ("address", "folder"))
            grid.addWidget(label, number, 0)
            grid.addWidget(value, number, 1)
            self.facts[key] = value
        column.addLayout(grid)
        column.addStretch(1)
        return holder

    def _make_list(self, theme: Theme, name: str, model: HostedRoundModel | HostedVolunteerModel) -> QWidget:
        holder, column = _upright(theme)
        rows = HouseList(theme, name)
        rows.setModel(model)
        rows.setMinimumHeight(theme.px(48))
        column.addWidget(Label(theme, name, weight=600))
        column.addWidget(rows, 1)
        return holder

    def show_federation(self, found: Hosted, folder: str, *, starting: bool, busy: bool) -> None:
        """Show one federation.

        Args:
            found: its figures.
            folder: where it lies.
            starting: it was told to run and does not answer yet.
            busy: a command is at work on it.
        """
        done = sum(item.state == "closed" for item in found.rounds)
        finished = done >= found.rounds_planned
        words = (self.tr("at rest"), "muted", "pause")
        if found.running:
            words = (self.tr("running"), "accent", "leaf")
        elif starting:
            words = (self.tr("starting"), "muted", "clock")
        elif finished:
            words = (self.tr("finished"), "muted", "check")
        self.state.show_fact(*words)
        self.name.setText(strangers.name(found.name))
        self.run.setVisible(not found.running and not finished)
        self.run.setEnabled(not starting and not busy)
        self.stop.setVisible(found.running)
        self.stop.setEnabled(not busy)
        self.export.setEnabled(bool(found.rounds) and not busy and not found.forwards_to)
        self.note.setText(self._note(found, finished))
        none = self.tr("none yet")
        values = {
            "rounds": self.tr("{0} of {1} done").format(figures.count(done), figures.count(found.rounds_planned)),
            "volunteers": self.tr("%n joined", "", found.volunteers) if found.volunteers else none,
            "received": figures.size(found.upload_bytes) if found.upload_bytes else none,
            "model": strangers.name(found.preset),
            "privacy": unit_title(found.unit),
            "address": strangers.plain(found.address, 80) or self.tr("known once it runs"),
            "folder": folder,
        }
        for key, value in values.items():
            self.facts[key].setText(value)
        self.facts["privacy"].set_ink("danger" if found.unit == "none" else "text")
        self._show_curve(found)
        self.rounds.set_rows(list(reversed(found.rounds)))
        self.people.set_rows(found.people)

    def _note(self, found: Hosted, finished: bool) -> str:
        if found.running:
            return self.tr("It goes on when this window closes. Stopping it loses nothing; it goes on where it was.")
        if finished:
            return self.tr("All its rounds are done. Export the model, or keep the folder as it is.")
        return self.tr("Nobody can join or train while it rests.")

    def _show_curve(self, found: Hosted) -> None:
        start = found.bits_per_byte.initial
        points = [] if start is None else [(0.0, start)]
        points += [(float(r.round), r.bits_per_byte) for r in found.rounds if r.bits_per_byte is not None]
        if not points:
            self.plot.show_empty(self.tr("Nothing measured: it was created without a text, or has not run yet."))
            return
        first, last = points[0], points[-1]
        summary = self.tr("From {0} to {1} bits per byte over %n measurement(s)", "", len(points)).format(
            figures.number(first[1], 3), figures.number(last[1], 3)
        )
        ends = (self.tr("round {0}").format(int(first[0])), self.tr("round {0}").format(int(last[0])))
        self.plot.show_lines([Line(tuple(points))], summary, ends=ends if len(points) > 1 else ("", ends[1]))


def _upright(theme: Theme) -> tuple[QWidget, QVBoxLayout]:
    holder = QWidget()
    column = QVBoxLayout(holder)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(theme.px(1))
    return holder, column
