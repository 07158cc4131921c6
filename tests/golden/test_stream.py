"""The order of the packed stream, frozen: a stream that was begun must go on in the order it began with.

``python tests/golden/test_stream.py`` writes the file anew; do that only where a change was meant, and say so.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from core.data.permutation import Permutation
from core.data.store import Document, Shard, write_shard
from core.data.stream import PackedStream, Source

GOLDEN = Path(__file__).with_suffix(".json")
KEY = bytes(range(32))
SIZES = (1, 2, 3, 17, 1_000, 73_242, 1 << 20, (1 << 33) + 7, 1 << 45)


def _source(folder: Path, lengths: list[int], seq_len: int, first: int) -> Source:
    shards = []
    for length in lengths:
        document = Document(np.arange(first, first + length, dtype=np.uint16), length)
        facts = write_shard(
            folder, KEY, [document], [], end_of_text=0, tokenizer_sha256="00" * 32, extractor_version=1,
            dtype=np.dtype(np.uint16),
        )  # fmt: skip
        shards.append(Shard(facts.path, KEY))
        first += length
    return Source(shards, seq_len)


def measure(folder: Path) -> dict[str, Any]:
    """Places of a few indices, and windows, state and hash of a stream over three weighted sources."""
    places = {}
    for size in SIZES:
        permutation = Permutation(size, KEY)
        places[str(size)] = [permutation(index) for index in (0, size // 3, size // 2, size - 1)]
    weighted = [(3.0, [700, 90, 7, 2_000], 1), (1.0, [333], 10_000), (0.37, [4, 150, 80], 20_000)]
    sources = [(weight, _source(folder, lengths, 7, first)) for weight, lengths, first in weighted]
    stream = PackedStream(sources, KEY)
    batches = [stream.next_batch(count) for count in (1, 5, 64, 700)]
    whole = np.concatenate(batches)
    part = stream.partition(1, 3)
    return {
        "places": places,
        "first_tokens": whole[:70, 0].tolist(),
        "sha256": hashlib.sha256(whole.astype("<i8").tobytes()).hexdigest(),
        "state": stream.state_dict(),
        "partition": part.next_batch(9)[:, 0].tolist(),
        "partition_state": part.state_dict(),
    }


def test_the_order_is_the_frozen_one(tmp_path: Path) -> None:
    assert json.loads(json.dumps(measure(tmp_path))) == json.loads(GOLDEN.read_text())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        GOLDEN.write_text(json.dumps(measure(Path(scratch))) + "\n")
