"""The rings: never a full ring for less than all, never an empty one for more than nothing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtGui import QColor, QImage

from app.theme import DARK, LIGHT, TRAY
from app.widgets.rings import LARGEST, SMALLEST, RingFigure, ring_pixmap, shown, tray_ink, window_ink

GREEN, INDIGO, RED, INK = (QColor(TRAY[name]).rgb() for name in ("given", "guarantee", "danger", "ink"))


def image(figure: RingFigure, size: int = 16, setting: str = "colour") -> QImage:
    return ring_pixmap(size, figure, tray_ink(setting)).toImage()


def colours(picture: QImage) -> set[int]:
    return {picture.pixel(x, y) for x in range(picture.width()) for y in range(picture.height())}


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_the_arc_never_lies(fraction: float) -> None:
    drawn = shown(fraction)
    assert 0.0 <= drawn <= 1.0
    if fraction >= 1:
        assert drawn == 1.0
    elif fraction > 0 and not math.isnan(fraction):
        assert SMALLEST <= drawn <= LARGEST
    else:
        assert drawn == 0.0


@pytest.mark.parametrize(
    ("sign", "rectangles"),
    [
        ("bars", [(5, 5, 2, 6), (9, 5, 2, 6)]),
        ("dots", [(5, 7, 6, 2)]),
        ("hands", [(7, 4, 2, 5), (7, 7, 4, 2)]),
        ("square", [(5, 5, 6, 6)]),
        ("exclamation", [(7, 4, 2, 5), (7, 10, 2, 2)]),
    ],
)
def test_signs_at_16_pixels_are_whole_pixels(qapp: object, sign: str, rectangles: list[tuple[int, ...]]) -> None:
    picture = image(RingFigure(0.0, 0.0, "guaranteed", sign))  # type: ignore[arg-type]
    ink = {"square": INDIGO, "exclamation": RED}.get(sign, INK)
    expected = {(x + i, y + j) for x, y, w, h in rectangles for i in range(w) for j in range(h)}
    middle = {(x, y) for x in range(5, 11) for y in range(5, 11)}
    painted = {(x, y) for x, y in middle if picture.pixel(x, y) == ink}
    assert painted == expected & middle
    for place in expected:
        assert picture.pixel(*place) == ink


def test_green_only_while_training(qapp: object) -> None:
    assert GREEN in colours(image(RingFigure(0.6, 0.5, "guaranteed", "leaf"), 64))
    for sign in ("dots", "bars", "hands", "square", "exclamation"):
        assert GREEN not in colours(image(RingFigure(0.6, 0.5, "guaranteed", sign), 64))  # type: ignore[arg-type]


def test_no_guarantee_is_dots_and_never_indigo(qapp: object) -> None:
    seen = colours(image(RingFigure(0.6, 1.0, "none", "dots"), 64))
    assert RED in seen
    assert INDIGO not in seen


def test_promised_is_dashed(qapp: object) -> None:
    solid = image(RingFigure(0.0, 0.9, "guaranteed", "dots"), 64)
    dashed = image(RingFigure(0.0, 0.9, "promised", "dots"), 64)
    ochre = QColor(TRAY["promised"]).rgb()

    def count(picture: QImage, colour: int) -> int:
        return sum(picture.pixel(x, y) == colour for x in range(64) for y in range(64))

    assert 0.4 < count(dashed, ochre) / count(solid, INDIGO) < 0.8


def test_an_empty_budget_shows_no_arc_and_the_smallest_rest_does(qapp: object) -> None:
    assert INDIGO not in colours(image(RingFigure(0.0, 0.0, "guaranteed", "dots"), 64))
    assert INDIGO in colours(image(RingFigure(0.0, 1e-9, "guaranteed", "dots"), 64))


def test_a_nearly_full_ring_has_a_gap_at_the_top_left(qapp: object) -> None:
    full, nearly = (image(RingFigure(0.0, share, "guaranteed", "dots"), 64) for share in (1.0, 0.9999))
    assert full != nearly


def test_one_ink_uses_one_ink(qapp: object) -> None:
    picture = image(RingFigure(0.6, 0.5, "guaranteed", "leaf"), 32, "light")
    opaque = {pixel for pixel in colours(picture) if (pixel >> 24) == 255}
    assert {QColor(pixel).name() for pixel in opaque} == {"#ffffff"}


def test_both_schemes_use_their_own_table(qapp: object) -> None:
    assert window_ink(LIGHT).active.name().upper() == LIGHT.accent
    assert window_ink(DARK).guaranteed.name().upper() == DARK.guarantee
