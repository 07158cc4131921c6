"""From documents to shards: exact copies count once, some text is held back, shards fill up and are written.

Held out are documents, chosen by a keyed hash, about one in twenty; a corpus of fewer than twenty documents holds back
the last twentieth of each one instead, as a document of its own. So does a document that was chosen but makes up much
of the corpus. The choice depends on the store key and the document alone: what was held out stays so in every
generation, and also when the corpus is removed and added again. Memory is bounded by one shard and twenty documents.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Container
from pathlib import Path
from typing import NamedTuple

from core import vault
from core.api.errors import CorpusError
from core.data import extract
from core.data.language import SAMPLE_CHARACTERS, language
from core.data.store import Document, ShardFacts, write_shard
from core.data.stream import MIN_RECORD_TOKENS
from core.data.tally import Tally
from core.data.tokenizer import Tokenizer, Tokens

HELD_OUT_ONE_IN = 20
SHARD_TOKENS = 8 << 20
RECORD_TOKENS = 128
"""Length at which records are counted for the owner."""
MAX_DOCUMENTS = 500_000
"""What is known of each is held in memory."""
_LARGE_SHARE = 10
"""A document above one part in so many of the corpus is never held out whole."""


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

    digest: str
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
        elsewhere: Container[str] = frozenset(),
    ) -> None:
        self._folder = folder
        self._key = key
        self._tokenizer = tokenizer
        self._large = corpus_bytes // _LARGE_SHARE
        self._digest_key = vault.derive(key, b"lineage-sketch")
        self._choice_key = vault.derive(key, b"held-out")
        self._early: list[Document] = []
        self._many = False
        self._training: list[Document] = []
        self._held_out: list[Document] = []
        self._pending = 0
        self._elsewhere = elsewhere
        self.digests: dict[str, None] = {}
        self.dropped: dict[str, None] = {}
        """Digests of documents that another corpus has."""
        self.shards: list[ShardFacts] = []
        self.contents: list[tuple[str, ...]] = []
        """For each shard the digests of its documents, in order."""
        self.languages: dict[str, str] = {}
        """Digest → language of documents; those known before may be put in, the others are looked at."""
        self.tally = Tally()
        self.totals = Totals(0, 0, 0, 0, 0, 0)

    def identify(self, text: str, between: Callable[[], None] = lambda: None) -> Identity:
        """Digest and words of a document; ``between`` is called often and may raise to stop."""
        digest = hmac.new(self._digest_key, digestmod=hashlib.sha256)
        for part in extract.normal_form(text, between):
            digest.update(part.encode())
        return Identity(digest.hexdigest(), extract.count_words(text))

    def knows(self, digest: str) -> bool:
        """Whether a document needs no packing: it was packed before, or another corpus has it."""
        if digest in self.digests or digest in self.dropped:
            return True
        if digest in self._elsewhere:
            self.dropped[digest] = None
            return True
        return False

    def add(self, text: str, between: Callable[[], None] = lambda: None) -> bool:
        """Pack one document; False if an exact copy was packed before, here or in another corpus.

        Args:
            text: without lone surrogates.
            between: called often; may raise to stop, and the document is then not packed.

        Raises:
            CorpusError: there are too many documents.
            StorageError: a full shard could not be written.
        """
        identity = self.identify(text, between)
        if self.knows(identity.digest):
            return False
        return self.add_tokens(identity, self._tokenizer.encode(text, between))

    def add_tokens(self, identity: Identity, tokens: Tokens) -> bool:
        """Pack one document whose tokens are known; see ``add``."""
        if self.knows(identity.digest):
            return False
        if len(self.digests) >= MAX_DOCUMENTS:
            raise CorpusError(
                f"There are more than {MAX_DOCUMENTS:,} documents.", "Add parts of the folder as several corpora."
            )
        document = self.document(tokens, identity)
        self.digests[identity.digest] = None
        self.tally.add(self._language(identity.digest, tokens), document.text_bytes)
        t = self.totals
        self.totals = t._replace(
            documents=t.documents + 1, tokens=t.tokens + len(tokens), text_bytes=t.text_bytes + document.text_bytes,
            words=t.words + identity.words,
        )  # fmt: skip
        if self._many:
            self._place(document, self._choice(document) % HELD_OUT_ONE_IN == 0)
            return True
        self._early.append(document)
        if len(self._early) == HELD_OUT_ONE_IN:
            self._many = True
            lowest = min(self._early, key=self._choice).digest
            for early in self._early:
                self._place(early, early.digest == lowest)
            self._early = []
        return True

    def document(self, tokens: Tokens, identity: Identity) -> Document:
        """A document on its way into a shard."""
        return self._part(tokens, identity.digest)

    def _language(self, digest: str, tokens: Tokens) -> str:
        if digest not in self.languages:
            half = SAMPLE_CHARACTERS // 4  # a token is two characters or more, in most text
            parts = [tokens] if len(tokens) <= 2 * half else [tokens[:half], tokens[len(tokens) // 2 :][:half]]
            self.languages[digest] = language(" ".join(self._tokenizer.decode(part) for part in parts))
        return self.languages[digest]

    def _choice(self, document: Document) -> int:
        raw = hmac.new(self._choice_key, document.digest.encode(), hashlib.sha256).digest()
        return int.from_bytes(raw[:8], "big")

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
                self._put(self._part(tokens, document.digest), held_out)

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
        if self._pending >= SHARD_TOKENS:
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
        self.contents.append(tuple(document.digest for document in (*self._training, *self._held_out)))
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

    def _part(self, tokens: Tokens, digest: str) -> Document:
        return Document(tokens, int(self._tokenizer.byte_lengths[tokens].sum()), digest)
