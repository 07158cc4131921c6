"""The week plan by mouse and keyboard: what is set is what the engine is told."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.theme import Theme
from app.widgets.week_grid import WeekGrid
from core.config.node import Limits


@pytest.fixture
def grid(qapp: QApplication, qtbot: Any) -> WeekGrid:
    made = WeekGrid(Theme(qapp))
    qtbot.addWidget(made)
    made.resize(700, made.sizeHint().height())
    made.show()
    made.setFocus()
    return made


def told(grid: WeekGrid) -> list[str]:
    plans: list[str] = []
    grid.planned.connect(plans.append)
    return plans


def spot(grid: WeekGrid, day: int, hour: int) -> QPoint:
    return grid._cell(day, hour).center().toPoint()


def test_nothing_chosen_is_always_open(grid: WeekGrid) -> None:
    assert grid.plan == ""
    assert grid.open_hours() == 168
    grid.show_plan(",".join(["o" * 24] * 7))
    assert grid.open_hours() == 0
    for nonsense in ("", "f", ",".join(["x" * 24] * 7), ",".join(["f" * 23] * 7)):
        grid.show_plan(nonsense)
        assert grid.plan == ""


def test_space_turns_a_cell_and_shift_selects_many(grid: WeekGrid) -> None:
    plans = told(grid)
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Right):
        QTest.keyClick(grid, key)
    QTest.keyClick(grid, Qt.Key.Key_Space)
    assert plans[-1].split(",")[1] == "ffh" + "f" * 21
    assert "2:00, half" in grid.accessibleDescription()
    QTest.keyClick(grid, Qt.Key.Key_End, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(grid, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(grid, Qt.Key.Key_Space)
    days = plans[-1].split(",")
    assert days[1] == days[2] == "ff" + "h" * 22
    assert days[0] == days[3] == "f" * 24
    assert Limits(schedule=tuple(days)).schedule == tuple(days), "the engine takes it"
    assert grid.open_hours() == 168 - 22


def test_the_cursor_stays_inside(grid: WeekGrid) -> None:
    for _ in range(30):
        QTest.keyClick(grid, Qt.Key.Key_Right)
        QTest.keyClick(grid, Qt.Key.Key_Down)
    assert "23:00" in grid.accessibleDescription()
    assert not grid.plan


def test_a_drag_paints_what_its_first_cell_became_and_is_told_once(grid: WeekGrid) -> None:
    plans = told(grid)
    grid.show_plan(",".join(["o" * 24] * 7))
    QTest.mousePress(grid, Qt.MouseButton.LeftButton, pos=spot(grid, 4, 18))
    for hour in (19, 20, 21):
        QTest.mouseMove(grid, spot(grid, 4, hour))
    grid.show_plan("")  # what the engine says meanwhile waits for the drag
    QTest.mouseRelease(grid, Qt.MouseButton.LeftButton, pos=spot(grid, 4, 21))
    assert len(plans) == 1
    assert plans[0].split(",")[4] == "o" * 18 + "ffff" + "oo"
    assert plans[0].split(",")[5] == "o" * 24
    QTest.mouseClick(grid, Qt.MouseButton.LeftButton, pos=QPoint(2, 2))
    assert len(plans) == 1, "beside the cells nothing happens"
