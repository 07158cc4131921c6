"""What is read as what."""

from __future__ import annotations

from support.documents import docx, epub, paragraph, pdf
from support.extraction import read, reason

from core.data.formats import names, registry


def test_the_content_has_the_last_word() -> None:
    assert read("a.txt", docx(paragraph("word"))) == ["word"]
    assert read("a.md", pdf(b"portable")) == ["portable"]
    assert read("a.docx", epub({"a.xhtml": "<html><p>book</p></html>"})) == ["book"]
    assert read("a.mbox", b"Just words that stand in a file of that name.") == [
        "Just words that stand in a file of that name."
    ]
    assert reason("a.docx", b"Just words") == "damaged, or not what its name says"


def test_every_family_has_a_reader_and_every_suffix_a_family() -> None:
    assert set(names.FAMILIES.values()) == set(registry.READERS)
    for name in ("a.TXT", "b.py", "README", "c.tar.gz", "d.jsonl.zst", "e.tgz", "dump.gz"):
        assert names.looks_readable(name), name
    for name in ("a.jpg", "b", "c.exe", "d.img.gz", "e.gz.gz", "f.doc"):
        assert not names.looks_readable(name), name
