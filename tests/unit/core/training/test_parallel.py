from __future__ import annotations

from collections.abc import Callable

import pytest
from support.ranks import run_ranks

from core.jobs import TrainJob
from core.training import parallel
from core.training.lines import Line
from core.training.parallel import Link
from core.training.reduction import SharedReducer

MakeJob = Callable[..., TrainJob]
FAST, SLOW = Link(1e-5, 1e10), Link(0.5, 1e6)


def test_well_connected_means_that_an_exchange_costs_at_most_a_quarter_of_a_step() -> None:
    link = Link(latency_s=0.1, bytes_per_s=1_000.0)
    assert link.seconds(400) == pytest.approx(0.5)
    assert parallel.has_infra(link, 400, step_s=2.0)
    assert not parallel.has_infra(link, 400, step_s=1.99)
    assert not parallel.has_infra(link, 401, step_s=2.0)


@pytest.mark.parametrize(
    ("unit", "link", "expected"),
    [
        ("none", FAST, "ddp"),
        ("corpus", FAST, "ddp"),
        ("none", SLOW, "local"),
        ("corpus", SLOW, "local"),
        ("record", FAST, "ddp"),
        ("record", SLOW, "ddp"),
    ],
)
def test_the_branch_follows_connection_and_unit(make_job: MakeJob, unit: str, link: Link, expected: str) -> None:
    assert parallel.choose(make_job(unit), link, step_s=0.1) == expected


def test_the_link_between_real_ranks_is_measured() -> None:
    def work(reducer: SharedReducer, _: list[Line]) -> tuple[float, float]:
        small = parallel.exchange(reducer, parallel.SMALL_VALUES, "cpu")
        return small, parallel.exchange(reducer, 1 << 18, "cpu")

    small, large = run_ranks(2, work, slot_bytes=1 << 18)[0]
    assert 0 < small < 5
    link = parallel.link_from(small, large)
    assert link.latency_s == small
    assert link.bytes_per_s > 0
    assert parallel.link_from(0.1, 0.1).bytes_per_s > 0, "a clock that did not move divides nothing by zero"
