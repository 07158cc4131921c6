"""A picture of every page, light and dark, for the eye. ``HEDGEROW_SCREENSHOTS`` names the folder to keep them in."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtWidgets import QWidget
from support import scenes
from support.languages import speaking

from app.pages.federations import FederationsPage
from app.stores.engine_store import EngineStore
from app.stores.hosted_model import HostedPlace
from app.widgets.rings import RingFigure, paint_rings, tray_ink
from core.api.errors import CoordinatorError
from core.api.hosting import Invitation
from core.api.messages.state import Snapshot

LEAST_COLOURS = 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the pictures go."""
    chosen = Path(os.environ.get("HEDGEROW_SCREENSHOTS") or tmp_path)
    chosen.mkdir(parents=True, exist_ok=True)
    return chosen


def save(picture: QPixmap, path: Path) -> None:
    """Keep a picture that is one: the right size and not a blank sheet."""
    assert picture.save(str(path))
    image = picture.toImage()
    seen = {image.pixel(x, y) for x in range(0, image.width(), 3) for y in range(0, image.height(), 3)}
    assert len(seen) >= LEAST_COLOURS, f"{path.name} shows next to nothing"


def fill(page: Any) -> bool:
    """Ten minutes of readings, with a pause in them, over limits that hold."""
    if page._plans is None or not page._values:
        return False
    now = time.monotonic()
    for plot in page.gauges.plots.values():
        plot._readings.clear()
    for second in range(0, 600, 4):
        load = scenes.load(0.02 if 300 < second < 380 else 0.64 + 0.04 * math.sin(second / 31))
        page.gauges.show_load(load, page._values, now - 600 + second)
    return True


PAGES = ("home", "data", "compute", "privacy", "uploads", "federations", "try", "history", "host", "doctor", "settings")
WHOLE = bool(os.environ.get("HEDGEROW_SCREENSHOTS"))
MATRIX = [
    (theme, scale, language)
    for theme in ("light", "dark")
    for scale in (1, 2)
    for language in ("en", "de", "pseudo")
    if WHOLE or (scale, language) == (1, "en") or (theme, scale, language) == ("light", 2, "de")
]
"""Every page in all of these; without a folder to keep them in only what tells a broken page."""


def at_scale(window: QWidget, scale: int) -> QPixmap:
    """The window as a screen of this many pixels for each of ours shows it."""
    picture = QPixmap(window.size() * scale)
    picture.setDevicePixelRatio(scale)
    window.render(picture)
    return picture


@pytest.mark.parametrize(("theme", "scale", "language"), MATRIX, ids=lambda value: str(value))
@pytest.mark.parametrize("page", [*PAGES, "first run", "invite"])
def test_screenshots_of_every_page(
    page: str, theme: str, scale: int, language: str, bench: Any, qtbot: Any, qapp: Any, folder: Path
) -> None:
    with speaking(language, qapp):
        one = bench(scenes.ready_to_join() if page in ("invite", "first run") else None, theme=theme)
        waits: dict[str, Callable[[], bool]] = {
            "uploads": lambda: one.window.page("uploads").detail.layers.isVisible(),
            "doctor": lambda: one.window.page("doctor").panel.isVisible(),
            "settings": lambda: bool(one.window.page("settings")._values) and not one.window.page("settings")._waiting,
            "history": lambda: one.window.page("history").footprint.isVisible(),
            "compute": lambda: fill(one.window.page("compute")),
            "invite": lambda: one.window.page("federations").invite.go_on.isEnabled(),
            "first run": lambda: "floor_epsilon" in one.window.page("first run")._values,
        }
        if page == "invite":
            one.window.open_invite(scenes.INVITE)
        else:
            one.window.open_page(page)
        if page in waits:
            qtbot.waitUntil(waits[page], timeout=5_000)
        if page == "first run":
            one.window.page(page).go(3)
        qtbot.wait(120 if page == "settings" else 30)
        save(at_scale(one.window, scale), folder / f"{page.replace(' ', '-')}-{theme}-{scale}x-{language}.png")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("unit", ["record", "none"])
