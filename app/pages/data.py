"""Data: what is used. Add folders or files, see what was counted, what was skipped and why, take text away again."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from PySide6.QtCore import QItemSelection, QModelIndex, Qt, QTimer
from PySide6.QtGui import QHideEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.children.preview_process import PreviewProcess
from app.pages.choice_pane import ChoicePane
from app.pages.corpus_inspector import CorpusInspector
from app.pages.page import EmptyState, Page, PageTitle, ScrollColumn
from app.pages.preview_pane import PreviewPane
from app.stores.corpus_model import CorpusModel
from app.stores.engine_store import EngineStore
from app.theme import Theme, Type
from app.widgets.banner import Banner
from app.widgets.buttons import Button
from app.widgets.labels import Label
from app.widgets.panel import Columns, Hairline, IconLabel, Panel, row
from app.widgets.rows import TableCells
from app.words import figures, strangers
from core.api.errors import HedgerowError
from core.api.messages.base import Message
from core.api.messages.corpora import ChangeParams, CorpusInfo, CorpusParams, PathsParams, PreviewTicket


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
        self.inspector = CorpusInspector(theme)
        self.inspector.remove_asked.clicked.connect(self._remove)
        self.inspector.preview.clicked.connect(self._open_preview)
        self.inspector.choose.clicked.connect(self._open_choice)
        self.inspector.read_again.clicked.connect(self._read_again)
        self.previews = PreviewProcess(self)
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
        self._scroll = scroll = ScrollColumn(theme)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        column = scroll.column
        column.addWidget(self.title)
        column.addWidget(self.trouble)
        column.addWidget(self._stack, 1)

    # Both panes are built when they are first asked for: all at once would hold the window up.

    @cached_property
    def preview(self) -> PreviewPane:
        """One document as training sees it."""
        pane = PreviewPane(self.theme)
        pane.wanted.connect(self._ask_preview)
        pane.left.connect(self.previews.stop)
        pane.tried.connect(lambda path, field: self.previews.start(path, 1, field))
        pane.field_chosen.connect(self._change_field)
        self.previews.shown.connect(pane.show_text)
        self.previews.failed.connect(lambda error: pane.show_error(str(error)))
        self._scroll.column.addWidget(pane)
        return pane

    @cached_property
    def choice(self) -> ChoicePane:
        """What of a text is read."""
        pane = ChoicePane(self.theme)
        pane.chosen.connect(self._change)
        self._scroll.column.addWidget(pane)
        return pane

    def _panes(self) -> list[ChoicePane | PreviewPane]:
        return [self.__dict__[name] for name in ("choice", "preview") if name in self.__dict__]

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
        for column, sample in ((1, "0,000,000"), (2, "000.0 M"), (3, "00 0,000 of 00,000, and")):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, metrics.horizontalAdvance(sample) + self.theme.px(6))
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
        self.model.set_corpora(corpora, self.store.snapshot.federations if self.store.snapshot else [])
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
        shown = chosen.corpus_id if chosen is not None else ""
        for pane in self._panes():
            if pane.corpus_id not in ("", shown):
                pane.close_pane()
        if chosen is not None:
            budgets = [b for b in self.store.budgets() if b.corpus_id == chosen.corpus_id]
            used = [
                f.name
                for f in (self.store.snapshot.federations if self.store.snapshot else [])
                if chosen.corpus_id in f.corpora and f.state not in ("finished", "left")
            ]
            for pane in self._panes():
                if isinstance(pane, PreviewPane) and pane.corpus_id == chosen.corpus_id:
                    pane.follow(chosen)
            self.inspector.show_corpus(chosen, budgets[0].guarantee if budgets else "", used)

    def _close_panes(self) -> None:
        for pane in self._panes():
            pane.close_pane()

    def _open_preview(self) -> None:
        chosen = self._chosen()
        if chosen is not None:
            self._close_panes()
            self.preview.open_for(chosen)
            self._bring(self.preview)

    def _ask_preview(self, corpus_id: str, document: int) -> None:
        """The engine gives a ticket; the child that redeems it writes to this window alone."""

        def begin(ticket: Message) -> None:
            assert isinstance(ticket, PreviewTicket)
            if self.preview.corpus_id == corpus_id:
                self.previews.start(ticket, document)

        call = self.store.ask_quietly("corpus.preview", CorpusParams(corpus_id=corpus_id))
        call.then(begin, lambda error: self.preview.show_error(str(error)))

    def _bring(self, pane: QWidget) -> None:
        """Scroll to a pane, once it has its place."""
        QTimer.singleShot(0, pane, lambda: self._scroll.ensureWidgetVisible(pane))

    def _open_choice(self) -> None:
        chosen = self._chosen()
        if chosen is not None:
            self._close_panes()
            self.choice.open_for(chosen)
            self._bring(self.choice)

    def _change(self, params: ChangeParams) -> None:
        call = self.store.ask_quietly("corpus.change", params)
        call.then(lambda _: self.choice.close_pane(), lambda error: self.choice.say(f"{error.message} {error.hint}"))

    def _change_field(self, params: ChangeParams) -> None:
        call = self.store.ask_quietly("corpus.change", params)
        call.then(lambda _: self.preview.wait(), lambda error: self.preview.show_error(str(error)))

    def _read_again(self) -> None:
        chosen = self._chosen()
        if chosen is not None:
            method = "corpus.cancel" if self.inspector.reading else "corpus.refresh"
            self.store.ask_quietly(method, CorpusParams(corpus_id=chosen.corpus_id)).then(None, self._on_refused)

    def _remove(self) -> None:
        chosen = self._chosen()
        if chosen is not None and self.inspector.confirmed():
            call = self.store.ask_quietly("corpus.remove", CorpusParams(corpus_id=chosen.corpus_id))
            call.then(None, self._on_refused)
            self.table.selectionModel().setCurrentIndex(QModelIndex(), self.table.selectionModel().SelectionFlag.Clear)

    def hideEvent(self, event: QHideEvent) -> None:
        """Text is not kept where nobody looks at it."""
        for pane in self._panes():
            if isinstance(pane, PreviewPane):
                pane.close_pane()
        super().hideEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Two columns become one where it is narrow."""
        self._columns.set_narrow(self.narrow)
        super().resizeEvent(event)
