"""A trainer that serves another: it computes what the leader orders and owns nothing that lasts.

Only where nodes train apart does it keep a checkpoint and moments of its own, in a folder of its own inside the
round's, and delivers its update through an encrypted file there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

import msgspec
import numpy as np
import torch
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh

from core import vault
from core.api.errors import CoordinatorError
from core.jobs import Job, Sealed, TrainJob
from core.model.transformer import Transformer
from core.training import parallel
from core.training.base import build_model
from core.training.crew import DELIVERY_CONTEXT
from core.training.gradients import Gradients, PackedGradients
from core.training.lines import Line, SiblingGone
from core.training.optimizer import AdamW
from core.training.orders import (
    Measure,
    NodeDone,
    NodeReady,
    PackedDone,
    PackedStep,
    PrivateDone,
    PrivateStep,
    ShardedStep,
    Tokens,
    TrainNode,
    hear,
    receive_tokens,
    say,
)
from core.training.parallel import Node
from core.training.private_gradients import PrivateGradients
from core.training.reduction import Reducer, SharedReducer
from core.training.round import Engine, Rooms, TrainingRound
from core.training.sharded import Shards
from core.training.sharing import SharedStream, compute_part
from core.training.state import Interrupted, RoundState
from core.update import Array, ModelUpdate

DELIVERY_NAME: Final = "node-update"


class Sibling:
    """Serves until the leader has ended.

    Args:
        job: this rank's job.
        key: the store key.
        engine: for the pause button; nothing is sent.
        rooms: this device's own.
        line: to the leader.
        reducer: over all ranks.
        mesh: of all ranks, where they hold the model together.
    """

    def __init__(
        self,
        job: TrainJob,
        key: bytes,
        engine: Engine,
        rooms: Rooms,
        line: Line,
        reducer: Reducer,
        mesh: DeviceMesh | None = None,
    ) -> None:
        self.job = job
        self.key = key
        self.engine = engine
        self.rooms = rooms
        self.line = line
        self.reducer = reducer
        self.gradients = rooms.gradients(RoundState())
        micro_batch = 1
        if isinstance(self.gradients, PackedGradients):
            micro_batch, self.stream = self.gradients.micro_batch, cast(SharedStream, self.gradients.stream)
        node = Node(device=rooms.device, micro_batch=micro_batch)
        say(line, NodeReady(node=node))
        self.shards = Shards(job.model, mesh, rooms.device) if mesh is not None else None
        self.model = self.shards.model if self.shards else build_model(job).to(rooms.device)

    def serve(self) -> None:
        """Obey until the leader is gone, which is how every round ends.

        Raises:
            Interrupted: the owner paused.
            HedgerowError: what was ordered cannot be done, in one sentence.
        """
        while True:
            try:
                with self.rooms.waiting():
                    order = hear(self.line)
            except SiblingGone:
                return
            match order:
                case Measure():
                    parallel.exchange(self.reducer, order.values, self.rooms.device)
                case PackedStep():
                    self._packed(order)
                case ShardedStep() if self.shards is not None:
                    self._sharded(order, self.shards)
                case PrivateStep():
                    self._private(order)
                case TrainNode():
                    say(self.line, NodeRound(self.job, self.key, self.engine, self.rooms, order).deliver())
                case _:
                    raise SiblingGone("The leading trainer is out of step.")

    def _pulse(self, _: float) -> None:
        if isinstance(self.reducer, SharedReducer):
            self.engine.check_pause()
            self.rooms.rest()
            return
        # In torch's collectives the leader alone looks: whoever leaves one leaves all others waiting in it.
        with contextlib.suppress(Interrupted):
            self.rooms.rest()

    def _packed(self, order: PackedStep) -> None:
        if order.fresh:
            with self.rooms.waiting():
                self.reducer.spread(self.model.ordered())
        gradients = cast(PackedGradients, self.gradients)
        batch_size = self.job.training.batch_size
        self.stream.load_state_dict(order.stream)
        windows = self.stream.next_share(order.windows, self.reducer.rank, self.reducer.size)
        after = self.stream.state_dict()
        part = compute_part(gradients, windows, after, batch_size, self.model, RoundState(), self._pulse)
        with self.rooms.waiting():
            self.reducer.reduce(part.gradients)
        say(self.line, PackedDone(loss_sum=(part.loss or 0.0) * len(windows), tokens=part.tokens))

    def _sharded(self, order: ShardedStep, shards: Shards) -> None:
        shards.take(self.reducer, None)
        batch_size = self.job.training.batch_size
        self.stream.load_state_dict(order.stream)
        windows = self.stream.next_share(batch_size, self.reducer.rank, self.reducer.size)
        # No look at the pause button and no rest: the leader has both, and all must be in the same collective.
        loss_sum = shards.compute(windows, order.micro_batch, order.micro_steps, batch_size, lambda _: None)
        shards.give(self.reducer, None)
        say(self.line, PackedDone(loss_sum=loss_sum, tokens=windows.size - len(windows)))

    def _private(self, order: PrivateStep) -> None:
        with self.rooms.waiting():
            self.reducer.spread(self.model.ordered())
        device = self.model.ordered()[0].device

        def examples() -> Iterator[Tensor]:
            while (tokens := self._example()) is not None:
                self._pulse(0.0)
                yield torch.from_numpy(np.array(tokens, np.int64)).to(device)

        private = cast(PrivateGradients, self.gradients)
        sums, losses = private.clipped_sum(self.model, private.loss, examples(), order.clip_norm)
        with self.rooms.waiting():
            self.reducer.reduce(sums)
        say(self.line, PrivateDone(losses=[loss for loss in losses if math.isfinite(loss)]))

    def _example(self) -> Tokens | None:
        with self.rooms.waiting():
            return receive_tokens(self.line)


class _Silent:
    """The engine of a node that trains apart: it hears nothing, but may pause."""

    def __init__(self, engine: Engine) -> None:
        self.check_pause = engine.check_pause

    def send(self, message: Job) -> None:
        """The leader speaks for all."""

    def wait_for_grant(self) -> int:
        """The leader's charge covers all nodes."""
        return 0


