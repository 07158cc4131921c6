from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import pytest

from core.api.errors import CorpusError
from core.data import packing
from core.data.packing import Identity, Packer, TooMany
from core.data.roll import numbers
from core.data.store import Shard
from core.data.stream import Source, num_records
from core.data.tokenizer import Tokenizer, builtin_tokenizer_path

KEY = bytes(range(32))
TOKENIZER = Tokenizer.load(builtin_tokenizer_path())


def text(seed: int, words: int = 120) -> str:
    chooser = random.Random(seed)
    return f"Document {seed}. " + " ".join(
        chooser.choice(["hedge", "row", "bird", "thorn", "lane"]) for _ in range(words)
    )


def pack(folder: Path, texts: list[str], corpus_bytes: int = 0, key: bytes = KEY) -> tuple[Packer, list[Shard]]:
    packer = Packer(folder, key, TOKENIZER, corpus_bytes)
    for one in texts:
        packer.add(one)
    return packer, [Shard(facts.path, key) for facts in packer.finish()]


def held_out(shards: list[Shard]) -> list[str]:
    return [
        TOKENIZER.decode(shard.document(index))
        for shard in shards
        for index in range(shard.num_training_documents, shard.num_documents)
    ]


def training(shards: list[Shard]) -> list[str]:
    return [
        TOKENIZER.decode(shard.document(index)) for shard in shards for index in range(shard.num_training_documents)
    ]


def test_a_small_corpus_holds_back_the_last_twentieth_of_each_document(tmp_path: Path) -> None:
    texts = [text(seed, 800) for seed in range(3)]
    packer, shards = pack(tmp_path, texts)
    assert [head + tail for head, tail in zip(training(shards), held_out(shards), strict=True)] == texts
    for shard in shards:
        shares = np.diff(shard.document_offsets)
        assert all(abs(tail / (head + tail) - 0.05) < 0.01 for head, tail in zip(shares[:3], shares[3:], strict=True))
    assert packer.totals.documents == 3


def test_a_tail_too_small_to_measure_stays_in_training(tmp_path: Path) -> None:
    packer, shards = pack(tmp_path, ["only a few words"])
    assert training(shards) == ["only a few words"]
    assert held_out(shards) == []
    assert packer.totals.held_out_tokens == 0


def test_a_large_corpus_holds_back_about_one_document_in_twenty(tmp_path: Path) -> None:
    texts = [text(seed, 30) for seed in range(600)]
    _, shards = pack(tmp_path, texts)
    back = held_out(shards)
    assert 15 <= len(back) <= 50
    assert sorted(back + training(shards)) == sorted(texts)
    _, again = pack(tmp_path, texts)
    assert held_out(again) == back
    _, other = pack(tmp_path, texts, key=bytes(32))
    assert held_out(other) != back


@pytest.mark.parametrize("first", range(0, 100, 20))
def test_twenty_documents_always_hold_one_back(tmp_path: Path, first: int) -> None:
    _, shards = pack(tmp_path, [text(seed, 30) for seed in range(first, first + 20)])
    assert len(held_out(shards)) == 1


def test_a_document_that_is_most_of_the_corpus_is_never_held_out_whole(tmp_path: Path) -> None:
    for seed in range(12):
        texts = [text(100 + seed, 3_000), *(text(seed * 50 + n, 20) for n in range(19))]
        packer, _ = pack(tmp_path, texts, sum(map(len, texts)))
        assert packer.totals.held_out_tokens < packer.totals.tokens / 10


def test_copies_count_once_whatever_their_white_space(tmp_path: Path) -> None:
    packer = Packer(tmp_path, KEY, TOKENIZER)
    assert packer.add("one document\n")
    assert not packer.add("one document\n")
    assert not packer.add("one   document")
    assert packer.add("another document")
    assert packer.totals.documents == len(packer.roll) == 2


def test_totals_are_those_of_the_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "SHARD_TOKENS", 2_000)
    texts = [text(seed) for seed in range(60)]
    packer, shards = pack(tmp_path, texts)
    assert len(shards) > 2
    totals = packer.totals
    stored = sum(shard.num_documents for shard in shards)
    assert totals.tokens == sum(shard.num_tokens for shard in shards) - stored
    assert totals.text_bytes == sum(len(t.encode()) for t in texts) == sum(s.document_bytes.sum() for s in shards)
    assert totals.words == sum(len(t.split()) for t in texts)
    assert totals.records == num_records(shards, packing.RECORD_TOKENS)
    assert [len(numbers(part)) for part in packer.contents] == [shard.num_documents for shard in shards]


def test_the_digest_depends_on_key_and_words_alone(tmp_path: Path) -> None:
    packer, other = Packer(tmp_path, KEY, TOKENIZER), Packer(tmp_path, bytes(32), TOKENIZER)
    assert packer.identify("a  b\n").digest == packer.identify("a b").digest
    assert packer.identify("a b").digest != packer.identify("a c").digest
    assert packer.identify("a b").digest != other.identify("a b").digest
    assert packer.identify("Grüße an alle").words == 3


def test_a_document_too_many_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MAX_DOCUMENTS", 2)
    packer = Packer(tmp_path, KEY, TOKENIZER)
    packer.add("a a")
    packer.add("b b")
    assert packer.full
    with pytest.raises(TooMany):
        packer.add("c c")
    assert not packer.add("a  a"), "a copy needs no room"
    assert (len(packer.roll), packer.totals.documents) == (2, 2)


def test_too_little_memory_for_a_shard_is_an_error_and_no_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(packing, "write_shard", no_room)
    packer = Packer(tmp_path, KEY, TOKENIZER)
    packer.add("a document")
    with pytest.raises(CorpusError, match="too little memory"):
        packer.finish()


def test_three_hundred_thousand_files_become_two_maps_and_two_open_files(tmp_path: Path) -> None:
    packer = Packer(tmp_path, KEY, TOKENIZER)
    tokens = np.arange(30, dtype=np.uint16)
    for number in range(300_000):
        packer.pack(Identity(number.to_bytes(32, "little"), 20), tokens, "en")
    before = _maps_and_files(tmp_path)
    shards = [Shard(facts.path, KEY) for facts in packer.finish()]
    assert sum(shard.num_documents for shard in shards) == 300_000
    assert [after - old for after, old in zip(_maps_and_files(tmp_path), before, strict=True)] == [2, 2]
    assert Source(shards, 32).num_windows > 200_000


def test_very_short_documents_fill_a_shard_by_their_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "SHARD_DOCUMENTS", 100)
    _, shards = pack(tmp_path, [f"word {number}" for number in range(1_000)])
    assert [shard.num_documents for shard in shards] == [100] * 10


def _maps_and_files(folder: Path) -> tuple[int, int]:
    maps = Path("/proc/self/maps").read_text().count(str(folder))
    return maps, sum(os.readlink(f"/proc/self/fd/{name}").startswith(str(folder)) for name in _descriptors())


def _descriptors() -> list[str]:
    return [name for name in os.listdir("/proc/self/fd") if os.path.islink(f"/proc/self/fd/{name}")]
