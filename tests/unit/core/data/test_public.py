"""Public shards: written by the coordinator, believed by nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from core.api.errors import ManifestError, UsageError
from core.config.model import PublicShard
from core.data import public, store
from core.data.public import check_public, write_public
from core.data.store import Document, Shard, ShardFacts, write_shard
from core.data.stream import PackedStream, Source
from core.data.tokenizer import Tokenizer, builtin_tokenizer_path

TOKENIZER = Tokenizer.load(builtin_tokenizer_path())
PROSE = "A hedge is a living boundary, and this text belongs to everybody.\n"


def said(facts: ShardFacts) -> PublicShard:
    return PublicShard(sha256=facts.sha256, weight=1.0, tokens=facts.tokens, bytes=Path(facts.path).stat().st_size)


def check(facts: ShardFacts, vocabulary: int = 4_096, tokenizer: str = TOKENIZER.sha256, **changes: int) -> Shard:
    listed = msgspec.structs.replace(said(facts), **changes)
    return check_public(Path(facts.path), listed, vocabulary, tokenizer)


@pytest.fixture
def facts(tmp_path: Path) -> ShardFacts:
    path = tmp_path / "prose.txt"
    path.write_text(PROSE * 3_000)
    (tmp_path / "shards").mkdir()
    (written,) = write_public(path, TOKENIZER, tmp_path / "shards")
    return written


def test_a_text_comes_back_whole_and_nothing_is_held_out(facts: ShardFacts) -> None:
    shard = check(facts)
    assert TOKENIZER.decode(shard.tokens(0, shard.num_tokens)) == PROSE * 3_000
    assert shard.num_training_tokens == shard.num_tokens == facts.tokens


def test_every_text_file_of_a_folder_is_read_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "text" / "deep").mkdir(parents=True)
    for name, content in (("a.txt", "one\n"), ("deep/b.MD", "two\n"), ("c.bin", "three\n"), ("d.rst", "four\n")):
        (tmp_path / "text" / name).write_text(content)
    (written,) = write_public(tmp_path / "text", TOKENIZER, tmp_path)
    shard = check(written)
    assert [TOKENIZER.decode(shard.document(i)) for i in range(shard.num_documents)] == ["one\n", "four\n", "two\n"]


def test_long_text_becomes_several_shards_that_join_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public, "SHARD_TOKENS", 1_000)
    monkeypatch.setattr(public, "_PART_BYTES", 700)
    (tmp_path / "long.txt").write_text(PROSE * 200)
    written = write_public(tmp_path / "long.txt", TOKENIZER, tmp_path)
    assert len(written) > 3
    shards = [check(one) for one in written]
    texts = [TOKENIZER.decode(shard.document(i)) for shard in shards for i in range(shard.num_documents)]
    assert "".join(texts) == PROSE * 200


@pytest.mark.parametrize(
    ("content", "sentence"), [(b"", "holds no text"), (b"caf\xe9", "not UTF-8"), (None, "cannot be read")]
)
def test_what_is_no_text_is_named(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    path = tmp_path / "odd.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=sentence):
        write_public(path, TOKENIZER, tmp_path)


def test_a_shard_that_is_not_what_the_manifest_says_is_refused(facts: ShardFacts) -> None:
    size = Path(facts.path).stat().st_size
    for changes, sentence in (
        ({"bytes": size + 1}, "another size"),
        ({"tokens": facts.tokens - 1}, "another number of tokens"),
        ({"vocabulary": 50}, "does not know"),
        ({"tokenizer": "0" * 64}, "another tokenizer"),
    ):
        with pytest.raises(ManifestError, match=sentence):
            check(facts, **changes)  # type: ignore[arg-type]


def test_any_changed_byte_is_noticed(facts: ShardFacts) -> None:
    path = Path(facts.path)
    raw = path.read_bytes()
    for at in (*range(0, 96, 5), 100, len(raw) // 2, len(raw) - 1):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 0x40]) + raw[at + 1 :])
        with pytest.raises(ManifestError):
            check(facts)


def test_a_header_that_asks_for_terabytes_costs_nothing(facts: ShardFacts) -> None:
    path = Path(facts.path)
    fields = list(store._HEADER.unpack(path.read_bytes()[: store._HEADER.size]))
    for place, value in ((3, 1 << 44), (5, 1 << 40), (6, 8 * (2 * (1 << 40) + 1))):
        absurd = [*fields[:place], value, *fields[place + 1 :]]
        path.write_bytes(store._HEADER.pack(*absurd) + bytes(said(facts).bytes - store._HEADER.size))
        with pytest.raises(ManifestError, match="no token shard"):
            check(facts)


def test_a_document_table_that_wraps_around_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger can seal any table they like under a key that everybody knows."""
    real = store._seal

    def forge(out: bytearray, cipher: Any, header: bytes, section: int, data: memoryview) -> None:
        if section == store._TABLE:
            numbers = np.frombuffer(data, "<u8") + np.array([0, 1 << 62, 1 << 63, 0, 0, 0, 0], dtype=np.uint64)
            data = memoryview(numbers.tobytes())
        real(out, cipher, header, section, data)

    monkeypatch.setattr(store, "_seal", forge)
    documents = [Document(np.ones(5, np.uint16), 5)] * 3
    facts = write_shard(
        tmp_path, public.KEY, documents, [], end_of_text=0, tokenizer_sha256=TOKENIZER.sha256, extractor_version=0,
        dtype=np.dtype(np.uint16),
    )  # fmt: skip
    monkeypatch.undo()
    with pytest.raises(ManifestError, match="no token shard"):
        check(facts)


def test_public_text_is_mixed_by_its_weight(facts: ShardFacts, tmp_path: Path) -> None:
    own = write_shard(
        tmp_path, bytes(32), [Document(np.zeros(9_000, np.uint16), 9_000)], [], end_of_text=0,
        tokenizer_sha256=TOKENIZER.sha256, extractor_version=0, dtype=np.dtype(np.uint16),
    )  # fmt: skip
    sources = [(1.0, Source([Shard(own.path, bytes(32))], 64)), (3.0, Source([check(facts)], 64))]
    drawn = PackedStream(sources, b"k").next_batch(200)
    assert int((drawn.max(axis=1) > 0).sum()) == 150
