"""The benchmarks run, print what the design lists, and their counted quantities hold. Times are never tested."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest
import torch

from core.api.errors import UsageError
from core.bench import pending
from core.bench.__main__ import main
from core.bench.rows import NOT_RUN, Row, machine, print_table
from core.config.learning import TrainingConfig


def run(group: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "app", "bench", group, "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_rows_that_are_not_measured_claim_nothing() -> None:
    assert pending.PRIVACY
    for row in pending.PRIVACY:
        assert row.value is None
        assert row.holds is None


def test_a_charge_is_measured_beside_a_bare_commit() -> None:
    from core.bench.charge import measure

    rows = {row.metric: row for row in measure(charges=20, histories=(0, 30))}
    assert set(rows) == {
        "charge / bare SQLite FULL commit, median", "charge, p50", "charge, p99", "gauge after 20 charges",
        "charge after 30 others / bare SQLite FULL commit, median", "charge after 30 others, p50",
        "charge after 30 others, p99", "gauge after 50 charges",
    }  # fmt: skip
    assert all(row.value is not None and row.value > 0 for row in rows.values())
    assert (rows["charge, p99"].value or 0) >= (rows["charge, p50"].value or 0)


@pytest.mark.slow
def test_a_coordinator_is_measured_under_a_crowd() -> None:
    from core.bench.crowd import measure

    rows = {row.metric: row.value or 0.0 for row in measure(sizes=(3,), rounds=2, strangers=0)}
    assert set(rows) == {
        "3 volunteers: a round", "3 volunteers: coordinator, peak PSS", "3 volunteers: service, peak PSS",
        "3 volunteers: SuperLink, peak PSS", "3 volunteers: gateway, peak PSS", "3 volunteers: SuperExec, peak PSS",
        "3 volunteers: ServerApp, peak PSS", "3 volunteers: coordinator, processor time per update",
    }  # fmt: skip
    assert all(value > 0 for value in rows.values())


@pytest.mark.slow
def test_a_document_step_is_measured_beside_the_plain_step() -> None:
    from core.bench.private_step import measure

    small = TrainingConfig(seq_len=16, batch_size=2, local_steps=1, learning_rate=1e-3)
    rows = measure("tiny", small, repetitions=1)
    assert [row.metric.partition(" (")[0] for row in rows] == [
        "document step / plain step, time", "document step / plain step, time",
        "document step / plain step, peak memory",
    ]  # fmt: skip
    measured = rows if sys.platform == "linux" else rows[:2]
    assert all(row.value is not None and row.value > 0 and row.holds is not None for row in measured)


def test_the_document_of_a_group(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("core.bench.codec.measure", lambda: [Row(metric="m", unit="×", value=2.0)])
    assert main(["codec", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"machine", "rows"}
    assert all(set(row) == {"metric", "value", "unit", "anchor", "gate", "aim", "holds"} for row in found["rows"])


@pytest.mark.slow
def test_codecs_are_measured_on_a_real_update() -> None:
    from core.bench.codec import measure

    rows = {row.metric: row.value for row in measure("tiny", warm_up=2, local_steps=2) if row.value is not None}
    ratios = {name: rows[f"{name}: dense fp32 / sealed bytes"] for name in ("int8", "int4", "int2", "sign")}
    assert [round(ratio, 1) for ratio in ratios.values()] == [3.9, 7.5, 15.5, 30.1]
    codes = [
        rows[f"topk 64/4096, {code}: dense fp32 / sealed bytes"] for code in ("combinadic", "elias-fano", "packed")
    ]
    assert 206 < codes[0] < 208
    assert codes[0] > codes[1] > 190 > codes[2] > 140
    assert rows["unit none, real TINY update"] == codes[0]
    assert rows["fp32: relative error, L2"] == 0
    assert 0 < rows["dct 64/4096: relative error, L2"] < rows["topk 64/4096, combinadic: relative error, L2"] < 1
    assert rows["int8: relative error, L2"] < rows["int4: relative error, L2"] < rows["sign: relative error, L2"]


@pytest.mark.slow
def test_training_is_measured_beside_its_anchors_and_the_search_keeps_its_bounds() -> None:
    """Small: no speed is judged, only what is counted, and that every row is there."""
    program = (
        "import json; from dataclasses import asdict; from core.bench.train import measure\n"
        "print(json.dumps([asdict(row) for row in measure(('tiny-gpt2', 'tiny'), 1, ('tiny',))]))"
    )
    campaign = os.environ.get("HEDGEROW_CAMPAIGN") == "1"
    path = os.environ["PATH"] if campaign else "/nowhere"  # compiling takes a while, and has tests of its own
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env=os.environ | {"PATH": path},
    )
    assert done.returncode == 0, done.stderr
    rows = {row["metric"]: row for row in json.loads(done.stdout.splitlines()[-1])}
    for shape in ("tiny-gpt2", "tiny"):
        for anchor in ("nanoGPT-like", "transformers"):
            assert rows[f"ours / {anchor} loop ({shape})"]["value"] > 0
            assert rows[f"ours, float32 / {anchor} loop ({shape})"]["value"] > 0
    compiled = rows["ours, compiled / uncompiled (tiny)"]
    if not campaign:
        assert (compiled["value"], compiled["holds"]) == (None, None)
        assert compiled["anchor"] == "this machine has no C++ compiler"
    elif shutil.which("g++"):
        assert compiled["value"] > 0
    assert 1 <= rows["batch search (tiny): probes"]["value"] <= 5
    assert rows["batch search (tiny): out of memory"]["value"] == 0
    mfu = [row for metric, row in rows.items() if metric.startswith("MFU")]
    assert len(mfu) == 3
    if not torch.cuda.is_available():
        assert all(row["value"] is None and row["holds"] is None for row in mfu), "not run is not a figure"


@pytest.mark.slow
def test_data_is_measured_and_ids_are_identical() -> None:
    rows = {row["metric"]: row for row in run("data")["rows"]}
    assert rows["tokenising, ids identical"]["value"] == 1.0
    shares = [row for metric, row in rows.items() if metric.startswith("data share of a step")]
    assert len(shares) == 2
    assert all(0 < row["value"] < 100 for row in shares)


@pytest.mark.slow
def test_a_shard_is_measured_beside_the_whole() -> None:
    from core.bench.shards import SHARDS, measure

    rows = {row.metric: row for row in measure()}
    assert len(rows) == 3 * (1 + SHARDS)
    assert all(row.holds is not False for row in rows.values())
    names = {metric.rpartition(": ")[0] for metric in rows} - {"whole 10m"}
    assert sum(rows[f"{name}: upload, int8"].value or 0 for name in names) == pytest.approx(
        rows["whole 10m: upload, int8"].value, rel=0.001
    )


@pytest.mark.slow
def test_an_idle_engine_is_small_and_sleeps() -> None:
    rows = {row["metric"]: row for row in run("engine")["rows"]}
    assert rows["engine idle, PSS"]["holds"] is True
    assert rows["engine idle, wake-ups"]["holds"] is True


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory and wake-ups are read from /proc")
def test_the_window_is_measured_and_held_up_by_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small: no time is judged; the window must outlive every fault, and do nothing where nobody looks."""
    from core.bench.gui import QUICK, measure

    for name in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    rows = {row.metric: row for row in measure(QUICK)}
    if all(row.value is None for row in rows.values()):
        pytest.skip(next(iter(rows.values())).anchor)
    missing = [metric for metric, row in rows.items() if row.value is None]
    assert missing in ([], ["start to the tray icon alone, median of 1", "pages built by that"])
    blocks = [metric.partition(": ")[2] for metric in rows if metric.startswith("longest block")]
    assert blocks == [
        "opening every page for the first time", "engine frozen for 0.5 s", "engine killed", "engine floods",
        "engine of another version",
    ]  # fmt: skip
    assert rows["pages built by that"].holds is not False
    assert (rows["hidden: wake-ups"].value or 0) <= 5
    assert (rows["question to the engine and back, p99 of 200"].value or 0) > 0
    assert (rows["lines of that flood taken"].value or 0) > 1_000


