"""What a joining and its rounds need from the process they live in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.engine.board import Board
from core.engine.config_store import ConfigStore
from core.engine.corpora import Corpora
from core.engine.editions import Editions
from core.engine.governor import Governor
from core.ledger.store import Ledger


@dataclass(frozen=True)
class Desk:
    """What speaking with a coordinator needs: folder, ledger, choices, store key, and somewhere to tell of it."""

    home: Path
    ledger: Ledger
    config: ConfigStore
    key: bytes
    board: Board


@dataclass(frozen=True)
class Room(Desk):
    """What training on this machine needs besides."""

    corpora: Corpora
    governor: Governor
    editions: Editions
