"""The owner's corpora: added, read by the reader child, watched for vanishing, removed with their shards.

The engine never opens a file of the owner's; it only asks whether the paths are still there.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import secrets
import shutil
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import msgspec

from core.api.errors import CorpusError, HedgerowError
from core.api.messages.corpora import ChangeParams, CorpusInfo
from core.config.base import UnitOfPrivacy
from core.data.builtin import BUILTIN, builtin_tokenizer_path
from core.data.documents import num_documents
from core.data.store import Shard
from core.data.stream import num_records
from core.engine import choices, corpus_view, generations, leftovers
from core.engine.board import Board
from core.engine.config_store import ConfigStore
from core.engine.ending import end_tasks
from core.engine.readers import MAX_KEPT_SKIPPED, Heard, Readers
from core.jobs import ReadResult, Up
from core.ledger.rows import Choice, CorpusFacts, CorpusRow
from core.ledger.store import Ledger

TOKENIZER = "hedgerow-4k"
RECORD_TOKENS = 128
"""Length at which the reader counts records."""
MAX_SHOWN_SKIPPED = 20
MAX_PATHS = 1_000
RESCAN_S = 300.0
"""Files of a corpus are looked at again after so long, while no round uses it."""
SETTLE_AGAIN_S = 60.0
"""Between two looks at a corpus that a round waits for."""


class Corpora:
    """All corpora that were not removed."""

    def __init__(self, home: Path, ledger: Ledger, key: bytes, config: ConfigStore, board: Board) -> None:
        self._home = home
        self._ledger = ledger
        self._key = key
        self._board = board
        self._readers: dict[str, asyncio.Task[None]] = {}
        self._heard: dict[str, Heard] = {}
        self.readers = Readers(home, ledger, key, config)
        self._turn = asyncio.Lock()
        self._born = time.monotonic()
        self._looked_at: dict[str, float] = {}
        self._unsettled: set[str] = set()
        """Corpora that were read before one that comes before them had what it has now."""
        self._old: set[str] = set()
        """Shards of older generations, deleted as soon as no round needs them."""
        self._missing: frozenset[str] = frozenset()
        self.on_ready: Callable[[], None] = lambda: None

    @property
    def tokenizer_sha256(self) -> str:
        """Hash of the tokenizer that texts are read with."""
        return BUILTIN[TOKENIZER]

    @property
    def tokenizer_path(self) -> Path:
        """Where it lies."""
        return builtin_tokenizer_path(TOKENIZER)

    def rows(self) -> list[CorpusRow]:
        """Corpora in the ledger that were not removed."""
        return [row for row in self._ledger.corpora() if row.removed_at is None]

    def row(self, corpus_id: str) -> CorpusRow:
        """One corpus.

        Raises:
            CorpusError: there is none of that id.
        """
        for row in self.rows():
            if row.corpus_id == corpus_id:
                return row
        raise CorpusError(f"There is no text with the id {corpus_id[:40]!r}.", "`hedgerow corpus list` shows all.")

    def present(self, row: CorpusRow) -> bool:
        """Whether every path of it is there now."""
        return all(os.path.exists(path) for path in row.paths)

    async def units_at(self, row: CorpusRow, unit: UnitOfPrivacy, seq_len: int) -> int:
        """How many training windows of ``seq_len`` tokens a corpus has, or documents with at least one.

        From document offsets alone; under units other than ``document`` it is windows.

        Raises:
            StorageError: a shard is gone or damaged.
        """
        if unit != "document" and seq_len == RECORD_TOKENS:
            return row.facts.records
        count = num_documents if unit == "document" else num_records
        return await asyncio.to_thread(_count, row, self._key, seq_len, count)

    def infos(self, most_skipped: int = MAX_SHOWN_SKIPPED) -> list[CorpusInfo]:
        """All corpora as the window shows them; long lists are cut, ``info`` has them whole."""
        found = [self.info(row, most_skipped) for row in self.rows()]
        return [msgspec.structs.replace(info, paths=info.paths[:MAX_SHOWN_SKIPPED]) for info in found]

    def info(self, row: CorpusRow, most_skipped: int = MAX_KEPT_SKIPPED) -> CorpusInfo:
        """One corpus as the window shows it."""
        most = min(most_skipped, MAX_KEPT_SKIPPED)
        return corpus_view.view(row, self._heard.get(row.corpus_id), row.corpus_id in self._missing, most)

    def add(self, paths: Sequence[str], name: str, choice: Choice | None = None) -> CorpusInfo:
        """Take folders or files and begin to read them.

        Raises:
            CorpusError: nothing was given, or a path is not there or not readable.
        """
        if not 1 <= len(paths) <= MAX_PATHS:
            raise CorpusError("No folder or file was given.", "Choose at least one.")
        checked = tuple(dict.fromkeys(choices.checked_path(path, self._home) for path in paths))
        corpus_id = secrets.token_hex(16)
        self._ledger.add_corpus(corpus_id, name.strip()[:120] or Path(checked[0]).name or checked[0], checked, choice)
        self._read(corpus_id)
        return self.info(self.row(corpus_id))

    async def change(self, params: ChangeParams) -> CorpusInfo:
        """Choose differently; anything but the weight is read anew.

        Raises:
            CorpusError: there is no such corpus, or a pattern or the weight is none.
        """
        row = self.row(params.corpus_id)
        choice = choices.changed(row.choice, params)
        self._ledger.choose(row.corpus_id, choice)
        if choices.read_differently(row.choice, choice):
            await self._stop(row.corpus_id)
            # No round begins with what the owner may just have excluded.
            self._ledger.update_corpus(row.corpus_id, state="reading", error="")
            self._read(row.corpus_id)
        self._board.changed()
        return self.info(self.row(row.corpus_id))

    def refresh(self, corpus_id: str) -> CorpusInfo:
        """Read what changed, now; until that is done, the generation there is stands.

        Raises:
            CorpusError: there is no such corpus.
        """
        row = self.row(corpus_id)
        if corpus_id not in self._readers:
            self._read(corpus_id)
        return self.info(row)

    async def cancel(self, corpus_id: str) -> CorpusInfo:
        """Stop reading. What was read before stands, unless the owner has chosen differently since.

        Raises:
            CorpusError: there is no such corpus.
        """
        row = self.row(corpus_id)
        if corpus_id in self._readers:
            await self._stop(corpus_id)
            if not generations.stands(row):
                sentence = "Reading was cancelled. Read it again to use it."
                self._ledger.update_corpus(corpus_id, state="error", error=sentence)
            self._board.changed()
            self.on_ready()
        return self.info(self.row(corpus_id))

    def between_rounds(self) -> None:
        """Look for changes in every corpus that no round uses now and that was not looked at for a while."""
        self.forget_old()
        busy = generations.in_use(self._ledger)
        due = time.monotonic() - RESCAN_S
        for row in self.rows():
            idle = row.corpus_id not in busy and row.corpus_id not in self._readers
            if (
                idle
                and row.facts.shards
                and self._looked_at.get(row.corpus_id, self._born) <= due
                and self.present(row)
            ):
                self._read(row.corpus_id, glance=True)

    def settle(self, corpus_ids: Collection[str]) -> bool:
        """Whether no document can lie in two of these corpora at once; if that is not sure, have it looked at.

        A document that two corpora hold is packed in the one that was added first. Drawn from both it would count
        twice in one noisy sum, which is more than two charges are for.

        Args:
            corpus_ids: those that a round is about to be pinned to.
        """
        waiting = self._unsettled & set(corpus_ids) if len(corpus_ids) > 1 else set()
        due = time.monotonic() - SETTLE_AGAIN_S
        for corpus_id in waiting - set(self._readers):
            if self._looked_at.get(corpus_id, -math.inf) <= due:  # a reader that fails is not started without end
                self._read(corpus_id, glance=True)
        return not waiting

    def forget_old(self) -> None:
        """Delete shards of older generations that no round is pinned to any more."""
        if self._old:
            free = self._old - generations.pinned(self._ledger)
            generations.discard(free)
            self._old -= free

    async def remove(self, corpus_id: str) -> None:
        """Forget a corpus and delete its shards; what it was charged stays.

        Raises:
            CorpusError: there is none of that id.
        """
        row = self.row(corpus_id)
        await self._stop(corpus_id)
        self._ledger.remove_corpus(row.corpus_id)
        await asyncio.to_thread(shutil.rmtree, self._home / "store" / row.corpus_id, ignore_errors=True)
        leftovers.forget_state(self._home, self._ledger)
        self._look_soon(row)
        self._board.changed()

    def resume(self) -> None:
        """Read again what was not finished when the engine ended; called once at start."""
        leftovers.forget_state(self._home, self._ledger)
        rows = self.rows()
        for row in rows[1:]:  # what happened before this start is not known here
            self._unsettled.add(row.corpus_id)
            self._looked_at[row.corpus_id] = -math.inf
        for row in rows:
            if row.facts.state == "reading":
                self._read(row.corpus_id)
        self.watch()

    def watch(self) -> None:
        """Notice corpora that vanished or came back."""
        missing = frozenset(row.corpus_id for row in self.rows() if not self.present(row))
        if missing == self._missing:
            return
        for row in self.rows():
            if row.corpus_id in missing - self._missing and row.facts.state == "ready":
                text = f"The text {row.name!r} is not there any more."
                self._board.notice("warning", "corpus_missing", text, corpus=row.name)
        self._missing = missing
        self._board.changed()

    @property
    def reading(self) -> bool:
        """Whether a reader is at work."""
        return bool(self._readers)

    async def close(self) -> None:
        """End all readers; they begin anew next time."""
        await end_tasks(self._readers.values())
        self._readers.clear()

    async def _stop(self, corpus_id: str) -> None:
        task = self._readers.pop(corpus_id, None)
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._heard.pop(corpus_id, None)

    def _look_soon(self, row: CorpusRow) -> None:
        """Corpora added after ``row`` may hold what it holds now, or miss what it held."""
        for other in self.rows():
            if (other.added_at, other.corpus_id) > (row.added_at, row.corpus_id):
                self._looked_at[other.corpus_id] = -math.inf
                self._unsettled.add(other.corpus_id)

    def _read(self, corpus_id: str, glance: bool = False) -> None:
        self._heard[corpus_id] = Heard()
        self._readers[corpus_id] = asyncio.create_task(self._read_safely(corpus_id, glance))
        self._board.changed()

    async def _read_safely(self, corpus_id: str, glance: bool = False) -> None:
        """Read; keep the result or the reason."""
        row = self.row(corpus_id)
        try:
            await self._read_once(row, glance)
        except HedgerowError as error:
            self._failed(row, error)
        finally:
            if self._readers.get(corpus_id) is asyncio.current_task():
                self._looked_at[corpus_id] = time.monotonic()
                del self._readers[corpus_id]
                self._heard.pop(corpus_id, None)
            self._board.changed()
            self.on_ready()

    def _failed(self, row: CorpusRow, error: HedgerowError) -> None:
        """Keep the reason. A generation there is stands, unless its files now hold nothing that can be used.

        Of a folder that is not there, perhaps on a disk that was taken out, nothing can be said; see ``watch``.
        """
        if generations.stands(row) and not self.present(row):
            self.watch()
            return
        if row.facts.error != str(error):
            self._board.error(error)
        if not row.facts.shards:
            heard = self._heard.get(row.corpus_id, Heard())
            self._ledger.update_corpus(row.corpus_id, **_facts(heard.facts, state="error", error=str(error)))
        else:
            stands = generations.stands(row) and not isinstance(error, CorpusError)
            self._ledger.update_corpus(row.corpus_id, state="ready" if stands else "error", error=str(error))

    async def _read_once(self, row: CorpusRow, glance: bool) -> None:
        """Read, one corpus at a time: a reader must know what the corpora before it hold."""
        heard = self._heard.get(row.corpus_id, Heard())

        def hear(message: Up) -> None:
            heard.take(message)
            self._board.sandbox = heard.sandbox or self._board.sandbox
            self._board.changed()

        folder = self._home / "store" / row.corpus_id
        tokenizer = (self.tokenizer_path, self.tokenizer_sha256)
        async with self._turn:
            result = await self.readers.read(row, folder, tokenizer, glance=glance, hear=hear)
            self._unsettled.discard(row.corpus_id)
            await self._finish(row, result, heard.facts)

    async def _finish(self, row: CorpusRow, result: ReadResult, facts: CorpusFacts) -> None:
        """Bind the lineage first; see ``Readers.bind``."""
        renewed = result.shards != row.facts.shards
        if renewed or row.lineage_id is None:
            await self.readers.bind(row, result)
        done = msgspec.structs.replace(
            facts,
            documents=result.documents,
            records=result.records,
            tokens=result.tokens,
            text_bytes=result.text_bytes,
            words=result.words,
            held_out_tokens=result.held_out_tokens,
            skipped_total=result.skipped_total,
            copies=result.copies,
            elsewhere=result.elsewhere,
            languages=result.languages,
            formats=result.formats,
            sizes=result.sizes,
            shards=result.shards,
        )
        self._ledger.update_corpus(row.corpus_id, **_facts(done, state="ready", error=""))
        if renewed:
            new = {shard.path for shard in result.shards}
            self._old |= {shard.path for shard in row.facts.shards} - new
            self.forget_old()
            self._look_soon(row)


def _count(row: CorpusRow, key: bytes, seq_len: int, units: Callable[[Sequence[Shard], int], int]) -> int:
    shards = [Shard(shard.path, key) for shard in row.facts.shards]
    try:
        return units(shards, seq_len)
    finally:
        for shard in shards:
            shard.close()


def _facts(facts: CorpusFacts, **changes: str) -> dict[str, object]:
    return msgspec.structs.asdict(facts) | changes
