"""The household's secrets beside the coordinator's: files that only their owner can read, in ``forward/keys/``.

A coordinator runs unattended, so its keys lie in its folder; see SECURITY.md. Nothing of a volunteer's text is
protected by these: the node key signs for the household, the store key covers updates that are about to leave anyway.
"""

from __future__ import annotations

import re
from pathlib import Path

from core import vault
from core.api.errors import KeystoreError

_NAME = re.compile(r"[a-z0-9-]{1,100}")


class FolderKeystore:
    """A ``Keystore`` of plain files, 0600 in a folder of 0700."""

    backend = "folder of the household"
    changed_from = ""

    def __init__(self, root: Path) -> None:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._root = root

    def get(self, name: str) -> bytes | None:
        """The secret of that name, or None.

        Raises:
            KeystoreError: it cannot be read.
        """
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise KeystoreError(f"{self._path(name)} cannot be read: {error.strerror}.") from error

    def set(self, name: str, value: bytes) -> None:
        """Keep a secret, durably."""
        vault.write_atomic(self._path(name), value)

    def delete(self, name: str) -> None:
        """Forget a secret."""
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a secret")
        return self._root / name
