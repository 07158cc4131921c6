"""Whole training steps on made-up tokens, with what they took of time and memory."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np
import psutil
import torch
from numpy.typing import NDArray

from core.config.model import ModelSpec
from core.jobs import BatchProbe, ProbeJob, TrainingPlan
from core.model.frozen import shard_model
from core.model.layout import parameter_shapes
from core.model.shard import FULL, parse_shard
from core.model.transformer import Transformer
from core.training.gradients import PackedGradients
from core.training.ladder import ran_out_of_memory
from core.training.optimizer import AdamW
from core.training.plan import available_bytes
from core.training.races import synchronise
from core.training.state import RoundState
from core.update import Array

_STATM: Final = Path("/proc/self/statm")
_CPU_SHARE: Final = 0.8
"""Of the memory the system calls available; the kernel kills rather than refuses."""
_GPU_RESERVE: Final = 0.1
_LEAST_GPU_RESERVE: Final = 1 << 30
_SAMPLE_S: Final = 0.002
_TIMED_S: Final = 0.4
_MAX_REPETITIONS: Final = 5
_SLACK_BYTES: Final = 2 << 30
"""Private memory beyond the budget before the kernel refuses: stacks, buffers, fragments."""


def memory_budget(device: str, cap_bytes: int) -> int:
    """Bytes a step may take: the owner's cap, and never more than most of what is free now.

    On a GPU the free memory is the whole device's, and torch is told to raise its own error at the budget, because
    some drivers move the excess to the machine's memory instead of refusing.
    """
    if device.startswith("cuda"):
        free, total = torch.cuda.mem_get_info(device)
        allowed = max(1, free - max(_LEAST_GPU_RESERVE, int(_GPU_RESERVE * total)))
        budget = min(cap_bytes, allowed) if cap_bytes else allowed
        torch.cuda.set_per_process_memory_fraction(min(1.0, budget / total), device)
        return budget
    free = int(_CPU_SHARE * (available_bytes() or psutil.virtual_memory().available))
    return min(cap_bytes, free) if cap_bytes else free


@contextlib.contextmanager
def limited_memory(device: str, budget_bytes: int) -> Iterator[None]:
    """Let the kernel refuse, in this process and in those it starts, what goes far beyond the budget on a CPU."""
    if device != "cpu" or sys.platform != "linux":
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_DATA)
    most = held_bytes()[1] + budget_bytes + _SLACK_BYTES
    if before[1] == resource.RLIM_INFINITY or most < before[1]:
        resource.setrlimit(resource.RLIMIT_DATA, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


class MadeUpTokens:
    """Uniform tokens; nothing about time or memory depends on which."""

    def __init__(self, spec: ModelSpec, seq_len: int) -> None:
        self._random = torch.Generator().manual_seed(0)
        self._spec, self._seq_len = spec, seq_len

    def next_batch(self, count: int) -> NDArray[np.integer[Any]]:
        """(count, seq_len + 1) token ids."""
        shape = (count, self._seq_len + 1)
        tokens: NDArray[np.int64] = torch.randint(self._spec.vocab_size, shape, generator=self._random).numpy()
        return tokens

    def state_dict(self) -> dict[str, Any]:
        """There is nowhere to return to."""
        return {}


class _Zeros(Mapping[str, Array]):
    """Weights of a model, made when asked for."""

    def __init__(self, spec: ModelSpec) -> None:
        self._shapes = parameter_shapes(spec)

    def __getitem__(self, name: str) -> Array:
        return np.zeros(self._shapes[name], np.float32)

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)


class PeakMemory:
    """Most memory held since it was entered: the allocator's figure on a GPU, resident memory on a CPU."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._stop = threading.Event()
        self.bytes = 0

    def __enter__(self) -> PeakMemory:
        """Forget earlier peaks and start looking."""
        gc.collect()
        if self._device.startswith("cuda"):
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self._device)
        else:
            _give_back_free_memory()
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the figure."""
        if self._device.startswith("cuda"):
            self.bytes = torch.cuda.max_memory_reserved(self._device)
            return
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.bytes = max(self.bytes, held_bytes()[0])
            if self._stop.wait(_SAMPLE_S):
                return


def held_bytes() -> tuple[int, int]:
    """(resident, private) memory of this process; read without psutil where its other files are out of reach."""
    try:
        pages = _STATM.read_text().split()
    except OSError:
        memory = psutil.Process().memory_info()
        return int(memory.rss), int(memory.vms)
    size = resource.getpagesize()
    return int(pages[1]) * size, int(pages[5]) * size


def _give_back_free_memory() -> None:
    """Let the C library return what earlier steps freed, or a small size would show a large one's peak."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


