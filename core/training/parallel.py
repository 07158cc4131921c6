"""How several devices of one owner share a round: HasInfra, the choice of a branch, and each node's batch.

Photon's client asks whether its nodes are well connected (Algorithm 1, line 16). Here that is measured: a short
exchange between the devices gives latency and bandwidth, one micro-step gives the time of a step, and nodes are well
connected where exchanging a gradient costs at most a quarter of a step. Then:

| nodes | unit | model | what they do |
|---|---|---|---|
| any | ``record``, ``document`` | fits | ``ddp``: clipped sums are added each step and one rank noises |
| well connected | ``none``, ``corpus`` | fits one device | ``ddp``: each takes its part of the batch |
| not well connected | ``none``, ``corpus`` | fits one device | ``local``: federated learning inside the client |
| any | ``none``, ``corpus`` | does not fit | ``fsdp``: each holds a part of it |

Whether it fits is arithmetic (``core.model.presets.memory_bytes``) and decided by the engine, which has to prepare for
the last row before the trainers start.

Under DP-SGD there is no local branch: nodes that trained apart would each need the full noise at each step, so that the
update would carry more of it than one combined noise.
"""

from __future__ import annotations

import math
import time
from typing import Final, Literal, NamedTuple

import msgspec
import torch

from core.jobs import TrainJob
from core.model.shard import parse_shard
from core.training.reduction import Reducer

Strategy = Literal["ddp", "fsdp", "local"]
MAX_EXCHANGE_SHARE: Final = 0.25
"""Most of a step's time that exchanging a gradient may cost between nodes called well connected."""
SMALL_VALUES: Final = 1
LARGE_VALUES: Final = 4 << 20
_TIMES: Final = 3


class Node(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One device of the client as its own trainer found it (GetNodes, CalcBatchSize; lines 15 and 21)."""

    device: str
    micro_batch: int
    """Sequences that go through the model at once there. The batch of a step is the federation's."""


class Link(NamedTuple):
    """What an exchange between all nodes costs: a gradient in, weights out."""

    latency_s: float
    bytes_per_s: float

    def seconds(self, size_bytes: int) -> float:
        """Time to exchange so many bytes."""
        return self.latency_s + size_bytes / self.bytes_per_s


def exchange(reducer: Reducer, values: int, device: str) -> float:
    """Reduce and spread so many float32 values, as all ranks do at once; the best time in seconds."""
    vector = [torch.zeros(values, device=device)]
    best = math.inf
    for _ in range(_TIMES):
        began = time.perf_counter()
        reducer.reduce(vector)
        reducer.spread(vector)
        best = min(best, time.perf_counter() - began)
    return best


def link_from(small_s: float, large_s: float) -> Link:
    """The link whose exchanges of ``SMALL_VALUES`` and ``LARGE_VALUES`` took so long."""
    return Link(small_s, 4.0 * (LARGE_VALUES - SMALL_VALUES) / max(large_s - small_s, 1e-9))


def has_infra(link: Link, gradient_bytes: int, step_s: float) -> bool:
    """Whether nodes are well connected for this model: exchanging a gradient is a small part of a step.

    Args:
        link: as measured.
        gradient_bytes: of one gradient, float32.
        step_s: time in which all nodes together compute one step.
    """
    return link.seconds(gradient_bytes) <= MAX_EXCHANGE_SHARE * step_s


def choose(job: TrainJob, link: Link, step_s: float) -> Strategy:
    """The branch for a model that fits one device.

    Args:
        job: the round.
        link: between its devices.
        step_s: see ``has_infra``.
    """
    if job.privacy.unit not in ("none", "corpus"):
        return "ddp"
    return "ddp" if has_infra(link, 4 * parse_shard(job.model, job.shard).size(), step_s) else "local"
