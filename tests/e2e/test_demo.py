"""The demo as a newcomer runs it: the real coordinator, engines, readers and trainers, and nothing left behind."""

from __future__ import annotations

import json
import os
import pydoc_data.topics
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
LONGEST_S = 400


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About 440 kB of documentation in one file."""
    path = tmp_path_factory.mktemp("text") / "topics.txt"
    path.write_text("\n\n".join(pydoc_data.topics.topics.values())[:440_000], "utf-8")
    return path


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "app", "demo", "--headless", *arguments]


@pytest.fixture
def scratch() -> Iterator[Path]:
    """Where the demo makes its folder; short, because sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="hr-", dir="/tmp") as folder:
        yield Path(folder)


def surroundings(scratch: Path) -> dict[str, str]:
    """The demo's folder goes under the test's own."""
    return os.environ | {"TMPDIR": str(scratch), "PYTHONPATH": str(Path(__file__).resolve().parents[2])}


def family(pid: int) -> list[psutil.Process]:
    """The process and everything it started, whatever session it is in."""
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def still_there(processes: list[psutil.Process]) -> list[str]:
    """Those that run; psutil compares start times, so a pid used again is not mistaken for one of them."""
    return [" ".join(p.cmdline()) for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


WINDOW = """
import sys
from core.api.client import EngineClient
with EngineClient(sys.argv[2]) as client:
    client.connect()
    while client.snapshot.contribution.rounds < 2:
        client.next_event(timeout_s=1.0)
open(sys.argv[1], "w").write(sys.argv[2])
"""
"""Stands where the window would be: attaches to the first volunteer, and is closed after its second round."""


def test_two_rounds_improve_a_model_that_opens_in_transformers(tmp_path: Path, scratch: Path, corpus: Path) -> None:
    window = [sys.executable, "-c", WINDOW, str(tmp_path / "seen")]
    options = ("--json", "--rounds", "2", "--local-steps", "6", "--corpus", str(corpus))
    done = subprocess.run(
        [sys.executable, "-m", "core.demo", *options, "--window-command", json.dumps(window)],
        cwd=tmp_path, env=surroundings(scratch), capture_output=True, text=True, timeout=LONGEST_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert [r["round"] for r in found["rounds"]] == [1, 2]
    for closed in found["rounds"]:
        assert closed["volunteers"] == 2
        assert 0 < closed["upload_bytes"] < closed["dense_bytes"] / 3.5
        assert closed["seconds"] > 0
    assert found["bits_per_byte"]["final"] < found["bits_per_byte"]["initial"]
    assert 4 < found["unigram_bits_per_byte"] < 6
    assert [p["volunteer"] for p in found["privacy"]] == ["volunteer 1", "volunteer 2"]
    for charged in found["privacy"]:
        assert charged["unit"] == "record"
        assert 0 < charged["epsilon"] <= charged["budget"] == 8.0
        assert charged["delta"] <= 1e-5
    assert (tmp_path / "seen").read_text().endswith("volunteer-1"), "the window got the first volunteer's home"
    assert list(scratch.iterdir()) == [], "the demo's folder is removed"
    assert_opens(Path(found["model_dir"]))


def assert_opens(model_dir: Path) -> None:
    """In an interpreter of its own: transformers warns freely."""
    program = (
        "import sys\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n"
        "model = AutoModelForCausalLM.from_pretrained(sys.argv[1])\n"
        "tokens = AutoTokenizer.from_pretrained(sys.argv[1])('The hedge', return_tensors='pt')\n"
        "print(tuple(model(input_ids=tokens['input_ids']).logits.shape))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(model_dir)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(", 4096)")


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGINT, "training"),
        (signal.SIGTERM, "the volunteers read the terms"),
        (signal.SIGHUP, "reading the texts"),
        (signal.SIGINT, "starting the coordinator"),
    ],
)
def test_a_signal_at_any_moment_leaves_nothing_behind(
    tmp_path: Path, scratch: Path, corpus: Path, number: signal.Signals, moment: str
) -> None:
    demo = subprocess.Popen(
        command("--rounds", "2", "--corpus", str(corpus)),
        cwd=tmp_path, env=surroundings(scratch), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        assert demo.stderr is not None
        said = []
        for line in demo.stderr:
            said.append(line)
            if line.startswith(moment):
                break
        else:
            pytest.fail(f"the demo ended before that moment: {''.join(said)}")
        if moment == "starting the coordinator":
            soon = time.monotonic() + 30
            while not list(scratch.rglob("hedgerow-public-*")) and time.monotonic() < soon:
                time.sleep(0.01)  # the coordinator's own scratch folder is the hardest to leave nothing of
        else:
            time.sleep(3.0 if moment == "training" else 0.5)
        relatives = family(demo.pid)
        fewest = 2 if moment == "starting the coordinator" else 5
        assert len(relatives) >= fewest, "the test must find a federation at work"
        demo.send_signal(number)
        _, err = demo.communicate(timeout=60)
        assert demo.returncode == 130, err
        assert "Every process has ended" in err
        deadline = time.monotonic() + 5
        while (left := still_there(relatives)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert left == []
        assert [*scratch.iterdir(), *tmp_path.iterdir()] == [], "folder and sockets are gone"
    finally:
        if demo.poll() is None:
            demo.terminate()
            demo.wait(60)


def test_a_share_that_is_too_small_is_refused_before_anything_starts(tmp_path: Path, scratch: Path) -> None:
    (tmp_path / "little.txt").write_text("A hedge is a living boundary.\n\n" * 2_000)
    done = subprocess.run(
        command("--json", "--corpus", "little.txt"),
        cwd=tmp_path, env=surroundings(scratch), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "corpus"
    assert "volunteer 1" in error["message"]
    assert "starting" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["little.txt"]


def test_a_kept_folder_must_be_new(tmp_path: Path, scratch: Path, corpus: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "mine").write_text("stays")
    done = subprocess.run(
        command("--corpus", str(corpus), "--keep", "kept"),
        cwd=tmp_path, env=surroundings(scratch), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "is not empty" in done.stderr
    assert (tmp_path / "kept" / "mine").read_text() == "stays"
