"""A pane with the very text that is used: one document, as plain letters, and the way to its neighbours.

Of files of records and tables it says which field is read, shows how another one would read, and changes to it.
"""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QWidget

from app.theme import Theme, Type
from app.widgets.buttons import Button
from app.widgets.labels import ElidedLabel, Label
from app.widgets.panel import Panel, row
from app.words import figures, strangers
from core.api.messages.corpora import ChangeParams, CorpusInfo, PreviewText

MOST_CHARACTERS = 20_000
RECORDS = frozenset(("jsonl", "ndjson", "jsonlines", "json", "csv", "tsv", "tab", "parquet", "pq"))
"""Ends of names of files whose records have fields."""


class PreviewPane(Panel):
    """Shows what it is given; asks for other documents by ``wanted``."""

    wanted = Signal(str, int)
    """A corpus and the number of one of its documents."""

    left = Signal()
    """Nothing more is to be shown."""

    tried = Signal(str, str)
    """A file and the field that its text is to be shown from."""

    field_chosen = Signal(object)
    """``ChangeParams`` with another field."""

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
        self._file = ""
        self._waiting = False
        self.field_row = self._make_field_row(theme)
        self.body.addLayout(row(self.name, 1, self.leave))
        self.body.addWidget(self.facts)
        self.body.addWidget(self.field_row)
        self.body.addWidget(self.text, 1)
        self.body.addLayout(row(self.back, self.forward, 1, gap=theme.px(2)))
        self.hide()

    def _make_field_row(self, theme: Theme) -> QWidget:
        self.field = QLineEdit()
        self.field.setAccessibleName(self.tr("Field or column with the text"))
        self.field.setMaxLength(200)
        self.field.setFixedWidth(theme.px(46))
        self.field.setPlaceholderText(self.tr("found by itself"))
        label = Label(theme, self.tr("Field or column with the text"), Type.SMALL)
        label.setBuddy(self.field)
        self.try_field = Button(theme, self.tr("Show it"), self._try, size="small")
        self.use_field = Button(theme, self.tr("Use this field"), self._use, size="small")
        holder = QWidget()
        line = row(label, self.field, self.try_field, self.use_field, 1, gap=theme.px(2))
        line.setContentsMargins(0, 0, 0, 0)
        holder.setLayout(line)
        return holder

    def open_for(self, corpus: CorpusInfo) -> None:
        """Begin with the first document of a corpus."""
        self.corpus_id, self.document, self._documents = corpus.corpus_id, 1, 1
        self._waiting = False
        self._file = corpus.paths[0] if len(corpus.paths) == 1 and _suffix(corpus.paths[0]) in RECORDS else ""
        self.field_row.setVisible(bool(self._file) or any(part.name in RECORDS for part in corpus.formats))
        self.try_field.setVisible(bool(self._file))
        self.field.setText(strangers.plain(corpus.text_field, 200))
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
        if not found.tokens:
            self._documents = 1  # how it would be read; its neighbours are not at hand
            parts = [figures.size(found.text_bytes), self.tr("the first document, not used like this yet")]
        if found.fields:
            names = ", ".join(strangers.plain(name, 40) for name in found.fields)
            parts.append(self.tr("read from {0} of {1}").format(strangers.plain(found.field, 40), names))
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

    def follow(self, corpus: CorpusInfo) -> None:
        """News of the corpus that is shown; once it is read with another field, its first document is asked for."""
        if self._waiting and corpus.state != "reading" and not corpus.refreshing:
            self._waiting = False
            if corpus.state == "ready":
                self.document = 1
                self._ask()
            else:
                self.show_error(corpus.error)

    def wait(self) -> None:
        """Another field was taken; the text is read with it now."""
        self._waiting = True
        self.text.clear()
        self.facts.setText(self.tr("The text is read anew with this field…"))
        self.facts.set_ink("muted")

    def close_pane(self) -> None:
        """Let go of the text."""
        self.corpus_id = ""
        self.text.clear()
        self.hide()
        self.left.emit()

    def _try(self) -> None:
        self._looks()
        self.tried.emit(self._file, self.field.text().strip())

    def _use(self) -> None:
        self.field_chosen.emit(ChangeParams(corpus_id=self.corpus_id, text_field=self.field.text().strip()))

    def _go(self, step: int) -> None:
        self.document = min(self._documents, max(1, self.document + step))
        self._ask()

    def _ask(self) -> None:
        self._looks()
        self.wanted.emit(self.corpus_id, self.document)

    def _looks(self) -> None:
        self.facts.setText(self.tr("Decoding the text…"))
        self.facts.set_ink("muted")
        self.back.setEnabled(False)
        self.forward.setEnabled(False)

    def _enable(self) -> None:
        self.back.setEnabled(self.document > 1)
        self.forward.setEnabled(self.document < self._documents)


def _suffix(path: str) -> str:
    return path.rpartition(".")[2].lower()
