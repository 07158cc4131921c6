from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from core.coordinator.records.schema import Checkpoint, Round
from core.coordinator.web.status_page import CONTENT_SECURITY_POLICY, StatusView, render, size

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
    assert page.count("<circle") == 3


def test_an_unmeasured_federation_says_so() -> None:
    page = render(view(measured=False))
    assert "Nothing measured yet" in page
    assert "<polyline" not in page


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (2_500_000, "2.5 MB")])
def test_sizes_for_people(count: int, text: str) -> None:
    assert size(count) == text
