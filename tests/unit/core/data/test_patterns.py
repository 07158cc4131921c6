"""Include and exclude patterns: which files of a folder are wanted."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from core.api.errors import CorpusError
from core.data.corpora import find
from core.data.patterns import MAX_PATTERNS, Pattern, Wanted

MEANT = [
    ("*.md", "a.md", True),
    ("*.md", "deep/er/a.md", True),
    ("*.md", "a.mdx", False),
    ("*.MD", "a.md", False),
    ("notes/*.md", "notes/a.md", True),
    ("notes/*.md", "notes/deep/a.md", False),
    ("notes/*.md", "other/notes/a.md", False),
    ("/todo.txt", "todo.txt", True),
    ("/todo.txt", "deep/todo.txt", False),
    ("**/old/*.txt", "old/a.txt", True),
    ("**/old/*.txt", "x/y/old/a.txt", True),
    ("**/old/*.txt", "x/old/y/a.txt", False),
    ("a/**/z.txt", "a/z.txt", True),
    ("a/**/z.txt", "a/b/c/z.txt", True),
    ("a/**", "a/b", True),
    ("a/**", "a/b/c.txt", True),
    ("a/**", "a", False),
    ("**", "anything/at/all", True),
    ("?.txt", "a.txt", True),
    ("?.txt", "ab.txt", False),
    ("[ab]*.txt", "below.txt", True),
    ("[!ab]*.txt", "below.txt", False),
    ("[*].txt", "*.txt", True),
    ("[*].txt", "a.txt", False),
    ("a\\b.txt", "a\\b.txt", True),
    ("  spaced.txt ", "spaced.txt", True),
    ("caf\u00e9*", "caf\u00e9.txt", True),
]


@pytest.mark.parametrize(("pattern", "path", "meant"), MEANT)
def test_what_a_pattern_means(pattern: str, path: str, meant: bool) -> None:
    assert Pattern(pattern).means(path.split("/"), folder=False) is meant


def test_a_slash_at_the_end_means_folders() -> None:
    assert Pattern("drafts/").means(("x", "drafts"), folder=True)
    assert not Pattern("drafts/").means(("x", "drafts"), folder=False)
    assert Pattern("drafts").means(("drafts",), folder=False)


@pytest.mark.parametrize("text", ["", "  ", "/", "!a", "../a", "a/./b", "x" * 501, "a\0b"])
def test_what_is_no_pattern_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(CorpusError) as caught:
        Pattern(text)
    assert caught.value.hint


def test_too_many_patterns_are_refused() -> None:
    with pytest.raises(CorpusError, match="more than 200"):
        Wanted(["a"] * MAX_PATTERNS, ["b"])


@pytest.mark.parametrize("pattern", ["*a" * 60 + "b", "**/" * 40 + "x", "a/**/" * 20 + "b", "[" * 200])
def test_no_pattern_takes_long(pattern: str) -> None:
    """Neither stars in a name nor stars over folders may be tried out one by one."""
    one, began = Pattern(pattern), time.process_time()
    for _ in range(50):
        assert not one.means(("a" * 250,) * 60, folder=False)
    assert time.process_time() - began < 5


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def names(root: Path, wanted: Wanted) -> tuple[list[str], dict[str, str]]:
    skipped: dict[str, str] = {}
    found = find([str(root)], lambda path, why: skipped.update({os.path.relpath(path, root): why}), wanted)
    return ["/".join(file.parts) for file in found], skipped


def test_exclude_beats_include_and_a_folder_left_out_is_not_entered(tmp_path: Path) -> None:
    make(tmp_path, "a.md", "b.txt", "notes/c.md", "notes/drafts/d.md", "notes/drafts/e.md", "other/f.md")
    found, skipped = names(tmp_path, Wanted(["*.md"], ["drafts/", "/other"]))
    assert found == ["a.md", "notes/c.md"]
    assert skipped == {
        "b.txt": "not among the included patterns",
        "notes/drafts": "left out by a pattern",
        "other": "left out by a pattern",
    }


def test_including_a_folder_takes_everything_in_it(tmp_path: Path) -> None:
    make(tmp_path, "a.md", "notes/c.md", "notes/deep/er/d.txt", "x/notes/e.md")
    assert names(tmp_path, Wanted(["/notes"]))[0] == ["notes/c.md", "notes/deep/er/d.txt"]
    assert names(tmp_path, Wanted(["notes/"]))[0] == ["notes/c.md", "notes/deep/er/d.txt", "x/notes/e.md"]


def test_hidden_and_generated_are_off_and_each_has_its_switch(tmp_path: Path) -> None:
    make(
        tmp_path, "a.md", ".b.md", ".notes/c.md", ".git/d.md", "build/e.md", "f.generated.md", ".cache/g.md", "x.map.md"
    )
    assert names(tmp_path, Wanted())[0] == ["a.md", "x.map.md"]
    assert names(tmp_path, Wanted(hidden=True))[0] == [".b.md", ".notes/c.md", "a.md", "x.map.md"]
    assert names(tmp_path, Wanted(generated=True))[0] == ["a.md", "build/e.md", "f.generated.md", "x.map.md"]
    assert len(names(tmp_path, Wanted(hidden=True, generated=True))[0]) == 8
    assert names(tmp_path, Wanted([".notes", "build"]))[0] == [], "including brings in neither"


def test_a_link_is_not_followed_though_it_is_included_by_name(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    make(outside, "canary.txt")
    root = tmp_path / "root"
    make(root, "a.txt")
    (root / "way.txt").symlink_to(outside / "canary.txt")
    (root / "way").symlink_to(outside)
    found, skipped = names(root, Wanted(["way", "way.txt", "way/**", "*"], hidden=True, generated=True))
    assert found == ["a.txt"]
    assert skipped == {"way.txt": "a link, which is not followed", "way": "a link, which is not followed"}


def test_a_file_the_owner_chose_itself_is_always_wanted(tmp_path: Path) -> None:
    make(tmp_path, ".hidden.txt")
    assert len(find([str(tmp_path / ".hidden.txt")], lambda *_: None, Wanted(["*.md"], ["*"]))) == 1
