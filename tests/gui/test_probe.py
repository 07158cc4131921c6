"""The benchmark's probe: it is there only for an open pipe, knows a few words, and leaves when nobody listens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import scenes
from support.fake_engine import FakeEngine

from app import probe


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[FakeEngine]:
    one = FakeEngine(tmp_path / "home", scenes.training(), scenes.replies()).start()  # type: ignore[arg-type]
    yield one
    one.stop()


def converse(home: Path, said: bytes) -> list[dict[str, Any]]:
    """Start a window with a probe, say everything at once and close; what it told until it ended."""
    reader, writer = os.pipe()
    environment = os.environ | {"HEDGEROW_PROBE": str(writer), "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-m", "app", "--home", str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, pass_fds=(writer,)) as window:
        os.close(writer)
        try:
            window.communicate(said, timeout=60)
        finally:
            window.kill()
    with os.fdopen(reader, "rb") as told:
        return [json.loads(line) for line in told]


def test_it_tells_what_it_did_and_ends_with_its_input(engine: FakeEngine) -> None:
    told = converse(engine.home, b"watch\npage compute\nhide\nshow\nreport\n")
    names = [one["event"] for one in told]
    assert [one["command"] for one in told if one["event"] == "done"] == [
        "watch",
        "page compute",
        "hide",
        "show",
        "report",
    ]
    turns = next(one for one in told if one["event"] == "turns")
    assert turns["longest_s"] > 0
    assert turns["processor_s"] > 0
    assert "refused" not in names
    ready = next(one for one in told if one["event"] == "ready")
    assert {"home", "compute", "first run"} <= set(ready["keys"])


@pytest.mark.parametrize("line", ["page ../../x", "page", "import os", "page compute extra", "quit", "x" * 200, ""])
def test_other_words_are_refused(line: str, engine: FakeEngine) -> None:
    told = converse(engine.home, line.encode() + b"\n")
    assert "refused" in [one["event"] for one in told]
    assert not [one for one in told if one["event"] == "done"]


def test_without_the_variable_there_is_none() -> None:
    code = "import app.application, sys; print('app.probe' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("value", ["", "x", "-1", "0", "1", "2", "1e1", "99999999999", "4096", "٣", "7;rm", "panel"])
def test_only_an_open_pipe_is_written_to(value: str) -> None:
    assert probe.pipe_of(value) is None


def test_a_file_is_no_pipe_and_a_pipe_is(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    with (tmp_path / "f").open("w") as file:
        assert probe.pipe_of(str(file.fileno())) is None
    assert probe.pipe_of(f"{writer}:panel") == writer
    os.close(reader)
    os.close(writer)
