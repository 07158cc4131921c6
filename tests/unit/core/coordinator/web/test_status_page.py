from __future__ import annotations

import base64
import dataclasses
import hashlib
import itertools
import math
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.coordinator.records.schema import Checkpoint, Round
from core.coordinator.web.charts import MOST_POINTS, scale, thinned
from core.coordinator.web.status_page import (
    CONTENT_SECURITY_POLICY,
    NEWEST_ROWS,
    OLDER_ROWS,
    StatusView,
    render,
    size,
)

BASE, CHECKPOINT = "b" * 64, "c" * 64
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


def view(measured: bool = True) -> StatusView:
    rounds = [
        Round(
            server_round=number, state="closed", base_hash="b" * 64, base_bytes=1, step_clock=0, started_at=0.0,
            deadline_at=9.0, closed_at=12.5, volunteers=2, upload_bytes=500_000, dense_bytes=4_000_000,
        )
        for number in (1, 2)
    ]  # fmt: skip
    checkpoints = [
        Checkpoint(
            server_round=number, sha256="c" * 64, size_bytes=1, momentum="", created_at=0.0,
            loss=4.0 if measured else None, bits_per_byte=5.0 - number if measured else None,
        )
        for number in (0, 1, 2)
    ]  # fmt: skip
    return StatusView(
        name=HOSTILE, operator=HOSTILE, purpose=HOSTILE, preset=HOSTILE, unit="none", rounds_planned=3, volunteers=2,
        online=1, rounds=rounds, checkpoints=checkpoints,
    )  # fmt: skip


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_strangers_text_stays_text_and_nothing_is_loaded() -> None:
    tags = Tags()
    tags.feed(render(view()))
    names = {name for name, _ in tags.found}
    assert not names & {"script", "img", "iframe", "link", "object", "form"}
    attributes = {name for _, attrs in tags.found for name in attrs}
    assert not attributes & {"src", "href", "onerror", "onload", "style"}


def test_the_policy_allows_exactly_the_inline_style() -> None:
    found = re.search(r"<style>(.*?)</style>", render(view()), re.S)
    assert found is not None
    digest = base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in CONTENT_SECURITY_POLICY
    assert "default-src 'none'" in CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY


def test_the_figures_are_there() -> None:
    page = render(view())
    for text in ("2 <small>of 3</small>", "3.000", "1.0 MB", "500.0 kB", "4.0 MB", "12.5", '<span class="none">none'):
        assert text in page
    assert page.count("<circle") == 3 + 4 * 2, "held-out text, volunteers, time, bytes, ratio"


def test_an_unmeasured_federation_says_so() -> None:
    page = render(view(measured=False))
    assert "Nothing measured yet" in page
    assert 'id="bits-t"' not in page


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (2_500_000, "2.5 MB")])
def test_sizes_for_people(count: int, text: str) -> None:
    assert size(count) == text


def long_view(count: int) -> StatusView:
    """A run in which everything is known, and one round in ten was given up."""
    rounds = [
        Round(
            server_round=number, state="void" if number % 10 == 5 else "closed", base_hash=BASE, base_bytes=1,
            step_clock=0, started_at=0.0, deadline_at=9.0, closed_at=100.0 + number % 7, volunteers=number % 9,
            upload_bytes=480_000 + number, dense_bytes=74_000_000, training_loss=4.0 / number,
            pseudo_gradient_norm=1.0 / number, model_norm=30.0 + number,
        )
        for number in range(1, count + 1)
    ]  # fmt: skip
    checkpoints = [
        Checkpoint(
            server_round=number, sha256=CHECKPOINT, size_bytes=1, momentum="", created_at=0.0, loss=4.0,
            bits_per_byte=2.0 + 3.0 / (1 + number),
        )
        for number in range(count + 1)
    ]  # fmt: skip
    return dataclasses.replace(view(), rounds=rounds, checkpoints=checkpoints, rounds_planned=count)


def charts(page: str) -> list[ET.Element]:
    return [ET.fromstring(text) for text in re.findall(r"<svg.*?</svg>", page, re.S)]


