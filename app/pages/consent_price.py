"""The owner's side of the consent: which text takes part, where it stops, and what that costs."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from app.stores.engine_store import EPSILON_STEPS
from app.theme import Theme, Type
from app.widgets.buttons import Button
from app.widgets.chip import GUARANTEE_ICONS, GUARANTEE_INKS, Chip
from app.widgets.choice import stop_at_chosen
from app.widgets.labels import ElidedLabel, Label
from app.widgets.panel import Hairline, Panel, fact, row
from app.widgets.ring_figure import Rings
from app.widgets.rings import RingFigure
from app.words import figures, strangers
from app.words.units import epsilon_meaning, verdict_meaning, verdict_title
from core.api.messages.federations import CorpusOffer, TermsView

VERDICT_SIGNS = {"useful": ("accent", "check"), "barely": ("muted", "info"), "not useful": ("text", "warning")}
"""Ink and icon; red and ochre stay for missing guarantees and for promises."""
_LARGEST = 1_000.0


class TextChoice(Panel):
    """Which text takes part."""

    def __init__(
        self, theme: Theme, on_ticks: Callable[[set[str]], object], choose_folder: Callable[[], object]
    ) -> None:
        super().__init__(theme, padding=3, gap=1)
        self.body.setContentsMargins(theme.px(4), theme.px(2), theme.px(4), theme.px(3))
        self._theme, self._on_ticks = theme, on_ticks
        self._boxes: dict[str, QCheckBox] = {}
        self._chips: dict[str, Chip] = {}
        self._shape: tuple[object, ...] = ()
        head = row(Label(theme, self.tr("With which text"), weight=600), 1)
        self.add = Button(theme, self.tr("Add folder…"), choose_folder, kind="link", size="small")
        head.addWidget(self.add)
        self._list = QVBoxLayout()
        self._list.setSpacing(theme.px(1))
        self.body.addLayout(head)
        self.body.addLayout(self._list)

    @property
    def boxes(self) -> dict[str, QCheckBox]:
        """Corpus id → its tick."""
        return self._boxes

    def show_offers(self, offers: list[CorpusOffer], ticked: set[str]) -> None:
        """Show the texts with what each would cost."""
        # Another limit changes only the chips, so that the keyboard stays where it is.
        shape = tuple((o.corpus_id, o.name, o.usable, o.reason, o.guarantee) for o in offers)
        if shape != self._shape:
            self._shape = shape
            self._rebuild(offers)
        for offer in offers:
            box = self._boxes[offer.corpus_id]
            box.blockSignals(True)
            box.setChecked(offer.corpus_id in ticked)
            box.blockSignals(False)
            if offer.corpus_id in self._chips:
                kind = offer.guarantee
                self._chips[offer.corpus_id].show_fact(self._price(offer), GUARANTEE_INKS[kind], GUARANTEE_ICONS[kind])

    def _price(self, offer: CorpusOffer) -> str:
        words = {
            "guaranteed": self.tr("ε {0}").format(figures.epsilon_limit(offer.epsilon_limit)),
            "promised": self.tr("promised"),
            "none": self.tr("no guarantee"),
        }
        return words[offer.guarantee]

    def _rebuild(self, offers: list[CorpusOffer]) -> None:
        self._boxes.clear()
        self._chips.clear()
        while (item := self._list.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        if not offers:
            text = self.tr("No text is ready yet. Add a folder; it is read on this machine first.")
            self._list.addWidget(Label(self._theme, text, Type.SMALL, "muted", wrap=True))
        for offer in offers:
            self._list.addWidget(self._line(offer))

    def _line(self, offer: CorpusOffer) -> QWidget:
        holder = QWidget()
        name = strangers.for_menu(offer.name)
        box = QCheckBox(name)
        box.setAccessibleName(name)
        box.setEnabled(offer.usable)
        box.toggled.connect(self._changed)
        self._boxes[offer.corpus_id] = box
        line = row(box, gap=self._theme.px(2))
        if offer.usable:
            self._chips[offer.corpus_id] = Chip(self._theme)
            line.addWidget(self._chips[offer.corpus_id])
        reason = ElidedLabel(self._theme, strangers.plain(offer.reason, 160), Type.SMALL, "muted")
        line.addWidget(reason, 1)
        holder.setLayout(line)
        return holder

    def _changed(self, _: bool) -> None:
        self._on_ticks({corpus_id for corpus_id, box in self._boxes.items() if box.isChecked()})


class LimitChoice(QWidget):
    """How much of the text's privacy may be used: three steps or a figure of one's own, each with what it means."""

    def __init__(self, theme: Theme, on_epsilon: Callable[[float], object]) -> None:
        super().__init__()
        self._on_epsilon, self._shown = on_epsilon, 0.0
        self.radios: list[QRadioButton] = []
        self._group = group = QButtonGroup(self)
        line = QHBoxLayout()
        line.setSpacing(theme.px(3))
        line.addWidget(Label(theme, self.tr("Stop at"), Type.BODY, "muted"))
        names = (self.tr("strict"), self.tr("middle"), self.tr("wide"))
        for value, name in zip(EPSILON_STEPS, names, strict=True):
            radio = QRadioButton(self.tr("ε {0}").format(f"{value:g}"))
            radio.setAccessibleName(self.tr("Stop at ε {0}, {1}").format(f"{value:g}", name))
            radio.setToolTip(name)
            radio.toggled.connect(lambda on, v=value: on_epsilon(v) if on else None)
            group.addButton(radio)
            self.radios.append(radio)
            line.addWidget(radio)
        line.addStretch(1)
        self.own = QLineEdit()
        self.own.setAccessibleName(self.tr("Stop at another ε"))
        self.own.setPlaceholderText(self.tr("other"))
        self.own.setToolTip(self.tr("Another limit, such as {0}").format(figures.number(2.5, 1)))
        self.own.setMaxLength(8)
        self.own.setFixedWidth(theme.px(14))
        self.own.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.own.editingFinished.connect(self._take_own)
        line.addWidget(self.own)
        self.meaning = Label(theme, "", Type.SMALL, "muted", wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.px(1))
        column.addLayout(line)
        column.addWidget(self.meaning)

    def show_choice(self, epsilon: float, unit: str) -> None:
        """Mark the step or show the figure that holds, and say what each means for the federation's unit."""
        self._shown = epsilon
        self._group.setExclusive(False)  # a figure of one's own leaves no step marked
        for value, radio in zip(EPSILON_STEPS, self.radios, strict=True):
            radio.blockSignals(True)
            radio.setChecked(value == epsilon)
            radio.blockSignals(False)
            radio.setAccessibleDescription(epsilon_meaning(value, unit))
        stop_at_chosen(self.radios)
        self._group.setExclusive(True)
        self.own.setText("" if epsilon in EPSILON_STEPS else f"{epsilon:g}")
        self.own.setAccessibleDescription(epsilon_meaning(epsilon, unit))
        self.meaning.setText(epsilon_meaning(epsilon, unit))

    def _take_own(self) -> None:
        """Ask for the figure that was typed; what is none goes back to what holds."""
        text = self.own.text().strip().replace(",", ".")
        if not text:
            return
        try:
            epsilon = float(text)
        except ValueError:
            epsilon = 0.0
        if 0 < epsilon <= _LARGEST:
            self._on_epsilon(epsilon)
        else:
            self.own.setText("" if self._shown in EPSILON_STEPS else f"{self._shown:g}")


