"""Public token shards: the coordinator's own text, the same for everybody, served as blobs and never charged.

They have the form of private shards under a key that everybody knows, so that one reader reads both. That hides nothing
and is not meant to; what binds them is their hash in the signed manifest. They come from a stranger: before one is
used every length is checked against the file, every block is read, and every id is compared with the vocabulary.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from core.api.errors import ManifestError, StorageError, UsageError
from core.config.model import MAX_PUBLIC_SHARD_BYTES, PublicShard
from core.data.store import Document, Shard, ShardFacts, write_shard

if TYPE_CHECKING:  # the engine checks shards with this module and has no use for the libraries behind it
    from core.data.tokenizer import Tokenizer

KEY: Final = b"hedgerow public shard, no secret"
"""32 bytes that are no secret."""
SHARD_TOKENS: Final = 4 << 20
MAX_TEXT_BYTES: Final = 1 << 30
SUFFIXES: Final = (".txt", ".md", ".rst")
_PART_BYTES: Final = 16 << 20
_CHECK_TOKENS: Final = 1 << 20


def write_public(path: Path, tokenizer: Tokenizer, folder: Path) -> list[ShardFacts]:
    """Tokenise a text file, or every text file of a folder, into shards.

    Args:
        path: UTF-8 text; in a folder the files named ``.txt``, ``.md`` and ``.rst``.
        tokenizer: the federation's.
        folder: where the shards go.

    Raises:
        UsageError: there is no text, it is not UTF-8, or there is too much.
        StorageError: the disk is full.
    """
    written: list[ShardFacts] = []
    waiting: list[Document] = []
    for text in _texts(path):
        tokens = tokenizer.encode(text)
        for start in range(0, len(tokens), SHARD_TOKENS // 2):
            part = tokens[start : start + SHARD_TOKENS // 2]
            waiting.append(Document(part, int(tokenizer.byte_lengths[part].sum())))
            if sum(len(document.tokens) for document in waiting) >= SHARD_TOKENS // 2:
                written.append(_write(folder, waiting, tokenizer))
                waiting = []
    if waiting:
        written.append(_write(folder, waiting, tokenizer))
    if not written:
        raise UsageError(f"{path} holds no text.", f"Give a UTF-8 text file or a folder with {', '.join(SUFFIXES)}.")
    return written


def _write(folder: Path, documents: list[Document], tokenizer: Tokenizer) -> ShardFacts:
    return write_shard(
        folder, KEY, documents, [], end_of_text=tokenizer.end_of_text, tokenizer_sha256=tokenizer.sha256,
        extractor_version=0, dtype=tokenizer.dtype,
    )  # fmt: skip


def _texts(path: Path) -> Iterator[str]:
    """Parts of every file, each part whole lines where there are lines."""
    if path.is_dir():
        files = sorted(f for f in path.rglob("*") if f.suffix.lower() in SUFFIXES and f.is_file())
    else:
        files = [path]
    left = MAX_TEXT_BYTES
    for file in files:
        try:
            with file.open(encoding="utf-8", newline="") as stream:
                while part := "".join(stream.readlines(_PART_BYTES)):
                    left -= len(part.encode())
                    if left < 0:
                        raise UsageError(f"{path} holds more than {MAX_TEXT_BYTES >> 30} GiB of text.", "Give less.")
                    yield part
        except UnicodeDecodeError as error:
            raise UsageError(f"{file} is not UTF-8 text.", "Convert it, or leave it out.") from error
        except OSError as error:
            raise UsageError(
                f"The public text {file} cannot be read: {os.strerror(error.errno or 0)}.", "Check the path."
            ) from error


def check_public(path: Path, said: PublicShard, vocab_size: int, tokenizer_sha256: str) -> Shard:
    """Open a shard that somebody else made, and believe nothing in it.

    Args:
        path: the file, whose hash is that of ``said``.
        said: what the manifest says of it.
        vocab_size: every id must lie below.
        tokenizer_sha256: what it must have been made with.

    Raises:
        ManifestError: it is anything but what the manifest says.
    """
    try:
        if path.stat().st_size != said.bytes or said.bytes > MAX_PUBLIC_SHARD_BYTES:
            raise _refused(said, "has another size than the manifest says")
        shard = Shard(path, KEY)
    except (OSError, StorageError, ValueError) as error:
        raise _refused(said, "is no token shard") from error
    try:
        if shard.num_tokens != said.tokens or shard.num_training_tokens != said.tokens:
            raise _refused(said, "holds another number of tokens than the manifest says")
        if shard.tokenizer_sha256 != tokenizer_sha256:
            raise _refused(said, "was made with another tokenizer")
        for start in range(0, shard.num_tokens, _CHECK_TOKENS):
            tokens = shard.tokens(start, min(start + _CHECK_TOKENS, shard.num_tokens))
            if int(np.max(tokens)) >= vocab_size:
                raise _refused(said, "holds a token that the model does not know")
    except StorageError as error:
        shard.close()
        raise _refused(said, "is damaged") from error
    except ManifestError:
        shard.close()
        raise
    return shard


def _refused(said: PublicShard, why: str) -> ManifestError:
    return ManifestError(f"The public text {said.sha256[:12]} {why}.", "It is not used; tell the operator.")
