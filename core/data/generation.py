"""The generation manifest of a corpus: which shards it has now, and from which files they were made.

It lies beside the shards as ``generation``, encrypted, and is replaced atomically as the last step of reading; until
then the previous generation stands with all its shards. Shards that no generation names are swept afterwards. A file
is known by hash(bytes, extractor version, tokenizer hash): where that is as before, its tokens are copied from the
shards and nothing is extracted or tokenised again; where even its stamp is as before, it is not opened.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from core import vault
from core.api.errors import StorageError
from core.data.digests import Digests
from core.data.store import Shard, Tokens
from core.jobs import ReadResult

NAME = "generation"
VERSION = 1
_CONTEXT = b"generation"
_MOST_OPEN = 16
"""Shards; a mapped one counts against the limit of the address space."""


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One source file."""

    name: str
    """Hash of its path; a name may have any bytes."""
    hash: str
    """What it is known by; empty where it could not be read to its end."""
    stamp: tuple[int, ...] | None = None
    """What the file system said of it; none where it was too young to be told from its next change."""
    documents: tuple[tuple[str, int], ...] = ()
    """Digest and words of each of its documents, also where another file has the same."""
    reason: str = ""
    """Why it is set aside, or why nothing more of it can be read."""
    aside: tuple[tuple[str, str], ...] = ()
    """Parts of it that are set aside, the first few: member of an archive, if it is one, and reason."""
    aside_total: int = 0
    repeats: int = 0
    """Documents of it that are copies of others of it."""


class Generation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One state of a corpus."""

    version: int = VERSION
    number: int
    tokenizer_sha256: str
    extractor_version: int
    text_field: str = ""
    """The field or column that the owner chose."""
    sources: tuple[Source, ...]
    contents: tuple[tuple[str, ...], ...]
    """For each shard the digests of its documents, in order."""
    result: ReadResult
    languages: tuple[tuple[str, ...], ...] = ()
    """For each shard the languages of its documents, in order."""


def languages_of(generation: Generation) -> dict[str, str]:
    """Digest → language of the documents it holds."""
    found: dict[str, str] = {}
    for digests, languages in zip(generation.contents, generation.languages, strict=False):
        found.update(zip(digests, languages, strict=False))
    return found


def digests_of(generation: Generation) -> Digests:
    """The digests of all its documents: those it holds, and those that another corpus holds."""
    packed = dict.fromkeys(digest for digests in generation.contents for digest in digests)
    seen = dict.fromkeys(digest for source in generation.sources for digest, _ in source.documents)
    return Digests.of((d for d in seen if d in packed), (d for d in seen if d not in packed))


def path_hash(path: str) -> str:
    """How a source is named."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:32]


def source_hash(digest: bytes, extractor_version: int, tokenizer_sha256: str, text_field: str = "") -> str:
    """What a file is known by.

    Args:
        digest: SHA-256 of its bytes.
        extractor_version: of the code that reads it.
        tokenizer_sha256: of the tokenizer that cuts it into tokens.
        text_field: field or column that the owner chose.
    """
    made_by = extractor_version.to_bytes(4, "big") + bytes.fromhex(tokenizer_sha256) + text_field.encode()
    return hashlib.sha256(digest + made_by).hexdigest()


def load(folder: Path, key: bytes) -> Generation | None:
    """The current generation, or ``None`` if there is none or it cannot be read; then everything is read anew."""
    path = folder / NAME
    if not path.exists():
        return None
    try:
        found = msgspec.json.decode(vault.decrypt_file(path, key, _CONTEXT), type=Generation)
    except (StorageError, msgspec.MsgspecError):
        return None
    return found if found.version == VERSION and len(found.contents) == len(found.result.shards) else None


def store(folder: Path, key: bytes, generation: Generation) -> None:
    """Make this the current generation.

    Raises:
        StorageError: the disk is full; the previous generation stands.
    """
    vault.encrypt_file(folder / NAME, key, msgspec.json.encode(generation), _CONTEXT)


def sweep(folder: Path, current: Generation | None, keep: Iterable[str] = ()) -> None:
    """Remove shards that neither ``current`` names nor ``keep``, and what a killed reader left half written."""
    named = {Path(shard.path).name for shard in current.result.shards} if current else set()
    named |= {Path(path).name for path in keep}
    for path in (*folder.glob("*.shard"), *folder.glob(".*.part")):
        if path.name not in named:
            with contextlib.suppress(OSError):
                path.unlink()


class OldTokens:
    """Tokens of the documents of one or several generations, by digest; few shards are open at a time."""

    def __init__(self, generations: Sequence[Generation], key: bytes) -> None:
        self._key = key
        self._shards: list[tuple[str, int]] = []
        self._open: OrderedDict[int, Shard] = OrderedDict()
        self._places: dict[str, list[tuple[int, int]]] = {}
        for generation in generations:
            places: dict[str, list[tuple[int, int]]] = {}
            for shard, digests in zip(generation.result.shards, generation.contents, strict=True):
                for index, digest in enumerate(digests):
                    if digest not in self._places:
                        places.setdefault(digest, []).append((len(self._shards), index))
                self._shards.append((shard.path, len(digests)))
            self._places |= places

    def verify(self) -> None:
        """Read every block of every shard.

        Raises:
            StorageError: one is gone or damaged.
        """
        for number in range(len(self._shards)):
            self._shard(number).verify()

    def tokens(self, digest: str) -> Tokens:
        """All tokens of a document; one that was split for holding back is put together again.

        Raises:
            StorageError: there is no such document, or its shard is gone or damaged.
        """
        places = self._places.get(digest)
        if places is None:
            raise StorageError("A document is not in the shards.")
        return np.concatenate([self._shard(number).document(index) for number, index in places])

    def has(self, digest: str) -> bool:
        """Whether there is such a document."""
        return digest in self._places

    def _shard(self, number: int) -> Shard:
        if number in self._open:
            self._open.move_to_end(number)
            return self._open[number]
        path, documents = self._shards[number]
        shard = Shard(path, self._key)
        if shard.num_documents != documents:
            raise StorageError(f"The token shard {shard.path.name} is not the one its generation names.")
        self._open[number] = shard
        if len(self._open) > _MOST_OPEN:
            self._open.popitem(last=False)[1].close()
        return shard
