"""Whoever cannot see or point: every control has a name, every figure is read out, everything is reached by Tab."""

from __future__ import annotations

import re
from pathlib import Path
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

from app.crash import CrashReports
from app.stores.hosted_model import HostedPlace
from app.widgets.bars import Bars
from app.widgets.hedge import Hedge
from app.widgets.plot import Plot
from app.widgets.ring_figure import Gauge, Rings
from core.api.hosting import Invitation

PAGES = ("home", "data", "compute", "privacy", "uploads", "federations", "try", "history", "host", "doctor", "settings")
PLACES = (
    *PAGES, "first run 0", "first run 1", "first run 2", "first run 3", "first run 4", "invite", "consent", "host form",
    "host detail", "host invite", "crash report",
)  # fmt: skip
"""Pages, and what else one comes to from them."""
INTERACTIVE = (QAbstractButton, QAbstractItemView, QAbstractSpinBox, QComboBox, QLineEdit, QPlainTextEdit)
FIGURES = (Plot, Bars, Hedge)


def visible(window: QWidget, kind: Any) -> list[Any]:
    return [w for w in window.findChildren(QWidget) if isinstance(w, kind) and w.isVisible()]


def opened(bench: Any, qtbot: Any, page: str) -> Any:
    one = bench(scenes.ready_to_join() if page in ("invite", "consent") or page.startswith("first run") else None)
    if page in ("invite", "consent"):
        one.window.open_invite(scenes.INVITE)
        federations = one.window.page("federations")
        qtbot.waitUntil(federations.invite.go_on.isEnabled, timeout=5_000)
        if page == "consent":
            qtbot.mouseClick(federations.invite.go_on, Qt.MouseButton.LeftButton)
            qtbot.waitUntil(federations.consent.isVisible, timeout=5_000)
        return one
    if page == "crash report":
        one.window.reports = CrashReports(one.settings.home)
        one.window.reports.on_exception(RuntimeError, RuntimeError("x"), None)
    place, _, part = page.rpartition(" ")
    one.window.open_page({"first run": "first run", "host": "host", "crash": "doctor"}.get(place, page))
    if place == "first run":
        one.window.page("first run").go(int(part))
    if place == "host":
        _host(one.window.page("host"), part)
    if page in ("doctor", "crash report"):
        qtbot.waitUntil(one.window.page("doctor").panel.isVisible, timeout=5_000)
    if page == "uploads":
        qtbot.waitUntil(one.window.page("uploads").detail.layers.isVisible, timeout=5_000)
    return one


def _host(page: Any, part: str) -> None:
    """Come to a part of the page on which one hosts."""
    if part == "form":
        page.first.click()
        return
    place = HostedPlace(path="/home/ada/village", found=scenes.hosted())
    page._places = lambda: [Path(place.path)]
    page._found = {place.path: place.found}
    page.refresh()
    if part == "invite":
        page.detail.invite.click()
        page.invite.show_invitation(Invitation(invite=scenes.INVITE, address="a:1", uses=1, expires_at=2e9))


@pytest.mark.parametrize("page", PLACES)
def test_every_interactive_widget_has_a_name(page: str, bench: Any, qtbot: Any) -> None:
    one = opened(bench, qtbot, page)
    controls = visible(one.window, INTERACTIVE)
    assert len(controls) >= 7
    for control in controls:
        if control.objectName().startswith("qt_") or control.metaObject().className() == "QTableCornerButton":
            continue
        interface = QAccessible.queryAccessibleInterface(control)
        assert interface is not None
        name = interface.text(QAccessible.Text.Name)
        assert name.strip(), f"{control.metaObject().className()} {control.objectName()!r} on {page}"


NAMELESS = {
    QAccessible.Role.Client, QAccessible.Role.Window, QAccessible.Role.Pane, QAccessible.Role.Grouping,
    QAccessible.Role.Border, QAccessible.Role.LayeredPane, QAccessible.Role.Splitter, QAccessible.Role.ScrollBar,
    QAccessible.Role.Separator, QAccessible.Role.Graphic, QAccessible.Role.StaticText,
}  # fmt: skip
"""Roles that only hold others, or whose text is their name."""


@pytest.mark.parametrize("page", PLACES)
def test_everything_in_the_tree_that_can_be_used_has_a_name(page: str, bench: Any, qtbot: Any) -> None:
    one = opened(bench, qtbot, page)
    walked, nameless = 0, []
    waiting = [QAccessible.queryAccessibleInterface(one.window)]
    while waiting:
        found = waiting.pop()
        if found is None or not found.isValid() or found.state().invisible:
            continue
        waiting += [found.child(number) for number in range(found.childCount())]
        if found.role() in NAMELESS or found.state().disabled:
            continue
        walked += 1
        if not found.text(QAccessible.Text.Name).strip() and not found.text(QAccessible.Text.Value).strip():
            kind = found.object().metaObject().className() if found.object() is not None else "item"
            nameless.append(f"{kind} {found.role()}")
    assert walked >= 8
    assert not nameless


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


@pytest.mark.parametrize("page", PLACES)
def test_tab_reaches_every_control(page: str, bench: Any, qtbot: Any, qapp: Any) -> None:
    one = opened(bench, qtbot, page)
    one.window.activateWindow()
    qtbot.waitUntil(one.window.isActiveWindow, timeout=2_000)
    wanted = {
        w
        for w in visible(one.window, INTERACTIVE)
        if w.isEnabled() and w.focusPolicy() & Qt.FocusPolicy.TabFocus and not w.objectName().startswith("qt_")
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
