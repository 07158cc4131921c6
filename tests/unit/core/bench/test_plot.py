"""Pictures: every line is there, ticks are readable, and labels do not cover each other."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

from core.bench.plot import HEIGHT, MARKERS, WIDTH, Line, draw

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(picture).iter(f"{SVG}text"))


def test_nothing_is_still_a_picture() -> None:
    assert ElementTree.fromstring(draw([], "x", "y")).tag == f"{SVG}svg"


def test_a_log_axis_puts_equal_ratios_equally_far_apart() -> None:
    picture = draw([Line("a", ((1, 1), (10, 2), (100, 3)))], "x", "y", log_x=True)
    path = next(ElementTree.fromstring(picture).iter(f"{SVG}polyline")).attrib["points"].split()
    across = [float(point.split(",")[0]) for point in path]
    assert abs((across[1] - across[0]) - (across[2] - across[1])) < 0.2
    said = [text.text for text in texts(picture)]
    assert [tick for tick in ("1", "2", "5", "10", "20", "50", "100") if tick not in said] == []


def test_many_points_have_few_round_ticks() -> None:
    points = tuple((3.7 * x, float(x)) for x in range(1, 60))
    ticks = [t for t in texts(draw([Line("a", points)], "x", "y")) if t.attrib.get("text-anchor") == "middle"][:-1]
    assert 3 <= len(ticks) <= 10
    assert all(float(tick.text or "") % 10 == 0 for tick in ticks)


def test_labels_keep_their_distance_and_every_marker_is_inside() -> None:
    lines = [
        Line(name, ((1, 1.0), (2, 2.0 + 0.001 * at)), marker=marker, joined=False)
        for at, (name, marker) in enumerate(zip("abcd", MARKERS, strict=True))
    ]
    picture = draw(lines, "x", "y")
    heights = sorted(float(text.attrib["y"]) for text in texts(picture) if text.text in set("abcd"))
    assert len(heights) == 4
    assert all(below - above >= 13.9 for above, below in pairwise(heights))
    assert "<polyline" not in picture
    corners = re.findall(r'<polygon points="([^"]+)"', picture)
    assert len(corners) == 4
    for corner in " ".join(corners).split():
        x, y = map(float, corner.split(","))
        assert 0 < x < WIDTH
        assert 0 < y < HEIGHT
