"""The window: pages, shortcuts, states, what it does with old figures and strangers' text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from PySide6.QtCore import QAbstractAnimation, QEvent, QMimeData, QObject, QPoint, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QLabel, QWidget
from shiboken6 import delete
from support import scenes

from app.pages.federations import INVITE, LIST
from app.state_view import view
from app.theme import Type
from app.widgets import week_grid
from core.api.messages.base import Acknowledged, Sentence
from core.api.messages.state import Notice, SnoozeParams


def press(one: Any, keys: str) -> None:
    from PySide6.QtGui import QKeySequence

    combination = QKeySequence(keys)[0]
    QTest.keyClick(one.window, combination.key(), combination.keyboardModifiers())


def test_numbers_open_pages(bench: Any) -> None:
    one = bench()
    keys = [*(f"Ctrl+{number}" for number in "1234567890"), "Ctrl+,"]
    for combination, key in zip(keys, one.window.rail.buttons, strict=True):
        press(one, combination)
        assert one.window.current == key
        assert one.window.rail.buttons[key].isChecked()
        assert one.window.bar.isVisible() == (key != "home")


def test_help_says_what_this_is_and_forgets_nothing(bench: Any) -> None:
    one = bench()
    one.settings.set_first_run_step(3)
    press(one, "F1")
    assert one.window.current == "first run"
    assert one.window.page("first run").step == 0
    assert one.settings.first_run_step == 3
    assert "lends your machine" in one.window.page("first run").title.title.text()


def test_an_engine_that_is_lost_in_the_first_run_is_said(bench: Any, qtbot: Any) -> None:
    one = bench(scenes.empty())
    one.window.begin_first_run()
    assert one.window.current == "first run"
    assert not one.window.bar.isVisible()
    one.engine.stop()
    qtbot.waitUntil(one.window.bar.isVisible, timeout=5_000)
    assert one.window.bar.button.isVisible()


def test_pages_are_built_when_first_looked_at(bench: Any) -> None:
    one = bench()
    assert list(one.window._pages) == ["home"]


def test_pause_is_shown_at_once_and_believed_only_when_told(bench: Any, qtbot: Any) -> None:
    one = bench()
    one.engine.silent.add("pause")
    press(one, "Ctrl+P")
    assert one.store.view.key == "pausing"
    assert one.window.page("home").state.word.text() == "Pausing"
    qtbot.waitUntil(lambda: one.engine.methods().count("pause") == 1, timeout=5_000)
    one.engine.push(scenes.training(step=306, revision=2))
    qtbot.waitUntil(lambda: one.store.snapshot.revision == 2, timeout=5_000)
    assert one.store.view.key == "pausing"
    one.engine.push(scenes.in_state("paused", "paused", "Paused.", revision=3))
    qtbot.waitUntil(lambda: one.store.view.key == "paused", timeout=5_000)
    press(one, "Ctrl+P")
    qtbot.waitUntil(lambda: "resume" in one.engine.methods(), timeout=5_000)


def test_a_pause_that_fails_is_not_shown_as_pausing(bench: Any, qtbot: Any) -> None:
    one = bench()
    one.engine.silent.add("pause")
    one.window.toggle_pause()
    one.engine.stop()
    qtbot.waitUntil(lambda: not one.store.connected, timeout=2_000)
    assert one.store.view.key == "stopped"


def test_snoozes_say_how_long(bench: Any, qtbot: Any) -> None:
    one = bench()
    for action in one.window.bar.button.split.menu.actions():
        action.trigger()
    qtbot.waitUntil(lambda: one.engine.methods().count("snooze") == 4, timeout=5_000)
    lengths = [p.seconds for p in one.engine.params("snooze") if isinstance(p, SnoozeParams)]
    assert lengths[:3] == [900, 3_600, 14_400]
    assert 8 * 3_600 <= lengths[3] <= 32 * 3_600


def test_every_state_has_a_word_a_sign_and_a_way_on() -> None:
    for key in ("training", "waiting", "paused", "paused_rule", "no_budget", "problem", "not_joined", "stopped"):
        shown = view(key, "why")
        assert shown.word
        assert shown.action_text
    with pytest.raises(ValueError, match="no state"):
        view("dancing", "")


def test_the_bar_moves_only_with_real_steps(bench: Any, qtbot: Any) -> None:
    one = bench()
    bar = one.window.page("home").state.bar
    assert bar.share == pytest.approx(305 / 500)
    qtbot.wait(300)
    assert bar.share == pytest.approx(305 / 500)
    one.engine.push(scenes.training(step=306, revision=2))
    qtbot.waitUntil(lambda: bar.share == pytest.approx(306 / 500), timeout=5_000)


def test_the_last_figures_stay_and_are_dated(bench: Any, qtbot: Any) -> None:
    one = bench()
    home = one.window.page("home")
    one.engine.stop()
    qtbot.waitUntil(lambda: home.banner.isVisible(), timeout=1_000)
    assert home.rings.given.text() == "12 h 24 min"
    assert home.banner.title.text().startswith("Last figures: Today")
    assert "stopped at" in home.state.sentence.text()
    with qtbot.waitSignal(one.window.start_engine_wanted, timeout=1_000):
        home.state.button.single.click()
    one.engine.start()
    qtbot.waitUntil(lambda: not home.banner.isVisible(), timeout=8_000)


def test_hidden_pages_do_no_work(bench: Any, qtbot: Any) -> None:
    one = bench()
    one.window.open_page("data")
    one.window.open_page("home")
    page = one.window.page("data")
    calls = [0]
    page.refresh = lambda: calls.__setitem__(0, calls[0] + 1)
    one.engine.push(scenes.training(revision=2))
    qtbot.waitUntil(lambda: one.store.snapshot.revision == 2, timeout=5_000)
    assert calls == [0]
    one.window.open_page("data")
    assert calls == [1]


def test_icons_only_where_it_is_narrow(bench: Any, qtbot: Any) -> None:
    one = bench()
    wide = one.window.rail.width()
    one.window.resize(800, 560)
    qtbot.waitUntil(lambda: one.window.rail.width() < wide, timeout=2_000)
    button = one.window.rail.buttons["data"]
    assert button.toolTip() == button.accessibleName() == "Data"
    one.window.open_page("data")
    assert one.window.bar.button.isVisible()
    corner = one.window.bar.button.mapTo(one.window, one.window.bar.button.rect().bottomRight())
    assert one.window.rect().contains(corner)


def test_dropped_folders_are_added(bench: Any, qtbot: Any, tmp_path: Any) -> None:
    one = bench()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path)), QUrl("https://example.org/x.txt")])
    event = QDropEvent(
        QPoint(5, 5).toPointF(),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    one.window.dropEvent(event)
    qtbot.waitUntil(lambda: "corpus.add" in one.engine.methods(), timeout=5_000)
    assert one.engine.params("corpus.add")[0].paths == [str(tmp_path)]
    assert one.window.current == "data"


def test_notices_become_toasts_and_esc_closes_them(bench: Any, qtbot: Any) -> None:
    one = bench()
    sentence = Sentence(code="update_accepted", text="Round 213 was accepted.")
    one.link.notice.emit(Notice(level="info", sentence=sentence, at=0.0))
    assert one.window.toast.isVisible()
    assert one.window.toast.text == "Round 213 was accepted."
    press(one, "Esc")
    assert not one.window.toast.isVisible()


def test_f6_goes_round_the_regions(bench: Any, qtbot: Any, qapp: Any) -> None:
    one = bench()
    one.window.activateWindow()
    qtbot.waitUntil(one.window.isActiveWindow, timeout=2_000)
    one.window.open_page("settings")
    seen = []
    for _ in range(4):
        one.window.next_region()
        focus = qapp.focusWidget()
        seen.append(next(
            name for name, region in (("rail", one.window.rail), ("bar", one.window.bar), ("page", one.window._stack))
            if region.isAncestorOf(focus)
        ))  # fmt: skip
    assert seen == ["rail", "bar", "page", "rail"]


def test_the_focus_ring_surrounds_what_has_the_focus(bench: Any, qtbot: Any, qapp: Any) -> None:
    one = bench()
    one.window.activateWindow()
    qtbot.waitUntil(one.window.isActiveWindow, timeout=2_000)
    assert not one.window.focus_ring.isVisible()
    button = one.window.rail.buttons["data"]
    button.setFocus(Qt.FocusReason.TabFocusReason)
    assert one.window.focus_ring.isVisible()
    corner = button.mapTo(one.window, QPoint(0, 0))
    assert one.window.focus_ring.geometry().contains(corner - QPoint(3, 3))
    button.clearFocus()
    assert not one.window.focus_ring.isVisible()


def test_the_focus_ring_outlives_what_had_the_focus(bench: Any, qtbot: Any, qapp: Any) -> None:
    """A screen reader keeps events coming; a ring that asked a deleted widget once took the window down."""
    one = bench()
    one.window.activateWindow()
    qtbot.waitUntil(one.window.isActiveWindow, timeout=2_000)
    holder = QWidget(one.window.centralWidget())
    box = QCheckBox("gone soon", holder)
    holder.show()
    box.show()
    box.setFocus()
    assert one.window.focus_ring.isVisible()
    delete(holder)
    one.window.focus_ring.follow()
    one.window.rail.buttons["data"].setFocus()
    one.window.resize(1_000, 700)
    qtbot.wait(20)
    assert one.window.focus_ring.isVisible()


HOSTILE = "<img src='file:///etc/passwd'><b>Prose</b>\u202e\n" + "W" * 5_000


@pytest.mark.parametrize("page", ["home", "data", "privacy", "uploads", "federations"])
def test_strangers_text_is_plain_and_capped(page: str, bench: Any, qtbot: Any) -> None:
    calm = scenes.training()
    manifest = msgspec.structs.replace(calm.federations[0].manifest, name=HOSTILE, operator=HOSTILE, purpose=HOSTILE)
    federation = msgspec.structs.replace(calm.federations[0], name=HOSTILE, operator=HOSTILE, manifest=manifest)
    hostile = msgspec.structs.replace(
        calm,
        why=Sentence(code="of_tomorrow", text=HOSTILE),
        federations=[federation],
        round=msgspec.structs.replace(calm.round, federation_name=HOSTILE),
        uploads=[msgspec.structs.replace(u, federation_name=HOSTILE) for u in calm.uploads],
        privacy=[msgspec.structs.replace(b, corpus_name=HOSTILE) for b in calm.privacy],
    )
    one = bench(hostile)
    one.window.open_page(page)
    qtbot.wait(50)
    assert one.window.width() == 1100
    labels = one.window.findChildren(QLabel)
    assert any("Prose" in label.text() for label in labels)
    for label in labels:
        assert label.textFormat() == Qt.TextFormat.PlainText or not label.text(), label.text()[:60]
        assert len(label.text()) <= 2_600
        assert "\u202e" not in label.text()
        assert "<" not in label.toolTip()


def test_a_dead_page_leaves_no_answer_hanging(bench: Any, qtbot: Any, qapp: Any) -> None:
    one = bench()
    one.window.open_page("doctor")
    page = one.window._pages.pop("doctor")
    one.window._stack.removeWidget(page)
    page.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    qtbot.wait(100)
    assert one.store.connected


def test_problem_offers_to_try_now(bench: Any, qtbot: Any) -> None:
    one = bench(scenes.in_state("problem", "x", "Common Prose does not answer since 14:32."))
    one.engine.replies["start"] = Acknowledged()
    one.window.page("home").state.button.single.click()
    qtbot.waitUntil(lambda: "start" in one.engine.methods(), timeout=5_000)


def test_a_ring_that_moves_by_a_hair_does_not_glide(bench: Any) -> None:
    """Each snapshot of a training moves it by a second; a glide repainted Home ten times for that."""
    one = bench()
    one.theme.reduced_motion = False
    rings = one.window.page("home").rings.rings
    before = rings.figure
    assert before.given is not None
    rings.show_figure(replace(before, given=before.given + 1e-4), "")
    assert rings._motion.state() == QAbstractAnimation.State.Stopped
    assert rings._shown == rings.figure
    rings.show_figure(replace(before, given=before.given + 0.1), "")
    assert rings._motion.state() == QAbstractAnimation.State.Running


def test_a_dot_of_the_same_ink_is_not_painted_again(bench: Any, qtbot: Any) -> None:
    class Paintings(QObject):
        seen = 0

        def eventFilter(self, _: QObject, event: QEvent) -> bool:
            self.seen += event.type() == QEvent.Type.Paint
            return False

    one = bench()
    dot, paintings = one.window.page("home").rings.dots[0], Paintings()
    qtbot.wait(300)
    dot.installEventFilter(paintings)
    dot.set_ink("accent")
    qtbot.wait(50)
    assert paintings.seen == 0
    dot.set_ink("muted")
    qtbot.waitUntil(lambda: paintings.seen > 0, timeout=2_000)


def test_a_federations_steps_are_built_when_gone_to(bench: Any) -> None:
    one = bench()
    one.window.open_page("federations")
    page = one.window.page("federations")
    assert page.step() == LIST
    assert not {"invite", "consent"} & set(vars(page))
    one.window.open_invite(scenes.INVITE)
    assert page.step() == INVITE
    assert "consent" not in vars(page)


def test_the_week_measures_its_days_once_for_a_painting(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    one = bench()
    one.window.open_page("compute")
    week = one.window.page("compute").hours.grid
    week.grab()
    asked: list[int] = []
    monkeypatch.setattr(week_grid, "_day", lambda number: asked.append(number) or "day")
    week.grab()
    assert len(asked) == week_grid.DAYS
    week.setFont(one.theme.font(Type.TITLE))
    week.grab()
    assert len(asked) == 3 * week_grid.DAYS
