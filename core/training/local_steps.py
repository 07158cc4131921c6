"""Local steps of many clients on one model in one process, for ``core.bench.learning``.

The arithmetic of a round is the trainer's own: ``PackedGradients``, ``AdamW`` and ``learning_rate``. What is left out
is what a round costs besides: processes, encryption, files. One set of parameters is loaded with each client's base in
turn; moments and streams are the client's own and persist (Douillard et al., DiLoCo, 2023, Algorithm 1).
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from core.config.learning import TrainingConfig
from core.config.model import ModelSpec
from core.jobs import TrainingPlan
from core.model.initialise import seeded_weights
from core.model.transformer import Transformer, next_token_loss
from core.training.compiled.blocks import CompiledBlocks
from core.training.compiled.build import agrees
from core.training.compiled.compiler import compile_into, find_compiler
from core.training.gradients import PackedGradients, WindowStream
from core.training.loss import default_rows
from core.training.optimizer import AdamW, learning_rate
from core.training.plan import usable_device, use_threads
from core.training.rehearsal import MadeUpTokens
from core.training.state import RoundState
from core.update import Array

_SCORED_AT_ONCE: Final = 64
_ENVIRONMENT: Final = ("HOME", "TMPDIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")


class Local:
    """What one client keeps between rounds: moments, and where its text is."""

    def __init__(self, optimizer: AdamW, gradients: PackedGradients) -> None:
        self.optimizer = optimizer
        self.gradients = gradients
        self.state = RoundState()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The moments, for a checkpoint."""
        names = [str(i) for i in range(len(self.optimizer.first))]
        return {
            name: moment.to("cpu", copy=True).numpy() for name, moment in self.optimizer.state_arrays(names).items()
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]], steps: int) -> None:
        """Take over what ``arrays`` gave after so many steps."""
        names = [str(i) for i in range(len(self.optimizer.first))]
        self.optimizer.load_state(names, {name: torch.from_numpy(array) for name, array in arrays.items()}, steps)


class LocalSteps:
    """One model that trains as one client after the other."""

    def __init__(self, spec: ModelSpec, training: TrainingConfig, plan: TrainingPlan) -> None:
        """Build the model; it has no weights until ``train`` or ``score`` give it some.

        Args:
            spec: its shape.
            training: batch, rate and schedule of every client.
            plan: how the numbers are computed.
        """
        self.model = Transformer(spec).to(plan.device)
        self.training = training
        self.plan = plan
        self._parameters = self.model.ordered()

    def client(self, stream: WindowStream) -> Local:
        """A client with empty moments that reads ``stream``."""
        optimizer = AdamW(self._parameters, self.training)
        return Local(optimizer, PackedGradients(stream, self.training.batch_size, self.plan, self.training.grad_clip))

    def train(self, local: Local, base: Mapping[str, Array], steps: int, clock: int) -> tuple[dict[str, Array], float]:
        """So many steps of one client.

        Args:
            local: the client; its moments and stream move.
            base: the weights it starts from.
            steps: optimiser steps.
            clock: steps the federation has done before.

        Returns:
            The trained weights, and the mean loss in nats per token.

        Raises:
            ModelError: a gradient was not finite.
        """
        self.model.load_arrays(base)
        total = 0.0
        for step in range(steps):
            result = local.gradients.compute(self.model, local.state, lambda _: None)
            local.optimizer.step(result.gradients, learning_rate(self.training, clock + step))
            local.gradients.finished(local.state)
            local.state.step += 1
            local.state.tokens += result.tokens
            total += result.loss or 0.0
        return self.model.to_arrays(), total / max(1, steps)

    def score(self, weights: Mapping[str, Array], windows: NDArray[np.integer[Any]]) -> float:
        """Mean nats per predicted token over (windows, time) ids, in float32."""
        self.model.load_arrays(weights)
        total = 0.0
        with torch.no_grad():
            for start in range(0, len(windows), _SCORED_AT_ONCE):
                part = torch.from_numpy(windows[start : start + _SCORED_AT_ONCE].astype(np.int64))
                total += len(part) * float(next_token_loss(self.model, part.to(self.plan.device)))
        return total / max(1, len(windows))


def has_gpu() -> bool:
    """Whether larger models can be run here."""
    return usable_device("cuda") == "cuda"


def gpu_plan(spec: ModelSpec, micro_batch: int) -> TrainingPlan:
    """On a GPU nothing is raced: bfloat16 and the fused kernel."""
    return TrainingPlan(device="cuda", dtype="bfloat16", micro_batch=micro_batch, loss_rows=default_rows(spec))


def race_plan(spec: ModelSpec, seq_len: int, micro_batch: int, folder: Path) -> TrainingPlan:
    """The fastest way to compute whole steps in processor time on one thread: format, attention, compiled or not.

    Args:
        spec: the model.
        seq_len: tokens of a sequence.
        micro_batch: sequences at once.
        folder: where compiled code is left.
    """
    plain = TrainingPlan(micro_batch=micro_batch, loss_rows=default_rows(spec))
    narrow = msgspec.structs.replace(plain, dtype="bfloat16")
    plans = [plain, narrow, msgspec.structs.replace(narrow, attention="math")]
    plans += [compiled_plan(spec, seq_len, plan, folder / f"{plan.dtype}-{plan.attention}") for plan in plans[::2]]
    measured = [(speed(spec, seq_len, plan), plan) for plan in plans]
    best, plan = max(measured, key=lambda pair: pair[0])
    return msgspec.structs.replace(plan, tokens_per_s=best)


def compiled_plan(spec: ModelSpec, seq_len: int, plan: TrainingPlan, folder: Path) -> TrainingPlan:
    """The plan with its blocks compiled ahead into ``folder``, or as it is where that is impossible."""
    compiler = find_compiler()
    if compiler is None:
        return plan
    shutil.rmtree(folder, ignore_errors=True)  # of a compilation that was broken off
    folder.mkdir(parents=True)
    try:
        with _kept_environment():
            fast = compile_into(folder, compiler, spec, seq_len, plan)
        return fast if agrees(CompiledBlocks.load(fast, spec).run, spec, seq_len, plan) else plan
    except Exception:  # noqa: BLE001 - whatever a foreign compiler raises, the uncompiled plan stands
        return plan


def speed(spec: ModelSpec, seq_len: int, plan: TrainingPlan, seconds: float = 1.0) -> float:
    """Trained tokens per second of processor time, on made-up tokens and one thread."""
    use_threads(1)
    training = TrainingConfig(seq_len=seq_len, batch_size=plan.micro_batch, local_steps=1, learning_rate=1e-4)
    steps = LocalSteps(spec, training, plan)
    local, weights = steps.client(MadeUpTokens(spec, seq_len)), seeded_weights(spec, 1)
    steps.train(local, weights, 2, 0)
    done, began = 0, time.process_time()
    while not done or time.process_time() - began < seconds:
        steps.train(local, weights, 2, 0)
        done += 2
    return done * plan.micro_batch * seq_len / (time.process_time() - began)


@contextmanager
def _kept_environment() -> Iterator[None]:
    """Undo what the compiler's preparation does to this process's environment."""
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
