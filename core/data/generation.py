"""The generation manifest of a corpus: which shards it has now, and from which files they were made.

It lies beside the shards as ``generation``, encrypted, and is replaced atomically as the last step of reading; until
then the previous generation stands with all its shards. Shards that no generation names are swept afterwards. A file
is known by hash(bytes, extractor version, tokenizer hash); when all are as before, nothing is read again.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

import msgspec

from core import vault
from core.api.errors import StorageError
from core.jobs import ReadResult

NAME = "generation"
_CONTEXT = b"generation"


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """One state of a corpus."""

    version: int = 1
    number: int
    tokenizer_sha256: str
    sources: tuple[str, ...]
    """Hashes of the source files, in order."""
    result: ReadResult


def source_hash(data: bytes, extractor_version: int, tokenizer_sha256: str) -> str:
    """What a file is known by."""
    digest = hashlib.sha256(data).digest()
    return hashlib.sha256(digest + extractor_version.to_bytes(4, "big") + bytes.fromhex(tokenizer_sha256)).hexdigest()


def load(folder: Path, key: bytes) -> Generation | None:
    """The current generation, or ``None`` if there is none or it cannot be read; then everything is read anew."""
    path = folder / NAME
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(vault.decrypt_file(path, key, _CONTEXT), type=Generation)
    except (StorageError, msgspec.DecodeError, msgspec.ValidationError):
        return None


def store(folder: Path, key: bytes, generation: Generation) -> None:
    """Make this the current generation, then sweep shards it does not name.

    Raises:
        StorageError: the disk is full; the previous generation stands.
    """
    vault.encrypt_file(folder / NAME, key, msgspec.json.encode(generation), _CONTEXT)
    named = {Path(shard.path).name for shard in generation.result.shards}
    for path in folder.glob("*.shard"):
        if path.name not in named:
            with contextlib.suppress(OSError):
                path.unlink()
