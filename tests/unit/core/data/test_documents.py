from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.data.documents import PADDING, DocumentSampler
from core.data.packing import Packer
from core.data.store import Document, Shard, write_shard
from core.data.stream import num_records, record_table
from core.data.tokenizer import Tokenizer, builtin_tokenizer_path

KEY = bytes(range(32))
END = 0
T = 16


class Uniforms:
    """A repeatable source of uniforms."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.default_rng(seed)

    def uniform(self, count: int) -> np.ndarray:
        return self._generator.random(count)


def shard(folder: Path, lengths: list[int], held_out: list[int] | None = None) -> Shard:
    """Every token of every document is another number, so it says where it came from."""
    documents, first = [], 1
    for size in lengths + (held_out or []):
        documents.append(Document(np.arange(first, first + size, dtype=np.uint16), size))
        first += size
    facts = write_shard(
        folder, KEY, documents[: len(lengths)], documents[len(lengths) :], end_of_text=END,
        tokenizer_sha256="00" * 32, extractor_version=1, dtype=np.dtype(np.uint16),
    )  # fmt: skip
    return Shard(facts.path, KEY)


def test_an_example_is_whole_windows_of_one_document(tmp_path: Path) -> None:
    lengths = [100, 15, 16, 7, 40, 200]
    bounds = np.cumsum(lengths)
    sampler = DocumentSampler([shard(tmp_path, lengths, [300])], T, 1.0, 4, END)
    assert len(sampler) == 4, "documents too short for one window are no unit"
    for seed in range(20):
        for example, size in zip(sampler.draw(Uniforms(seed)), (100, 16, 40, 200), strict=True):
            tokens = example[:, 1:][example[:, 1:] != PADDING]
            assert set(example[:, 0].tolist()) == {END}
            assert len(set(np.searchsorted(bounds, tokens).tolist())) == 1
            assert len(set(tokens.tolist())) == len(tokens), "no token twice"
            assert len(example) == min(4, -(-size // T) - (0 < size % T < T))
            assert all(np.diff(row[row != PADDING][1:]).max() == 1 for row in example)
            assert tokens.max() <= sum(lengths), "nothing held out"


def test_a_short_last_window_is_padded_behind(tmp_path: Path) -> None:
    (example,) = DocumentSampler([shard(tmp_path, [2 * 32 + 20])], 32, 1.0, 5, END).draw(Uniforms(1))
    assert example.shape == (3, 33)
    assert (example[2, 21:] == PADDING).all()
    assert (example[2, :21] != PADDING).all()
    (short,) = DocumentSampler([shard(tmp_path, [20])], 32, 1.0, 5, END).draw(Uniforms(1))
    assert short.shape == (1, 21), "no wider than the document needs"


def _is_poisson(sizes: np.ndarray, counts: np.ndarray, n: int, q: float) -> bool:
    """Mean, spread and every document's share within five standard errors of Binomial(n, q)."""
    draws, spread = len(sizes), np.sqrt(q * (1 - q))
    return bool(
        abs(sizes.mean() - n * q) < 5 * spread * np.sqrt(n / draws)
        and abs(sizes.var() / (n * q * (1 - q)) - 1) < 5 * np.sqrt(2 / draws)
        and np.abs(counts / draws - q).max() < 5 * spread / np.sqrt(draws)
    )


