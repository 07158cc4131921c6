"""Which reader reads what: the content decides where it is unmistakable, else the name, else the content again."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from typing import Final

from core.data.corpora import Unusable
from core.data.formats import (
    archives,
    compressed,
    encoding,
    html,
    mail,
    notebooks,
    objects,
    office,
    pdf,
    records,
    subtitles,
    tables,
    zipped,
)  # fmt: skip
from core.data.formats.cutting import cut
from core.data.formats.intake import Intake
from core.data.formats.names import family_of
from core.data.patterns import NOT_INCLUDED


def _text(intake: Intake) -> Iterator[str]:
    return cut(encoding.decoded(intake.stream))


def _parquet(intake: Intake) -> Iterator[str]:
    from core.data.formats import columns  # pyarrow starts a thread: not before the process is locked down

    return columns.read(intake)


READERS: Final[dict[str, Callable[[Intake], Iterator[str]]]] = {
    "text": _text,
    "html": html.read,
    "pdf": pdf.read,
    "docx": office.read_docx,
    "odt": office.read_odt,
    "epub": office.read_epub,
    "mail": mail.read,
    "mailbox": mail.read_mailbox,
    "records": records.read,
    "objects": objects.read,
    "notebook": notebooks.read,
    "subtitles": subtitles.read,
    "table": tables.read,
    "parquet": _parquet,
    "zip": archives.read_zip,
    "tar": archives.read_tar,
    "gz": compressed.read_gz,
    "zst": compressed.read_zst,
}
_MAGIC: Final = ((b"%PDF-", "pdf"), (b"\x1f\x8b\x08", "gz"), (b"\x28\xb5\x2f\xfd", "zst"), (b"PAR1", "parquet"))
_BY_MAGIC: Final = frozenset(("pdf", "parquet", "zip", "docx", "odt", "epub", "tar", "gz", "zst"))
"""Families whose content is unmistakable; a name alone makes no file one of them."""
_HTML: Final = re.compile(rb"\s*(<!--.{0,1000}?-->\s*)*<(!doctype\s+html|html)\b", re.I | re.S)
_MAIL: Final = re.compile(rb"(?:[!-9;-~]{1,60}:[^\n]{0,998}\r?\n(?:[ \t][^\n]{0,998}\r?\n){0,50}){3}", re.S)
_ARCHIVES: Final = frozenset(("zip", "tar", "gz", "zst"))


def late_folders() -> list[str]:
    """Folders of what is imported only when it is needed, after the process was locked down."""
    found = importlib.util.find_spec("pyarrow")
    return list(found.submodule_search_locations or ()) if found is not None else []


def read(intake: Intake) -> Iterator[str]:
    """The documents in one thing; nothing happens before the first is asked for.

    Raises:
        Unusable: there are none, or none after those that came.
    """
    family = choose(intake)
    if family in _ARCHIVES and not intake.levels:
        raise Unusable("an archive in an archive in an archive")
    if family not in _ARCHIVES and intake.place and not intake.wanted.includes(intake.place):
        raise Unusable(NOT_INCLUDED)  # its name promised an archive to look into
    yield from READERS[family](intake)


def choose(intake: Intake) -> str:
    """The family of one thing.

    Raises:
        Unusable: its name and its content do not go together.
    """
    head, family = intake.head(), family_of(intake.name)
    if found := _unmistakable(intake, head, family):
        return found
    if not head:
        raise Unusable("empty")
    if family in _BY_MAGIC:
        if family == "tar" and head[:1] != b"\0" and len(head) >= 512:
            return "tar"  # the old kind has no magic
        raise Unusable("damaged, or not what its name says")
    if family == "mailbox" and not head.lstrip().startswith(b"From "):
        return "mail" if _MAIL.match(head) else "text"
    return family or _guess(head)


def _unmistakable(intake: Intake, head: bytes, family: str) -> str:
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return zipped.kind(intake, family)
    for magic, found in _MAGIC:
        if head.startswith(magic):
            return found
    if family == "pdf" and b"%PDF-" in head[:1024]:
        return "pdf"
    return "tar" if head[257:262] == b"ustar" else ""


def _guess(head: bytes) -> str:
    """A file whose name says nothing; the owner chose it by name, or it stood alone in a ``gz`` file."""
    if _HTML.match(head):
        return "html"
    if head.startswith(b"From ") and _MAIL.search(head):
        return "mailbox"
    return "text"