class Verdict(QWidget):
    """Whether learning can be expected at this price, by colour, icon, word and sentence."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.chip = Chip(theme)
        self.meaning = Label(theme, "", Type.SMALL, "muted", wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, theme.px(1), 0, 0)
        column.setSpacing(theme.px(1))
        column.addLayout(row(self.chip, 1))
        column.addWidget(self.meaning)

    def show_offers(self, chosen: list[CorpusOffer]) -> None:
        """Judge the chosen texts: they share one mechanism, no noisier than that of the largest alone."""
        judged = [offer for offer in chosen if offer.verdict]
        self.setVisible(bool(judged))
        if not judged:
            return
        best = min(judged, key=lambda offer: offer.noise_to_signal)
        ink, icon = VERDICT_SIGNS[best.verdict]
        self.chip.show_fact(verdict_title(best.verdict), ink, icon)
        self.meaning.setText(verdict_meaning(best.verdict, all(offer.few for offer in judged)))
        ratio = figures.number(best.noise_to_signal, 1)
        self.setToolTip(self.tr("The noise is {0} times as large as the most that is learned.").format(ratio))


class Price(Panel):
    """What it would cost: rounds until it stops, and what each takes."""

    def __init__(self, theme: Theme, on_epsilon: Callable[[float], object]) -> None:
        super().__init__(theme)
        self.rings = Rings(theme, theme.px(18))
        self.rounds = ElidedLabel(theme, "", Type.FIGURE, weight=600)
        self.stops = Label(theme, "", Type.BODY, "muted", wrap=True)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addStretch(1)
        words.addWidget(self.rounds)
        words.addWidget(self.stops)
        words.addStretch(1)
        head = QHBoxLayout()
        head.setSpacing(theme.px(4))
        head.addWidget(self.rings)
        head.addLayout(words, 1)
        self.body.addWidget(Label(theme, self.tr("What it would cost you"), weight=600))
        self.body.addSpacing(theme.px(1))
        self.body.addLayout(head)
        self.limit = LimitChoice(theme, on_epsilon)
        self.body.addWidget(self.limit)
        self.verdict = Verdict(theme)
        self.body.addWidget(self.verdict)
        self.body.addSpacing(theme.px(1))
        self.body.addWidget(Hairline())
        self.body.addSpacing(theme.px(1))
        grid = QGridLayout()
        grid.setHorizontalSpacing(theme.px(4))
        grid.setVerticalSpacing(theme.px(1.5))
        grid.setColumnStretch(1, 1)
        self.facts: dict[str, ElidedLabel] = {}
        names = {
            "model": self.tr("Model"),
            "work": self.tr("Work"),
            "memory": self.tr("Memory"),
            "upload": self.tr("Upload"),
            "download": self.tr("Download"),
            "noise": self.tr("Noise"),
            "compared": self.tr("To compare"),
            "licence": self.tr("Licence"),
            "law": self.tr("Law of"),
        }
        for number, (key, name) in enumerate(names.items()):
            label, value = fact(theme, name)
            grid.addWidget(label, number, 0)
            grid.addWidget(value, number, 1)
            self.facts[key] = value
        self.body.addLayout(grid)
        self.fits = Label(theme, "", Type.SMALL, "danger", wrap=True)
        self.body.addSpacing(theme.px(1))
        self.body.addWidget(self.fits)
        self.body.addWidget(Hairline())
        self.body.addWidget(Label(theme, self.tr("If you leave, in their words"), Type.SMALL, "muted"))
        self.withdrawal = Label(theme, "", Type.SMALL, wrap=True)
        self.body.addWidget(self.withdrawal)
        self.body.addStretch(1)

    def show_terms(self, terms: TermsView, chosen: list[CorpusOffer], epsilon: float) -> None:
        """Show the price of the chosen texts."""
        manifest = terms.manifest
        self.limit.setVisible(manifest.unit != "none")
        self.limit.show_choice(epsilon, manifest.unit)
        self.verdict.show_offers(chosen)
        self._show_rounds(terms, chosen)
        noises = [o.noise_multiplier for o in chosen if o.noise_multiplier > 0]
        steps = (figures.count(manifest.steps_per_round), figures.count(manifest.batch_size))
        values = {
            "model": self.tr("{0} parameters ({1})").format(
                figures.short_count(manifest.parameters), strangers.plain(manifest.preset, 20)
            ),
            "work": self.tr("{0} steps × {1} a round").format(*steps),
            "memory": self.tr("{0} while it runs").format(figures.size(terms.memory_bytes)),
            "upload": (self.tr("up to {0} a round") if manifest.slower_codecs else self.tr("{0} a round")).format(
                figures.size(manifest.upload_bytes)
            ),
            "download": self.tr("{0} a round").format(figures.size(manifest.download_bytes)),
            "noise": self.tr("σ {0} of the clip {1}").format(
                figures.number(min(noises), 2), figures.number(manifest.clip_norm, 1)
            )
            if noises
            else self.tr("none"),
            "compared": self._compared(chosen),
            "licence": strangers.name(manifest.licence),
            "law": strangers.name(manifest.jurisdiction),
        }
        for key, value in values.items():
            self.facts[key].setText(value)
        self.fits.setVisible(not terms.fits)
        self.fits.setText(strangers.plain(terms.fits_reason))
        self.withdrawal.setText(strangers.paragraph(manifest.withdrawal))

    def _compared(self, chosen: list[CorpusOffer]) -> str:
        found = [o.epsilon_pld for o in chosen if o.epsilon_pld is not None]
        if not found:
            return self.tr("nothing")
        return self.tr("ε {0} by PLD, if nothing ever changes; not promised").format(figures.epsilon_spent(max(found)))

    def _show_rounds(self, terms: TermsView, chosen: list[CorpusOffer]) -> None:
        planned = terms.manifest.rounds
        if not chosen and terms.manifest.public_tokens:
            self.rings.show_figure(RingFigure(0.0, 0.0), self.tr("Public text alone"))
            self.rounds.setText(self.tr("%n round(s)", "", planned))
            self.rounds.set_ink("text")
            text = self.tr("Without a tick it trains on their public text alone, {0} tokens; nothing of yours is read.")
            self.stops.setText(text.format(figures.short_count(terms.manifest.public_tokens)))
            return
        if not chosen:
            self.rings.show_figure(RingFigure(0.0, 0.0), self.tr("No text chosen"))
            self.rounds.setText(self.tr("no text"))
            self.stops.setText(self.tr("Tick a text to see its price."))
            return
        if any(o.guarantee == "none" for o in chosen):
            self.rings.show_figure(RingFigure(0.0, 1.0, "none"), self.tr("No guarantee"))
            self.rounds.setText(self.tr("%n round(s)", "", planned))
            self.rounds.set_ink("danger")
            self.stops.setText(self.tr("without any guarantee, and none can be given later"))
            return
        self.rounds.set_ink("text")
        least = min(chosen, key=lambda o: o.rounds_affordable)
        rounds = min(planned, least.rounds_affordable) if planned else least.rounds_affordable
        limit = figures.epsilon_limit(least.epsilon_limit)
        text = self.tr("%n round(s)", "", rounds)
        self.rings.show_figure(RingFigure(0.0, 1.0, least.guarantee), f"{text}, ε {limit}")
        self.rounds.setText(text)
        if rounds >= planned:
            self.stops.setText(
                self.tr("the whole plan, ε {0} of {1}").format(figures.epsilon_spent(least.epsilon_planned), limit)
            )
        else:
            self.stops.setText(self.tr("then it stops, at ε {0}").format(limit))