def test_screenshots_of_the_consent(unit: str, theme: str, bench: Any, qtbot: Any, folder: Path) -> None:
    one = bench(scenes.ready_to_join(), theme=theme, unit=unit)
    one.window.open_invite(scenes.INVITE)
    page = one.window.page("federations")
    assert isinstance(page, FederationsPage)
    qtbot.waitUntil(page.invite.go_on.isEnabled, timeout=5_000)
    qtbot.wait(20)
    if unit == "record":
        save(one.window.grab(), folder / f"invite-{theme}.png")
    qtbot.mouseClick(page.invite.go_on, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(page.consent.isVisible, timeout=5_000)
    qtbot.wait(50)
    save(one.window.grab(), folder / f"consent-{unit}-{theme}.png")


@pytest.mark.parametrize("verdict", ["barely", "not useful"])
def test_screenshots_of_the_verdicts(verdict: str, bench: Any, qtbot: Any, folder: Path) -> None:
    one = bench(scenes.ready_to_join())
    terms = scenes.terms(2.5)
    offers = [msgspec.structs.replace(terms.offers[0], verdict=verdict), terms.offers[1]]
    one.engine.replies["federation.terms"] = msgspec.structs.replace(terms, offers=offers)
    one.window.open_invite(scenes.INVITE)
    page = one.window.page("federations")
    qtbot.waitUntil(page.invite.go_on.isEnabled, timeout=5_000)
    qtbot.mouseClick(page.invite.go_on, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(page.consent.isVisible, timeout=5_000)
    qtbot.wait(50)
    save(one.window.grab(), folder / f"consent-{verdict.replace(' ', '-')}.png")


def test_screenshots_below_the_floor(bench: Any, qtbot: Any, folder: Path) -> None:
    why = (
        "You joined Common Prose with a limit of ε 8, but your floor is ε 3 now. "
        "Leave and join again, or lower your floor in the settings."
    )
    rests = msgspec.structs.replace(scenes.federation(), state="below_floor", last_error=why)
    one = bench(scenes.in_state("paused_rule", "below_floor", why, federations=[rests], round=None))
    one.window.open_page("federations")
    qtbot.wait(20)
    save(one.window.grab(), folder / "below-floor.png")


EMPTY = ("home", "data", "uploads", "federations", "privacy", "try", "history")


@pytest.mark.parametrize("page", EMPTY)
def test_screenshots_of_empty_pages(page: str, bench: Any, qtbot: Any, folder: Path) -> None:
    one = bench(scenes.empty())
    one.window.open_page(page)
    qtbot.wait(20)
    save(one.window.grab(), folder / f"empty-{page}.png")


STATES: dict[str, Snapshot] = {
    "paused": scenes.in_state("paused", "paused", "Paused by you, until you press Resume."),
    "rule": scenes.in_state("paused_rule", "weekly_hours", "This week's 20 hours are given; it goes on on Monday."),
    "budget": scenes.in_state("no_budget", "no_budget", "The privacy budget of your text is used up."),
    "problem": scenes.in_state("problem", "coordinator_error", "Common Prose does not answer since 14:32."),
}


@pytest.mark.parametrize("name", STATES)
def test_screenshots_of_states(name: str, bench: Any, qtbot: Any, folder: Path) -> None:
    one = bench(STATES[name])
    qtbot.wait(20)
    save(one.window.grab(), folder / f"state-{name}.png")


@pytest.mark.parametrize(
    "page", ["home", "data", "compute", "uploads", "privacy", "federations", "history", "settings"]
)
def test_screenshots_of_the_least_window(page: str, bench: Any, qtbot: Any, folder: Path) -> None:
    one = bench()
    one.window.resize(800, 560)
    one.window.open_page(page)
    if page == "history":
        qtbot.waitUntil(lambda: one.window.page("history").footprint.isVisible(), timeout=5_000)
    if page == "uploads":
        qtbot.waitUntil(lambda: bool(one.window.page("uploads").detail.layers.values), timeout=5_000)
    qtbot.wait(20)
    assert (one.window.width(), one.window.height()) == (800, 560)
    save(one.window.grab(), folder / f"least-{page}.png")


def test_screenshots_of_trouble(bench: Any, qtbot: Any, folder: Path) -> None:
    one = bench()
    one.store.refused.emit(CoordinatorError("Common Prose does not answer.", "Your finished round is safe."))
    one.engine.stop()
    qtbot.waitUntil(lambda: not one.store.connected, timeout=5_000)
    one.window.ask_about_closing()
    qtbot.wait(20)
    save(one.window.grab(), folder / "trouble.png")


def test_screenshots_of_the_tray_icon(folder: Path, qapp: Any) -> None:
    assert EngineStore is not None
    signs = ("leaf", "dots", "bars", "hands", "square", "exclamation")
    sheet = QPixmap(16 * 60, (len(signs) + 4) * 60)
    sheet.fill(QColor("#F6F6F2"))
    painter = QPainter(sheet)
    painter.fillRect(QRectF(8 * 60, 0, 8 * 60, sheet.height()), QColor("#1E1E1E"))
    figures = [RingFigure(0.62, 0.7, "guaranteed", sign) for sign in signs]
    figures += [
        RingFigure(0.62, 0.7, "promised", "leaf"),
        RingFigure(0.62, 0.7, "none", "leaf"),
        RingFigure(0.0, 0.0, "guaranteed", "square"),
        RingFigure(None, None),
    ]
    for number, figure in enumerate(figures):
        for half in (0, 8 * 60):
            for column, size in enumerate((16, 22, 24, 32, 44)):
                box = QRectF(half + 10 + column * 55, number * 60 + 8, size, size)
                paint_rings(painter, box, figure, tray_ink())
            one_ink = tray_ink("light" if half else "dark")
            paint_rings(painter, QRectF(half + 300, number * 60 + 8, 16, 16), figure, one_ink)
            paint_rings(painter, QRectF(half + 340, number * 60 + 8, 22, 22), figure, one_ink)
            enlarged = QPixmap(16, 16)
            enlarged.fill(Qt.GlobalColor.transparent)
            small = QPainter(enlarged)
            paint_rings(small, QRectF(0, 0, 16, 16), figure, tray_ink())
            small.end()
            painter.drawPixmap(half + 400, number * 60 + 6, enlarged.scaled(48, 48))
    painter.end()
    save(sheet, folder / "tray.png")


@pytest.mark.parametrize("step", range(5))
def test_screenshots_of_the_first_run(step: int, bench: Any, qtbot: Any, folder: Path) -> None:
    one = bench(scenes.ready_to_join() if step == 1 else scenes.empty())
    one.window.begin_first_run()
    one.window.open_page("first run")
    page = one.window.page("first run")
    qtbot.waitUntil(lambda: "floor_epsilon" in page._values, timeout=5_000)
    page.go(step)
    qtbot.wait(20)
    save(one.window.grab(), folder / f"first-run-{step + 1}.png")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", ["empty", "form", "detail", "invite", "trouble"])
def test_screenshots_of_hosting(view: str, theme: str, bench: Any, qtbot: Any, folder: Path) -> None:
    one = bench(theme=theme)
    one.window.open_page("host")
    page = one.window.page("host")
    if view == "form":
        page.first.click()
    elif view != "empty":
        place = HostedPlace(path="/home/ada/.local/share/hedgerow-hosted/village-prose", found=scenes.hosted())
        rests = HostedPlace(path="/home/ada/.local/share/hedgerow-hosted/sea", found=scenes.hosted(running=False))
        page._places = lambda: [Path(place.path), Path(rests.path)]
        page._found = {place.path: place.found, rests.path: rests.found}
        page.refresh()
        page.list.setCurrentIndex(page.model.index(0, 0))
    if view == "invite":
        page.detail.invite.click()
        link = scenes.INVITE + "A" * 620
        made = Invitation(invite=link, address="192.168.1.5:8470", uses=3, expires_at=time.time() + 6e5)
        page.invite.uses.setValue(3)
        page.invite.show_invitation(made)
    if view == "trouble":
        page._on_refused(
            place.path, CoordinatorError("The address 0.0.0.0:8470 is taken by another program.", "Stop it.")
        )
    qtbot.wait(20)
    save(one.window.grab(), folder / f"host-{view}-{theme}.png")
