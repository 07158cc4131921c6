"""A rule with a memory: slow to begin, slow to end, and never stuck."""

from __future__ import annotations

from core.hardware.latch import Latch


def run(*looks: tuple[float, bool | None], rise_s: float = 20, fall_s: float = 120) -> list[bool]:
    latch, found = Latch(), []
    for at, condition in looks:
        latch = latch.next(condition, at, rise_s, fall_s)
        found.append(latch.on)
    return found


def test_it_must_last() -> None:
    assert run((0, True), (19, True), (20, True)) == [False, False, True]
    assert run((0, True), (10, False), (15, True), (30, True), (35, True)) == [False, False, False, False, True]


def test_it_must_be_gone_for_long() -> None:
    assert run((0, True), (20, True), (30, False), (149, False), (150, False)) == [False, True, True, True, False]
    assert run((0, True), (20, True), (30, False), (140, True), (151, False)) == [False, True, True, True, True]


def test_what_is_unknown_counts_as_gone() -> None:
    assert run((0, True), (20, True), (30, None), (150, None)) == [False, True, True, False]
    assert run((0, None), (100, None)) == [False, False]


def test_no_wait_means_at_once() -> None:
    assert run((0, True), (1, False), rise_s=0, fall_s=0) == [True, False]


def test_a_clock_that_is_set_back_prolongs_nothing() -> None:
    assert run((1_000_000, True), (100, True), (120, True)) == [False, False, True]
