"""Compiled code is kept by the hash of its bytes, in a folder that nobody else can write to."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from core.api.errors import StorageError
from core.engine import compiled_code
from core.engine.compiled_code import MOST, CompiledCode
from core.jobs import CodeRef


def kept(code: CompiledCode, content: bytes = b"native") -> CodeRef:
    with code.workplace() as place:
        (place / "code").write_bytes(content)
        return code.take(place)


def test_what_is_kept_is_named_by_its_hash_and_is_the_owners_alone(tmp_path: Path) -> None:
    code = CompiledCode(tmp_path)
    ref = kept(code)
    assert ref.sha256 == hashlib.sha256(b"native").hexdigest()
    assert Path(ref.path).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "compiled").stat().st_mode & 0o777 == 0o700
    assert list((tmp_path / "compiled").iterdir()) == [Path(ref.path)]
    assert code.is_there(ref)


def test_a_workplace_left_by_a_crash_is_removed_by_the_next(tmp_path: Path) -> None:
    code = CompiledCode(tmp_path)
    left = tmp_path / "compiled" / "work-crashed" / "deep"
    left.mkdir(parents=True, mode=0o700)
    os.chmod(tmp_path / "compiled", 0o700)
    with code.workplace() as place:
        assert list((tmp_path / "compiled").iterdir()) == [place]
        assert list(place.iterdir()) == []


def test_a_folder_or_file_that_others_can_write_counts_as_absent(tmp_path: Path) -> None:
    code = CompiledCode(tmp_path)
    ref = kept(code)
    os.chmod(ref.path, 0o622)
    assert not code.is_there(ref)
    os.chmod(ref.path, 0o600)
    os.chmod(tmp_path / "compiled", 0o777)
    assert not code.is_there(ref)
    with pytest.raises(StorageError, match="Others could write"), code.workplace():
        pass


def test_somebody_elses_file_counts_as_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = CompiledCode(tmp_path)
    ref = kept(code)
    monkeypatch.setattr(compiled_code.os, "getuid", lambda: 12_345)
    assert not code.is_there(ref)


def test_a_path_that_leads_elsewhere_is_not_offered(tmp_path: Path) -> None:
    code = CompiledCode(tmp_path)
    ref = kept(code)
    elsewhere = tmp_path / "code"
    elsewhere.write_bytes(b"native")
    assert not code.is_there(CodeRef(path=str(elsewhere), sha256=ref.sha256))
    Path(ref.path).unlink()
    Path(ref.path).symlink_to(elsewhere)
    assert not code.is_there(ref)


@pytest.mark.parametrize("kind", ["nothing", "link", "pipe", "empty", "huge"])
def test_only_a_plain_file_of_a_sane_size_is_taken(tmp_path: Path, kind: str) -> None:
    code = CompiledCode(tmp_path)
    with code.workplace() as place:
        left = place / "code"
        if kind == "link":
            left.symlink_to("/etc/hostname")
        elif kind == "pipe":
            os.mkfifo(left)
        elif kind != "nothing":
            with left.open("wb") as stream:
                stream.truncate(0 if kind == "empty" else (64 << 20) + 1)
        with pytest.raises(StorageError):
            code.take(place)
    assert list((tmp_path / "compiled").iterdir()) == []


def test_there_are_only_so_many_and_the_least_used_go_first(tmp_path: Path) -> None:
    code = CompiledCode(tmp_path)
    refs = [kept(code, bytes([number])) for number in range(MOST)]
    for age, ref in enumerate(refs):
        os.utime(ref.path, (1_000.0 + age, 1_000.0 + age))
    assert code.is_there(refs[0]), "used again"
    newest = kept(code, b"newest")
    assert code.is_there(newest)
    assert [ref for ref in refs if not code.is_there(ref)] == [refs[1]]
