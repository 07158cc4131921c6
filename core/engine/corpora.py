"""The owner's corpora: added, read by the reader child, watched for vanishing, removed with their shards.

The engine never opens a file of the owner's; it only asks whether the paths are still there.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from core.api.errors import CorpusError, HedgerowError, StorageError
from core.api.messages import ChangeParams, CorpusInfo, SkippedFile
from core.data import digests
from core.data.builtin import BUILTIN, builtin_tokenizer_path
from core.data.store import Shard
from core.data.stream import num_records
from core.engine import choices
from core.engine.board import Board
from core.engine.children import Child, ChildDied
from core.engine.config_store import ConfigStore
from core.jobs import ReadJob, ReadProgress, ReadResult, Ready, Skipped
from core.ledger.rows import Choice, CorpusFacts, CorpusRow
from core.ledger.store import Ledger

READER = "core.data.reader"
TOKENIZER = "hedgerow-4k"
RECORD_TOKENS = 128
"""Length at which the reader counts records."""
MAX_SHOWN_SKIPPED = 20
MAX_KEPT_SKIPPED = 200
MAX_PATHS = 1_000
BIND_BATCH = 5_000
_TRIES = 2


class Corpora:
    """All corpora that were not removed."""

    def __init__(self, home: Path, ledger: Ledger, key: bytes, config: ConfigStore, board: Board) -> None:
        self._home = home
        self._ledger = ledger
        self._key = key
        self._config = config
        self._board = board
        self._readers: dict[str, asyncio.Task[None]] = {}
        self._partial: dict[str, CorpusFacts] = {}
        self._turn = asyncio.Lock()
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

    async def records_at(self, row: CorpusRow, seq_len: int) -> int:
        """How many training windows of ``seq_len`` tokens a corpus has; from document offsets alone.

        Raises:
            StorageError: a shard is gone or damaged.
        """
        if seq_len == RECORD_TOKENS:
            return row.facts.records
        return await asyncio.to_thread(_count_records, row, self._key, seq_len)

    def infos(self, most_skipped: int = MAX_SHOWN_SKIPPED) -> list[CorpusInfo]:
        """All corpora as the window shows them; long lists are cut, ``info`` has them whole."""
        found = [self.info(row, most_skipped) for row in self.rows()]
        return [msgspec.structs.replace(info, paths=info.paths[:MAX_SHOWN_SKIPPED]) for info in found]

    def info(self, row: CorpusRow, most_skipped: int = MAX_KEPT_SKIPPED) -> CorpusInfo:
        """One corpus as the window shows it."""
        facts = self._partial.get(row.corpus_id, row.facts)
        state, error = facts.state, facts.error
        if row.corpus_id in self._missing and state == "ready":
            gone = next((path for path in row.paths if not os.path.exists(path)), row.paths[0])
            state, error = "missing", f"{gone} is not there any more."
        return CorpusInfo(
            corpus_id=row.corpus_id,
            name=row.name,
            paths=list(row.paths),
            state=state,
            documents=facts.documents,
            records=facts.records,
            tokens=facts.tokens,
            text_bytes=facts.text_bytes,
            words=facts.words,
            held_out_tokens=facts.held_out_tokens,
            files_done=facts.files_done,
            files_total=facts.files_total,
            skipped=[SkippedFile(path=path, reason=reason) for path, reason in facts.skipped[:most_skipped]],
            skipped_total=facts.skipped_total,
            error=error,
            added_at=row.added_at,
            copies=facts.copies,
            elsewhere=facts.elsewhere,
            **choices.shown(row.choice),
        )

    def add(self, paths: Sequence[str], name: str, choice: Choice | None = None) -> CorpusInfo:
        """Take folders or files and begin to read them.

        Raises:
            CorpusError: nothing was given, or a path is not there or not readable.
        """
        if not 1 <= len(paths) <= MAX_PATHS:
            raise CorpusError("No folder or file was given.", "Choose at least one.")
        checked = tuple(dict.fromkeys(_checked(path, self._home) for path in paths))
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
            self._read(row.corpus_id)
        self._board.changed()
        return self.info(self.row(row.corpus_id))

    async def remove(self, corpus_id: str) -> None:
        """Forget a corpus and delete its shards; what it was charged stays.

        Raises:
            CorpusError: there is none of that id.
        """
        row = self.row(corpus_id)
        await self._stop(corpus_id)
        self._ledger.remove_corpus(row.corpus_id)
        await asyncio.to_thread(shutil.rmtree, self._home / "store" / row.corpus_id, ignore_errors=True)
        self._board.changed()

    def resume(self) -> None:
        """Read again what was not finished when the engine ended; called once at start."""
        for row in self.rows():
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
                self._board.notice("warning", "corpus_missing", f"The text {row.name!r} is not there any more.")
        self._missing = missing
        self._board.changed()

    @property
    def reading(self) -> bool:
        """Whether a reader is at work."""
        return bool(self._readers)

    async def close(self) -> None:
        """End all readers; they begin anew next time."""
        for corpus_id in list(self._readers):
            await self._stop(corpus_id)

    async def _stop(self, corpus_id: str) -> None:
        task = self._readers.pop(corpus_id, None)
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._partial.pop(corpus_id, None)

    def _read(self, corpus_id: str) -> None:
        self._partial[corpus_id] = CorpusFacts()
        self._readers[corpus_id] = asyncio.create_task(self._read_safely(corpus_id))
        self._board.changed()

    async def _read_safely(self, corpus_id: str) -> None:
        """Read, once more if the child died; keep the result or the reason."""
        row = self.row(corpus_id)
        try:
            for attempt in range(_TRIES):
                try:
                    await self._read_once(row)
                    break
                except ChildDied:
                    if attempt == _TRIES - 1:
                        raise
        except HedgerowError as error:
            self._ledger.update_corpus(
                corpus_id, **_facts(self._partial.get(corpus_id, CorpusFacts()), state="error", error=str(error))
            )
            self._board.error(error)
        finally:
            if self._readers.get(corpus_id) is asyncio.current_task():
                del self._readers[corpus_id]
                self._partial.pop(corpus_id, None)
            self._board.changed()
            self.on_ready()

    async def _read_once(self, row: CorpusRow) -> None:
        """Read, one corpus at a time: a reader must know what the corpora before it hold."""
        async with self._turn:
            result, facts = await self._read_in_child(row)
            await self._finish(row, result, facts)

    async def _read_in_child(self, row: CorpusRow) -> tuple[ReadResult, CorpusFacts]:
        store = self._home / "store" / row.corpus_id
        store.mkdir(mode=0o700, parents=True, exist_ok=True)
        job = ReadJob(
            corpus_id=row.corpus_id,
            paths=row.paths,
            store_dir=str(store),
            tokenizer_path=str(self.tokenizer_path),
            tokenizer_sha256=self.tokenizer_sha256,
            include=row.choice.include,
            exclude=row.choice.exclude,
            hidden=row.choice.hidden,
            generated=row.choice.generated,
            text_field=row.choice.text_field,
            elsewhere=self._elsewhere(row),
        )
        child = await Child.start(
            READER,
            job,
            key=self._key,
            interpreter=self._config.node.worker_interpreter,
            log_path=self._home / "logs" / "reader.log",
        )
        facts, skipped = CorpusFacts(), list[tuple[str, str]]()
        result: ReadResult | None = None
        try:
            async for message in child.messages():
                match message:
                    case Ready():
                        self._board.sandbox = message.sandbox
                    case ReadProgress():
                        facts = msgspec.structs.replace(
                            facts,
                            files_done=message.files_done,
                            files_total=message.files_total,
                            text_bytes=message.text_bytes,
                            tokens=message.tokens,
                        )
                    case Skipped():
                        if len(skipped) < MAX_KEPT_SKIPPED:
                            skipped.append((message.path, message.reason))
                        facts = msgspec.structs.replace(
                            facts, skipped=tuple(skipped), skipped_total=facts.skipped_total + 1
                        )
                    case ReadResult():
                        result = message
                    case _:
                        continue
                self._partial[row.corpus_id] = facts
                self._board.changed()
        finally:
            await child.kill()
        if result is None:
            raise ChildDied("The reader ended without a result.", "It is started again.")
        return result, facts

    def _elsewhere(self, row: CorpusRow) -> tuple[str, ...]:
        """Digest files of the corpora that were added before."""
        earlier = itertools.takewhile(lambda other: other.corpus_id != row.corpus_id, self.rows())
        files = (self._home / "store" / other.corpus_id / digests.NAME for other in earlier)
        return tuple(str(path) for path in files if path.exists())

    async def _finish(self, row: CorpusRow, result: ReadResult, facts: CorpusFacts) -> None:
        """Bind the lineage first: text that can be trained on must already have its budget's identity."""
        if not result.shards or not result.records:
            raise CorpusError(f"{row.name} holds no text that can be used.", "Choose a folder with text files.")
        for batch in await asyncio.to_thread(_sketch, result, self._key):
            self._ledger.bind_lineage(row.corpus_id, batch)
            await asyncio.sleep(0)
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
            shards=result.shards,
        )
        self._ledger.update_corpus(row.corpus_id, **_facts(done, state="ready", error=""))


