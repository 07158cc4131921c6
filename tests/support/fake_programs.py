"""Programs of the system, played by shell scripts in a folder that is the whole search path."""

from __future__ import annotations

from pathlib import Path

import pytest


class FakePrograms:
    """A search path that holds only what a test puts there."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        folder.mkdir()
        monkeypatch.setenv("PATH", str(folder))

    def give(self, name: str, body: str) -> None:
        """A program; ``body`` is shell, and its arguments are ``$*``."""
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
