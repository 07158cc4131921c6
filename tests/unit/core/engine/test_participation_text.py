"""The text of a round: what it began with, what was removed, what was damaged or grew old."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import msgspec
import pytest
from support.joined import KEY
from support.participation import (
    Bench,
    accept,
    run,
)

from core import vault
from core.engine import leftovers, rounds
from core.engine.config_store import Presence
from core.ledger.rows import Choice

pytestmark = pytest.mark.usefixtures("quick_polls")


def test_a_round_goes_on_with_the_shards_and_weights_it_began_with(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "slow")
    ledger, corpus = bench.house.ledger, bench.corpus
    old = ledger.corpus(corpus).facts.shards[0]

    async def what() -> None:
        bench.wire.ask()
        await bench.until(lambda: (now := bench.house.board.progress) is not None and now.step == 2, "training")
        newer = tmp_path / "newer.shard"
        newer.write_bytes(b"")
        ledger.update_corpus(corpus, shards=(msgspec.structs.replace(old, path=str(newer)),))
        ledger.choose(corpus, Choice(weight=5.0))
        bench.house.config.set_presence(Presence(paused=True))
        bench.house.governor.reconsider()
        await bench.house.governor.settled()
        bench.house.config.set_presence(Presence())
        bench.house.governor.reconsider()
        bench.one.kick()
        release = await bench.state("sent")
        folder = bench.house.home / "rounds" / str(release.release_id)
        assert (folder / "shards").read_text().splitlines() == [f"{old.path}*1.0"] * 2
        assert bench.charges() == 1
        accept(bench, release)
        await bench.state("accepted")
        bench.wire.ask(2)
        release = await bench.state("sent", server_round=2)
        folder = bench.house.home / "rounds" / str(release.release_id)
        assert (folder / "shards").read_text() == f"{newer}*5.0\n", "the next round takes the next generation"

    run(bench, what)


def test_removed_text_is_not_trained_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.house.ledger.remove_corpus(bench.corpus)

    async def what() -> None:
        bench.wire.ask()
        await bench.state("abandoned")
        assert (bench.charges(), bench.wire.announced) == (0, [])

    run(bench, what)


def test_vanished_text_waits_and_goes_on_when_it_is_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    folder = tmp_path / "text-cccc"
    folder.rmdir()

    async def what() -> None:
        bench.wire.ask()
        await bench.state("assigned")
        await asyncio.sleep(0.3)
        assert bench.house.corpora.infos()[0].state == "missing"
        assert bench.wire.fetched == 0
        os.mkdir(folder)
        await bench.state("sent")

    run(bench, what)


def test_a_damaged_sealed_file_is_never_sent(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        bench.wire.ended.add(1)
        bench.wire.ask()
        release = await bench.state("sealed")
        Path(release.path).write_bytes(b"rotten" * 100)  # noqa: ASYNC240
        bench.wire.ask(run=2)
        await bench.state("abandoned")
        assert bench.wire.announced == []

    run(bench, what)


def test_old_sealed_updates_are_reduced_to_hash_and_summary(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        bench.wire.ask()
        accept(bench, await bench.state("sent"))
        done = await bench.state("accepted")
        assert vault.decrypt_file(done.path, KEY, rounds.SEALED_CONTEXT)
        leftovers.drop_old(bench.house.home, bench.house.ledger, 10.0)
        gone = await bench.state("accepted")
        assert (gone.path, gone.sha256) == ("", done.sha256)
        assert not (bench.house.home / "rounds" / str(done.release_id)).exists()

    run(bench, what)
