"""Encrypted token shards: immutable, packed from many documents, memory-mapped, read in authenticated 64 KiB blocks.

::

    header 96 bytes   "HGTS" · version u16 · itemsize u16 · tokens u64 · training tokens u64 · documents u64 ·
                      table bytes u64 · extractor u32 · reserved u32 · salt 16 · tokenizer sha256 32
    table             document offsets u64[n+1], text bytes u64[n]; AES-256-GCM blocks
    tokens            training documents, each closed by end-of-text, then held-out documents; AES-256-GCM blocks

Every shard has a key of its own, HKDF(store key, salt). A block's nonce is its number; its associated data are the
whole header, the section and whether it is the last, so a block that is cut, swapped, moved or replaced is refused.
All integers little-endian. Held-out documents come last, so the training region is one contiguous run.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import secrets
import struct
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from numpy.typing import NDArray

from core import vault
from core.api.errors import StorageError

MAGIC = b"HGTS"
VERSION = 1
BLOCK_BYTES = 64 << 10
_TAG = 16
_SECTION = BLOCK_BYTES + _TAG
_CACHE_BLOCKS = 8
_HEADER = struct.Struct("<4sHHQQQQII16s32s")
_TABLE, _TOKENS = 0, 1
_OTHER_FILES = 256
"""Open files beside shards."""

Tokens = NDArray[np.integer[Any]]


class Document(NamedTuple):
    """One document on its way into a shard."""

    tokens: Tokens
    text_bytes: int
    number: int = 0
    """Of the whole document on its corpus' roll, also on the two parts of one that was split."""


