"""Whoever cannot see or point: every control has a name, every figure is read out, everything is reached by Tab."""

from __future__ import annotations

import re
from typing import Any

import pytest
from PySide6.QtCore import Qt, QTranslator
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QWidget,
)
from support import scenes

from app.widgets.bars import Bars
from app.widgets.hedge import Hedge
from app.widgets.plot import Plot
from app.widgets.ring_figure import Gauge, Rings

PAGES = ("home", "data", "compute", "privacy", "uploads", "federations", "try", "history", "host", "doctor", "settings")
INTERACTIVE = (QAbstractButton, QAbstractItemView, QAbstractSpinBox, QComboBox, QLineEdit, QPlainTextEdit)
FIGURES = (Plot, Bars, Hedge)


def visible(window: QWidget, kind: Any) -> list[Any]:
    return [w for w in window.findChildren(QWidget) if isinstance(w, kind) and w.isVisible()]


def opened(bench: Any, qtbot: Any, page: str) -> Any:
    one = bench()
    one.window.open_page(page)
    if page == "uploads":
        qtbot.waitUntil(one.window.page("uploads").detail.layers.isVisible, timeout=5_000)
    if page == "doctor":
        qtbot.waitUntil(one.window.page("doctor").panel.isVisible, timeout=5_000)
    return one


@pytest.mark.parametrize("page", PAGES)
def test_every_interactive_widget_has_a_name(page: str, bench: Any, qtbot: Any) -> None:
    one = opened(bench, qtbot, page)
    controls = visible(one.window, INTERACTIVE)
    assert len(controls) >= 8
    for control in controls:
        if control.objectName().startswith("qt_") or control.metaObject().className() == "QTableCornerButton":
            continue
        interface = QAccessible.queryAccessibleInterface(control)
        assert interface is not None
        name = interface.text(QAccessible.Text.Name)
        assert name.strip(), f"{control.metaObject().className()} {control.objectName()!r} on {page}"


@pytest.mark.parametrize("page", ["home", "privacy", "uploads"])
def test_every_figure_reads_a_summary(page: str, bench: Any, qtbot: Any) -> None:
    one = opened(bench, qtbot, page)
    figures = visible(one.window, FIGURES)
    assert figures
    for figure in figures:
        assert figure.accessibleName()
        assert any(c.isdigit() for c in figure.accessibleDescription()), figure.accessibleName()
        assert figure.focusPolicy() & Qt.FocusPolicy.TabFocus
    for ring in visible(one.window, (Rings, Gauge)):
        assert ring.accessibleName()


@pytest.mark.parametrize("page", PAGES)
def test_tab_reaches_every_control(page: str, bench: Any, qtbot: Any, qapp: Any) -> None:
    one = opened(bench, qtbot, page)
    one.window.activateWindow()
    qtbot.waitUntil(one.window.isActiveWindow, timeout=2_000)
    wanted = {
        w
        for w in visible(one.window, INTERACTIVE)
        if w.isEnabled() and w.focusPolicy() & Qt.FocusPolicy.TabFocus and w.focusProxy() is None
    }
    # Of a group with one choice Tab reaches the chosen one; the arrows go on from there.
    wanted = {w for w in wanted if not (isinstance(w, QAbstractButton) and w.autoExclusive() and not w.isChecked())}
    reached = set()
    for _ in range(len(wanted) + 40):
        QTest.keyClick(qapp.focusWidget() or one.window, Qt.Key.Key_Tab)
        reached.add(qapp.focusWidget())
    assert wanted <= reached, [w.accessibleName() for w in wanted - reached]


@pytest.mark.parametrize("pane", ["choose", "preview"])
def test_both_panes_have_names_and_are_reached_by_tab(pane: str, bench: Any, qtbot: Any, qapp: Any) -> None:
    one = opened(bench, qtbot, "data")
    page = one.window.page("data")
    qtbot.mouseClick(getattr(page.inspector, pane), Qt.MouseButton.LeftButton)
    shown = page.choice if pane == "choose" else page.preview
    if pane == "preview":
        qtbot.waitUntil(lambda: "shown already" in shown.facts.text(), timeout=30_000)
    controls = [w for w in visible(one.window, INTERACTIVE) if shown.isAncestorOf(w)]
    assert len(controls) >= 4
    for control in controls:
        interface = QAccessible.queryAccessibleInterface(control)
        assert interface is not None
        assert interface.text(QAccessible.Text.Name).strip(), control.metaObject().className()
    wanted = {w for w in controls if w.isEnabled() and w.focusPolicy() & Qt.FocusPolicy.TabFocus}
    one.window.activateWindow()
    qtbot.waitUntil(one.window.isActiveWindow, timeout=2_000)
    reached = set()
    for _ in range(80):
        QTest.keyClick(qapp.focusWidget() or one.window, Qt.Key.Key_Tab)
        reached.add(qapp.focusWidget())
    assert wanted <= reached


