"""The leading trainer of a client with several devices: one round, one set of weights, one update.

The leader owns everything that lasts: charge, weights, moments, stream position, checkpoint, noise and seal. Each step
it hands its weights to the siblings, all compute their part of the batch, and their gradients are added in rank order
(Li et al., PyTorch Distributed, 2020; the moments stay on one rank, as in ZeRO-Offload, Ren et al., 2021). So siblings
hold nothing that a crash could lose, a checkpoint is that of one device, and a round goes on with any number of them.

Guarantees under DP-SGD:
    - The draw is made once, by the leader's generator; every example goes to exactly one rank.
    - Clipped sums are added in float64, and the leader alone adds noise, once, and counts it once.

Where nodes are not well connected the round is federated learning inside the client (Photon, lines 19 to 24): each
trains the local steps on its own partition, and the leader takes the mean of their updates. Equal weights, or by tokens
where the unit is ``none`` and a slow node may have done less.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh

from core import vault
from core.aggregation import partial_mean
from core.jobs import TrainJob
from core.model.transformer import Transformer
from core.training import parallel
from core.training.crew_gradients import CrewGradients, ShardedGradients
from core.training.gradients import Gradients, PackedGradients
from core.training.lines import Line, SiblingGone
from core.training.orders import (
    Measure,
    NodeDone,
    NodeReady,
    PackedDone,
    PrivateDone,
    PrivateStep,
    TrainNode,
    hear,
    say,
    send_tokens,
)
from core.training.private_gradients import ClippedSum, PrivateGradients, Running
from core.training.reduction import Reducer
from core.training.round import Rooms
from core.training.sharded import Shards
from core.training.sharing import Stream, micro_step_seconds
from core.training.state import RoundState
from core.update import Array, ModelUpdate, pseudo_gradient

DELIVERY_CONTEXT = b"node-update"


class Crew:
    """The leader's siblings.

    Args:
        job: the round; ``devices`` are its members.
        key: the store key, for what nodes deliver.
        lines: to each sibling, in order.
        reducer: over all of them.
        join: from the places of all parts of a stream to that of the whole.
        mesh: of all ranks, where the model is too big for one device and they hold it together.

    Raises:
        SiblingGone: one ended before it was ready.
    """

    def __init__(
        self,
        job: TrainJob,
        key: bytes,
        lines: Sequence[Line],
        reducer: Reducer,
        join: Callable[[Sequence[Stream]], Stream],
        mesh: DeviceMesh | None = None,
    ) -> None:
        self.job = job
        self.key = key
        self.lines = lines
        self.reducer = reducer
        self.size = len(lines) + 1
        self._join = join
        self._mesh = mesh
        self.waiting: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
        """See ``Rooms``."""
        self.siblings = [answer.node for answer in self._answers(NodeReady)]
        self._started = False

    def lend(self, rooms: Rooms) -> Rooms:
        """The same rooms, shared by all devices."""
        self.waiting = rooms.waiting

        def gradients(state: RoundState) -> Gradients:
            inner = rooms.gradients(state)
            if isinstance(inner, PrivateGradients):
                inner.clipped_sum = self._clipped_sum(inner.clipped_sum)
                return inner
            packed = cast(PackedGradients, inner)
            if self._mesh is not None:
                return ShardedGradients(packed, self, Shards(self.job.model, self._mesh, rooms.device))
            return CrewGradients(packed, self, rooms.device)

        device = "cpu" if self._mesh is not None else rooms.device
        return dataclasses.replace(rooms, gradients=gradients, combine=self.combine, device=device)

    def order(self, message: Any) -> None:
        """Tell every sibling."""
        for line in self.lines:
            say(line, message)

    def _answers(self, kind: type[Any]) -> list[Any]:
        answers = [hear(line) for line in self.lines]
        if not all(isinstance(answer, kind) for answer in answers):
            raise SiblingGone("A sibling of this trainer is out of step.")
        return answers

    def done(self) -> list[PackedDone]:
        """What the siblings did in a step."""
        return self._answers(PackedDone)

    def choose(
        self, inner: PackedGradients, model: Transformer, state: RoundState, device: str
    ) -> tuple[parallel.Strategy, float]:
        """Measure the connection and one micro-step, and choose how to share the round.

        Returns:
            The strategy, and how long a step takes all together; 0 where it was told and nothing measured.
        """
        if self.job.strategy:
            return self.job.strategy, 0.0
        timed = []
        for values in (parallel.SMALL_VALUES, parallel.LARGE_VALUES):
            self.order(Measure(values=values))
            timed.append(parallel.exchange(self.reducer, values, device))
        micro_steps = math.ceil(self.job.training.batch_size / self.size / inner.micro_batch)
        step_s = micro_steps * micro_step_seconds(self.job, inner, model, state)
        return parallel.choose(self.job, parallel.link_from(*timed), step_s), step_s

    def _clipped_sum(self, inner: ClippedSum) -> ClippedSum:
        """``inner`` over all devices: examples are dealt out one by one as they are drawn."""

        def clipped_sum(
            model: Transformer,
            loss_fn: Callable[[Any, Tensor], Tensor],
            examples: Iterable[Tensor],
            clip_norm: float,
            on_example: Callable[[int], None] | None = None,
            into: Running | None = None,
        ) -> Running:
            # Of what all devices do together nothing is held before the end, so nobody is told of parts.
            with self.waiting():
                self.order(PrivateStep(clip_norm=clip_norm))
                self.reducer.spread(model.ordered())

            def own() -> Iterator[Tensor]:
                for number, example in enumerate(examples, start=1):
                    if number % self.size == 0:
                        yield example
                    else:
                        with self.waiting():
                            send_tokens(self.lines[number % self.size - 1], example.cpu().numpy())

            sums, losses = inner(model, loss_fn, own(), clip_norm, into=_apart(into))
            with self.waiting():
                for line in self.lines:
                    line.send(b"")
                self.reducer.reduce(sums)
                return sums, losses + [loss for answer in self._answers(PrivateDone) for loss in answer.losses]

        return clipped_sum

    def start_nodes(self, state: RoundState) -> None:
        """Let the siblings train on their own; those that came after the round began rest until the next."""
        if not self._started:
            self._started = True
            for partition, line in enumerate(self.lines[: state.nodes - 1], start=1):
                say(line, TrainNode(partition=partition, nodes=state.nodes, origin=state.origin))

    def combine(self, read_base: Callable[[], dict[str, Array]], model: Transformer, state: RoundState) -> None:
        """Take the mean of what all nodes trained (line 24); ``model`` and ``state`` are then the client's.

        Args:
            read_base: the weights that the round began with.
            model: what this node trained.
            state: of this node.

        Raises:
            SiblingGone: a node has ended; it goes on from its checkpoint.
            Interrupted: the owner paused while this waited.
        """
        if state.strategy != "local":
            return
        self.start_nodes(state)
        answers = [hear(line) for line in self.lines[: state.nodes - 1]]
        done = [answer for answer in answers if isinstance(answer, NodeDone)]
        if len(done) != len(answers):
            raise SiblingGone("A sibling of this trainer is out of step.")
        did = [answer for answer in done if answer.path]
        base = read_base()
        own = pseudo_gradient(base, model.to_arrays())

        def updates() -> Iterator[ModelUpdate]:
            yield own
            for answer in did:
                raw = vault.decrypt_file(Path(answer.path), self.key, DELIVERY_CONTEXT)
                yield own.with_flat(np.frombuffer(raw, "<f4"))

        weights = [float(state.tokens), *(float(answer.tokens) for answer in did)]
        mean = partial_mean(updates(), weights if self.job.privacy.unit == "none" else None)
        model.load_arrays({name: array - mean.arrays[name] for name, array in base.items()})
        absent = state.nodes - 1 - len(answers)
        state.stream = self._join([state.stream, *(answer.stream for answer in done), *[state.origin] * absent])
        _add_up(state, did)


def _apart(into: Running | None) -> Running:
    """What was summed before, out of the caller's sight: the siblings' part of this step is in no checkpoint."""
    sums, losses = into if into is not None else ([], [])
    mine = list(sums), list(losses)
    sums.clear()
    return mine


def _add_up(state: RoundState, done: Sequence[NodeDone]) -> None:
    state.tokens += sum(answer.tokens for answer in done)
    state.loss_total += sum(answer.loss_total for answer in done)
    state.loss_steps += sum(answer.loss_steps for answer in done)
