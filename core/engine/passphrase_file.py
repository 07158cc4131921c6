"""Secrets in one small file under a passphrase, for machines without a keyring, and where the passphrase comes from.

Layout, version 1: ``HGKS`` · version (1 byte) · salt (16 bytes) · nonce (12 bytes) · ciphertext with tag. The key is
scrypt (N 2^15, r 8, p 3) over the passphrase, the cipher AES-256-GCM over a map of secrets with the header
authenticated; every write has a fresh nonce. The file lies beside the ledger, so a backup that restores both goes
unnoticed: only a keyring of the system notices that.
"""

from __future__ import annotations

import os
import secrets
import threading
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from core import vault
from core.api.errors import KeystoreError

FILE_BACKEND: Final = "passphrase file"
_MIN_PASSPHRASE_BYTES: Final = 8
_MAX_PASSPHRASE_BYTES: Final = 4_096
_MAX_FILE_BYTES: Final = 8 << 20


class PassphraseKeystore:
    """The keystore over that file; the passphrase itself is not kept."""

    _MAGIC = b"HGKS\x01"

    def __init__(self, path: Path, passphrase: bytes) -> None:
        self.backend = FILE_BACKEND
        self.changed_from = ""
        self._path = path
        self._lock = threading.Lock()
        self._secrets: dict[str, bytes] = {}
        raw = self._read()
        self._salt = raw[5:21] if raw else secrets.token_bytes(16)
        kdf = Scrypt(salt=self._salt, length=32, n=1 << 15, r=8, p=3)
        self._cipher = AESGCM(kdf.derive(passphrase))
        if raw:
            self._secrets = self._decrypt(raw)
        else:
            self._write(self._secrets)

    def __repr__(self) -> str:
        return f"PassphraseKeystore({str(self._path)!r})"

    def get(self, name: str) -> bytes | None:
        """See ``Keystore``."""
        with self._lock:
            return self._secrets.get(name)

    def set(self, name: str, value: bytes) -> None:
        """See ``Keystore``."""
        with self._lock:
            changed = {**self._secrets, name: bytes(value)}
            self._write(changed)
            self._secrets = changed

    def delete(self, name: str) -> None:
        """See ``Keystore``."""
        with self._lock:
            changed = {key: value for key, value in self._secrets.items() if key != name}
            self._write(changed)
            self._secrets = changed

    def _read(self) -> bytes:
        try:
            with self._path.open("rb") as stream:
                raw = stream.read(_MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise KeystoreError(f"{self._path} cannot be read: {error.strerror}.", "Check its permissions.") from error
        if len(raw) < 49 or len(raw) > _MAX_FILE_BYTES or not raw.startswith(self._MAGIC[:4]):
            raise self._damaged()
        if raw[4] != self._MAGIC[4]:
            raise KeystoreError(f"{self._path} was written by a newer Hedgerow.", "Update Hedgerow.")
        return raw

    def _decrypt(self, raw: bytes) -> dict[str, bytes]:
        try:
            plain = self._cipher.decrypt(raw[21:33], raw[33:], raw[:33])
            return msgspec.json.decode(plain, type=dict[str, bytes])
        except (InvalidTag, msgspec.MsgspecError) as error:
            raise self._damaged() from error

    def _damaged(self) -> KeystoreError:
        return KeystoreError(
            f"The passphrase does not open {self._path}, or the file is damaged.",
            "Give the passphrase it was made with. If it is lost, move the file away and join again.",
        )

    def _write(self, content: dict[str, bytes]) -> None:
        header = self._MAGIC + self._salt + secrets.token_bytes(12)
        vault.write_atomic(self._path, header + self._cipher.encrypt(header[21:], msgspec.json.encode(content), header))


def read_passphrase(descriptor: int | None) -> bytes | None:
    """The passphrase that was given, or None. An empty or short one is refused rather than passed over.

    Args:
        descriptor: wins over ``HEDGEROW_PASSPHRASE_FILE``, which wins over the systemd credential
            ``hedgerow-passphrase``; closed after reading.

    Raises:
        KeystoreError: the source cannot be read, is open to others, or holds too few bytes.
    """
    if descriptor is not None:
        with os.fdopen(descriptor, "rb") as stream:
            return _checked(stream.read(_MAX_PASSPHRASE_BYTES + 1), "the descriptor")
    named = os.environ.get("HEDGEROW_PASSPHRASE_FILE")
    if named:
        return _passphrase_file(Path(named), private=True)
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if folder and (Path(folder) / "hedgerow-passphrase").exists():
        # systemd keeps credentials readable for the service alone, by ACL where the owner is root.
        return _passphrase_file(Path(folder) / "hedgerow-passphrase", private=False)
    return None


def _passphrase_file(path: Path, *, private: bool) -> bytes:
    try:
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            if private and os.name == "posix" and status.st_mode & 0o077:
                raise KeystoreError(
                    f"{path} can be read by others (mode {status.st_mode & 0o777:03o}).", f"Run: chmod 600 {path}"
                )
            if private and os.name == "posix" and status.st_uid not in (os.getuid(), 0):
                raise KeystoreError(f"{path} belongs to another user.", "Use a passphrase file of your own.")
            return _checked(stream.read(_MAX_PASSPHRASE_BYTES + 1), str(path))
    except OSError as error:
        raise KeystoreError(
            f"The passphrase file {path} cannot be read: {error.strerror}.", "Check HEDGEROW_PASSPHRASE_FILE."
        ) from error


def _checked(raw: bytes, source: str) -> bytes:
    passphrase = raw.rstrip(b"\r\n")
    if not _MIN_PASSPHRASE_BYTES <= len(passphrase) <= _MAX_PASSPHRASE_BYTES:
        raise KeystoreError(
            f"The passphrase from {source} has {len(passphrase)} bytes.",
            f"Use {_MIN_PASSPHRASE_BYTES} to {_MAX_PASSPHRASE_BYTES} bytes.",
        )
    return passphrase
