"""A pane with the very text that is used: one document, as plain letters, and the way to its neighbours."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPlainTextEdit

from app import figures, strangers
from app.theme import Theme, Type
from app.widgets.buttons import Button
from app.widgets.labels import ElidedLabel, Label
from app.widgets.panel import Panel, row
from core.api.messages import CorpusInfo, PreviewText

MOST_CHARACTERS = 20_000


class PreviewPane(Panel):
    """Shows what it is given; asks for other documents by ``wanted``."""

    wanted = Signal(str, int)
    """A corpus and the number of one of its documents."""

    left = Signal()
    """Nothing more is to be shown."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self.corpus_id = ""
        self.document = 1
        self._documents = 1
        self.name = ElidedLabel(theme, "", Type.BODY, weight=600)
        self.facts = Label(theme, "", Type.SMALL, "muted", wrap=True)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setAccessibleName(self.tr("The text that is used"))
        self.text.setFont(theme.font(Type.SMALL, mono=True))
        self.text.setTabChangesFocus(True)
        self.text.setMinimumHeight(theme.px(50))
        self.back = Button(theme, self.tr("Previous document"), lambda: self._go(-1), size="small")
        self.forward = Button(theme, self.tr("Next document"), lambda: self._go(1), size="small")
        self.leave = Button(theme, self.tr("Close preview"), self.close_pane, size="small")
        self.body.addLayout(row(self.name, 1, self.leave))
        self.body.addWidget(self.facts)
        self.body.addWidget(self.text, 1)
        self.body.addLayout(row(self.back, self.forward, 1, gap=theme.px(2)))
        self.hide()

    def open_for(self, corpus: CorpusInfo) -> None:
        """Begin with the first document of a corpus."""
        self.corpus_id, self.document, self._documents = corpus.corpus_id, 1, 1
        self.name.setText(self.tr("Preview of {0}").format(strangers.name(corpus.name)))
        self.text.clear()
        self._ask()
        self.show()

    def show_text(self, found: PreviewText) -> None:
        """Show one document."""
        self.document, self._documents = found.document, found.documents
        place = self.tr("Document {0} of {1}").format(figures.count(found.document), figures.count(found.documents))
        use = self.tr("held back for testing") if found.held_out else self.tr("used for training")
        size = self.tr("{0} tokens").format(figures.short_count(found.tokens))
        parts = [place, size, figures.size(found.text_bytes), use]
        if found.cut:
            parts.append(self.tr("only its beginning is shown"))
        self.facts.setText(" · ".join(parts))
        self.facts.set_ink("muted")
        visible = (c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in found.text)
        self.text.setPlainText("".join(visible)[:MOST_CHARACTERS])
        self._enable()

    def show_error(self, sentence: str) -> None:
        """Say why there is nothing to see."""
        self.facts.setText(strangers.plain(sentence))
        self.facts.set_ink("danger")
        self._enable()

    def close_pane(self) -> None:
        """Let go of the text."""
        self.corpus_id = ""
        self.text.clear()
        self.hide()
        self.left.emit()

    def _go(self, step: int) -> None:
        self.document = min(self._documents, max(1, self.document + step))
        self._ask()

    def _ask(self) -> None:
        self.facts.setText(self.tr("Decoding the text…"))
        self.facts.set_ink("muted")
        self.back.setEnabled(False)
        self.forward.setEnabled(False)
        self.wanted.emit(self.corpus_id, self.document)

    def _enable(self) -> None:
        self.back.setEnabled(self.document > 1)
        self.forward.setEnabled(self.document < self._documents)
