"""A checkpoint unit by unit: one file per block and one for what is around them, named by hash in a small index.

A unit that did not change keeps its hash, so nobody fetches it twice. Each unit is there whole, for those who train it,
and with its matrices in bfloat16 for those who only compute with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from core.api.errors import ModelError
from core.config.base import Frozen, Sha256
from core.config.model import ModelSpec
from core.model.checkpoint_io import MAX_HEADER_BYTES, stored_bytes
from core.model.shard import Shard, units

MAX_INDEX_BYTES: Final = 64 << 10
_HINT: Final = "It is not used; the coordinator must send the weights its manifest describes."


class Part(Frozen, frozen=True, kw_only=True):
    """One unit of a checkpoint."""

    unit: str
    sha256: Sha256
    """Of its float32 file."""
    narrow_sha256: Sha256
    """Of its bfloat16 file."""


class Index(Frozen, frozen=True, kw_only=True):
    """A whole checkpoint."""

    version: Literal[1] = 1
    parts: tuple[Part, ...]


class Wanted(NamedTuple):
    """A file that a volunteer needs."""

    unit: str
    sha256: str
    narrow: bool
    max_bytes: int
    """Most bytes it may have; known from the model, whatever the sender says."""


def encode_index(parts: Sequence[Part]) -> bytes:
    """The index as bytes; the same parts give the same bytes."""
    return msgspec.json.encode(Index(parts=tuple(parts)))


def read_index(raw: bytes, spec: ModelSpec) -> Index:
    """Check an index from anywhere.

    Raises:
        ModelError: it is not exactly an index of this model's units, in order.
    """
    try:
        if len(raw) > MAX_INDEX_BYTES:
            raise ValueError("too long")
        index = msgspec.json.decode(raw, type=Index)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ModelError("The list of the model's parts cannot be read.", _HINT) from error
    if [part.unit for part in index.parts] != [unit.name for unit in units(spec)]:
        raise ModelError("The list of the model's parts names others than the model has.", _HINT)
    return index


def wanted(index: Index, shard: Shard) -> list[Wanted]:
    """Which files of a checkpoint are needed to train one shard: its own whole, the others narrow."""
    learning, found = set(shard.units()), []
    for part, unit in zip(index.parts, units(shard.spec), strict=True):
        narrow = unit not in learning
        sha256 = part.narrow_sha256 if narrow else part.sha256
        found.append(Wanted(unit.name, sha256, narrow, part_limit(unit, narrow=narrow)))
    return found


def part_limit(unit: Shard, *, narrow: bool) -> int:
    """Most bytes the file of one unit may have."""
    return stored_bytes(unit.shapes(), narrow=narrow) + min(MAX_HEADER_BYTES, 1_024 + 512 * len(unit.shapes()))


def download_bytes(shard: Shard) -> int:
    """Bytes of weights that one shard needs, headers and index left out."""
    learning = set(shard.units())
    return sum(stored_bytes(unit.shapes(), narrow=unit not in learning) for unit in units(shard.spec))
