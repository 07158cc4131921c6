"""Manual pages become the text a reader sees."""

from __future__ import annotations

from core.demo.manual import plain_manual

PAGE = r""".\" a comment
.TH LS 1 "today"
.SH "THE NAME"
ls \- list \fIdirectory\fR contents
.TP
.BR \-a ", " \-\-all
do not ignore
.TS
tab(;);
a;b
.TE
It\(aqs \fBbold\fP.
"""


def test_requests_go_and_text_stays() -> None:
    text = plain_manual(PAGE)
    assert "THE NAME" in text
    assert "ls - list directory contents" in text
    assert "-a, --all" in text
    assert "It's bold." in text
    assert not any(mark in text for mark in ("\\", ".SH", "tab(;)", "a comment", "a;b"))


def test_other_macro_packages_are_left_alone() -> None:
    assert plain_manual(".Dd today\n.Sh NAME\n.Nm ls\n") == ""
    assert plain_manual(".so man1/other.1\n") == ""
