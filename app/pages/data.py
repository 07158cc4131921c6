"""Data: what is used. Add folders or files, see what was counted, what was skipped and why, take text away again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from PySide6.QtCore import QItemSelection, QModelIndex, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QGridLayout,
    QHeaderView,
    QPlainTextEdit,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app import figures, strangers
from app.pages.page import EmptyState, Page, PageTitle, ScrollColumn
from app.stores.corpus_model import CorpusModel
from app.stores.engine_store import EngineStore
from app.theme import Theme, Type
from app.widgets.banner import Banner
from app.widgets.buttons import Button
from app.widgets.chip import GUARANTEE_ICONS, GUARANTEE_INKS, Chip
from app.widgets.labels import ElidedLabel, Label
from app.widgets.panel import Columns, Hairline, IconLabel, Panel, row
from app.widgets.rows import TableCells
from core.api.errors import HedgerowError
from core.api.messages import CorpusInfo, CorpusParams, Message, PathsParams

_REASONS = 6
_SHOWN_FILES = 500


class DataPage(Page):
    """The owner's corpora and the inspector of the one chosen."""

    def __init__(
        self, theme: Theme, store: EngineStore, choose_folder: Callable[[], object], choose_files: Callable[[], object]
    ) -> None:
        super().__init__(theme, store)
        self.title = PageTitle(theme)
        self.add_files = Button(theme, self.tr("Add files…"), choose_files)
        self.add_folder = Button(theme, self.tr("Add folder…"), choose_folder, kind="primary", icon="plus")
        self.title.add(self.add_files)
        self.title.add(self.add_folder)
        self.trouble = Banner(theme)
        self.trouble.add_button(self.tr("Close"), self.trouble.hide)
        self.trouble.hide()
        self.model = CorpusModel(self)
        self.table = self._make_table()
        self.inspector = _Inspector(theme)
        self.inspector.remove_asked.clicked.connect(self._remove)
        self._stack = QStackedWidget()
        self._columns = Columns(theme, self._table_panel(), self.inspector, left_share=9, right_share=5)
        empty_buttons = [
            Button(theme, self.tr("Add folder…"), choose_folder, kind="primary", icon="plus"),
            Button(theme, self.tr("Add files…"), choose_files),
        ]
        empty = EmptyState(
            theme,
            "data",
            self.tr("No text added yet"),
            self.tr("Choose folders to train with. They are read on this machine by a process that has no network."),
            empty_buttons,
        )
        panel = Panel(theme)
        panel.body.addWidget(empty)
        self._stack.addWidget(self._columns)
        self._stack.addWidget(panel)
        scroll = ScrollColumn(theme)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        column = scroll.column
        column.addWidget(self.title)
        column.addWidget(self.trouble)
        column.addWidget(self._stack, 1)

    def _make_table(self) -> QTableView:
        table = QTableView()
        table.setModel(self.model)
        table.setItemDelegate(TableCells(self.theme, table))
        table.setAccessibleName(self.tr("Your text"))
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setShowGrid(False)
        table.setMinimumHeight(self.theme.px(44))
        table.setTabKeyNavigation(False)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(self.theme.px(9.5))
        header = table.horizontalHeader()
        header.setAccessibleName(self.tr("Columns"))
        header.setHighlightSections(False)
        header.setSectionsClickable(False)
        header.setFixedHeight(self.theme.px(8))
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        metrics = self.fontMetrics()
        for column, sample in ((1, "0,000,000,0"), (2, "000.0 M,00"), (3, "00 0,000 of 00,000, and")):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, metrics.horizontalAdvance(sample) + self.theme.px(8))
        table.selectionModel().selectionChanged.connect(self._on_selected)
        return table

    def _table_panel(self) -> Panel:
        panel = Panel(self.theme, padding=0, gap=0)
        panel.body.setContentsMargins(1, 1, 1, 1)
        panel.body.addWidget(self.table, 1)
        panel.body.addWidget(Hairline())
        note = Label(
            self.theme, self.tr("Dropping a folder anywhere in this window adds it here."), Type.SMALL, "muted"
        )
        foot = QWidget()
        line = row(IconLabel(self.theme, "info", "muted", self.theme.px(4)), note, 1, gap=self.theme.px(2))
        line.setContentsMargins(self.theme.px(4), self.theme.px(2.5), self.theme.px(4), self.theme.px(2.5))
        foot.setLayout(line)
        panel.body.addWidget(foot)
        return panel

    def refresh(self) -> None:
        """Show the corpora."""
        corpora = self.store.snapshot.corpora if self.store.snapshot else []
        chosen = self._chosen()
        self.model.set_rows(corpora)
        self._stack.setCurrentIndex(0 if corpora else 1)
        for button in (self.add_folder, self.add_files):
            button.setVisible(bool(corpora))
            button.setEnabled(self.store.connected)
        ready = [c for c in corpora if c.state == "ready"]
        reading = [c for c in corpora if c.state == "reading"]
        if ready:
            self.title.say(self.tr("{0}, none of them leave").format(figures.words(sum(c.words for c in ready))))
        else:
            self.title.say(self.tr("Your text stays on this machine") if not reading else self.tr("Reading your text"))
        tokens = figures.short_count(sum(c.tokens for c in ready))
        sources = self.tr("%n source(s), {0} tokens.", "", len(corpora)).format(tokens)
        self.title.note.setText(
            sources + " " + self.tr("Text is read by a process that has no network.")
            if corpora
            else self.tr("It is read by a process that has no network.")
        )
        self.title.note.show()
        row_number = self.model.find(chosen.corpus_id) if chosen else -1
        if corpora and row_number < 0:
            row_number = 0
        if row_number >= 0 and self.table.currentIndex().row() != row_number:
            self.table.selectRow(row_number)
        self._show_chosen()

    def add_paths(self, paths: list[str]) -> None:
        """Hand folders or files to the engine."""
        self.trouble.hide()
        call = self.store.ask_quietly("corpus.add", PathsParams(paths=paths), timeout_s=60.0)
        call.then(self._on_added, self._on_refused)

    def _on_added(self, info: Message) -> None:
        assert isinstance(info, CorpusInfo)
        number = self.model.find(info.corpus_id)
        if number >= 0:
            self.table.selectRow(number)

    def _on_refused(self, error: HedgerowError) -> None:
        self.trouble.say(strangers.plain(error.message), strangers.plain(error.hint))

    def _chosen(self) -> CorpusInfo | None:
        return self.model.row(self.table.currentIndex().row())

    def _on_selected(self, _: QItemSelection, __: QItemSelection) -> None:
        self.inspector.forget_question()
        self._show_chosen()

    def _show_chosen(self) -> None:
        chosen = self._chosen()
        self.inspector.setVisible(chosen is not None)
        if chosen is not None:
            budgets = [b for b in self.store.budgets() if b.corpus_id == chosen.corpus_id]
            used = [
                f.name
                for f in (self.store.snapshot.federations if self.store.snapshot else [])
                if chosen.corpus_id in f.corpora and f.state in ("active", "unreachable")
            ]
            self.inspector.show_corpus(chosen, budgets[0].guarantee if budgets else "", used)

    def _remove(self) -> None:
        chosen = self._chosen()
        if chosen is not None and self.inspector.confirmed():
            call = self.store.ask_quietly("corpus.remove", CorpusParams(corpus_id=chosen.corpus_id))
            call.then(None, self._on_refused)
            self.table.selectionModel().setCurrentIndex(QModelIndex(), self.table.selectionModel().SelectionFlag.Clear)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Two columns become one where it is narrow."""
        self._columns.set_narrow(self.narrow)
        super().resizeEvent(event)


class _Inspector(Panel):
    """Facts of one corpus, what was skipped by reason, and the way to take it away."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._theme = theme
        self._asked = False
        self._corpus_id = ""
        self.name = ElidedLabel(theme, "", Type.BODY, weight=600)
        self.kind = Chip(theme)
        self.facts = Label(theme, "", Type.SMALL, "muted", wrap=True)
        self.place = ElidedLabel(theme, "", Type.SMALL, "muted", mono=True)
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
        for part in (self.facts, self.place, self.error):
            part.setVisible(True)
        self.body.addLayout(line)
        self.body.addWidget(self.facts)
        self.body.addWidget(self.place)
        self.body.addWidget(self.error)
        self.body.addSpacing(theme.px(1))
        self.body.addWidget(Hairline())
        self.body.addSpacing(theme.px(1))
        self.body.addLayout(row(self.skipped_title, 1, self.skipped_count))
        self.body.addLayout(self._reasons)
        self.body.addWidget(self.files, 4)
        self.body.addStretch(1)
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
        self.place.setText(strangers.plain(", ".join(corpus.paths[:3]) + (" …" if len(corpus.paths) > 3 else "")))
        self.error.setText(strangers.plain(corpus.error))
        self.error.setVisible(bool(corpus.error))
        self._show_skipped(corpus)

    def _facts(self, corpus: CorpusInfo) -> str:
        if corpus.state == "reading":
            files = (figures.count(corpus.files_done), figures.count(corpus.files_total))
            return self.tr("Reading: {0} of {1} files, {2}").format(*files, figures.size(corpus.text_bytes))
        held = round(100 * corpus.held_out_tokens / corpus.tokens) if corpus.tokens else 0
        parts = [
            self.tr("{0} document(s)", "", corpus.documents).format(figures.count(corpus.documents)),
            figures.words(corpus.words),
            self.tr("{0} tokens").format(figures.short_count(corpus.tokens)),
            self.tr("{0} % held back for testing").format(held),
        ]
        return " · ".join(parts)

    def _show_skipped(self, corpus: CorpusInfo) -> None:
        counted = Counter(strangers.plain(s.reason, 80) for s in corpus.skipped).most_common(_REASONS)
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
        lines = [f"{strangers.plain(s.path, 400)}\n    {strangers.plain(s.reason, 120)}" for s in corpus.skipped]
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