class Rehearsal:
    """Model, base weights and moments as a round has them; ``measure`` runs steps. Use it as a context."""

    def __init__(
        self,
        job: ProbeJob,
        device: str,
        budget_bytes: int,
        check_pause: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.job = job
        self.device = device
        self.budget_bytes = budget_bytes
        self._check_pause = check_pause
        self._clock = clock
        self._limit = limited_memory(device, budget_bytes)

    def __enter__(self) -> Rehearsal:
        """Allocate what a round holds throughout, under a limit that turns too much into an error."""
        self._limit.__enter__()
        self.model = self._model().to(self.device)
        with torch.no_grad():
            for parameter in self.model.ordered():
                torch.nn.init.ones_(parameter) if parameter.ndim == 1 else torch.nn.init.normal_(parameter, std=0.02)
        self._base = self.model.to_arrays()
        self._optimizer = AdamW(self.model.ordered(), self.job.training)
        return self

    def _model(self) -> Transformer:
        """Undefined where it learns, zero where it does not: neither time nor memory depends on values."""
        shard = parse_shard(self.job.model, self.job.shard)
        return Transformer(self.job.model) if shard.name == FULL else shard_model(shard, _Zeros(shard.spec))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Lift the limit and let go of everything."""
        self._limit.__exit__(None, None, None)
        del self.model, self._base, self._optimizer

    def measure(self, plan: TrainingPlan) -> BatchProbe:
        """Forward, backward, clip and optimiser step with ``plan.micro_batch`` sequences; the best of a few.

        Tokens a second are those of a whole batch: its micro-batches, and one optimiser step.
        """
        count, training = plan.micro_batch, self.job.training
        gradients = PackedGradients(MadeUpTokens(self.job.model, training.seq_len), count, plan, training.grad_clip)
        best_micro = best_step = float("inf")
        with PeakMemory(self.device) as peak:
            try:
                spent = 0.0
                for repetition in range(1 + _MAX_REPETITIONS):
                    micro_s, step_s = self._step(gradients)
                    spent += micro_s + step_s
                    if repetition or spent > _TIMED_S:  # a slow step needs no warming up
                        best_micro, best_step = min(best_micro, micro_s), min(best_step, step_s)
                    if spent > _TIMED_S and best_micro < float("inf"):
                        break
            except Exception as error:
                if not ran_out_of_memory(error) and gradients.micro_batch == count:
                    raise
                return BatchProbe(micro_batch=count, peak_bytes=0, tokens_per_s=0.0, step_s=0.0)
        if gradients.micro_batch != count:  # the loop helped itself by halving, which is no measurement
            return BatchProbe(micro_batch=count, peak_bytes=0, tokens_per_s=0.0, step_s=0.0)
        batch_s = best_micro * training.batch_size / count + best_step
        speed = training.batch_size * training.seq_len / batch_s
        return BatchProbe(micro_batch=count, peak_bytes=peak.bytes, tokens_per_s=speed, step_s=best_micro)

    def _step(self, gradients: PackedGradients) -> tuple[float, float]:
        self._check_pause()
        began = self._clock()
        result = gradients.compute(self.model, RoundState(), lambda _: None)
        synchronise(self.device)
        middle = self._clock()
        self._optimizer.step(result.gradients, 1e-4)
        synchronise(self.device)
        return middle - began, self._clock() - middle