class NodeRound(TrainingRound):
    """The local steps of one node on its own partition (Photon, lines 20 to 23): the real round, without its ends."""

    def __init__(self, job: TrainJob, key: bytes, engine: Engine, rooms: Rooms, order: TrainNode) -> None:
        own = {name: f"{getattr(job, name)}/node-{order.partition}" for name in ("round_dir", "state_dir")}
        for folder in own.values():
            Path(folder).mkdir(parents=True, exist_ok=True, mode=0o700)

        def gradients(state: RoundState) -> Gradients:
            inner = cast(PackedGradients, rooms.gradients(state))
            inner.stream = cast(SharedStream, inner.stream).partition(order.partition, order.nodes)
            return inner

        mine = dataclasses.replace(rooms, gradients=gradients)
        super().__init__(msgspec.structs.replace(job, **own), key, _Silent(engine), mine)
        self.order = order
        # What was trained as another partition, or from elsewhere in the stream, is not what was ordered now.
        self.checkpoints.job = hashlib.sha256(self.checkpoints.job.encode() + msgspec.json.encode(order)).hexdigest()

    def deliver(self) -> NodeDone:
        """Do what is left of the steps, and put the update where the leader reads it.

        Returns:
            Where it is; without a path if time was up before the first step.
        """
        try:
            path = self.run().path
        except CoordinatorError:
            path = ""
        state = self.state
        return NodeDone(
            path=path, tokens=state.tokens, loss_total=state.loss_total,
            loss_steps=state.loss_steps, stream=state.stream or self.order.origin,
        )  # fmt: skip

    def _begin(self, base: dict[str, Array], model: Transformer, optimizer: AdamW) -> None:
        super()._begin(base, model, optimizer)
        self.state.stream, self.state.nodes = self.order.origin, self.order.nodes

    def _measure(self, model: Transformer) -> None:
        """The leader measures."""

    def _charge(self) -> None:
        """The leader charges, once for all nodes."""

    def _sealed_before(self) -> None:
        """A node seals nothing."""

    def _seal(self, update: ModelUpdate) -> Sealed:
        path = self.folder / DELIVERY_NAME
        raw = update.flat().astype("<f4").tobytes()
        vault.encrypt_file(path, self.key, raw, DELIVERY_CONTEXT)
        return Sealed(
            path=str(path), sha256="", size_bytes=len(raw), dense_bytes=update.dense_bytes, steps=self.state.step,
            tokens=self.state.tokens, seconds=self.state.seconds,
        )  # fmt: skip
