"""Model FLOPs utilisation on a GPU: trained tokens a second times the FLOPs of a token, over the card's stated peak.

Written for cards this project was not tested on: without a GPU nothing runs, and an unknown peak is not guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch

from core.config.learning import TrainingConfig
from core.config.model import ModelSpec
from core.jobs import ProbeJob
from core.training.probe import make_plan
from core.training.races import step_flops

_PEAKS: Final = {
    "H200": 989e12, "H100": 989e12, "A100": 312e12, "RTX 4090": 165.2e12, "RTX 5090": 209.5e12, "RTX 3090": 71e12,
}  # fmt: skip
"""Dense bfloat16 with float32 sums, FLOP/s, from the makers' data sheets; SXM cards for the H series."""
_BATCH: Final = 256


@dataclass(frozen=True)
class Utilisation:
    """What one model reached on one card."""

    device: str
    tokens_per_s: float
    mfu_percent: float


def measure_gpu(spec: ModelSpec, seq_len: int) -> Utilisation | None:
    """Plan and measure on the first GPU; ``None`` where there is none or its peak is unknown."""
    if not torch.cuda.is_available():
        return None
    name = torch.cuda.get_device_name(0)
    peak = next((flops for card, flops in _PEAKS.items() if card in name), None)
    if peak is None:
        return None
    training = TrainingConfig(seq_len=seq_len, batch_size=_BATCH, local_steps=1, learning_rate=1e-4)
    plan = make_plan(ProbeJob(model=spec, training=training, unit="none", device="cuda:0"))
    return Utilisation(name, plan.tokens_per_s, 100 * plan.tokens_per_s * step_flops(spec, seq_len) / peak)
