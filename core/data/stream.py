"""Two samplers over the same shards: packed windows for units without DP-SGD, Poisson records for those with it.

``PackedStream``: the order inside a source is a keyed permutation of window indices (a Feistel network with cycle
walking: no table, O(1) state), sources are chosen by error diffusion over weights, and the whole state is a few
numbers. It resumes to the token and splits into |I| partitions (Photon's PartitionStream) by index arithmetic.

``RecordSampler``: a record is a window of ``seq_len`` tokens inside one document; no two records share a token. Every
record enters a draw independently with probability q (plain Poisson, never truncated).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.api.errors import CorpusError
from core.data.permutation import Permutation
from core.data.store import Shard

MIN_RECORD_TOKENS = 16
"""A document's tail shorter than this is dropped: it teaches nothing and would still be a unit."""
_AHEAD = 512
"""Places of a permutation that are worked out at once; a cache only, no part of the state."""

Tokens = NDArray[np.integer[Any]]


class Source:
    """The training windows of one corpus, over all its shards."""

    def __init__(self, shards: Sequence[Shard], seq_len: int) -> None:
        self._shards = shards
        self.seq_len = seq_len
        counts = [max(shard.num_training_tokens - 1, 0) // seq_len for shard in shards]
        self._starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self.num_windows = int(self._starts[-1])
        self.dtype: np.dtype[Any] = np.result_type(*(shard.dtype for shard in shards)) if shards else np.dtype("<u2")

    def window(self, index: int) -> Tokens:
        """``seq_len + 1`` tokens; neighbours share one, so that every token but the first is predicted once."""
        out = np.empty(self.seq_len + 1, dtype=self.dtype)
        self.read(index, out)
        return out

    def read(self, index: int, out: Tokens) -> None:
        """Copy one window into ``out``, once."""
        which = int(np.searchsorted(self._starts, index, side="right")) - 1
        self._shards[which].read((index - int(self._starts[which])) * self.seq_len, out)


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
        self._seq_len = self._sources[0][1].seq_len
        self._dtype = np.result_type(*(source.dtype for _, source in self._sources))
        total = sum(weight for weight, _ in self._sources)
        self._weights = [weight / total for weight, _ in self._sources]
        self._key = key
        self._partition = partition
        self._window = 0
        self._counters = [0] * len(self._sources)
        self._credits = [0.0] * len(self._sources)
        self._taken: list[tuple[int, int, int]] = []
        """(i, n, end): every n-th window from the i-th on is taken already, up to ``end``; see ``joined``."""
        self._cached: dict[int, tuple[int, int, NDArray[np.int64]]] = {}
        """Source → epoch, first index, places from there on."""

    def partition(self, index: int, count: int) -> PackedStream:
        """The ``index``-th of ``count`` interleaved parts, from where this stream is."""
        part = PackedStream(self._sources, self._key, (index, count))
        part.load_state_dict(self.state_dict())
        return part

    def state_dict(self) -> dict[str, Any]:
        """Where the stream is; plain numbers, about 100 bytes."""
        self._taken = [arc for arc in self._taken if arc[2] > self._window]
        state = {"window": self._window, "counters": list(self._counters), "credits": list(self._credits)}
        return state | {"taken": [list(arc) for arc in self._taken]} if self._taken else state

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
        self._taken = [(int(part), int(parts), int(end)) for part, parts, end in state.get("taken", ())]

    def _choose(self) -> int:
        if len(self._weights) == 1:
            return 0  # credit goes up by one and down by one
        self._credits = [credit + weight for credit, weight in zip(self._credits, self._weights, strict=True)]
        chosen = self._credits.index(max(self._credits))
        self._credits[chosen] -= 1.0
        return chosen

    def _place(self, which: int, number: int) -> int:
        """Where the ``number``-th window taken from a source lies; each epoch has a new order."""
        epoch, index = divmod(number, self._sources[which][1].num_windows)
        held = self._cached.get(which)
        if held is None or held[0] != epoch or not held[1] <= index < held[1] + len(held[2]):
            held = self._cached[which] = (epoch, index, self._places(which, epoch, index))
        return int(held[2][index - held[1]])

    def _places(self, which: int, epoch: int, start: int) -> NDArray[np.int64]:
        size = self._sources[which][1].num_windows
        order = Permutation(size, self._key + which.to_bytes(4, "big") + epoch.to_bytes(8, "big"))
        return order.places(start, min(_AHEAD, size - start))

    def _next(self) -> tuple[Source, int]:
        """Source and index of the next window of this partition."""
        mine, parts = self._partition
        while True:
            which = self._choose()
            number, self._counters[which] = self._counters[which], self._counters[which] + 1
            window, self._window = self._window, self._window + 1
            if window % parts == mine and not self._is_taken(window):
                return self._sources[which][1], self._place(which, number)

    def _is_taken(self, window: int) -> bool:
        return any(window < end and window % parts == part for part, parts, end in self._taken)

    def __iter__(self) -> Iterator[Tokens]:
        return self

    def __next__(self) -> Tokens:
        """The next window of this partition; the stream never ends."""
        source, index = self._next()
        return source.window(index)

    def next_batch(self, count: int) -> Tokens:
        """(count, seq_len + 1) token ids, each copied once."""
        return self.next_share(count, 0, 1)

    def next_share(self, count: int, rank: int, size: int) -> Tokens:
        """Of the next ``count`` windows every ``size``-th from the ``rank``-th on; the stream passes over the others.

        So devices that share a batch read it without gap or overlap, and each knows where the stream is.
        """
        chosen = [self._next() for _ in range(count)][rank::size]
        out = np.empty((len(chosen), self._seq_len + 1), dtype=self._dtype)
        for row, (source, index) in zip(out, chosen, strict=True):
            source.read(index, row)
        return out


def joined(states: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The state of the whole stream after its parts went on by themselves: the way back from ``partition``.

    The stream goes back to where the slowest part is and passes over what the others have taken, so no window is lost
    or repeated however unequal the parts are, and it can be divided again by any other number.

    Args:
        states: of all n parts, the i-th being that of part (i, n).

    Raises:
        ValueError: there are none, or they belong to other sources.
    """
    if not states or len({len(state["counters"]) for state in states}) != 1:
        raise ValueError("these are not the states of all parts of one stream")
    slowest = min(states, key=lambda state: int(state["window"]))
    here = int(slowest["window"])
    own = [[part, len(states), int(state["window"])] for part, state in enumerate(states)]
    before = [list(arc) for arc in slowest.get("taken", ())]
    taken = [arc for arc in before + own if arc[2] > here]
    state = {key: slowest[key] for key in ("window", "counters", "credits")}
    return state | {"taken": taken} if taken else state


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


def window_counts(shard: Shard, seq_len: int) -> NDArray[np.int64]:
    """How many records each training document has; a tail too short to teach is none."""
    sizes = np.diff(shard.document_offsets[: shard.num_training_documents + 1]) - 1
    full, rest = np.divmod(sizes, seq_len)
    counts: NDArray[np.int64] = full + (rest >= min(MIN_RECORD_TOKENS, seq_len))
    return counts


def record_table(shard: Shard, seq_len: int) -> NDArray[np.int64]:
    """(start, stop) of every record in the shard's training documents."""
    counts = window_counts(shard, seq_len)
    ends = np.cumsum(counts)
    number = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
    first, last = shard.document_offsets[: len(counts)], shard.document_offsets[1 : len(counts) + 1] - 1
    starts = np.repeat(first, counts) + number * seq_len
    return np.stack([starts, np.minimum(starts + seq_len, np.repeat(last, counts))], axis=1)


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
