"""How it learns: inner and outer optimiser, when a step is taken back, and what is made of a cohort's updates."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from core.config.base import Frozen, between

OuterOptimizer = Literal["fedavg", "fedmom", "nesterov", "fedadam", "fedyogi", "strategy"]


class TrainingConfig(Frozen, frozen=True, kw_only=True):
    """Local training: batch, steps and the inner optimiser (AdamW) with its schedule over the federation's steps."""

    seq_len: int
    """Tokens per training sequence."""
    batch_size: int
    """Sequences per step; under DP units the *expected* size of a Poisson draw."""
    local_steps: int
    """Optimiser steps per round."""
    learning_rate: float
    """Peak learning rate."""
    final_learning_rate_ratio: float = 0.1
    """Learning rate after ``decay_steps`` divided by the peak."""
    warmup_steps: int = 0
    """Linear warm-up, in federation steps."""
    decay_steps: int = 1_000
    """Cosine length, in federation steps."""
    beta1: float = 0.9
    beta2: float = 0.95
    adam_eps: float = 1e-8
    weight_decay: float = 0.0
    grad_clip: float = 1.0
    """Global gradient norm bound of the unit ``none`` and ``corpus`` loops; DP-SGD clips per example instead."""

    def __post_init__(self) -> None:
        """Bound every number.

        Raises:
            ValueError: a number is out of range.
        """
        between("training.seq_len", self.seq_len, 8, 32_768)
        between("training.batch_size", self.batch_size, 1, 65_536)
        between("training.local_steps", self.local_steps, 1, 100_000)
        between("training.learning_rate", self.learning_rate, 1e-8, 1.0)
        between("training.final_learning_rate_ratio", self.final_learning_rate_ratio, 0.0, 1.0)
        between("training.warmup_steps", self.warmup_steps, 0, 1e7)
        between("training.decay_steps", self.decay_steps, 1, 1e9)
        between("training.beta1", self.beta1, 0.0, 0.9999)
        between("training.beta2", self.beta2, 0.0, 0.999999)
        between("training.adam_eps", self.adam_eps, 1e-16, 1.0)
        between("training.weight_decay", self.weight_decay, 0.0, 10.0)
        between("training.grad_clip", self.grad_clip, 1e-6, 1e6)


class OuterConfig(Frozen, frozen=True, kw_only=True):
    """The outer optimiser, applied by the coordinator to the mean pseudo-gradient."""

    optimizer: OuterOptimizer = "fedmom"
    """See ``core.coordinator.learning.outer_optimizer``. ``strategy``: a Flower ``Strategy`` of the operator's."""
    learning_rate: float = 1.0
    """η, the server learning rate. Under ``strategy`` the share of the way to the weights that the strategy gives."""
    momentum: float = 0.0
    """μ of ``fedmom`` and ``nesterov``, β1 of ``fedadam`` and ``fedyogi``; ``fedavg`` and ``strategy`` ignore it."""
    beta2: float = 0.99
    """Of ``fedadam`` and ``fedyogi``: how long the second moment remembers."""
    tau: float = 1e-3
    """Of ``fedadam`` and ``fedyogi``: added to the root of the second moment; the smaller, the more adaptive. DiLoCo
    found that Adam on pseudo-gradients of language models needs 0.1 (https://arxiv.org/abs/2311.08105)."""
    strategy: Annotated[str, Meta(pattern=r"^([A-Za-z][A-Za-z0-9_.-]{0,63})?$")] = ""
    """Name of an entry point in the group ``hedgerow.strategies`` on the coordinator's machine; it alone loads it."""
    weight_averaging: float = 0.0
    """β of FedVSSL's averaging over rounds, θ ← (β·θ_old + θ_new)/(β + 1); 0 takes θ_new as it is."""

    def __post_init__(self) -> None:
        """Bound every number.

        Raises:
            ValueError: a number is out of range, or a strategy is named without being chosen, or chosen unnamed.
        """
        between("outer.learning_rate", self.learning_rate, 1e-6, 10.0)
        between("outer.momentum", self.momentum, 0.0, 0.9999)
        between("outer.beta2", self.beta2, 0.0, 0.999999)
        between("outer.tau", self.tau, 1e-9, 10.0)
        between("outer.weight_averaging", self.weight_averaging, 0.0, 100.0)
        if bool(self.strategy) is not (self.optimizer == "strategy"):
            raise ValueError(f"outer.strategy is {self.strategy!r}, but the optimizer is {self.optimizer!r}")


