"""Where the node keys, the store key and the ledger's head live: the system's keyring, or a file under a passphrase.

Only four keyrings are used, named by class; whatever else is installed or configured, such as the plaintext file of
``keyrings.alt``, is never asked. Every call to a keyring runs in a thread of its own with a time-out, because an
unlock prompt may wait for ever. Where a passphrase is given (a descriptor, ``HEDGEROW_PASSPHRASE_FILE`` or a systemd
credential) the secrets are in ``keystore.enc`` instead. With neither there is a sentence, never silent plaintext.

``keystore.json`` records which was used and under which names, so that a change is noticed and named. Any program of
the same user can usually read a keyring: it keeps secrets from other users and from a thief, not from your own
programs.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import importlib
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import msgspec

from core import vault
from core.api.errors import KeystoreError
from core.engine.passphrase_file import PassphraseKeystore, read_passphrase

TIMEOUT_S: float = 2.0
ALLOWED: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "SecretService": (("keyring.backends.SecretService", "Keyring"),),
    "KWallet": (("keyring.backends.kwallet", "DBusKeyring"),),
    "macOS Keychain": (("keyring.backends.macOS", "Keyring"),),
    "Windows Credential Locker": (("keyring.backends.Windows", "WinVaultKeyring"),),
}
"""Name shown → module and class. Nothing else is ever asked."""

_NO_PLACE_HINT: Final = (
    "Start and unlock GNOME Keyring or KWallet, or put a passphrase into a file only you can read (chmod 600) and set "
    "HEDGEROW_PASSPHRASE_FILE to it."
)
T = TypeVar("T")


class Keystore(Protocol):
    """A place for secrets. Every method raises ``KeystoreError`` when the place does not answer."""

    backend: str
    """Which place, in words; see ``ALLOWED`` and ``FILE_BACKEND``."""
    changed_from: str
    """The place used before, where it is another one; its secrets are not here. Empty otherwise."""

    def get(self, name: str) -> bytes | None:
        """The secret of that name, or None."""

    def set(self, name: str, value: bytes) -> None:
        """Keep a secret, durably, replacing an older one."""

    def delete(self, name: str) -> None:
        """Forget a secret; unknown names are fine."""


class _Record(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``keystore.json``: no secret in it."""

    version: int = 1
    backend: str
    namespace: str
    previous: str = ""


def open_keystore(home: Path, *, passphrase_fd: int | None = None) -> Keystore:
    """Open the safe place for this home folder's secrets.

    A passphrase that was given wins over a keyring, because giving one is a decision. Otherwise the keyring used
    before is preferred.

    Args:
        home: the engine's folder; secrets of different homes never meet.
        passphrase_fd: descriptor the passphrase is read from, and closed.

    Raises:
        KeystoreError: no safe place, a wrong passphrase, or a keyring that does not answer.
    """
    record = _read_record(home)
    namespace = record.namespace if record else _namespace(home)
    passphrase = read_passphrase(passphrase_fd)
    store: PassphraseKeystore | KeyringKeystore
    if passphrase is not None:
        store = PassphraseKeystore(home / "keystore.enc", passphrase)
    else:
        name, ring = _choose_keyring(record.backend if record else "")
        store = KeyringKeystore(name, ring, f"hedgerow {namespace}")
        store.get("probe")
    previous = record.previous if record else ""
    if record and record.backend != store.backend:
        previous = record.backend
        store.changed_from = record.backend
    fresh = _Record(backend=store.backend, namespace=namespace, previous=previous)
    if fresh != record:
        vault.write_atomic(home / "keystore.json", msgspec.json.encode(fresh))
    return store


def forget(home: Path, names: Iterable[str]) -> tuple[str, int]:
    """Delete what this home has in the system's keyring, in whichever it used; the place, and how many there were.

    Raises:
        KeystoreError: the keyring that was used is not there or does not answer.
    """
    record = _read_record(home)
    used = {record.backend, record.previous} & ALLOWED.keys() if record else set()
    if record is None or not used:
        return (record.backend if record else "", 0)
    rings = {name: ring for _, name, ring in _Caller("system")(_viable_keyrings)}
    count, wanted = 0, tuple(names)
    for name in sorted(used):
        if name not in rings:
            raise KeystoreError(
                f"{name} does not answer, so the keys of {home} in it stay.",
                f"Unlock it and try again, or remove the entries of `hedgerow {record.namespace}` there by hand.",
            )
        count += KeyringKeystore(name, rings[name], f"hedgerow {record.namespace}").forget(wanted)
    return ", ".join(sorted(used)), count


