"""Zip and tar: every member that can be read, in the order of the archive; no path is ever used, no link followed."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import Final

from core.data.formats import zipped
from core.data.formats.ceiling import Capped
from core.data.formats.intake import Intake
from core.data.formats.names import looks_readable
from core.data.patterns import Wanted

_SHOWN_NAME: Final = 200


def read_zip(intake: Intake) -> Iterator[str]:
    """The documents of all members.

    Raises:
        Unusable: it is damaged or a bomb; members that came before are good.
    """
    with zipped.opened(intake.at_random()) as archive:
        for info in archive.infolist():
            intake.watch.pulse()
            name = info.filename[:_SHOWN_NAME]
            if info.is_dir() or not _wanted(intake, name):
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
    with tarfile.open(fileobj=intake.stream, mode="r|", bufsize=1 << 16, errorlevel=1) as archive:
        while (info := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # else every header is kept to the end
            intake.watch.pulse()
            name = info.name[:_SHOWN_NAME]
            if info.isdir() or not _wanted(intake, name):
                continue
            stream = archive.extractfile(info) if info.isreg() and not info.issparse() else None
            if stream is None:
                intake.watch.aside(f"{intake.path}/{name}".lstrip("/"), "not a regular file")
                continue
            yield from intake.member(name, Capped(stream, intake.ceiling))


def _wanted(intake: Intake, name: str) -> bool:
    """Whether a member is read; the rules of folders hold in archives, too."""
    parts = tuple(part for part in name.replace("\\", "/").split("/") if part not in ("", ".", ".."))
    rules = Wanted()
    if any(rules.refuses(parts[:length], folder=length < len(parts)) for length in range(1, len(parts) + 1)):
        return False
    if parts and looks_readable(parts[-1]):
        return True
    intake.watch.aside(f"{intake.path}/{name}".lstrip("/"), "not a format that is read")
    return False
