"""Adding, reading, losing and removing text; the reader is a real process, and once the real reader."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from support.children import interpreter
from support.ledger_kit import federation

from core.api.errors import CorpusError
from core.api.messages.corpora import ChangeParams, CorpusInfo, PathsParams
from core.api.messages.state import Notice
from core.engine import choices
from core.engine.board import Board
from core.engine.config_store import ConfigStore
from core.engine.corpora import Corpora
from core.engine.leftovers import state_folder
from core.engine.lock import prepare_home
from core.ledger.store import Ledger

KEY = bytes(range(32))
RESULT = """
from core.data import digests
path = digests.store(Path(job.store_dir), key, digests.Digests.of([bytes(32), bytes([7]) * 32], []))
say(jobs.Ready(sandbox="seccomp"))
say(jobs.ReadProgress(files_done=1, files_total=2, text_bytes=10, tokens=5))
say(jobs.Skipped(path="/x/a.bin", reason="binary"))
shard = jobs.ShardRef(path=job.store_dir + "/s", sha256="0" * 64, tokens=9, documents=2, text_bytes=10)
say(jobs.ReadResult(shards=(shard,), documents=2, records=3, tokens=9, text_bytes=10, words=4, held_out_tokens=1,
                    skipped_total=1, digests_path=str(path)))
