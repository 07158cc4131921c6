"""Any weights, any lengths, any place: order, resumption and partition of the packed stream."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.permutation import Permutation
from core.data.store import Document, Shard, write_shard
from core.data.stream import PackedStream, Source, joined

KEY = bytes(range(32))


@given(st.integers(1, 3_000), st.binary(min_size=1, max_size=40))
def test_a_permutation_is_a_bijection(size: int, key: bytes) -> None:
    permutation = Permutation(size, key)
    places = permutation.places(0, size)
    assert sorted(places) == list(range(size))
    assert [permutation(index) for index in (0, size // 2, size - 1)] == places[[0, size // 2, size - 1]].tolist()


@given(st.integers(1 << 20, 1 << 45), st.data())
def test_a_large_permutation_stays_inside_and_tells_indices_apart(size: int, data: st.DataObject) -> None:
    permutation = Permutation(size, KEY)
    indices = data.draw(st.lists(st.integers(0, size - 1), unique=True, max_size=50))
    places = {permutation(index) for index in indices}
    assert len(places) == len(indices)
    assert all(0 <= place < size for place in places)


def _shard(folder: Path, lengths: list[int]) -> Shard:
    documents = [Document(np.arange(1, size + 1, dtype=np.uint16), size) for size in lengths]
    facts = write_shard(
        folder, KEY, documents, [], end_of_text=0, tokenizer_sha256="00" * 32, extractor_version=1,
        dtype=np.dtype(np.uint16),
    )  # fmt: skip
    return Shard(facts.path, KEY)


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(st.floats(0.01, 100.0), st.lists(st.integers(20, 60), min_size=1, max_size=4)), min_size=1, max_size=3
    ),
    st.integers(0, 40),
    st.integers(1, 4),
)
def test_any_stream_resumes_bit_for_bit_and_divides(
    sources: list[tuple[float, list[int]]], before: int, parts: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        opened = [(weight, Source([_shard(Path(folder), lengths)], 7)) for weight, lengths in sources]
        stream = PackedStream(opened, KEY)
        for _ in range(before):
            next(stream)
        state = stream.state_dict()
        wanted = stream.next_batch(12 * parts)
        again = PackedStream(opened, KEY)
        again.load_state_dict(state)
        assert np.array_equal(again.next_batch(12 * parts), wanted)
        start = PackedStream(opened, KEY)
        start.load_state_dict(state)
        divided = [start.partition(index, parts) for index in range(parts)]
        together = np.empty_like(wanted)
        for part in divided:
            first = (before + np.arange(parts)) % parts
            offset = int(np.flatnonzero(first == part._partition[0])[0])
            together[offset::parts] = part.next_batch(12)
        assert np.array_equal(together, wanted)


@settings(max_examples=25)
@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=5), min_size=1, max_size=5), st.integers(0, 5))
def test_however_often_it_is_divided_and_joined_no_window_is_lost_or_repeated(
    stages: list[list[int]], before: int
) -> None:
    """Each stage has as many parts as numbers, and each part takes so many windows before all are joined again."""
    with tempfile.TemporaryDirectory() as folder:
        opened = [(2.0, Source([_shard(Path(folder), [3_000])], 7)), (1.0, Source([_shard(Path(folder), [2_000])], 7))]
        whole = PackedStream(opened, KEY)
        seen = [tuple(next(whole)) for _ in range(before)]
        state = whole.state_dict()
        for counts in stages:
            start = PackedStream(opened, KEY)
            start.load_state_dict(state)
            parts = [start.partition(index, len(counts)) for index in range(len(counts))]
            seen += [tuple(next(part)) for part, count in zip(parts, counts, strict=True) for _ in range(count)]
            state = json.loads(json.dumps(joined([part.state_dict() for part in parts])))
        rest = PackedStream(opened, KEY)
        rest.load_state_dict(state)
        seen += [tuple(next(rest)) for _ in range(200)]
        assert "taken" not in rest.state_dict(), "all parts were caught up with"
        undisturbed = PackedStream(opened, KEY)
        assert sorted(seen) == sorted(tuple(next(undisturbed)) for _ in range(len(seen)))
        assert np.array_equal(rest.next_batch(20), undisturbed.next_batch(20))
        assert rest.state_dict() == undisturbed.state_dict()
