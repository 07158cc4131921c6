"""The privacy links of the chain: bound, noise, the check of a DP-SGD record, and the explicit absence of all three.

Guarantees:

* ``BoundUpdate`` then ``AddGaussian`` is the Gaussian mechanism on the whole update. Replacing the corpus moves the
  bounded update by at most 2C, so with noise σC one release is μ-Gaussian-DP with μ = 2/σ (relation replace-one).
* ``VerifyDPRecord`` adds nothing: DP-SGD protected the update inside the trainer. It refuses to let an update pass
  whose record does not show at least what the plan was charged for.
* ``Forwarded`` passes on a mean of released updates, which is post-processing; it checks terms, not noise.
* An update that is not finite becomes the zero vector before the noise; the release stays charged.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from core.api.errors import PrivacyError
from core.config.privacy import PrivacyTerms
from core.jobs import DPRecord, PrivacyPlan
from core.postprocess.privacy.clipping import clip_vector
from core.subspace import Subspace, reduced_size
from core.update import ModelUpdate

if TYPE_CHECKING:
    from core.postprocess.base import Context


class Reduce:
    """What of the update lies in a public subspace, as the only thing that is released of it."""

    role: Literal["reduce"] = "reduce"

    def __init__(self, subspace: Subspace) -> None:
        self.subspace = subspace

    def forward(self, update: ModelUpdate, context: Context) -> tuple[ModelUpdate, dict[str, float]]:
        """The reduced values, array by array."""
        named = zip(update.arrays.items(), self.subspace.parts, strict=True)
        return ModelUpdate({name: part.reduce(array).astype(np.float32) for (name, array), part in named}), {}

    def backward(self, update: ModelUpdate) -> ModelUpdate:
        """Nothing to undo: what is sent was lifted."""
        return update


class Lift:
    """The way back from the reduced values, after the noise."""

    role: Literal["lift"] = "lift"

    def __init__(self, subspace: Subspace) -> None:
        self.subspace = subspace

    def forward(self, update: ModelUpdate, context: Context) -> tuple[ModelUpdate, dict[str, float]]:
        """Arrays of the parameters' own shapes."""
        named = zip(update.arrays.items(), self.subspace.parts, strict=True)
        arrays = {name: np.ascontiguousarray(part.lift(array), dtype=np.float32) for (name, array), part in named}
        return ModelUpdate(arrays), {}

    def backward(self, update: ModelUpdate) -> ModelUpdate:
        """Nothing to undo."""
        return update


class BoundUpdate:
    """Flat L2 clip of the exact vector that is released, in float64."""

    role: Literal["bound"] = "bound"

    def __init__(self, clip_norm: float) -> None:
        self.clip_norm = clip_norm

    def forward(self, update: ModelUpdate, context: Context) -> tuple[ModelUpdate, dict[str, float]]:
        """Clip."""
        clipped = clip_vector(update.flat(), self.clip_norm)
        return update.with_flat(clipped.values), {"norm_before_clip": clipped.norm}

    def backward(self, update: ModelUpdate) -> ModelUpdate:
        """Nothing to undo."""
        return update


class AddGaussian:
    """N(0, (σC)²) per value from the release's own generator."""

    role: Literal["noise"] = "noise"

    def __init__(self, clip_norm: float, noise_multiplier: float) -> None:
        if not (math.isfinite(noise_multiplier) and noise_multiplier > 0):
            raise ValueError(f"noise_multiplier must be positive, got {noise_multiplier}")
        self.scale = clip_norm * noise_multiplier

    def forward(self, update: ModelUpdate, context: Context) -> tuple[ModelUpdate, dict[str, float]]:
        """Add noise in float64.

        Raises:
            PrivacyError: the caller brought no generator.
        """
        if context.noise is None:
            raise PrivacyError("The noise generator is missing.", "Nothing was sent; this is a fault of Hedgerow.")
        noise = self.scale * context.noise.normal(update.size)
        noisy = update.flat().astype(np.float64) + noise
        drawn = {"noise_draws": float(update.size), "noise_energy": float(np.einsum("i,i", noise, noise))}
        return update.with_flat(noisy), drawn

    def backward(self, update: ModelUpdate) -> ModelUpdate:
        """Noise stays."""
        return update


