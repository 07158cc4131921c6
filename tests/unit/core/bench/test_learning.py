"""The learning harness: what is counted, what it equals in its simplest cases, and that it ends and goes on."""

from __future__ import annotations

import hashlib
import json
import math
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from core.api.errors import UpdateError
from core.bench.learning import checkpoint, federation, frontier, gap, gates, tables, volunteers, worker
from core.bench.learning.__main__ import STAGES, seconds
from core.bench.learning.aggregators import AGGREGATORS
from core.bench.learning.cells import SIZES, Cell, below
from core.bench.learning.federation import Federation, run, steps_by_deadline
from core.bench.learning.gates import gates_table
from core.bench.learning.harness import Harness
from core.bench.learning.hostile import ATTACKS, MALFORMED, Hostile
from core.bench.learning.links import Downlink, Uplink, codec_config
from core.bench.learning.pictures import pictures
from core.bench.learning.records import Records, best_of
from core.bench.learning.synthetic import SYMBOLS, documents, entropy_bits, transitions
from core.bench.learning.text import HALVES, Stream, Text, collect, find_documents
from core.bench.learning.tuning import Doubling, descend
from core.config.exchange import CodecConfig
from core.jobs import TrainingPlan
from core.model.initialise import seeded_weights
from core.model.layout import parameter_shapes
from core.model.transformer import Transformer, next_token_loss
from core.postprocess.compression.codec import CODECS, decode
from core.training import local_steps
from core.training.optimizer import learning_rate
from core.update import ModelUpdate

TINY = Cell(size="toy", text="synthetic", clients=2, rounds=2, local_steps=2, batch=2, seq_len=32, inner_rate=1e-2)
SHAPES = parameter_shapes(SIZES["toy"])


@pytest.fixture(scope="module")
def text() -> Text:
    """A megabyte in four kinds."""
    made = [piece.tobytes() for document in documents(1 << 20) for piece in np.split(document, 8)]
    kinds = {name: made[at::4] for at, name in enumerate("abcd")}
    return collect(
        {n: {hashlib.sha256(f"{n}{i}".encode()).digest(): d for i, d in enumerate(k)} for n, k in kinds.items()}
    )


def update(seed: int, scale: float = 1e-2) -> ModelUpdate:
    draw = np.random.default_rng(seed)
    return ModelUpdate({n: (scale * draw.standard_normal(s)).astype(np.float32) for n, s in SHAPES.items()})


def test_a_cell_keeps_its_name_when_a_field_with_a_default_is_added() -> None:
    assert Cell().key == "44136fa355b3678a", "the hash of no change at all"
    assert replace(TINY, seed=2).key != TINY.key
    assert Cell.from_dict(json.loads(json.dumps(TINY.as_dict()))) == TINY


def test_presets_are_of_the_size_they_are_called_after() -> None:
    from core.model.presets import num_parameters

    wanted = {"0.3m": 0.3e6, "1m": 1e6, "3m": 3e6, "10m": 10e6, "35m": 35e6, "125m": 125e6}
    for name, size in wanted.items():
        assert 0.88 * size < num_parameters(SIZES[name]) < 1.12 * size


@pytest.mark.parametrize("split", ["iid", "kind"])
@pytest.mark.parametrize("parts", [1, 2, 3, 4, 6, 8])
def test_parts_share_no_document_and_leave_none_out_but_those_held_out(text: Text, split: str, parts: int) -> None:
    whole = len(text.part("iid", 1, 0))
    found = [text.part(split, parts, part) for part in range(parts)]  # type: ignore[arg-type]
    assert sum(map(len, found)) == whole
    assert min(map(len, found)) > 0
    assert 0 < int(text.held_rows.sum()) < len(text.table) / 4
    assert whole + len(text.table) - 2 * int(text.held_rows.sum()) > 0


