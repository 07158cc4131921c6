"""Files that survive a power cut and say nothing to who finds them: atomic writes, and AES-256-GCM around a subkey.

Encrypted file, version 1: ``HGVF`` · version (1 byte) · three zero bytes · salt (16 bytes) · length of the plaintext
(8 bytes, big-endian) · blocks of 4 MiB, each followed by its tag. Every file has a key of its own, HKDF(store key,
salt, context), so block numbers serve as nonces and never meet twice under one key. Each block authenticates the
header and whether it is the last, so a block that is cut, swapped, or moved to another file or context is refused.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import struct
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.api.errors import StorageError

KEY_BYTES = 32


class DamagedFile(StorageError):
    """An encrypted file that cannot be read, was cut or changed, or is meant for another key or context."""


MAGIC = b"HGVF"
VERSION = 1
BLOCK_BYTES = 4 << 20
_TAG_BYTES = 16
_SALT_BYTES = 16
_HEADER = struct.Struct(f">4sB3x{_SALT_BYTES}sQ")
Piece = bytes | memoryview


def derive(key: bytes, context: bytes) -> bytes:
    """32-byte subkey of ``key`` for one purpose; different contexts give independent keys.

    Raises:
        ValueError: the key does not have 32 bytes.
    """
    return _subkey(key, b"", context)


def _subkey(key: bytes, salt: bytes, context: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
    info = b"hedgerow-vault-1\n" + context
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=salt or None, info=info).derive(key)


def write_atomic(path: Path | str, data: bytes) -> None:
    """Replace ``path`` by ``data`` so that after a crash it holds the old or the new content, never a part.

    The file is 0600, and content, name and folder are on disk when this returns.

    Raises:
        StorageError: the disk is full or the folder cannot be written; ``path`` is as it was.
    """
    _write(Path(path), iter((data,)))


def write_new(path: Path | str, parts: Iterable[bytes]) -> int:
    """Write a file of 0600 that was not there before, piece by piece; returns its size in bytes.

    Raises:
        StorageError: something of that name exists, or the disk refuses; nothing is left of it then.
    """
    target, size = Path(path), 0
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise StorageError(f"{target} exists already.", "Choose a new name.") from error
    except OSError as error:
        raise storage_error(target, error) from error
    try:
        with os.fdopen(descriptor, "wb") as stream:
            for part in parts:
                size += stream.write(part)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException as error:
        target.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise storage_error(target, error) from error
        raise
    return size


def write_parts(path: Path | str, parts: Iterable[bytes | memoryview]) -> None:
    """As ``write_atomic``, for content that is made piece by piece and never whole in memory.

    Raises:
        StorageError: the disk is full or the folder cannot be written; ``path`` is as it was.
    """
    _write(Path(path), parts)


def _write(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        with os.fdopen(descriptor, "wb") as stream:
            stream.writelines(parts)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
        temporary = None
        sync_folder(path.parent)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def make_folder(path: Path | str) -> None:
    """Create a folder, 0700, and those above it that are missing; it is on disk for good when this returns.

    One that is there already is made durable as well: whoever created it may have been killed before that.

    Raises:
        StorageError: the disk is full or the folder cannot be created.
    """
    path = Path(path)
    try:
        if not path.parent.is_dir():
            make_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise storage_error(path, error) from error


def sync_folder(folder: Path) -> None:
    """Make renames in ``folder`` durable, where the system has such a thing."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def storage_error(path: Path, error: OSError) -> StorageError:
    """The sentence for a failed write to ``path``."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(f"The disk is full: {path.name} could not be written to {path.parent}.", "Free some space.")
    reason = error.strerror or str(error)
    return StorageError(f"{path} could not be written: {reason}.", "Check the folder's permissions and the disk.")


def encrypt_file(path: Path | str, key: bytes, plaintext: bytes | Sequence[Piece], context: bytes) -> None:
    """Write ``plaintext`` encrypted and authenticated, atomically.

    Args:
        path: where to.
        key: the store key, 32 bytes.
        plaintext: any length, whole or in pieces; these are never joined in memory.
        context: what the file is, such as ``b"sealed-update"``; reading needs the same.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    salt = secrets.token_bytes(_SALT_BYTES)
    pieces = [memoryview(piece) for piece in ([plaintext] if isinstance(plaintext, bytes) else plaintext)]
    length = sum(piece.nbytes for piece in pieces)
    header = _HEADER.pack(MAGIC, VERSION, salt, length)
    _write(Path(path), _encrypted(AESGCM(_subkey(key, salt, context)), header, pieces, _blocks(length)))


