"""Tokenizers that travel with the program, by name and hash; importing this loads nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Final

BUILTIN: Final = {"hedgerow-4k": "fb91bceff97b8b2a44a5fbe3861d6dd2d1d9537d53c2759a0fe6f0034f5a5903"}
"""sha256 of each ``tokenizer.json``."""


def builtin_tokenizer_path(name: str = "hedgerow-4k") -> Path:
    """Where a tokenizer of ``BUILTIN`` lies.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in BUILTIN:
        raise ValueError(f"no built-in tokenizer is called {name!r}")
    return Path(__file__).resolve().parents[2] / "resources" / "tokenizers" / f"{name}.json"
