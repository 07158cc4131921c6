"""The file of digests: what is written is read, what is damaged is refused, and membership is exact."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from core import vault
from core.api.errors import StorageError
from core.data import digests
from core.data.digests import Digests, Elsewhere

KEY = bytes(range(32))


def some(*numbers: int) -> list[bytes]:
    return [hashlib.sha256(bytes([n])).digest() for n in numbers]


def test_what_is_stored_is_loaded_and_an_equal_file_is_left_alone(tmp_path: Path) -> None:
    one = Digests.of(some(*range(50)), some(*range(60, 63)))
    path = digests.store(tmp_path, KEY, one)
    assert digests.load(path, KEY) == one
    before = path.stat()
    digests.store(tmp_path, KEY, Digests.of(some(*reversed(range(50))), some(62, 61, 60)))
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert before.st_mode & 0o777 == 0o600
    batches = list(digests.batches(path, KEY, 20))
    assert [len(batch) for batch in batches] == [20, 20, 13]
    assert {bytes.fromhex(d) for batch in batches for d in batch} == set(some(*range(50), 60, 61, 62))
    assert not any(digest[:8] in path.read_bytes() for digest in some(*range(50)))


def test_a_file_of_another_key_or_a_cut_one_is_refused_and_written_anew(tmp_path: Path) -> None:
    path = digests.store(tmp_path, KEY, Digests.of(some(1), []))
    with pytest.raises(StorageError):
        digests.load(path, bytes(32))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StorageError):
        digests.load(path, KEY)
    with pytest.raises(StorageError):
        list(digests.batches(path, KEY, 5))
    for content in (b"", bytes(7), (2).to_bytes(8, "big") + bytes(32), bytes(8 + 31)):
        vault.encrypt_file(path, KEY, content, b"document-digests")
        with pytest.raises(StorageError, match="is damaged"):
            digests.load(path, KEY)
    assert digests.load(digests.store(tmp_path, KEY, Digests.of([], some(2))), KEY).dropped == some(2)[0]


def test_membership_is_that_of_all_packed_documents_of_all_files(tmp_path: Path) -> None:
    paths = []
    zeros = bytes(31) + b"\1", b"\1" + bytes(31), bytes(32)
    for number, packed in enumerate((some(1, 2), some(2, 3), [*zeros])):
        folder = tmp_path / str(number)
        folder.mkdir()
        paths.append(str(digests.store(folder, KEY, Digests.of(packed, some(9)))))
    elsewhere = Elsewhere(paths, KEY)
    assert elsewhere.hold(b"".join((*some(1, 2, 3, 4), *zeros, bytes(30) + b"\1\0"))).tolist() == [
        1,
        1,
        1,
        0,
        1,
        1,
        1,
        0,
    ]
    assert some(1)[0] in elsewhere
    assert some(9)[0] not in elsewhere, "what that corpus itself dropped is not there"
    assert len(Elsewhere().hold(some(1)[0])) == 1
    assert not Elsewhere().hold(some(1)[0]).any()
    assert elsewhere.hold(b"").tolist() == []
