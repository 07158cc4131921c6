"""Hostile and odd files. Each has a name, its bytes, and whether some of it is expected to be read."""

from __future__ import annotations

import gzip
import io
import json
import os
import socket
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from support.documents import LOCKED, docx, epub, odt, paragraph, pdf, pdf_of, tarred, zipped

PROSE = "The hedge along this lane hides a wren and two blackbirds, and the owner knows each of them well. "
LAUGHS = "<!DOCTYPE x [<!ENTITY a0 'ha'>" + "".join(
    f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 12)
) + "]>"  # fmt: skip
EXTERNAL = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


def killer_pdf() -> bytes:
    """Under 2 KB; its page unpacks twice, to 600 MB, and pdfium ends the process when it gets no more memory."""
    packer = zlib.compressobj(1)
    inner = b"".join(packer.compress(b" " * (1 << 20)) for _ in range(600)) + packer.flush()
    twice = zlib.compress(inner, 9)
    return pdf_of(
        [
            b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>",
            b"<</Filter[/FlateDecode/FlateDecode]/Length %d>>stream\n%s\nendstream" % (len(twice), twice),
        ]
    )  # fmt: skip


def looping_pdf(depth: int = 20) -> bytes:
    """About 4 KB; every form draws the next one eight times, so reading its page takes longer than anybody lives."""
    forms = []
    for number in range(depth):
        last = number == depth - 1
        body = b"BT /F 1 Tf (x) Tj ET" if last else b"/N Do " * 8
        inner = b"" if last else b"/Resources<</XObject<</N %d 0 R>>>>" % (6 + number)
        forms.append(
            b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]%s/Length %d>>stream\n%s\nendstream" % (inner, len(body), body)
        )
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R/Resources<</XObject<</N 5 0 R>>>>>>"
    return pdf_of(
        [
            b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page,
            b"<</Length 5>>stream\n/N Do\nendstream", *forms,
        ]
    )  # fmt: skip


