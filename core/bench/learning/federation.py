"""One cell: a whole federation in one process, round by round, in the product's own arithmetic."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.api.errors import HedgerowError, UpdateError
from core.bench.learning.aggregators import Aggregator
from core.bench.learning.cells import Cell
from core.bench.learning.checkpoint import CHECKPOINT_S, Spent, forget, resume, save
from core.bench.learning.hostile import Hostile
from core.bench.learning.links import Downlink, Uplink, codec_config
from core.bench.learning.records import VERSION
from core.bench.learning.text import HALVES, Stream, Text
from core.config.exchange import MAX_COMBINADIC
from core.coordinator.learning.outer_optimizer import outer_step
from core.jobs import TrainingPlan
from core.model.initialise import seeded_weights
from core.model.layout import parameter_shapes
from core.postprocess.compression.codec import decode, encoded_size
from core.training.local_steps import Local, LocalSteps
from core.update import Array, ModelUpdate, pseudo_gradient

LOOKS: Final = 12
"""Parts of a run, each but the last ended by a point of the curve."""
_QUICK: Final = 16
"""A look on the way reads every so many of the held-out windows."""
_AHEAD: Final = 1 << 20
"""Streams of different parts never share a seed."""


class Federation:
    """The state of a cell between two rounds."""

    def __init__(self, cell: Cell, text: Text, plan: TrainingPlan) -> None:
        """Round 0.

        Args:
            cell: what is run.
            text: from which every client gets its part.
            plan: how local steps are computed; its micro-batch is at most the cell's batch.

        Raises:
            ValueError: a codec, an aggregator or an outer optimiser is not known here.
            CorpusError: a client has too little text.
        """
        self.cell = cell
        self.shapes = parameter_shapes(cell.spec)
        self.codec = codec_config(cell.codec, cell.kept, cell.chunk, cell.index_code)
        self.outer = cell.outer_config
        down = codec_config(cell.down, cell.down_kept, cell.down_chunk) if cell.down else None
        self.weights: dict[str, Array] = seeded_weights(cell.spec, cell.seed)
        self.momentum: dict[str, Array] | None = None
        self.down = Downlink(self.weights, down)
        self.trainer = LocalSteps(cell.spec, cell.training, plan)
        parts = cell.parts or cell.clients
        own = [cell.alone] if cell.alone >= 0 else range(cell.clients)
        self.streams = [
            Stream(text.part(cell.split, parts, part), cell.seq_len, cell.seed * _AHEAD + part) for part in own
        ]
        self.curve: list[tuple[int, int, int, float]] = []
        """(round, steps, tokens, bits per byte) on the way."""
        self.locals: list[Local] = [self.trainer.client(stream) for stream in self.streams]
        self.up = [Uplink(self.codec, cell.feedback) for _ in self.streams]
        self.steps = steps_by_deadline(cell)
        self.late = frozenset(range(cell.clients - 1, -1, -len(text.kinds))[: cell.late])
        """Who joins in the middle: by kind, all that have the last one before any other."""
        self.chance = np.random.Generator(np.random.PCG64(np.random.SeedSequence([cell.seed, 77])))
        self.round = 0
        self.clock = 0
        """The federation's steps: the most of any client, round by round (Photon's clock)."""
        self.hostile = {
            client: Hostile(cell.attack, cell.seed) for client in range(cell.clients - cell.hostile, cell.clients)
        }
        self.aggregate = Aggregator(cell.aggregator)
        self.up_bytes = self.up_densest = self.uploads = self.lost = self.refused = 0
        self.train_loss = 0.0

    def play(self) -> None:
        """One round.

        Raises:
            HedgerowError: training or the outer step diverged.
        """
        cell, loss, longest = self.cell, 0.0, 0
        present = [client for client in range(cell.clients) if 2 * self.round >= cell.rounds or client not in self.late]
        lots = self.chance.random(cell.clients)
        arrived: list[ModelUpdate] = []
        honest: list[ModelUpdate] = []
        for client in present:
            steps = self.steps[client]
            trained, mean_loss = self.trainer.train(self.locals[client], self.down.held, steps, self.clock)
            longest, loss = max(longest, steps), loss + mean_loss / len(present)
            update = self._noised(pseudo_gradient(self.down.held, trained))
            payload = self.up[client].send(update)
            if client in self.hostile:  # it knows what it would have sent, and what all honest ones did
                own = decode(payload, self.shapes, self.codec)
                payload = self.hostile[client].send(own, honest, self.codec)
            self.up_bytes += len(payload)
            self.up_densest += self._densest(len(payload))
            self.uploads += 1
            if lots[client] < cell.drop:
                self.up[client].lost(cell.returned)
                self.lost += 1
                continue
            try:
                arrived.append(decode(payload, self.shapes, self.codec))
            except UpdateError:
                self.refused += 1
                continue
            if client not in self.hostile:
                honest.append(arrived[-1])
        if arrived:
            self._close(self.aggregate(arrived))
        self.clock += longest
        self.round += 1
        self.train_loss = loss

    def _densest(self, sent: int) -> int:
        """What the same values take with the densest index code, which is slow to run thousands of times."""
        config = self.codec
        if not config.sparse or config.kept * config.chunk_size > MAX_COMBINADIC:
            return sent
        return encoded_size(self.shapes, msgspec.structs.replace(config, index_code="combinadic"))

    def _noised(self, update: ModelUpdate) -> ModelUpdate:
        if not self.cell.noise:
            return update
        scale = self.cell.noise * update.norm() / math.sqrt(update.size)
        return update.with_flat(update.flat() + scale * self.chance.standard_normal(update.size))

    def _close(self, mean: ModelUpdate) -> None:
        stepped = outer_step(self.outer, self.weights, mean, self.momentum)
        self.weights, self.momentum = stepped.weights, stepped.momentum
        self.down.follow(self.weights)

    def look(self, windows: NDArray[np.uint8]) -> float:
        """Held-out bits per byte of what the volunteers hold."""
        return self.trainer.score(self.down.held, windows) / math.log(2)

    @property
    def tokens(self) -> int:
        """Predicted tokens that were really read."""
        return sum(stream.tokens for stream in self.streams)


def _nobody(_share: float) -> None:
    return


def steps_by_deadline(cell: Cell) -> list[int]:
    """Steps of each client in a round: speeds lie evenly on a log scale from 1 to 1/spread, dealt by the seed."""
    places = np.random.Generator(np.random.PCG64(np.random.SeedSequence([cell.seed, 78]))).permutation(cell.clients)
    if cell.spread <= 1.0 or cell.clients == 1:
        return [cell.local_steps] * cell.clients
    speeds = [cell.spread ** (-int(place) / (cell.clients - 1)) for place in places]
    return [max(1, round(cell.local_steps * speed)) for speed in speeds]


def run(
    cell: Cell, text: Text, plan: TrainingPlan, kept: Path | None = None, progress: Callable[[float], None] = _nobody
) -> dict[str, Any]:
    """One cell from beginning to end.

    Args:
        cell: what is run.
        text: what is learned and held out.
        plan: how local steps are computed.
        kept: folder of checkpoints; a cell that was broken off goes on from its own.
        progress: told the share that is done after every round.

    Returns:
        The row: ``final`` bits per byte on the half that is reported, ``choice`` on the half that settings are chosen
        by, and what led there; ``failed`` says why there is none.
    """
    began, used = time.monotonic(), time.process_time()
    federation, failed = Federation(cell, text, plan), ""
    choose, report = (text.held_out(cell.seq_len, half) for half in HALVES)
    before = resume(federation, kept) if kept else Spent(0.0, 0.0)
    began, used, saved = began - before.seconds, used - before.cpu_seconds, time.monotonic()
    looks = {round(cell.rounds * at / LOOKS) for at in range(1, LOOKS)} - {0, cell.rounds}
    try:
        while federation.round < cell.rounds:
            federation.play()
            if federation.round in looks:
                bits = federation.look(choose[::_QUICK])
                federation.curve.append((federation.round, federation.clock, federation.tokens, bits))
            progress(federation.round / cell.rounds)
            if kept and time.monotonic() - saved > CHECKPOINT_S:
                saved = time.monotonic()
                save(federation, kept, Spent(saved - began, time.process_time() - used))
        chosen_by = federation.look(choose)
        by_kind = [federation.look(windows) for windows in np.split(report, len(text.kinds))]
    except HedgerowError as error:
        chosen_by, by_kind, failed = math.inf, [], error.message
    if kept:
        forget(cell, kept)
    return {
        **_told(federation, text), "final": sum(by_kind) / len(by_kind) if by_kind else None,
        "choice": chosen_by if by_kind else None, "failed": failed,
        "by_kind": dict(zip(text.kinds, by_kind, strict=False)), "seconds": time.monotonic() - began,
        "cpu_seconds": time.process_time() - used, "dtype": plan.dtype, "compiled": plan.compiled,
    }  # fmt: skip


def _told(federation: Federation, text: Text) -> dict[str, Any]:
    """Everything of a row that was counted."""
    cell, told = federation.cell, federation
    dense = 4 * sum(math.prod(shape) for shape in told.shapes.values())
    return {
        "version": VERSION, "key": cell.key, "cell": cell.as_dict(), "text": text.digest, "curve": told.curve,
        "rounds": told.round,
        "steps": told.clock, "tokens": told.tokens, "train_bits": told.train_loss / math.log(2),
        "epochs": max(stream.epochs for stream in told.streams), "uploads": told.uploads, "lost": told.lost,
        "refused": told.refused, "up_bytes": told.up_bytes, "up_densest": told.up_densest,
        "up_dense": dense * told.uploads, "down_bytes": told.down.sent_bytes, "down_dense": dense * told.round,
    }  # fmt: skip
