"""Uploads: what left. Every update that left this machine, and each one opened up: facts, layers, the numbers."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QItemSelection
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QFileDialog, QGridLayout, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.pages.page import EmptyState, Page, ScrollColumn
from app.stores.engine_store import EngineStore
from app.stores.upload_model import UploadModel
from app.theme import Theme, Type
from app.widgets.banner import Banner
from app.widgets.bars import Bars
from app.widgets.buttons import Button
from app.widgets.labels import ElidedLabel, Label
from app.widgets.panel import Columns, Hairline, Panel, fact, heading, row
from app.widgets.rows import HouseList
from app.words import figures, strangers
from core.api.errors import HedgerowError
from core.api.messages.base import Acknowledged, Message
from core.api.messages.uploads import LayerNorm, UploadDetail, UploadExportParams, UploadInfo, UploadList, UploadParams

_MOST_FIELDS = 14
_EXPORT_S = 600.0


class UploadsPage(Page):
    """The list at the left, what is inside the chosen one at the right."""

    def __init__(self, theme: Theme, store: EngineStore) -> None:
        super().__init__(theme, store)
        self._older: list[UploadInfo] = []
        self._wanted = ""
        self._opened = ""
        self.model = UploadModel(self)
        self.list = HouseList(theme, self.tr("Uploads"))
        self.list.setModel(self.model)
        self.list.selectionModel().selectionChanged.connect(self._on_selected)
        self.title = ElidedLabel(theme, "", Type.BODY, weight=600)
        self.note = ElidedLabel(theme, self.tr("everything that ever left"), Type.SMALL, "muted")
        panel = Panel(theme, padding=0, gap=0)
        panel.body.setContentsMargins(1, 1, 1, 1)
        head = QVBoxLayout()
        head.setContentsMargins(theme.px(3.5), theme.px(3), theme.px(3.5), theme.px(3))
        head.setSpacing(0)
        head.addWidget(self.title)
        head.addWidget(self.note)
        panel.body.addLayout(head)
        panel.body.addWidget(Hairline())
        panel.body.addWidget(self.list, 1)
        self.detail = _Detail(theme)
        self.detail.export.clicked.connect(self._choose_export)
        self._columns = Columns(theme, panel, self.detail, left_share=3, right_share=8)
        empty = Panel(theme)
        empty.body.addWidget(
            EmptyState(
                theme,
                "uploads",
                self.tr("Nothing has left this machine"),
                self.tr(
                    "Each update appears here, opened up: size, hash, cost in privacy, and the numbers themselves."
                ),
                [],
            )
        )
        self._stack = QStackedWidget()
        self._stack.addWidget(self._columns)
        self._stack.addWidget(empty)
        self.column().addWidget(self._stack)

    def entered(self) -> None:
        """The snapshot has the newest 50; here all of them are wanted."""
        self.store.ask_quietly("uploads.list").then(self._on_all)

    def _on_all(self, answer: Message) -> None:
        assert isinstance(answer, UploadList)
        self._older = answer.uploads
        self.refresh()

    def choose(self, upload_id: str) -> None:
        """Open one upload."""
        self._wanted = upload_id
        self.refresh()

    def refresh(self) -> None:
        """Show everything that left."""
        newest = self.store.snapshot.uploads if self.store.snapshot else []
        known = {u.upload_id for u in newest}
        uploads = [*newest, *(u for u in self._older if u.upload_id not in known)]
        chosen = self._chosen()
        self.model.set_rows(uploads)
        self._stack.setCurrentIndex(0 if uploads else 1)
        gone = [u for u in uploads if u.state != "sealed"]
        total = figures.size(sum(u.size_bytes for u in gone))
        self.title.setText(self.tr("%n upload(s), {0}", "", len(gone)).format(total))
        key = self._wanted or (chosen.upload_id if chosen else "")
        number = self.model.find(key) if key else -1
        if uploads and number < 0:
            number = 0
        if number >= 0 and self.list.currentIndex().row() != number:
            self.list.setCurrentIndex(self.model.index(number, 0))
        if number >= 0:
            self._wanted = ""
        self._show_chosen()

    def _chosen(self) -> UploadInfo | None:
        return self.model.row(self.list.currentIndex().row())

    def _on_selected(self, _: QItemSelection, __: QItemSelection) -> None:
        self._show_chosen()

    def _show_chosen(self) -> None:
        chosen = self._chosen()
        self.detail.setVisible(chosen is not None)
        if chosen is None:
            return
        self.detail.show_upload(chosen, self.model.state_word(chosen))
        if chosen.upload_id != self._opened and self.store.connected:
            self._opened = chosen.upload_id
            self.detail.show_inside(None)
            upload_id = chosen.upload_id
            call = self.store.ask_quietly("uploads.inspect", UploadParams(upload_id=upload_id), 30.0)
            call.then(self._on_detail, lambda error: self._on_refused(upload_id, error))

    def _on_detail(self, detail: Message) -> None:
        assert isinstance(detail, UploadDetail)
        if detail.upload.upload_id == self._opened:
            self.detail.show_inside(detail)

    def _on_refused(self, upload_id: str, error: HedgerowError) -> None:
        if upload_id == self._opened:
            self.detail.show_trouble(error)

    def _choose_export(self) -> None:
        chosen = self._chosen()
        if chosen is None:
            return
        # The engine writes new files only and says so itself.
        path, _ = QFileDialog.getSaveFileName(
            self, self.tr("Export what was sent"), f"hedgerow-round-{chosen.server_round}.bin", "", "",
            QFileDialog.Option.DontConfirmOverwrite,
        )  # fmt: skip
        if path:
            self.export_to(path)

    def export_to(self, path: str) -> None:
        """Have the engine write the chosen update, byte for byte as it was sent."""
        chosen = self._chosen()
        if chosen is not None:
            self.detail.exported.hide()
            params = UploadExportParams(upload_id=chosen.upload_id, path=path)
            call = self.store.ask_quietly("uploads.export", params, _EXPORT_S)
            call.then(self._on_exported, self.detail.show_trouble)

    def _on_exported(self, answer: Message) -> None:
        assert isinstance(answer, Acknowledged)
        self.detail.exported.say(self.tr("What was sent is written"), strangers.plain(answer.detail))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Two columns become one where it is narrow."""
        self._columns.set_narrow(self.narrow)
        super().resizeEvent(event)


