"""The loop of local steps: take gradients, step the inner optimiser, and stop only where the privacy unit allows it.

Under DP-SGD the number of steps is the plan's: neither time nor tokens end the round early.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from core.api.errors import CoordinatorError, ModelError
from core.jobs import TrainJob
from core.model.transformer import Transformer
from core.training.gradients import Gradients, Pulse, StepResult
from core.training.optimizer import AdamW, learning_rate
from core.training.state import RoundState


class LocalTrainer:
    """Runs the local steps of one round over a model, from wherever ``state`` is."""

    def __init__(
        self, job: TrainJob, model: Transformer, optimizer: AdamW, gradients: Gradients, state: RoundState
    ) -> None:
        self.job = job
        self.model = model
        self.optimizer = optimizer
        self.gradients = gradients
        self.state = state

    def run(self, pulse: Pulse, on_step: Callable[[RoundState], None]) -> RoundState:
        """Train to the end of the round.

        Args:
            pulse: see ``Pulse``.
            on_step: called after each finished step, when model, optimiser and state agree.

        Raises:
            Interrupted: from ``pulse``; the last finished step stands, and ``gradients`` knows the part after it.
            CoordinatorError: unit ``none`` reached its bound before the first step.
            ModelError: the weights are not finite at the end.
        """
        began = 0.0

        def count() -> None:
            nonlocal began
            now = time.monotonic()
            self.state.seconds += now - began
            began = now

        def timed(fraction: float) -> None:
            """What happens between micro-steps, such as a rest, is not computing."""
            nonlocal began
            count()
            try:
                pulse(fraction)
            finally:
                began = time.monotonic()

        while self.state.step < self.job.local_steps and self._may_start():
            began = time.monotonic()
            try:
                self._finish(self.gradients.compute(self.model, self.state, timed))
            finally:
                count()
            on_step(self.state)
        if self.state.step == 0:
            raise CoordinatorError("The round's time or token budget ended before the first step.")
        if not all(bool(torch.isfinite(p).all()) for p in self.model.ordered()):
            raise ModelError("Training diverged: the weights are not finite.", "The learning rate may be too high.")
        return self.state

    def _may_start(self) -> bool:
        """Only unit ``none`` looks at clocks and counters: elsewhere they would depend on the text."""
        job, state = self.job, self.state
        if job.privacy.unit != "none":
            return True
        step_tokens = job.training.batch_size * job.training.seq_len
        in_time = not job.deadline_at or time.time() < job.deadline_at
        budget = job.token_budget // max(1, state.nodes)
        return in_time and (not job.token_budget or state.tokens + step_tokens <= budget)

    def _finish(self, result: StepResult) -> None:
        state = self.state
        self.optimizer.step(result.gradients, learning_rate(self.job.training, self.job.step_clock + state.step))
        self.gradients.finished(state)
        state.step += 1
        state.tokens += result.tokens
        state.noise_draws += result.noise_draws
        state.noise_energy += result.noise_energy
        if result.loss is not None:
            state.last_loss = result.loss
            state.loss_total += result.loss
            state.loss_steps += 1
