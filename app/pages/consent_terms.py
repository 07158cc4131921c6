"""The terms of the consent in words: what leaves and stays, what is guaranteed, promised and not covered."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from app.theme import Theme, Type
from app.widgets.labels import Label
from app.widgets.panel import Hairline, IconLabel, Panel, row
from app.words import figures, strangers
from app.words.units import unit_title
from core.api.messages.federations import CorpusOffer, ManifestView, TermsView

_PLAIN_FIELDS = 4
_SCORE, _CARRIED = 1, 3
"""Places, in the list of what stays, of what not every federation leaves here."""


class Flows(Panel):
    """What leaves and what stays; what is guaranteed, promised and not covered."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, padding=0, gap=0)
        self._theme = theme
        grid = QGridLayout()
        grid.setSpacing(0)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(2, 1)
        self._leaves = self._list("uploads", [""] * _PLAIN_FIELDS)
        stays = [
            self.tr("Your text and file names"),
            self.tr("How well it knows your text"),
            self.tr("Your ledger and your limits"),
            self.tr("What a round leaves out, for later rounds"),
        ]
        self._stays = self._list("file", stays)
        grid.addLayout(self._cell(self.tr("Leaves this machine"), self._leaves), 0, 0)
        grid.addWidget(Hairline(upright=True), 0, 1)
        grid.addLayout(self._cell(self.tr("Stays here"), self._stays), 0, 2)
        grid.addWidget(Hairline(), 1, 0, 1, 3)
        self.guaranteed = Label(theme, "", Type.SMALL, wrap=True)
        self.promised = Label(theme, "", Type.SMALL, wrap=True)
        self.not_covered = Label(theme, "", Type.SMALL, wrap=True)
        self._guaranteed_cell = self._said("shield-check", self.tr("Guaranteed here"), "guarantee", self.guaranteed)
        grid.addLayout(self._guaranteed_cell, 2, 0)
        grid.addWidget(Hairline(upright=True), 2, 1)
        grid.addLayout(self._said("shield-dashed", self.tr("Promised by them"), "promised", self.promised), 2, 2)
        self.body.addLayout(grid)
        self.body.addWidget(Hairline())
        line = QHBoxLayout()
        inset = theme.px(4)
        line.setContentsMargins(inset, theme.px(3), inset, theme.px(3))
        line.setSpacing(theme.px(2))
        title = Label(theme, self.tr("Not covered"), Type.BODY, "danger", weight=600)
        line.addWidget(IconLabel(theme, "shield-cross", "danger"), 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(title, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(self.not_covered, 1, Qt.AlignmentFlag.AlignVCenter)
        self.body.addLayout(line)

    def _list(self, icon: str, texts: list[str]) -> list[tuple[QWidget, Label]]:
        lines = []
        for text in texts:
            holder = QWidget()
            label = Label(self._theme, text, wrap=True)
            line = QHBoxLayout(holder)
            line.setContentsMargins(0, 0, 0, 0)
            line.setSpacing(self._theme.px(2.5))
            mark = IconLabel(self._theme, icon, "muted", self._theme.px(4))
            line.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
            line.addWidget(label, 1)
            lines.append((holder, label))
        return lines

    def _cell(self, title: str, lines: list[tuple[QWidget, Label]]) -> QVBoxLayout:
        column = QVBoxLayout()
        inset = self._theme.px(4)
        column.setContentsMargins(inset, self._theme.px(3), inset, self._theme.px(3))
        column.setSpacing(self._theme.px(1.5))
        column.addWidget(Label(self._theme, title, weight=600))
        for holder, _ in lines:
            column.addWidget(holder)
        column.addStretch(1)
        return column

    def _said(self, icon: str, title: str, ink: str, text: Label) -> QVBoxLayout:
        column = QVBoxLayout()
        inset = self._theme.px(4)
        column.setContentsMargins(inset, self._theme.px(3), inset, self._theme.px(3))
        column.setSpacing(self._theme.px(1))
        heading = Label(self._theme, title, Type.BODY, ink, weight=600)
        column.addLayout(row(IconLabel(self._theme, icon, ink), heading, 1, gap=self._theme.px(1.5)))
        column.addWidget(text)
        column.addStretch(1)
        return column

    def show_terms(self, terms: TermsView, epsilon: float) -> None:
        """Fill from the terms."""
        manifest = terms.manifest
        noised = manifest.unit != "none"
        size = figures.size(manifest.upload_bytes)
        if manifest.slower_codecs:
            size = self.tr("up to {0}").format(size)
        self._stays[_SCORE][0].setVisible(not manifest.held_out_score)
        self._stays[_CARRIED][0].setVisible(manifest.carries_over)
        leaving = [
            self.tr("Noised numbers, {0}").format(size) if noised else self.tr("Bare numbers, {0}").format(size),
            *self._field_words(terms.leaves),
        ]
        for (holder, label), text in zip(self._leaves, [*leaving, *[""] * _PLAIN_FIELDS], strict=False):
            label.setText(text)
            holder.setVisible(bool(text))
        self.guaranteed.setText(self._guarantee(manifest, terms.offers, epsilon))
        self.promised.setText(self._promise(manifest))
        self.not_covered.setText(
            self.tr("that you take part; a fact that is in many of your texts")
            if noised
            else self.tr("everything: without noise, passages of your text can end up in the model")
        )

    def _promise(self, manifest: ManifestView) -> str:
        if manifest.forwards_to:
            larger = strangers.plain(manifest.forwards_to, 60)
            return self.tr("The mean of this household's machines goes on to {0}, and nothing else.").format(larger)
        asked = self.tr("They ask %n volunteer(s) a round and keep the sum of what arrives.", "", manifest.cohort_size)
        if not manifest.starts_alone:
            return asked
        alone = self.tr("The first weights are those of one volunteer alone, and may be yours.")
        return f"{asked} {alone}"

    def _field_words(self, fields: list[str]) -> list[str]:
        """Fields of the message in words; one that is not known here is shown by its name."""
        words = {
            "steps": self.tr("steps"),
            "tokens": self.tr("tokens"),
            "loss": self.tr("training loss"),
            "seconds": self.tr("time it took"),
            "held_out": self.tr("how well it knows your text, in some rounds"),
        }
        named = ("update", "hashes", "signature")
        metrics = [words.get(field, strangers.plain(field, 30)) for field in fields if field not in named]
        lines = [self.tr("Figures: {0}").format(", ".join(metrics))] if metrics else []
        return [*lines, self.tr("Hashes and a signature")][: _PLAIN_FIELDS - 1]

    def _guarantee(self, manifest: ManifestView, offers: list[CorpusOffer], epsilon: float) -> str:
        if manifest.unit == "none":
            return self.tr(
                "Only that no text is sent: numbers leave without noise, and no figure bounds what they say."
            )
        deltas = [o.delta for o in offers if o.usable and o.delta > 0]
        delta = figures.delta(max(deltas)) if deltas else figures.delta(1e-5)
        text = self.tr("{0}: ε never above {1} (δ {2}), noise added here before anything is sent.")
        return text.format(unit_title(manifest.unit), figures.epsilon_limit(epsilon), delta)
