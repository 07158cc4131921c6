"""The share of training that is shown is the one that the stream draws."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest
from support import scenes

from app.stores.corpus_model import shares_of_training
from core.api.messages.corpora import CorpusInfo
from core.api.messages.federations import FederationInfo
from core.data.store import Document, Shard, write_shard
from core.data.stream import PackedStream, Source


def corpus(corpus_id: str, tokens: int, weight: float = 1.0, state: str = "ready") -> CorpusInfo:
    known = {"corpus_id": corpus_id, "name": corpus_id, "paths": [], "state": state}
    return msgspec.convert(known | {"tokens": tokens, "records": tokens // 128, "weight": weight}, CorpusInfo)


def federation(unit: str, *corpora: str, public_weight: float = 0.0) -> FederationInfo:
    one = scenes.federation()
    manifest = msgspec.structs.replace(one.manifest, unit=unit, public_weight=public_weight)
    return msgspec.structs.replace(one, manifest=manifest, corpora=list(corpora), state="active")


def drawn(folder: Path, sizes: dict[str, tuple[int, float]]) -> dict[str, float]:
    """Shares of a thousand windows that the stream gives; the first token of each tells its source."""
    sources = []
    for name, (size, weight) in sizes.items():
        tokens = np.full(size, ord(name), dtype=np.uint16)
        facts = write_shard(
            folder, bytes(32), [Document(tokens, size)], [], end_of_text=0, tokenizer_sha256="0" * 64,
            extractor_version=1, dtype=np.dtype(np.uint16),
        )  # fmt: skip
        sources.append((weight, Source([Shard(facts.path, bytes(32))], 16)))
    seen = Counter(chr(window[0]) for window in PackedStream(sources, bytes(32)).next_batch(1_000))
    return {name: count / 1_000 for name, count in seen.items()}


@pytest.mark.parametrize("unit", ["none", "corpus"])
def test_windows_come_by_weight_whatever_the_length(tmp_path: Path, unit: str) -> None:
    rows = [corpus("a", 90_000, 1.0), corpus("b", 3_000, 3.0), corpus("c", 9_000, 1.0), corpus("d", 0, 5.0, "error")]
    shares = shares_of_training(rows, [federation(unit, "a", "b", "d")])
    assert shares == {"a": 0.25, "b": 0.75}, "c is not offered, and d cannot be used"
    assert drawn(tmp_path, {"a": (90_000, 1.0), "b": (3_000, 3.0)}) == pytest.approx(shares, abs=0.002)


def test_records_come_by_length_whatever_the_weight() -> None:
    rows = [corpus("a", 128_000, 1.0), corpus("b", 384_000, 9.0)]
    assert shares_of_training(rows, [federation("record", "a", "b")]) == {"a": 0.25, "b": 0.75}


def test_public_text_takes_its_part_and_two_federations_are_averaged() -> None:
    rows = [corpus("a", 1_000), corpus("b", 1_000)]
    assert shares_of_training(rows, [federation("none", "a", public_weight=3.0)]) == {"a": 0.25}
    both = [federation("none", "a", public_weight=3.0), federation("none", "a", "b")]
    assert shares_of_training(rows, both) == {"a": 0.375, "b": 0.5}


def test_before_joining_all_that_is_ready_counts_by_weight() -> None:
    rows = [corpus("a", 1_000, 1.0), corpus("b", 9_000, 3.0), corpus("c", 9_000, 3.0, "reading")]
    assert shares_of_training(rows, []) == {"a": 0.25, "b": 0.75}
    assert shares_of_training([], []) == {}
