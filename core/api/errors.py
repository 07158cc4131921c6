"""Errors for people: one tree, each with a code, a title, a message and a hint.

::

    HedgerowError
    ├── UsageError            the request itself is wrong
    ├── InviteError           an invite that is cut, expired, used up or not genuine
    ├── ManifestError         a manifest with unknown, missing or absurd fields, or a bad signature
    ├── CorpusError           text that cannot be read or is not there
    ├── ModelError            weights of the wrong shape, type, size, or not finite
    ├── UpdateError           an update that cannot be decoded or does not belong here
    ├── PrivacyError          the budget, the floor or the ledger says no
    ├── CoordinatorError      the other side does not answer, or answers wrongly
    ├── ClockError            this machine's clock is too far off
    ├── StorageError          disk full, file damaged, folder not writable
    ├── KeystoreError         no safe place for the key
    ├── SandboxError          the children cannot be locked down far enough
    └── EngineError           the engine is not there, busy, or failed inside
        └── RuntimeMissing    the packaged application has no compute runtime yet

Foreign exceptions become one of these at the border where they are met. ``message`` is one sentence that names
the thing; ``hint`` says what to do.
"""

from __future__ import annotations

from typing import ClassVar


class HedgerowError(Exception):
    """Base of every error a person may see."""

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "Something went wrong"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class UsageError(HedgerowError):
    """The request itself is wrong."""

    code = "usage"
    title = "This cannot be done"


class InviteError(HedgerowError):
    """An invite that is cut, too long, expired, used up, or not genuine."""

    code = "invite"
    title = "This invite cannot be used"


class ManifestError(HedgerowError):
    """A manifest with unknown, missing or absurd fields, or a bad signature."""

    code = "manifest"
    title = "The federation's terms were refused"


class CorpusError(HedgerowError):
    """Text that cannot be read or is not there."""

    code = "corpus"
    title = "This text cannot be used"


class ModelError(HedgerowError):
    """Weights of the wrong shape, type or size, or not finite."""

    code = "model"
    title = "The weights were refused"


class UpdateError(HedgerowError):
    """An update that cannot be decoded or does not belong here."""

    code = "update"
    title = "The update was refused"


class PrivacyError(HedgerowError):
    """The budget, the floor or the ledger says no."""

    code = "privacy"
    title = "Your privacy budget says no"


class BudgetExhausted(PrivacyError):
    """The planned round would exceed a budget; nothing was charged."""

    code = "budget"
    title = "No privacy budget left"


class ReleaseMismatch(PrivacyError):
    """A round that was already answered was asked again with other attributes."""

    code = "release"
    title = "A second answer to one round was refused"


class LedgerRolledBack(PrivacyError):
    """The ledger is older than the keyring or a receipt says it must be."""

    code = "rollback"
    title = "The privacy ledger went back in time"


class CoordinatorError(HedgerowError):
    """The other side does not answer, or answers wrongly."""

    code = "coordinator"
    title = "The coordinator does not answer"


class ClockError(HedgerowError):
    """This machine's clock is too far off for the coordinator to accept its signature."""

    code = "clock"
    title = "This machine's clock is wrong"


class StorageError(HedgerowError):
    """Disk full, file damaged, or folder not writable."""

    code = "storage"
    title = "The disk refused"


class KeystoreError(HedgerowError):
    """No safe place for the key."""

    code = "keystore"
    title = "No safe place for the key"


class SandboxError(HedgerowError):
    """The children cannot be locked down far enough to run."""

    code = "sandbox"
    title = "The sandbox cannot be set up"


class EngineError(HedgerowError):
    """The engine is not there, busy, or failed inside."""

    code = "engine"
    title = "The engine does not answer"


class RuntimeMissing(EngineError):
    """The packaged application has no compute runtime, or one that does not fit."""

    code = "runtime"
    title = "The compute runtime is not ready"


def _all(cls: type[HedgerowError]) -> dict[str, type[HedgerowError]]:
    found = {cls.code: cls}
    for child in cls.__subclasses__():
        for code, kind in _all(child).items():
            found.setdefault(code, kind)  # a finer kind of one error may share its code
    return found


def from_code(code: str, message: str, hint: str = "") -> HedgerowError:
    """Rebuild an error that crossed the socket; unknown codes become ``EngineError``."""
    return _all(HedgerowError).get(code, EngineError)(message, hint)
