"""docx, odt and epub: zip files of XML. The XML is read as a stream, without entities or anything external."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote
from xml.sax.handler import ContentHandler, feature_namespaces  # the base class; the parser itself is defused

from defusedxml import ElementTree
from defusedxml.sax import make_parser

from core.data.corpora import Unusable
from core.data.formats import html, zipped
from core.data.formats.ceiling import WholeFile
from core.data.formats.cutting import cut
from core.data.formats.intake import Intake

_MAX_INDEX_BYTES: Final = 4 << 20
_WORD: Final = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_STRICT_WORD: Final = "http://purl.oclc.org/ooxml/wordprocessingml/main"
_COMPATIBILITY: Final = "http://schemas.openxmlformats.org/markup-compatibility/2006"
_ODF_TEXT: Final = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"
_ODF_OFFICE: Final = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
_MOST_SPACES: Final = 64


class _Words(ContentHandler):
    """Gathers text; a kind of file says what its elements mean."""

    def __init__(self) -> None:
        super().__init__()
        self.out: list[str] = []
        self._skipping = 0
        self._inside = 0

    def enters(self, name: tuple[str | None, str], attributes: Any) -> None:
        """An element that is not skipped begins."""

    def leaves(self, name: tuple[str | None, str]) -> None:
        """It ends."""

    def skips(self, name: tuple[str | None, str]) -> bool:
        """Whether an element is left out with all that is in it."""
        return False

    def startElementNS(self, name: tuple[str | None, str], qname: str | None, attrs: Any) -> None:  # noqa: N802
        """As the parser calls it."""
        if self._skipping or self.skips(name):
            self._skipping += 1
        else:
            self.enters(name, attrs)

    def endElementNS(self, name: tuple[str | None, str], qname: str | None) -> None:  # noqa: N802
        """As the parser calls it."""
        if self._skipping:
            self._skipping -= 1
        else:
            self.leaves(name)

    def characters(self, content: str) -> None:
        """As the parser calls it."""
        if self._inside > 0 and not self._skipping:
            self.out.append(content)


class _Docx(_Words):
    _MARKS: Final = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}

    def skips(self, name: tuple[str | None, str]) -> bool:
        return name == (_COMPATIBILITY, "Fallback")  # the same words once more, for older programs

    def enters(self, name: tuple[str | None, str], attributes: Any) -> None:
        if name[0] in (_WORD, _STRICT_WORD):
            self._inside += name[1] == "t"
            self.out.append(self._MARKS.get(name[1], ""))

    def leaves(self, name: tuple[str | None, str]) -> None:
        if name[0] in (_WORD, _STRICT_WORD):
            self._inside -= name[1] == "t"
            self.out.append("\n" if name[1] == "p" else "\t" if name[1] == "tc" else "")


class _Odt(_Words):
    def skips(self, name: tuple[str | None, str]) -> bool:
        return name in ((_ODF_TEXT, "tracked-changes"), (_ODF_TEXT, "note"), (_ODF_OFFICE, "annotation"))

    def enters(self, name: tuple[str | None, str], attributes: Any) -> None:
        if name[0] != _ODF_TEXT:
            return
        self._inside += name[1] in ("p", "h")
        if name[1] == "s":
            count = str(attributes.get((_ODF_TEXT, "c"), "1"))
            self.out.append(" " * min(int(count) if count.isdecimal() and len(count) < 4 else 1, _MOST_SPACES))
        else:
            self.out.append({"tab": "\t", "line-break": "\n"}.get(name[1], ""))

    def leaves(self, name: tuple[str | None, str]) -> None:
        if name[0] == _ODF_TEXT and name[1] in ("p", "h"):
            self._inside -= 1
            self.out.append("\n")


def read_docx(intake: Intake) -> Iterator[str]:
    """The text of a Word file is one document; headers, footers, notes and comments are left out."""
    return cut(_parsed(intake, "word/document.xml", _Docx()))


def read_odt(intake: Intake) -> Iterator[str]:
    """The text of an OpenDocument file is one document; notes, comments and deleted text are left out."""
    return cut(_parsed(intake, "content.xml", _Odt()))


def read_epub(intake: Intake) -> Iterator[str]:
    """A book is one document, its chapters in the order in which they are read."""
    return cut(_chapters(intake))


def _parsed(intake: Intake, name: str, words: _Words) -> Iterator[str]:
    with zipped.opened(intake.at_random()) as archive:
        try:
            info = archive.getinfo(name)
        except KeyError as error:
            raise Unusable("damaged, or not what its name says") from error
        parser = make_parser()
        parser.forbid_dtd = True
        parser.setFeature(feature_namespaces, True)
        parser.setContentHandler(words)
        with zipped.member(archive, info, intake.ceiling) as stream:
            while part := stream.read(1 << 16):
                intake.watch.pulse(len(part))
                parser.feed(part)
                yield "".join(words.out)
                words.out.clear()
        parser.close()


def _chapters(intake: Intake) -> Iterator[str]:
    with zipped.opened(intake.at_random()) as archive:
        for name in _spine(archive, intake):
            try:
                page = zipped.part(archive, name, intake.ceiling, html.MAX_BYTES, intake.watch)
                text = html.words(page, intake.watch.pulse)
            except WholeFile:
                raise
            except Unusable as error:
                intake.watch.aside(f"{intake.path}/{name[:200]}".lstrip("/"), str(error))
                continue
            if text.strip():
                yield text.strip() + "\n\n"


def _spine(archive: zipfile.ZipFile, intake: Intake) -> list[str]:
    """Names of the chapters; in the order of the archive where the book does not say."""
    try:
        container = _index(archive, "META-INF/container.xml", intake)
        package = next(str(item.get("full-path", "")) for item in container.iter() if _plain(item.tag) == "rootfile")
        book = _index(archive, package, intake)
    except (StopIteration, Unusable, ElementTree.ParseError):
        return [name for name in archive.namelist() if name.lower().endswith((".xhtml", ".html", ".htm"))]
    items = {item.get("id"): item.get("href", "") for item in book.iter() if _plain(item.tag) == "item"}
    folder = posixpath.dirname(package)
    order = [items.get(item.get("idref")) for item in book.iter() if _plain(item.tag) == "itemref"]
    names = [posixpath.normpath(posixpath.join(folder, unquote(str(href)))) for href in order if href]
    return list(dict.fromkeys(names))


def _index(archive: zipfile.ZipFile, name: str, intake: Intake) -> Any:
    raw = zipped.part(archive, name, intake.ceiling, _MAX_INDEX_BYTES, intake.watch)
    return ElementTree.fromstring(raw, forbid_dtd=False, forbid_entities=True, forbid_external=True)


def _plain(tag: object) -> str:
    return str(tag).rpartition("}")[2]