def _sketch(result: ReadResult, key: bytes) -> Iterator[Sequence[str]]:
    """The digests of all documents of a corpus, a bounded number at a time, so that nobody waits long for the ledger.

    Raises:
        StorageError: the reader's file is damaged.
    """
    if not result.digests_path:
        return iter((result.document_digests,))
    return digests.load(result.digests_path, key).batches(BIND_BATCH)


def _count_records(row: CorpusRow, key: bytes, seq_len: int) -> int:
    shards = [Shard(shard.path, key) for shard in row.facts.shards]
    try:
        return num_records(shards, seq_len)
    finally:
        for shard in shards:
            shard.close()


def _facts(facts: CorpusFacts, **changes: str) -> dict[str, object]:
    return msgspec.structs.asdict(facts) | changes


def _checked(path: str, home: Path) -> str:
    """An absolute path that is there and readable.

    Raises:
        CorpusError: it is not, or it is the engine's own folder.
    """
    if not path.strip() or "\0" in path:
        raise CorpusError("An empty path was given.", "Choose a folder or a file.")
    full = os.path.abspath(os.path.expanduser(path))
    if not os.path.exists(full):
        raise CorpusError(f"{full} is not there.", "Check the path.")
    if not os.access(full, os.R_OK | (os.X_OK if os.path.isdir(full) else 0)):
        raise CorpusError(f"{full} may not be read by you.", "Change its permissions or choose another.")
    if os.path.commonpath((os.path.realpath(full), os.path.realpath(home))) == os.path.realpath(home):
        raise CorpusError(f"{full} is Hedgerow's own folder.", "Choose text of yours.")
    return full


def check_store(home: Path, row: CorpusRow) -> None:
    """Make sure that every shard is where the ledger says.

    Raises:
        StorageError: one is gone.
    """
    for shard in row.facts.shards:
        if not os.path.exists(shard.path):
            raise StorageError(
                f"The prepared text of {row.name!r} is gone from {home / 'store'}.", "Remove it and add it again."
            )