class StabilityTerms(Frozen, frozen=True, kw_only=True):
    """When the coordinator takes a step back: a checkpoint is refused, the server learning rate lowered. 0 is off."""

    blow_up: float = 0.0
    """A round whose pseudo-gradient norm or model norm is over this many times the running median is refused; so is
    one whose outer step is not finite, which has no checkpoint anyway."""
    window: int = 8
    """Closed rounds the median is taken over; with fewer than three of them there is none yet."""
    backoff: float = 0.5
    """What the server learning rate is multiplied by after a refused round."""
    held_out_gate: float = 0.0
    """A checkpoint whose loss on the coordinator's own text is worse than its base's by more than this share of it is
    refused."""
    plateau_rounds: int = 0
    """Measured rounds without a better loss on the coordinator's own text before the rate is lowered."""
    plateau_factor: float = 0.5
    """What the server learning rate is multiplied by on a plateau."""

    def __post_init__(self) -> None:
        """Bound every number.

        Raises:
            ValueError: a number is out of range.
        """
        between("stability.blow_up", self.blow_up, 1.1 if self.blow_up else 0.0, 1_000.0)
        between("stability.window", self.window, 3, 1_000)
        between("stability.backoff", self.backoff, 0.01, 1.0)
        between("stability.held_out_gate", self.held_out_gate, 0.0, 10.0)
        between("stability.plateau_rounds", self.plateau_rounds, 0, 10_000)
        between("stability.plateau_factor", self.plateau_factor, 0.01, 1.0)

    @property
    def waits_for_evaluation(self) -> bool:
        """Whether the next round depends on how good the newest checkpoint is."""
        return self.held_out_gate > 0 or self.plateau_rounds > 0


MIN_CONTRIBUTORS: Final = 10
"""Updates of a parameter from which on order statistics are taken; with fewer they cut off honest ones."""


class AggregationTerms(Frozen, frozen=True, kw_only=True):
    """How the updates of a cohort become one; see ``core.combination``. What volunteers say they did is no weight."""

    weights: Literal["equal", "metric", "loss"] = "equal"
    """``equal``: 1/|C|. ``metric``: softmax of −loss. ``loss``: ``loss_share`` of it, the rest equal."""
    loss_share: float = 0.9
    """FedVSSL's α: share of the loss-weighted mean in the whole (weights ``loss``)."""
    norm_bound: Literal["none", "median"] = "none"
    """``median``: an update longer than the running median of accepted norms is scaled down to it; where the whole
    cohort has grown, to its own median and at most twice that."""
    rule: Literal["mean", "centred-clipping", "trimmed-mean", "median", "multi-krum"] = "mean"
    """How bounded updates are combined; with too few of them order statistics give way to the bounded mean."""
    trim: float = 0.2
    """Share cut off at each end of every value (``trimmed-mean``), or taken for hostile (``multi-krum``)."""
    ramp_rounds: int = 0
    """A volunteer's first accepted updates count 1/(r+1), 2/(r+1), … of one; 0: the first counts in full."""
    invite_share: float = 1.0
    """Largest share of a cohort that came by one invite."""

    def __post_init__(self) -> None:
        """Bound every number, and refuse what does not go together.

        Raises:
            ValueError: a number is out of range, or a rule that counts everybody once is given weights.
        """
        between("aggregation.loss_share", self.loss_share, 0.0, 1.0)
        between("aggregation.trim", self.trim, 0.01, 0.45)
        between("aggregation.ramp_rounds", self.ramp_rounds, 0, 1_000)
        between("aggregation.invite_share", self.invite_share, 0.001, 1.0)
        if self.counts_once and (self.weights != "equal" or self.ramp_rounds):
            raise ValueError(f"aggregation.rule {self.rule!r} counts every update once, so there are no weights")

    @property
    def counts_once(self) -> bool:
        """Whether the rule compares updates with each other, so that none can count for more or less."""
        return self.rule in ("trimmed-mean", "median", "multi-krum")
