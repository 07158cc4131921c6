"""Rounds as the coordinator's messages make them, from an instruction to a receipt, through crashes and silence."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.participation import (
    CONFIG,
    FEDERATION,
    NONE,
    Bench,
    accept,
    run,
)

from core.config.privacy import PrivacyTerms
from core.engine import participation as participations
from core.engine import sending
from core.federation.fleet import Delivery, Session
from core.federation.manifest import open_manifest, seal_manifest
from core.federation.protocol import SpooledUpdate, read_seal
from core.federation.transport import WrongServer
from core.hardware.limits import Readings
from core.ledger.rows import Release

pytestmark = pytest.mark.usefixtures("quick_polls")


def test_a_round_from_instruction_to_receipt(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        delivery = bench.wire.ask()
        release = await bench.state("sent")
        assert bench.wire.confirmed == [delivery.message_id]
        ((message_id, payload, metrics, record),) = bench.wire.announced
        assert message_id == delivery.message_id
        assert metrics == {"steps": 3.0}, "loss and counts stay here under a unit with a guarantee"
        assert isinstance(payload, bytes)
        assert hashlib.sha256(payload).hexdigest() == release.sha256
        seal = read_seal(record)
        assert seal.is_genuine(bench.node_key.public_pem)
        assert seal.nonce == bench.wire.records[message_id]["nonce"]
        assert seal.update_sha256 == release.sha256
        assert [object_id for _, object_id in bench.wire.pushed] == ["a", "b", "c"]
        accept(bench, release)
        done = await bench.state("accepted")
        assert done.reason == "because"
        assert bench.charges() == 1
        assert bench.house.ledger.contribution().tokens == 30
        assert bench.house.board.series.bits_per_byte[0].value == 3.0
        assert os.listdir(bench.house.home / "rounds" / str(done.release_id)) == ["update.sealed"]

    run(bench, what)


@pytest.mark.parametrize(("server_round", "mode"), [(2, "good"), (2, "resumes"), (1, "good")])
def test_a_held_out_score_travels_in_the_rounds_that_ask_for_it(tmp_path: Path, server_round: int, mode: str) -> None:
    """P18: under unit none alone; a trainer that goes on after a death has said it before."""
    schedule = msgspec.structs.replace(CONFIG.schedule, evaluate_every=2)
    terms = msgspec.structs.replace(
        CONFIG, privacy=PrivacyTerms(unit="none", relation="none"), schedule=schedule
    )  # fmt: skip
    bench = Bench(tmp_path, mode, NONE, terms)
    manifest_hash = open_manifest(seal_manifest(terms, FEDERATION), FEDERATION.public_bytes).sha256

    async def what() -> None:
        bench.wire.ask(server_round, manifest_hash=manifest_hash)
        await bench.state("sent", server_round=server_round)
        ((_, _, metrics, _),) = bench.wire.announced
        assert metrics["loss"] == 1.5
        assert metrics.get("held_out") == (3.0 if server_round == 2 else None)

    run(bench, what)


def test_a_repeat_is_answered_with_the_same_bytes_and_one_charge(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        bench.wire.ask()
        release = await bench.state("sent")
        bench.wire.ask(run=2)
        await bench.until(lambda: len(bench.wire.announced) == 2, "the second answer")
        accept(bench, release)
        await bench.state("accepted")
        bench.wire.ask(run=3)
        await bench.until(lambda: len(bench.wire.announced) == 3, "the third answer")
        assert len({payload for _, payload, _, _ in bench.wire.announced}) == 1
        assert len({seal["nonce"] for _, _, _, seal in bench.wire.announced}) == 3
        assert bench.charges() == 1
        assert (await bench.state("accepted")).sha256 == release.sha256

    run(bench, what)


def large(bench: Bench) -> Bench:
    """Every update is too large for a message."""
    bench.house.config.set("message_update_mb", "0")
    return bench


def test_a_large_update_goes_up_first_and_the_reply_names_it(tmp_path: Path) -> None:
    bench = large(Bench(tmp_path))
    shown: list[tuple[int, int]] = []

    def look() -> None:
        assert bench.house.board.progress is not None
        shown.append((bench.house.board.progress.done_bytes, bench.house.board.progress.total_bytes))

    bench.wire.between = look

    async def what() -> None:
        delivery = bench.wire.ask()
        release = await bench.state("sent")
        ((message_id, payload, _, record),) = bench.wire.announced
        assert message_id == delivery.message_id
        assert payload == SpooledUpdate(sha256=release.sha256, size_bytes=release.size_bytes)
        assert read_seal(record).update_sha256 == release.sha256
        assert read_seal(record).is_genuine(bench.node_key.public_pem)
        assert hashlib.sha256(bench.wire.spool).hexdigest() == release.sha256
        assert shown == [(at, release.size_bytes) for at in bench.wire.offered]
        assert len(shown) > 2
        accept(bench, release)
        await bench.state("accepted")

    run(bench, what)


@pytest.mark.parametrize("moment", ["pieces", "reply", "parts of the reply"])
def test_after_a_crash_a_large_update_goes_on_where_it_was(tmp_path: Path, moment: str) -> None:
    bench = large(Bench(tmp_path))
    wire = bench.wire

    async def what() -> None:
        if moment == "pieces":
            wire.between = lambda: setattr(wire, "down", len(wire.offered) == 2)
        elif moment == "reply":
            wire.ended.add(1)
        else:
            wire.drop_after = 1
        wire.ask()
        release = await bench.state("uploading")
        reached = {
            "pieces": lambda: wire.down,
            "reply": lambda: len(wire.spool) == release.size_bytes and bench.one._orphans,
            "parts of the reply": lambda: wire.drop_after == 0,
        }
        await bench.until(reached[moment], "the fault")
        await bench.crash()
        wire.between, wire.down, wire.drop_after = (lambda: None), False, None
        wire.ended.clear()
        release = await bench.state("sent")
        assert wire.offered == sorted(set(wire.offered)), "no piece went up twice"
        assert len(wire.announced) == 1
        assert [object_id for _, object_id in wire.pushed] == ["a", "b", "c"]
        assert (bench.charges(), bench.starts(release)) == (1, 1)

    run(bench, what)


def test_a_large_update_stops_between_two_pieces_when_the_network_becomes_metered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(participations, "SEND_RETRY_S", 0.1)
    monkeypatch.setattr(sending, "TICK_S", 0.0)
    bench, metered = large(Bench(tmp_path)), [False]
    bench.house.governor._read = lambda week: Readings(now=time.time(), week_seconds=week, metered=metered[0])
    bench.wire.between = lambda: metered.__setitem__(0, len(bench.wire.offered) == 2)

    async def what() -> None:
        bench.wire.ask()
        await bench.until(lambda: metered[0], "the second piece")
        await asyncio.sleep(0.4)
        assert len(bench.wire.offered) == 2
        assert bench.wire.announced == []
        metered[0] = False
        release = await bench.state("sent")
        assert bench.wire.offered == list(range(0, release.size_bytes, 300_000))

    run(bench, what)


def test_a_large_update_that_nobody_waits_for_is_still_answered_for(tmp_path: Path) -> None:
    bench = large(Bench(tmp_path))
    bench.wire.waited_for, bench.wire.late = False, True

    async def what() -> None:
        bench.wire.ask()
        assert "closed the round" in (await bench.state("late")).reason
        assert bench.wire.offered == []

    run(bench, what)


def test_a_second_question_outlives_a_crash(tmp_path: Path) -> None:
    """It is taken over at once and answered when its turn comes; the engine may end in between."""
    bench = large(Bench(tmp_path))

    async def what() -> None:
        bench.wire.ask()
        release = await bench.state("sent")
        bench.wire.spool = bytearray()

        async def never(release: Release) -> Any:
            await asyncio.sleep(3_600)

        bench.one._sender.send = never  # type: ignore[method-assign]
        asked = bench.wire.ask(run=2)
        await bench.until(lambda: asked.message_id in bench.wire.confirmed, "the message to be taken over")
        await bench.crash()
        await bench.until(lambda: len(bench.wire.announced) == 2, "the second answer")
        assert bench.wire.announced[1][0] == asked.message_id
        accept(bench, release)
        await bench.state("accepted")

    run(bench, what)


def test_an_announcement_whose_answer_was_lost_is_not_taken_for_too_late(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.wire.swallows = True

    async def what() -> None:
        first = bench.wire.ask()
        await bench.until(lambda: len(bench.wire.announced) == 2, "the same announcement once more")
        await asyncio.sleep(0.3)
        kept = bench.release(1)
        assert kept is not None
        assert kept.state == "sealed", "it waits to be asked again"
        await bench.crash()
        await bench.until(lambda: len(bench.wire.announced) == 3, "one try of the next engine")
        again = bench.wire.ask()
        release = await bench.state("sent")
        assert [message_id for message_id, *_ in bench.wire.announced] == [first.message_id] * 3 + [again.message_id]
        assert len({payload for _, payload, *_ in bench.wire.announced}) == 1, "the same bytes each time"
        accept(bench, release)
        await bench.state("accepted")

    run(bench, what)


@pytest.mark.parametrize("moment", ["inbox", "upload"])
def test_after_a_crash_everything_goes_on_where_it_was(tmp_path: Path, moment: str) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        if moment == "inbox":
            bench.wire.down = True
            bench.wire.ask()
            await bench.until(lambda: not bench.wire.waiting, "the message to be handed over")
            await bench.crash()
            bench.wire.down = False
            release = await bench.state("sent")
            assert len(bench.wire.announced) == 1
        else:
            bench.wire.drop_after = 1
            bench.wire.ask()
            release = await bench.state("uploading")
            await bench.until(lambda: bench.wire.drop_after == 0, "a cut line")
            await bench.crash()
            bench.wire.drop_after = None
            release = await bench.state("sent")
            assert len(bench.wire.announced) == 1, "the same session goes on"
            assert bench.wire.pushed == [("s1", "a"), ("s1", "b"), ("s1", "c")]
        assert (bench.charges(), bench.starts(release)) == (1, 1)

    run(bench, what)


def test_a_run_that_ended_keeps_the_update_for_the_next_message(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        bench.wire.ended.add(1)
        bench.wire.ask()
        sealed = await bench.state("sealed")
        await asyncio.sleep(0.3)
        assert bench.wire.announced == []
        bench.wire.ask(run=2)
        sent = await bench.state("sent")
        assert sent.sha256 == sealed.sha256
        assert (bench.charges(), bench.starts(sent)) == (1, 1)

    run(bench, what)


def test_an_update_nobody_asks_for_again_is_late_once_a_later_round_comes(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        bench.wire.ended.add(1)
        bench.wire.ask()
        await bench.state("sealed")
        bench.wire.ask(2, run=2)
        await bench.state("sent", server_round=2)
        assert (await bench.state("late")).reason
        assert bench.charges() == 2

    run(bench, what)


def test_somebody_else_at_the_address_costs_no_finished_update(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    announce, seen = bench.wire.announce, []

    async def elsewhere(*arguments: Any) -> Session:
        seen.append(1)
        if len(seen) == 1:
            raise WrongServer("The server is not the coordinator of this invite.")
        return await announce(*arguments)

    bench.wire.announce = elsewhere  # type: ignore[method-assign]

    async def what() -> None:
        bench.wire.ask()
        release = await bench.state("sent")
        assert len(seen) == 2
        assert (bench.charges(), bench.starts(release)) == (1, 1)

    run(bench, what)


def test_the_next_round_is_trained_while_the_last_is_still_on_its_way(tmp_path: Path) -> None:
    """Where a federation closes rounds without waiting for everybody, a slow line costs the machine no time."""
    bench = Bench(tmp_path)
    line = asyncio.Event()
    push = bench.wire.push_next

    async def slowly(session: Session, payload: bytes) -> None:
        await line.wait()
        await push(session, payload)

    bench.wire.push_next = slowly  # type: ignore[method-assign]

    async def play() -> None:
        bench.wire.ask()
        one = bench.begin()
        await bench.state("uploading")
        bench.wire.ask(server_round=2)
        second = await bench.state("sealed", server_round=2)
        first = await bench.state("uploading")
        assert bench.house.board.progress is not None
        line.set()
        await bench.state("sent")
        await bench.state("sent", server_round=2)
        assert [seal["update_sha256"] for *_, seal in bench.wire.announced] == [first.sha256, second.sha256]
        assert bench.charges() == 2
        await one.stop()

    asyncio.run(play())


def test_a_coordinator_under_a_crowd_is_asked_less_often(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    pulls: list[float] = []
    pull = bench.wire.pull

    async def noted() -> Delivery | None:
        pulls.append(time.monotonic())
        return await pull()

    bench.wire.pull = noted  # type: ignore[method-assign]

    async def play() -> None:
        one = bench.one
        await bench.until(lambda: len(pulls) > 5, "a few questions")
        one.member.transport.poll_s = 1.0
        await asyncio.sleep(0.2)
        before = len(pulls)
        await asyncio.sleep(2.2)
        assert 1 <= len(pulls) - before <= 4

    run(bench, play)


def test_too_late_is_said(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.wire.late = True

    async def what() -> None:
        bench.wire.ask()
        release = await bench.state("late")
        assert "had closed the round" in release.reason
        assert bench.wire.pushed == []
        bench.wire.late = False
        bench.wire.ask(run=2)
        await bench.until(lambda: len(bench.wire.pushed) == 3, "the same bytes")
        accept(bench, release)
        await bench.state("accepted")

    run(bench, what)


def test_a_refused_update_says_why(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        bench.wire.ask()
        accept(bench, await bench.state("sent"), "refused")
        assert (await bench.state("refused")).reason == "because"
        assert "did not take the update of round 1: because" in bench.notices[-1].sentence.text

    run(bench, what)


def test_a_coordinator_that_lost_its_registrations_gives_a_new_node_id(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.wire.known = 8

    async def what() -> None:
        bench.wire.ask()
        await bench.state("sent")
        assert bench.house.ledger.federations()[0].node_id == 8
        assert bench.one.last_error == ""

    run(bench, what)


def test_a_key_that_is_gone_for_good_is_said(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.wire.known = 0

    async def what() -> None:
        await bench.until(lambda: bench.one.last_error == "This key has left.", "the sentence")
        assert not bench.one.unreachable

    run(bench, what)
