"""HTML, PDF, office files, books and mail."""

from __future__ import annotations

import mailbox
from email.message import EmailMessage
from pathlib import Path

import pytest
from support.documents import LOCKED, docx, epub, odt, paragraph, pdf, zipped
from support.extraction import aside, read, reason


def test_html_gives_its_words_in_blocks_without_scripts_and_navigation() -> None:
    page = (
        b"<!doctype html><html><head><title>no</title><style>p{}</style></head><body><nav>menu</nav>"
        b"<h1>A <b>bold</b> title</h1><script>alert('<p>no</p>')</script><p>One&nbsp;para<i>graph</i><br>in two lines"
        b"<ul><li>first<li>second</ul><pre>  kept\n    so</pre></body></html>"
    )
    assert read("a.html", page) == ["A bold title\n\nOne\xa0paragraph\nin two lines\n\nfirst\nsecond\n\n  kept\n    so"]


@pytest.mark.parametrize(
    "page",
    [
        '<html><meta charset="windows-1251"><p>живая изгородь</p>'.encode("cp1251"),
        "<?xml version='1.0' encoding='koi8-r'?><html><p>живая изгородь</p></html>".encode("koi8-r"),
        "<html><p>живая изгородь</p>".encode("utf-16"),
        '<html><meta charset="punycode"><p>живая изгородь</p>'.encode(),
    ],
)
def test_html_is_decoded_as_it_says_if_that_is_an_encoding_of_text(page: bytes) -> None:
    assert read("a.html", page) == ["живая изгородь"]


def test_pdf_gives_its_text_layer_and_a_scan_says_what_it_is() -> None:
    assert read("a.pdf", pdf(b"Hello hedge", b"and row")) == ["Hello hedge\n\nand row"]
    assert reason("a.pdf", pdf(b"", b"")) == "a scanned PDF without a text layer (2 pages)"
    assert aside("a.pdf", pdf(b"text", b"")) == [("", "1 of 2 pages have no text layer or are damaged")]
    assert reason("a.pdf", pdf(b"secret", encrypt=LOCKED)) == "encrypted, needs a password"
    assert reason("a.pdf", b"%PDF-1.7\nnothing more") == "a damaged PDF"
    assert reason("a.pdf", b"something else") == "damaged, or not what its name says"


def test_word_files_give_their_paragraphs_once() -> None:
    body = paragraph("The hedge") + "<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r></w:p>"
    compatible = (
        '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
        f"<mc:Choice>{paragraph('once')}</mc:Choice><mc:Fallback>{paragraph('once')}</mc:Fallback></mc:AlternateContent>"
    )
    deleted = "<w:p><w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>"
    assert read("a.docx", docx(body + compatible + deleted)) == ["The hedge\na\tb\nc\nonce"]
    assert reason("a.docx", zipped({"[Content_Types].xml": "", "xl/workbook.xml": ""})).startswith("an office file")


def test_open_documents_give_their_paragraphs_without_notes() -> None:
    body = (
        '<t:h>Head</t:h><t:p>a<t:s t:c="3"/>b<t:tab/>c<t:note><t:p>no</t:p></t:note></t:p>'
        '<t:tracked-changes><t:p>gone</t:p></t:tracked-changes><t:p>x<t:s t:c="999999999"/>y</t:p>'
    )
    assert read("a.odt", odt(body)) == ["Head\na   b\tc\nx y"]


def test_books_are_read_in_their_own_order() -> None:
    pages = {"z.xhtml": "<html><p>first</p></html>", "a.xhtml": "<html><p>second</p></html>"}
    assert read("a.epub", epub(pages)) == ["first\n\nsecond"]
    assert read("a.epub", epub(pages, ["a.xhtml", "z.xhtml"])) == ["second\n\nfirst"]
    outside = {"a.xhtml": "<html><p>only</p></html>"}
    escaping = epub(outside | {"../../etc/passwd": "x"}, ["a.xhtml", "../../etc/passwd"])
    assert aside("a.epub", escaping) == [("../etc/passwd", "a part is missing")]


def test_a_mail_gives_its_plain_text_and_no_attachment() -> None:
    mail = EmailMessage()
    mail["Subject"], mail["From"] = "Grüße", "a@b.example"
    mail.set_content("Die Hecke blüht.")
    mail.add_alternative("<p>not this</p>", subtype="html")
    mail.add_attachment("attached text", filename="a.txt")
    assert read("a.eml", mail.as_bytes()) == ["Die Hecke blüht."]
    page = EmailMessage()
    page.set_content("<p>only <b>HTML</b></p>", subtype="html")
    assert read("a.eml", page.as_bytes()) == ["only HTML"]
    bare = EmailMessage()
    bare["Subject"] = "nothing"
    assert reason("a.eml", bare.as_bytes()) == "a mail without text"


def test_a_mailbox_is_as_many_documents_as_mails(tmp_path: Path) -> None:
    box = mailbox.mbox(tmp_path / "a.mbox")
    for number in range(3):
        mail = EmailMessage()
        mail["Subject"] = str(number)
        mail.set_content(f"Mail {number}\n\nFrom here on it goes on.")
        box.add(mail)
    box.close()
    expected = [f"Mail {number}\n\nFrom here on it goes on." for number in range(3)]
    assert read("a.mbox", (tmp_path / "a.mbox").read_bytes()) == expected


@pytest.mark.parametrize(
    "prolog",
    [
        '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
    ],
)
def test_xml_with_a_document_type_is_refused_where_none_belongs(prolog: str) -> None:
    assert reason("a.docx", docx(paragraph("&b;"), prolog)).startswith("cut or damaged (")
    assert reason("a.odt", odt("<t:p>&a;</t:p>", prolog)).startswith("cut or damaged (")
