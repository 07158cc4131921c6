"""A pane to choose what of a folder is read, and how much a text weighs beside others."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLineEdit, QPlainTextEdit

from app.theme import Theme, Type
from app.widgets.buttons import Button
from app.widgets.labels import ElidedLabel, Label
from app.widgets.panel import Panel, row
from app.words import strangers
from core.api.messages.corpora import ChangeParams, CorpusInfo


class ChoicePane(Panel):
    """Filled when it is opened, so that news from the engine never overwrite what is being typed."""

    chosen = Signal(object)
    """``ChangeParams`` with what the owner wants."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._theme = theme
        self.corpus_id = ""
        self.name = ElidedLabel(theme, "", Type.BODY, weight=600)
        self.include = self._patterns(self.tr("Read only"))
        self.exclude = self._patterns(self.tr("Leave out"))
        self.hidden = QCheckBox(self.tr("Read hidden files, whose names begin with a dot"))
        self.generated = QCheckBox(self.tr("Read what programs made, such as build folders"))
        self.weight = self._line(self.tr("Weight beside other texts"), 22)
        self.field = self._line(self.tr("Field or column with the text"), 46)
        self.trouble = Label(theme, "", Type.SMALL, "danger", wrap=True)
        self.trouble.hide()
        self.apply = Button(theme, self.tr("Apply"), self._apply, size="small")
        self.leave = Button(theme, self.tr("Close without changes"), self.close_pane, size="small")
        note = self.tr(
            "One pattern a line, such as *.md or drafts/, on the path below the folder; an archive counts as a folder,"
            " so old.zip/drafts/ works too. What is left out is not trained on from the next round; everything but the"
            " weight is read anew."
        )
        grid = QGridLayout()
        grid.setHorizontalSpacing(theme.px(3))
        grid.setVerticalSpacing(theme.px(2))
        for number, (words, control) in enumerate(
            (
                (self.tr("Read only"), self.include),
                (self.tr("Leave out"), self.exclude),
                (self.tr("Weight beside other texts"), self.weight),
                (self.tr("Field or column with the text"), self.field),
            )
        ):
            label = Label(theme, words, Type.SMALL)
            label.setBuddy(control)
            grid.addWidget(label, number, 0)
            grid.addWidget(control, number, 1)
        grid.setColumnStretch(1, 1)
        self.body.addWidget(self.name)
        self.body.addWidget(Label(theme, note, Type.SMALL, "muted", wrap=True))
        self.body.addLayout(grid)
        self.body.addWidget(self.hidden)
        self.body.addWidget(self.generated)
        self.body.addWidget(self.trouble)
        self.body.addLayout(row(self.apply, self.leave, 1, gap=theme.px(2)))
        self.hide()

    def _patterns(self, name: str) -> QPlainTextEdit:
        edit = QPlainTextEdit()
        edit.setAccessibleName(name)
        edit.setFont(self._theme.font(Type.SMALL, mono=True))
        edit.setTabChangesFocus(True)
        edit.setFixedHeight(self._theme.px(18))
        return edit

    def _line(self, name: str, width: float) -> QLineEdit:
        edit = QLineEdit()
        edit.setAccessibleName(name)
        edit.setMaxLength(200)
        edit.setFixedWidth(self._theme.px(width))
        return edit

    def open_for(self, corpus: CorpusInfo) -> None:
        """Show what holds for a corpus."""
        self.corpus_id = corpus.corpus_id
        self.name.setText(self.tr("What is read of {0}").format(strangers.name(corpus.name)))
        self.include.setPlainText("\n".join(strangers.plain(text, 500) for text in corpus.include))
        self.exclude.setPlainText("\n".join(strangers.plain(text, 500) for text in corpus.exclude))
        self.hidden.setChecked(corpus.hidden)
        self.generated.setChecked(corpus.generated)
        self.weight.setText(f"{corpus.weight:g}")
        self.field.setText(strangers.plain(corpus.text_field, 200))
        self.trouble.hide()
        self.show()
        self.include.setFocus()

    def say(self, sentence: str) -> None:
        """Say why a choice was refused; what was typed stays."""
        self.trouble.setText(strangers.plain(sentence))
        self.trouble.show()

    def close_pane(self) -> None:
        """Forget what was typed."""
        self.corpus_id = ""
        self.hide()

    def _apply(self) -> None:
        try:
            weight = float(self.weight.text().strip().replace(",", "."))
        except ValueError:
            self.say(self.tr("The weight is a number; 1 is usual."))
            return
        self.chosen.emit(
            ChangeParams(
                corpus_id=self.corpus_id,
                include=_lines(self.include),
                exclude=_lines(self.exclude),
                hidden=self.hidden.isChecked(),
                generated=self.generated.isChecked(),
                text_field=self.field.text().strip(),
                weight=weight,
            )
        )


def _lines(edit: QPlainTextEdit) -> list[str]:
    return [line.strip() for line in edit.toPlainText().splitlines() if line.strip()]
