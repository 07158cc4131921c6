"""The consent: who asks, what leaves and what stays, what is guaranteed, promised and not covered, and the price.

Nothing is enrolled before Join is pressed. A text whose use carries no guarantee is never ticked beforehand, and the
budget offered first is the stricter one; every tick and every figure on this page was worked out on this machine.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QCheckBox, QGridLayout, QHBoxLayout, QRadioButton, QVBoxLayout, QWidget

from app import figures, strangers
from app.pages.page import Page, PageTitle, ScrollColumn
from app.stores.engine_store import EPSILON_STEPS, EngineStore
from app.theme import Theme, Type
from app.units import epsilon_meaning, unit_title
from app.widgets.banner import Banner
from app.widgets.buttons import Button
from app.widgets.chip import GUARANTEE_ICONS, GUARANTEE_INKS, Chip
from app.widgets.labels import ElidedLabel, Label
from app.widgets.panel import Columns, Hairline, IconLabel, Panel, fact, row
from app.widgets.ring_figure import Rings
from app.widgets.rings import RingFigure
from core.api.errors import HedgerowError
from core.api.messages import (
    CorpusChoice,
    CorpusOffer,
    FederationInfo,
    InviteParams,
    JoinParams,
    ManifestView,
    Message,
    TermsView,
)

_PLAIN_FIELDS = 4


class ConsentPage(Page):
    """The terms and the button.

    Signals:
        left: the owner went back, nothing is joined.
        joined: the id of the federation joined.
    """

    left = Signal()
    joined = Signal(str)

    def __init__(self, theme: Theme, store: EngineStore, choose_folder: Callable[[], object]) -> None:
        super().__init__(theme, store)
        self._link = ""
        self._terms: TermsView | None = None
        self._epsilon = EPSILON_STEPS[1]
        self._ticked: set[str] = set()
        self._known: set[str] = set()
        self._corpora_seen: tuple[str, ...] = ()
        self._busy = ""
        self.title = PageTitle(theme)
        self.signed = Chip(theme, self.tr("Signed"), "accent", "check")
        self.title.add(self.signed)
        self.trouble = Banner(theme)
        self.trouble.hide()
        self.purpose = Label(theme, "", Type.BODY, wrap=True)
        self.flows = _Flows(theme)
        self.texts = _Texts(theme, self._on_ticks, choose_folder)
        self.price = _Price(theme, self._on_epsilon)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.px(4))
        purpose = Panel(theme, gap=0.5)
        purpose.body.setContentsMargins(theme.px(4), theme.px(3), theme.px(4), theme.px(3))
        purpose.body.addWidget(Label(theme, self.tr("Purpose, in their words"), Type.SMALL, "muted"))
        purpose.body.addWidget(self.purpose)
        column.addWidget(purpose)
        column.addWidget(self.flows)
        column.addWidget(self.texts)
        column.addStretch(1)
        self._columns = Columns(theme, left, self.price, left_share=13, right_share=8)
        scroll = ScrollColumn(theme)
        scroll.column.addWidget(self.title)
        scroll.column.addWidget(self.trouble)
        scroll.column.addWidget(self._columns, 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(scroll, 1)
        outer.addWidget(self._make_foot())

    def _make_foot(self) -> QWidget:
        theme = self.theme
        self.sentence = Label(theme, "", Type.SMALL, wrap=True)
        self.not_now = Button(theme, self.tr("Not now"), self.left.emit)
        self.join = Button(theme, self.tr("Join and start"), self._join, kind="primary")
        panel = Panel(theme)
        panel.body.addLayout(row(self.sentence, self.not_now, self.join, gap=theme.px(3)))
        holder = QWidget()
        line = QHBoxLayout(holder)
        line.setContentsMargins(theme.px(6), 0, theme.px(6), theme.px(5))
        line.addWidget(panel)
        return holder

    def begin(self, link: str, terms: TermsView) -> None:
        """Show the terms of one invite."""
        self._link, self._epsilon, self._busy = link, self.store.suggested_epsilon(), ""
        self._ticked, self._known = set(), set()
        self._corpora_seen = self._ready()
        self.trouble.hide()
        self._take(terms)
        if self.join.isEnabled():
            self.join.setFocus()
        else:
            self.not_now.setFocus()

    def _ready(self) -> tuple[str, ...]:
        corpora = self.store.snapshot.corpora if self.store.snapshot else []
        return tuple(c.corpus_id for c in corpora if c.state == "ready")

    def _take(self, terms: TermsView) -> None:
        self._terms = terms
        for offer in terms.offers:
            if offer.corpus_id not in self._known:
                self._known.add(offer.corpus_id)
                if offer.usable and offer.guarantee != "none":
                    self._ticked.add(offer.corpus_id)
        self._ticked &= {o.corpus_id for o in terms.offers if o.usable}
        self.show_terms()

    def refresh(self) -> None:
        """Follow the connection; ask again where text was added meanwhile."""
        if self._terms is None:
            return
        if self.isVisible() and self._ready() != self._corpora_seen and not self._busy:
            self._corpora_seen = self._ready()
            self._ask_again()
        self._show_button()

    def show_terms(self) -> None:
        """Draw everything."""
        terms = self._terms
        if terms is None:
            return
        manifest = terms.manifest
        self.title.say(
            self.tr("{0} asks you to train with it").format(strangers.name(manifest.name)),
            self.tr("Run by {0}. Signature checked against the key in your invite, {1}.").format(
                strangers.name(manifest.operator), strangers.plain(terms.invite.fingerprint, 20)
            ),
        )
        self.purpose.setText(strangers.paragraph(manifest.purpose))
        self.flows.show_terms(terms, self._epsilon)
        self.texts.show_offers(terms.offers, self._ticked)
        self.price.show_terms(terms, [o for o in terms.offers if o.corpus_id in self._ticked], self._epsilon)
        text = self.tr(
            "By joining you agree to these terms as they stand today (manifest {0}). Looser terms will ask you again. "
            "You can leave at any time; numbers already sent cannot be called back."
        )
        self.sentence.setText(text.format(figures.hash_groups(terms.manifest_hash, 8)))
        self._show_button()

    def _show_button(self) -> None:
        terms = self._terms
        able = terms is not None and bool(self._ticked) and terms.fits and not self._busy and self.store.connected
        self.join.setEnabled(able)
        self.join.set_label(self.tr("Joining") if self._busy == "join" else self.tr("Join and start"))

    def _on_ticks(self, ticked: set[str]) -> None:
        self._ticked = ticked
        if self._terms is not None:
            self.price.show_terms(self._terms, [o for o in self._terms.offers if o.corpus_id in ticked], self._epsilon)
        self._show_button()

    def _on_epsilon(self, epsilon: float) -> None:
        if epsilon != self._epsilon:
            self._epsilon = epsilon
            self._ask_again()

    def _ask_again(self) -> None:
        self._busy = "terms"
        self._show_button()
        link, epsilon = self._link, self._epsilon
        call = self.store.ask_quietly("federation.terms", InviteParams(invite=link, epsilon=epsilon), 60.0)
        call.then(lambda terms: self._on_terms(link, epsilon, terms), self._on_refused)

    def _on_terms(self, link: str, epsilon: float, terms: Message) -> None:
        assert isinstance(terms, TermsView)
        if (link, epsilon) == (self._link, self._epsilon):
            self._busy = ""
            self._take(terms)

    def _join(self) -> None:
        if self._terms is None:
            return
        self._busy = "join"
        self.trouble.hide()
        self._show_button()
        chosen = [
            CorpusChoice(corpus_id=offer.corpus_id, epsilon=self._epsilon)
            for offer in self._terms.offers
            if offer.corpus_id in self._ticked
        ]
        params = JoinParams(invite=self._link, manifest_hash=self._terms.manifest_hash, corpora=chosen)
        self.store.ask_quietly("federation.join", params, 90.0).then(self._on_joined, self._on_refused)

    def _on_joined(self, info: Message) -> None:
        assert isinstance(info, FederationInfo)
        self._busy = ""
        self._terms = None
        self.store.ask_quietly("start")
        self.joined.emit(info.federation_id)

    def _on_refused(self, error: HedgerowError) -> None:
        self._busy = ""
        self.trouble.say(strangers.plain(error.message), strangers.plain(error.hint))
        self._show_button()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Two columns become one where it is narrow."""
        self._columns.set_narrow(self.narrow)
        super().resizeEvent(event)


