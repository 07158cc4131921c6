"""Zip files, opened with limits: members, output against input, no passwords. Names are looked up, never opened."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

from core.data.corpora import Unusable
from core.data.formats.ceiling import Capped, Ceiling
from core.data.formats.intake import Intake, Watch

MAX_MEMBERS: Final = 500_000
"""All of them are listed in memory, about 700 bytes each."""
_MIMETYPES: Final = {
    b"application/vnd.oasis.opendocument.text": "odt",
    b"application/vnd.oasis.opendocument.text-template": "odt",
    b"application/epub+zip": "epub",
}


@contextmanager
def opened(stream: BinaryIO) -> Iterator[zipfile.ZipFile]:
    """A zip file.

    Raises:
        Unusable: it has too many members.
    """
    with zipfile.ZipFile(stream) as archive:
        if len(archive.infolist()) > MAX_MEMBERS:
            raise Unusable(f"more than {MAX_MEMBERS:,} members")
        yield archive


@contextmanager
def member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, ceiling: Ceiling) -> Iterator[Capped]:
    """One member, to be read from its start.

    Raises:
        Unusable: it needs a password.
    """
    if info.flag_bits & 1:
        raise Unusable("encrypted, needs a password")
    with archive.open(info) as stream:
        yield Capped(stream, ceiling)


def part(archive: zipfile.ZipFile, name: str, ceiling: Ceiling, most: int, watch: Watch) -> bytes:
    """All bytes of a member.

    Raises:
        Unusable: there is none of that name, or it is larger than ``most`` bytes.
    """
    try:
        info = archive.getinfo(name)
    except KeyError as error:
        raise Unusable("a part is missing") from error
    with member(archive, info, ceiling) as stream:
        out = bytearray()
        while piece := stream.read(1 << 16):
            watch.pulse(len(piece))
            out += piece
            if len(out) > most:
                raise Unusable(f"a part is larger than {most >> 20} MiB")
        return bytes(out)


def kind(intake: Intake, family: str) -> str:
    """Which of the formats that are zip files this is.

    Raises:
        Unusable: one that is not read.
    """
    if not intake.stream.seekable():
        return family if family in ("docx", "odt", "epub") else "zip"
    with opened(intake.stream) as archive:
        names = archive.NameToInfo
        if "word/document.xml" in names:
            found = "docx"
        elif "[Content_Types].xml" in names:
            raise Unusable("an office file that is no text document")
        elif "mimetype" in names:
            found = _MIMETYPES.get(part(archive, "mimetype", Ceiling(1 << 10), 1 << 10, intake.watch).strip(), "")
            if not found and "content.xml" in names:
                raise Unusable("an office file that is no text document")
        else:
            found = "epub" if "META-INF/container.xml" in names else ""
    intake.stream.seek(0)
    return found or "zip"