def _encrypted(cipher: AESGCM, header: bytes, pieces: Sequence[memoryview], blocks: int) -> Iterator[bytes]:
    yield header
    cut = _cut(pieces)
    for number in range(blocks):
        yield cipher.encrypt(_nonce(number, number == blocks - 1), next(cut, b""), header)


def _cut(pieces: Sequence[memoryview]) -> Iterator[Piece]:
    """The same bytes in blocks; what lies in one piece is not copied."""
    begun = bytearray()
    for piece in pieces:
        at = 0
        while at < piece.nbytes:
            taken = piece[at : at + BLOCK_BYTES - len(begun)]
            at += taken.nbytes
            if not begun and taken.nbytes == BLOCK_BYTES:
                yield taken
                continue
            begun += taken
            if len(begun) == BLOCK_BYTES:
                yield bytes(begun)
                begun.clear()
    if begun:
        yield bytes(begun)


def _blocks(length: int) -> int:
    return max(1, -(-length // BLOCK_BYTES))


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(8, "big") + int(last).to_bytes(4, "big")


def decrypt_file(path: Path | str, key: bytes, context: bytes) -> bytes:
    """Read what ``encrypt_file`` wrote.

    Raises:
        StorageError: the file is missing, cut, changed, of a newer version, or meant for another key or context.
    """
    with open_encrypted(path, key, context) as file:
        return file.read(0, file.size)


@contextlib.contextmanager
def open_encrypted(path: Path | str, key: bytes, context: bytes) -> Iterator[EncryptedFile]:
    """Open what ``encrypt_file`` wrote, to read it without holding it.

    Raises:
        StorageError: the file is missing, cut, of a newer version; or, when it is read, changed or of another key.
    """
    path = Path(path)
    try:
        stream = path.open("rb")
    except OSError as error:
        raise DamagedFile(f"{path} could not be read: {error.strerror or error}.") from error
    with stream:
        yield EncryptedFile(stream, path, key, context)


class EncryptedFile:
    """An open encrypted file: any part of its plaintext, with one block in memory."""

    def __init__(self, stream: BinaryIO, path: Path, key: bytes, context: bytes) -> None:
        """Check header and length; raises StorageError as ``open_encrypted`` says."""
        self._stream, self._path = stream, path
        self._header = self._bytes(0, _HEADER.size)
        if len(self._header) < _HEADER.size or self._header[:4] != MAGIC:
            raise self._damaged()
        _, version, salt, self.size = _HEADER.unpack(self._header)
        if version != VERSION:
            raise DamagedFile(
                f"{path} has version {version}, this Hedgerow reads version {VERSION}.", "Update Hedgerow."
            )
        self._blocks = _blocks(self.size)
        if os.fstat(stream.fileno()).st_size != _HEADER.size + self.size + self._blocks * _TAG_BYTES:
            raise self._damaged()
        self._cipher = AESGCM(_subkey(key, salt, context))
        self._kept = (-1, b"")
        if not self.size:
            self._block(0)  # an empty file is authenticated as well

    def read(self, start: int, stop: int) -> bytes:
        """The plaintext from ``start`` to ``stop``.

        Raises:
            StorageError: the file was changed, cut meanwhile, or meant for another key or context.
        """
        stop = min(stop, self.size)
        parts = []
        while start < stop:
            number = start // BLOCK_BYTES
            at = start - number * BLOCK_BYTES
            parts.append(self._block(number)[at : at + stop - start])
            start += len(parts[-1])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _block(self, number: int) -> bytes:
        if self._kept[0] != number:
            self._kept = (-1, b"")
            stride = BLOCK_BYTES + _TAG_BYTES
            raw = self._bytes(_HEADER.size + number * stride, stride)
            try:
                plain = self._cipher.decrypt(_nonce(number, number == self._blocks - 1), raw, self._header)
            except InvalidTag as error:
                raise self._damaged() from error
            if len(plain) != min(BLOCK_BYTES, self.size - number * BLOCK_BYTES):
                raise self._damaged()
            self._kept = (number, plain)
        return self._kept[1]

    def _bytes(self, start: int, count: int) -> bytes:
        try:
            self._stream.seek(start)
            return self._stream.read(count)
        except OSError as error:
            raise DamagedFile(f"{self._path} could not be read: {error.strerror or error}.") from error

    def _damaged(self) -> DamagedFile:
        return DamagedFile(f"{self._path} is damaged or was written with another key.", "It is not used.")
