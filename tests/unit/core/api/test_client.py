"""``EngineClient`` against a small server that speaks the same wire, and against nothing at all."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from support.engine_double import ENGINE, SENTENCE, SNAPSHOT, greet, serving

from core.api import wire
from core.api.client import EngineClient, default_home, engine_paths
from core.api.errors import CorpusError, EngineError
from core.api.messages.base import API_VERSION, Acknowledged, Message
from core.api.messages.corpora import PathsParams
from core.api.messages.state import HelloParams, Notice


def test_says_there_is_no_engine(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="No engine is running") as caught, EngineClient(tmp_path) as client:
        client.connect(timeout_s=1)
    assert "hedgerow engine" in caught.value.hint


def test_says_that_an_engine_has_ended(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    left_behind = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    left_behind.bind(str(engine_paths(tmp_path).socket))
    left_behind.close()
    with pytest.raises(EngineError, match="has ended"):
        EngineClient(tmp_path).connect(timeout_s=1)


def test_greets_with_the_token_and_keeps_the_snapshot(tmp_path: Path) -> None:
    with serving(tmp_path, lambda request: [greet(request)]) as seen, EngineClient(tmp_path) as client:
        assert client.connect(timeout_s=5).state == "not_joined"
        assert client.snapshot == SNAPSHOT
    assert seen[0].params == HelloParams(token="secret")


def test_refuses_another_version(tmp_path: Path) -> None:
    with (
        serving(tmp_path, lambda request: [greet(request, API_VERSION + 1)]),
        pytest.raises(EngineError, match="speaks version"),
    ):
        EngineClient(tmp_path).connect(timeout_s=5)


def test_events_between_request_and_result_are_kept_in_order(tmp_path: Path) -> None:
    notices = [Notice(level="info", sentence=SENTENCE, at=float(at)) for at in range(3)]

    def answer(request: wire.Request) -> list[bytes]:
        if request.method == "hello":
            return [greet(request)]
        pushed = [wire.encode_event("notice", notice) for notice in notices]
        newer = wire.encode_event(
            "snapshot", SNAPSHOT.__class__(revision=2, state="paused", why=SENTENCE, engine=ENGINE)
        )
        return [*pushed[:2], wire.encode_result(request.number, Acknowledged(detail="done")), pushed[2], newer]

    with serving(tmp_path, answer), EngineClient(tmp_path) as client:
        client.connect(timeout_s=5)
        result = client.call("pause")
        assert isinstance(result, Acknowledged)
        assert result.detail == "done"
        received: list[Message] = []
        for _ in range(4):
            event = client.next_event(timeout_s=5)
            assert event is not None
            received.append(event.value)
        assert received[:3] == notices
        assert client.snapshot is not None
        assert client.snapshot.state == "paused"
        assert client.next_event(timeout_s=0.05) is None


def test_an_error_arrives_as_itself(tmp_path: Path) -> None:
    def answer(request: wire.Request) -> list[bytes]:
        if request.method == "hello":
            return [greet(request)]
        return [wire.encode_error(request.number, CorpusError("/nowhere is not there.", "Choose another."))]

    with serving(tmp_path, answer), EngineClient(tmp_path) as client:
        client.connect(timeout_s=5)
        with pytest.raises(CorpusError, match="not there") as caught:
            client.call("corpus.add", PathsParams(paths=["/nowhere"]))
        assert caught.value.hint == "Choose another."


def test_an_engine_that_closes_is_named_and_ends_the_events(tmp_path: Path) -> None:
    def answer(request: wire.Request) -> list[bytes]:
        return [greet(request)] if request.method == "hello" else []

    with serving(tmp_path, answer), EngineClient(tmp_path) as client:
        client.connect(timeout_s=5)
        with pytest.raises(EngineError, match="closed the connection"):
            client.call("status")
        assert list(client.events()) == []


def test_a_silent_engine_is_named(tmp_path: Path) -> None:
    def answer(request: wire.Request) -> list[bytes]:
        return [greet(request)] if request.method == "hello" else [b""]

    with serving(tmp_path, answer), EngineClient(tmp_path) as client:
        client.connect(timeout_s=5)
        with pytest.raises(EngineError, match="did not answer 'status'"):
            client.call("status", timeout_s=0.2)


def test_wrong_parameters_never_leave(tmp_path: Path) -> None:
    client = EngineClient(tmp_path)
    with pytest.raises(ValueError, match="takes PathsParams"):
        client.call("corpus.add")
    with pytest.raises(ValueError, match="no method"):
        client.call("corpus.read_all_text")


def test_a_long_home_follows_the_address_file(tmp_path: Path) -> None:
    home = tmp_path / ("x" * 120)
    (home / "run").mkdir(parents=True)
    (home / "run" / "engine.address").write_text("/tmp/elsewhere.sock\n")
    assert engine_paths(home).socket == Path("/tmp/elsewhere.sock")
    assert engine_paths(tmp_path / "h").socket.name == "engine.sock" or len(os.fsencode(tmp_path)) > 80


def test_home_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEDGEROW_HOME", str(tmp_path))
    assert default_home() == tmp_path
    monkeypatch.delenv("HEDGEROW_HOME")
    assert default_home().name == "hedgerow"


def test_an_engine_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(EngineError, match="cannot be written"):
        EngineClient(tmp_path / "file").connect(timeout_s=5, start=True)
