"""What keeps a household's forwarder running."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest
from support.live_federation import wait_for

from core.coordinator import outside
from core.coordinator.processes import Child


def test_what_ends_is_started_again_after_a_rest_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(outside, "REST_S", 0.4)
    monkeypatch.setattr(outside, "LOOK_S", 0.02)
    times = tmp_path / "times"
    words = f"date +%s.%N >> {times}; echo tired >&2; [ $(wc -l < {times}) -lt 3 ] || sleep 60"
    child = Child("forwarder", ["/bin/sh", "-c", words], os.environ, tmp_path / "forwarder.log")
    stopping = threading.Event()
    started = time.monotonic()
    keeper = threading.Timer(0, outside.keep, (child, stopping))
    keeper.start()
    try:
        wait_for(lambda: times.exists() and len(times.read_text().splitlines()) == 3, 20, "three starts")
    finally:
        stopping.set()
        keeper.join(10)
    assert time.monotonic() - started >= 0.8, "two rests"
    assert not child.alive()
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert said == [{"restarted": "forwarder", "why": "tired"}] * 2


def test_lines_of_a_child_are_read_without_waiting(tmp_path: Path) -> None:
    words = """printf '{"a": 1}\\n{"b"'; read x < /dev/null; sleep 0.3; printf ': 2}\\n'; sleep 60"""
    child = Child("talker", ["/bin/sh", "-c", words], os.environ, tmp_path / "talker.log")
    assert child.lines() == []
    child.start(pipe=True)
    try:
        heard: list[dict[str, int]] = []
        began = time.monotonic()
        child.lines()
        assert time.monotonic() - began < 0.2
        wait_for(lambda: heard.extend(child.lines()) or len(heard) == 2, 20, "both lines")  # type: ignore[func-returns-value]
        assert heard == [{"a": 1}, {"b": 2}]
    finally:
        child.stop()
