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
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from core import vault
from core.api.errors import StorageError
from core.data.digests import Digests
from core.data.roll import DIGEST_BYTES, Roll, numbers
from core.jobs import ReadResult

NAME = "generation"
VERSION = 2
_CONTEXT = b"generation"


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One source file."""

    name: bytes
    """Hash of its path; a name may have any bytes."""
    hash: bytes = b""
    """What it is known by; empty where it could not be read to its end."""
    stamp: bytes = b""
    """What the file system said of it; empty where it was too young to be told from its next change."""
    choice: bytes = b""
    """What its members were chosen by, if it is an archive or is called one; see ``Surveyor.choice``."""
    documents: bytes = b""
    """Numbers of its documents on the roll, each once, also where another file has the same."""
    reason: str = ""
    """Why it is set aside, or why nothing more of it can be read."""
    aside: tuple[tuple[str, str], ...] = ()
    """Parts of it that are set aside, the first few: member of an archive, if it is one, and reason."""
    aside_total: int = 0
    repeats: int = 0
    """Documents of it that are copies of others of it."""


class Generation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One state of a corpus. Numbers are little-endian and have 32 bits."""

    version: int = VERSION
    number: int
    tokenizer_sha256: str
    extractor_version: int
    text_field: str = ""
    """The field or column that the owner chose."""
    digests: bytes
    """The roll: the digest of each document, also of those that another corpus holds."""
    words: bytes
    languages: bytes
    language_names: tuple[str, ...]
    contents: tuple[bytes, ...]
    """For each shard the numbers of its documents, in order."""
    sources: tuple[Source, ...]
    result: ReadResult

    def roll(self) -> Roll:
        """Its documents."""
        return Roll(self.digests, self.words, self.languages, self.language_names)

    def held(self) -> NDArray[np.bool_]:
        """Which documents of the roll are in its shards; the others are in another corpus."""
        found = np.zeros(len(self.digests) // DIGEST_BYTES, dtype=np.bool_)
        for part in self.contents:
            found[numbers(part)] = True
        return found


def digests_of(generation: Generation) -> Digests:
    """The digests of all its documents: those it holds, and those that another corpus holds."""
    everything, held = np.frombuffer(generation.digests, dtype=f"S{DIGEST_BYTES}"), generation.held()
    return Digests.of(everything[held], everything[~held])


def path_hash(path: str) -> str:
    """How a source is named, in hexadecimal."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:32]


def source_hash(digest: bytes, extractor_version: int, tokenizer_sha256: str, text_field: str = "") -> bytes:
    """What a file is known by.

    Args:
        digest: SHA-256 of its bytes.
        extractor_version: of the code that reads it.
        tokenizer_sha256: of the tokenizer that cuts it into tokens.
        text_field: field or column that the owner chose.
    """
    made_by = extractor_version.to_bytes(4, "big") + bytes.fromhex(tokenizer_sha256) + text_field.encode()
    return hashlib.sha256(digest + made_by).digest()


def encode(generation: Generation) -> bytes:
    """As it is stored, before it is encrypted."""
    return msgspec.msgpack.encode(generation)


def decode(raw: bytes) -> Generation:
    """What ``encode`` made.

    Raises:
        StorageError: it is of another version, or its parts do not go together.
    """
    try:
        found = msgspec.msgpack.decode(raw, type=Generation)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StorageError("The list of what was read has another form.", "Everything is read anew.") from error
    if found.version != VERSION or len(found.contents) != len(found.result.shards):
        raise StorageError("The list of what was read has another form.", "Everything is read anew.")
    return found


def load(folder: Path, key: bytes) -> Generation | None:
    """The current generation, or ``None`` if there is none or it cannot be read; then everything is read anew."""
    path = folder / NAME
    if not path.exists():
        return None
    try:
        return decode(vault.decrypt_file(path, key, _CONTEXT))
    except StorageError:
        return None


def store(folder: Path, key: bytes, generation: Generation) -> None:
    """Make this the current generation.

    Raises:
        StorageError: the disk is full; the previous generation stands.
    """
    vault.encrypt_file(folder / NAME, key, encode(generation), _CONTEXT)


def sweep(folder: Path, keep: Iterable[str]) -> None:
    """Remove all shards but those at the paths ``keep``, and what a killed reader left half written."""
    named = {Path(path).name for path in keep}
    for path in (*folder.glob("*.shard"), *folder.glob(".*.part")):
        if path.name not in named:
            with contextlib.suppress(OSError):
                path.unlink()