def _parquet(table: pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def _flagged(raw: bytes, offset_local: int, offset_central: int, value: int) -> bytes:
    """A zip file whose first member has a 16-bit field changed in both of its headers."""
    changed = bytearray(raw)
    struct.pack_into("<H", changed, offset_local, value)
    struct.pack_into("<H", changed, raw.index(b"PK\x01\x02") + offset_central, value)
    return bytes(changed)


def _overlapping() -> bytes:
    """Forty members that are all the same bytes of the file."""
    raw = zipped({"a.txt": b" " * 900_000})
    start = raw.index(b"PK\x01\x02")
    entry, end = raw[start : raw.index(b"PK\x05\x06")], raw[raw.index(b"PK\x05\x06") :]
    fields = struct.pack("<HHII", 40, 40, 40 * len(entry), start)
    return raw[:start] + entry * 40 + end[:8] + fields + end[20:]


def _header(name: str, kind: bytes, link: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info


def _sparse_tar() -> bytes:
    """An old GNU header that says the file is a terabyte of holes."""
    block = bytearray(_header("a.txt", tarfile.GNUTYPE_SPARSE).tobuf(tarfile.GNU_FORMAT))
    block[386:398] = b"000000000000"
    block[398:410] = b"000000000000"
    block[483:495] = b"\x80" + (1 << 40).to_bytes(11, "big")
    block[148:156] = b"        "
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + bytes(1024)


def _nested_mail(depth: int) -> bytes:
    parts = [b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(depth)]
    return b"".join(parts) + b"Content-Type: text/plain\n\ndeep inside\n"


def _page_tree_loop() -> bytes:
    return pdf_of([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 99/Parent 2 0 R>>"])


def _many_pages() -> bytes:
    return pdf_of(
        [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 2147483647>>", b"<</Type/Page>>"]
    )


def _damaged(whole: dict[str, bytes]) -> dict[str, bytes]:
    """Each file cut in the middle."""
    return {f"cut-{name}": raw[: len(raw) // 2] for name, raw in whole.items()}


def _whole(prose: str = PROSE) -> dict[str, bytes]:
    """A good file of every format."""
    text = {f"member-{n}.txt": f"Member {n}. {prose}".encode() for n in range(3)}
    packed = f"Packed. {prose * 30}".encode()
    return {
        "text.txt": f"Text. {prose}".encode(),
        "code.py": f"# Code. {prose}\n".encode(),
        "page.html": f"<html><p>Page. {prose}</p></html>".encode(),
        "paper.pdf": pdf(f"Paper. {prose}".encode()),
        "letter.docx": docx(paragraph(f"Letter. {prose}")),
        "note.odt": odt(f"<t:p>Note. {prose}</t:p>"),
        "book.epub": epub({"a.xhtml": f"<html><p>Book. {prose}</p></html>"}),
        "mail.eml": f"Subject: x\n\nMail. {prose}\n".encode(),
        "box.mbox": f"From a\nSubject: x\n\nBox. {prose}\n\nFrom b\n\nBox, again. {prose}\n".encode(),
        "rows.jsonl": b"".join(json.dumps({"text": f"Row {n}. {prose}"}).encode() + b"\n" for n in range(4)),
        "list.json": json.dumps([{"text": f"Listed {n}. {prose}"} for n in range(4)]).encode(),
        "object.json": json.dumps({"title": "One", "body": f"Object. {prose}"}).encode(),
        "book.ipynb": json.dumps(
            {"cells": [{"cell_type": "markdown", "source": [f"Notebook. {prose}"], "outputs": [{"data": "x" * 99}]}]}
        ).encode(),
        "film.srt": f"1\n00:00:01,000 --> 00:00:02,000\nSubtitle. {prose}\n".encode(),
        "film.vtt": f"WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ada>Caption. {prose}\n".encode(),
        "paper.tex": f"\\section{{Tex}} {prose}".encode(),
        "plan.org": f"* Org. {prose}".encode(),
        "table.csv": b"id,text\n" + b"".join(f'{n},"Line {n}. {prose}"\n'.encode() for n in range(4)),
        "columns.parquet": _parquet(pa.table({"text": [f"Column {n}. {prose}" for n in range(4)]})),
        "several.zip": zipped({name.replace("member", "zip"): raw + b"zip" for name, raw in text.items()}),
        "several.tar": tarred({name: raw + b"tar" for name, raw in text.items()}),
        "several.tar.gz": gzip.compress(tarred({name: raw + b"tgz" for name, raw in text.items()})),
        "packed.txt.gz": gzip.compress(packed),
        "packed.txt.zst": zstandard.compress(packed + b"once more"),
    }


def _archives() -> dict[str, bytes]:
    small = {"a.txt": b"a" * 9_000_000}
    inner = zipped({f"{n}.txt": b" " * 9_000_000 for n in range(9)})
    shell = zipped({"core.txt": "core"})
    for number in range(6):
        shell = zipped({f"{number}.zip": shell})
    good = {"good.txt": f"Good among links. {PROSE}".encode()}
    return {
        "bomb.zip": zipped({f"{n}.txt": b"a" * 5_000_000 for n in range(8)}),
        "nested-bomb.zip": zipped({f"{n}.zip": inner for n in range(6)}),
        "matryoshka.zip": shell,
        "overlapping.zip": _overlapping(),
        "traversal.zip": zipped(
            {"../../../../tmp/evil.txt": f"Traversal. {PROSE}", "/etc/evil.txt": f"Absolute. {PROSE}"}
        ),
        "encrypted.zip": _flagged(zipped(small), 6, 8, 1),
        "unknown-method.zip": _flagged(zipped(small), 8, 10, 77),
        "lzma-bomb.zip": zipped({"a.txt": b"d" * 40_000_000}, zipfile.ZIP_LZMA),
        "bzip2.zip": zipped({"a.txt": f"Bzip2. {PROSE}"}, zipfile.ZIP_BZIP2),
        "many.zip": zipped({f"{n}.jpg": b"" for n in range(3_000)} | {"a.txt": f"One among many. {PROSE}"}),
        "office.zip": zipped({"[Content_Types].xml": "", "xl/workbook.xml": ""}),
        "empty.zip": zipped({}),
        "links.tar": tarred(
            good,
            _header("l.txt", tarfile.SYMTYPE, "/etc/passwd"),
            _header("h.txt", tarfile.LNKTYPE, "../../etc/shadow"),
        ),
        "devices.tar": tarred(
            good,
            *(_header(f"{kind!r}.txt", kind) for kind in (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)),
        ),
        "absolute.tar": tarred({"/etc/../etc/evil.txt": f"Tar traversal. {PROSE}".encode()}),
        "sparse.tar": _sparse_tar(),
        "huge-header.tar": _header("x", tarfile.XHDTYPE, size=1 << 40).tobuf(tarfile.GNU_FORMAT) + bytes(4096),
        "headers.tar": _header("x", tarfile.XHDTYPE).tobuf(tarfile.GNU_FORMAT) * 5_000 + bytes(1024),
        "zeros.tar.gz": gzip.compress(tarred({"a.txt": bytes(20_000_000), "b.txt": bytes(20_000_000)})),
        "bomb.txt.gz": gzip.compress(b" " * 40_000_000),
        "trailing.txt.gz": gzip.compress(f"Trailing. {PROSE}".encode()) + b"rubbish",
        "two.txt.gz": gzip.compress(f"First half, {PROSE}".encode()) + gzip.compress(f"second half. {PROSE}".encode()),
        "thrice.txt.gz": gzip.compress(gzip.compress(gzip.compress(b"too deep"))),
        "checksum.txt.gz": gzip.compress(f"Checksum. {PROSE}".encode())[:-8] + bytes(8),
        "bomb.txt.zst": zstandard.compress(b" " * 40_000_000),
        "window.txt.zst": b"\x28\xb5\x2f\xfd\x00\xa8" + bytes(64),
    }  # fmt: skip


def _markup() -> dict[str, bytes]:
    loops = {"a.xhtml": f"<html><p>Chapter. {PROSE}</p></html>"}
    return {
        "laughs.docx": docx(paragraph("&a11;"), LAUGHS),
        "laughs.odt": odt("<t:p>&a11;</t:p>", LAUGHS),
        "external.docx": docx(paragraph("&a;"), EXTERNAL),
        "external.odt": odt("<t:p>&a;</t:p>", EXTERNAL),
        "deep.docx": docx("<w:p>" * 200_000 + "</w:p>" * 200_000),
        "bomb.docx": docx(paragraph(" " * 40_000_000)),
        "spaces.odt": odt('<t:p><t:s t:c="99999999999999999999"/>Spaces. ' + PROSE + "</t:p>"),
        "laughs.epub": zipped({"mimetype": "application/epub+zip", "META-INF/container.xml": LAUGHS + "<x>&a11;</x>"}),
        "no-chapters.epub": epub({}),
        "lost-chapter.epub": epub(loops | {"b.xhtml": "<p>"}, ["a.xhtml", "gone.xhtml", "b.xhtml"]),
        "deep.html": b"<div>" * 100_000 + b"deep",
        "hidden-depth.html": b"<div><b></x></b>" * 50_000,
        "formatting.html": b"".join(b"<b a=%d>" % n for n in range(500)) + b"<p>x" * 300,
        "attributes.html": b"<p " + b" ".join(b"a%d=1" % n for n in range(50_000)) + b">Attributes. " + PROSE.encode(),
        "open-script.html": f"<p>Before the script. {PROSE}</p>".encode() + b"<script>" * 100_000,
        "brackets.html": b"<" * 1_000_000,
        "entities.html": b"<p>" + b"&amp" * 300_000,
        "killer.pdf": killer_pdf(),
        "locked.pdf": pdf(b"secret", encrypt=LOCKED),
        "scan.pdf": pdf(b"", b"", b""),
        "page-loop.pdf": _page_tree_loop(),
        "many-pages.pdf": _many_pages(),
        "forms.pdf": looping_pdf(6),
        "rubbish.pdf": b"%PDF-1.7\n" + bytes(range(256)) * 200,
        "not-a.pdf": b"Just words.",
    }


def _texts() -> dict[str, bytes]:
    return {
        "utf16.txt": f"UTF-16 without a mark. {PROSE}".encode("utf-16-le"),
        "utf32.txt": f"UTF-32. {PROSE}".encode("utf-32"),
        "latin1.txt": ("Die Hecke gehört niemandem, außer den Vögeln, sagt sie. " * 9).encode("latin-1"),
        "nulls.txt": bytes(100_000),
        "null-inside.txt": b"some text\0and more",
        "empty.txt": b"",
        "blank.md": b" \n\t\r\n" * 1_000,
        "mark-alone.txt": b"\xef\xbb\xbf",
        "controls.txt": b"\x01\x02\x03" * 1_000,
        "lines.txt": b"\n" * 1_000_000,
        "one-line.txt": b"h" * 2_000_000,
        "marks.txt": ("e" + "\u0301\u0323" * 30_000 + " marks").encode(),
        "picture.txt": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 99,
        "program.txt": b"\x7fELF" + bytes(5_000),
        "word.txt": docx(paragraph(f"A Word file in disguise. {PROSE}")),
    }  # fmt: skip


def _data() -> dict[str, bytes]:
    cell = b"i" * 50_000_000
    flat = pa.table({"text": pa.array(["The same long cell again. " * 40] * 20_000).dictionary_encode()})
    return {
        "cell.csv": b'id,text\n1,"before"\n2,"' + cell + b'"\n',
        "open-quote.csv": b'id,text\n1,"' + b"never closed\n" * 20_000,
        "wide.csv": b"," * 1_000_000 + b"\n" + b"x," * 100_000,
        "nulls.csv": b"id,text\n1,\0\0\0\n2,nulls beside this one\n",
        "types.jsonl": b'{"text": 5}\n[1]\nnull\ntrue\n"a bare string of some length"\n{"text": {"a": 1}}\n{}\n',
        "deep.jsonl": b"[" * 200_000 + b"\n" + json.dumps({"text": f"After the deep one. {PROSE}"}).encode(),
        "line.jsonl": b'{"text": "' + b"j" * 9_000_000 + b'"}',
        "numbers.jsonl": b'{"n": ' + b"9" * 100_000 + b"}\n" + b'{"n": 1e999999, "text": "numbers"}\n',
        "surrogates.jsonl": b'{"text": "half \\ud800 of a pair \\udfff"}\n',
        "prose.jsonl": PROSE.encode() * 3_000,
        "deep.json": b"[" * 500_000,
        "deep-object.json": b'{"a":' * 500_000,
        "lists.json": b"[" + b"[]," * 200_000 + b"[]]",
        "wide.json": b"[" + b'["",' + b'"",' * 300_000 + b'""]]',
        "value.json": b'[{"text": "before the long one"}, "' + b"v" * 20_000_000 + b'"]',
        "blank.json": b" " * 20_000_000 + b'{"text": "after much space"}',
        "number.json": b"[" + b"1" * 5_000_000 + b"]",
        "names.json": b"{" + b",".join(b'"%d":"%d"' % (n, n) for n in range(400_000)) + b"}",
        "settings.json": b'{"name": "x", "private": true}',
        "deep.ipynb": b'{"cells": [{"outputs": ' + b"[" * 500_000,
        "cells.ipynb": b'{"cells": [' + b'{"source": []},' * 200_000 + b"{}]}",
        "tags.srt": b"<" * 2_000_000 + b"\n" + b"<i" * 1_000_000,
        "times.vtt": b"WEBVTT\n\n" + b"00:01.000 --> 00:02.000\n" * 200_000,
        "headers.mbox": b"From \nSubject\nContent-Type: ;;;=\nContent-Type: a/b; charset=\"\xff\"\n\n" + PROSE.encode(),
        "charset.eml": b"Content-Type: text/plain; charset=no-such-thing\nContent-Transfer-Encoding: base64\n\n!!!!\n",
        "deep.eml": _nested_mail(2_000),
        "headers.eml": b"".join(b"X-%d: y\n" % n for n in range(50_000)) + b"\nMany headers. " + PROSE.encode(),
        "no-boundary.eml": b"Content-Type: multipart/mixed\n\nNo boundary. " + PROSE.encode(),
        "bomb.parquet": _parquet(flat, compression="zstd"),
        "numbers.parquet": _parquet(pa.table({"n": [1, 2, 3]})),
        "footer.parquet": b"PAR1" + b"\xff" * 5_000 + b"\xff\xff\xff\x7fPAR1",
    }  # fmt: skip


def animals() -> dict[str, bytes]:
    """Everything hostile or odd that is made of bytes, by file name."""
    return _archives() | _markup() | _texts() | _data() | _damaged(_whole(PROSE.upper()))


def good() -> dict[str, bytes]:
    """One good file of every format."""
    return _whole()


def _special() -> dict[str, Callable[[Path], object]]:
    """What is odd about a file is not always in its bytes."""

    def sparse(path: Path) -> None:
        with path.open("wb") as stream:
            stream.truncate(1 << 35)

    def listening(path: Path) -> None:
        here = os.getcwd()
        os.chdir(path.parent)  # the path of a socket may not be long
        try:
            with socket.socket(socket.AF_UNIX) as bound:
                bound.bind(path.name)
        finally:
            os.chdir(here)

    return {
        "sparse.txt": sparse,
        "link.txt": lambda path: path.symlink_to("/etc/passwd"),
        "nowhere.txt": lambda path: path.symlink_to("gone"),
        "loop": lambda path: path.symlink_to(path.parent),
        "pipe.txt": os.mkfifo,
        "socket.txt": listening,
        "folder.txt": Path.mkdir,
        "line\nend.txt": lambda path: path.write_bytes(b"\0" * 99),
        "x" * 251 + ".txt": lambda path: path.write_bytes(b"\0" * 99),
        ".hidden.txt": lambda path: path.write_text(PROSE),
    }


def populate(folder: Path) -> int:
    """Put the zoo into ``folder`` and the good files into ``folder/good``; return how many hostile and odd ones."""
    (folder / "good").mkdir(parents=True)
    for name, raw in good().items():
        (folder / "good" / name).write_bytes(raw)
    bytes_only, special = animals(), _special()
    for name, raw in bytes_only.items():
        (folder / name).write_bytes(raw)
    for name, make in special.items():
        make(folder / name)
    with open(os.fsencode(folder) + b"/not-utf8-\xff\xfe.txt", "wb") as stream:
        stream.write(f"A name of other bytes. {PROSE}".encode())
    return len(bytes_only) + len(special) + 1
