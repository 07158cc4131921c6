"""Parts of a model that a volunteer can train alone: all of it, a range of blocks, or everything around the blocks.

A shard is named ``full``, ``blocks:4-7`` (both ends included) or ``embedding``. Token embedding, positions, last norm
and head are one unit, since a tied head *is* the embedding. The same units, block by block, are how weights travel: a
volunteer fetches the units of its shard as they are and the others in a narrower type.
"""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass
from typing import Final

from core.config.model import ModelSpec
from core.model.layout import Shapes, block_prefix, parameter_shapes

FULL: Final = "full"
EMBEDDING: Final = "embedding"
_BLOCKS: Final = re.compile(r"blocks:(0|[1-9][0-9]{0,3})-(0|[1-9][0-9]{0,3})")


@dataclass(frozen=True)
class Shard:
    """One part of one model."""

    spec: ModelSpec
    name: str
    first: int
    """Lowest block that learns; one beyond the last where none does."""
    last: int

    @property
    def holds_embedding(self) -> bool:
        """Whether everything around the blocks learns."""
        return self.name in (FULL, EMBEDDING)

    def shapes(self) -> Shapes:
        """Name → shape of the parameters that learn, in layout order."""
        learning = tuple(block_prefix(self.spec, number) for number in range(self.first, self.last + 1))
        blocks = tuple(block_prefix(self.spec, number) for number in range(self.spec.num_layers))
        return {
            name: shape
            for name, shape in parameter_shapes(self.spec).items()
            if (name.startswith(learning) if name.startswith(blocks) else self.holds_embedding)
        }

    def size(self) -> int:
        """Number of values that learn."""
        return sum(math.prod(shape) for shape in self.shapes().values())

    @property
    def blocks_in_graph(self) -> int:
        """Blocks whose activations the backward pass needs: the lowest that learns, and all above it."""
        return self.spec.num_layers if self.holds_embedding else self.spec.num_layers - self.first

    def units(self) -> tuple[Shard, ...]:
        """The smallest shards this one is made of."""
        around = (embedding(self.spec),) if self.holds_embedding else ()
        return (*around, *(_blocks(self.spec, number, number) for number in range(self.first, self.last + 1)))


def full(spec: ModelSpec) -> Shard:
    """The whole model."""
    return Shard(spec, FULL, 0, spec.num_layers - 1)


def embedding(spec: ModelSpec) -> Shard:
    """Everything around the blocks."""
    return Shard(spec, EMBEDDING, spec.num_layers, spec.num_layers - 1)


def _blocks(spec: ModelSpec, first: int, last: int) -> Shard:
    return Shard(spec, f"blocks:{first}-{last}", first, last)


def parse_shard(spec: ModelSpec, name: str) -> Shard:
    """The shard of this name.

    Raises:
        ValueError: it names nothing, or blocks the model does not have.
    """
    if name == FULL:
        return full(spec)
    if name == EMBEDDING:
        return embedding(spec)
    match = _BLOCKS.fullmatch(name)
    if match is None:
        raise ValueError(f"{name[:80]!r} names no part of a model; parts are full, embedding and blocks:FIRST-LAST")
    first, last = int(match[1]), int(match[2])
    if not first <= last < spec.num_layers:
        raise ValueError(f"{name} names blocks that a model of {spec.num_layers} does not have")
    return _blocks(spec, first, last)


def divide(spec: ModelSpec, count: int) -> tuple[Shard, ...]:
    """``count`` shards that together are the model: the embedding, and blocks in ranges as equal as they can be.

    Args:
        spec: the model.
        count: 1 for the whole model in one; otherwise 2 to the number of blocks and one.

    Raises:
        ValueError: there are not so many parts.
    """
    if count == 1:
        return (full(spec),)
    ranges = count - 1
    if not 1 <= ranges <= spec.num_layers:
        raise ValueError(f"a model of {spec.num_layers} blocks has 1 to {spec.num_layers + 1} shards, not {count}")
    bounds = [spec.num_layers * number // ranges for number in range(ranges + 1)]
    spans = itertools.pairwise(bounds)
    return (embedding(spec), *(_blocks(spec, first, after - 1) for first, after in spans))


def units(spec: ModelSpec) -> tuple[Shard, ...]:
    """The smallest shards, as which weights are stored and sent: the embedding, then block by block."""
    return full(spec).units()
