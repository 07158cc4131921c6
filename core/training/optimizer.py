"""The inner optimiser: AdamW on a clock that the whole federation shares, with moments that never leave the machine.

Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019. Under DP-SGD the gradient carries noise of known
variance s² = (σC/B)² per value, which the second moment would mistake for signal, so it is subtracted and floored
(Tang, Shpilevskiy and Lécuyer, DP-AdamBC, 2024). That is arithmetic on released values: it costs no privacy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from core.config.learning import TrainingConfig

NOISE_FLOOR = 0.25
"""Least second moment under DP, as a share of the noise variance; the estimate below it is noise itself."""


def learning_rate(training: TrainingConfig, federation_step: int) -> float:
    """Linear warm-up, then a cosine down to ``final_learning_rate_ratio``, over the federation's steps.

    Args:
        training: peak, warm-up and decay.
        federation_step: steps the federation has done before this one.
    """
    if federation_step < training.warmup_steps:
        return training.learning_rate * (federation_step + 1) / training.warmup_steps
    done = min(1.0, (federation_step - training.warmup_steps) / training.decay_steps)
    low = training.final_learning_rate_ratio
    return training.learning_rate * (low + (1.0 - low) * 0.5 * (1.0 + math.cos(math.pi * done)))


class AdamW:
    """AdamW over a fixed list of parameters. Matrices decay, vectors do not."""

    def __init__(
        self, parameters: Sequence[Tensor], training: TrainingConfig, noise_variance: Sequence[float] = ()
    ) -> None:
        """Start with empty moments.

        Args:
            parameters: in layout order; ``step`` changes them in place.
            training: betas, epsilon and decay.
            noise_variance: of each parameter, mean variance per value of the noise in its gradient; empty or 0 without
                DP.
        """
        self.parameters = list(parameters)
        self.training = training
        self.noise_variance = list(noise_variance) or [0.0] * len(self.parameters)
        self.steps = 0
        self.first = [torch.zeros_like(p, dtype=torch.float32) for p in self.parameters]
        self.second = [torch.zeros_like(p, dtype=torch.float32) for p in self.parameters]
        self._clock = torch.zeros((), device=self.parameters[0].device if self.parameters else "cpu")

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], rate: float) -> None:
        """One update with learning rate ``rate``."""
        self.steps += 1
        if any(self.noise_variance):
            self._corrected(gradients, rate)
            return
        self._clock.fill_(self.steps)
        for decay, matrices in ((self.training.weight_decay, True), (0.0, False)):
            at = [i for i, parameter in enumerate(self.parameters) if (parameter.ndim > 1) is matrices]
            if at:
                self._fused(at, gradients, rate, decay)

    def _fused(self, at: list[int], gradients: Sequence[Tensor], rate: float, decay: float) -> None:
        """torch's own kernel: one pass over the memory instead of eight."""
        settings = self.training
        torch._fused_adamw_(
            [self.parameters[i] for i in at], [gradients[i] for i in at], [self.first[i] for i in at],
            [self.second[i] for i in at], [], [self._clock] * len(at), amsgrad=False, lr=rate, beta1=settings.beta1,
            beta2=settings.beta2, weight_decay=decay, eps=settings.adam_eps, maximize=False,
        )  # fmt: skip

    def _corrected(self, gradients: Sequence[Tensor], rate: float) -> None:
        """The update with the noise taken out of the second moment."""
        settings = self.training
        unbias_first = 1.0 - settings.beta1**self.steps
        unbias_second = 1.0 - settings.beta2**self.steps
        everything = zip(self.parameters, gradients, self.first, self.second, self.noise_variance, strict=True)
        for parameter, gradient, first, second, variance in everything:
            first.lerp_(gradient, 1.0 - settings.beta1)
            second.mul_(settings.beta2).addcmul_(gradient, gradient, value=1.0 - settings.beta2)
            scale = second / unbias_second
            scale.sub_(variance).clamp_(min=NOISE_FLOOR * variance)
            scale.sqrt_().add_(settings.adam_eps)
            if settings.weight_decay and parameter.ndim > 1:
                parameter.mul_(1.0 - rate * settings.weight_decay)
            parameter.addcdiv_(first, scale, value=-rate / unbias_first)

    def state_arrays(self, names: Sequence[str]) -> dict[str, Tensor]:
        """The moments themselves, named ``first.…`` and ``second.…`` after the parameters."""
        first = {f"first.{name}": moment for name, moment in zip(names, self.first, strict=True)}
        return first | {f"second.{name}": moment for name, moment in zip(names, self.second, strict=True)}

    def load_state(self, names: Sequence[str], arrays: Mapping[str, Tensor], steps: int) -> None:
        """Take over moments that ``state_arrays`` gave.

        Raises:
            ValueError: an array is missing or has another shape.
        """
        for prefix, moments in (("first", self.first), ("second", self.second)):
            for name, moment in zip(names, moments, strict=True):
                stored = arrays.get(f"{prefix}.{name}")
                if stored is None or stored.shape != moment.shape:
                    raise ValueError(f"the stored moments do not fit {name}")
                moment.copy_(stored)
        self.steps = steps
