"""Joining the trainers of one round: who leads, who serves, and over what they exchange.

| devices | exchange | why |
|---|---|---|
| processors, or of several kinds | shared memory | no socket; the same bits each time |
| several NVIDIA GPUs, in a closed network | NCCL | gradients never leave the cards' own links |
| the same without such a network, or after NCCL failed | shared memory | |
| a model too big for one | gloo or NCCL inside the model, shared memory for weights and gradients | ``fully_shard`` |
"""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.distributed.device_mesh import DeviceMesh

from core.api.errors import ModelError
from core.jobs import TrainJob
from core.training import collective
from core.training.crew import Crew
from core.training.lines import Line, SiblingGone
from core.training.reduction import Reducer, SharedReducer
from core.training.round import Engine, Rooms
from core.training.sharded import warm_up
from core.training.sharing import Stream
from core.training.sibling import Sibling
from core.training.state import Interrupted


@dataclass(frozen=True)
class Links:
    """How the engine said that trainers reach each other."""

    memory: int
    """Descriptor of an anonymous file that all share."""
    lines: tuple[str, ...]
    """Descriptors ``in:out``, one pair for each neighbour in order."""
    rendezvous: str = ""
    """A file to meet at, where a closed network was made for them."""


class Group:
    """This trainer's place among those of its round.

    Args:
        job: this rank's.
        links: the engine's.
        check_pause: of this trainer's channel.
    """

    def __init__(self, job: TrainJob, links: Links, check_pause: Callable[[], None]) -> None:
        self.job = job
        self.links = links
        self.mesh: DeviceMesh | None = None
        self._lines = []
        for line in links.lines:
            in_descriptor, _, out_descriptor = line.partition(":")
            self._lines.append(Line(int(in_descriptor), int(out_descriptor), check_pause))

    @property
    def sharded(self) -> bool:
        """Whether the ranks hold the model together."""
        return self.job.strategy == "fsdp"

    @property
    def sends(self) -> bool:
        """Whether sockets that are open now must stay usable."""
        return self.mesh is not None and self.mesh.device_type == "cuda"

    def connect(self, usable_device: Callable[[str], str]) -> None:
        """Form torch's group where it is wanted; before the sandbox closes.

        Args:
            usable_device: from the job's device to one that torch can compute on.

        Raises:
            ModelError: it is needed, and it cannot be formed.
        """
        if not self.links.rendezvous:
            if self.sharded:
                raise ModelError("The model does not fit on one device.", "Offer a larger device.")
            return
        problem: ModelError | None = None
        try:
            device = usable_device(self.job.device)
            path = Path(self.links.rendezvous)
            self.mesh = collective.form(self.job.rank, len(self.job.devices), device, path)
            warm_up(self.mesh, device)
        except (ModelError, RuntimeError) as error:
            problem = error if isinstance(error, ModelError) else ModelError(f"The devices cannot be joined: {error}")
        if not self._agree(problem is None):
            self.mesh = None
            if self.sharded:
                raise problem or SiblingGone("A sibling of this trainer could not be joined.")
        if self.mesh is not None and self.job.rank:
            self._lines[0].wait_patiently()  # whoever leaves a collective to look at a button leaves the others in it

    def _agree(self, fine: bool) -> bool:
        """Whether all ranks are fine; every rank gets the same answer."""
        if self.job.rank:
            self._lines[0].send(bytes([fine]))
            return self._lines[0].receive() == b"\x01"
        answers = [line.receive() == b"\x01" for line in self._lines]
        for line in self._lines:
            line.send(bytes([fine and all(answers)]))
        return fine and all(answers)

    def lead(self, key: bytes, join: Callable[[Sequence[Stream]], Stream]) -> Crew:
        """The siblings, at rank 0."""
        return Crew(self.job, key, self._lines, self._reducer(), join, self.mesh if self.sharded else None)

    def serve(self, key: bytes, engine: Engine, rooms: Rooms) -> None:
        """Serve rank 0 until it has ended.

        Raises:
            Interrupted: the owner paused.
        """
        mesh = self.mesh if self.sharded else None
        try:
            Sibling(self.job, key, engine, rooms, self._lines[0], self._reducer(), mesh).serve()
        except Interrupted:
            self._lines[0].drain()  # a leader that still waits for this rank must find its own pause
            raise

    def _reducer(self) -> Reducer:
        if self.mesh is not None and not self.sharded:
            return collective.CollectiveReducer()
        return SharedReducer(self.job.rank, len(self.job.devices), self._lines, self.links.memory)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """While inside, a collective that fails means that a sibling is gone; at the end, the others are let go."""
        try:
            yield
            if self.links.rendezvous:
                Path(self.links.rendezvous).unlink(missing_ok=True)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            if self.mesh is None or "not enough memory" in str(error):
                raise
            sys.stderr.write("".join(traceback.format_tb(error.__traceback__)) + type(error).__name__ + "\n")
            raise SiblingGone("A sibling of this trainer has ended.") from error
        finally:
            for line in self._lines:
                line.close()
            collective.leave()