class _Flows(Panel):
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
        leaving = [
            self.tr("Noised numbers, {0}").format(size) if noised else self.tr("Bare numbers, {0}").format(size),
            *self._field_words(terms.leaves),
        ]
        for (holder, label), text in zip(self._leaves, [*leaving, *[""] * _PLAIN_FIELDS], strict=False):
            label.setText(text)
            holder.setVisible(bool(text))
        self.guaranteed.setText(self._guarantee(manifest, terms.offers, epsilon))
        self.promised.setText(
            self.tr("They ask {0} volunteers a round and keep the sum of what arrives.").format(manifest.cohort_size)
        )
        self.not_covered.setText(
            self.tr("that you take part; a fact that is in many of your texts")
            if noised
            else self.tr("everything: without noise, passages of your text can end up in the model")
        )

    def _field_words(self, fields: list[str]) -> list[str]:
        """Fields of the message in words; one that is not known here is shown by its name."""
        words = {
            "steps": self.tr("steps"),
            "tokens": self.tr("tokens"),
            "loss": self.tr("training loss"),
            "seconds": self.tr("time it took"),
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


class _Texts(Panel):
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
        head.addWidget(Button(theme, self.tr("Add folder…"), choose_folder, kind="link", size="small"))
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


class _Limit(QWidget):
    """How much of the text's privacy may be used: three steps, each with what it means."""

    def __init__(self, theme: Theme, on_epsilon: Callable[[float], object]) -> None:
        super().__init__()
        self.radios: list[QRadioButton] = []
        group = QButtonGroup(self)
        line = QHBoxLayout()
        line.setSpacing(theme.px(3))
        line.addWidget(Label(theme, self.tr("Stop at"), Type.BODY, "muted"))
        names = (self.tr("strict"), self.tr("middle"), self.tr("wide"))
        for value, name in zip(EPSILON_STEPS, names, strict=True):
            radio = QRadioButton(self.tr("ε {0}").format(f"{value:g}"))
            radio.setAccessibleName(self.tr("Stop at ε {0}, {1}").format(f"{value:g}", name))
            radio.setAccessibleDescription(epsilon_meaning(value))
            radio.setToolTip(name)
            radio.toggled.connect(lambda on, v=value: on_epsilon(v) if on else None)
            group.addButton(radio)
            self.radios.append(radio)
            line.addWidget(radio)
        line.addStretch(1)
        self.meaning = Label(theme, "", Type.SMALL, "muted", wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.px(1))
        column.addLayout(line)
        column.addWidget(self.meaning)

    def show_choice(self, epsilon: float) -> None:
        """Mark the step that holds."""
        for value, radio in zip(EPSILON_STEPS, self.radios, strict=True):
            radio.blockSignals(True)
            radio.setChecked(value == epsilon)
            radio.blockSignals(False)
        self.meaning.setText(epsilon_meaning(epsilon))


class _Price(Panel):
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
        self.limit = _Limit(theme, on_epsilon)
        self.body.addWidget(self.limit)
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
        self.limit.show_choice(epsilon)
        self._show_rounds(terms, chosen)
        noises = [o.noise_multiplier for o in chosen if o.noise_multiplier > 0]
        steps = (figures.count(manifest.steps_per_round), figures.count(manifest.batch_size))
        values = {
            "model": self.tr("{0} parameters ({1})").format(
                figures.short_count(manifest.parameters), strangers.plain(manifest.preset, 20)
            ),
            "work": self.tr("{0} steps × {1} a round").format(*steps),
            "memory": self.tr("{0} while it runs").format(figures.size(terms.memory_bytes)),
            "upload": self.tr("{0} a round").format(figures.size(manifest.upload_bytes)),
            "download": self.tr("{0} a round").format(figures.size(manifest.download_bytes)),
            "noise": self.tr("σ {0} of the clip {1}").format(
                figures.number(min(noises), 2), figures.number(manifest.clip_norm, 1)
            )
            if noises
            else self.tr("none"),
            "licence": strangers.name(manifest.licence),
            "law": strangers.name(manifest.jurisdiction),
        }
        for key, value in values.items():
            self.facts[key].setText(value)
        self.fits.setVisible(not terms.fits)
        self.fits.setText(strangers.plain(terms.fits_reason))
        self.withdrawal.setText(strangers.paragraph(manifest.withdrawal))

    def _show_rounds(self, terms: TermsView, chosen: list[CorpusOffer]) -> None:
        planned = terms.manifest.rounds
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
