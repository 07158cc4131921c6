"""Two real federations on one machine, weighed 3 to 1: what each is given, by the rounds it was trained for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from pydoc_data import topics
from typing import Any

import pytest
from support.engine_here import EngineHere
from support.live_federation import Coordinator, federation, wait_for

from core.api.messages.federations import ShareParams
from core.api.messages.given import HistoryParams, HistoryRow
from core.engine import shares

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.campaign]

ROUNDS = 6
WEIGHTS = {"Heavy": 3.0, "Light": 1.0}
OPTIONS = {
    "preset": "tiny", "privacy": "none", "rounds": 30, "cohort": 1, "quorum": 1, "local-steps": 2, "batch-size": 8,
    "seq-len": 64, "deadline": 300,
}  # fmt: skip


@contextlib.contextmanager
def running(root: Path) -> Iterator[dict[str, Coordinator]]:
    """A coordinator for each name, at work."""
    with contextlib.ExitStack() as stack, ThreadPoolExecutor() as pool:
        found: dict[str, Any] = {
            name: stack.enter_context(federation(root / name, volunteers=0, name=name, **OPTIONS))[0]
            for name in WEIGHTS
        }
        list(pool.map(Coordinator.start, found.values()))
        yield found


def trained(one: EngineHere) -> list[HistoryRow]:
    """Rounds that were sealed, in the order in which they were trained."""
    rows = [row for row in one.call("history", HistoryParams()).rows if row.seconds]
    sealed = {(u.federation_id, u.server_round): u.sealed_at for u in one.call("uploads.list").uploads}
    return sorted(rows, key=lambda row: sealed[row.federation_id, row.server_round])


def test_two_federations_are_given_what_they_weigh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "EXPECTED_S", 90.0)  # a busy machine must not make the next round late
    text = tmp_path / "text"
    text.mkdir()
    (text / "topics.txt").write_text("\n\n".join(str(v) for v in topics.topics.values())[:100_000])
    with running(tmp_path) as coordinators:
        one = EngineHere(tmp_path / "here" / "home")
        try:
            one.start()
            one.call("pause")
            corpus = one.add_text(text)
            ids = {}
            for name, weight in WEIGHTS.items():
                joined = one.join(coordinators[name].invite(), corpus)
                changed = one.call("federation.share", ShareParams(federation_id=joined.federation_id, weight=weight))
                assert (changed.weight, changed.week_seconds, changed.state) == (weight, 0.0, "active")
                ids[name] = joined.federation_id
            one.call("start")
            wait_for(lambda: len(trained(one)) >= ROUNDS, 300, "the rounds")
            one.call("pause")
            rounds = trained(one)
            told = {n: one.call("federation.share", ShareParams(federation_id=i, weight=0.0)) for n, i in ids.items()}
        finally:
            one.stop()
    spent = dict.fromkeys(WEIGHTS, 0.0)
    longest = dict.fromkeys(WEIGHTS, 0.0)
    decided = 0
    for row in rounds:
        name, other = row.federation_name, "Light" if row.federation_name == "Heavy" else "Heavy"
        if all(spent.values()):
            decided += 1
            assert spent[name] / WEIGHTS[name] <= spent[other] / WEIGHTS[other], f"{other} was behind"
        spent[name] += row.seconds
        longest[name] = max(longest[name], row.seconds)
    assert decided >= ROUNDS - 3
    for name, info in told.items():
        assert info.state == "resting"
        assert info.week_seconds >= spent[name] - 1e-6, "and what a round in progress took so far"
    assert spent["Heavy"] <= 3 * spent["Light"] + longest["Heavy"]
    assert spent["Light"] <= spent["Heavy"] / 3 + longest["Light"]
