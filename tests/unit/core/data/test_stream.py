from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.api.errors import CorpusError
from core.data.store import Document, Shard, write_shard
from core.data.stream import PackedStream, RecordSampler, Source, held_out_windows, joined, num_records

KEY = bytes(range(32))
END = 0
T = 8


class Uniforms:
    def __init__(self, seed: int) -> None:
        self._generator = np.random.default_rng(seed)

    def uniform(self, count: int) -> NDArray[np.float64]:
        return self._generator.random(count)


def shard(folder: Path, training: list[int], held_out: list[int] = [], first: int = 1) -> Shard:  # noqa: B006
    """Documents of the given lengths; every token of the shard is another number."""
    documents, at = [], first
    for size in (*training, *held_out):
        documents.append(Document(np.arange(at, at + size, dtype=np.uint16), size))
        at += size
    facts = write_shard(
        folder, KEY, documents[: len(training)], documents[len(training) :], end_of_text=END,
        tokenizer_sha256="00" * 32, extractor_version=1, dtype=np.dtype(np.uint16),
    )  # fmt: skip
    return Shard(facts.path, KEY)


def test_an_epoch_predicts_every_training_token_once_and_no_held_out_one(tmp_path: Path) -> None:
    held = shard(tmp_path, [30, 3, 45], [40])
    source = Source([held], T)
    windows = PackedStream([(1.0, source)], KEY).next_batch(source.num_windows)
    targets = windows[:, 1:].ravel()
    whole = held.tokens(0, held.num_training_tokens)
    assert sorted(targets) == sorted(whole[1 : 1 + source.num_windows * T])
    assert source.num_windows == (held.num_training_tokens - 1) // T
    assert targets.max() <= 78


def test_documents_in_a_window_are_divided_by_end_of_text(tmp_path: Path) -> None:
    source = Source([shard(tmp_path, [4, 4, 4])], T)
    assert source.window(0).tolist() == [1, 2, 3, 4, END, 5, 6, 7, 8]


def test_windows_do_not_cross_shards_and_reach_all_of_them(tmp_path: Path) -> None:
    shards = [shard(tmp_path, [40]), shard(tmp_path, [7]), shard(tmp_path, [80], first=1_000)]
    source = Source(shards, T)
    assert source.num_windows == 5 + 0 + 10
    for index in range(source.num_windows):
        window = source.window(index)
        assert len(window) == T + 1
        assert (window >= 1_000).sum() in (0, T, T + 1)


def test_each_epoch_has_another_order(tmp_path: Path) -> None:
    source = Source([shard(tmp_path, [801])], T)
    stream = PackedStream([(1.0, source)], KEY)
    first, second = (stream.next_batch(source.num_windows)[:, 0] for _ in range(2))
    assert sorted(first) == sorted(second)
    assert first.tolist() != second.tolist()
    assert first.tolist() != PackedStream([(1.0, source)], bytes(32)).next_batch(source.num_windows)[:, 0].tolist()


def test_a_restored_stream_goes_on_bit_for_bit_and_its_state_is_small(tmp_path: Path) -> None:
    sources = [(3.0, Source([shard(tmp_path, [300])], T)), (1.0, Source([shard(tmp_path, [90], first=1_000)], T))]
    stream = PackedStream(sources, KEY)
    stream.next_batch(61)
    state = json.dumps(stream.state_dict())
    assert len(state) < 160
    other = PackedStream(sources, KEY)
    other.load_state_dict(json.loads(state))
    assert np.array_equal(stream.next_batch(200), other.next_batch(200))


def test_sources_are_mixed_by_weight_with_no_run_of_luck(tmp_path: Path) -> None:
    sources = [(3.0, Source([shard(tmp_path, [300])], T)), (1.0, Source([shard(tmp_path, [90], first=1_000)], T))]
    stream = PackedStream(sources, KEY)
    for _ in range(50):
        assert (stream.next_batch(4)[:, 1:].min(axis=1) >= 1_000).sum() <= 2
    stream = PackedStream(sources, KEY)
    assert (stream.next_batch(400)[:, 1:].max(axis=1) >= 1_000).sum() == 100


def test_partitions_interleave_to_the_whole(tmp_path: Path) -> None:
    sources = [(2.0, Source([shard(tmp_path, [300])], T)), (1.0, Source([shard(tmp_path, [90], first=1_000)], T))]
    whole = PackedStream(sources, KEY)
    parts = [whole.partition(index, 3) for index in range(3)]
    wanted = whole.next_batch(60)
    for index, part in enumerate(parts):
        assert np.array_equal(part.next_batch(20), wanted[index::3])
    with pytest.raises(ValueError, match="does not exist"):
        whole.partition(3, 3)


@pytest.mark.parametrize("count", [10, 2, 1])
def test_devices_that_share_a_batch_read_it_once_and_end_at_one_place(tmp_path: Path, count: int) -> None:
    sources = [(2.0, Source([shard(tmp_path, [300])], T)), (1.0, Source([shard(tmp_path, [90], first=1_000)], T))]
    whole, ranks = PackedStream(sources, KEY), [PackedStream(sources, KEY) for _ in range(3)]
    for _ in range(4):
        wanted = whole.next_batch(count)
        shares = [stream.next_share(count, rank, 3) for rank, stream in enumerate(ranks)]
        assert all(np.array_equal(share, wanted[rank::3]) for rank, share in enumerate(shares))
        assert all(stream.state_dict() == whole.state_dict() for stream in ranks)


