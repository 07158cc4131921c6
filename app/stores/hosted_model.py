"""What an operator looks at: rounds of a federation, and the machines that joined, each a list of two-line rows."""

from __future__ import annotations

from pathlib import PurePath

from PySide6.QtCore import Qt

from app.stores.row_model import FIGURE, FIGURE_INK, SECOND_FIGURE, SECOND_LINE, Index, RowModel
from app.words import figures, strangers
from core.api.hosting import Hosted, HostedRound, HostedVolunteer
from core.api.messages.base import Message


class HostedRoundModel(RowModel[HostedRound]):
    """One row per round."""

    def key(self, row: HostedRound) -> str:
        """Its number."""
        return str(row.round)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """The parts of a row."""
        row = self.row(index.row())
        if row is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.tr("Round {0}").format(row.round)
        if role == SECOND_LINE:
            return self._second(row)
        if role == FIGURE:
            return self._measure(row)
        if role == FIGURE_INK:
            return "text"
        if role == SECOND_FIGURE:
            return figures.size(row.upload_bytes)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            parts = (self.tr("Round {0}").format(row.round), self._second(row), self._measure(row))
            return ", ".join(part for part in (*parts, figures.size(row.upload_bytes)) if part)
        return None

    def _measure(self, row: HostedRound) -> str:
        if row.bits_per_byte is None:
            return ""
        return self.tr("{0} bits per byte").format(figures.number(row.bits_per_byte, 3))

    def _second(self, row: HostedRound) -> str:
        words = {"open": self.tr("in progress"), "closed": self.tr("done"), "void": self.tr("given up")}
        parts = [words.get(row.state, strangers.plain(row.state, 20))]
        if row.state != "void":
            parts.append(self.tr("%n volunteer(s)", "", row.volunteers))
        if row.seconds is not None:
            parts.append(figures.duration(row.seconds))
        if row.reason:
            parts.append(strangers.plain(row.reason, 80))
        return " · ".join(parts)


class HostedVolunteerModel(RowModel[HostedVolunteer]):
    """One row per machine that joined."""

    def key(self, row: HostedVolunteer) -> str:
        """The beginning of its key's hash, and when it joined: a machine may join again."""
        return f"{row.id} {row.joined_at}"

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """The parts of a row."""
        row = self.row(index.row())
        if row is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return figures.hash_groups(row.id)
        if role == SECOND_LINE:
            return self._second(row)
        if role == FIGURE:
            return self.tr("%n update(s)", "", row.updates)
        if role == FIGURE_INK:
            return "text" if row.updates else "muted"
        if role == SECOND_FIGURE:
            return self._last(row)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            parts = (figures.hash_groups(row.id), self._second(row), self.tr("%n update(s)", "", row.updates))
            return ", ".join(part for part in (*parts, self._last(row)) if part)
        return None

    def _second(self, row: HostedVolunteer) -> str:
        if row.left_at is not None:
            return self.tr("left {0}").format(figures.when(row.left_at))
        return self.tr("joined {0}").format(figures.when(row.joined_at))

    def _last(self, row: HostedVolunteer) -> str:
        return self.tr("last in round {0}").format(row.last_round) if row.last_round else ""


class HostedPlace(Message, frozen=True, kw_only=True):
    """A folder with a federation, and what is known of it."""

    path: str
    found: Hosted | None = None
    starting: bool = False


class HostedPlaceModel(RowModel[HostedPlace]):
    """One row per federation of this machine's owner."""

    def key(self, row: HostedPlace) -> str:
        """Its folder."""
        return row.path

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """The parts of a row."""
        row = self.row(index.row())
        if row is None:
            return None
        name = strangers.name(row.found.name if row.found else PurePath(row.path).name)
        if role == Qt.ItemDataRole.DisplayRole:
            return name
        if role == SECOND_LINE:
            return self._second(row)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{name}, {self._second(row)}"
        return None

    def _second(self, row: HostedPlace) -> str:
        found = row.found
        if found is None:
            return self.tr("not looked at yet")
        done = sum(item.state == "closed" for item in found.rounds)
        rounds = self.tr("{0} of {1} rounds").format(figures.count(done), figures.count(found.rounds_planned))
        state = self.tr("starting") if row.starting else self.tr("running") if found.running else self.tr("at rest")
        return f"{state} · {rounds}" if done < found.rounds_planned else self.tr("finished · {0}").format(rounds)
