"""The link to the engine: it greets, answers, survives a dead, lying, flooding or silent engine, and never blocks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PySide6.QtCore import QTimer
from support import scenes
from support.fake_engine import FakeEngine

from app import client
from app.client import EngineLink
from core.api import wire
from core.api.errors import EngineError, HedgerowError, InviteError
from core.api.messages.base import Sentence
from core.api.messages.corpora import PathsParams
from core.api.messages.federations import InviteParams
from core.api.messages.state import Hello, Notice, Snapshot


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[FakeEngine]:
    one = FakeEngine(tmp_path, scenes.training(), scenes.replies()).start()  # type: ignore[arg-type]
    yield one
    one.stop()


@pytest.fixture
def link(tmp_path: Path, qapp: Any) -> Iterator[EngineLink]:
    one = EngineLink(tmp_path)
    yield one
    one.stop()


def attach(link: EngineLink, qtbot: Any) -> Hello:
    with qtbot.waitSignal(link.attached, timeout=5_000) as signal:
        link.start()
    return signal.args[0]


def test_the_greeting_brings_the_whole_state(engine: FakeEngine, link: EngineLink, qtbot: Any) -> None:
    assert attach(link, qtbot).snapshot == engine.snapshot
    assert link.connected


def test_an_answer_is_typed_and_comes_once(engine: FakeEngine, link: EngineLink, qtbot: Any) -> None:
    attach(link, qtbot)
    call = link.request("invite.inspect", InviteParams(invite=scenes.INVITE))
    with qtbot.waitSignal(call.succeeded, timeout=5_000) as signal:
        pass
    assert signal.args[0].name == "Common Prose"
    assert engine.methods() == ["invite.inspect"]


def test_a_refusal_keeps_its_kind_and_hint(engine: FakeEngine, link: EngineLink, qtbot: Any) -> None:
    engine.replies["invite.inspect"] = InviteError("The invite is cut.", "Copy the whole link again.")
    attach(link, qtbot)
    call = link.request("invite.inspect", InviteParams(invite="x"))
    with qtbot.waitSignal(call.failed, timeout=5_000) as signal:
        pass
    assert isinstance(signal.args[0], InviteError)
    assert signal.args[0].hint == "Copy the whole link again."


def test_wrong_use_is_refused_at_once(engine: FakeEngine, link: EngineLink, qtbot: Any) -> None:
    attach(link, qtbot)
    with pytest.raises(ValueError, match="no method"):
        link.request("of.tomorrow")
    with pytest.raises(ValueError, match="takes PathsParams"):
        link.request("corpus.add", InviteParams(invite="x"))


def test_silence_ends_in_an_error_and_a_late_answer_is_dropped(
    engine: FakeEngine, link: EngineLink, qtbot: Any
) -> None:
    engine.silent.add("doctor")
    attach(link, qtbot)
    call = link.request("doctor", timeout_s=0.1)
    with qtbot.waitSignal(call.failed, timeout=5_000) as signal:
        pass
    assert "'doctor' within 0.1 seconds" in str(signal.args[0])
    number = next(r.number for r in engine.seen if r.method == "doctor")
    engine.send(wire.encode_result(number, scenes.checks()))
    qtbot.wait(50)
    assert link.connected


def test_without_an_engine_requests_fail_softly(link: EngineLink, qtbot: Any) -> None:
    call = link.request("pause")
    with qtbot.waitSignal(call.failed, timeout=2_000) as signal:
        pass
    assert isinstance(signal.args[0], EngineError)


def test_death_is_seen_within_a_second_and_open_requests_end(engine: FakeEngine, link: EngineLink, qtbot: Any) -> None:
    engine.silent.add("doctor")
    attach(link, qtbot)
    call = link.request("doctor")
    failures: list[HedgerowError] = []
    call.failed.connect(failures.append)
    with qtbot.waitSignal(link.lost, timeout=1_000):
        engine.stop()
    assert not link.connected
    assert len(failures) == 1


def test_it_comes_back_by_itself(engine: FakeEngine, link: EngineLink, qtbot: Any) -> None:
    attach(link, qtbot)
    with qtbot.waitSignal(link.lost, timeout=1_000):
        engine.stop()
    with qtbot.waitSignal(link.attached, timeout=5_000):
        engine.start()


def test_attempts_get_rarer_up_to_five_seconds(link: EngineLink, qapp: Any) -> None:
    losses: list[object] = []
    link.lost.connect(losses.append)
    link.start()
    waits = []
    for _ in range(8):
        assert link._retry.isActive()
        waits.append(link._retry.interval())
        link._retry.stop()
        link._open()
    assert waits == [200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000]
    assert len(losses) == 1


def test_a_wrong_token_is_told_once(engine: FakeEngine, link: EngineLink, qtbot: Any, tmp_path: Path) -> None:
    (tmp_path / "run" / "engine.token").write_text("of somebody else")
    with qtbot.waitSignal(link.lost, timeout=5_000) as signal:
        link.start()
    assert "token" in str(signal.args[0])
    assert not link.connected


def test_another_version_is_named(engine: FakeEngine, link: EngineLink, qtbot: Any) -> None:
    engine.api_version = 99
    with qtbot.waitSignal(link.lost, timeout=5_000) as signal:
        link.start()
    assert "version" in str(signal.args[0])
    assert not link.connected


def test_garbage_is_borne_a_little_and_then_ends_the_connection(
    engine: FakeEngine, link: EngineLink, qtbot: Any
) -> None:
    attach(link, qtbot)
    engine.send(b'not json\n{"jsonrpc":"1.0"}\n\xff\xfe\n[[[[\n' + b"[" * 5_000 + b"\n")
    call = link.request("doctor")
    with qtbot.waitSignal(call.succeeded, timeout=5_000):
        pass
    with qtbot.waitSignal(link.lost, timeout=5_000):
        engine.send(b"nonsense\n" * (client.MOST_BAD_LINES + 1))


def test_a_line_without_end_ends_the_connection(engine: FakeEngine, link: EngineLink, qtbot: Any) -> None:
    attach(link, qtbot)
    with qtbot.waitSignal(link.lost, timeout=10_000) as signal:
        engine.flood(b"x" * 60_000, 5.0)
        qtbot.wait(10)
    assert "does not end" in str(signal.args[0])


def test_an_event_of_tomorrow_is_ignored(engine: FakeEngine, link: EngineLink, qtbot: Any) -> None:
    attach(link, qtbot)
    engine.send(b'{"jsonrpc":"2.0","method":"weather","params":{"rain":true}}\n' * (client.MOST_BAD_LINES * 2))
    qtbot.wait(50)
    assert link.connected


def test_a_flood_of_snapshots_leaves_the_window_its_turns(engine: FakeEngine, link: EngineLink, qtbot: Any) -> None:
    """Counted, not timed: while the socket is never empty, a zero timer still gets its turns, and few are decoded."""
    attach(link, qtbot)
    taken: list[Snapshot] = []
    turns = [0]
    link.snapshot.connect(taken.append)
    beat = QTimer()
    beat.timeout.connect(lambda: turns.__setitem__(0, turns[0] + 1))
    beat.start(0)
    line = wire.encode_event("snapshot", engine.snapshot)
    began = time.monotonic()
    thread = engine.flood(line, 1.5)
    qtbot.waitUntil(lambda: not thread.is_alive(), timeout=20_000)
    seconds = time.monotonic() - began
    beat.stop()
    assert turns[0] >= 20
    assert 1 <= len(taken) <= seconds * 1_000 / client.SNAPSHOT_INTERVAL_MS + 2
    assert link.connected


def test_a_flood_of_notices_is_capped(engine: FakeEngine, link: EngineLink, qtbot: Any) -> None:
    attach(link, qtbot)
    seen: list[Notice] = []
    link.notice.connect(seen.append)
    notice = Notice(level="info", sentence=Sentence(code="x", text="y"), at=0.0)
    engine.send(wire.encode_event("notice", notice) * 400)
    qtbot.waitUntil(lambda: link.dropped_notices + len(seen) == 400, timeout=5_000)
    assert len(seen) <= 3 * client.NOTICES_PER_SECOND


def test_the_newest_snapshot_wins(engine: FakeEngine, link: EngineLink, qtbot: Any) -> None:
    attach(link, qtbot)
    taken: list[Snapshot] = []
    link.snapshot.connect(taken.append)
    lines = b"".join(
        wire.encode_event("snapshot", msgspec.structs.replace(scenes.empty(), revision=n)) for n in range(2, 30)
    )
    engine.send(lines)
    qtbot.waitUntil(lambda: bool(taken) and taken[-1].revision == 29, timeout=5_000)
    assert len(taken) <= 4


def test_an_overlong_request_fails_softly(engine: FakeEngine, link: EngineLink, qtbot: Any) -> None:
    attach(link, qtbot)
    call = link.request("corpus.add", PathsParams(paths=["x" * 2_000_000]))
    with qtbot.waitSignal(call.failed, timeout=5_000):
        pass
    assert link.connected
