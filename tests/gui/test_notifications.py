"""Words in the desktop's corner: when a state begins, only while nobody looks, and each kind has a switch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from support import scenes

from app.notifications import Notifications
from app.window_settings import WindowSettings


class Desk:
    """A window with a corner that remembers."""

    def __init__(self, one: Any) -> None:
        self.one, self.seen, self.said = one, False, list[str]()
        self.watch = Notifications(one.store, one.settings, self.said.append, lambda: self.seen)


@pytest.fixture
def desk(bench: Any, qtbot: Any) -> Any:
    one = bench()
    qtbot.waitUntil(lambda: one.store.snapshot is not None, timeout=5_000)
    made = Desk(one)
    one.store.changed.emit()
    return made


def trouble() -> Any:
    return scenes.in_state("problem", "coordinator_error", "Common Prose does not answer since 14:32.")


def test_a_problem_is_told_once_when_it_begins(desk: Any, qtbot: Any) -> None:
    desk.one.engine.push(trouble())
    qtbot.waitUntil(lambda: bool(desk.said), timeout=5_000)
    desk.one.store.changed.emit()
    assert len(desk.said) == 1
    assert desk.said[0].startswith("Problem: Common Prose")


def test_nothing_is_told_to_who_looks(desk: Any, qtbot: Any) -> None:
    desk.seen = True
    desk.one.engine.push(trouble())
    qtbot.waitUntil(lambda: desk.one.store.view.key == "problem", timeout=5_000)
    assert desk.said == []


def test_a_kind_that_is_off_is_silent_and_rounds_are_off_at_first(desk: Any, qtbot: Any) -> None:
    desk.one.settings.set_value("notify_problem", "no")
    now = desk.one.store.snapshot
    more = msgspec.structs.replace(now.contribution, rounds=now.contribution.rounds + 1)
    desk.one.engine.push(msgspec.structs.replace(trouble(), contribution=more))
    qtbot.waitUntil(lambda: desk.one.store.view.key == "problem", timeout=5_000)
    assert desk.said == []
    desk.one.settings.set_value("notify_round", "yes")
    again = msgspec.structs.replace(more, rounds=more.rounds + 1)
    desk.one.engine.push(msgspec.structs.replace(scenes.training(), contribution=again))
    qtbot.waitUntil(lambda: bool(desk.said), timeout=5_000)
    assert "rounds finished" in desk.said[0]


def test_every_kind_has_a_switch(tmp_path: Path) -> None:
    settings = WindowSettings(tmp_path)
    assert [settings.value(key) for key in ("notify_problem", "notify_budget", "notify_round")] == ["yes", "yes", "no"]