def test_settings_are_chosen_by_other_documents_than_are_reported(text: Text, tmp_path: Path) -> None:
    choose, report = (text.held_out(32, half) for half in HALVES)
    assert len(choose) > 0
    assert not {row.tobytes() for row in choose} & {row.tobytes() for row in report}
    records, one, other = Records(tmp_path / "r.jsonl"), replace(TINY, seed=5), replace(TINY, seed=6)
    for cell, chosen_by, reported in ((one, 2.0, 3.0), (other, 3.0, 2.0)):
        records.add({"key": cell.key, "cell": cell.as_dict(), "final": reported, "choice": chosen_by})
    assert best_of(records, [one, other]) == one
    with records.path.open("a") as stream:
        stream.write(json.dumps({"key": TINY.key, "cell": TINY.as_dict(), "final": 1.0}) + "\n")
    assert TINY not in Records(records.path), "a row of an earlier version"


def test_held_out_text_that_is_in_training_or_in_the_other_half_counts_nowhere() -> None:
    draw = np.random.default_rng(3)
    made = {
        hashlib.sha256(bytes([n % 256, n // 256])).digest(): draw.bytes(5_000).replace(b"\0", b"x") for n in range(400)
    }
    clean = collect({"a": made})
    held = [digest for digest in sorted(made) if (int.from_bytes(digest[:8], "big") >> 2) % 20 == 0]
    trained = next(digest for digest in made if digest not in held)
    assert len(held) > 4
    assert not clean.table[:, 4].any()
    halves = {digest: (int.from_bytes(digest[:8], "big") >> 2) // 20 % 2 for digest in held}
    twin = next(digest for digest in held if halves[digest] != halves[held[1]])
    one, other = (next(d for d in held if d not in (held[1], twin) and halves[d] == half) for half in (0, 1))
    repeated = collect({"a": made | {one: b"start " * 99 + made[trained] + b" end" * 99, held[1]: made[twin]}})
    usable = dict(zip(sorted(made), repeated.table[:, 4] == 0, strict=True))
    assert not usable[one], "it is in training, at another place"
    assert not usable[held[1]]
    assert not usable[twin]
    assert usable[other]


def test_by_kind_a_client_has_one_kind(text: Text) -> None:
    for part in range(4):
        rows = text.table[(text.table[:, 2] == part) & ~text.held_rows]
        assert len(text.part("kind", 4, part)) == int((rows[:, 1] - rows[:, 0] + 1).sum())


def test_the_synthetic_source_has_the_entropy_it_says() -> None:
    chances = transitions()
    known = entropy_bits(chances)
    sample = np.stack(list(documents(1 << 20))).astype(int) - 97
    said = -np.log2(chances[sample[:, :-2], sample[:, 1:-1], sample[:, 2:]])
    assert abs(float(said.mean()) - known) < 0.01
    assert 0.5 < known < math.log2(SYMBOLS)


def test_documents_of_this_machine_are_each_there_once() -> None:
    found = find_documents("synthetic", 1 << 16)["synthetic"]
    assert len(set(found.values())) == len(found) > 10


def test_an_epoch_reads_every_window_once_and_a_stream_goes_on_where_it_was(text: Text) -> None:
    part = text.part("iid", 4, 0)[:3_000]
    stream = Stream(part, 32, 1)
    count = len(stream._order)
    first = np.concatenate([stream.next_batch(1) for _ in range(count)])
    assert len({row.tobytes() for row in first}) >= count - 1
    assert stream.tokens == 32 * count
    assert stream.epochs == 1.0
    other = Stream(part, 32, 1)
    other.next_batch(7)
    again = Stream(part, 32, 1)
    again.load(other.state_dict())
    assert np.array_equal(again.next_batch(count), other.next_batch(count))


def test_equal_token_runs_read_equally_many_tokens(text: Text) -> None:
    central = replace(TINY, clients=1, batch=8)
    rows = [run(cell, text, TrainingPlan(micro_batch=2)) for cell in (central, replace(TINY, clients=4))]
    assert [row["tokens"] for row in rows] == [2 * 2 * 8 * 32] * 2 == [central.tokens, replace(TINY, clients=4).tokens]
    assert [row["steps"] for row in rows] == [4, 4]


def test_slow_clients_do_fewer_steps_and_the_tokens_say_so(text: Text) -> None:
    cell = replace(TINY, clients=3, local_steps=10, spread=10.0)
    assert sorted(steps_by_deadline(cell)) == [1, 3, 10]
    assert len({tuple(steps_by_deadline(replace(cell, seed=seed))) for seed in range(9)}) > 1, "dealt by the seed"
    row = run(cell, text, TrainingPlan(micro_batch=2))
    assert row["tokens"] == 2 * (10 + 3 + 1) * 2 * 32 < cell.tokens


def test_one_client_and_an_outer_step_of_one_is_plain_adamw(text: Text) -> None:
    cell = replace(TINY, clients=1, rounds=3, local_steps=4)
    federation = Federation(cell, text, TrainingPlan(micro_batch=2))
    for _ in range(cell.rounds):
        federation.play()
    model = Transformer(cell.spec)
    model.load_arrays(seeded_weights(cell.spec, cell.seed))
    training, stream = cell.training, Stream(text.part("iid", 1, 0), 32, cell.seed * (1 << 20))
    plain = torch.optim.AdamW(
        model.ordered(), betas=(training.beta1, training.beta2), eps=training.adam_eps, weight_decay=0.0
    )
    for step in range(12):
        plain.param_groups[0]["lr"] = learning_rate(training, step)
        plain.zero_grad()
        next_token_loss(model, torch.from_numpy(stream.next_batch(2).astype(np.int64))).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.ordered(), training.grad_clip)
        plain.step()
    moved = seeded_weights(cell.spec, cell.seed)
    for name, array in model.to_arrays().items():
        assert np.abs(array - moved[name]).max() > 1e-3
        np.testing.assert_allclose(federation.weights[name], array, atol=5e-5)


def test_with_full_feedback_nothing_is_lost_but_delayed() -> None:
    up = Uplink(codec_config("topk", 16, 256), 1.0)
    sent = [decode(up.send(update(n)), SHAPES, up.config).flat() for n in range(5)]
    whole = sum(update(n).flat() for n in range(5))
    kept = ModelUpdate(up.residual).flat()
    np.testing.assert_allclose(sum(sent) + kept, whole, atol=1e-6)
    assert np.abs(kept).max() > 1e-3


def test_a_lost_upload_is_lost_or_goes_back() -> None:
    up = Uplink(codec_config("topk", 16, 256), 0.9)
    up.send(update(1))
    before = ModelUpdate(dict(up.residual)).flat()
    sent = decode(up.send(update(2)), SHAPES, up.config).flat()
    kept = ModelUpdate(dict(up.residual)).flat()
    up.lost(0.0)
    np.testing.assert_array_equal(ModelUpdate(dict(up.residual)).flat(), kept)
    up.lost(1.0)
    given_back = ModelUpdate(up.residual).flat()
    np.testing.assert_allclose(given_back, kept + sent, atol=1e-6)
    np.testing.assert_allclose(given_back, np.float32(0.9) * before + update(2).flat(), atol=1e-6)


def test_a_run_that_failed_is_infinitely_bad_and_not_absent(tmp_path: Path) -> None:
    records, good = Records(tmp_path / "r.jsonl"), Cell(size="toy")
    bad = replace(good, inner_rate=1.0)
    for cell, final in ((good, 2.0), (bad, None)):
        records.add(
            {"key": cell.key, "cell": cell.as_dict(), "final": final, "choice": final, "tokens": 1, "seconds": 1.0}
        )
    ours, theirs = tables.paired(records, [bad], [good])
    assert (ours, theirs) == ([math.inf], [2.0])
    assert tables.cost(ours, theirs) == "diverged"
    over = gates._over(records, [bad], [good])
    assert over is not None
    assert math.isinf(over.mean)
    assert gates._over(records, [good, replace(good, seed=2)], [good, replace(good, seed=2)]) is None, (
        "a seed is missing"
    )


def test_a_gate_that_was_missed_is_not_one_that_was_not_run(tmp_path: Path) -> None:
    records = Records(tmp_path / "none")
    assert {row.holds for row in gates.gates(records, "toy")} == {None}
    while wanted := [c for _, stage in STAGES for c in stage(records, "toy") if c not in records]:
        for cell in wanted:
            dense = cell.codec == "fp32" and not cell.down
            records.rows[cell.key] = row_of(cell, 2.0 if dense else 2.0 + 0.2 * (1 + 0.01 * cell.seed))
    saved, lost, down = (
        next(row for row in gates.gates(records, "toy") if row.metric.startswith(name))
        for name in ("fp32 / uploaded", "least loss", "fp32 / broadcast")
    )
    assert (saved.value, saved.holds) == (1.0, False)
    assert lost.holds is False
    assert lost.value == pytest.approx(10.45, rel=0.001), "with the further seeds"
    assert "by 6 seeds" in lost.metric
    assert (down.value, down.holds) == (1.0, False)


def test_a_bound_within_the_error_is_undecided() -> None:
    assert gates._row("x", gates.Over(0.4, 0.01, 3), 0.5, "", "").holds is True
    assert gates._row("x", gates.Over(0.6, 0.01, 3), 0.5, "", "").holds is False
    near = gates._row("x", gates.Over(0.4, 0.1, 3), 0.5, "", "")
    assert near.holds is None
    assert near.metric == "x, ± 0.10 by 3 seeds, undecided"
    assert gates._row("x", gates.Over(0.4, math.nan, 1), 0.5, "", "").metric == "x, 1 seed"


def test_a_compressed_broadcast_catches_up_when_the_weights_stand_still() -> None:
    begin, goal = seeded_weights(SIZES["toy"], 1), seeded_weights(SIZES["toy"], 2)
    down = Downlink(begin, codec_config("topk", 64, 256))
    apart = [float(np.abs(begin[n] - goal[n]).max()) for n in goal]
    for _ in range(30):
        down.follow(goal)
    assert max(float(np.abs(down.held[n] - goal[n]).max()) for n in goal) < 0.05 * max(apart)
    dense = Downlink(begin, None)
    dense.follow(goal)
    assert dense.sent_bytes > 5 * down.sent_bytes / 30


@pytest.mark.parametrize("codec", sorted(CODECS))
@pytest.mark.parametrize("attack", MALFORMED)
def test_bytes_that_are_no_update_are_refused_whatever_the_codec(codec: str, attack: str) -> None:
    config = CodecConfig(name=codec, chunk_size=256, kept=16)  # type: ignore[arg-type]
    payload = Hostile(attack, 1).send(update(1), [], config)
    with pytest.raises(UpdateError):
        decode(payload, SHAPES, config)


@pytest.mark.parametrize("attack", sorted(set(ATTACKS) - set(MALFORMED)))
def test_every_other_attack_is_a_well_formed_update_that_differs_from_an_honest_one(attack: str) -> None:
    config, honest = codec_config("int8", 1, 256), [update(n) for n in range(3)]
    hostile = Hostile(attack, 1)
    for number in range(8):
        payload = hostile.send(update(number), honest, config)
    assert float(np.abs(decode(payload, SHAPES, config).flat() - update(7).flat()).max()) > 1e-3


@pytest.mark.parametrize("codec", ["int8", "topk"])
def test_attacks_are_as_long_on_the_wire_as_they_say(codec: str) -> None:
    config = codec_config(codec, 16, 256)
    honest = [decode(Uplink(config, 0.9).send(update(n)), SHAPES, config) for n in range(8)]
    usual, mean = float(np.median([one.norm() for one in honest])), sum(one.flat() for one in honest) / 8

    def sent(attack: str, hostile: Hostile) -> np.ndarray:
        return decode(hostile.send(update(9), honest, config), SHAPES, config).flat()

    turned = sent("inner-product", Hostile("inner-product", 1))
    assert float(np.linalg.norm(turned)) == pytest.approx(usual, rel=0.1)
    assert float(turned @ mean) < -0.3 * float(np.linalg.norm(turned) * np.linalg.norm(mean))
    two = [Hostile("small-colluders", 1), Hostile("small-colluders", 1)]
    first, second = (sent("small-colluders", one) for one in two)
    assert float(np.linalg.norm(first)) == pytest.approx(usual / 2, rel=0.1)
    assert np.array_equal(first, second)
    assert float(sent("small-colluders", two[0]) @ first) > 0.99 * float(first @ first)


@pytest.mark.parametrize("aggregator", AGGREGATORS)
def test_every_aggregator_closes_rounds_with_hostile_volunteers(text: Text, aggregator: str) -> None:
    cell = replace(TINY, clients=10, hostile=2, attack="scale", aggregator=aggregator, codec="int8", local_steps=1)
    row = run(cell, text, TrainingPlan(micro_batch=2))
    assert not row["failed"]
    assert row["final"] < 9.0
    assert run(replace(cell, attack="nan"), text, TrainingPlan(micro_batch=2))["refused"] == 4


def test_pairs_that_the_terms_refuse_are_not_run() -> None:
    assert volunteers.refused("median", {"codec": "topk"})
    assert volunteers.refused("multi-krum", {"codec": "int8", "noise": 1.0})
    assert not volunteers.refused("multi-krum", {"codec": "int8"})
    assert not volunteers.refused("centred-clipping", {"codec": "topk"})


def test_bytes_are_those_of_the_codec(text: Text) -> None:
    from core.postprocess.compression.codec import encoded_size

    cell = replace(TINY, codec="topk", feedback=0.9, chunk=256, kept=16, rounds=5)
    row = run(cell, text, TrainingPlan(micro_batch=2))
    assert row["up_bytes"] == 10 * encoded_size(SHAPES, codec_config("topk", 16, 256))
    assert row["up_densest"] == 10 * encoded_size(SHAPES, codec_config("topk", 16, 256, "combinadic")) < row["up_bytes"]
    assert row["up_dense"] == 10 * update(1).dense_bytes


def test_a_cell_that_was_broken_off_ends_as_one_that_was_not(
    text: Text, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = replace(TINY, rounds=4, codec="topk", feedback=0.9, drop=0.3, outer="fedmom", momentum=0.9, outer_rate=0.3)
    cell = replace(cell, chunk=256, kept=16)
    whole = run(cell, text, TrainingPlan(micro_batch=2))
    monkeypatch.setattr(federation, "CHECKPOINT_S", 0.0)

    class Killed(Exception):
        pass

    def kill(share: float) -> None:
        if share > 0.6:
            raise Killed

    with pytest.raises(Killed):
        run(cell, text, TrainingPlan(micro_batch=2), tmp_path, kill)
    assert list(tmp_path.glob("*.npz"))
    rounds: list[float] = []
    again = run(cell, text, TrainingPlan(micro_batch=2), tmp_path, rounds.append)
    assert rounds[0] > 0.5, "it began again instead of going on"
    counted = ("final", "tokens", "steps", "up_bytes", "lost", "curve", "by_kind")
    assert {name: again[name] for name in counted} == {name: whole[name] for name in counted}
    assert not list(tmp_path.iterdir())


def test_a_damaged_checkpoint_begins_again(text: Text, tmp_path: Path) -> None:
    checkpoint._path(TINY, tmp_path).write_bytes(b"PK no")
    assert run(TINY, text, TrainingPlan(micro_batch=2), tmp_path)["rounds"] == 2


def small(monkeypatch: pytest.MonkeyPatch, text: Text) -> None:
    monkeypatch.setattr(worker, "cached_text", lambda *_: text)


def fixed(*cells: Cell) -> object:
    return lambda _records: list(cells)


def test_two_cells_run_in_order_and_never_again(text: Text, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch, text)
    cells = (replace(TINY, seed=2), TINY)
    assert Harness(tmp_path, fixed(*cells), 60.0, workers=0).run() == []  # type: ignore[arg-type]
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [line["cell"]["seed"] for line in lines] == [2, 1]
    monkeypatch.setattr(worker, "cached_text", lambda *_: pytest.fail("a finished cell was run again"))
    assert Harness(tmp_path, fixed(*cells), 60.0, workers=0).run() == []  # type: ignore[arg-type]
    with (tmp_path / "results.jsonl").open("a") as stream:
        stream.write('{"key": "cut o')
    assert len(Records(tmp_path / "results.jsonl").rows) == 2


def test_what_does_not_fit_the_budget_or_the_machine_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "cached_text", lambda *_: pytest.fail("it was begun"))
    cells = (replace(TINY, rounds=10**6), replace(TINY, size="10m"))
    skipped = Harness(tmp_path, fixed(*cells), 30.0, workers=0).run()  # type: ignore[arg-type]
    assert {(one.cell, one.why) for one in skipped} == {(cells[0], "no time left"), (cells[1], "no GPU")}


def test_a_cell_that_cannot_be_run_here_does_not_stop_the_others(
    text: Text, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch, text)
    cells = (replace(TINY, codec="morse"), replace(TINY, outer="newton"), TINY)  # type: ignore[arg-type]
    skipped = Harness(tmp_path, fixed(*cells), 60.0, workers=0).run()  # type: ignore[arg-type]
    assert [one.cell for one in skipped] == list(cells[:2])
    assert "morse" in skipped[0].why
    assert "newton" in skipped[1].why
    assert TINY in Records(tmp_path / "results.jsonl")


def test_a_later_cell_may_depend_on_what_came_before(
    text: Text, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch, text)

    def plan(records: Records) -> Sequence[Cell]:
        found = descend(records, TINY, (({"inner_rate": 1e-1}, {"inner_rate": 1e-4}), ({"outer_rate": 0.1},)))
        return found.cells

    assert Harness(tmp_path, plan, 60.0, workers=0).run() == []
    records = Records(tmp_path / "results.jsonl")
    best = descend(records, TINY, (({"inner_rate": 1e-1}, {"inner_rate": 1e-4}), ({"outer_rate": 0.1},))).best
    assert best is not None
    tried = [records.choice(c) for c in (TINY, replace(TINY, inner_rate=1e-1), replace(TINY, inner_rate=1e-4))]
    assert records.choice(replace(best, outer_rate=1.0)) == min(value for value in tried if value is not None)


def test_doubling_goes_on_until_the_best_is_not_at_an_end(tmp_path: Path) -> None:
    records, axis = Records(tmp_path / "results.jsonl"), Doubling("inner_rate")
    tried = []
    while (found := descend(records, TINY, (axis,))).best is None:
        cell = next(cell for cell in found.cells if cell not in records)
        tried.append(cell.inner_rate / TINY.inner_rate)
        bits = abs(math.log2(cell.inner_rate / (TINY.inner_rate / 4)))
        records.add({"key": cell.key, "cell": cell.as_dict(), "final": bits, "choice": bits})
    assert sorted(tried) == [0.125, 0.25, 0.5, 1.0, 2.0]
    assert found.best.inner_rate == TINY.inner_rate / 4


@pytest.mark.slow
def test_a_larger_model_begins_with_what_a_smaller_one_chose_and_tunes_its_rate(tmp_path: Path) -> None:
    records = Records(tmp_path / "none")
    assert [below(size) for size in ("toy", "0.3m", "1m", "125m")] == ["", "", "0.3m", "35m"]
    assert len(frontier.topk(records, "1m").cells) == len(frontier.topk(records, "0.3m").cells), "nothing is known yet"
    while (small := frontier.topk(records, "0.3m")).best is None:
        for cell in small.cells:
            distance = abs(math.log(cell.inner_rate / 4e-3)) + abs(cell.outer_rate - 2) + abs(cell.feedback - 0.98)
            records.rows[cell.key] = row_of(cell, 2.0 + distance)
    assert (small.best.inner_rate, small.best.feedback) == (4e-3, 0.98)
    wanted = frontier.topk(records, "1m").cells
    assert wanted[0] == replace(small.best, size="1m")
    assert {replace(cell, inner_rate=4e-3) for cell in wanted} == {wanted[0]}, "only the inner rate is tuned again"
    reference = gap.central(records, "10m")
    assert reference.cells[0].rounds == gap.rounds("10m")


def test_workers_end_with_the_budget_and_when_they_are_told(tmp_path: Path) -> None:
    long = replace(TINY, rounds=2_000, text="synthetic")
    script = (
        "from pathlib import Path; import sys\n"
        "from core.bench.learning.harness import Harness\n"
        "from core.bench.learning import records\n"
        "records.Records.seconds = lambda *_: 0.0\n"
        "from core.bench.learning.cells import Cell\n"
        f"cell = Cell.from_dict({long.as_dict()!r})\n"
        "def plan(records):\n"
        "    print('asked', flush=True)\n"
        "    return [cell]\n"
        f"for one in Harness(Path({str(tmp_path)!r}), plan, float(sys.argv[1]), workers=2).run():\n"
        "    print(one.why)\n"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", script, "3"], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split("asked")[-1].strip() == "the budget ended inside it"
    assert time.monotonic() - began < 40
    told = subprocess.Popen([sys.executable, "-c", script, "600"], stdout=subprocess.PIPE, text=True)
    assert told.stdout is not None
    assert told.stdout.readline() == "asked\n"
    told.send_signal(signal.SIGTERM)
    out, _ = told.communicate(timeout=30)
    assert out.split("asked")[-1].strip() == "it was broken off"
    assert told.returncode == 0


def test_a_budget_is_said_as_people_say_it() -> None:
    assert [seconds(said) for said in ("90", "90s", "30m", "2h")] == [90.0, 90.0, 1_800.0, 7_200.0]
    with pytest.raises(ValueError, match="soon"):
        seconds("soon")


def test_every_stage_names_cells_that_can_be_built_as_far_as_results_go(tmp_path: Path) -> None:
    records = Records(tmp_path / "none")
    draw, turns = np.random.default_rng(1), 0
    while wanted := [cell for _, stage in STAGES for cell in stage(records, "toy") if cell not in records]:
        turns += 1
        assert turns < 20, "the campaign does not end"
        for cell in wanted:
            assert cell.training.batch_size
            assert cell.outer_config.learning_rate == cell.outer_rate
            codec_config(cell.codec, cell.kept, cell.chunk)
            records.rows[cell.key] = row_of(cell, 2.0 + float(draw.random()))
    assert turns > 3, "later cells depend on what earlier ones found"
    assert all(stage(records, "toy") for _, stage in STAGES)
    told = gates_table(records, "toy") + tables.report(records, "toy")
    assert "tuning unfinished" not in told
    assert "not run" not in told, "every line of every table has its cells"
    assert len(pictures(records, "toy", tmp_path)) == 4


def row_of(cell: Cell, bits: float) -> dict[str, object]:
    counted = {"steps": 1, "lost": 0, "tokens": cell.tokens, "up_bytes": 10, "up_densest": 9, "up_dense": 90}
    curve = [(at, at, at * 1000, bits) for at in (1, 2, 3)]
    return {
        "key": cell.key,
        "cell": cell.as_dict(),
        "final": bits,
        "choice": bits,
        "by_kind": dict.fromkeys(("python", "prose", "c", "perl"), bits),
        "curve": curve,
        "down_bytes": 1,
        "down_dense": 9,
    } | counted


def test_a_compilation_that_was_broken_off_is_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "code" / "work").mkdir(parents=True)
    found: list[list[Path]] = []

    def compile_into(folder: Path, *_: object) -> TrainingPlan:
        found.append(list(folder.iterdir()))
        raise OSError("no compiler after all")

    monkeypatch.setattr(local_steps, "find_compiler", lambda: "g++")
    monkeypatch.setattr(local_steps, "compile_into", compile_into)
    plan = TrainingPlan(micro_batch=2)
    assert local_steps.compiled_plan(SIZES["toy"], 32, plan, tmp_path / "code") == plan
    assert found == [[]]


def test_both_reports_say_what_was_not_run(text: Text, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch, text)
    monkeypatch.setattr(gap, "ROUNDS", {"toy": 1})
    cells = gap.central(Records(tmp_path / "none"), "toy").cells
    Harness(tmp_path, lambda r: gap.central(r, "toy").cells[:3], 60.0, workers=0).run()
    cells = cells[:3]
    records = Records(tmp_path / "results.jsonl")
    told = tables.report(records, "toy")
    assert all(f"{records.final(cell):.4f}" in told for cell in cells)
    assert "tuning unfinished" in told
    assert "not run" in told
    assert pictures(records, "toy", tmp_path) == []
