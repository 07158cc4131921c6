"""Zip and tar: every member that can be read, in the order of the archive; no path is ever used, no link followed."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import Final

from core.data.formats import zipped
from core.data.formats.ceiling import Capped
from core.data.formats.intake import Intake, names_in
from core.data.formats.names import looks_readable

_SHOWN_NAME: Final = 200
_MOST_REMEMBERED: Final = 10_000


def read_zip(intake: Intake) -> Iterator[str]:
    """The documents of all members.

    Raises:
        Unusable: it is damaged or a bomb; members that came before are good.
    """
    door = _Door(intake)
    with zipped.opened(intake.at_random()) as archive:
        for info in archive.infolist():
            intake.watch.pulse()
            name = info.filename[:_SHOWN_NAME]
            if info.is_dir() or not door.lets_in(name):
                continue
            if info.flag_bits & 1:
                intake.watch.aside(f"{intake.path}/{name}".lstrip("/"), "encrypted, needs a password")
                continue
            with zipped.member(archive, info, intake.ceiling) as stream:
                yield from intake.member(name, stream)


def read_tar(intake: Intake) -> Iterator[str]:
    """The documents of all members.

    Raises:
        Unusable: it is damaged or a bomb; members that came before are good.
    """
    door = _Door(intake)
    with tarfile.open(fileobj=intake.stream, mode="r|", bufsize=1 << 16, errorlevel=1) as archive:
        while (info := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # else every header is kept to the end
            intake.watch.pulse()
            name = info.name[:_SHOWN_NAME]
            if info.isdir() or not door.lets_in(name):
                continue
            stream = archive.extractfile(info) if info.isreg() and not info.issparse() else None
            if stream is None:
                intake.watch.aside(f"{intake.path}/{name}".lstrip("/"), "not a regular file")
                continue
            yield from intake.member(name, Capped(stream, intake.ceiling))


class _Door:
    """Lets in what is wanted of one archive, and says once of each folder why it is not."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._told: set[tuple[str, ...]] = set()

    def lets_in(self, member: str) -> bool:
        """Whether a member is read; the owner's choice and the rules of folders hold in archives, too."""
        intake, parts = self._intake, names_in(member)
        for length in range(1, len(parts) + 1):
            if reason := intake.wanted.refuses((*intake.place, *parts[:length]), folder=length < len(parts)):
                self._refuse(parts[:length], reason)
                return False
        if not parts or not looks_readable(parts[-1]):
            self._refuse(parts, "not a format that is read")
            return False
        return True

    def _refuse(self, parts: tuple[str, ...], reason: str) -> None:
        if parts not in self._told:
            if len(self._told) < _MOST_REMEMBERED:
                self._told.add(parts)
            self._intake.watch.aside("/".join((*filter(None, (self._intake.path,)), *parts)), reason)
