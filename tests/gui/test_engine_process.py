"""The real engine, started and ended by the window: attached to, asked, stopped, and gone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.children.engine_process import EngineProcess
from app.client import EngineLink
from core.api.client import engine_paths
from core.api.messages.corpora import CorpusInfo, PathsParams
from core.api.messages.state import CheckList


@pytest.fixture
def link(tmp_path: Path, qapp: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[EngineLink]:
    secret = tmp_path / "passphrase"
    secret.write_text("a passphrase of the test")
    secret.chmod(0o600)
    monkeypatch.setenv("HEDGEROW_PASSPHRASE_FILE", str(secret))
    one = EngineLink(tmp_path / "home")
    yield one
    one.stop()


@pytest.mark.slow
@pytest.mark.e2e
def test_the_window_starts_uses_and_ends_a_real_engine(link: EngineLink, tmp_path: Path, qtbot: Any) -> None:
    home = tmp_path / "home"
    process = EngineProcess(home, link)
    link.start()
    with qtbot.waitSignal(link.attached, timeout=60_000) as signal:
        assert process.start()
    snapshot = signal.args[0].snapshot
    assert snapshot.state == "not_joined"
    pid = snapshot.engine.pid
    checks = link.request("doctor", timeout_s=30.0)
    with qtbot.waitSignal(checks.succeeded, timeout=30_000) as answer:
        pass
    assert isinstance(answer.args[0], CheckList)
    text = tmp_path / "notes.md"
    text.write_text("The hawthorn on the east bank is out a week early.\n\n" * 200)
    added = link.request("corpus.add", PathsParams(paths=[str(text)]))
    with qtbot.waitSignal(added.succeeded, timeout=30_000) as answer:
        pass
    assert isinstance(answer.args[0], CorpusInfo)
    seen: list[Any] = []
    link.snapshot.connect(seen.append)
    qtbot.waitUntil(lambda: bool(seen) and seen[-1].corpora[0].state == "ready", timeout=60_000)
    assert seen[-1].corpora[0].words > 1_000
    with qtbot.waitSignal(process.stopped, timeout=10_000):
        process.stop()
    end = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
        qtbot.wait(50)
    assert not Path(f"/proc/{pid}").exists()
    assert not engine_paths(home).socket.exists()


@pytest.mark.slow
def test_an_engine_that_cannot_start_is_explained(tmp_path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    link = EngineLink(tmp_path / "home")
    process = EngineProcess(tmp_path / "home", link)
    process._patience.setInterval(3_000)
    monkeypatch.setattr("sys.executable", "/bin/false")
    with qtbot.waitSignal(process.failed, timeout=10_000):
        assert process.start()
    monkeypatch.setattr("sys.executable", str(tmp_path / "nothing"))
    with qtbot.waitSignal(process.failed, timeout=10_000):
        assert not process.start()


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path, qtbot: Any) -> None:
    (tmp_path / "home").write_text("a file where the folder should be")
    process = EngineProcess(tmp_path / "home", EngineLink(tmp_path / "home"))
    with qtbot.waitSignal(process.failed, timeout=1_000) as signal:
        assert not process.start()
    assert str(tmp_path / "home") in signal.args[0]
