from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.data import corpora
from core.data.corpora import Found, Opener, Unusable, find, shown


class Skips(dict[str, str]):
    def __call__(self, path: str, reason: str) -> None:
        self[os.path.basename(path)] = reason


@pytest.fixture
def opener() -> Iterator[Opener]:
    opener = Opener()
    yield opener
    opener.close()


def names(found: list[Found]) -> list[str]:
    return ["/".join(file.parts) for file in found]


def test_text_files_are_found_in_one_order_and_the_rest_has_its_reason(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.MD", "a/b.rst", "README", "x.jpg", ".secret", "node_modules/m.txt", ".git/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("text")
    skips = Skips()
    assert names(find([str(tmp_path)], skips)) == ["README", "a/b.rst", "a/z.MD", "b.txt"]
    assert skips == {
        "x.jpg": "not a format that is read",
        ".secret": "hidden",
        ".git": "hidden",
        "node_modules": "made by a program",
    }


def test_links_pipes_and_sockets_are_never_followed_or_opened(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "canary.txt").write_text("canary")
    root = tmp_path / "root"
    root.mkdir()
    (root / "file.txt").symlink_to(outside / "canary.txt")
    (root / "folder").symlink_to(outside)
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "socket.txt"))
        skips = Skips()
        assert find([str(root)], skips) == []
    assert set(skips) == {"file.txt", "folder", "loop", "pipe.txt", "socket.txt"}
    assert skips["file.txt"] == "a link, which is not followed"
    assert skips["pipe.txt"] == "not a regular file"


def test_a_device_is_not_read() -> None:
    skips = Skips()
    assert find(["/dev/zero"], skips) == []
    assert skips == {"zero": "not a regular file"}


def test_what_the_owner_names_is_taken_whatever_it_is_called_and_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("a")
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    (tmp_path / "notes.xyz").write_text("text")
    found = find([str(tmp_path / "link"), str(tmp_path / "notes.xyz")], Skips())
    assert [file.path for file in found] == [str(tmp_path / "folder" / "a.txt"), str(tmp_path / "notes.xyz")]


def test_a_file_counts_once_however_often_it_is_named_or_linked(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    os.link(tmp_path / "a.txt", tmp_path / "b.txt")
    skips = Skips()
    assert names(find([str(tmp_path), str(tmp_path / "a.txt"), str(tmp_path)], skips)) == ["a.txt"]
    assert skips["b.txt"] == "the same file as one before"


def test_a_missing_path_is_set_aside_by_name(tmp_path: Path) -> None:
    skips = Skips()
    assert find([str(tmp_path / "nowhere")], skips) == []
    assert skips == {"nowhere": "not there any more"}


def test_depth_is_bounded(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * (corpora.MAX_DEPTH + 3))
    deep.mkdir(parents=True)
    (deep / "a.txt").write_text("a")
    skips = Skips()
    assert find([str(tmp_path)], skips) == []
    assert skips == {"d": f"more than {corpora.MAX_DEPTH} folders deep"}


def test_too_many_files_are_refused_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        (tmp_path / f"{number}.txt").write_text("a")
    monkeypatch.setattr(corpora, "MAX_FILES", 3)
    with pytest.raises(corpora.CorpusError, match="more than 3 text files"):
        find([str(tmp_path)], Skips())


def test_a_folder_swapped_for_a_link_after_the_walk_leads_nowhere(tmp_path: Path, opener: Opener) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.txt").write_text("canary")
    inner = tmp_path / "root" / "inner"
    inner.mkdir(parents=True)
    (inner / "a.txt").write_text("mine")
    (file,) = find([str(tmp_path / "root")], Skips())
    inner.rename(tmp_path / "away")
    inner.symlink_to(outside)
    with pytest.raises(Unusable, match="link"):
        opener.open(file)


def test_a_file_swapped_for_a_pipe_or_gone_costs_that_file(tmp_path: Path, opener: Opener) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        (tmp_path / name).write_text("text")
    a, b, c = find([str(tmp_path)], Skips())
    (tmp_path / "a.txt").unlink()
    (tmp_path / "b.txt").unlink()
    os.mkfifo(tmp_path / "b.txt")
    with pytest.raises(Unusable, match="not there"):
        opener.open(a)
    with pytest.raises(Unusable, match="regular"):
        opener.open(b)
    descriptor = opener.open(c)
    assert os.read(descriptor, 9) == b"text"
    os.close(descriptor)


def test_a_name_of_any_bytes_can_be_shown(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/\xff\xfe.txt", "wb") as stream:
        stream.write(b"text")
    (file,) = find([str(tmp_path)], Skips())
    assert shown(file.path).encode().endswith(b".txt")
