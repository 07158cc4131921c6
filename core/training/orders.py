"""What the leading trainer says to its siblings, and what they answer: one JSON frame each, tagged by ``type``."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.training.lines import Line, SiblingGone
from core.training.parallel import Node

Tokens = NDArray[np.integer[Any]]


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True, forbid_unknown_fields=True):
    """Base of all of them."""


class Measure(Message, frozen=True, kw_only=True, tag="measure"):
    """Exchange a vector of so many values, so that the leader can take the time."""

    values: int


class PackedStep(Message, frozen=True, kw_only=True, tag="packed_step"):
    """Take the weights and this rank's part of the next batch, and reduce its gradient."""

    stream: dict[str, Any]
    """Where the whole stream is."""
    windows: int
    """Of the whole batch, for all ranks; fewer than its size where a long step is cut into sections."""
    fresh: bool
    """Whether the weights are new; those of a section after the first are not."""


class ShardedStep(Message, frozen=True, kw_only=True, tag="sharded_step"):
    """The same where each rank holds a part of the model; all run equally many micro-steps."""

    stream: dict[str, Any]
    micro_batch: int
    micro_steps: int


class PackedDone(Message, frozen=True, kw_only=True, tag="packed_done"):
    """This rank's part of the step."""

    loss_sum: float
    """Over its windows."""
    tokens: int


class PrivateStep(Message, frozen=True, kw_only=True, tag="private_step"):
    """Take the weights and then examples up to an empty frame; reduce the sum of their clipped gradients."""

    clip_norm: float


class PrivateDone(Message, frozen=True, kw_only=True, tag="private_done"):
    """Losses of this rank's examples; they stay on this machine."""

    losses: list[float]


class TrainNode(Message, frozen=True, kw_only=True, tag="train_node"):
    """Train the local steps on one partition, on its own, and put the update where the leader can read it."""

    partition: int
    nodes: int
    origin: dict[str, Any]
    """Where the whole stream was when the round began."""


class NodeDone(Message, frozen=True, kw_only=True, tag="node_done"):
    """The node's update is on the disk, encrypted."""

    path: str
    tokens: int
    loss_total: float
    loss_steps: int
    stream: dict[str, Any]


class NodeReady(Message, frozen=True, kw_only=True, tag="node_ready"):
    """First words of a sibling."""

    node: Node


AnyMessage = (
    Measure | PackedStep | ShardedStep | PackedDone | PrivateStep | PrivateDone | TrainNode | NodeDone | NodeReady
)
_decode: msgspec.json.Decoder[AnyMessage] = msgspec.json.Decoder(AnyMessage)


def say(line: Line, message: Message) -> None:
    """Write one message."""
    line.send(msgspec.json.encode(message))


def hear(line: Line) -> AnyMessage:
    """Read one message.

    Raises:
        SiblingGone: the other end has ended or says what is none.
    """
    try:
        return _decode.decode(line.receive())
    except msgspec.MsgspecError as error:
        raise SiblingGone("A sibling of this trainer said what is no message.") from error


def send_tokens(line: Line, tokens: Tokens) -> None:
    """Hand over one example, (T,) or (windows, T) token ids."""
    rows = np.atleast_2d(tokens)
    line.send(len(rows).to_bytes(4, "big") + np.ascontiguousarray(rows, dtype="<i8").tobytes())


def receive_tokens(line: Line) -> Tokens | None:
    """The next example, (windows, T); ``None`` after the last."""
    frame = line.receive()
    if not frame:
        return None
    return np.frombuffer(frame, "<i8", offset=4).reshape(int.from_bytes(frame[:4], "big"), -1)