@pytest.mark.parametrize("text", ["", "a while", "0", "nan", "inf", "-5"])
def test_a_soak_of_no_length_is_named(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.bench import gui

    monkeypatch.setenv(gui.SOAK, text)
    with pytest.raises(UsageError, match="must be seconds"):
        gui.measure()


def test_a_process_that_sleeps_costs_nothing_and_one_that_works_does() -> None:
    from core.bench.process_cost import memory, work

    if sys.platform != "linux":
        pytest.skip("read from /proc")
    asleep = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        while memory(asleep.pid).rss < 5 or work(asleep.pid, 0.2).percent > 0:
            pass
        assert work(asleep.pid, 0.3).wakeups == 0
        assert work(busy.pid, 0.3).percent > 5
        found = memory(asleep.pid)
        assert found.pss <= found.rss
        assert 0 < found.own < found.rss
    finally:
        for process in (asleep, busy):
            process.kill()
            process.wait()
        assert asleep.stdin is not None
        asleep.stdin.close()


@pytest.mark.slow
def test_closing_a_round_holds_less_than_the_model() -> None:
    """Small: what is above rest is the same for every model, so the smallest is not judged by its own size."""
    from core.bench.coordinator import measure

    above, peak, seconds, _ = measure("tiny")
    assert above.value is not None
    assert 0 <= above.value < 60
    assert peak.value is not None
    assert seconds.value is not None


def test_the_machine_is_named() -> None:
    assert {"processor", "cores", "memory_bytes", "system", "python", "torch", "hedgerow"} == set(machine())


def test_not_run_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([Row(metric="something later", unit="s", gate="≤ 1")])
    assert NOT_RUN in capsys.readouterr().out


def test_an_unknown_group_is_wrong_usage() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["village"])
    assert caught.value.code == 2
