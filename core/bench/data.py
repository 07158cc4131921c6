"""``hedgerow bench data``: what reading costs a step, how fast text becomes tokens, how fast tokens come back.

Each figure has its anchor in the same run, in turns. Speeds of tokenising are per second of processor time, on one
thread; the fast path's own checks are in its figure.
"""

from __future__ import annotations

import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.bench.rows import Row
from core.data.pieces import pieces
from core.data.store import Document, Shard, ShardFacts, write_shard
from core.data.stream import PackedStream, Source
from core.data.tokenizer import Tokenizer, builtin_tokenizer_path
from core.demo.text import default_text
from core.jobs import TrainingPlan
from core.model.initialise import seeded_weights
from core.model.presets import preset
from core.model.recipes import default_training
from core.model.transformer import Transformer
from core.training.gradients import PackedGradients
from core.training.optimizer import AdamW
from core.training.state import RoundState

_REPEATS = 5
_TEXT_CHARACTERS = 1_200_000
_STORE_TOKENS = 18_000_000
_BATCH, _SEQ_LEN = 16, 2_048
Tokens = NDArray[np.integer[Any]]


def measure() -> list[Row]:
    """All rows of the group."""
    key = secrets.token_bytes(32)
    with tempfile.TemporaryDirectory(prefix="hedgerow-bench-") as folder:
        shards = _shards(Path(folder), key)
        return [
            *_tokenizing(),
            *_reading(shards, key, Path(folder)),
            _share(shards, key, "tiny", batch=16, repeats=_REPEATS),
            _share(shards, key, "10m", batch=2, repeats=3),
        ]


def _tokenizing() -> list[Row]:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    tokenizer = Tokenizer.load(builtin_tokenizer_path())
    text = "\n\n".join(document.text for document in default_text(_TEXT_CHARACTERS))
    megabytes = len(text.encode()) / 1e6
    ours, theirs = list[float](), list[float]()
    same = True
    for _ in range(_REPEATS + 1):  # the first fills caches and is not counted
        taken, found = _processor_time(lambda: tokenizer.encode(text))
        ours.append(taken)
        taken, wanted = _processor_time(lambda: np.concatenate([tokenizer.encode_slowly(p) for p in pieces(text)]))
        theirs.append(taken)
        same &= np.array_equal(found, wanted)
    ratio = statistics.median(b / a for a, b in zip(ours[1:], theirs[1:], strict=True))
    speed, anchor = (megabytes / statistics.median(times[1:]) for times in (ours, theirs))
    return [
        Row(
            metric="tokenising vs HF tokenizers, per core",
            unit="×",
            value=ratio,
            anchor="tokenizers 1×; tiktoken 4–8×",
            gate="≥ 4×",
            aim="≥ 8×",
            holds=ratio >= 4 and same,
        ),
        Row(metric="tokenising, ids identical", unit="1", value=float(same), gate="1", holds=same),
        Row(metric="tokenising", unit="MB/s", value=speed, anchor=f"tokenizers {anchor:.2f}"),
    ]


def _processor_time(work: Callable[[], Tokens]) -> tuple[float, Tokens]:
    began = time.thread_time()
    result = work()
    return time.thread_time() - began, result


def _shards(folder: Path, key: bytes) -> list[Shard]:
    """Random tokens in documents of 1,000: the store does not look at them."""
    chance = np.random.default_rng(1)
    written = list[ShardFacts]()
    for _ in range(3):
        documents = [
            Document(chance.integers(1, 4_096, 999, dtype=np.uint16), 4_000) for _ in range(_STORE_TOKENS // 3_000)
        ]
        written.append(
            write_shard(
                folder, key, documents, [], end_of_text=0, tokenizer_sha256="00" * 32, extractor_version=0,
                dtype=np.dtype(np.uint16),
            )
        )  # fmt: skip
    return [Shard(facts.path, key) for facts in written]


def _reading(shards: list[Shard], key: bytes, folder: Path) -> list[Row]:
    """A batch from encrypted shards in permuted order, against random windows of a plain memory map."""
    plain = folder / "plain.bin"
    np.concatenate([shard.tokens(0, shard.num_tokens) for shard in shards]).tofile(plain)
    stream = PackedStream([(1.0, Source(shards, _SEQ_LEN))], key)
    chance = np.random.default_rng(2)

    def ours() -> None:
        stream.next_batch(_BATCH).astype(np.int64)

    def nano() -> None:
        data = np.memmap(plain, dtype=np.uint16, mode="r")
        starts = chance.integers(0, len(data) - _SEQ_LEN, _BATCH)
        np.stack([data[at : at + _SEQ_LEN].astype(np.int64) for at in starts])
        np.stack([data[at + 1 : at + 1 + _SEQ_LEN].astype(np.int64) for at in starts])

    times = [(_wall_time(ours), _wall_time(nano)) for _ in range(40 * _REPEATS)]
    taken, anchor = (statistics.median(column) for column in zip(*times, strict=True))
    tokens = _BATCH * _SEQ_LEN / 1e6
    return [
        Row(
            metric=f"store, encrypted, batch {_BATCH} × {_SEQ_LEN:,}",
            unit="Mtokens/s",
            value=tokens / taken,
            anchor=f"nanoGPT-like, plain memory map {tokens / anchor:.0f}",
        ),
        Row(metric="store vs nanoGPT-like sampling", unit="×", value=anchor / taken, anchor="nanoGPT-like 1×"),
    ]


def _wall_time(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


class _Watched:
    """A stream that adds up how long it was waited for."""

    def __init__(self, stream: PackedStream) -> None:
        self._stream = stream
        self.seconds = 0.0
        self.state_dict = stream.state_dict

    def next_batch(self, count: int) -> Tokens:
        began = time.perf_counter()
        found = self._stream.next_batch(count).astype(np.int64)
        self.seconds += time.perf_counter() - began
        return found


def _share(shards: list[Shard], key: bytes, name: str, batch: int, repeats: int) -> Row:
    """Share of real steps spent waiting for tokens, widened to what the model takes; nothing is fetched ahead.

    One stream runs through all steps, as in a round: what it works out once for hundreds of windows falls to the first.
    """
    spec, training = preset(name), default_training(name, "none")
    model = Transformer(spec)
    model.load_arrays(seeded_weights(spec, seed=1))
    optimizer, state = AdamW(model.ordered(), training), RoundState()
    stream = _Watched(PackedStream([(1.0, Source(shards, training.seq_len))], key))
    gradients = PackedGradients(stream, batch, TrainingPlan(micro_batch=min(batch, 8)), training.grad_clip)
    shares = list[float]()
    for _ in range(repeats + 1):  # the first fills caches and is not counted
        stream.seconds, began = 0.0, time.perf_counter()
        result = gradients.compute(model, state, lambda _: None)
        optimizer.step(result.gradients, training.learning_rate)
        shares.append(100 * stream.seconds / (time.perf_counter() - began))
    share = statistics.median(shares[1:])
    return Row(
        metric=f"data share of a step, encrypted, no prefetch: {name}, {batch} × {training.seq_len}",
        unit="%",
        value=share,
        anchor="0.4–0.8 % derived",
        gate="< 1 %",
        aim="< 0.2 %",
        holds=share < 1,
    )
