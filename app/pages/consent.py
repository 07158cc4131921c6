"""The consent: who asks, what leaves and what stays, what is guaranteed, promised and not covered, and the price.

Nothing is enrolled before Join is pressed. A text whose use carries no guarantee is never ticked beforehand. The budget
offered first is the engine's suggestion: the smallest with the best verdict. Every figure on this page was worked out
on this machine.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.pages.consent_price import Price, TextChoice
from app.pages.consent_terms import Flows
from app.pages.page import Page, PageTitle, ScrollColumn
from app.stores.engine_store import EngineStore
from app.theme import Theme, Type
from app.widgets.banner import Banner
from app.widgets.buttons import Button
from app.widgets.chip import Chip
from app.widgets.labels import Label
from app.widgets.panel import Columns, Panel, row
from app.words import figures, strangers
from core.api.errors import HedgerowError
from core.api.messages.base import Message
from core.api.messages.federations import CorpusChoice, FederationInfo, InviteParams, JoinParams, TermsView


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
        self._epsilon = 0.0
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
        self.flows = Flows(theme)
        self.texts = TextChoice(theme, self._on_ticks, choose_folder)
        self.price = Price(theme, self._on_epsilon)
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
        self._link, self._epsilon, self._busy = link, terms.epsilon, ""
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
        chosen = bool(self._ticked) or (terms is not None and terms.manifest.public_tokens > 0)
        able = terms is not None and chosen and terms.fits and not self._busy and self.store.connected
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