def _key(store_key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(vault.derive(store_key, b"token-shard" + salt))


def _nonce(section: int, index: int) -> bytes:
    return section.to_bytes(4, "big") + index.to_bytes(8, "big")


def _blocks(size: int) -> int:
    return -(-size // BLOCK_BYTES)


def _sealed_size(size: int) -> int:
    return size + _TAG * _blocks(size)


def _seal(out: bytearray, cipher: AESGCM, header: bytes, section: int, data: memoryview) -> None:
    """Append the sealed blocks of ``data`` to ``out``."""
    count = _blocks(len(data))
    for index in range(count):
        part = data[index * BLOCK_BYTES : (index + 1) * BLOCK_BYTES]
        out += cipher.encrypt(_nonce(section, index), part, header + bytes([index == count - 1]))


class ShardFacts(NamedTuple):
    """What the generation manifest keeps of a written shard."""

    path: str
    sha256: str
    tokens: int
    training_tokens: int
    documents: int
    text_bytes: int


def write_shard(
    folder: Path,
    key: bytes,
    training: list[Document],
    held_out: list[Document],
    *,
    end_of_text: int,
    tokenizer_sha256: str,
    extractor_version: int,
    dtype: np.dtype[Any],
) -> ShardFacts:
    """Write one shard, durable when this returns; its name is the hash of its bytes.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    documents = [*training, *held_out]
    offsets = np.zeros(len(documents) + 1, dtype="<u8")
    offsets[1:] = np.cumsum([len(document.tokens) + 1 for document in documents])
    tokens = np.full(int(offsets[-1]), end_of_text, dtype=dtype.newbyteorder("<"))
    for document, start in zip(documents, offsets[:-1].tolist(), strict=True):
        tokens[start : start + len(document.tokens)] = document.tokens
    sizes = np.asarray([document.text_bytes for document in documents], dtype="<u8")
    table = offsets.tobytes() + sizes.tobytes()
    salt = secrets.token_bytes(16)
    header = _HEADER.pack(
        MAGIC, VERSION, dtype.itemsize, tokens.size, int(offsets[len(training)]), len(documents),
        len(table), extractor_version, 0, salt, bytes.fromhex(tokenizer_sha256),
    )  # fmt: skip
    cipher = _key(key, salt)
    data = bytearray(header)  # grown in place: a reader has little memory
    _seal(data, cipher, header, _TABLE, memoryview(table))
    _seal(data, cipher, header, _TOKENS, tokens.view(np.uint8).data)
    digest = hashlib.sha256(data).hexdigest()
    path = folder / f"{digest}.shard"
    vault.write_parts(path, (memoryview(data),))
    total = int(sizes.sum()) if len(documents) else 0
    return ShardFacts(str(path), digest, int(tokens.size), int(offsets[len(training)]), len(documents), total)


def allow_open(count: int) -> None:
    """Let this process hold ``count`` shards open: a map keeps its file open, and the usual limit is 1,024."""
    if sys.platform == "win32":
        return  # there is no such limit
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + _OTHER_FILES if hard == resource.RLIM_INFINITY else min(count + _OTHER_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Shard:
    """One shard, open for reading at random.

    Args:
        path: the file.
        key: the store key.

    Raises:
        StorageError: missing, of an unknown version, cut, or not written under this key.
    """

    def __init__(self, path: Path | str, key: bytes) -> None:
        self.path = Path(path)
        try:
            with self.path.open("rb") as stream:
                size = os.fstat(stream.fileno()).st_size
                if size < _HEADER.size:
                    raise self._damaged("is cut")
                self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise StorageError(f"The token shard {self.path.name} cannot be read: {error.strerror}.") from error
        self._header = bytes(self._map[: _HEADER.size])
        fields = _HEADER.unpack(self._header)
        magic, version, itemsize, tokens, training, documents, table, extractor, _, salt, tokenizer = fields
        if magic != MAGIC or version != VERSION or itemsize not in (2, 4):
            raise self._damaged("has a format this version does not read")
        if table != 8 * (2 * documents + 1) or not training <= tokens:
            raise self._damaged("has a damaged header")
        self.num_tokens: int = tokens
        self.num_training_tokens: int = training
        self.num_documents: int = documents
        self.extractor_version: int = extractor
        self.tokenizer_sha256: str = tokenizer.hex()
        self.dtype = np.dtype("<u2" if itemsize == 2 else "<u4")
        self._table_size = table
        self._tokens_at = _HEADER.size + _sealed_size(table)
        if size != self._tokens_at + _sealed_size(tokens * itemsize):
            raise self._damaged("has the wrong length")
        self._cipher = _key(key, salt)
        self._cache: OrderedDict[int, bytes] = OrderedDict()
        raw = b"".join(self._block(_TABLE, i, table) for i in range(_blocks(table)))
        self.document_offsets = np.frombuffer(raw[: 8 * (documents + 1)], dtype="<u8").astype(np.int64)
        self.document_bytes = np.frombuffer(raw[8 * (documents + 1) :], dtype="<u8").astype(np.int64)
        offsets = self.document_offsets
        inside = ((offsets >= 0) & (offsets <= tokens)).all()  # a stranger's may wrap around
        if not inside or offsets[0] != 0 or offsets[-1] != tokens or (np.diff(offsets) < 1).any():
            raise self._damaged("has a damaged document table")
        if training not in offsets:
            raise self._damaged("has a damaged document table")
        self.num_training_documents = int(np.searchsorted(offsets, training))

    def _damaged(self, how: str) -> StorageError:
        return StorageError(f"The token shard {self.path.name} {how}.", "Remove the corpus and add it again.")

    def _block(self, section: int, index: int, section_size: int) -> bytes:
        base = _HEADER.size if section == _TABLE else self._tokens_at
        last = index == _blocks(section_size) - 1
        length = section_size - index * BLOCK_BYTES if last else BLOCK_BYTES
        sealed = self._map[base + index * _SECTION : base + index * _SECTION + length + _TAG]
        try:
            return self._cipher.decrypt(_nonce(section, index), sealed, self._header + bytes([last]))
        except InvalidTag as error:
            raise self._damaged("was changed, or belongs to another key") from error

    def _token_block(self, index: int) -> bytes:
        if index in self._cache:
            self._cache.move_to_end(index)
            return self._cache[index]
        block = self._block(_TOKENS, index, self.num_tokens * self.dtype.itemsize)
        self._cache[index] = block
        if len(self._cache) > _CACHE_BLOCKS:
            self._cache.popitem(last=False)
        return block

    def tokens(self, start: int, stop: int) -> Tokens:
        """Token ids ``start`` to ``stop``.

        Raises:
            StorageError: a block was changed.
            ValueError: outside the shard.
        """
        if stop < start:
            raise ValueError(f"tokens {start}:{stop} lie outside a shard of {self.num_tokens}")
        out = np.empty(stop - start, dtype=self.dtype)
        self.read(start, out)
        return out

    def read(self, start: int, out: Tokens) -> None:
        """Fill ``out`` with the token ids from ``start`` on; each is copied once.

        Raises:
            StorageError: a block was changed.
            ValueError: outside the shard.
        """
        stop = start + len(out)
        if not 0 <= start <= stop <= self.num_tokens:
            raise ValueError(f"tokens {start}:{stop} lie outside a shard of {self.num_tokens}")
        per_block = BLOCK_BYTES // self.dtype.itemsize
        at = start
        while at < stop:
            index, first = divmod(at, per_block)
            count = min(per_block - first, stop - at)
            block = np.frombuffer(self._token_block(index), self.dtype, count, first * self.dtype.itemsize)
            out[at - start : at - start + count] = block
            at += count

    def document(self, index: int) -> Tokens:
        """Token ids of one document, without its end-of-text."""
        return self.tokens(int(self.document_offsets[index]), int(self.document_offsets[index + 1]) - 1)

    def verify(self) -> None:
        """Read every block once.

        Raises:
            StorageError: one was changed.
        """
        size = self.num_tokens * self.dtype.itemsize
        for index in range(_blocks(size)):
            self._block(_TOKENS, index, size)

    def close(self) -> None:
        """Unmap the file."""
        with contextlib.suppress(BufferError):
            self._map.close()
