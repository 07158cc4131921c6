"""One cell of the campaign: everything that decides a run's numbers, and nothing else."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal

import msgspec

from core.config.learning import OuterConfig, TrainingConfig
from core.config.model import ModelSpec

Split = Literal["iid", "kind"]


def _spec(name: str, blocks: int, width: int, heads: int, inner: int, positions: int = 512) -> ModelSpec:
    return ModelSpec(
        preset=name, vocab_size=256, num_layers=blocks, d_model=width, num_heads=heads, d_ff=inner,
        max_seq_len=positions,
    )  # fmt: skip


SIZES: Final = {
    "toy": _spec("toy", 1, 16, 2, 32),
    "0.3m": _spec("0.3m", 2, 128, 4, 192),
    "1m": _spec("1m", 4, 160, 5, 256),
    "3m": _spec("3m", 6, 192, 6, 512),
    "10m": _spec("10m", 8, 320, 5, 864),
    "35m": _spec("35m", 12, 512, 8, 1_344, 1_024),
    "125m": _spec("125m", 12, 960, 15, 2_432, 2_048),
}
"""Models of the llama shape over bytes, by parameters; the head is tied."""
NEEDS_GPU: Final = ("10m", "35m", "125m")


def below(size: str) -> str:
    """The next smaller size of the campaign; empty for the smallest."""
    names = list(SIZES)[1:]
    return names[names.index(size) - 1] if size in names[1:] else ""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run. Two cells with equal fields are one run, whichever experiments ask for it."""

    size: str = "0.3m"
    text: Literal["machine", "synthetic"] = "machine"
    split: Split = "iid"
    """How documents are dealt: by hash, or each kind of text to clients of its own."""
    seed: int = 1
    """Of the first weights, the order of the windows, and whatever happens by chance."""
    clients: int = 1
    parts: int = 0
    """Parts the text is dealt into; 0 for as many as clients."""
    alone: int = -1
    """The one part that a single client has; -1 for all."""
    rounds: int = 100
    local_steps: int = 30
    batch: int = 4
    """Sequences of each client's step."""
    seq_len: int = 128
    inner_rate: float = 4e-3
    final_ratio: float = 0.1
    warmup: int = 100
    outer: Literal["fedavg", "fedmom", "nesterov"] = "fedavg"
    outer_rate: float = 1.0
    momentum: float = 0.0
    codec: str = "fp32"
    kept: int = 64
    chunk: int = 4_096
    index_code: str = "elias-fano"
    """Changes bytes, never values; decoding the densest code is slow."""
    feedback: float = 0.0
    """What of the residual stays from round to round."""
    down: str = ""
    """Codec of the broadcast delta; empty for dense weights."""
    down_kept: int = 256
    down_chunk: int = 4_096
    drop: float = 0.0
    """Chance that a trained update is lost on its way."""
    returned: float = 1.0
    """What of a lost update goes back into the residual; in the product nothing does."""
    spread: float = 1.0
    """Fastest client's steps over the slowest's, by the same deadline."""
    late: int = 0
    """Clients that join in the middle."""
    hostile: int = 0
    """The last so many clients are hostile."""
    attack: str = ""
    aggregator: str = "mean"
    noise: float = 0.0
    """Gaussian noise on each update, as a share of its norm."""

    @property
    def key(self) -> str:
        """A name that stays when fields with defaults are added."""
        said = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def tokens(self) -> int:
        """Predicted tokens of all clients where none is slow, late or away: the plan's, not what was counted."""
        return self.rounds * self.local_steps * self.batch * self.seq_len * self.clients

    @property
    def spec(self) -> ModelSpec:
        """The model."""
        return SIZES[self.size]

    @property
    def training(self) -> TrainingConfig:
        """Every client's settings."""
        steps = self.rounds * self.local_steps
        warmup = min(self.warmup, steps // 10)
        return TrainingConfig(
            seq_len=self.seq_len, batch_size=self.batch, local_steps=self.local_steps, learning_rate=self.inner_rate,
            final_learning_rate_ratio=self.final_ratio, warmup_steps=warmup, decay_steps=max(1, steps - warmup),
        )  # fmt: skip

    @property
    def outer_config(self) -> OuterConfig:
        """The coordinator's optimiser.

        Raises:
            ValueError: there is none of this name.
        """
        wanted = {"optimizer": self.outer, "learning_rate": self.outer_rate, "momentum": self.momentum}
        try:
            return msgspec.convert(wanted, OuterConfig)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from None

    def as_dict(self) -> dict[str, Any]:
        """For a file."""
        return asdict(self)

    @staticmethod
    def from_dict(found: dict[str, Any]) -> Cell:
        """What ``as_dict`` gave, of this or an earlier version.

        Raises:
            TypeError: it has fields that no cell has.
        """
        return Cell(**found)


def described(cell: Cell) -> str:
    """What is not as in the default cell, in one line."""
    usual = Cell().as_dict()
    return " ".join(f"{name}={value}" for name, value in cell.as_dict().items() if value != usual[name]) or "default"