def test_every_figure_has_its_chart_and_every_chart_its_words() -> None:
    page = render(long_view(30))
    drawn = charts(page)
    assert len(drawn) == 8
    for chart in drawn:
        names = (chart.get("aria-labelledby") or "").split()
        assert [chart.find(kind).get("id") for kind in ("title", "desc")] == names  # type: ignore[union-attr]
        assert re.search(r"From .* in round .*; lowest .*, highest .*", chart.findtext("desc") or "")
        assert chart.get("role") == "img"
        inside = {element.tag for element in chart.iter()}
        assert inside <= {"svg", "title", "desc", "path", "text", "polyline", "circle"}
        assert not any("style" in element.attrib or "fill" in element.attrib for element in chart.iter())
    identities = re.findall(r'id="([^"]+)"', page)
    assert len(set(identities)) == len(identities) == 16


def test_what_is_not_known_has_no_chart_and_one_round_is_a_dot() -> None:
    drawn = charts(render(long_view(1)))
    assert all(chart.find("polyline") is None for chart in drawn[1:])
    assert all(len(chart.findall("circle")) == 1 for chart in drawn[1:])
    private = dataclasses.replace(long_view(9), checkpoints=[])
    private = dataclasses.replace(
        private, rounds=[dataclasses.replace(item, training_loss=None, model_norm=math.nan) for item in private.rounds]
    )
    page = render(private)
    assert not re.search(r'id="(bits|loss|model)-t"', page)
    assert 'id="update-t"' in page


def test_a_page_about_a_thousand_rounds_stays_small_and_says_what_it_left_out() -> None:
    page = render(long_view(1_000))
    assert len(page.encode()) < 200_000
    assert "of the older ones some" in page
    rows = [int(number) for number in re.findall(r'<th scope="row">(\d+)', page)]
    assert rows == sorted(rows, reverse=True)
    assert rows[:NEWEST_ROWS] == list(range(1_000, 1_000 - NEWEST_ROWS, -1))
    assert (len(rows), rows[-1]) == (NEWEST_ROWS + OLDER_ROWS, 1)
    assert "of the older ones some" not in render(long_view(NEWEST_ROWS + OLDER_ROWS))
    lines = [len((line.get("points") or "").split()) for chart in charts(page) for line in chart.findall("polyline")]
    assert len(lines) == 8
    assert max(lines) <= MOST_POINTS


def test_nothing_of_a_machine_is_on_the_page() -> None:
    page = render(long_view(30))
    assert BASE not in page
    assert CHECKPOINT not in page
    assert not re.search(r"\b[0-9a-f]{12,}\b", page), "no key, not even its beginning"


@example([9e-178], False)
@given(
    st.lists(st.floats(-1e12, 1e12, allow_subnormal=False), min_size=1, max_size=40),
    st.booleans(),
)
def test_the_scale_spans_what_it_is_for(values: list[float], whole: bool) -> None:
    values = [float(round(value)) for value in values] if whole else values
    low, high = min(values), max(values)
    ticks = scale(low, high, whole=whole)
    assert 2 <= len(ticks) <= 8
    assert all(later > earlier for earlier, later in itertools.pairwise(ticks))
    slack = 1e-6 * max(abs(low), abs(high), 1e-30)
    assert ticks[0] <= low + slack
    assert ticks[-1] >= high - slack


def test_thinning_keeps_the_ends_the_order_and_every_spike() -> None:
    points = [(number, float(number % 3)) for number in range(1_000)]
    points[617] = (617, 99.0)
    points[202] = (202, -99.0)
    kept = thinned(points)
    assert len(kept) <= MOST_POINTS
    assert kept == sorted(set(kept))
    assert {points[0], points[-1], points[617], points[202]} <= set(kept)
    assert thinned(points[:50]) == points[:50]


def test_a_round_that_was_taken_back_is_said_and_leaves_no_point() -> None:
    shown = view()
    rounds = [shown.rounds[0], dataclasses.replace(shown.rounds[1], rejected="The norm blew up.")]
    checkpoints = [*shown.checkpoints[:2], dataclasses.replace(shown.checkpoints[2], rejected="The norm blew up.")]
    page = render(dataclasses.replace(shown, rounds=rounds, checkpoints=checkpoints))
    assert "<td>taken back" in page
    assert "<dd>4.000</dd>" in page, "the newest that was built upon"
    assert "<dd>3.000</dd>" in render(shown)
