"""From documents to shards: exact copies count once, some text is held back, shards fill up and are written.

Held out are documents, chosen by a keyed hash, about one in twenty; a corpus of fewer than twenty documents holds back
the last twentieth of each one instead, as a document of its own. Memory is bounded by one shard.
"""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import NamedTuple

from core import vault
from core.data import extract
from core.data.store import Document, ShardFacts, Tokens, write_shard
from core.data.stream import MIN_RECORD_TOKENS
from core.data.tokenizer import Tokenizer

HELD_OUT_ONE_IN = 20
SHARD_TOKENS = 8 << 20
RECORD_TOKENS = 128
"""Length at which records are counted for the owner."""


class Totals(NamedTuple):
    """Sums over everything packed so far."""

    documents: int
    records: int
    tokens: int
    text_bytes: int
    words: int
    held_out_tokens: int


class Packer:
    """Takes documents one by one and writes shards.

    Args:
        folder: where shards go.
        key: the store key.
        tokenizer: the federation's.
    """

    def __init__(self, folder: Path, key: bytes, tokenizer: Tokenizer) -> None:
        self._folder = folder
        self._key = key
        self._tokenizer = tokenizer
        self._digest_key = vault.derive(key, b"lineage-sketch")
        self._choice_key = vault.derive(key, b"held-out")
        self._early: list[tuple[bytes, Document]] = []
        self._many = False
        self._training: list[Document] = []
        self._held_out: list[Document] = []
        self._pending = 0
        self.digests: dict[str, None] = {}
        self.shards: list[ShardFacts] = []
        self.totals = Totals(0, 0, 0, 0, 0, 0)

    def add(self, text: str) -> bool:
        """Pack one document; False if an exact copy was packed before.

        Raises:
            StorageError: a full shard could not be written.
        """
        raw = text.encode("utf-8", "replace")
        normal = " ".join(text.split()).encode("utf-8", "replace")
        digest = hmac.new(self._digest_key, normal, hashlib.sha256).hexdigest()
        if digest in self.digests:
            return False
        self.digests[digest] = None
        document = Document(self._tokenizer.encode(raw.decode()).astype(self._tokenizer.dtype), len(raw))
        t = self.totals
        self.totals = t._replace(
            documents=t.documents + 1, tokens=t.tokens + len(document.tokens), text_bytes=t.text_bytes + len(raw),
            words=t.words + len(text.split()),
        )  # fmt: skip
        choice = hmac.new(self._choice_key, normal, hashlib.sha256).digest()
        if self._many:
            self._place(document, self._is_held_out(choice))
            return True
        self._early.append((choice, document))
        if len(self._early) == HELD_OUT_ONE_IN:
            self._many = True
            lowest = min(choice for choice, _ in self._early)
            for choice, early in self._early:
                self._place(early, choice == lowest)
            self._early = []
        return True

    def _is_held_out(self, choice: bytes) -> bool:
        return int.from_bytes(choice[:8], "big") % HELD_OUT_ONE_IN == 0

    def _place(self, document: Document, held_out: bool) -> None:
        size = len(document.tokens)
        (self._held_out if held_out else self._training).append(document)
        t = self.totals
        if held_out:
            self.totals = t._replace(held_out_tokens=t.held_out_tokens + size)
        else:
            full, rest = divmod(size, RECORD_TOKENS)
            self.totals = t._replace(records=t.records + full + (rest >= MIN_RECORD_TOKENS))
        self._pending += size
        if self._pending >= SHARD_TOKENS:
            self._write()

    def _write(self) -> None:
        if not self._pending:
            return
        self.shards.append(
            write_shard(
                self._folder,
                self._key,
                self._training,
                self._held_out,
                end_of_text=self._tokenizer.end_of_text,
                tokenizer_sha256=self._tokenizer.sha256,
                extractor_version=extract.VERSION,
                dtype=self._tokenizer.dtype,
            )
        )
        self._training, self._held_out, self._pending = [], [], 0

    def finish(self) -> list[ShardFacts]:
        """Write what is left and return all shards.

        Raises:
            StorageError: the disk is full.
        """
        for _, document in self._early:
            cut = len(document.tokens) - len(document.tokens) // HELD_OUT_ONE_IN
            head, tail = document.tokens[:cut], document.tokens[cut:]
            self._place(self._part(head), False)
            if len(tail) >= MIN_RECORD_TOKENS:
                self._place(self._part(tail), True)
        self._early = []
        self._write()
        return self.shards

    def _part(self, tokens: Tokens) -> Document:
        return Document(tokens, int(self._tokenizer.byte_lengths[tokens].sum()))
