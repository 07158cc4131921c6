"""From the outer step to a checkpoint that volunteers can have: whole, or as a difference from the one before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from core.config.federation import FederationConfig
from core.coordinator.learning.model_files import ModelFiles, Stored
from core.federation.protocol import Delta
from core.model.checkpoint_io import Values
from core.model.layout import parameter_shapes
from core.postprocess.compression.codec import encoded_size
from core.postprocess.compression.delta import Sending


class Published(NamedTuple):
    """Files of a checkpoint, all of them durable."""

    sha256: str
    size_bytes: int
    delta: str = ""
    """The blob that leads to it from its base; empty where only the whole is there."""
    delta_bytes: int = 0
    residual: str = ""
    """Private: what the differences so far have left out."""


def publish(files: ModelFiles, base: Stored, stepped: Values, residual: str) -> Published:
    """Store a checkpoint as the terms ask. The same step gives the same bytes.

    Args:
        files: of the federation.
        base: the checkpoint that the round started from.
        stepped: the weights after the outer step.
        residual: what had been left out before; empty if nothing.

    Raises:
        UpdateError: a value is not finite.
        StorageError: the disk refused.
    """
    terms = files.downlink
    if terms.mode == "whole":
        return Published(*files.put_weights(stepped))
    with files.opened_state(residual) as held_back:
        sending = Sending(files.shapes, base.part, stepped, None if held_back is None else held_back.part)
    payload, sent = sending.encode(terms.codec)
    delta = files.put_delta(payload)
    sha256, size_bytes = files.put_weights(sent.after(base.part))
    return Published(sha256, size_bytes, delta, len(payload), files.put_state(sending.left(sent)))


def delta_bytes(config: FederationConfig) -> int:
    """Exact bytes of a difference; 0 where whole checkpoints are sent."""
    if config.downlink.mode == "whole":
        return 0
    return encoded_size(parameter_shapes(config.model), config.downlink.codec)


def worth_it(chain: Sequence[Delta], one_bytes: int, whole_bytes: int) -> Sequence[Delta]:
    """As many differences, newest first, as cost at most half of what the whole checkpoint does."""
    return chain[: whole_bytes // (2 * one_bytes)] if one_bytes else ()
