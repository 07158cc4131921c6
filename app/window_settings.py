"""What the window itself remembers: geometry, colours, whether it asked about closing. Nothing of it is secret."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QByteArray, QObject, QSettings, Signal

from app.settings_schema import SETTINGS


class WindowSettings(QObject):
    """Choices of the window in one small file of the home folder.

    Signals:
        changed: the key of a choice that is another now.
    """

    changed = Signal(str)

    def __init__(self, home: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.home = home
        self._file = QSettings(str(home / "window.ini"), QSettings.Format.IniFormat, self)
        self._defaults = {s.key: s.default for s in SETTINGS if s.owner == "window"}
        self._allowed = {s.key: {c for c, _ in s.choices} for s in SETTINGS if s.owner == "window" and s.choices}

    def value(self, key: str) -> str:
        """A choice; one that the file holds wrongly is the default.

        Raises:
            KeyError: there is no such choice.
        """
        default = self._defaults[key]
        value = str(self._file.value(key, default))
        allowed = self._allowed.get(key, {"yes", "no"})
        return value if value in allowed else default

    def set_value(self, key: str, value: str) -> None:
        """Change a choice.

        Raises:
            ValueError: the value is not one of its choices.
        """
        if value not in self._allowed.get(key, {"yes", "no"}):
            raise ValueError(f"{key} cannot be {value!r}")
        if value != self.value(key):
            self._file.setValue(key, value)
            self.changed.emit(key)

    @property
    def asked_about_closing(self) -> bool:
        """Whether the owner has answered what closing means."""
        return str(self._file.value("asked_about_closing", "no")) == "yes"

    def remember_asked(self) -> None:
        """The owner has answered."""
        self._file.setValue("asked_about_closing", "yes")

    @property
    def first_run_step(self) -> int:
        """The step of the first run that is next, from 0; beyond the last one, all of it was seen."""
        text = str(self._file.value("first_run_step", "0"))
        return int(text) if text.isdecimal() and len(text) < 4 else 0

    def set_first_run_step(self, step: int) -> None:
        """Remember how far the first run is."""
        self._file.setValue("first_run_step", str(step))

    def geometry(self) -> QByteArray:
        """Where the window was."""
        value = self._file.value("geometry")
        return value if isinstance(value, QByteArray) else QByteArray()

    def set_geometry(self, geometry: QByteArray) -> None:
        """Remember where the window is."""
        self._file.setValue("geometry", geometry)
