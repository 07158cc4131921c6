"""What closing means: asked once, in the window; the engine goes on only where the owner chose it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PySide6.QtCore import QEvent
from support import scenes
from support.fake_engine import FakeEngine

from app.application import Session
from app.desktop.single_instance import SingleInstance
from app.state_view import Action
from app.tray import Tray
from app.window import FIRST_RUN
from core.api.errors import StorageError
from core.api.messages.state import Snapshot

# The offscreen platform has no stack of windows and says so.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support raise")


class Desk:
    """A session whose ``quit`` is counted instead of ending the test run."""

    def __init__(self, home: Path, application: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.engine = FakeEngine(home, scenes.training(), scenes.replies())  # type: ignore[arg-type]
        self.quits: list[int] = []
        self.starts: list[int] = []
        self.session = Session(application, home)
        self.session.theme.reduced_motion = True
        monkeypatch.setattr(self.session._application, "quit", lambda: self.quits.append(1), raising=False)
        monkeypatch.setattr(self.session.engine, "start", self._start)

    def _start(self) -> bool:
        self.starts.append(1)
        self.engine.start()
        self.session.link.retry_now()
        return True


@pytest.fixture
def desk(tmp_path: Path, qapp: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Desk]]:
    made: list[Desk] = []

    def make(
        *, running: bool = False, keep: str = "no", background: bool = False, snapshot: Snapshot | None = None
    ) -> Desk:
        one = Desk(tmp_path / "home", qapp, monkeypatch)
        made.append(one)
        one.engine.snapshot = snapshot or one.engine.snapshot
        if background:
            # A tray that can be seen, where the test has no desktop.
            monkeypatch.setattr(Tray, "available", True)
        one.engine.limits["keep_running"] = keep
        if running:
            one.engine.start()
        one.session.begin("", background=background)
        qtbot.waitUntil(lambda: one.session._keep_running is not None, timeout=5_000)
        return one

    yield make
    for one in made:
        one.session.link.stop()
        one.session.window.must_ask = lambda: False
        one.session.window.hide()
        one.session.window.deleteLater()
        one.session.deleteLater()
        one.engine.stop()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def test_an_engine_is_started_only_if_none_answers(desk: Callable[..., Desk]) -> None:
    assert desk().starts == [1]


def test_a_running_engine_is_not_started_again(desk: Callable[..., Desk]) -> None:
    assert desk(running=True).starts == []


def test_an_engine_that_dies_is_the_owners_to_start(desk: Callable[..., Desk], qtbot: Any) -> None:
    one = desk(running=True)
    one.engine.stop()
    qtbot.waitUntil(lambda: not one.session.store.connected, timeout=1_000)
    assert one.starts == []
    one.session.window.page("home").state.button.single.click()
    assert one.starts == [1]


def test_an_engine_of_another_version_is_named_and_not_started_over(desk: Callable[..., Desk], qtbot: Any) -> None:
    one = desk(running=True)
    session, store = one.session, one.session.store
    one.engine.stop()
    qtbot.waitUntil(lambda: not store.connected, timeout=2_000)
    one.engine.api_version = 0
    one.engine.start()
    session.link.retry_now()
    qtbot.waitUntil(lambda: "another version" in store.view.sentence, timeout=5_000)
    assert (store.view.key, store.view.action) == ("stopped", Action.NOTHING)
    assert "another version" in session.window.page("home").state.sentence.text()
    assert one.starts == []


def test_the_tray_needs_no_page_before_the_window_is_seen(desk: Callable[..., Desk], qtbot: Any) -> None:
    one = desk(running=True, background=True)
    window = one.session.window
    assert not window.isVisible()
    assert window.built == ()
    one.engine.push(msgspec.structs.replace(scenes.training(), revision=2))
    qtbot.waitUntil(lambda: one.session.store.snapshot.revision == 2, timeout=5_000)  # type: ignore[union-attr]
    assert window.built == ()
    window.show_up()
    assert window.built == ("home",)
    assert window.current == "home"


def test_the_first_questions_wait_for_the_window(desk: Callable[..., Desk]) -> None:
    one = desk(running=True, background=True, snapshot=scenes.empty())
    window = one.session.window
    assert window.built == ()
    window.show_up()
    assert window.current == FIRST_RUN


def test_closing_asks_once_inside_the_window(desk: Callable[..., Desk], qtbot: Any) -> None:
    one = desk()
    window = one.session.window
    window.close()
    assert window.isVisible()
    assert window.question.isVisible()
    assert one.quits == []
    window.question_banner.buttons[1].click()
    qtbot.waitUntil(lambda: bool(one.quits), timeout=5_000)
    assert one.engine.limits["keep_running"] == "no"
    assert "shutdown" in one.engine.methods()
    assert one.session.settings.asked_about_closing


def test_staying_open_answers_nothing(desk: Callable[..., Desk]) -> None:
    one = desk()
    one.session.window.close()
    one.session.window.question_banner.buttons[0].click()
    assert one.session.window.isVisible()
    assert not one.session.window.question.isVisible()
    assert not one.session.settings.asked_about_closing


def test_keeping_on_leaves_the_engine_running(desk: Callable[..., Desk], qtbot: Any) -> None:
    one = desk()
    one.session.window.close()
    one.session.window.question_banner.buttons[2].click()
    qtbot.waitUntil(lambda: bool(one.quits), timeout=5_000)
    qtbot.waitUntil(lambda: one.engine.limits["keep_running"] == "yes", timeout=5_000)
    assert "shutdown" not in one.engine.methods()


def test_a_choice_that_was_not_written_down_closes_nothing(desk: Callable[..., Desk], qtbot: Any) -> None:
    one = desk()
    one.engine.replies["limits.set"] = StorageError("The disk is full.", "Free some space.")
    one.session.window.close()
    one.session.window.question_banner.buttons[2].click()
    qtbot.waitUntil(one.session.window.toast.isVisible, timeout=5_000)
    assert one.quits == []
    assert not one.session.settings.asked_about_closing


def test_whoever_chose_is_not_asked_again(desk: Callable[..., Desk], qtbot: Any) -> None:
    one = desk(keep="yes")
    one.session.window.close()
    assert not one.session.window.question.isVisible()
    assert one.quits
    assert "shutdown" not in one.engine.methods()


def test_an_engine_of_somebody_else_is_left_alone(desk: Callable[..., Desk], qtbot: Any) -> None:
    one = desk(running=True)
    one.session.window.close()
    assert one.quits
    assert "shutdown" not in one.engine.methods()


def test_switching_it_off_here_means_the_running_engine(desk: Callable[..., Desk], qtbot: Any) -> None:
    one = desk(running=True, keep="yes")
    one.session.window.keep_running_set.emit(False)
    one.session.settings.remember_asked()
    one.session.window.close()
    qtbot.waitUntil(lambda: bool(one.quits), timeout=5_000)
    assert "shutdown" in one.engine.methods()


def test_quitting_with_a_dead_engine_ends_at_once(desk: Callable[..., Desk], qtbot: Any) -> None:
    one = desk()
    one.engine.stop()
    qtbot.waitUntil(lambda: not one.session.store.connected, timeout=1_000)
    one.session.quit()
    qtbot.waitUntil(lambda: bool(one.quits), timeout=1_000)


def test_quitting_with_a_silent_engine_ends_too(desk: Callable[..., Desk], qtbot: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("app.children.engine_process.STOP_PATIENCE_S", 0.2)
    one = desk()
    one.engine.silent.add("shutdown")
    one.session.quit()
    qtbot.waitUntil(lambda: bool(one.quits), timeout=3_000)


def test_without_a_tray_nothing_is_lost(desk: Callable[..., Desk]) -> None:
    one = desk()
    assert not one.session.tray.available
    assert one.session.window.isVisible()


def test_the_invite_of_a_second_start_is_shown(desk: Callable[..., Desk], qtbot: Any, tmp_path: Path) -> None:
    one = desk(running=True)
    first = SingleInstance(tmp_path / "home")
    first.called.connect(one.session.on_called)
    assert first.listen()
    command = (
        "import sys; from pathlib import Path; from PySide6.QtCore import QCoreApplication;"
        "from app.desktop.single_instance import SingleInstance; a = QCoreApplication([]);"
        "sys.exit(0 if SingleInstance(Path(sys.argv[1])).hand_over(sys.argv[2]) else 3)"
    )
    second = subprocess.Popen([sys.executable, "-c", command, str(tmp_path / "home"), scenes.INVITE])
    qtbot.waitUntil(lambda: one.session.window.current == "federations", timeout=20_000)
    assert second.wait(20) == 0
    assert one.session.window.page("federations").invite.link == scenes.INVITE
    first.close()


def test_the_door_of_a_dead_window_is_taken_over(qapp: Any, tmp_path: Path) -> None:
    first = SingleInstance(tmp_path)
    assert not first.hand_over("")
    assert first.listen()
    (tmp_path / "run" / "window.sock").exists()
    first.close()
    (tmp_path / "run" / "window.sock").touch()
    second = SingleInstance(tmp_path)
    assert not second.hand_over("")
    assert second.listen()
    second.close()


def test_actions_of_the_state_open_the_right_page(desk: Callable[..., Desk]) -> None:
    window = desk(running=True).session.window
    for action, page in (
        (Action.CHANGE_RULE, "settings"), (Action.SEE_PRIVACY, "privacy"), (Action.OPEN_INVITE, "federations"),
    ):  # fmt: skip
        window.act(action)
        assert window.current == page