class KeyringKeystore:
    """One allowed keyring of the system, each call bounded by ``TIMEOUT_S``."""

    def __init__(self, backend: str, ring: Any, service: str) -> None:
        self.backend = backend
        self.changed_from = ""
        self._ring = ring
        self._service = service
        self._caller = _Caller(backend)

    def get(self, name: str) -> bytes | None:
        """See ``Keystore``."""
        text = self._caller(lambda: self._ring.get_password(self._service, name))
        if text is None:
            return None
        try:
            return base64.b64decode(text.encode("ascii"), validate=True)
        except (ValueError, binascii.Error) as error:
            raise KeystoreError(
                f"The entry {name!r} in {self.backend} was not written by Hedgerow.",
                f"Remove it from the keyring (service {self._service!r}).",
            ) from error

    def set(self, name: str, value: bytes) -> None:
        """See ``Keystore``."""
        text = base64.b64encode(value).decode("ascii")
        self._caller(lambda: self._ring.set_password(self._service, name, text))

    def delete(self, name: str) -> None:
        """See ``Keystore``."""
        if self.get(name) is not None:
            self._caller(lambda: self._ring.delete_password(self._service, name))

    def forget(self, names: Iterable[str]) -> int:
        """Delete these secrets, and where the keyring can list them all others of this home; how many there were."""
        count = 0
        for name in names:
            if self._caller(lambda name=name: self._ring.get_password(self._service, name)) is not None:  # type: ignore[misc]
                self._caller(lambda name=name: self._ring.delete_password(self._service, name))  # type: ignore[misc]
                count += 1
        return count + self._caller(self._sweep)

    def _sweep(self) -> int:
        """What is left of this home in a Secret Service; other keyrings cannot list."""
        if not hasattr(self._ring, "get_preferred_collection"):
            return 0
        collection = self._ring.get_preferred_collection()
        with contextlib.closing(collection.connection):
            left = list(collection.search_items({"service": self._service}))
            for item in left:
                item.delete()
        return len(left)


class _Caller:
    """Runs one call at a time in a daemon thread and gives up waiting after ``TIMEOUT_S``.

    While a call hangs (an unlock prompt nobody answered) no other is started, so that a late write can never
    overtake a newer one.
    """

    def __init__(self, backend: str) -> None:
        self._backend = backend
        self._pending: threading.Thread | None = None
        self._lock = threading.Lock()

    def __call__(self, action: Callable[[], T]) -> T:
        results: list[T] = []
        errors: list[Exception] = []

        def run() -> None:
            try:
                results.append(action())
            except Exception as error:  # noqa: BLE001 - a keyring may raise anything; it is named below
                errors.append(error)

        with self._lock:
            if self._pending is None or not self._pending.is_alive():
                self._pending = threading.Thread(target=run, name="keyring", daemon=True)
                self._pending.start()
                self._pending.join(TIMEOUT_S)
        if results:
            return results[0]
        if errors:
            raise KeystoreError(
                f"The keyring ({self._backend}) refused: {type(errors[0]).__name__}.", "Unlock it and try again."
            ) from errors[0]
        raise KeystoreError(
            f"The keyring ({self._backend}) did not answer within {TIMEOUT_S:g} s.",
            "Look for its unlock window, answer it, and try again.",
        )


def _choose_keyring(preferred: str) -> tuple[str, Any]:
    """The allowed keyring to use: the one used before if it is there, else the one of highest priority."""
    found = _Caller("system")(_viable_keyrings)
    if not found:
        was = f" (it was {preferred})" if preferred else ""
        raise KeystoreError(f"No system keyring answers{was}, and no passphrase was given.", _NO_PLACE_HINT)
    for _, name, ring in found:
        if name == preferred:
            return name, ring
    _, name, ring = max(found, key=lambda item: item[0])
    return name, ring


def _viable_keyrings() -> list[tuple[float, str, Any]]:
    found: list[tuple[float, str, Any]] = []
    for name, classes in ALLOWED.items():
        for module, attribute in classes:
            try:
                kind = getattr(importlib.import_module(module), attribute)
                found.append((float(kind.priority), name, kind()))
            except Exception:  # noqa: BLE001, S112 - a keyring that is not there says so in many ways
                continue
    return found


def _namespace(home: Path) -> str:
    """Names of one home: from its path, so that a folder deleted and made again meets its old ledger head."""
    return hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:16]


def _read_record(home: Path) -> _Record | None:
    try:
        return msgspec.json.decode((home / "keystore.json").read_bytes(), type=_Record)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise KeystoreError(
            f"{home / 'keystore.json'} cannot be read, so it is not known where the keys are.",
            "Move it away; Hedgerow then looks again.",
        ) from error
