"""Any documents come back from a shard; any change to its bytes is noticed."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.api.errors import StorageError
from core.data.store import Document, Shard, write_shard

KEY = bytes(range(32))
LENGTHS = st.lists(st.one_of(st.integers(1, 50), st.integers(30_000, 70_000)), min_size=1, max_size=4)


def _write(folder: Path, training: list[int], held_out: list[int]) -> tuple[Path, list[Document]]:
    generator = np.random.default_rng(len(training))
    documents = [
        Document(generator.integers(1, 60_000, size).astype(np.uint16), size) for size in (*training, *held_out)
    ]
    facts = write_shard(
        folder, KEY, documents[: len(training)], documents[len(training) :], end_of_text=0,
        tokenizer_sha256="00" * 32, extractor_version=1, dtype=np.dtype(np.uint16),
    )  # fmt: skip
    return Path(facts.path), documents


@settings(max_examples=25)
@given(LENGTHS, LENGTHS, st.data())
def test_any_range_comes_back(training: list[int], held_out: list[int], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, documents = _write(Path(folder), training, held_out)
        shard = Shard(path, KEY)
        plain = np.concatenate([np.append(document.tokens, 0) for document in documents])
        for _ in range(5):
            start = data.draw(st.integers(0, len(plain)))
            stop = data.draw(st.integers(start, len(plain)))
            assert np.array_equal(shard.tokens(start, stop), plain[start:stop])


@settings(max_examples=40)
@given(st.data())
def test_any_changed_cut_or_added_byte_is_noticed(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, _ = _write(Path(folder), [40_000, 3], [9])
        raw = bytearray(path.read_bytes())
        place = data.draw(st.integers(0, len(raw) - 1))
        kind = data.draw(st.sampled_from(["change", "cut", "remove", "add"]))
        if kind == "change":
            raw[place] ^= data.draw(st.integers(1, 255))
        elif kind == "cut":
            del raw[place:]
        elif kind == "remove":
            del raw[place]
        else:
            raw.insert(place, data.draw(st.integers(0, 255)))
        path.write_bytes(raw)
        with pytest.raises(StorageError, match="token shard"):
            Shard(path, KEY).verify()
