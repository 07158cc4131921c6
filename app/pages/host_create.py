"""A new federation, in as few questions as it takes; everything else has the command line's defaults."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QComboBox, QFileDialog, QGridLayout, QLineEdit, QSpinBox, QWidget

from app.children.host_process import free_port, home_address
from app.pages.page import ScrollColumn
from app.theme import Theme, Type
from app.widgets.buttons import Button
from app.widgets.choice import Choice
from app.widgets.labels import Label
from app.widgets.panel import Panel, row
from app.words import figures
from app.words.units import unit_title
from core.api.hosting import PRESETS, UNITS, UNITS_OF_SMALLEST, NewFederation

FIRST_PORT = 8_470
LOOPBACK, EVERYWHERE = "127.0.0.1", "0.0.0.0"  # noqa: S104 - the owner chooses who may connect
HERE, HOME, NAMED = "here", "home", "named"


class HostCreate(ScrollColumn):
    """The form.

    Signals:
        wanted: a ``NewFederation``.
        left: the owner thought better of it.
    """

    wanted = Signal(object)
    left = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._theme = theme
        self.column.setContentsMargins(0, 0, 0, 0)
        self.name = self._line(self.tr("Name"), 60)
        self.operator = self._line(self.tr("Who runs it"), 60)
        self.purpose = self._line(self.tr("What it is for"), 400)
        self.preset = self._choice(
            self.tr("Model"),
            [(key, self.tr("{0}, {1} parameters").format(key, figures.short_count(n))) for key, n in PRESETS.items()],
        )
        self.unit = self._choice(self.tr("Privacy"), [(unit, unit_title(unit)) for unit in UNITS])
        self.updates = self._choice(
            self.tr("Updates"),
            [
                ("usual", self.tr("The usual size, for good lines")),
                ("smaller", self.tr("Half of that up, a quarter down")),
                ("smallest", self.tr("Fifty times smaller, for slow lines")),
            ],
        )
        self.carried = Label(theme, "", Type.SMALL, "muted", wrap=True)
        self.rounds = self._number(self.tr("Rounds"), 1, 10_000, 10)
        self.cohort = self._number(self.tr("Volunteers in a round"), 1, 1_000, 2)
        self.reach = self._choice(
            self.tr("Who can reach it"),
            [
                (HERE, self.tr("This machine only")),
                (HOME, self.tr("My home network")),
                (NAMED, self.tr("The internet, under a name of mine")),
            ],
        )
        self.address = self._line(self.tr("Address in invites"), 200)
        self.port = self._number(self.tr("Port"), 1_024, 65_535, FIRST_PORT)
        self.port.setGroupSeparatorShown(False)
        self.measure = self._line(self.tr("Measured on a text of yours"), 1_000)
        self.measure.setPlaceholderText(self.tr("none: then nobody knows how good the model is"))
        self.choose = Button(theme, self.tr("Choose…"), self._choose_text, size="small")
        self.choose.setAccessibleName(self.tr("Choose the text it is measured on"))
        self.explained = Label(theme, "", Type.SMALL, "muted", wrap=True)
        self.reached = Label(theme, "", Type.SMALL, "muted", wrap=True)
        self.go_back = Button(theme, self.tr("Back"), self.left.emit)
        self.make = Button(theme, self.tr("Create the federation"), self._create, kind="primary")
        self.column.addWidget(self._make_panel())
        self.column.addStretch(1)
        self.name.textChanged.connect(lambda _: self._refresh())
        for box in (self.unit, self.updates, self.reach):
            box.currentIndexChanged.connect(lambda _: self._refresh())
        self.reach.currentIndexChanged.connect(lambda _: self._propose())
        self._refresh()

    def _line(self, name: str, most: int) -> QLineEdit:
        field = QLineEdit()
        field.setMaxLength(most)
        field.setAccessibleName(name)
        return field

    def _choice(self, name: str, choices: list[tuple[str, str]]) -> QComboBox:
        box = Choice()
        for value, words in choices:
            box.addItem(words, value)
        box.setAccessibleName(name)
        return box

    def _number(self, name: str, low: int, high: int, value: int) -> QSpinBox:
        box = QSpinBox()
        box.setRange(low, high)
        box.setValue(value)
        box.setGroupSeparatorShown(True)
        box.setAlignment(Qt.AlignmentFlag.AlignRight)
        box.lineEdit().setTextMargins(0, 0, self._theme.px(2), 0)
        box.setFixedWidth(self._theme.px(26))
        box.setAccessibleName(name)
        return box

    def _make_panel(self) -> Panel:
        theme = self._theme
        panel = Panel(theme, gap=3)
        grid = QGridLayout()
        grid.setHorizontalSpacing(theme.px(4))
        grid.setVerticalSpacing(theme.px(2))
        grid.setColumnStretch(1, 1)
        self._labels: dict[QWidget, Label] = {}
        fields: tuple[QWidget, ...] = (
            self.name, self.operator, self.purpose, self.preset, self.unit, self.explained, self.updates, self.carried,
            self.rounds, self.cohort, self.reach, self.reached, self.address, self.port, self.measure,
        )  # fmt: skip
        for number, field in enumerate(fields):
            if not isinstance(field, Label):
                label = Label(theme, field.accessibleName())
                label.setBuddy(field)
                grid.addWidget(label, number, 0)
                self._labels[field] = label
            if field is self.measure:
                grid.addLayout(row(self.measure, self.choose, gap=theme.px(2)), number, 1)
            else:
                grid.addWidget(field, number, 1)
        panel.body.addLayout(grid)
        note = self.tr(
            "These terms are signed and cannot be changed later. Everything else: hedgerow host create --help"
        )
        panel.body.addWidget(Label(theme, note, Type.SMALL, "muted", wrap=True))
        panel.body.addLayout(row(1, self.go_back, self.make, gap=theme.px(3)))
        return panel

    def begin(self) -> None:
        """Start with an empty form and a free port."""
        for field in (self.name, self.operator, self.purpose, self.measure):
            field.clear()
        self.updates.setCurrentIndex(0)
        self.reach.setCurrentIndex(0)
        self.port.setValue(free_port(FIRST_PORT))
        self._propose()
        self._refresh()
        self.name.setFocus()

    def _propose(self) -> None:
        self.address.setText(home_address() if self.reach.currentData() == HOME else "")

    def _refresh(self) -> None:
        reach = self.reach.currentData()
        for field in (self.address, self.port):
            field.setVisible(reach != HERE or field is self.port)
            self._labels[field].setVisible(reach != HERE or field is self.port)
        self.reached.setText(
            {
                HERE: self.tr("Good for trying it out: volunteers run on this machine."),
                HOME: self.tr("Machines in the same network can join. Your router keeps everybody else out."),
                NAMED: self.tr("The name must lead to this machine, and your router must let the port through."),
            }[reach]
        )
        self.explained.setText(
            {
                "document": self.tr(
                    "No single document can be made out. Volunteers need some thousand documents each."
                ),
                "record": self.tr("No single passage can be made out; a document of many passages is covered less."),
                "corpus": self.tr("Not even a volunteer's whole text can be made out. It takes very many volunteers."),
                "none": self.tr("What is sent may give away text. Only for text that is public anyway."),
            }[self.unit.currentData()]
        )
        self.explained.set_ink("danger" if self.unit.currentData() == "none" else "muted")
        self._refresh_updates()
        self.make.setEnabled(bool(self.name.text().strip()))

    def _refresh_updates(self) -> None:
        """The smallest are offered where the privacy chosen allows them."""
        place, allowed = self.updates.findData("smallest"), self.unit.currentData() in UNITS_OF_SMALLEST
        if not allowed and self.updates.currentIndex() == place:
            self.updates.setCurrentIndex(0)
        items = self.updates.model()
        assert isinstance(items, QStandardItemModel)
        items.item(place).setEnabled(allowed)
        self.carried.setText(
            {
                "usual": self.tr("One byte for each number of the model goes up, four come down."),
                "smaller": self.tr("Half a byte for each number of the model goes up, one comes down."),
                "smallest": self.tr(
                    "One in sixty-four numbers goes up in a round, the others later: for runs of hundreds of rounds."
                ),
            }[self.updates.currentData()]
        )

    def _choose_text(self) -> None:
        kinds = self.tr("Text (*.txt *.md *.markdown *.rst);;All files (*)")
        path, _ = QFileDialog.getOpenFileName(self, self.tr("Text to measure the model on"), "", kinds)
        if path:
            self.measure.setText(path)

    def show_busy(self, busy: bool) -> None:
        """A federation is being made."""
        self.make.setEnabled(not busy and bool(self.name.text().strip()))
        self.make.set_label(self.tr("Creating it…") if busy else self.tr("Create the federation"))

    def _create(self) -> None:
        reach = self.reach.currentData()
        host = LOOPBACK if reach == HERE else EVERYWHERE
        self.wanted.emit(
            NewFederation(
                name=self.name.text().strip(),
                operator=self.operator.text().strip(),
                purpose=self.purpose.text().strip(),
                preset=str(self.preset.currentData()),
                unit=str(self.unit.currentData()),
                rounds=self.rounds.value(),
                cohort=self.cohort.value(),
                updates=str(self.updates.currentData()),
                listen=f"{host}:{self.port.value()}",
                address="" if reach == HERE else self.address.text().strip(),
                evaluate=self.measure.text().strip(),
            )
        )
