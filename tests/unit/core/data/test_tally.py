"""Counts of languages, sizes and formats: they add up, are bounded, and tell nothing of a name."""

from __future__ import annotations

from core.data.corpora import Found
from core.data.tally import MOST_SHARES, OTHER, Tally, formats, shares
from core.jobs import Share


def test_documents_fall_into_languages_and_sizes() -> None:
    tally = Tally()
    for language, size in (("en", 999), ("en", 1_000), ("de", 5_000_000), ("", 1), ("en", 99_999)):
        tally.add(language, size)
    assert tally.sizes == [2, 1, 1, 0, 1]
    assert tally.languages() == (
        Share(name="de", count=1, bytes=5_000_000),
        Share(name="en", count=3, bytes=101_998),
        Share(name="", count=1, bytes=1),
    )


def test_formats_are_the_ends_of_names_and_nothing_longer() -> None:
    names = (
        "a.TXT",
        "b.txt",
        "README",
        "dear.diary of 1999",
        "x.tar.gz",
        "caf\u00e9.m\u00e9moire",
        "c.averylongsuffix",
    )
    found = formats([Found("/r", ("sub", name), 10) for name in names] + [Found("/r/chosen.md", (), 5)])
    assert {share.name: (share.count, share.bytes) for share in found} == {
        "txt": (2, 20), "none": (1, 10), "gz": (1, 10), "md": (1, 5), "other": (3, 30),
    }  # fmt: skip
    assert found[-1].name == OTHER


def test_many_kinds_are_cut_to_the_largest_and_the_rest_together() -> None:
    found = shares((f"s{number}", 1, number) for number in range(40))
    assert len(found) == MOST_SHARES
    assert found[0] == Share(name="s39", count=1, bytes=39)
    assert found[-1].name == OTHER
    assert sum(share.count for share in found) == 40
    assert sum(share.bytes for share in found) == sum(range(40))
