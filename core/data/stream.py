"""Two samplers over the same shards: packed windows for units without DP-SGD, Poisson records for those with it.

``PackedStream``: the order inside a source is a keyed permutation of window indices (a Feistel network with cycle
walking: no table, O(1) state), sources are chosen by error diffusion over weights, and the whole state is a few
numbers. It resumes to the token and splits into |I| partitions (Photon's PartitionStream) by index arithmetic.

``RecordSampler``: a record is a window of ``seq_len`` tokens inside one document; no two records share a token. Every
record enters a draw independently with probability q (plain Poisson, never truncated).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.api.errors import CorpusError
from core.data.store import Shard

MIN_RECORD_TOKENS = 16
"""A document's tail shorter than this is dropped: it teaches nothing and would still be a unit."""
_ROUNDS = 6

Tokens = NDArray[np.integer[Any]]


class Permutation:
    """A bijection of ``range(size)`` keyed by bytes; index → place without a table."""

    def __init__(self, size: int, key: bytes) -> None:
        if size < 1:
            raise ValueError("a permutation needs at least one index")
        self.size = size
        self._half = max((size - 1).bit_length() + 1, 2) // 2
        self._mask = (1 << self._half) - 1
        digest = hashlib.shake_256(b"hedgerow-permutation" + key).digest(8 * _ROUNDS)
        self._keys = [int.from_bytes(digest[8 * i : 8 * i + 8], "little") for i in range(_ROUNDS)]

    def _mix(self, value: int, key: int) -> int:
        value = ((value ^ key) * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        value ^= value >> 29
        value = (value * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        return (value ^ value >> 32) & self._mask

    def __call__(self, index: int) -> int:
        """The place of ``index``; walks the cycle until it falls inside the range."""
        while True:
            left, right = index >> self._half, index & self._mask
            for key in self._keys:
                left, right = right, left ^ self._mix(right, key)
            index = left << self._half | right
            if index < self.size:
                return index


class Source:
    """The training windows of one corpus, over all its shards."""

    def __init__(self, shards: Sequence[Shard], seq_len: int) -> None:
        self._shards = shards
        self._seq_len = seq_len
        counts = [max(shard.num_training_tokens - 1, 0) // seq_len for shard in shards]
        self._starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self.num_windows = int(self._starts[-1])

    def window(self, index: int) -> Tokens:
        """``seq_len + 1`` tokens; neighbours share one, so that every token but the first is predicted once."""
        which = int(np.searchsorted(self._starts, index, side="right")) - 1
        start = (index - int(self._starts[which])) * self._seq_len
        return self._shards[which].tokens(start, start + self._seq_len + 1)


class PackedStream:
    """Windows from several weighted sources in a fixed order.

    Args:
        sources: (weight, source) pairs.
        key: 32 bytes or more that fix the order; local, never sent.
        partition: (i, n): every n-th window of the whole stream, beginning with the i-th.

    Raises:
        CorpusError: no source has a whole window.
    """

    def __init__(
        self, sources: Sequence[tuple[float, Source]], key: bytes, partition: tuple[int, int] = (0, 1)
    ) -> None:
        # Sources without a window keep their place, so that a stored state fits while corpora shrink and grow.
        self._sources = [(weight if source.num_windows else 0.0, source) for weight, source in sources]
        if not any(weight > 0 for weight, _ in self._sources):
            raise CorpusError("There is too little text for even one training window.", "Add more text.")
        if not 0 <= partition[0] < partition[1]:
            raise ValueError(f"partition {partition} does not exist")
        total = sum(weight for weight, _ in self._sources)
        self._weights = [weight / total for weight, _ in self._sources]
        self._key = key
        self._partition = partition
        self._window = 0
        self._counters = [0] * len(self._sources)
        self._credits = [0.0] * len(self._sources)
        self._cached: dict[int, tuple[int, Permutation]] = {}

    def partition(self, index: int, count: int) -> PackedStream:
        """The ``index``-th of ``count`` interleaved parts, from where this stream is."""
        part = PackedStream(self._sources, self._key, (index, count))
        part.load_state_dict(self.state_dict())
        return part

    def state_dict(self) -> dict[str, Any]:
        """Where the stream is; plain numbers, about 100 bytes."""
        return {"window": self._window, "counters": list(self._counters), "credits": list(self._credits)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to a stored place.

        Raises:
            ValueError: the state belongs to another number of sources.
        """
        if len(state["counters"]) != len(self._sources) or len(state["credits"]) != len(self._sources):
            raise ValueError("the stream's state belongs to other sources")
        self._window = int(state["window"])
        self._counters = [int(value) for value in state["counters"]]
        self._credits = [float(value) for value in state["credits"]]

    def _choose(self) -> int:
        self._credits = [credit + weight for credit, weight in zip(self._credits, self._weights, strict=True)]
        chosen = max(range(len(self._credits)), key=lambda i: (self._credits[i], -i))
        self._credits[chosen] -= 1.0
        return chosen

    def _permutation(self, which: int, epoch: int) -> Permutation:
        held = self._cached.get(which)
        if held is None or held[0] != epoch:
            key = self._key + which.to_bytes(4, "big") + epoch.to_bytes(8, "big")
            held = (epoch, Permutation(self._sources[which][1].num_windows, key))
            self._cached[which] = held
        return held[1]

    def __iter__(self) -> Iterator[Tokens]:
        return self

    def __next__(self) -> Tokens:
        """The next window of this partition; the stream never ends, each epoch has a new order."""
        while True:
            which = self._choose()
            number, self._counters[which] = self._counters[which], self._counters[which] + 1
            mine = self._window % self._partition[1] == self._partition[0]
            self._window += 1
            if mine:
                source = self._sources[which][1]
                epoch, index = divmod(number, source.num_windows)
                return source.window(self._permutation(which, epoch)(index))

    def next_batch(self, count: int) -> Tokens:
        """(count, seq_len + 1) token ids."""
        return np.stack([next(self) for _ in range(count)])


class Uniform(Protocol):
    """A cryptographic source of uniforms."""

    def uniform(self, count: int) -> NDArray[np.float64]:
        """Values in [0, 1)."""


class RecordSampler:
    """Poisson draws over the records of all shards.

    Args:
        shards: every shard offered, whatever its corpus.
        seq_len: tokens per record.
        sampling_prob: q, fixed at consent.
        end_of_text: put before each record, so that its first token is predicted too and no neighbour is needed.
    """

    def __init__(self, shards: Sequence[Shard], seq_len: int, sampling_prob: float, end_of_text: int) -> None:
        if not 0 < sampling_prob <= 1:
            raise ValueError(f"sampling_prob must lie in (0, 1], got {sampling_prob}")
        self._shards = shards
        self._seq_len = seq_len
        self._q = sampling_prob
        self._end = end_of_text
        tables = [record_table(shard, seq_len) for shard in shards]
        self._owner = np.repeat(np.arange(len(tables), dtype=np.int32), [len(table) for table in tables])
        self._spans = np.concatenate(tables) if tables else np.zeros((0, 2), dtype=np.int64)

    def __len__(self) -> int:
        return len(self._spans)

    def record(self, index: int) -> Tokens:
        """End-of-text and then the tokens of one record."""
        start, stop = self._spans[index]
        tokens = self._shards[int(self._owner[index])].tokens(int(start), int(stop))
        out = np.empty(len(tokens) + 1, dtype=np.int64)
        out[0] = self._end
        out[1:] = tokens
        return out

    def draw(self, source: Uniform) -> list[Tokens]:
        """One plain Poisson draw; may be empty, may be large."""
        chosen = np.flatnonzero(source.uniform(len(self)) < self._q)
        return [self.record(int(index)) for index in chosen]


def record_table(shard: Shard, seq_len: int) -> NDArray[np.int64]:
    """(start, stop) of every record in the shard's training documents."""
    spans: list[NDArray[np.int64]] = []
    offsets = shard.document_offsets
    for index in range(shard.num_training_documents):
        start, stop = int(offsets[index]), int(offsets[index + 1]) - 1
        starts = np.arange(start, stop, seq_len, dtype=np.int64)
        stops = np.minimum(starts + seq_len, stop)
        keep = stops - starts >= min(MIN_RECORD_TOKENS, seq_len)
        spans.append(np.stack([starts[keep], stops[keep]], axis=1))
    return np.concatenate(spans) if spans else np.zeros((0, 2), dtype=np.int64)


def num_records(shards: Sequence[Shard], seq_len: int) -> int:
    """How many units of privacy the training documents hold under unit ``record``."""
    return sum(len(record_table(shard, seq_len)) for shard in shards)


def held_out_windows(shards: Sequence[Shard], seq_len: int, limit: int) -> list[Tokens]:
    """Up to ``limit`` windows of up to ``seq_len + 1`` tokens, evenly over the held-out documents."""
    spans: list[tuple[Shard, int, int]] = []
    for shard in shards:
        for index in range(shard.num_training_documents, shard.num_documents):
            start, stop = int(shard.document_offsets[index]), int(shard.document_offsets[index + 1]) - 1
            spans += [(shard, at, min(at + seq_len + 1, stop)) for at in range(start, stop - 1, seq_len)]
    if len(spans) > limit:
        spans = [spans[i * len(spans) // limit] for i in range(limit)]
    return [shard.tokens(start, stop).astype(np.int64) for shard, start, stop in spans]
