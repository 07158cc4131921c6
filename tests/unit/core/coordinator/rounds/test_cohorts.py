"""Who is asked: over-selection, those who are away, quotas of invites, and the one client that a model begins from."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.federation import config
from support.in_process import InProcess

from core.config.exchange import CodecConfig, ScheduleConfig
from core.config.learning import AggregationTerms
from core.config.model import InitialisationTerms
from core.config.privacy import PrivacyTerms
from core.coordinator.records.store import token_hash
from core.coordinator.replication import export_run
from core.coordinator.rounds import conductor as conductor_module
from core.coordinator.rounds.conductor import Conductor
from core.coordinator.service import summary
from core.federation.protocol import TrainInstruction
from core.update import Array, ModelUpdate

PEOPLE = tuple("abcdefgh")


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conductor_module, "TICK_S", 0.002)


def train(name: str, base: dict[str, Array], told: TrainInstruction) -> tuple[ModelUpdate, dict[str, float]]:
    """Everybody moves by a step of its own."""
    step = np.float32((1 + PEOPLE.index(name)) * (1 + 0.01 * told.server_round))
    return ModelUpdate({key: np.full_like(array, step) for key, array in base.items()}), {"steps": 4.0}


@pytest.fixture
def world(tmp_path: Path) -> Callable[..., InProcess]:
    def make(people: tuple[str, ...] = PEOPLE, folder: str = "federation", **changes: Any) -> InProcess:
        schedule = {"rounds": 2, "cohort_size": 4, "quorum": 2} | changes.pop("schedule", {})
        terms = config(
            privacy=PrivacyTerms(unit="none", relation="none"),
            codec=CodecConfig(name="fp32"),
            schedule=ScheduleConfig(**schedule),
            **changes,
        )
        return InProcess(tmp_path / folder, terms, people, train)

    return make


def asked(world: InProcess, server_round: int) -> set[str]:
    return {world.names[item.key_id] for item in world.store.assignments(server_round)}


def test_more_are_asked_than_wanted_and_the_round_closes_with_the_first(world: Callable[..., InProcess]) -> None:
    over = world(schedule={"over_selection": 1.5, "late_rounds": 1, "rounds": 3})
    over.conductor().run()
    assert [len(over.store.assignments(number)) for number in (1, 2, 3)] == [6, 6, 6], "⌈4 · 1.5⌉"
    assert [item.volunteers for item in over.store.rounds()] == [4, 4, 4]
    assert [item.late for item in over.store.rounds()] == [0, 2, 2], "the others' work is not lost"
    last = over.store.assignments(3)
    assert sorted(item.state for item in last) == ["accepted"] * 4 + ["late"] * 2
    receipts = [over.store.receipt(item.update_sha256, item.key_id, 0.0) for item in last]
    assert sorted(one.state for one in receipts if one) == ["accepted"] * 4 + ["late"] * 2, "and nobody waits in vain"


def test_over_selection_waits_for_no_more_than_the_cohort(world: Callable[..., InProcess]) -> None:
    few = world(people=PEOPLE[:4], schedule={"over_selection": 2.0})
    few.conductor().run()
    assert [item.volunteers for item in few.store.rounds()] == [4, 4]


def test_p5_more_sampled_than_connected_is_queued_until_they_come(world: Callable[..., InProcess]) -> None:
    """Volunteers who are away are drawn when too few are there, and get their letter when they come online."""
    queued = world(people=PEOPLE[:5], schedule={"ask_absent": True, "rounds": 1})
    queued.away = set(PEOPLE[2:5])
    conductor, began = queued.conductor(), time.time()
    conductor._agenda.patience_s = lambda: 0.0  # type: ignore[method-assign]
    later = {"c": 0.3, "d": 0.4, "e": 0.5}  # seconds
    online = queued.online

    def coming() -> frozenset[str]:
        queued.away = {name for name in queued.away if time.time() - began < later[name]}
        return online()

    queued.online = coming  # type: ignore[method-assign]
    conductor.run()
    assert len(asked(queued, 1)) == 4
    assert {"a", "b"} <= asked(queued, 1), "who is there comes first"
    assert [item.state for item in queued.store.assignments(1)] == ["accepted"] * 4
    assert queued.store.rounds()[0].extensions == 0, "within the deadline"
    sent = [[queued.names[letter.key_id] for letter in letters] for letters in queued.letters]
    assert set(sent[0]) == {"a", "b"}
    assert all(len(letters) == 1 for letters in sent[1:])


def test_who_does_not_come_before_the_deadline_is_not_asked_after_it(world: Callable[..., InProcess]) -> None:
    queued = world(people=PEOPLE[:4], schedule={"ask_absent": True, "rounds": 1})
    queued.away = {"c", "d"}
    queued.on_send = queued.pass_deadline
    conductor = queued.conductor()
    conductor._agenda.patience_s = lambda: 0.0  # type: ignore[method-assign]
    conductor.run()
    assert queued.store.rounds()[0].volunteers == 2
    assert len(queued.letters) == 1
    assert sorted(item.state for item in queued.store.assignments(1)) == ["accepted"] * 2 + ["assigned"] * 2
    current = queued.store.rounds()[0]
    queued.away = set()
    conductor._send_held_back(current, conductor._present())
    assert len(queued.letters) == 1


def test_nobody_who_is_away_is_asked_unless_the_terms_say_so(world: Callable[..., InProcess]) -> None:
    present = world(people=PEOPLE[:4], schedule={"rounds": 1})
    present.away = {"c", "d"}
    conductor = present.conductor()
    conductor._agenda.patience_s = lambda: 0.0  # type: ignore[method-assign]
    conductor.run()
    assert asked(present, 1) == {"a", "b"}


def test_a_cohort_is_drawn_the_same_after_a_restart(world: Callable[..., InProcess]) -> None:
    """Killed at the moment of the draw, another process draws the same; the draw of the next round is not moved."""
    drawing = world(aggregation=AggregationTerms(invite_share=0.9), schedule={"over_selection": 1.25})
    drawn: list[tuple[str, ...]] = []
    begin = drawing.store.begin_round

    def dying(opened: Any, assignments: Any) -> None:
        drawn.append(tuple(item.key_id for item in assignments))
        if len(drawn) == 1:
            raise Killed
        begin(opened, assignments)

    drawing.store.begin_round = dying  # type: ignore[method-assign]
    with pytest.raises(Killed):
        drawing.conductor().run()
    drawing.conductor().run()
    assert drawn[0] == drawn[1]
    assert len(set(drawn[1:])) > 1, "and others in other rounds"


def test_one_invite_has_a_share_of_the_cohort_at_most(world: Callable[..., InProcess]) -> None:
    shared = world(aggregation=AggregationTerms(invite_share=0.5), schedule={"quorum": 4, "rounds": 2})
    shared.store.add_token(b"u" * 16, 2, time.time() + 60)
    owners = {item.key_id: item for item in shared.store.volunteers()}
    two = [key for key, name in shared.names.items() if name in ("g", "h")]
    for key_id in two:
        assert owners[key_id].token_hash == owners[two[0]].token_hash
    shared.store._db.execute(
        "UPDATE volunteers SET token_hash = ? WHERE key_id IN (?, ?)", (token_hash(b"u" * 16), *two)
    )
    shared.conductor().run()
    for number in (1, 2):
        assert len(asked(shared, number)) == 4
        assert {"g", "h"} <= asked(shared, number), "of six with one invite two may be in a cohort of four"


def test_a_thousand_keys_from_one_invite_make_no_cohort_of_their_own(world: Callable[..., InProcess]) -> None:
    """They wait for others; the quorum is not talked down to what the quota lets in."""
    crowd = world(aggregation=AggregationTerms(invite_share=0.25), schedule={"quorum": 2, "deadline_s": 5.0})
    conductor: Conductor = crowd.conductor()
    idled: list[int] = []

    def idle() -> None:
        idled.append(1)
        if len(idled) > 20:
            raise Killed

    conductor._idle = idle  # type: ignore[method-assign]
    conductor._agenda.patience_s = lambda: 0.0  # type: ignore[method-assign]
    with pytest.raises(Killed):
        conductor.run()
    assert crowd.store.rounds() == []


def test_a_model_begins_from_one_client_and_if_it_vanishes_from_another(
    world: Callable[..., InProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world(initialisation=InitialisationTerms(source="sampled-client"), schedule={"late_rounds": 2, "rounds": 3})
    begun, shift = conductor_module.time.time(), [0.0]
    monkeypatch.setattr(conductor_module.time, "time", lambda: begun + shift[0])
    vanished: list[str] = []

    def on_send() -> None:
        if not vanished:
            vanished.append(first.names[first.letters[0][0].key_id])
            first.held, first._answers = first._answers, []
        elif first.held and first.store.rounds()[-1].server_round == 2:
            first.deliver(1)

    uploading = first.uploading

    def passing(server_round: int) -> frozenset[str]:
        shift[0] += 3_000.0 if server_round == 1 else 0.0
        return uploading(server_round)

    first.on_send, first.uploading = on_send, passing  # type: ignore[method-assign]
    first.conductor().run()
    assert [len(letters) for letters in first.letters[:2]] == [1, 1]
    other = first.names[first.letters[1][0].key_id]
    assert other != vanished[0]
    rounds = first.store.rounds()
    assert [item.state for item in rounds] == ["closed"] * 3
    assert [item.volunteers for item in rounds] == [1, 4, 4]
    drawn, model = (first.files.weights(first.store.checkpoints()[at].sha256) for at in (0, 1))
    for name, array in model.items():
        assert np.array_equal(array, drawn[name] - np.float32((1 + PEOPLE.index(other)) * 1.01))
    late = next(item for item in first.store.assignments(1) if first.names[item.key_id] == vanished[0])
    assert (late.state, late.folded) == ("late", 0), "what would have been another beginning is not folded in"
    assert [item.late for item in rounds] == [0, 0, 0]


def test_p18_scores_on_held_out_text_are_aggregated_in_the_rounds_that_ask(world: Callable[..., InProcess]) -> None:
    scored = world(people=PEOPLE[:4], schedule={"evaluate_every": 2, "rounds": 4})

    def saying(name: str, base: dict[str, Array], told: TrainInstruction) -> tuple[ModelUpdate, dict[str, float]]:
        update, metrics = train(name, base, told)
        return update, metrics | ({} if told.server_round % 2 else {"held_out": 1.0 + PEOPLE.index(name)})

    scored._train = saying
    scored.conductor().run()
    rounds = scored.store.rounds()
    assert [item.held_out for item in rounds] == [None, 2.5, None, 2.5]
    assert [row["held_out"] for row in summary(scored.federation, scored.store)["rounds"]] == [None, 2.5, None, 2.5]
    export_run(scored.federation.home.root, scored.federation.home.root.parent / "run")
    lines = (scored.federation.home.root.parent / "run" / "rounds.jsonl").read_text().splitlines()
    assert [json.loads(line)["held_out"] for line in lines] == [None, 2.5, None, 2.5]
    assert sorted(part["held_out"] for part in json.loads(lines[1])["cohort"]) == [1.0, 2.0, 3.0, 4.0]
    assert [item.held_out_spread for item in rounds] == [None, pytest.approx(1.25**0.5), None, pytest.approx(1.25**0.5)]


def test_p14_after_too_many_rounds_without_quorum_a_federation_stops_and_says_why(
    world: Callable[..., InProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = world(people=PEOPLE[:4], schedule={"max_void_rounds": 2, "rounds": 9})
    silent.slow = {(name, number) for name in PEOPLE for number in range(2, 10)}
    begun, shift = conductor_module.time.time(), [0.0]
    monkeypatch.setattr(conductor_module.time, "time", lambda: begun + shift[0])

    def passing(server_round: int) -> frozenset[str]:
        shift[0] += 3_000.0 if server_round > 1 else 0.0
        return frozenset()

    silent.uploading = passing  # type: ignore[method-assign]
    silent.conductor().run()
    assert [item.state for item in silent.store.rounds()] == ["closed", "void", "void"]
    said = summary(silent.federation, silent.store)["stopped"]
    assert said == ("The last 2 rounds were given up, and the terms allow no more: 0 of 2 needed updates came in time.")
