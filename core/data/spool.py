"""What an unfinished reading has tokenised, so that a reader that is started again goes on instead of anew.

Every few seconds the files read since are written as one shard and one small manifest beside the real ones, both
encrypted. The next reader copies tokens from them as it does from the last generation. They are gone as soon as a
generation is complete; until then they take the room of the tokens once more. A crash costs the last few seconds.
"""

from __future__ import annotations

import contextlib
import functools
import time
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from core import vault
from core.api.errors import StorageError
from core.data import generation
from core.data.generation import Generation, Source
from core.data.roll import Numbers, Roll, first_of_each, numbers
from core.data.store import Document, write_shard
from core.data.tokenizer import Tokenizer
from core.jobs import ReadResult, ShardRef

FLUSH_TOKENS: Final = 2 << 20
FLUSH_DOCUMENTS: Final = 1 << 17
FLUSH_S: Final = 10.0
_PATTERN: Final = f"spool-{'[0-9]' * 8}"
_CONTEXT: Final = b"spool"


class Spool:
    """Collects finished files and writes them down.

    Args:
        folder: that of the shards.
        key: the store key.
        tokenizer: the federation's.
        made_by: extractor version and text field.
        roll: gives the documents their numbers.
    """

    def __init__(self, folder: Path, key: bytes, tokenizer: Tokenizer, made_by: tuple[int, str], roll: Roll) -> None:
        self._folder = folder
        self._key = key
        self._tokenizer = tokenizer
        self._made_by = made_by
        self._roll = roll
        self._sources: list[Source] = []
        self._documents: list[Document] = []
        self._tokens = 0
        self._flushed_at = time.monotonic()
        self._full = False
        self._number = max((int(path.name[6:]) for path in folder.glob(_PATTERN)), default=0)

    def hold(self, document: Document) -> None:
        """One document of the file at work is tokenised."""
        if len(document.tokens):
            self._documents.append(document)
            self._tokens += len(document.tokens)
        if self._tokens >= FLUSH_TOKENS or len(self._documents) >= FLUSH_DOCUMENTS:
            self.flush()

    def finish(self, source: Source) -> None:
        """That file is read to its end, or as far as it can be."""
        self._sources.append(source)
        if self._tokens >= FLUSH_TOKENS or time.monotonic() - self._flushed_at >= FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Write down what was collected; on a full disk nothing more is, which costs a later reader its time."""
        sources, documents = tuple(self._sources), self._documents
        self._sources, self._documents, self._tokens = [], [], 0
        self._flushed_at = time.monotonic()
        if self._full:
            return
        try:
            self._write(sources, documents)
        except StorageError:
            self._full = True

    def _write(self, sources: tuple[Source, ...], documents: list[Document]) -> None:
        extractor_version, text_field = self._made_by
        facts = write_shard(
            self._folder, self._key, documents, [], end_of_text=self._tokenizer.end_of_text,
            tokenizer_sha256=self._tokenizer.sha256, extractor_version=extractor_version, dtype=self._tokenizer.dtype,
        )  # fmt: skip
        shard = ShardRef(
            path=facts.path, sha256=facts.sha256, tokens=facts.tokens, documents=facts.documents,
            text_bytes=facts.text_bytes,
        )  # fmt: skip
        result = ReadResult(
            shards=(shard,), documents=0, records=0, tokens=0, text_bytes=0, words=0, held_out_tokens=0,
            skipped_total=0,
        )  # fmt: skip
        placed = np.array([document.number for document in documents], dtype=np.uint32)
        named = np.concatenate([placed, *(numbers(source.documents) for source in sources)])
        mine = np.sort(named[first_of_each(named)])
        here = functools.partial(_renumbered, mine)
        columns = self._roll.columns(mine)
        part = Generation(
            number=0, tokenizer_sha256=self._tokenizer.sha256, extractor_version=extractor_version,
            text_field=text_field, result=result, contents=(here(placed),),
            sources=tuple(msgspec.structs.replace(s, documents=here(numbers(s.documents))) for s in sources),
            digests=columns.digests, words=columns.words, languages=columns.languages, language_names=columns.names,
        )  # fmt: skip
        self._number += 1
        path = self._folder / f"spool-{self._number:08}"
        vault.encrypt_file(path, self._key, generation.encode(part), _CONTEXT)


def _renumbered(mine: Numbers, documents: Numbers) -> bytes:
    """Numbers on the roll of a part, on which only ``mine`` are."""
    return np.searchsorted(mine, documents).astype(np.uint32).tobytes()


def load(folder: Path, key: bytes) -> list[Generation]:
    """What an unfinished reading left, oldest first; a part that cannot be read is as if it were not there."""
    found = []
    for path in sorted(folder.glob(_PATTERN)):
        with contextlib.suppress(StorageError):
            found.append(generation.decode(vault.decrypt_file(path, key, _CONTEXT)))
    return found


def clear(folder: Path) -> None:
    """The reading is complete, or given up."""
    for path in folder.glob(_PATTERN):
        with contextlib.suppress(OSError):
            path.unlink()