class VerifyDPRecord:
    """Lets an update pass only with a DP-SGD record that matches what was charged."""

    role: Literal["verified"] = "verified"

    def __init__(self, plan: PrivacyPlan | None, num_parameters: int | None = None) -> None:
        self.plan = plan
        self.num_parameters = num_parameters

    def forward(self, update: ModelUpdate, context: Context) -> tuple[ModelUpdate, dict[str, float]]:
        """Compare record and plan.

        Raises:
            PrivacyError: naming the first difference.
        """
        if self.plan is None or context.record is None:
            raise PrivacyError("The trainer left no record of its noise.", "The round is abandoned and stays charged.")
        if self.num_parameters not in (None, update.size):
            raise PrivacyError("The update has another size than the noise that was drawn.")
        for fault in _faults(self.plan, context.record, reduced_size(update.shapes, self.plan.subspace)):
            raise PrivacyError(f"The trainer's record shows {fault}.", "The round is abandoned and stays charged.")
        return update, {}

    def backward(self, update: ModelUpdate) -> ModelUpdate:
        """Nothing to undo."""
        return update


def _faults(plan: PrivacyPlan, record: DPRecord, size: int) -> list[str]:
    faults = []
    if record.unit != plan.unit:
        faults.append(f"unit {record.unit}, not {plan.unit}")
    if record.steps != plan.steps:  # fewer would mean that something in the text could end the round early
        faults.append(f"{record.steps} steps where {plan.steps} were charged")
    if not record.sampling_prob <= plan.sampling_prob:
        faults.append(f"sampling probability {record.sampling_prob:g} above {plan.sampling_prob:g}")
    if not record.clip_norm <= plan.clip_norm:
        faults.append(f"clip norm {record.clip_norm:g} above {plan.clip_norm:g}")
    if not record.noise_multiplier >= plan.noise_multiplier > 0:
        faults.append(f"noise multiplier {record.noise_multiplier:g} below {plan.noise_multiplier:g}")
    if record.noise_draws != record.steps * size:
        faults.append(f"{record.noise_draws} noise values for {record.steps} steps of {size} values")
    if record.too_quiet:
        faults.append(f"noise quieter than noise multiplier {record.noise_multiplier:g}")
    return faults


class Forwarded:
    """The mean of updates that were protected on the machines they came from, each under terms at least as strict.

    It adds nothing: what was released may be averaged and sent on at no further cost. Each machine's guarantee is its
    own; this link sees to it that the terms they were made under satisfy those the mean is sent under.

    Raises:
        ValueError: a term is looser than the larger federation's, or there is no guarantee to pass on.
    """

    role: Literal["forwarded"] = "forwarded"

    def __init__(self, own: PrivacyTerms, larger: PrivacyTerms) -> None:
        if own.unit == "none":
            raise ValueError("a household without a guarantee has none to pass on")
        same = ("unit", "relation", "clip_norm")
        looser = [name for name in same if getattr(own, name) != getattr(larger, name)]
        if own.min_noise_multiplier < larger.min_noise_multiplier:
            looser.append("min_noise_multiplier")
        upper = ("max_sampling_prob", "windows_per_document", "delta_cap")
        looser += [name for name in upper if getattr(own, name) > getattr(larger, name)]
        if looser:
            raise ValueError(f"the household's terms differ from the larger federation's in {', '.join(looser)}")

    def forward(self, update: ModelUpdate, context: Context) -> tuple[ModelUpdate, dict[str, float]]:
        """Pass."""
        return update, {}

    def backward(self, update: ModelUpdate) -> ModelUpdate:
        """Pass."""
        return update


class NoGuarantee:
    """The explicit statement that nothing protects this update."""

    role: Literal["no_guarantee"] = "no_guarantee"

    def forward(self, update: ModelUpdate, context: Context) -> tuple[ModelUpdate, dict[str, float]]:
        """Pass."""
        return update, {}

    def backward(self, update: ModelUpdate) -> ModelUpdate:
        """Pass."""
        return update