def test_arrows_go_through_the_rail(bench: Any, qtbot: Any, qapp: Any) -> None:
    one = bench()
    one.window.activateWindow()
    qtbot.waitUntil(one.window.isActiveWindow, timeout=2_000)
    one.window.rail.buttons["home"].setFocus()
    seen = []
    for _ in range(10):
        QTest.keyClick(qapp.focusWidget(), Qt.Key.Key_Down)
        QTest.keyClick(qapp.focusWidget(), Qt.Key.Key_Space)
        seen.append(one.window.current)
    assert seen == [
        *("data", "compute", "privacy", "uploads", "federations", "try", "history", "host", "doctor", "settings")
    ]


def test_joining_needs_no_mouse(bench: Any, qtbot: Any, qapp: Any) -> None:
    one = bench(scenes.ready_to_join())
    one.window.activateWindow()
    qtbot.waitUntil(one.window.isActiveWindow, timeout=2_000)
    qapp.clipboard().setText(scenes.INVITE)
    QTest.keyClick(one.window, Qt.Key.Key_I, Qt.KeyboardModifier.ControlModifier)
    page = one.window.page("federations")
    qtbot.waitUntil(page.invite.go_on.isEnabled, timeout=5_000)
    page.invite.go_on.setFocus()
    QTest.keyClick(qapp.focusWidget(), Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: page.consent.join.hasFocus(), timeout=5_000)
    QTest.keyClick(qapp.focusWidget(), Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: "federation.join" in one.engine.methods(), timeout=5_000)


@pytest.mark.parametrize("page", PAGES)
def test_no_second_primary_button_on_a_page(page: str, bench: Any, qtbot: Any) -> None:
    one = opened(bench, qtbot, page)
    primary = [b for b in visible(one.window, QPushButton) if b.property("kind") == "primary"]
    assert len(primary) <= 1, [b.text() for b in primary]


class _Brackets(QTranslator):
    """A language in which every translated text wears brackets, so that the rest shows."""

    def translate(self, context: str, source: str, disambiguation: str | None = None, n: int = -1) -> str:
        return f"⟦{source.replace('%n', str(n))}⟧"

    def isEmpty(self) -> bool:
        return False


OF_THE_SCENE = (
    "Hedgerow|Common Prose|Commons Language Lab|Netherlands|Field notes|Blog archive|Letters|/home/ada|An open model|"
    "Apache|prose.example.org|is yours alone|"
    "GB free|keys are in|118 entries|readable|seccomp|torch is installed|reached at|Put the folder back|^Home$|^Disk$|"
    "^Keystore$|^Ledger$|^Settings$|^Sandbox$|^Worker$|is not there|^steps$"
)
NOT_WORDS = r"(h|GB|s|kB|MB|kWh|Wh)|[0-9a-f …]+|([A-Z][a-z]{2} )?(\d+ [A-Z][a-z]{2} )?(\d{4}, )?\d\d:\d\d"


def _of_the_scene(text: str) -> bool:
    """Text of the owner's, the engine's or a federation's, or no words at all."""
    bare = text.strip()
    return (
        not any(c.isalpha() for c in bare)
        or re.search(OF_THE_SCENE, bare) is not None
        or re.fullmatch(NOT_WORDS, bare) is not None
        or all(len(word) <= 4 for word in bare.split())
    )


@pytest.mark.parametrize("page", PAGES)
def test_every_word_is_translated(page: str, bench: Any, qtbot: Any, qapp: Any) -> None:
    translator = _Brackets()
    qapp.installTranslator(translator)
    try:
        one = opened(bench, qtbot, page)
        texts = [w.text() for w in visible(one.window, (QLabel, QAbstractButton))]
        texts += [w.accessibleName() for w in visible(one.window, QWidget)]
        missed = {t for t in texts if t and "⟦" not in t and not _of_the_scene(t)}
        assert not missed
    finally:
        qapp.removeTranslator(translator)
