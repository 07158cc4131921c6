"""What the demo knows at one moment: fed by the coordinator's events and the engines' snapshots, read by the views."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from core.api.messages.privacy import BudgetInfo
from core.api.messages.state import Snapshot

_ENDED = {"accepted", "refused", "late"}


@dataclass
class Volunteer:
    """One volunteer as the demo sees it."""

    name: str
    documents: int = 0
    tokens: int = 0
    state: str = "starting"
    why: str = ""
    phase: str = "idle"
    server_round: int = 0
    step: int = 0
    steps: int = 0
    budget: BudgetInfo | None = None
    acknowledged: bool = False
    """Whether every update so far has its receipt."""

    def observe(self, snapshot: Snapshot, unit: str) -> None:
        """Take over what a snapshot says."""
        self.state, self.why = snapshot.state, snapshot.why.text
        if snapshot.round is None:
            self.phase = "idle"
        else:
            now = snapshot.round
            self.phase, self.server_round, self.step, self.steps = now.phase, now.server_round, now.step, now.steps
        self.tokens = sum(corpus.tokens for corpus in snapshot.corpora)
        self.acknowledged = bool(snapshot.uploads) and all(u.state in _ENDED for u in snapshot.uploads)
        self.budget = next((b for b in snapshot.privacy if b.unit == unit), self.budget)


@dataclass
class Round:
    """One closed round, as the coordinator reported it."""

    round: int
    loss: float | None
    """Nats per token on the held-out text."""
    bits_per_byte: float | None
    volunteers: int
    upload_bytes: int
    dense_bytes: int
    seconds: float | None

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> Round:
        """Read a ``round_closed`` event; unknown fields are ignored.

        Raises:
            KeyError: a field is missing.
        """
        return cls(**{name: event[name] for name in cls.__dataclass_fields__})


@dataclass
class Demo:
    """The whole demo."""

    unit: str
    rounds_planned: int
    volunteers: list[Volunteer]
    rounds: list[Round] = field(default_factory=list)
    initial_bits_per_byte: float | None = None
    unigram_bits_per_byte: float = 0.0
    held_out_bytes: int = 0
    doing: str = "starting"
    finished: bool = False

    @property
    def final_bits_per_byte(self) -> float | None:
        """Bits per byte after the last round that was measured."""
        measured = [r.bits_per_byte for r in self.rounds if r.bits_per_byte is not None]
        return measured[-1] if measured else self.initial_bits_per_byte