"""


class Bench:
    def __init__(self, home: Path, body: str = "") -> None:
        prepare_home(home)
        self.home = home
        self.ledger = Ledger.open(home / "ledger.db", None)
        self.config = ConfigStore(home / "config.toml")
        if body:
            self.config.set("worker_interpreter", interpreter(home / "python", body))
        self.board = Board(home / "series.enc", KEY)
        self.notices: list[Notice] = []
        self.board.publish = self.notices.append
        self.corpora = Corpora(home, self.ledger, KEY, self.config, self.board)

    async def read(self, *paths: Path) -> CorpusInfo:
        corpus = self.corpora.add([str(path) for path in paths], "")
        assert corpus.state == "reading"
        await self.settle()
        return self.corpora.info(self.corpora.row(corpus.corpus_id))

    async def settle(self) -> None:
        async with asyncio.timeout(60):
            while self.corpora.reading:  # noqa: ASYNC110
                await asyncio.sleep(0.02)


def run(bench: Bench, what: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        try:
            await what()
        finally:
            await bench.corpora.close()
            bench.ledger.close()

    asyncio.run(main())


@pytest.fixture
def text(tmp_path: Path) -> Path:
    folder = tmp_path / "text"
    folder.mkdir()
    for number in range(4):
        words = " ".join(f"word{(number * 7 + i) % 97} and some more plain text" for i in range(600))
        (folder / f"{number}.txt").write_text(words)
    (folder / "picture.png").write_bytes(bytes(range(256)) * 20)
    return folder


def test_the_real_reader_reads_real_text(tmp_path: Path, text: Path) -> None:
    bench = Bench(tmp_path / "home")

    async def what() -> None:
        found = await bench.read(text)
        assert found.state == "ready", found.error
        assert found.name == "text"
        assert found.documents == 4
        assert found.tokens > 1_000
        assert found.records > 0
        row = bench.corpora.row(found.corpus_id)
        assert row.lineage_id is not None
        records = await bench.corpora.units_at(row, "record", 128)
        assert await bench.corpora.units_at(row, "record", 64) > records == row.facts.records
        documents = await bench.corpora.units_at(row, "document", 128)
        assert 0 < documents <= row.facts.documents
        assert documents == await bench.corpora.units_at(row, "document", 64)
        assert "seccomp" in bench.board.sandbox

    run(bench, what)


def test_facts_and_skipped_files_are_kept_and_survive_a_restart(tmp_path: Path, text: Path) -> None:
    bench = Bench(tmp_path / "home", RESULT)

    async def what() -> None:
        found = await bench.read(text)
        assert (found.state, found.records, found.documents, found.skipped_total) == ("ready", 3, 2, 1)
        assert (found.skipped[0].path, found.skipped[0].reason) == ("/x/a.bin", "binary")
        bench.ledger.close()
        again = Ledger.open(bench.home / "ledger.db", None)
        corpora = Corpora(bench.home, again, KEY, bench.config, bench.board)
        assert corpora.infos()[0] == bench.corpora.info(corpora.rows()[0], 20)
        bench.ledger = again

    run(bench, what)


def test_a_reader_that_dies_is_started_again_and_then_named(tmp_path: Path, text: Path) -> None:
    counter = tmp_path / "starts"
    body = f"open({str(counter)!r}, 'a').write('x'); os.kill(os.getpid(), signal.SIGKILL)"
    bench = Bench(tmp_path / "home", body)

    async def what() -> None:
        found = await bench.read(text)
        assert found.state == "error"
        assert "reader ended unexpectedly (signal SIGKILL)" in found.error
        assert counter.read_text() == "xx"
        assert bench.notices[-1].level == "error"

    run(bench, what)


def test_what_was_being_read_when_the_engine_died_is_read_again(tmp_path: Path, text: Path) -> None:
    bench = Bench(tmp_path / "home", RESULT)
    bench.ledger.add_corpus("c" * 32, "text", (str(text),))

    async def what() -> None:
        bench.corpora.resume()
        await bench.settle()
        assert bench.corpora.infos()[0].state == "ready"

    run(bench, what)


def test_a_folder_that_vanishes_is_missing_by_name_and_comes_back(tmp_path: Path, text: Path) -> None:
    bench = Bench(tmp_path / "home", RESULT)

    async def what() -> None:
        await bench.read(text)
        away = tmp_path / "away"
        os.rename(text, away)
        bench.corpora.watch()
        (found,) = bench.corpora.infos()
        assert (found.state, found.error) == ("missing", f"{text} is not there any more.")
        assert found.records == 3
        assert "'text' is not there any more" in bench.notices[-1].sentence.text
        os.rename(away, text)
        bench.corpora.watch()
        assert bench.corpora.infos()[0].state == "ready"

    run(bench, what)


def test_reading_again_what_was_taken_out_keeps_what_was_read(tmp_path: Path, text: Path) -> None:
    bench = Bench(tmp_path / "home")

    async def what() -> None:
        before = await bench.read(text)
        os.rename(text, tmp_path / "away")
        bench.corpora.refresh(before.corpus_id)
        await bench.settle()
        found = bench.corpora.infos()[0]
        assert (found.state, found.error) == ("missing", f"{text} is not there any more.")
        assert found.documents == before.documents
        os.rename(tmp_path / "away", text)
        bench.corpora.watch()
        assert bench.corpora.infos()[0].state == "ready"

    run(bench, what)


def test_removal_deletes_the_shards_and_stops_a_reader(tmp_path: Path, text: Path) -> None:
    bench = Bench(tmp_path / "home", "say(jobs.Ready(sandbox=''))\nwhile True: say(jobs.Alive()); time.sleep(0.1)")

    async def what() -> None:
        corpus = bench.corpora.add([str(text)], "My text")
        assert corpus.name == "My text"
        async with asyncio.timeout(20):
            while not (store := bench.home / "store" / corpus.corpus_id).exists():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        bench.ledger.save_federation(federation(plans={corpus.corpus_id: {}}))
        residual = state_folder(bench.home, "fed") / "residual-a-b-c"
        residual.parent.mkdir(parents=True)
        residual.write_bytes(b"private")
        await bench.corpora.remove(corpus.corpus_id)
        assert not store.exists()
        assert not residual.exists()
        assert bench.corpora.infos() == []
        assert not bench.corpora.reading
        with pytest.raises(CorpusError, match="no text with the id"):
            bench.corpora.row(corpus.corpus_id)

    run(bench, what)


def test_bad_paths_are_named_and_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path / "home")
    locked = tmp_path / "locked"
    locked.mkdir()

    async def what() -> None:
        for paths, sentence in (
            ([], "No folder or file was given"),
            ([""], "empty path"),
            (["/nowhere/at all"], "/nowhere/at all is not there"),
            ([str(bench.home / "store")], "Hedgerow's own folder"),
        ):
            with pytest.raises(CorpusError, match=sentence):
                bench.corpora.add(paths, "")
        monkeypatch.setattr("os.access", lambda path, mode: False)
        with pytest.raises(CorpusError, match="locked may not be read by you"):
            bench.corpora.add([str(locked)], "")
        assert bench.corpora.rows() == []

    run(bench, what)


@pytest.mark.parametrize("content", ["empty", "binary"])
def test_a_folder_without_text_is_named(tmp_path: Path, content: str) -> None:
    folder = tmp_path / "nothing here"
    folder.mkdir()
    if content == "binary":
        (folder / "x.bin").write_bytes(bytes(range(256)) * 50)
    bench = Bench(tmp_path / "home")

    async def what() -> None:
        found = await bench.read(folder)
        assert found.state == "error"
        assert "nothing here" in found.error
        assert bench.ledger.budgets() == []

    run(bench, what)


def test_the_choice_is_kept_and_reaches_the_reader_and_a_change_reads_again(tmp_path: Path, text: Path) -> None:
    bench = Bench(tmp_path / "home")

    async def what() -> None:
        asked = PathsParams(paths=[str(text)], include=["*.txt"], exclude=["[23].txt"], weight=2.0, text_field="body")
        corpus = bench.corpora.add(asked.paths, "", choices.first(asked))
        await bench.settle()
        found = bench.corpora.info(bench.corpora.row(corpus.corpus_id))
        assert (found.documents, found.include, found.exclude) == (2, ["*.txt"], ["[23].txt"])
        assert (found.weight, found.text_field, found.hidden, found.generated) == (2.0, "body", False, False)
        before = bench.corpora.row(corpus.corpus_id).facts.shards
        heavier = await bench.corpora.change(ChangeParams(corpus_id=corpus.corpus_id, weight=3.0))
        assert (heavier.weight, heavier.state, bench.corpora.reading) == (3.0, "ready", False)
        assert bench.corpora.row(corpus.corpus_id).facts.shards == before
        wider = await bench.corpora.change(ChangeParams(corpus_id=corpus.corpus_id, exclude=[]))
        assert (wider.exclude, wider.include, wider.weight) == ([], ["*.txt"], 3.0)
        await bench.settle()
        assert bench.corpora.info(bench.corpora.row(corpus.corpus_id)).documents == 4

    run(bench, what)


def test_a_bad_choice_is_one_sentence_and_changes_nothing(tmp_path: Path, text: Path) -> None:
    bench = Bench(tmp_path / "home", RESULT)

    async def what() -> None:
        found = await bench.read(text)
        for change in ({"include": ["../x"]}, {"exclude": ["!a"]}, {"weight": 0.0}, {"weight": float("nan")}):
            with pytest.raises(CorpusError):
                await bench.corpora.change(ChangeParams(corpus_id=found.corpus_id, **change))  # type: ignore[arg-type]
            with pytest.raises(CorpusError):
                choices.first(PathsParams(paths=[str(text)], **change))  # type: ignore[arg-type]
        assert bench.corpora.infos() == [bench.corpora.info(bench.corpora.row(found.corpus_id), 20)]

    run(bench, what)


def test_a_document_in_two_corpora_is_packed_once_and_its_lineages_merge(tmp_path: Path, text: Path) -> None:
    bench = Bench(tmp_path / "home")
    other = tmp_path / "other"
    other.mkdir()
    (other / "same.txt").write_bytes((text / "1.txt").read_bytes())
    (other / "own.txt").write_text("Something of its own, which stands nowhere else. " * 40)

    async def what() -> None:
        one = bench.corpora.add([str(text)], "")
        two = bench.corpora.add([str(other)], "")  # at once: its reader must still know what the first one holds
        await bench.settle()
        first, second = (bench.corpora.row(one.corpus_id), bench.corpora.row(two.corpus_id))
        assert second.facts.state == "ready", second.facts.error
        assert (first.facts.documents, second.facts.documents, second.facts.elsewhere) == (4, 1, 1)
        assert bench.corpora.info(second).elsewhere == 1
        assert first.lineage_id == second.lineage_id, "who shares a document shares a budget"
        documents = bench.ledger._db.rows("SELECT COUNT(*) FROM documents")
        assert documents == [(5,)]
        assert bench.ledger.verify_chain() == []

    run(bench, what)


def test_many_digests_are_bound_in_batches_that_add_up(
    tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.engine.readers.BIND_BATCH", 3)
    bench = Bench(tmp_path / "home")

    async def what() -> None:
        found = await bench.read(text)
        assert bench.ledger._db.rows("SELECT COUNT(*), COUNT(DISTINCT lineage_id) FROM documents") == [(4, 1)]
        assert bench.corpora.row(found.corpus_id).lineage_id is not None
        assert bench.ledger.verify_chain() == []

    run(bench, what)


def test_no_round_is_pinned_to_two_corpora_that_may_hold_one_document(tmp_path: Path, text: Path) -> None:
    bench = Bench(tmp_path / "home")
    other = tmp_path / "other"
    other.mkdir()
    both = "What lies in the second text now, and in the first as well from tomorrow on. " * 40
    (other / "both.txt").write_text(both)
    (other / "own.txt").write_text("Something of its own, which stands nowhere else. " * 40)

    async def what() -> None:
        one, two = await bench.read(text), await bench.read(other)
        pair = [one.corpus_id, two.corpus_id]
        assert bench.corpora.settle(pair)
        (text / "both.txt").write_text(both)
        bench.corpora.refresh(one.corpus_id)
        await bench.settle()
        held = [bench.corpora.row(corpus_id).facts.documents for corpus_id in pair]
        assert held == [5, 2], "the first has it now, and the second still does"
        assert bench.corpora.settle([two.corpus_id]), "alone neither holds it twice"
        assert not bench.corpora.settle(pair)
        assert bench.corpora.reading, "it is looked at, whatever round is under way"
        await bench.settle()
        held = [bench.corpora.row(corpus_id).facts.documents for corpus_id in pair]
        assert held == [5, 1]
        assert bench.corpora.settle(pair)
        bench.corpora.resume()
        assert not bench.corpora.settle(pair), "after a start nobody remembers"
        await bench.settle()
        assert bench.corpora.settle(pair)

    run(bench, what)
