"""Archives and packed files, with their limits."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
import zstandard
from support.documents import docx, paragraph, pdf, tarred, zipped
from support.extraction import Kept, aside, parquet, read, reason

from core.data import extract
from core.data.corpora import Unusable
from core.data.formats import zipped as formats_zipped

MEMBERS: dict[str, bytes] = {
    "a.txt": b"plain",
    "folder/b.html": b"<p>page</p>",
    "c.docx": docx(paragraph("word")),
    "d.pdf": pdf(b"portable"),
    "e.jsonl": b'{"text": "one"}\n{"text": "two"}\n',
    "f.parquet": parquet({"text": ["columnar"]}),
}
EXPECTED = ["plain", "page", "word", "portable", "one", "two", "columnar"]


def test_a_zip_with_too_many_members_says_so_and_a_tar_has_no_such_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats_zipped, "MAX_MEMBERS", 5)
    assert reason("a.zip", zipped(MEMBERS)) == "more than 5 members"
    assert read("a.tar", tarred(MEMBERS)) == EXPECTED


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a.zip", zipped(MEMBERS)),
        ("a.tar", tarred(MEMBERS)),
        ("a.tar.gz", gzip.compress(tarred(MEMBERS))),
        ("a.tgz", gzip.compress(tarred(MEMBERS))),
        ("a.tar.zst", zstandard.compress(tarred(MEMBERS))),
        ("outer.zip", zipped({"inner.zip": zipped(MEMBERS)})),
        ("outer.tar.gz", gzip.compress(tarred({"inner.zip": zipped(MEMBERS)}))),
        ("outer.zip", zipped({"inner.tar.gz": gzip.compress(tarred(MEMBERS))})),
        ("renamed", zipped(MEMBERS)),
    ],
)
def test_archives_give_what_their_members_give(name: str, raw: bytes) -> None:
    assert read(name, raw) == EXPECTED
    assert aside(name, raw) == []


def test_members_keep_the_rules_of_folders_and_a_third_level_is_refused() -> None:
    third = zipped({"x.txt": "too deep"})
    raw = zipped(
        {
            "good.txt": "good", "../../outside.txt": "a name is only a name", ".git/config.txt": "no",
            ".git/more/x.txt": "no", "node_modules/m.txt": "no", "picture.png": "no",
            "two.zip": zipped({"three.zip": third, "in.txt": "inner"}),
        }
    )  # fmt: skip
    assert read("a.zip", raw) == ["good", "a name is only a name", "inner"]
    assert aside("a.zip", raw) == [
        (".git", "hidden"),
        ("node_modules", "made by a program"),
        ("picture.png", "not a format that is read"),
        ("two.zip/three.zip", "an archive in an archive in an archive"),
    ]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_what_is_packed_alone_is_read_as_what_it_is(pack: Any) -> None:
    suffix = "gz" if pack is gzip.compress else "zst"
    assert read(f"a.txt.{suffix}", pack(b"plain")) == ["plain"]
    assert read(f"a.jsonl.{suffix}", pack(b'{"text": "one"}\n')) == ["one"]
    assert read(f"page.{suffix}", pack(b"<!DOCTYPE html><html><p>page</p>")) == ["page"]


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a.txt.gz", gzip.compress(b"all of it", mtime=0) + b"rubbish"),
        ("a.txt.gz", gzip.compress(b"all of it", mtime=0)[:-4]),
        ("a.jsonl.gz", gzip.compress(b'{"text": "all of it"}\n', mtime=0) + b"rubbish"),
        ("a.txt.zst", zstandard.compress(b"all of it") + b"rubbish"),
    ],
)
def test_what_came_before_the_damage_is_used(name: str, raw: bytes) -> None:
    texts: list[str] = []
    with pytest.raises(Unusable, match="what came before is used"):
        texts.extend(extract.documents(name, raw))
    assert texts == ["all of it"]


def test_a_packed_file_that_is_cut_off_says_so() -> None:
    assert reason("a.txt.zst", zstandard.compress(bytes(range(200)) * 99)[:-9]) == "cut or damaged"
    assert reason("a.txt.gz", gzip.compress(b"x")[:5]) == "cut or damaged"


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("bomb.txt.gz", gzip.compress(bytes(b"a" * 40_000_000))),
        ("bomb.zip", zipped({f"{n}.txt": b"a" * 9_000_000 for n in range(8)})),
        ("bomb.docx", docx(paragraph("a" * 40_000_000))),
        ("nested.zip", zipped({f"{n}.zip": zipped({"a.txt": b"a" * 9_000_000}) for n in range(9)})),
    ],
)
def test_what_unpacks_to_far_more_than_it_is_is_refused_early(name: str, raw: bytes) -> None:
    watch = Kept()
    with pytest.raises(Unusable, match="200 times its size"):
        list(extract.documents(name, raw, "", watch))
    assert watch.read < 60_000_000
