"""Text for the demo: what is found, and how it is split."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from core.api.errors import CorpusError
from core.demo.text import Document, byte_entropy, default_text, given_text, split, write_share

PARAGRAPH = "A hedge is a living boundary and what grows inside stays inside, number {}.\n\n"


def prose(start: int, count: int) -> str:
    return "".join(PARAGRAPH.format(i) for i in range(start, start + count))


def test_this_machine_has_text_without_exact_copies() -> None:
    found = default_text(characters=300_000)
    assert 100_000 < sum(len(d.text) for d in found) <= 300_000
    assert len({d.text for d in found}) == len(found)
    assert any(d.name.startswith("Python topic") for d in found)


def test_default_text_is_the_same_each_time() -> None:
    assert default_text(characters=200_000) == default_text(characters=200_000)


def test_one_text_keeps_its_last_twentieth_back() -> None:
    whole = prose(0, 2_000)
    found = split([Document("one", whole)], 2)
    dealt = "".join(d.text for share in found.shares for d in share)
    assert dealt + found.held_out == whole
    assert len(found.held_out) == pytest.approx(len(whole) / 20, rel=0.05)


def test_many_documents_keep_whole_documents_back() -> None:
    documents = [Document(str(i), prose(100 * i, 30)) for i in range(60)]
    found = split(documents, 3)
    dealt = [d.text for share in found.shares for d in share]
    assert len(found.held_out.split("\n\nA hedge")) > 1
    assert not any(text in found.held_out for text in dealt)
    assert sum(map(len, dealt)) == sum(len(d.text) for d in documents) - sum(
        len(d.text) for d in documents if d.text in found.held_out
    )


@pytest.mark.parametrize("volunteers", [1, 2, 3, 5])
def test_shares_are_uneven_and_complete(volunteers: int) -> None:
    found = split([Document("one", prose(0, 4_000))], volunteers)
    sizes = [sum(len(d.text) for d in share) for share in found.shares]
    assert sizes == sorted(sizes, reverse=True)
    if volunteers > 1:
        assert sizes[0] / sizes[-1] == pytest.approx(math.sqrt(volunteers), rel=0.2)
    assert all(len(share) >= 10 for share in found.shares)


def test_too_little_text_is_refused() -> None:
    with pytest.raises(CorpusError, match="too little text for 5 volunteers"):
        split([Document("one", "A line.\n")], 5)


def test_given_text_searches_folders_and_names_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.md").write_text("text")
    (tmp_path / "in" / "b.pdf").write_bytes(b"%PDF")
    assert [d.text for d in given_text([tmp_path])] == ["text"]
    with pytest.raises(CorpusError, match="is not there"):
        given_text([tmp_path / "nowhere"])
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    with pytest.raises(CorpusError, match=r"latin\.txt is not UTF-8"):
        given_text([tmp_path / "latin.txt"])
    (tmp_path / "empty.txt").write_text(" \n")
    with pytest.raises(CorpusError, match="no text"):
        given_text([tmp_path / "empty.txt"])


def test_byte_entropy_of_known_distributions() -> None:
    assert byte_entropy("aaaa") == 0.0
    assert byte_entropy("abab") == 1.0
    assert byte_entropy("") == 0.0
    assert byte_entropy("".join(map(chr, range(128)))) == pytest.approx(7.0)


def test_shares_are_written_as_files(tmp_path: Path) -> None:
    assert write_share(tmp_path / "share", [Document("x", "eins"), Document("y", "zwei")]) == 2
    assert [p.read_text() for p in sorted((tmp_path / "share").iterdir())] == ["eins", "zwei"]
