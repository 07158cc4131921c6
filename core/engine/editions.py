"""The same text in the tokens of another federation: one edition of a corpus for each tokenizer that is asked for.

The engine's own tokenizer makes the counts that are always shown. A federation with another one has its file fetched
by the hash in its signed manifest and checked, and each corpus is read once more with it, into a folder of its own
below the corpus' folder: extractor, choice and lineage are the same, only the ids differ. An edition belongs to one
state of its corpus; when that has changed, it is made again from what changed before the next round begins.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from core import vault
from core.api.errors import HedgerowError, ManifestError, StorageError
from core.config.federation import FederationConfig
from core.data.builtin import BUILTIN, builtin_tokenizer_path
from core.data.tokenizer_file import MAX_FILE_BYTES, check
from core.engine.corpora import Corpora
from core.engine.ending import end_tasks
from core.federation.gateway import Gateway
from core.jobs import ReadResult
from core.ledger.rows import CorpusRow

NAME: Final = "edition"
_CONTEXT: Final = b"edition"


class _Edition(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one reading."""

    made_of: str
    """Fingerprint of the corpus it was read from."""
    result: ReadResult


class Editions:
    """All editions of all corpora."""

    def __init__(self, home: Path, key: bytes, corpora: Corpora) -> None:
        self._home = home
        self._key = key
        self._corpora = corpora
        self._turn = asyncio.Lock()
        self._tasks: dict[Path, asyncio.Task[None]] = {}

    def tokenizer_path(self, config: FederationConfig) -> Path:
        """Where a federation's tokenizer lies, once it was fetched."""
        sha256 = config.tokenizer.sha256
        known = {digest: name for name, digest in BUILTIN.items()}
        return builtin_tokenizer_path(known[sha256]) if sha256 in known else self._home / "tokenizers" / sha256

    async def fetch(self, config: FederationConfig, gateway: Gateway) -> None:
        """Have the federation's tokenizer on the disk, its hash right and its content plain.

        Raises:
            Unreachable: nobody answers.
            CoordinatorError: the bytes are not what the hash says.
            ManifestError: it is anything but plain byte-level BPE, or too large for the model.
        """
        path = self.tokenizer_path(config)
        if config.tokenizer.sha256 in BUILTIN.values():
            return
        await asyncio.to_thread(path.parent.mkdir, mode=0o700, parents=True, exist_ok=True)
        await gateway.fetch_blob(config.tokenizer.sha256, path.parent, MAX_FILE_BYTES)
        parts = await asyncio.to_thread(lambda: check(path.read_bytes(), "of this federation"))
        if parts.vocab_size > config.model.vocab_size:
            raise ManifestError("The federation's tokenizer has more tokens than its model.", "Ask its operator.")

    def row(self, row: CorpusRow, config: FederationConfig) -> CorpusRow | None:
        """A corpus with counts and shards in this federation's tokens; ``None`` until ``prepare`` has made them."""
        if config.tokenizer.sha256 == self._corpora.tokenizer_sha256:
            return row
        found = self._load(self._folder(row, config))
        if found is None or found.made_of != self._made_of(row, config):
            return None
        if not all(os.path.exists(shard.path) for shard in found.result.shards):
            return None
        result = found.result
        facts = msgspec.structs.replace(
            row.facts, shards=result.shards, records=result.records, tokens=result.tokens,
            held_out_tokens=result.held_out_tokens,
        )  # fmt: skip
        return msgspec.structs.replace(row, facts=facts)

    async def prepare(
        self, rows: Iterable[CorpusRow], config: FederationConfig, timeout_s: float | None = None
    ) -> None:
        """Read what is not there yet, one corpus after the other; after ``timeout_s`` that goes on by itself.

        Raises:
            CorpusError: a corpus gives no text.
            ChildDied: the reader ended; call again.
        """
        wanted = sorted(rows, key=lambda row: len(self._corpora.readers.before(row)))
        for _ in range(len(wanted) + 1):  # an edition that is made anew has those after it made anew
            tasks = [
                self._started(row, config)
                for row in wanted
                if row.facts.state == "ready" and row.facts.shards and self.row(row, config) is None
            ]
            if not tasks:
                return
            done, going_on = await asyncio.wait(tasks, timeout=timeout_s)
            for task in done:
                if not task.cancelled() and (error := task.exception()) is not None:
                    raise error
            if going_on:
                return

    def _started(self, row: CorpusRow, config: FederationConfig) -> asyncio.Task[None]:
        """The reading of one edition, begun if it is not under way."""
        folder = self._folder(row, config)
        if folder not in self._tasks:
            task = self._tasks[folder] = asyncio.create_task(self._read(row, config, folder))
            task.add_done_callback(lambda _: self._tasks.pop(folder, None))
        return self._tasks[folder]

    async def close(self) -> None:
        """End all readings; they begin anew when asked for."""
        await end_tasks(self._tasks.values())

    async def _read(self, row: CorpusRow, config: FederationConfig, folder: Path) -> None:
        readers = self._corpora.readers
        async with self._turn:
            made_of = self._made_of(row, config)
            result = await readers.read(row, folder, (self.tokenizer_path(config), config.tokenizer.sha256))
            # The files may have changed since the corpus was read: what can be trained on has its lineage first.
            await readers.bind(row, result)
            raw = msgspec.json.encode(_Edition(made_of=made_of, result=result))
            await asyncio.to_thread(vault.encrypt_file, folder / NAME, self._key, raw, _CONTEXT)

    def _made_of(self, row: CorpusRow, config: FederationConfig) -> str:
        """Of what an edition was made from: the corpus, and the editions whose documents it leaves out."""
        shards = list(row.facts.shards)
        for other in self._corpora.readers.before(row):
            found = self._load(self._folder(other, config))
            shards += found.result.shards if found is not None else ()
        return hashlib.sha256("".join(shard.sha256 for shard in shards).encode()).hexdigest()

    def _folder(self, row: CorpusRow, config: FederationConfig) -> Path:
        return self._home / "store" / row.corpus_id / config.tokenizer.sha256[:16]

    def _load(self, folder: Path) -> _Edition | None:
        try:
            raw = vault.decrypt_file(folder / NAME, self._key, _CONTEXT)
            return msgspec.json.decode(raw, type=_Edition)
        except (HedgerowError, msgspec.MsgspecError):
            return None  # made again from the files, which are the truth


def check_edition(row: CorpusRow | None, name: str) -> CorpusRow:
    """The corpus in this federation's tokens.

    Raises:
        StorageError: it was not prepared.
    """
    if row is None:
        raise StorageError(f"{name} is not read with this federation's tokenizer yet.", "It is read before the round.")
    return row
