"""The inspector of one corpus: its facts, what was skipped and why, and what can be done with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from PySide6.QtCore import QLocale, Qt
from PySide6.QtWidgets import QGridLayout, QPlainTextEdit

from app.theme import Theme, Type
from app.widgets.buttons import Button
from app.widgets.chip import GUARANTEE_ICONS, GUARANTEE_INKS, Chip
from app.widgets.labels import ElidedLabel, Label
from app.widgets.panel import Hairline, Panel, row
from app.words import figures, reasons, strangers
from core.api.messages.corpora import CorpusInfo, Part

_REASONS = 6
_SHOWN_FILES = 500
_SHOWN_PARTS = 3


class CorpusInspector(Panel):
    """Facts of one corpus, what was skipped by reason, and the way to take it away."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._theme = theme
        self._asked = False
        self._corpus_id = ""
        self.reading = False
        self.name = ElidedLabel(theme, "", Type.BODY, weight=600)
        self.kind = Chip(theme)
        self.facts = Label(theme, "", Type.SMALL, "muted", wrap=True)
        self.place = ElidedLabel(theme, "", Type.SMALL, "muted", mono=True)
        self.kinds = Label(theme, "", Type.SMALL, "muted", wrap=True)
        self.error = Label(theme, "", Type.SMALL, "danger", wrap=True)
        line = row(self.name, gap=theme.px(2))
        line.addStretch(1)
        line.addWidget(self.kind)
        self.skipped_title = Label(theme, self.tr("Skipped, with reasons"), Type.SMALL, weight=600)
        self.skipped_count = Label(theme, "", Type.SMALL, "muted")
        self._reasons = QGridLayout()
        self._reasons.setVerticalSpacing(theme.px(1.5))
        self._reasons.setColumnStretch(0, 1)
        self._reason_labels: list[tuple[ElidedLabel, Label]] = []
        for number in range(_REASONS):
            pair = (ElidedLabel(theme, ""), Label(theme, ""))
            pair[1].setAlignment(Qt.AlignmentFlag.AlignRight)
            self._reasons.addWidget(pair[0], number, 0)
            self._reasons.addWidget(pair[1], number, 1)
            self._reason_labels.append(pair)
        self.files = QPlainTextEdit()
        self.files.setReadOnly(True)
        self.files.setAccessibleName(self.tr("Skipped files"))
        self.files.setFont(theme.font(Type.SMALL, mono=True))
        self.files.setTabChangesFocus(True)
        self.files.hide()
        self.show_files = Button(theme, self.tr("Show skipped files"), self._toggle_files, size="small")
        self.question = Label(theme, "", Type.SMALL, wrap=True)
        self.question.hide()
        self.remove_asked = Button(theme, self.tr("Remove…"), size="small")
        self.preview = Button(theme, self.tr("Preview"), size="small")
        self.choose = Button(theme, self.tr("Choose…"), size="small")
        self.read_again = Button(theme, self.tr("Read again"), size="small")
        for part in (self.facts, self.place, self.error):
            part.setVisible(True)
        self.body.addLayout(line)
        self.body.addWidget(self.facts)
        self.body.addWidget(self.kinds)
        self.body.addWidget(self.place)
        self.body.addWidget(self.error)
        self.body.addSpacing(theme.px(1))
        self.body.addWidget(Hairline())
        self.body.addSpacing(theme.px(1))
        self.body.addLayout(row(self.skipped_title, 1, self.skipped_count))
        self.body.addLayout(self._reasons)
        self.body.addWidget(self.files, 4)
        self.body.addStretch(1)
        self.body.addLayout(row(self.preview, self.choose, 1, gap=theme.px(2)))
        self.body.addLayout(row(self.read_again, 1, gap=theme.px(2)))
        self.body.addWidget(self.question)
        self.body.addLayout(row(self.show_files, 1, self.remove_asked))

    def show_corpus(self, corpus: CorpusInfo, guarantee: str, used_by: list[str]) -> None:
        """Show one corpus."""
        self._corpus_id = corpus.corpus_id
        self._used_by = used_by
        self.name.setText(strangers.name(corpus.name))
        self.kind.setVisible(bool(guarantee))
        if guarantee:
            words = {
                "guaranteed": self.tr("Guaranteed"),
                "promised": self.tr("Promised"),
                "none": self.tr("No guarantee"),
            }
            self.kind.show_fact(words[guarantee], GUARANTEE_INKS[guarantee], GUARANTEE_ICONS[guarantee])
        self.facts.setText(self._facts(corpus))
        self.kinds.setText(self._kinds(corpus))
        self.kinds.setVisible(bool(self.kinds.text()))
        self.reading = corpus.state == "reading" or corpus.refreshing
        self.read_again.set_label(self.tr("Cancel reading") if self.reading else self.tr("Read again"))
        self.preview.setEnabled(corpus.documents > 0)
        self.place.setText(strangers.plain(", ".join(corpus.paths[:3]) + (" …" if len(corpus.paths) > 3 else "")))
        self.error.setText(strangers.plain(corpus.error))
        self.error.setVisible(bool(corpus.error))
        self._show_skipped(corpus)

    def _facts(self, corpus: CorpusInfo) -> str:
        if corpus.state == "reading":
            files = (figures.count(corpus.files_done), figures.count(corpus.files_total))
            parts = [self.tr("Reading: {0} of {1} files, {2}").format(*files, figures.size(corpus.text_bytes))]
            if corpus.tokens:
                parts.append(self.tr("{0} tokens").format(figures.short_count(corpus.tokens)))
            if corpus.eta_s is not None:
                parts.append(self.tr("{0} left").format(figures.duration(corpus.eta_s)))
            return " · ".join(parts)
        held = round(100 * corpus.held_out_tokens / corpus.tokens) if corpus.tokens else 0
        parts = [
            self.tr("{0} document(s)", "", corpus.documents).format(figures.count(corpus.documents)),
            figures.words(corpus.words),
            self.tr("{0} tokens").format(figures.short_count(corpus.tokens)),
            self.tr("{0} % held back for testing").format(held),
        ]
        if corpus.refreshing:
            parts.append(self.tr("looking for changes"))
        return " · ".join(parts)

    def _kinds(self, corpus: CorpusInfo) -> str:
        """What it is made of, what was left out as a copy, and its weight."""
        sentences = []
        if corpus.languages:
            names = [(self._language(part.name), part) for part in corpus.languages]
            sentences.append(self.tr("Languages: {0}.").format(_by_share(names)))
        if corpus.formats:
            sentences.append(self.tr("Formats: {0}.").format(_by_share([(p.name, p) for p in corpus.formats])))
        if corpus.elsewhere:
            text = self.tr("{0} documents left out, because another text has them.")
            sentences.append(text.format(figures.count(corpus.elsewhere)))
        if corpus.copies:
            sentences.append(self.tr("{0} exact copies used once.").format(figures.count(corpus.copies)))
        if corpus.weight != 1:
            sentences.append(self.tr("Weight {0}.").format(f"{corpus.weight:g}"))
        return " ".join(sentences)

    def _language(self, code: str) -> str:
        """The name of a language; an empty code is the unknown."""
        if not code:
            return self.tr("unknown")
        found = QLocale(code)
        if found.language() == QLocale.Language.C:
            return code
        english = figures.locale().language() == QLocale.Language.English
        return QLocale.languageToString(found.language()) if english else found.nativeLanguageName()

    def _show_skipped(self, corpus: CorpusInfo) -> None:
        counted = Counter(reasons.say(s.reason, 80) for s in corpus.skipped).most_common(_REASONS)
        total = max(corpus.skipped_total, len(corpus.skipped))
        self.skipped_title.setText(self.tr("Skipped, with reasons") if total else self.tr("Nothing was skipped"))
        of = self.tr("{0} of {1}").format(figures.count(total), figures.count(max(total, corpus.files_total)))
        self.skipped_count.setText(of if total else "")
        self.show_files.setVisible(bool(corpus.skipped))
        for number, (name, figure) in enumerate(self._reason_labels):
            known = number < len(counted)
            name.setVisible(known)
            figure.setVisible(known)
            if known:
                name.setText(counted[number][0])
                figure.setText(figures.count(counted[number][1]))
        lines = [f"{strangers.plain(s.path, 400)}\n    {reasons.say(s.reason)}" for s in corpus.skipped]
        text = "\n".join(lines[:_SHOWN_FILES])
        if text != self.files.toPlainText():
            self.files.setPlainText(text)
        if not lines:
            self.files.hide()

    def _toggle_files(self) -> None:
        shown = self.files.isHidden()
        self.files.setVisible(shown)
        self.show_files.set_label(self.tr("Hide skipped files") if shown else self.tr("Show skipped files"))

    def forget_question(self) -> None:
        """Take the question back."""
        self._asked = False
        self.question.hide()
        self.remove_asked.set_label(self.tr("Remove…"))

    def confirmed(self) -> bool:
        """Say what removing means the first time, agree the second time."""
        if self._asked:
            self.forget_question()
            return True
        self._asked = True
        text = self.tr("Removes the encrypted copy here; your files stay. Privacy already spent stays spent.")
        if self._used_by:
            names = ", ".join(strangers.name(n) for n in self._used_by)
            text = self.tr("{0} trains with this text and goes on without it.").format(names) + " " + text
        self.question.setText(text)
        self.question.show()
        self.remove_asked.set_label(self.tr("Remove from Hedgerow"))
        return False


def _by_share(parts: Sequence[tuple[str, Part]]) -> str:
    """The largest parts with their share of the bytes."""
    total = sum(part.bytes for _, part in parts) or 1
    shown = [f"{strangers.plain(name, 30)} {round(100 * part.bytes / total)} %" for name, part in parts[:_SHOWN_PARTS]]
    return ", ".join(shown) + (", …" if len(parts) > _SHOWN_PARTS else "")
