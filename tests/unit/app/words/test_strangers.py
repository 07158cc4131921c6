"""Text that others wrote is plain letters, capped, and can do nothing else."""

from __future__ import annotations

import time
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from app.words import strangers


@given(st.text(max_size=400), st.integers(2, 80))
def test_what_is_shown_is_one_short_visible_line(text: str, limit: int) -> None:
    shown = strangers.plain(text, limit)
    assert len(shown) <= limit
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in shown)
    assert shown == shown.strip()


def test_direction_tricks_and_invisible_letters_are_gone() -> None:
    assert strangers.plain("safe\u202egnp.exe\u200b\x00\x1b[31m") == "safegnp.exe[31m"


def test_a_cut_is_shown() -> None:
    assert strangers.plain("a" * 300, 10) == "a" * 9 + "…"
    assert strangers.plain("\u200b" * 1_000 + "x", 10) == "…"


def test_a_megabyte_costs_no_more_than_a_line() -> None:
    began = time.perf_counter()
    for _ in range(50):
        strangers.name("é" * 1_000_000)
    assert time.perf_counter() - began < 2.0


def test_menus_get_neither_mnemonics_nor_markup() -> None:
    assert strangers.for_menu("<b>R&D</b>") == "(b)R+D(/b)"
