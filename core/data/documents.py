"""Poisson sampling over documents, for unit ``document``: one example is up to k windows of one document.

Guarantees:
    - Every training document is drawn independently with probability q; a large draw is never cut.
    - No window holds two documents, and a document gives at most k windows to a step, chosen anew each time it is
      drawn, by the same generator, without repetition. A document of which a part is held out counts as one.
    - What leaves the example is bounded as a whole by whoever clips it, so the choice of windows costs no privacy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.data.store import Shard
from core.data.stream import Tokens, Uniform, window_counts

PADDING = -1
"""Behind the last token of a shorter window; no token has this id."""


def num_documents(shards: Sequence[Shard], seq_len: int) -> int:
    """How many units of privacy the training documents are: those long enough for one window."""
    return sum(int(np.count_nonzero(window_counts(shard, seq_len))) for shard in shards)


class DocumentSampler:
    """Poisson draws over the documents of all shards.

    Args:
        shards: every shard offered, whatever its corpus; a document lies in one of them.
        seq_len: tokens per window.
        sampling_prob: q, fixed at consent.
        windows: k, most windows of one document in one step.
        end_of_text: put before each window, so that its first token is predicted too and no neighbour is needed.
    """

    def __init__(
        self, shards: Sequence[Shard], seq_len: int, sampling_prob: float, windows: int, end_of_text: int
    ) -> None:
        if not 0 < sampling_prob <= 1:
            raise ValueError(f"sampling_prob must lie in (0, 1], got {sampling_prob}")
        if windows < 1:
            raise ValueError(f"a document needs at least one window, got {windows}")
        self._shards = shards
        self._seq_len = seq_len
        self._q = sampling_prob
        self._most = windows
        self._end = end_of_text
        tables = [window_counts(shard, seq_len) for shard in shards]
        kept = [np.flatnonzero(counts) for counts in tables]
        empty = [np.zeros(0, dtype=np.int64)]
        self._owner = np.repeat(np.arange(len(shards), dtype=np.int32), [len(numbers) for numbers in kept])
        self._number = np.concatenate([*kept, *empty])
        self._counts = np.concatenate([*(table[numbers] for table, numbers in zip(tables, kept, strict=True)), *empty])

    def __len__(self) -> int:
        """Units of privacy: documents long enough for one window."""
        return len(self._counts)

    def draw(self, source: Uniform) -> list[Tokens]:
        """One plain Poisson draw; may be empty, may be large.

        Returns:
            For each document (windows, longest + 1) token ids, each row beginning with end-of-text; shorter rows end
            in ``PADDING``.
        """
        chosen = np.flatnonzero(source.uniform(len(self)) < self._q)
        return [self._example(int(index), source) for index in chosen]

    def _example(self, index: int, source: Uniform) -> Tokens:
        shard = self._shards[int(self._owner[index])]
        start, stop = shard.document_offsets[self._number[index] : self._number[index] + 2]
        spans = [
            (at, min(at + self._seq_len, int(stop) - 1))
            for at in (int(start) + window * self._seq_len for window in self._windows(index, source))
        ]
        longest = max(last - first for first, last in spans)
        out: NDArray[np.int64] = np.full((len(spans), longest + 1), PADDING, dtype=np.int64)
        out[:, 0] = self._end
        for row, (first, last) in zip(out, spans, strict=True):
            row[1 : 1 + last - first] = shard.tokens(first, last)
        return out

    def _windows(self, index: int, source: Uniform) -> list[int]:
        """Which windows of a document: all of them, or k different ones (Floyd's method, k uniforms)."""
        count = int(self._counts[index])
        if count <= self._most:
            return list(range(count))
        picked: set[int] = set()
        for last, uniform in zip(range(count - self._most, count), source.uniform(self._most), strict=True):
            other = int(uniform * (last + 1))
            picked.add(last if other in picked else other)
        return sorted(picked)
