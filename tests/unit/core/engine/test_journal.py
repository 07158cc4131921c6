"""The inbox: a message is handed over once, so it must outlive a disk that is full."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.api.errors import StorageError
from core.engine.journal import Inbox, Received
from core.federation.fleet import Delivery


def test_a_message_outlives_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox, received = Inbox(tmp_path / "inbox"), Received(delivery=Delivery(b"message", b"tree"))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="disk is full"):
            inbox.put(received)
        with pytest.raises(StorageError, match="disk is full"):
            inbox.get()
    assert inbox.get() == received
    assert Inbox(tmp_path / "inbox").get() == received, "it is on the disk now"
    inbox.clear()
    assert inbox.get() is None


def test_a_damaged_file_counts_as_nothing(tmp_path: Path) -> None:
    (tmp_path / "inbox").write_bytes(b"\xc1")
    assert Inbox(tmp_path / "inbox").get() is None
