from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import numpy as np
import pytest

from core import vault
from core.api.errors import StorageError
from core.data.store import BLOCK_BYTES, Document, Shard, ShardFacts, allow_open, write_shard

KEY = bytes(range(32))
END = 0


def write(
    folder: Path, training: list[Document], held_out: list[Document], dtype: type[np.unsignedinteger] = np.uint16
) -> ShardFacts:
    return write_shard(
        folder, KEY, training, held_out, end_of_text=END, tokenizer_sha256="ab" * 32, extractor_version=1,
        dtype=np.dtype(dtype),
    )  # fmt: skip


def document(size: int, seed: int = 0, dtype: type[np.unsignedinteger] = np.uint16) -> Document:
    return Document(np.random.default_rng(seed).integers(1, 4_096, size).astype(dtype), 3 * size)


@pytest.fixture
def facts(tmp_path: Path) -> ShardFacts:
    """Five token blocks and one table block."""
    return write(tmp_path, [document(70_000, 1), document(5, 2)], [document(80_000, 3)])


def test_documents_come_back_with_their_facts(facts: ShardFacts) -> None:
    shard = Shard(facts.path, KEY)
    shard.verify()
    assert shard.num_tokens == facts.tokens == 150_005 + 3
    assert shard.num_training_tokens == facts.training_tokens == 70_005 + 2
    assert (shard.num_documents, shard.num_training_documents) == (3, 2)
    assert shard.tokenizer_sha256 == "ab" * 32
    assert shard.document_bytes.tolist() == [210_000, 15, 240_000]
    for index, wanted in enumerate([document(70_000, 1), document(5, 2), document(80_000, 3)]):
        assert np.array_equal(shard.document(index), wanted.tokens)
        assert shard.tokens(*shard.document_offsets[index : index + 2])[-1] == END
    assert Path(facts.path).name == f"{facts.sha256}.shard"
    assert Path(facts.path).stat().st_mode & 0o777 == 0o600


def test_wide_vocabularies_use_four_bytes(tmp_path: Path) -> None:
    wanted = Document(np.array([70_000, 5, 200_000], dtype=np.uint32), 9)
    shard = Shard(write(tmp_path, [wanted], [], np.uint32).path, KEY)
    assert np.array_equal(shard.document(0), wanted.tokens)


def test_ranges_outside_are_refused(facts: ShardFacts) -> None:
    shard = Shard(facts.path, KEY)
    assert len(shard.tokens(5, 5)) == 0
    for start, stop in ((-1, 3), (0, shard.num_tokens + 1), (9, 8)):
        with pytest.raises(ValueError, match="outside"):
            shard.tokens(start, stop)


def test_no_byte_can_change_without_being_noticed_and_named(facts: ShardFacts) -> None:
    """One flipped bit in every block, in every tag and in every header field."""
    path = Path(facts.path)
    raw = path.read_bytes()
    stride = BLOCK_BYTES + 16
    blocks = range(96, len(raw), stride // 4)
    noticed = 0
    for position in (*range(96), *blocks, len(raw) - 1):
        damaged = bytearray(raw)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(StorageError, match=facts.sha256[:8]):
            Shard(path, KEY).verify()
        noticed += 1
    assert noticed > 110


def test_blocks_cannot_be_swapped_cut_added_or_moved_between_shards(facts: ShardFacts, tmp_path: Path) -> None:
    path = Path(facts.path)
    raw = path.read_bytes()
    tokens_at = len(raw) - (facts.tokens * 2 + 5 * 16)
    stride = BLOCK_BYTES + 16
    first, second = raw[tokens_at : tokens_at + stride], raw[tokens_at + stride : tokens_at + 2 * stride]
    other = Path(write(tmp_path, [document(70_000, 1), document(5, 2)], [document(80_000, 3)]).path).read_bytes()
    for damaged in (
        raw[:tokens_at] + second + first + raw[tokens_at + 2 * stride :],
        raw[:tokens_at] + other[tokens_at : tokens_at + stride] + raw[tokens_at + stride :],
        raw[:-1],
        raw[:50],
        b"",
        raw + b"\0",
        raw[:tokens_at],
    ):
        path.write_bytes(damaged)
        with pytest.raises(StorageError, match="token shard"):
            Shard(path, KEY).verify()


def test_damage_is_found_where_it_is_read(facts: ShardFacts) -> None:
    path = Path(facts.path)
    raw = bytearray(path.read_bytes())
    raw[-20] ^= 1
    path.write_bytes(raw)
    shard = Shard(path, KEY)
    assert len(shard.tokens(0, 100)) == 100
    with pytest.raises(StorageError, match="changed"):
        shard.tokens(shard.num_tokens - 10, shard.num_tokens)


def test_another_key_opens_nothing(facts: ShardFacts) -> None:
    with pytest.raises(StorageError, match="another key"):
        Shard(facts.path, bytes(32))


def test_tokens_are_not_on_the_disk_in_clear_and_no_two_shards_are_alike(tmp_path: Path) -> None:
    plain = Document(np.full(40_000, 0x4142, dtype=np.uint16), 1)
    one, two = (Path(write(tmp_path, [plain], []).path).read_bytes() for _ in range(2))
    assert b"BABA" not in one[96:]
    assert one[96:1_000] != two[96:1_000]


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"gone\.shard"):
        Shard(tmp_path / "gone.shard", KEY)


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hits = 0

    def full(descriptor: int) -> None:
        nonlocal hits
        hits += 1
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(vault.os, "fsync", full)
    with pytest.raises(StorageError, match="disk is full"):
        write(tmp_path, [document(10)], [])
    assert hits == 1
    assert list(tmp_path.iterdir()) == []


def test_more_shards_may_be_open_than_the_usual_limit(facts: ShardFacts) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1_000:
        pytest.skip("this machine allows too few open files to tell")
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        allow_open(3)
        held = [Shard(facts.path, KEY) for _ in range(3)]
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 259
        allow_open(300)
        held += [Shard(facts.path, KEY) for _ in range(300)]
        assert all(shard.num_documents == 3 for shard in held)
        allow_open(1)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 556, "never lowered"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for shard in held:
            shard.close()
