"""Several ranks in this process, one thread each, joined by real pipes and one shared anonymous file."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from core.training.lines import Line, SiblingGone
from core.training.reduction import SharedReducer

SLOT_BYTES = 1 << 10
"""Small, so that tensors pass in many pieces."""


def pairs(size: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """(in, out) at the leader and at the sibling, for each sibling."""
    made = []
    for _ in range(size - 1):
        down_r, down_w = os.pipe()
        up_r, up_w = os.pipe()
        made.append(((up_r, down_w), (down_r, up_w)))
    return made


def lines_of(size: int, between: Callable[[], None] = lambda: None) -> list[list[Line]]:
    """For each rank the lines it has."""
    made = pairs(size)
    return [[Line(*leader, between) for leader, _ in made], *([Line(*sibling, between)] for _, sibling in made)]


def run_ranks(size: int, work: Callable[[SharedReducer, list[Line]], Any], slot_bytes: int = SLOT_BYTES) -> list[Any]:
    """What ``work`` returned at each rank; an exception of any rank is raised, its cause before its consequences."""
    shared = os.memfd_create("ranks")
    found: list[Any] = [None] * size
    failed: list[BaseException | None] = [None] * size
    lines = lines_of(size)

    def one(rank: int) -> None:
        try:
            reducer = SharedReducer(rank, size, lines[rank], os.dup(shared), slot_bytes)
            found[rank] = work(reducer, lines[rank])
        except BaseException as error:  # noqa: BLE001 - handed to the test
            failed[rank] = error
        finally:
            for line in lines[rank]:
                line.close()

    threads = [threading.Thread(target=one, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    os.close(shared)
    errors = [error for error in failed if error is not None]
    if errors:
        raise next((error for error in errors if not isinstance(error, SiblingGone)), errors[0])
    return found
