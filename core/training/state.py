"""How far a round is: at the last step boundary, and inside the step after it."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from torch import Tensor

from core.jobs import TrainingPlan

FED: Final = "fed"
"""Beside the stream's own state: a running hash over every window that was fed, in order."""


class Interrupted(Exception):
    """The owner paused. Weights, moments and state are those of the last finished step."""


class RoundState(msgspec.Struct, kw_only=True):
    """How far a round is. But for ``seconds`` it changes at step boundaries only, so it can be saved at any moment."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    """Computing time over all restarts, a broken-off step included."""
    loss_total: float = 0.0
    """Sum of the steps' mean losses, in nats per token."""
    loss_steps: int = 0
    """Steps that had an example to take a loss from."""
    last_loss: float | None = None
    noise_draws: int = 0
    noise_energy: float = 0.0
    stream: dict[str, Any] = {}
    plan: TrainingPlan | None = None
    """How the numbers are computed, rungs that failed left out; a resumed round goes on with it."""
    step_key: bytes = b""
    """Drives draws and noise of the next step, and through a one-way step of all later ones."""
    strategy: str = ""
    """How several devices share this round, once that is chosen; see ``core.training.parallel``."""
    nodes: int = 0
    """Devices that train apart in it, each on its partition; 0 where they train as one."""
    section: int = 0
    """Windows of a long step after which devices that train as one add up what they have; 0 means all."""
    origin: dict[str, Any] = {}
    """Where the whole stream was when such nodes began."""

    @property
    def mean_loss(self) -> float | None:
        """Mean over the steps that had one."""
        return self.loss_total / self.loss_steps if self.loss_steps else None


class StepFacts(msgspec.Struct, kw_only=True, frozen=True):
    """How far a step is that was broken off."""

    done: int
    """Windows, or examples of the draw, in the sum."""
    fraction: float
    """The same as a share of the step."""
    losses: list[tuple[int, float]]
    """(sequences, mean loss) of each micro-batch or example."""
    plan: TrainingPlan
    """How they were computed, and the rest is to be."""
    fed: str = ""
    """Hash of the whole step's windows, or examples in their order; the sum belongs to no others."""


class PartialStep(msgspec.Struct, kw_only=True, frozen=True):
    """The part of a step that is done. Under DP-SGD it is as secret as the text: nothing here has noise yet."""

    facts: StepFacts
    sums: list[Tensor]
    """Sum over what is done, in layout order: float32 shares of the mean, or float64 clipped gradients."""
