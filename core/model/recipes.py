"""The training settings that a federation of a preset starts from: the seeds' where they give them.

The seeds give, for 75M to 1.3B: rounds, outer rate 0.2 and momentum 0.9, cosine with its length and its end, peak rate
and batch, betas of 0.9 and 0.95, and training sequences of 2,048 tokens in rounds of 500 steps. Everything else is
ours: the warm-up, the rows of ``250m`` (its neighbour's), ``3b`` and ``30b`` (peak rates that fall with size as the
seeds' do), everything under a privacy unit, and everything of ``tiny`` and ``10m``.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from core.config.base import UnitOfPrivacy
from core.config.learning import OuterConfig, TrainingConfig
from core.model.presets import GPT2_SUFFIX, preset

SEED_LOCAL_STEPS: Final = 500
SEED_SEQ_LEN: Final = 2_048
SEED_OUTER: Final = OuterConfig(learning_rate=0.2, momentum=0.9)
ADAPTIVE_OUTER: Final = OuterConfig(optimizer="fedadam", learning_rate=0.01, momentum=0.9)
"""What ``fedadam`` and ``fedyogi`` start from under any preset, with the β2 and τ of Reddi et al. (2021).

The rate is ours: with 0.14M parameters and four volunteers ten rounds gave 2.70 bits per byte at 0.003, 1.42 at 0.01
and 1.23 at 0.03 (``fedavg`` 1.22), and at 0.1 the model got worse again after three."""
SPARSE_FEEDBACK: Final = 0.95
SPARSE_OUTER: Final = OuterConfig(optimizer="fedavg", learning_rate=2.0)
"""What the sparse codecs start from where error feedback is allowed, under any preset: SparseLoCo's decay and plain
outer steps, with a rate that gives back what decays and waits. The best so far in ``make bench-learning``, where a
decay of 0.98 did as well; at the rate 1 the same updates cost 3 % of loss more than at 2."""
_WARMUP: Final = 100


class Recipe(NamedTuple):
    """One row of the seeds' table."""

    rounds: int
    final_ratio: float
    """α, the last learning rate as a share of the peak."""
    peak_rate: float
    """η_max."""
    decay_steps: int
    """T, the length of the cosine."""
    batch_size: int


RECIPES: Final[dict[str, Recipe]] = {
    "75m": Recipe(40, 1e-6, 4e-4, 88_000, 256),
    "75m-hd64": Recipe(40, 1e-6, 4e-4, 88_000, 256),
    "125m": Recipe(25, 1e-5, 3e-4, 15_000, 256),
    "250m": Recipe(40, 1e-1, 3e-4, 13_400, 256),
    "350m": Recipe(40, 1e-1, 3e-4, 13_400, 256),
    "1.3b": Recipe(16, 1e-1, 2e-4, 24_800, 512),
    "3b": Recipe(16, 1e-1, 1.6e-4, 24_800, 512),
    "30b": Recipe(16, 1e-1, 1e-4, 24_800, 512),
}


def recipe(name: str) -> Recipe | None:
    """The table's row for a preset of either shape, ``None`` for ``tiny`` and ``10m``.

    Raises:
        UsageError: there is no such preset.
    """
    return RECIPES.get(preset(name).preset.removesuffix(GPT2_SUFFIX))


def default_rounds(name: str) -> int:
    """Rounds planned in all.

    Raises:
        UsageError: there is no such preset.
    """
    found = recipe(name)
    return 3 if found is None else found.rounds


def default_outer(name: str) -> OuterConfig:
    """What the coordinator does with the mean update: plain averaging for the small presets.

    Raises:
        UsageError: there is no such preset.
    """
    return OuterConfig() if recipe(name) is None else SEED_OUTER


def default_training(name: str, unit: UnitOfPrivacy) -> TrainingConfig:
    """Settings a federation of preset ``name`` starts from under privacy ``unit``.

    Under ``record`` the rate is DP-Adam's own: the second moment is corrected for the noise, so it is not the plain
    one. Chosen for ``tiny`` on two volunteers with tinyshakespeare, σ 0.65, three rounds: 3.81 bits per byte at 4e-3
    and 3.90 at 2e-3, from 5.45. Without DP 3.24 after three rounds of 30 steps at 3e-3 and 3.45 at 6e-3. Above ``10m``
    the seeds' peak rate stands under every unit; no one has tuned it for noise.

    Raises:
        UsageError: there is no such preset.
    """
    found = recipe(name)
    small = preset(name).d_model <= 256
    seq_len = 128 if small else 256
    if unit in ("record", "document"):
        rate = (4e-3 if small else 2e-3) if found is None else found.peak_rate
        return TrainingConfig(seq_len=seq_len, batch_size=64, local_steps=20, learning_rate=rate, decay_steps=400)
    if found is None:
        rate = 3e-3 if small else 1e-3
        return TrainingConfig(
            seq_len=seq_len, batch_size=16, local_steps=30, learning_rate=rate, warmup_steps=10, decay_steps=1_000
        )
    return TrainingConfig(
        seq_len=SEED_SEQ_LEN, batch_size=found.batch_size, local_steps=SEED_LOCAL_STEPS,
        learning_rate=found.peak_rate, final_learning_rate_ratio=found.final_ratio, warmup_steps=_WARMUP,
        decay_steps=found.decay_steps,
    )  # fmt: skip
