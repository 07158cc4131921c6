"""The state on top of every page, and its big sister on Home: disc, word, sentence, the one button that helps."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.state_view import Action, StateView
from app.theme import Theme, Type
from app.widgets.buttons import Button, SplitButton
from app.widgets.labels import ElidedLabel, Label
from app.widgets.panel import Panel, row
from app.widgets.ring_figure import StateDisc
from app.widgets.round_bar import RoundBar
from app.words import figures, strangers
from core.api.messages.state import RoundProgress

SNOOZES = (15 * 60, 3_600, 4 * 3_600)


class StateButton(QStackedWidget):
    """Pause with its variants, or the single button of another state."""

    def __init__(self, theme: Theme, act: Callable[[Action], object], snooze: Callable[[float], object]) -> None:
        super().__init__()
        self._action = Action.NOTHING
        self.split = SplitButton(theme, self.tr("Pause"), "pause", self.tr("Pause for"))
        self.split.button.clicked.connect(lambda: act(Action.PAUSE))
        for seconds in SNOOZES:
            text = self.tr("Pause for {0}").format(figures.duration(seconds))
            self.split.add_variant(text, partial(snooze, seconds))
        tomorrow = self.tr("Pause until tomorrow 08:00")
        self.split.add_variant(tomorrow, lambda: snooze(figures.until_tomorrow_s(time.time())))
        self.single = Button(theme, "", lambda: act(self._action))
        for holder, part in ((QWidget(), self.split), (QWidget(), self.single)):
            holder.setLayout(row(1, part, gap=0))
            self.addWidget(holder)
        self.setSizePolicy(self.split.sizePolicy())

    def show_action(self, view: StateView) -> None:
        """Offer what helps now."""
        self._action = view.action
        self.setVisible(view.action != Action.NOTHING)
        if view.action == Action.PAUSE:
            self.setCurrentIndex(0)
            return
        self.single.set_label(view.action_text)
        self.single.set_kind("primary" if view.action in (Action.RESUME, Action.START_ENGINE) else "plain")
        self.setCurrentIndex(1)


class StateBar(QWidget):
    """The state in one line."""

    def __init__(self, theme: Theme, act: Callable[[Action], object], snooze: Callable[[float], object]) -> None:
        super().__init__()
        self.setObjectName("bar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(theme.px(14))
        self.disc = StateDisc(theme, theme.px(7))
        self.word = Label(theme, "", Type.BODY, weight=600)
        self.sentence = ElidedLabel(theme, "", Type.BODY, "muted")
        self.button = StateButton(theme, act, snooze)
        line = QHBoxLayout(self)
        line.setContentsMargins(theme.px(6), 0, theme.px(6), 0)
        line.setSpacing(theme.px(3))
        line.addWidget(self.disc)
        line.addWidget(self.word)
        line.addWidget(self.sentence, 1)
        line.addWidget(self.button)

    def show_view(self, view: StateView) -> None:
        """Show a state."""
        self.disc.show_sign(view.sign, view.ink, view.fill)
        self.word.setText(view.word)
        self.sentence.setText(view.sentence)
        self.button.show_action(view)


class StatePanel(Panel):
    """The state as Home's first panel, with the round in progress."""

    def __init__(self, theme: Theme, act: Callable[[Action], object], snooze: Callable[[float], object]) -> None:
        super().__init__(theme, padding=5)
        self.disc = StateDisc(theme, theme.px(11))
        self.word = Label(theme, "", Type.TITLE, weight=600)
        self.sentence = Label(theme, "", Type.BODY, "muted", wrap=True)
        self.button = StateButton(theme, act, snooze)
        self.bar = RoundBar(theme)
        self.left = Label(theme, "", Type.SMALL, weight=600)
        self.step = Label(theme, "", Type.SMALL, "muted")
        self.right = ElidedLabel(theme, "", Type.SMALL, "muted")
        self._progress = QWidget()
        column = QVBoxLayout(self._progress)
        column.setContentsMargins(0, theme.px(4), 0, 0)
        column.setSpacing(theme.px(2))
        column.addWidget(self.bar)
        foot = row(self.left, self.step, gap=theme.px(1))
        foot.addSpacing(theme.px(2))
        self.right.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        foot.addWidget(self.right, 1)
        column.addLayout(foot)
        words = QVBoxLayout()
        words.setSpacing(theme.px(1))
        words.addWidget(self.word)
        words.addWidget(self.sentence)
        head = QHBoxLayout()
        head.setSpacing(theme.px(4))
        head.addLayout(words, 1)
        head.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        inner = QVBoxLayout()
        inner.setSpacing(0)
        inner.addLayout(head)
        inner.addWidget(self._progress)
        line = QHBoxLayout()
        line.setSpacing(theme.px(4))
        disc = QVBoxLayout()
        disc.addWidget(self.disc)
        disc.addStretch(1)
        line.addLayout(disc)
        line.addLayout(inner, 1)
        self.body.addLayout(line)

    def show_view(self, view: StateView, progress: RoundProgress | None, connected: bool) -> None:
        """Show a state and how far the round is."""
        self.disc.show_sign(view.sign, view.ink, view.fill)
        self.word.setText(view.word)
        self.sentence.setText(view.sentence)
        self.button.show_action(view)
        self._progress.setVisible(progress is not None)
        if progress is None:
            return
        name = strangers.name(progress.federation_name)
        self.left.setText(self.tr("{0}, round {1}").format(name, progress.server_round))
        text, share = self._phase(progress)
        self.step.setText("· " + text)
        self.bar.set_share(share, text)
        self.right.setText(self._forecast(progress) if connected and view.key == "training" else "")

    def _phase(self, progress: RoundProgress) -> tuple[str, float | None]:
        bytes_share = progress.done_bytes / progress.total_bytes if progress.total_bytes else None
        moved = self.tr("{0} of {1}").format(figures.size(progress.done_bytes), figures.size(progress.total_bytes))
        if progress.phase == "download":
            return self.tr("downloading the model, {0}").format(moved), bytes_share
        if progress.phase == "uploading":
            return self.tr("sending the numbers, {0}").format(moved), bytes_share
        share = progress.step / progress.steps if progress.steps else None
        if progress.phase == "training":
            steps = (figures.count(progress.step), figures.count(progress.steps))
            return self.tr("step {0} of {1}").format(*steps), share
        words = {
            "idle": self.tr("not begun"),
            "reading": self.tr("opening your text"),
            "sealing": self.tr("packing the numbers"),
            "slot": self.tr("ready, leaving at the next set moment"),
            "receipt": self.tr("sent, waiting for the receipt"),
        }
        return words[progress.phase], share

    def _forecast(self, progress: RoundProgress) -> str:
        if progress.phase == "uploading" and progress.eta_s is not None:
            return self.tr("{0} left").format(figures.forecast(progress.eta_s))
        leaves = self.tr("then {0} of numbers leave this machine").format(figures.size(progress.upload_bytes))
        if progress.phase not in ("download", "reading", "training", "sealing"):
            return ""
        if progress.eta_s is None:
            return leaves if progress.upload_bytes else ""
        left = self.tr("{0} left").format(figures.forecast(progress.eta_s))
        return f"{left}, {leaves}" if progress.upload_bytes else left
