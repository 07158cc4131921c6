"""Every page in German, French and a pseudo-locale a third longer: nothing is cut off, numbers follow the locale."""

from __future__ import annotations

import pprint
from typing import Any

import pytest
from PySide6.QtCore import QDate, QLocale
from PySide6.QtWidgets import QComboBox, QLabel, QWidget
from support import scenes
from support.languages import pseudo, speaking

from app.pages.page import ScrollColumn
from app.widgets.buttons import Button
from app.widgets.labels import ElidedLabel, Label
from app.words import figures
from core.api.messages.state import Check, CheckList

PAGES = ("home", "data", "compute", "privacy", "uploads", "federations", "try", "history", "host", "doctor", "settings")


def shown(window: QWidget, kind: Any) -> list[Any]:
    return [w for w in window.findChildren(QWidget) if isinstance(w, kind) and w.isVisible()]


def leaves(widget: QWidget) -> list[QWidget]:
    return [w for w in shown(widget, QWidget) if not shown(w, QWidget)]


def beyond(widget: QWidget, area: ScrollColumn) -> bool:
    right = widget.mapTo(area.widget(), widget.rect().topRight()).x()
    return right > area.viewport().width()


def said(widget: QWidget) -> str:
    text = getattr(widget, "text", lambda: "")
    words = text() if callable(text) else text
    return f"{type(widget).__name__} {words or widget.accessibleName()!r}"


def cut_off(window: QWidget) -> list[str]:
    """Texts that do not fit into the place they got."""
    found = []
    for button in shown(window, Button):
        if button.text() and button.sizeHint().width() > button.width() + 1:
            found.append(f"button {button.text()!r}: {button.sizeHint().width()} > {button.width()}")
    for label in shown(window, Label):
        if isinstance(label, ElidedLabel) or not label.text():
            continue
        if label.wordWrap():
            longest = max(label.text().split(), key=len)
            if label.fontMetrics().horizontalAdvance(longest) > label.width() + 1:
                found.append(f"word {longest!r} in {label.text()!r}")
            elif label.heightForWidth(label.width()) > label.height() + 1:
                found.append(f"lines of {label.text()!r}")
        elif label.sizeHint().width() > label.width() + 1:
            found.append(f"label {label.text()!r}: {label.sizeHint().width()} > {label.width()}")
    for area in shown(window, ScrollColumn):
        if area.widget().width() > area.viewport().width():
            found.append(f"a column of {area.widget().width()} px in {area.viewport().width()}")
        found += [f"beyond the edge: {said(w)}" for w in leaves(area.widget()) if beyond(w, area)]
    for box in shown(window, QComboBox):
        if box.fontMetrics().horizontalAdvance(box.currentText()) > box.width():
            found.append(f"choice {box.currentText()!r}")
    return found


def settled(window: QWidget, qtbot: Any) -> list[str]:
    """What is still cut off once the layouts have come to rest."""
    for _ in range(20):
        qtbot.wait(20)
        if not cut_off(window):
            break
    return cut_off(window)


@pytest.mark.parametrize("size", [(1100, 720), (800, 560)], ids=["usual", "least"])
@pytest.mark.parametrize("language", ["de", "fr", "pseudo"])
def test_no_page_cuts_a_text_off(language: str, size: tuple[int, int], bench: Any, qtbot: Any, qapp: Any) -> None:
    with speaking(language, qapp):
        one = bench()
        one.window.resize(*size)
        found = {}
        for page in PAGES:
            one.window.open_page(page)
            if page == "doctor":
                qtbot.waitUntil(one.window.page("doctor").panel.isVisible, timeout=5_000)
            if page == "settings":
                qtbot.waitUntil(lambda: not one.window.page("settings")._waiting, timeout=5_000)
            if page == "history":
                qtbot.waitUntil(one.window.page("history").footprint.isVisible, timeout=5_000)
            if cut := settled(one.window, qtbot):
                found[page] = cut
        assert (one.window.width(), one.window.height()) == size, "the page forces the window wider"
        assert not found, pprint.pformat(found, width=200)


@pytest.mark.parametrize("language", ["de", "fr", "pseudo"])
def test_no_step_of_the_first_run_cuts_a_text_off(language: str, bench: Any, qtbot: Any, qapp: Any) -> None:
    with speaking(language, qapp):
        one = bench(scenes.empty())
        one.window.resize(800, 560)
        one.window.begin_first_run()
        page = one.window.page("first run")
        found = {}
        for step in range(5):
            page.go(step)
            if cut := settled(one.window, qtbot):
                found[step] = cut
        assert not found, pprint.pformat(found, width=200)


def test_german_is_spoken_through_and_through(bench: Any, qtbot: Any, qapp: Any) -> None:
    with speaking("de", qapp):
        one = bench()
        assert [b.text() for b in one.window.rail.buttons.values()][:4] == ["Start", "Daten", "Rechnen", "Privatsphäre"]
        said = shown(one.window.page("home"), QLabel)
        assert any("Runde 214" in label.text() for label in said)
        one.engine.replies["doctor"] = CheckList(
            checks=[Check(name="disk", ok=True, detail="x", code="disk_free", args={"free_bytes": 2_500_000_000})]
        )
        one.window.open_page("doctor")
        qtbot.waitUntil(one.window.page("doctor").panel.isVisible, timeout=5_000)
        assert any("2,5\N{NARROW NO-BREAK SPACE}GB frei." in label.text() for label in shown(one.window, QLabel))


def test_numbers_dates_and_sizes_follow_the_language(qapp: Any) -> None:
    at = QDate(2026, 11, 30).startOfDay().toSecsSinceEpoch() + 50_820
    with speaking("de", qapp):
        assert figures.count(44_100) == "44.100"
        assert figures.number(8.25, 1) == QLocale().toString(8.25, "f", 1)
        assert figures.moment(at) == "Mo. 30. Nov. 2026, 14:07" or figures.moment(at).startswith("Mo")
        assert figures.size(2_500_000) == "2,5\N{NARROW NO-BREAK SPACE}MB"
    with speaking("fr", qapp):
        assert figures.size(2_500_000) == "2,5\N{NARROW NO-BREAK SPACE}Mo"
        assert figures.words(44_100_000).startswith("44,1")
    assert figures.size(2_500_000) == "2.5\N{NARROW NO-BREAK SPACE}MB"


def test_what_is_cut_off_is_found(bench: Any, qtbot: Any) -> None:
    one = bench()
    one.window.open_page("federations")
    assert not settled(one.window, qtbot)
    button = shown(one.window.page("federations"), Button)[0]
    button.setFixedWidth(12)
    assert len(cut_off(one.window)) == 1


def test_the_pseudo_locale_keeps_placeholders() -> None:
    assert pseudo("&Open {0} of %n").count("{0}") == 1
    assert "%n" in pseudo("&Open {0} of %n")
    assert len(pseudo("Privacy budget")) > 1.3 * len("Privacy budget")
