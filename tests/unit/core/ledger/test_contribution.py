"""Sums, weeks and days of what was given."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.ledger_kit import RUN, attributes, begin, federation, prepared, seal

from core.ledger.contribution import Work, week_start
from core.ledger.store import Ledger

WEDNESDAY = dt.datetime(2026, 7, 15, 12, 0).timestamp()
DAY = 86_400


@pytest.fixture(autouse=True)
def _zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def now() -> list[float]:
    return [WEDNESDAY]


@pytest.fixture
def ledger(tmp_path: Path, now: list[float]) -> Ledger:
    return prepared(tmp_path / "ledger.db", clock=lambda: now[0])


def test_nothing_given_yet(ledger: Ledger) -> None:
    given = ledger.contribution()
    assert (given.rounds, given.tokens, given.gpu_seconds, given.energy_measured, given.days) == (0, 0, 0.0, False, [])


def test_parts_of_a_round_add_up_and_the_week_begins_on_monday(ledger: Ledger, now: list[float]) -> None:
    release = seal(ledger, 0).release_id
    now[0] = WEDNESDAY - 3 * DAY
    ledger.add_contribution(release, 100, 10.0, 1.0, True)
    now[0] = WEDNESDAY
    ledger.add_contribution(release, 50, 5.0, 0.5, True)
    ledger.add_contribution(release, 50, 5.0, 0.5, True)
    ledger.mark(release, "sent")
    given = ledger.contribution()
    assert (given.rounds, given.tokens, given.gpu_seconds, given.energy_wh) == (1, 200, 20.0, 2.0)
    assert given.energy_measured
    assert (given.week_seconds, given.week_uploads, given.week_uploaded_bytes) == (10.0, 1, 1_000)
    assert given.days == [("2026-07-12", 10.0), ("2026-07-15", 10.0)]
    ledger.add_contribution(release, 0, 1.0, 0.0, False)
    assert not ledger.contribution().energy_measured


def test_days_older_than_eight_weeks_are_left_out(ledger: Ledger, now: list[float]) -> None:
    release = begin(ledger, 0).release_id
    now[0] = WEDNESDAY - 57 * DAY
    ledger.add_contribution(release, 1, 1.0, 0.0, False)
    now[0] = WEDNESDAY
    assert ledger.contribution().days == []
    assert ledger.contribution().gpu_seconds == 1.0


def test_history_has_what_ended_newest_first(ledger: Ledger) -> None:
    ledger.add_contribution(seal(ledger, 0).release_id, 7, 1.5, 0.25, True)
    ledger.mark(begin(ledger, 1).release_id, "abandoned")
    begin(ledger, 2)
    rows = ledger.history()
    assert [(row.server_round, row.state, row.tokens, row.seconds) for row in rows] == [
        (1, "abandoned", 0, 0.0),
        (0, "sealed", 7, 1.5),
    ]
    assert rows[1].federation_name == "The fed"
    assert ledger.history(1) == rows[:1]
    assert ledger.history(1, before=rows[0].release_id) == rows[1:]
    assert ledger.history(1, before=rows[1].release_id) == []
    assert (rows[1].measured, rows[0].measured) == (True, False)


def test_work_is_counted_for_each_federation_and_apart_where_nothing_was_measured(ledger: Ledger) -> None:
    first, second = seal(ledger, 0).release_id, seal(ledger, 1).release_id
    ledger.add_contribution(first, 100, 10.0, 1.5, True)
    ledger.add_contribution(first, 50, 5.0, 0.0, False)
    ledger.add_contribution(second, 30, 3.0, 0.5, True)
    begin(ledger, 2)
    assert ledger.work() == [Work("fed", tokens=180, measured_wh=2.0, unmeasured_s=5.0, rounds=2)]


@pytest.mark.parametrize(
    ("tokens", "seconds", "energy"), [(-1, 0, 0), (0, -1, 0), (0, float("nan"), 0), (0, 0, float("inf"))]
)
def test_absurd_contributions_are_refused(ledger: Ledger, tokens: int, seconds: float, energy: float) -> None:
    with pytest.raises(ValueError, match="contribution"):
        ledger.add_contribution(begin(ledger, 0).release_id, tokens, seconds, energy, True)
    with pytest.raises(ValueError, match="refused a row"):
        ledger.add_contribution(99, 1, 1.0, 1.0, True)
    assert ledger.contribution().tokens == 0


def test_weeks_survive_summer_time() -> None:
    sunday = dt.datetime(2026, 3, 29, 12, 0).timestamp()  # the clock went forward at 02:00
    assert dt.datetime.fromtimestamp(week_start(sunday)) == dt.datetime(2026, 3, 23)
    assert week_start(week_start(sunday)) == week_start(sunday)


def test_seconds_are_told_apart_by_federation_and_time(ledger: Ledger, now: list[float]) -> None:
    ledger.save_federation(federation("fen"))
    mine = seal(ledger, 0).release_id
    theirs = ledger.begin_release("fen", RUN, 0, attributes()).release_id
    now[0] = WEDNESDAY - 8 * DAY
    ledger.add_contribution(mine, 1, 100.0, 0.0, False)
    now[0] = WEDNESDAY
    assert ledger.seconds_by_federation(WEDNESDAY - 7 * DAY) == {}
    ledger.add_contribution(mine, 1, 3.0, 0.0, False)
    ledger.add_contribution(mine, 1, 4.0, 0.0, False)
    ledger.add_contribution(theirs, 1, 5.0, 0.0, False)
    assert ledger.seconds_by_federation(WEDNESDAY - 7 * DAY) == {"fed": 7.0, "fen": 5.0}
