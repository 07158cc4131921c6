"""From documents to shards: exact copies count once, some text is held back, shards fill up and are written.

Held out are documents, chosen by a keyed hash, about one in twenty; a corpus of fewer than twenty documents holds back
the last twentieth of each one instead, as a document of its own. So does a document that was chosen but makes up much
of the corpus. The choice depends on the store key and the document alone: what was held out stays so in every
generation, and also when the corpus is removed and added again. Memory is bounded by one shard and twenty documents.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
from array import array
from collections.abc import Callable, Container
from pathlib import Path
from typing import NamedTuple

from core import vault
from core.api.errors import CorpusError
from core.data import extract
from core.data.language import SAMPLE_CHARACTERS, language
from core.data.roll import NOBODY, Roll
from core.data.store import Document, ShardFacts, write_shard
from core.data.stream import MIN_RECORD_TOKENS
from core.data.tally import Tally
from core.data.tokenizer import Tokenizer, Tokens

HELD_OUT_ONE_IN = 20
SHARD_TOKENS = 8 << 20
RECORD_TOKENS = 128
"""Length at which records are counted for the owner."""
SHARD_DOCUMENTS = 1 << 18
"""Of very short documents a shard is full sooner: until it is written each costs memory whatever its length."""
MAX_DOCUMENTS = 5_000_000
"""What is known of each is held in memory; see ``core.data.roll``."""
_LARGE_SHARE = 10
"""A document above one part in so many of the corpus is never held out whole."""


class TooMany(Exception):
    """A corpus has all the documents that it can have."""


class Totals(NamedTuple):
    """Sums over everything packed so far."""

    documents: int
    records: int
    tokens: int
    text_bytes: int
    words: int
    held_out_tokens: int


class Identity(NamedTuple):
    """What is known of a document without its text."""

    digest: bytes
    """Keyed, of its normal form: independent of extractor and tokenizer."""
    words: int


class Packer:
    """Takes documents one by one and writes shards.

    Args:
        folder: where shards go.
        key: the store key.
        tokenizer: the federation's.
        corpus_bytes: about how much text will come, to tell which documents are large; 0 where that is not known.
        elsewhere: digests of documents that other corpora have; they are noted and not packed.
    """

    def __init__(
        self,
        folder: Path,
        key: bytes,
        tokenizer: Tokenizer,
        corpus_bytes: int = 0,
        elsewhere: Container[bytes] = frozenset(),
    ) -> None:
        self._folder = folder
        self._key = key
        self._tokenizer = tokenizer
        self._large = corpus_bytes // _LARGE_SHARE
        self._digest = hmac.new(vault.derive(key, b"lineage-sketch"), digestmod=hashlib.sha256)
        self._choice_key = vault.derive(key, b"held-out")
        self._early: list[Document] = []
        self._many = False
        self._training: list[Document] = []
        self._held_out: list[Document] = []
        self._pending = 0
        self._elsewhere = elsewhere
        self.roll = Roll()
        """Every document that was packed or dropped."""
        self._dropped = bytearray()
        """For each document of the roll whether another corpus has it."""
        self.dropped = 0
        self.shards: list[ShardFacts] = []
        self.contents: list[bytes] = []
        """For each shard the numbers of its documents on the roll, in order."""
        self.tally = Tally()
        self.totals = Totals(0, 0, 0, 0, 0, 0)

    def identify(self, text: str, between: Callable[[], None] = lambda: None) -> Identity:
        """Digest and words of a document; ``between`` is called often and may raise to stop."""
        digest = self._digest.copy()
        for part in extract.normal_form(text, between):
            digest.update(part.encode())
        return Identity(digest.digest(), extract.count_words(text))

    @property
    def full(self) -> bool:
        """Whether no other document can be taken."""
        return len(self.roll) >= MAX_DOCUMENTS

    def drops(self, number: int) -> bool:
        """Whether this document of the roll is not packed, because another corpus has it."""
        return bool(self._dropped[number])

    def known(self, identity: Identity) -> int:
        """Number of a document that needs no packing, as it was packed before or another corpus has it; or ``NOBODY``.

        Raises:
            TooMany: another corpus has it, and not even that can be noted.
        """
        number = self.roll.find(identity.digest)
        if number == NOBODY and identity.digest in self._elsewhere:
            number = self._enter(identity, dropped=True)
            self.dropped += 1
        return number

    def add(self, text: str, between: Callable[[], None] = lambda: None) -> bool:
        """Pack one document; False if an exact copy was packed before, here or in another corpus.

        Args:
            text: without lone surrogates.
            between: called often; may raise to stop, and the document is then not packed.

        Raises:
            TooMany: no other document can be taken.
            StorageError: a full shard could not be written.
        """
        identity = self.identify(text, between)
        if self.known(identity) != NOBODY:
            return False
        self.pack(identity, self._tokenizer.encode(text, between))
        return True

    def pack(self, identity: Identity, tokens: Tokens, language: str | None = None) -> Document:
        """Pack one document that is not known, and whose tokens are; its language is looked at unless it is given.

        Raises:
            TooMany: no other document can be taken.
            StorageError: a full shard could not be written.
        """
        language = self._language(tokens) if language is None else language
        document = self._part(tokens, len(self.roll))
        self.roll.set_language(self._enter(identity, dropped=False), language)
        self.tally.add(language, document.text_bytes)
        t = self.totals
        self.totals = t._replace(
            documents=t.documents + 1, tokens=t.tokens + len(tokens), text_bytes=t.text_bytes + document.text_bytes,
            words=t.words + identity.words,
        )  # fmt: skip
        if self._many:
            self._place(document, self._choice(document) % HELD_OUT_ONE_IN == 0)
            return document
        self._early.append(document)
        if len(self._early) == HELD_OUT_ONE_IN:
            self._many = True
            lowest = min(self._early, key=self._choice)
            for early in self._early:
                self._place(early, early is lowest)
            self._early = []
        return document

    def _enter(self, identity: Identity, dropped: bool) -> int:
        if self.full:
            raise TooMany(f"more than {MAX_DOCUMENTS:,} documents")
        self._dropped.append(dropped)
        return self.roll.enter(identity.digest, identity.words)

    def _language(self, tokens: Tokens) -> str:
        half = SAMPLE_CHARACTERS // 4  # a token is two characters or more, in most text
        parts = [tokens] if len(tokens) <= 2 * half else [tokens[:half], tokens[len(tokens) // 2 :][:half]]
        return language(" ".join(self._tokenizer.decode(part) for part in parts))

    def _choice(self, document: Document) -> int:
        digest = self.roll.digest(document.number).hex().encode()
        return int.from_bytes(hmac.digest(self._choice_key, digest, "sha256")[:8], "big")

    def _place(self, document: Document, held_out: bool) -> None:
        if held_out and self._large and document.text_bytes > self._large:
            self._split(document)
        elif len(document.tokens):
            self._put(document, held_out)

    def _split(self, document: Document) -> None:
        """Hold back the last twentieth, unless that is too little to be worth it."""
        cut = len(document.tokens) - len(document.tokens) // HELD_OUT_ONE_IN
        if len(document.tokens) - cut < MIN_RECORD_TOKENS:
            cut = len(document.tokens)
        for tokens, held_out in ((document.tokens[:cut], False), (document.tokens[cut:], True)):
            if len(tokens):
                self._put(self._part(tokens, document.number), held_out)

    def _put(self, document: Document, held_out: bool) -> None:
        size = len(document.tokens)
        (self._held_out if held_out else self._training).append(document)
        t = self.totals
        if held_out:
            self.totals = t._replace(held_out_tokens=t.held_out_tokens + size)
        else:
            full, rest = divmod(size, RECORD_TOKENS)
            self.totals = t._replace(records=t.records + full + (rest >= MIN_RECORD_TOKENS))
        self._pending += size
        if self._pending >= SHARD_TOKENS or len(self._training) + len(self._held_out) >= SHARD_DOCUMENTS:
            self._write()

    def _write(self) -> None:
        if not self._pending:
            return
        try:
            facts = write_shard(
                self._folder,
                self._key,
                self._training,
                self._held_out,
                end_of_text=self._tokenizer.end_of_text,
                tokenizer_sha256=self._tokenizer.sha256,
                extractor_version=extract.VERSION,
                dtype=self._tokenizer.dtype,
            )
        except MemoryError as error:
            raise CorpusError(
                "The reader may use too little memory to write what it read.", "Add less text."
            ) from error
        self.shards.append(facts)
        documents = itertools.chain(self._training, self._held_out)
        self.contents.append(array("I", (document.number for document in documents)).tobytes())
        self._training, self._held_out, self._pending = [], [], 0

    def finish(self) -> list[ShardFacts]:
        """Write what is left and return all shards.

        Raises:
            StorageError: the disk is full.
        """
        for document in self._early:
            self._split(document)
        self._early = []
        self._write()
        return self.shards

    def _part(self, tokens: Tokens, number: int) -> Document:
        return Document(tokens, int(self._tokenizer.byte_lengths[tokens].sum()), number)
