"""Hostile and odd files before the real reader under its sandbox, started by the engine as always.

Each is read or set aside; what ends the process is named; every good file beside them is read; the engine goes on.
"""

from __future__ import annotations

import asyncio
import functools
import time
from pathlib import Path

import pytest
from support.zoo import good, populate

from core.data import at_work
from core.engine import corpora as engine_corpora
from core.engine import readers
from core.engine.board import Board
from core.engine.config_store import ConfigStore
from core.engine.corpora import Corpora
from core.engine.lock import prepare_home
from core.jobs import ReadJob
from core.ledger.store import Ledger

KEY = bytes(range(32))
MEMORY = 512 << 20
MOST_S = 30.0


class Keeper:
    """An engine's corpora with one folder, and the longest time its loop stood still."""

    def __init__(self, home: Path) -> None:
        prepare_home(home)
        self.ledger = Ledger.open(home / "ledger.db", None)
        self.board = Board(home / "series.enc", KEY)
        self.corpora = Corpora(home, self.ledger, KEY, ConfigStore(home / "config.toml"), self.board)
        self.longest_still_s = 0.0
        self.longest_file_s = 0.0

    async def _beat(self) -> None:
        before = time.monotonic()
        while True:
            await asyncio.sleep(0.05)
            now = time.monotonic()
            self.longest_still_s, before = max(self.longest_still_s, now - before), now

    async def read(self, folder: Path) -> str:
        beating = asyncio.create_task(self._beat())
        corpus = self.corpora.add([str(folder)], "zoo")
        done, since = -1, time.monotonic()
        async with asyncio.timeout(300):
            while self.corpora.reading:
                now, files = time.monotonic(), self.corpora.infos()[0].files_done
                if files != done:
                    done, since = files, now
                self.longest_file_s = max(self.longest_file_s, now - since)
                await asyncio.sleep(0.05)
        beating.cancel()
        return corpus.corpus_id


@pytest.mark.slow
def test_a_zoo_costs_its_animals_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path.resolve() / "zoo"
    animals = populate(folder)
    assert animals >= 60
    monkeypatch.setattr(readers, "ReadJob", functools.partial(ReadJob, max_memory_bytes=MEMORY))
    monkeypatch.setattr(readers, "MAX_KEPT_SKIPPED", 10_000)
    monkeypatch.setattr(engine_corpora, "MAX_KEPT_SKIPPED", 10_000)

    async def main() -> None:
        keeper = Keeper(tmp_path / "home")
        corpus_id = await keeper.read(folder)
        found = keeper.corpora.info(keeper.corpora.row(corpus_id), 10_000)
        assert found.state == "ready", found.error
        skipped: dict[str, list[str]] = {}
        for item in found.skipped:
            skipped.setdefault(item.path.removeprefix(f"{folder}/"), []).append(item.reason)
        killers = {name for name, reasons in skipped.items() if at_work.FAILED in reasons}
        assert killers == {"killer.pdf"}, "the one that kills the process is named, and no other is blamed"
        assert not [name for name in skipped if name.startswith("good/")], "every good file is read"
        assert found.documents >= len(good())
        assert keeper.longest_file_s < MOST_S
        assert keeper.longest_still_s < 5.0
        await keeper.corpora.close()
        keeper.ledger.close()

    asyncio.run(main())
