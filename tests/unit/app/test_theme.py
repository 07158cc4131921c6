"""The colour table: every ink on every ground it may lie on, from the same table the window is painted with."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest
from PySide6.QtGui import QPalette

from app.theme import (
    GROUNDS,
    RESOURCES,
    SCHEMES,
    SERIES,
    SOFT_FILLS,
    TEXT_ROLES,
    TRAY,
    Colours,
    Theme,
    contrast,
    palette,
)

TEXT, CONTROL = 4.5, 3.0


def test_contrast_is_the_published_formula() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.478, abs=0.001)
    assert contrast("#FFFFFF", "#777777") == contrast("#777777", "#FFFFFF")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("role", TEXT_ROLES)
def test_text_is_legible_on_every_ground(scheme: str, role: str) -> None:
    colours = SCHEMES[scheme]
    for ground in (*GROUNDS, *SOFT_FILLS.values()):
        reached = contrast(getattr(colours, role), getattr(colours, ground))
        assert reached >= TEXT, f"{role} on {ground}: {reached:.2f}"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_on_the_primary_button_is_legible(scheme: str) -> None:
    colours = SCHEMES[scheme]
    assert contrast(colours.on_accent, colours.accent) >= TEXT


@pytest.mark.parametrize("scheme", SCHEMES)
def test_outlines_and_marks_stand_out(scheme: str) -> None:
    colours = SCHEMES[scheme]
    for role in ("control", *SERIES):
        for ground in ("surface", "background"):
            reached = contrast(getattr(colours, role), getattr(colours, ground))
            assert reached >= CONTROL, f"{role} on {ground}: {reached:.2f}"


@pytest.mark.parametrize("role", ["given", "guarantee", "promised", "danger", "ink"])
def test_tray_inks_stand_out_on_any_panel(role: str) -> None:
    for panel in ("#FFFFFF", "#1E1E1E"):
        assert contrast(TRAY[role], panel) >= CONTROL


def test_both_schemes_fill_every_role_with_a_colour() -> None:
    for colours in SCHEMES.values():
        for field in fields(Colours):
            assert re.fullmatch(r"#[0-9A-F]{6}", getattr(colours, field.name)), field.name


def test_the_palette_comes_from_the_table() -> None:
    for colours in SCHEMES.values():
        made = palette(colours)
        assert made.color(QPalette.ColorRole.Window).name().upper() == colours.background
        assert made.color(QPalette.ColorRole.Text).name().upper() == colours.text
        assert made.color(QPalette.ColorRole.Highlight).name().upper() == colours.accent


def test_the_stylesheet_names_no_colour_of_its_own() -> None:
    text = (RESOURCES / "themes" / "hedgerow.qss").read_text("utf-8")
    assert not re.search(r":\s*[^;{}]*#[0-9A-Fa-f]{3,8}\b", text)


def test_a_choice_beats_the_desktop(qapp: object) -> None:
    theme = Theme(qapp, "system")  # type: ignore[arg-type]
    seen: list[bool] = []
    theme.changed.connect(lambda: seen.append(theme.dark))
    theme.set_system_dark(True)
    theme.set_choice("light")
    theme.set_system_dark(False)
    theme.set_choice("dark")
    assert seen == [True, False, False, True]
    with pytest.raises(ValueError, match="theme"):
        theme.set_choice("sepia")
    theme.set_choice("light")