class _Detail(ScrollColumn):
    """What is inside one upload."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._theme = theme
        self._hash = ""
        self.column.setContentsMargins(0, 0, 0, 0)
        self.title = ElidedLabel(theme, "", Type.TITLE, weight=600)
        self.note = Label(theme, "", Type.BODY, "muted", wrap=True)
        self.copy = Button(theme, self.tr("Copy hash"), self._copy, size="small", icon="copy")
        self.export = Button(theme, self.tr("Export…"), size="small")
        self.trouble = Banner(theme)
        self.trouble.hide()
        self.exported = Banner(theme, quiet=True)
        self.exported.hide()
        facts = Panel(theme)
        line = row(self.title, gap=theme.px(2))
        line.addStretch(1)
        line.addWidget(self.copy)
        facts.body.addLayout(line)
        said = QHBoxLayout()
        said.addWidget(self.note, 1)
        said.addWidget(self.export)
        facts.body.addLayout(said)
        facts.body.addWidget(Hairline())
        facts.body.addLayout(self._make_facts())
        layers = Panel(theme)
        line, _, self.layers_note = heading(theme, self.tr("How much each layer moved"))
        self.layers = Bars(theme, self.tr("How much each layer moved"))
        self.layers.setMinimumHeight(theme.px(26))
        layers.body.addLayout(line)
        layers.body.addWidget(self.layers, 1)
        numbers = Panel(theme)
        line, _, _ = heading(theme, self.tr("The numbers themselves"))
        self.histogram = Bars(theme, self.tr("The numbers themselves"), axis=False)
        self.histogram.setMinimumHeight(theme.px(24))
        numbers.body.addLayout(line)
        numbers.body.addWidget(self.histogram, 1)
        fields = Panel(theme)
        fields.body.addWidget(ElidedLabel(theme, self.tr("Every field in the message"), weight=600))
        self._fields = QGridLayout()
        self._fields.setHorizontalSpacing(theme.px(3))
        self._fields.setVerticalSpacing(theme.px(0.5))
        self._fields.setColumnStretch(1, 1)
        self._field_labels: list[tuple[Label, ElidedLabel]] = []
        for number in range(_MOST_FIELDS):
            pair = (Label(theme, "", Type.SMALL, "muted"), ElidedLabel(theme, "", Type.SMALL))
            pair[1].setAlignment(pair[1].alignment().AlignRight | pair[1].alignment().AlignVCenter)
            self._fields.addWidget(pair[0], number, 0)
            self._fields.addWidget(pair[1], number, 1)
            self._field_labels.append(pair)
        fields.body.addLayout(self._fields)
        fields.body.addStretch(1)
        self._lower = Columns(theme, numbers, fields, left_share=1, right_share=1)
        self.column.addWidget(facts)
        self.column.addWidget(self.trouble)
        self.column.addWidget(self.exported)
        self.column.addWidget(layers, 1)
        self.column.addWidget(self._lower)
        self._inside: tuple[QWidget, ...] = (layers, self._lower)

    def _make_facts(self) -> QGridLayout:
        theme = self._theme
        grid = QGridLayout()
        grid.setHorizontalSpacing(theme.px(4))
        grid.setVerticalSpacing(theme.px(2))
        names = {
            "sent": self.tr("Sent"),
            "to": self.tr("To"),
            "size": self.tr("Size"),
            "cost": self.tr("Charged"),
            "state": self.tr("State"),
            "hash": self.tr("SHA-256"),
        }
        self.facts: dict[str, ElidedLabel] = {}
        for number, (key, name) in enumerate(names.items()):
            label, value = fact(theme, name, mono=key == "hash")
            grid.addWidget(label, number // 2, number % 2 * 2)
            grid.addWidget(value, number // 2, number % 2 * 2 + 1)
            self.facts[key] = value
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)
        return grid

    def show_upload(self, upload: UploadInfo, state: str) -> None:
        """Show the facts that need no opening."""
        self._hash = upload.sha256
        self.title.setText(self.tr("Round {0}: numbers only, no text").format(upload.server_round))
        values = {
            "sent": figures.moment(upload.sent_at) if upload.sent_at else self.tr("not yet"),
            "to": strangers.name(upload.federation_name),
            "size": self._size(upload),
            "cost": self._cost(upload),
            "state": state,
            "hash": figures.hash_groups(upload.sha256, 16) + " …",
        }
        for key, value in values.items():
            self.facts[key].setText(value)
        self.facts["cost"].set_ink("danger" if upload.unit == "none" else "guarantee")
        self.facts["state"].set_ink("danger" if upload.state == "refused" else "text")

    def _size(self, upload: UploadInfo) -> str:
        if upload.dense_bytes > 0 and upload.size_bytes > 0:
            ratio = figures.number(upload.dense_bytes / upload.size_bytes, 1)
            return self.tr("{0} bytes ({1}×)").format(figures.count(upload.size_bytes), ratio)
        return self.tr("{0} bytes").format(figures.count(upload.size_bytes))

    def _cost(self, upload: UploadInfo) -> str:
        if upload.unit == "none":
            return self.tr("no guarantee")
        if upload.unit == "public":
            return self.tr("public text only")
        if upload.epsilon_cost is None or upload.epsilon_after is None:
            return figures.NOT_KNOWN
        parts = (figures.epsilon_spent(upload.epsilon_cost, 2), figures.epsilon_spent(upload.epsilon_after, 2))
        return self.tr("ε +{0}, {1} after").format(*parts)

    def show_inside(self, detail: UploadDetail | None) -> None:
        """Show the opened update, or wait for it."""
        self.trouble.hide()
        for part in self._inside:
            part.setVisible(detail is not None)
        if detail is None:
            self.note.setText(self.tr("Opening the sealed bytes."))
            return
        values = sum(layer.size for layer in detail.layers)
        noised = detail.upload.unit not in ("none", "public")
        text = (
            self.tr("{0} weight changes, noised and packed as {1}")
            if noised
            else self.tr("{0} weight changes without noise, packed as {1}")
        )
        self.note.setText(text.format(figures.short_count(values), strangers.plain(detail.codec, 20)))
        self._show_layers(detail.layers)
        self._show_histogram(detail)
        self._show_fields(detail, values)

    def show_trouble(self, error: HedgerowError) -> None:
        """Say why it cannot be opened."""
        self.note.setText("")
        self.trouble.say(strangers.plain(error.message), strangers.plain(error.hint))

    def _show_layers(self, layers: Sequence[LayerNorm]) -> None:
        names, norms = grouped(layers)
        largest = max(range(len(norms)), key=norms.__getitem__) if norms else 0
        summary = (
            self.tr("%n group(s) of layers, the largest change is {0} in {1}", "", len(names)).format(
                figures.number(norms[largest], 3), names[largest]
            )
            if norms
            else ""
        )
        self.layers.show_bars(norms, [self._layer_name(n) for n in names], summary)
        self.layers_note.setText(self.tr("length of the change, as sent"))

    def _layer_name(self, name: str) -> str:
        return {"embed": self.tr("embed"), "norm": self.tr("norm"), "head": self.tr("head")}.get(name, name)

    def _show_histogram(self, detail: UploadDetail) -> None:
        low, high = detail.histogram_low, detail.histogram_high
        ends = [figures.number(v, _digits(high - low)) for v in (low, (low + high) / 2, high)]
        total = sum(detail.histogram)
        summary = self.tr("{0} values between {1} and {2}").format(figures.count(total), ends[0], ends[2])
        self.histogram.show_bars(detail.histogram, ends, summary, joined=True)

    def _show_fields(self, detail: UploadDetail, values: int) -> None:
        upload = detail.upload
        fields = [
            (self.tr("round"), figures.count(upload.server_round)),
            (self.tr("values, {0}").format(strangers.plain(detail.codec, 12)), figures.count(values)),
            *((strangers.plain(k, 30), f"{v:g}") for k, v in list(detail.metrics.items())[: _MOST_FIELDS - 8]),
            (self.tr("base checkpoint"), figures.hash_groups(detail.base_hash, 8) + " …"),
            (self.tr("manifest"), figures.hash_groups(detail.manifest_hash, 8) + " …"),
            (
                self.tr("nonce of the round"),
                figures.hash_groups(detail.nonce, 8) + " …" if detail.nonce else figures.NOT_KNOWN,
            ),
            (self.tr("hash of the update"), figures.hash_groups(upload.sha256, 8) + " …"),
            (self.tr("signature of this machine"), self.tr("over all of these")),
        ]
        for number, (name, value) in enumerate(self._field_labels):
            known = number < len(fields)
            name.setVisible(known)
            value.setVisible(known)
            if known:
                name.setText(fields[number][0])
                value.setText(fields[number][1])

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._hash)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The lower panels stand one above the other where it is narrow."""
        self._lower.set_narrow(self.width() < self._theme.px(120))
        super().resizeEvent(event)


def grouped(layers: Sequence[LayerNorm]) -> tuple[list[str], list[float]]:
    """Norms per block: parameters of one block are joined, embedding, norm and head stand alone."""
    squares: dict[str, float] = {}
    for layer in layers:
        parts = layer.name.split(".")
        number = next((p for p in parts if p.isdecimal()), "")
        if number:
            key = str(int(number) + 1)
        elif "embed" in layer.name:
            key = "embed"
        elif "head" in layer.name:
            key = "head"
        else:
            key = "norm"
        squares[key] = squares.get(key, 0.0) + layer.norm**2
    order = sorted(
        squares, key=lambda k: (k not in ("embed",), k in ("norm", "head"), int(k) if k.isdecimal() else 0, k)
    )
    return order, [squares[key] ** 0.5 for key in order]


def _digits(span: float) -> int:
    digits = 0
    while digits < 6 and span * 10**digits < 20:
        digits += 1
    return digits
