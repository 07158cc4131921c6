"""The first questions: one at a time, each can be skipped, and they go on where they were left."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from PySide6.QtCore import Qt
from support import scenes

from app.pages.first_run import STEPS, FirstRunPage
from core.api.errors import UsageError


def begun(bench: Any, qtbot: Any, snapshot: Any = None) -> tuple[Any, FirstRunPage]:
    one = bench(snapshot or scenes.empty())
    one.window.begin_first_run()
    assert one.window.current == "first run"
    page = one.window.page("first run")
    assert isinstance(page, FirstRunPage)
    qtbot.waitUntil(lambda: "floor_epsilon" in page._values, timeout=5_000)
    return one, page


def press(qtbot: Any, button: Any) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_it_is_asked_only_of_a_machine_that_helps_nobody(bench: Any) -> None:
    one = bench(scenes.training())
    one.window.begin_first_run()
    assert one.window.current == "home"
    assert one.window.rail.isVisible()


def test_five_steps_lead_home_and_are_never_asked_again(bench: Any, qtbot: Any) -> None:
    one, page = begun(bench, qtbot)
    assert not one.window.rail.isVisible()
    assert not one.window.bar.isVisible()
    titles = []
    for _ in range(STEPS):
        titles.append(page.title.title.text())
        press(qtbot, page.next)
    assert len(set(titles)) == STEPS
    assert one.window.current == "home"
    assert one.window.rail.isVisible()
    assert one.window._settings.first_run_step == STEPS
    one.window.begin_first_run()
    assert one.window.current == "home"
    assert not one.window.page("home").setup.isVisible()
    assert one.engine.params("limits.set") == [], "looking changes nothing"


def test_what_is_put_off_is_offered_on_home_and_goes_on_there(bench: Any, qtbot: Any) -> None:
    one, page = begun(bench, qtbot)
    press(qtbot, page.next)
    press(qtbot, page.skip)
    assert page.step == 2
    press(qtbot, page.later)
    home = one.window.page("home")
    assert home.setup.isVisible()
    press(qtbot, home.setup.buttons[0])
    assert one.window.current == "first run"
    assert one.window.page("first run").step == 2
    press(qtbot, page.back)
    assert one.window._settings.first_run_step == 1


@pytest.mark.parametrize(("radio", "asked"), [(0, "1"), (1, "3"), (2, "8")])
def test_the_limit_becomes_the_floor(bench: Any, qtbot: Any, radio: int, asked: str) -> None:
    one, page = begun(bench, qtbot)
    page.go(3)
    page.privacy.radios[radio].click()
    qtbot.waitUntil(lambda: bool(one.engine.params("limits.set")), timeout=5_000)
    assert [(p.key, p.value) for p in one.engine.params("limits.set")] == [("floor_epsilon", asked)]
    qtbot.waitUntil(lambda: f"At ε {asked}.0" in page.privacy.meaning.text(), timeout=5_000)


def test_a_figure_of_ones_own_marks_no_step_and_a_refusal_is_said(bench: Any, qtbot: Any) -> None:
    one = bench(scenes.empty())
    one.engine.limits["floor_epsilon"] = "2.5"
    one.engine.replies["limits.set"] = UsageError("That is no limit.", "Choose another.")
    one.window.begin_first_run()
    page = one.window.page("first run")
    qtbot.waitUntil(lambda: "floor_epsilon" in page._values, timeout=5_000)
    page.go(3)
    assert not any(radio.isChecked() for radio in page.privacy.radios)
    assert "At ε 2.5" in page.privacy.meaning.text()
    page.privacy.radios[0].click()
    qtbot.waitUntil(page.trouble.isVisible, timeout=5_000)
    assert not any(radio.isChecked() for radio in page.privacy.radios), "what holds is shown"


def test_text_that_is_added_stays_on_the_step(bench: Any, qtbot: Any) -> None:
    one, page = begun(bench, qtbot)
    page.go(1)
    assert page.folders.none.isVisible()
    one.window.add_paths(["/home/ada/letters"])
    assert one.window.current == "first run"
    one.engine.push(msgspec.structs.replace(scenes.ready_to_join(), revision=9))
    qtbot.waitUntil(lambda: len(page.folders.lines) == 2, timeout=5_000)
    assert page.folders.lines[0].text() == "Field notes · 31.2 million words"
    assert not page.folders.none.isVisible()


def test_an_invite_is_opened_and_a_demo_asked_for_once(bench: Any, qtbot: Any) -> None:
    one, page = begun(bench, qtbot)
    page.go(4)
    wanted: list[bool] = []
    one.window.demo_wanted.connect(lambda: wanted.append(True))
    press(qtbot, page.start.demo)
    press(qtbot, page.start.demo)
    assert wanted == [True]
    assert "starts" in page.start.said.text()
    press(qtbot, page.start.invite)
    assert one.window.current == "federations"
    assert one.window._settings.first_run_step == STEPS