def test_eight_parts_join_to_a_small_state_that_divides_by_another_number(tmp_path: Path) -> None:
    sources = [(2.0, Source([shard(tmp_path, [900])], T)), (1.0, Source([shard(tmp_path, [600], first=1_000)], T))]
    stream = PackedStream(sources, KEY)
    parts = [stream.partition(index, 8) for index in range(8)]
    seen = [part.next_batch(3) for part in parts]
    state = joined([part.state_dict() for part in parts])
    assert len(json.dumps(state)) < 260
    stream.load_state_dict(state)
    seen += [stream.partition(index, 3).next_batch(20) for index in range(3)]
    wanted = PackedStream(sources, KEY).next_batch(8 * 3 + 3 * 20)
    assert sorted(np.concatenate(seen).tolist()) == sorted(wanted.tolist())


def test_only_states_of_one_stream_join(tmp_path: Path) -> None:
    source = Source([shard(tmp_path, [300])], T)
    one, two = PackedStream([(1.0, source)], KEY), PackedStream([(1.0, source), (1.0, source)], KEY)
    for states in ([], [one.state_dict(), two.state_dict()]):
        with pytest.raises(ValueError, match="all parts of one stream"):
            joined(states)


def test_a_source_that_shrank_to_nothing_keeps_its_place(tmp_path: Path) -> None:
    full, empty = Source([shard(tmp_path, [300])], T), Source([shard(tmp_path, [3])], T)
    stream = PackedStream([(1.0, full), (1.0, full)], KEY)
    stream.next_batch(10)
    shrunk = PackedStream([(1.0, full), (1.0, empty)], KEY)
    shrunk.load_state_dict(stream.state_dict())
    assert shrunk.next_batch(50).shape == (50, T + 1)
    with pytest.raises(ValueError, match="other sources"):
        PackedStream([(1.0, full)], KEY).load_state_dict(stream.state_dict())


def test_too_little_text_is_said(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="too little text"):
        PackedStream([(1.0, Source([shard(tmp_path, [3])], T))], KEY)


def test_records_share_no_token_and_hold_no_two_documents(tmp_path: Path) -> None:
    seq_len = 32
    lengths = [100, 15, 16, 32, 47, 48]
    held = shard(tmp_path, lengths, [500])
    sampler = RecordSampler([held], seq_len, 1.0, END)
    assert len(sampler) == num_records([held], seq_len) == 3 + 0 + 1 + 1 + 1 + 2
    drawn = sampler.draw(Uniforms(0))
    assert len(drawn) == len(sampler)
    assert all(record[0] == END and END not in record[1:] for record in drawn)
    tokens = np.concatenate([record[1:] for record in drawn])
    assert len(set(tokens.tolist())) == len(tokens)
    assert tokens.max() <= sum(lengths)
    bounds = np.cumsum(lengths)
    for record in drawn:
        assert len(set(np.searchsorted(bounds, record[1:]))) == 1
        assert 16 <= len(record) - 1 <= seq_len


def test_poisson_draws_have_the_right_size_spread_and_independence(tmp_path: Path) -> None:
    """Binomial(n, q) within five standard errors; a sampler of fixed size, or of 2/3 or 3/2 of q, would be seen."""
    n, q, draws = 400, 0.1, 2_000
    held = shard(tmp_path, [16] * n)
    sampler, source = RecordSampler([held], 16, q, END), Uniforms(7)
    sizes = np.zeros(draws)
    counts = np.zeros(n)
    for number in range(draws):
        picked = [int(record[1] - 1) // 16 for record in sampler.draw(source)]
        sizes[number] = len(picked)
        counts[picked] += 1
    spread = np.sqrt(q * (1 - q))
    assert abs(sizes.mean() - n * q) < 5 * spread * np.sqrt(n / draws)
    assert abs(sizes.var() / (n * q * (1 - q)) - 1) < 5 * np.sqrt(2 / draws)
    assert np.abs(counts / draws - q).max() < 5 * spread / np.sqrt(draws)
    assert sizes.max() > n * q + 2 * spread * np.sqrt(n)


def test_a_draw_may_be_empty_or_everything(tmp_path: Path) -> None:
    held = shard(tmp_path, [16] * 5)
    assert len(RecordSampler([held], 16, 1e-12, END).draw(Uniforms(1))) == 0
    assert len(RecordSampler([held], 16, 1.0, END).draw(Uniforms(1))) == 5
    for q in (0.0, -0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="sampling_prob"):
            RecordSampler([held], 16, q, END)


def test_held_out_windows_predict_each_held_out_token_but_the_first_once(tmp_path: Path) -> None:
    held = shard(tmp_path, [50], [20, 9, 1])
    windows = held_out_windows([held], T, 100)
    targets = np.concatenate([window[1:] for window in windows])
    assert sorted(targets) == [*range(52, 71), *range(72, 80)]
    assert all(2 <= len(window) <= T + 1 for window in windows)
    assert len(held_out_windows([held], T, 2)) == 2
    assert held_out_windows([held], T, 0) == []
