"""Generations of a corpus: noticed, made beside the old one, which is kept exactly as long as a round needs it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from support.joined import House
from support.ledger_kit import RUN, attributes, federation

from core.api.messages.corpora import ChangeParams, CorpusInfo
from core.engine import corpora as engine_corpora
from core.engine import generations
from core.engine import journal as journals
from core.engine.journal import Journal
from core.federation.fleet import Delivery
from core.federation.protocol import TrainInstruction
from core.ledger.rows import Release


class Farm(House):
    """A home whose corpora are read by the real reader."""

    def shards(self, corpus_id: str) -> set[str]:
        return {path.name for path in (self.home / "store" / corpus_id).glob("*.shard")}

    def named(self, corpus_id: str) -> set[str]:
        return {Path(shard.path).name for shard in self.corpora.row(corpus_id).facts.shards}

    def info(self, corpus_id: str) -> CorpusInfo:
        return self.corpora.info(self.corpora.row(corpus_id))

    async def settle(self) -> None:
        async with asyncio.timeout(120):
            while self.corpora.reading:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def add(self, folder: Path) -> str:
        corpus_id = self.corpora.add([str(folder)], "").corpus_id
        await self.settle()
        assert self.info(corpus_id).state == "ready", self.info(corpus_id).error
        return corpus_id

    def begin_round(self, corpus_id: str) -> Release:
        """A round in training, pinned to what there is now."""
        self.ledger.save_federation(federation())
        release = self.ledger.begin_release("fed", RUN, 1, attributes(corpus_id))
        values = {
            "run_id": RUN, "server_round": 1, "base_hash": "b" * 64, "base_bytes": 9, "manifest_hash": "f" * 64,
            "shard": "full", "step_clock": 0, "local_steps": 1, "token_budget": 0, "deadline_at": 0.0,
            "nonce": b"n" * 16,
        }  # fmt: skip
        journal = Journal(instruction=TrainInstruction(**values), delivery=Delivery(b"", b""))  # type: ignore[arg-type]
        journal.corpora = generations.now([self.corpora.row(corpus_id)])
        journals.save(self.ledger, release.release_id, journal)
        return self.ledger.mark(release.release_id, "training")


def run(farm: Farm, what: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        try:
            await what()
        finally:
            await farm.corpora.close()
            farm.ledger.close()

    asyncio.run(main())


@pytest.fixture
def farm(tmp_path: Path) -> Farm:
    return Farm(tmp_path / "home")


@pytest.fixture
def text(tmp_path: Path) -> Path:
    folder = tmp_path / "text"
    folder.mkdir()
    for number in range(3):
        write(folder / f"{number}.txt", number)
    return folder


def write(path: Path, number: int) -> None:
    path.write_text(f"Along lane {number} the hedge holds {number} nests and a wren that sings of them. " * 40)
    hour_ago = time.time() - 3_600 - number
    os.utime(path, (hour_ago, hour_ago))


def test_changed_moved_and_removed_files_are_in_the_next_generation(farm: Farm, text: Path) -> None:
    async def what() -> None:
        one = await farm.add(text)
        first = farm.named(one)
        write(text / "0.txt", 7)
        (text / "1.txt").rename(text / "moved.txt")
        (text / "2.txt").unlink()
        write(text / "new.txt", 8)
        told = farm.corpora.refresh(one)
        assert (told.state, told.refreshing, told.documents) == ("ready", True, 3), "the old one stands meanwhile"
        await farm.settle()
        found = farm.info(one)
        assert (found.state, found.refreshing, found.documents) == ("ready", False, 3)
        assert farm.named(one).isdisjoint(first)
        assert farm.shards(one) == farm.named(one), "the old shards are gone"
        assert farm.ledger._db.rows("SELECT COUNT(*) FROM documents") == [(5,)], "and the lineage forgets nothing"

    run(farm, what)


def test_shards_that_a_round_uses_outlive_two_generations_until_it_is_sealed(farm: Farm, text: Path) -> None:
    async def what() -> None:
        one = await farm.add(text)
        release = farm.begin_round(one)
        first = farm.named(one)
        for number in (7, 8):
            write(text / "0.txt", number)
            farm.corpora.refresh(one)
            await farm.settle()
        latest = farm.named(one)
        assert first <= farm.shards(one)
        assert farm.shards(one) == first | latest, "the one between was needed by nobody"
        journal = journals.load(farm.ledger, release.release_id)
        assert journal is not None
        generations.check(journal.corpora)
        farm.ledger.mark(release.release_id, "abandoned", reason="a test")
        farm.corpora.forget_old()
        assert farm.shards(one) == latest

    run(farm, what)


def test_what_a_crash_left_between_two_generations_is_found_again(farm: Farm, text: Path) -> None:
    """The reader has made a generation, and the engine dies before it is in the ledger."""

    async def what() -> None:
        one = await farm.add(text)
        first = farm.named(one)
        write(text / "0.txt", 7)
        row = farm.corpora.row(one)
        corpora = farm.corpora
        tokenizer = (corpora.tokenizer_path, corpora.tokenizer_sha256)
        await corpora.readers.read(row, corpora._home / "store" / one, tokenizer, glance=True)
        assert farm.named(one) == first < farm.shards(one)
        await farm.corpora.close()
        farm.ledger.close()
        farm.open()
        farm.corpora.resume()
        generations.check(generations.now(farm.corpora.rows()))
        farm.corpora.refresh(one)
        await farm.settle()
        assert farm.named(one).isdisjoint(first)
        assert farm.shards(one) == farm.named(one)

    run(farm, what)


def test_files_are_looked_at_between_rounds_and_never_during_one(
    farm: Farm, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def what() -> None:
        one = await farm.add(text)
        first = farm.named(one)
        write(text / "0.txt", 7)
        farm.corpora.between_rounds()
        assert not farm.corpora.reading, "it was looked at a moment ago"
        monkeypatch.setattr(engine_corpora, "RESCAN_S", 0.0)
        release = farm.begin_round(one)
        farm.corpora.between_rounds()
        assert not farm.corpora.reading, "a round uses it"
        farm.ledger.mark(release.release_id, "abandoned", reason="a test")
        farm.corpora.between_rounds()
        assert farm.corpora.reading
        await farm.settle()
        assert farm.named(one).isdisjoint(first)
        second = farm.named(one)
        farm.corpora.between_rounds()
        await farm.settle()
        assert farm.named(one) == second, "nothing changed"

    run(farm, what)


def test_a_folder_that_was_emptied_is_not_trained_on_and_comes_back(farm: Farm, text: Path) -> None:
    async def what() -> None:
        one = await farm.add(text)
        for number in range(3):
            (text / f"{number}.txt").unlink()
        for _ in range(2):
            farm.corpora.refresh(one)
            await farm.settle()
        found = farm.info(one)
        assert (found.state, found.error) == (
            "error",
            "text is empty. Choose a folder with text, documents, mail or data.",
        )
        for number in range(3):
            write(text / f"{number}.txt", number)
        farm.corpora.refresh(one)
        await farm.settle()
        assert (farm.info(one).state, farm.info(one).error, farm.info(one).documents) == ("ready", "", 3)

    run(farm, what)


def test_a_reader_that_fails_at_a_refresh_leaves_what_was_read(farm: Farm, text: Path, tmp_path: Path) -> None:
    async def what() -> None:
        one = await farm.add(text)
        first = farm.named(one)
        farm.config.set("worker_interpreter", "/nowhere/python")
        farm.corpora.refresh(one)
        await farm.settle()
        found = farm.info(one)
        assert (found.state, farm.named(one)) == ("ready", first)
        assert "cannot be started" in found.error
        generations.check(generations.now(farm.corpora.rows()))

    run(farm, what)


def test_cancelling_keeps_what_was_read_before(farm: Farm, text: Path) -> None:
    async def what() -> None:
        one = farm.corpora.add([str(text)], "").corpus_id
        cancelled = await farm.corpora.cancel(one)
        assert (cancelled.state, cancelled.error) == ("error", "Reading was cancelled. Read it again to use it.")
        assert not farm.corpora.reading
        farm.corpora.resume()
        assert not farm.corpora.reading, "a restart does not undo it"
        farm.corpora.refresh(one)
        await farm.settle()
        first = farm.named(one)
        farm.corpora.refresh(one)
        again = await farm.corpora.cancel(one)
        assert (again.state, again.error, farm.named(one)) == ("ready", "", first)
        assert (await farm.corpora.cancel(one)).state == "ready", "nothing to cancel is no error"
        await farm.corpora.change(ChangeParams(corpus_id=one, exclude=["0.txt"]))
        stopped = await farm.corpora.cancel(one)
        assert stopped.state == "error", "what was excluded is not trained on, though nothing else was read yet"
        farm.corpora.refresh(one)
        await farm.settle()
        assert (farm.info(one).state, farm.info(one).documents) == ("ready", 2)

    run(farm, what)


def test_a_later_corpus_takes_over_what_a_removed_one_held(
    farm: Farm, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    write(other / "same.txt", 1)
    write(other / "own.txt", 9)

    async def what() -> None:
        one, two = await farm.add(text), await farm.add(other)
        assert (farm.info(two).documents, farm.info(two).elsewhere) == (1, 1)
        store = farm.home / "store" / one
        await farm.corpora.remove(one)
        assert not store.exists()
        farm.corpora.between_rounds()  # at once, however short ago it was looked at
        await farm.settle()
        assert (farm.info(two).documents, farm.info(two).elsewhere) == (2, 0)

    run(farm, what)