def test_draws_are_poisson_and_two_thirds_or_three_halves_of_q_are_rejected(tmp_path: Path) -> None:
    n, q, draws = 300, 0.1, 1_000
    held = shard(tmp_path, [T] * n)
    verdicts = []
    for actual in (q, q * 2 / 3, q * 3 / 2):
        sampler, source = DocumentSampler([held], T, actual, 1, END), Uniforms(11)
        sizes, counts = np.zeros(draws), np.zeros(n)
        for number in range(draws):
            picked = [int(example[0, 1] - 1) // T for example in sampler.draw(source)]
            sizes[number] = len(picked)
            counts[picked] += 1
        verdicts.append(_is_poisson(sizes, counts, n, q))
        assert len(set(sizes.tolist())) > 10, "never of fixed size"
    assert verdicts == [True, False, False]


def test_windows_of_a_long_document_are_drawn_evenly_without_repetition(tmp_path: Path) -> None:
    windows, k, draws = 10, 3, 3_000
    sampler, source = DocumentSampler([shard(tmp_path, [windows * T])], T, 1.0, k, END), Uniforms(3)
    counts, pairs = np.zeros(windows), np.zeros((windows, windows))
    for _ in range(draws):
        (example,) = sampler.draw(source)
        picked = ((example[:, 1] - 1) // T).tolist()
        assert len(set(picked)) == k
        counts[picked] += 1
        for one in picked:
            pairs[one, picked] += 1
    share = k / windows
    assert np.abs(counts / draws - share).max() < 5 * np.sqrt(share * (1 - share) / draws)
    together = pairs[~np.eye(windows, dtype=bool)] / draws
    both = share * (k - 1) / (windows - 1)
    assert np.abs(together - both).max() < 5 * np.sqrt(both * (1 - both) / draws)


def test_the_same_generator_gives_the_same_draw(tmp_path: Path) -> None:
    sampler = DocumentSampler([shard(tmp_path, [90, 200, 33, 64])], T, 0.5, 2, END)
    one, other = sampler.draw(Uniforms(5)), sampler.draw(Uniforms(5))
    assert len(one) == len(other)
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    sizes = {len(sampler.draw(Uniforms(seed))) for seed in range(100)}
    assert {0, 4} <= sizes, "a draw may be empty or everything"


def test_a_document_that_is_split_for_holding_back_counts_once(tmp_path: Path) -> None:
    tokenizer = Tokenizer.load(builtin_tokenizer_path())
    packer = Packer(tmp_path, KEY, tokenizer)
    for number in range(3):
        packer.add(f"The hedge number {number}. " * 300)
    shards = [Shard(facts.path, KEY) for facts in packer.finish()]
    assert sum(one.num_documents for one in shards) == 6
    assert len(DocumentSampler(shards, 64, 1.0, 1, tokenizer.end_of_text)) == 3


def test_documents_of_all_shards_are_drawn(tmp_path: Path) -> None:
    shards = [shard(tmp_path, [20, 3]), shard(tmp_path, [4]), shard(tmp_path, []), shard(tmp_path, [50, 60, 70])]
    sampler = DocumentSampler(shards, T, 1.0, 2, END)
    assert [len(example) for example in sampler.draw(Uniforms(1))] == [1, 2, 2, 2]
    assert len(DocumentSampler([], T, 1.0, 2, END)) == 0
    assert DocumentSampler([], T, 1.0, 2, END).draw(Uniforms(1)) == []


@pytest.mark.parametrize(("q", "windows"), [(0.0, 1), (1.1, 1), (float("nan"), 1), (0.5, 0)])
def test_nonsense_is_refused(tmp_path: Path, q: float, windows: int) -> None:
    with pytest.raises(ValueError, match="got"):
        DocumentSampler([shard(tmp_path, [20])], T, q, windows, END)


def test_the_record_table_agrees_with_its_definition(tmp_path: Path) -> None:
    chance = np.random.default_rng(9)
    for _ in range(30):
        lengths = chance.integers(1, 90, chance.integers(1, 9)).tolist()
        held, seq_len = shard(tmp_path, lengths, [40]), int(chance.integers(4, 40))
        spans = []
        for first, size in zip(np.cumsum([0] + [n + 1 for n in lengths]), lengths, strict=False):
            for at in range(0, size, seq_len):
                if min(seq_len, size - at) >= min(16, seq_len):
                    spans.append([first + at, first + min(at + seq_len, size)])
        assert record_table(held, seq_len).tolist() == spans
        assert num_records([held], seq_len) == len(spans)
