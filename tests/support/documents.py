"""Small files of every format, made from nothing but the standard library and the libraries that read them."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
ODF_TEXT = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"
ODF_OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"


def zipped(members: Mapping[str, bytes | str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def tarred(members: Mapping[str, bytes], *others: tarfile.TarInfo) -> bytes:
    """A tar file; ``others`` are headers without content."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in others:
            archive.addfile(info)
    return out.getvalue()


def docx(body: str, prolog: str = "") -> bytes:
    """A Word file with this body; see ``paragraph``."""
    document = f'<?xml version="1.0"?>{prolog}<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>'
    return zipped({"[Content_Types].xml": "<Types/>", "word/document.xml": document})


def paragraph(text: str) -> str:
    """One paragraph of a Word file."""
    return f'<w:p><w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'


def odt(body: str, prolog: str = "") -> bytes:
    """An OpenDocument text."""
    content = f'{prolog}<o:document-content xmlns:o="{ODF_OFFICE}" xmlns:t="{ODF_TEXT}">{body}</o:document-content>'
    return zipped({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content})


def epub(chapters: Mapping[str, str], order: list[str] | None = None) -> bytes:
    """A book; ``order`` names the chapters as they are read."""
    items = "".join(f'<item id="i-{name}" href="{name}"/>' for name in chapters)
    spine = "".join(f'<itemref idref="i-{name}"/>' for name in order or chapters)
    package = (
        f'<package xmlns="http://www.idpf.org/2007/opf"><manifest>{items}</manifest><spine>{spine}</spine></package>'
    )
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
    )
    return zipped(
        {"mimetype": "application/epub+zip", "META-INF/container.xml": container, "OEBPS/book.opf": package}
        | {f"OEBPS/{name}": page for name, page in chapters.items()}
    )


def pdf(*pages: bytes, encrypt: bytes = b"", kids: bytes | None = None, extra: tuple[bytes, ...] = ()) -> bytes:
    """A PDF, each page with one line; an empty one has no text layer.

    Args:
        pages: what stands on them.
        encrypt: an encryption dictionary.
        kids: what the page tree names instead of the pages.
        extra: further objects.
    """
    count = len(pages)
    numbers = [4 + 2 * index for index in range(count)]
    named = b" ".join(b"%d 0 R" % number for number in numbers) if kids is None else kids
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (named, count),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for number, text in zip(numbers, pages, strict=True):
        drawn = b"BT /F1 12 Tf 10 100 Td (%s) Tj ET" % text if text else b"0 0 50 50 re f"
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 200]/Contents %d 0 R/Resources<</Font<</F1 3 0 R>>>>>>"
            % (number + 1)
        )
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(drawn), drawn))
    return pdf_of([*objects, *extra], encrypt)


def pdf_of(objects: list[bytes], encrypt: bytes = b"") -> bytes:
    """A PDF of these objects, the first of them the catalogue."""
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"<</Size %d/Root 1 0 R%s>>" % (len(objects) + 1, b"/ID[<00><00>]/Encrypt " + encrypt if encrypt else b"")
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n%strailer%s\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1, table, trailer, start,
    )  # fmt: skip
    return bytes(out)


LOCKED = b"<</Filter/Standard/V 1/R 2/Length 40/P -4/O<%s>/U<%s>>>" % (b"41" * 32, b"42" * 32)
"""An encryption dictionary that no empty password opens."""
