"""Any bytes, and good files damaged anywhere: text or a reason, never anything else."""

from __future__ import annotations

import contextlib
import gzip

import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from support.documents import docx, epub, odt, paragraph, pdf, tarred, zipped
from support.extraction import parquet

from core.data import extract
from core.data.corpora import Unusable


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(
        ["a.html", "a.pdf", "a.docx", "a.odt", "a.epub", "a.eml", "a.mbox", "a.jsonl", "a.csv", "a.tar", "a"]
    ),
    st.binary(max_size=400),
    st.sampled_from(
        [b"", b"%PDF-1.4\n", b"PK\x03\x04", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"PAR1", b"From a\n", b"<p>"]
    ),
)
def test_any_bytes_under_any_name_give_text_or_a_reason(name: str, raw: bytes, magic: bytes) -> None:
    with contextlib.suppress(Unusable):
        for text in extract.documents(name, magic + raw):
            assert text.strip()
            assert text.encode()
            assert "\0" not in text


MEMBERS = {"a.txt": b"plain", "b.html": b"<p>page</p>"}
WHOLE = {
    "a.docx": docx(paragraph("a hedge " * 200)),
    "a.odt": odt("<t:p>a hedge</t:p>" * 99),
    "a.pdf": pdf(b"a", b"b", b"c"),
    "a.epub": epub({"a.xhtml": "<html><p>book</p></html>" * 50}),
    "a.zip": zipped(MEMBERS),
    "a.tar": tarred(MEMBERS),
    "a.tgz": gzip.compress(tarred(MEMBERS)),
    "a.txt.zst": zstandard.compress(b"text " * 2_000),
    "a.parquet": parquet({"text": [f"row {n}" for n in range(500)]}),
}


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_damage_anywhere_costs_at_most_the_file(name: str, data: st.DataObject) -> None:
    raw = bytearray(WHOLE[name])
    if data.draw(st.booleans()):
        del raw[data.draw(st.integers(0, len(raw))) :]
    for _ in range(data.draw(st.integers(0, 3))):
        if raw:
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(Unusable, MemoryError):
        for text in extract.documents(name, bytes(raw)):
            assert text.strip()
