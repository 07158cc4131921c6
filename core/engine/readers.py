"""Reading the owner's text in a child: the job that follows from a corpus, what is heard meanwhile, and its lineage.

Corpora and their editions are read alike; only the folder and the tokenizer differ. A reader that dies over a file is
started again without it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from core.api.errors import CorpusError
from core.data import digests
from core.engine import generations
from core.engine.blame import Blame
from core.engine.children import Child, ChildDied
from core.engine.config_store import ConfigStore
from core.jobs import ReadJob, ReadProgress, ReadResult, Ready, Skipped, Up
from core.ledger.rows import CorpusFacts, CorpusRow
from core.ledger.store import Ledger

READER: Final = "core.data.reader"
MAX_KEPT_SKIPPED = 200
BIND_BATCH = 5_000


class Heard:
    """What a reader has said so far."""

    def __init__(self) -> None:
        self.facts = CorpusFacts()
        self.progress: ReadProgress | None = None
        self.sandbox = ""
        self._skipped: list[tuple[str, str]] = []

    def take(self, message: Up) -> None:
        """Hear one message; a reader that was started again begins anew."""
        match message:
            case Ready():
                self.sandbox, self.facts, self._skipped = message.sandbox, CorpusFacts(), []
            case ReadProgress():
                self.progress = message
                self.facts = msgspec.structs.replace(
                    self.facts, files_done=message.files_done, files_total=message.files_total,
                    text_bytes=message.text_bytes, tokens=message.tokens,
                )  # fmt: skip
            case Skipped():
                if len(self._skipped) < MAX_KEPT_SKIPPED:
                    self._skipped.append((message.path, message.reason))
                total = self.facts.skipped_total + 1
                self.facts = msgspec.structs.replace(self.facts, skipped=tuple(self._skipped), skipped_total=total)


class Readers:
    """Starts reader children."""

    def __init__(self, home: Path, ledger: Ledger, key: bytes, config: ConfigStore) -> None:
        self._home = home
        self._ledger = ledger
        self._key = key
        self._config = config

    async def read(
        self,
        row: CorpusRow,
        folder: Path,
        tokenizer: tuple[Path, str],
        *,
        glance: bool = False,
        hear: Callable[[Up], None] = lambda _: None,
    ) -> ReadResult:
        """Read one corpus into a folder, without the files that kill a reader.

        Args:
            row: the corpus.
            folder: of its shards, or of those of an edition.
            tokenizer: its file and the hash of that.
            glance: only look whether a file changed.
            hear: told of every message.

        Raises:
            CorpusError: a path is not there, or there is nothing usable.
            ChildDied: it died more often than that may happen.
            StorageError: the disk is full.
        """
        await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        blame = Blame(folder)
        while True:
            job = msgspec.structs.replace(self._job(row, folder, tokenizer), glance=glance, excluded=blame.excluded)
            try:
                result = await self._once(job, hear)
                break
            except ChildDied as error:
                if not blame.may_try_again(error):
                    raise
        if not result.shards or not result.records:
            raise CorpusError(f"{row.name} holds no text that can be used.", "Choose a folder with text files.")
        return result

    def _job(self, row: CorpusRow, folder: Path, tokenizer: tuple[Path, str]) -> ReadJob:
        choice = row.choice
        return ReadJob(
            corpus_id=row.corpus_id,
            paths=row.paths,
            store_dir=str(folder),
            tokenizer_path=str(tokenizer[0]),
            tokenizer_sha256=tokenizer[1],
            include=choice.include,
            exclude=choice.exclude,
            hidden=choice.hidden,
            generated=choice.generated,
            text_field=choice.text_field,
            elsewhere=self._elsewhere(row, folder),
            keep=tuple({shard.path for shard in row.facts.shards} | generations.pinned(self._ledger)),
        )

    def _elsewhere(self, row: CorpusRow, folder: Path) -> tuple[str, ...]:
        """Digest files of the corpora that were added before, and for an edition those of their editions."""
        homes = [self._home / "store" / other.corpus_id for other in self.before(row)]
        if folder.name != row.corpus_id:
            homes += [home / folder.name for home in homes]
        return tuple(str(home / digests.NAME) for home in homes if (home / digests.NAME).exists())

    def before(self, row: CorpusRow) -> list[CorpusRow]:
        """The corpora that were added before this one; what they hold is not packed again."""
        there = (other for other in self._ledger.corpora() if other.removed_at is None)
        return list(itertools.takewhile(lambda other: other.corpus_id != row.corpus_id, there))

    async def _once(self, job: ReadJob, hear: Callable[[Up], None]) -> ReadResult:
        child = await Child.start(
            READER,
            job,
            key=self._key,
            interpreter=self._config.node.worker_interpreter,
            log_path=self._home / "logs" / "reader.log",
        )
        result: ReadResult | None = None
        try:
            async for message in child.messages():
                hear(message)
                if isinstance(message, ReadResult):
                    result = message
        finally:
            await child.kill()
        if result is None:
            raise ChildDied("The reader ended without a result.", "It is started again.")
        return result

    async def bind(self, row: CorpusRow, result: ReadResult) -> None:
        """Tie what was read to its lineage: text that can be trained on must already have its budget's identity.

        Raises:
            StorageError: the reader's list of digests is damaged.
        """
        for batch in digests.batches(result.digests_path, self._key, BIND_BATCH):  # so that nobody waits long
            self._ledger.bind_lineage(row.corpus_id, batch)
            await asyncio.sleep(0)
