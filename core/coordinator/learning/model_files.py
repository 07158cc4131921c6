"""Checkpoints and the outer step's state as safetensors blobs: read with all checks, written durably.

Where volunteers train shards a checkpoint is an index that names one blob per unit of the model, whole and narrow; a
unit that did not move is the blob it was. Otherwise it is one blob.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from core.config.federation import FederationConfig
from core.coordinator.home import Federation
from core.coordinator.records.blobs import BlobStore
from core.model.checkpoint_io import StoredWeights, Values, encoded_parts, open_weights, stream_weights
from core.model.layout import parameter_shapes
from core.model.parts import Part, encode_index, read_index
from core.model.shard import units
from core.update import Array


class ModelFiles:
    """The model files of one federation."""

    def __init__(self, federation: Federation) -> None:
        self._config = federation.config
        self._blobs = federation.home.blobs
        self._private = federation.home.private
        self.shapes = parameter_shapes(self._config.model)
        self.downlink = self._config.downlink

    @contextmanager
    def opened(self, sha256: str) -> Iterator[Stored]:
        """A checkpoint whose arrays, or slices of them, are read when they are asked for.

        Raises:
            ModelError: not the federation's model.
            StorageError: missing or damaged.
        """
        with ExitStack() as stack:
            if self._config.shard.mode == "full":
                self._blobs.check(sha256)
                yield stack.enter_context(open_weights(self._blobs.path(sha256), self.shapes))
                return
            stored: dict[str, StoredWeights] = {}
            index = read_index(self._blobs.read(sha256), self._config.model)
            for part, unit in zip(index.parts, units(self._config.model), strict=True):
                self._blobs.check(part.sha256)
                shapes = unit.shapes()
                opened = stack.enter_context(open_weights(self._blobs.path(part.sha256), shapes))
                stored |= dict.fromkeys(shapes, opened)
            yield _Joined(self.shapes, stored)

    def weights(self, sha256: str) -> dict[str, Array]:
        """A checkpoint.

        Raises:
            ModelError: not the federation's model.
            StorageError: missing or damaged.
        """
        with self.opened(sha256) as stored:
            return dict(stored)

    @contextmanager
    def as_one_file(self, sha256: str) -> Iterator[Path]:
        """A checkpoint as a single file, for a child that reads it; removed afterwards where it had to be made.

        Raises:
            ModelError: not the federation's model.
            StorageError: missing or damaged, or the disk is full.
        """
        if self._config.shard.mode == "full":
            yield self._blobs.path(sha256)
            return
        with tempfile.TemporaryDirectory(prefix="hedgerow-") as folder, self.opened(sha256) as stored:
            path = Path(folder) / "model.safetensors"
            stream_weights(path, self.shapes, stored)
            yield path

    def put_weights(self, values: Values) -> tuple[str, int]:
        """Store a checkpoint durably while it is made; returns hash and size in bytes of what names it."""
        return put_checkpoint(self._blobs, self._config, values)

    def put_delta(self, payload: bytes) -> str:
        """Store what a checkpoint differs by from its base, to be served; returns its hash."""
        return self._blobs.put(payload)

    @contextmanager
    def opened_state(self, sha256: str) -> Iterator[Stored | None]:
        """Private state of the size of the model, such as outer momentum; ``None`` where there is none yet.

        Raises:
            ModelError: not the federation's model.
            StorageError: missing.
        """
        if not sha256:
            yield None
            return
        with open_weights(self._private.path(sha256), self.shapes) as stored:
            yield stored

    def put_state(self, values: Values) -> str:
        """Store private state durably while it is made; returns its hash."""
        return self._private.put_parts(encoded_parts(self.shapes, values))[0]


class _Joined(Mapping[str, Array]):
    """The arrays of several open files as one model."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], stored: Mapping[str, StoredWeights]) -> None:
        self.shapes = dict(shapes)
        self._stored = stored

    def __getitem__(self, name: str) -> Array:
        return self._stored[name][name]

    def part(self, parameter: str, start: int, stop: int) -> Array:
        """Some values of an array, flat."""
        return self._stored[parameter].part(parameter, start, stop)

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)


Stored = StoredWeights | _Joined
"""Weights in files: a mapping, of which slices can be read as well."""


def put_checkpoint(blobs: BlobStore, config: FederationConfig, values: Values) -> tuple[str, int]:
    """Store a checkpoint durably, as the terms' shards ask; returns hash and size in bytes of what names it.

    Args:
        blobs: where to.
        config: the terms.
        values: the weights; where there are shards, each is asked for twice, for the wide and the narrow file.
    """
    if config.shard.mode == "full":
        return blobs.put_parts(encoded_parts(parameter_shapes(config.model), values))
    parts = []
    for unit in units(config.model):
        whole, narrow = (
            blobs.put_parts(encoded_parts(unit.shapes(), values, narrow=narrow))[0] for narrow in (False, True)
        )
        parts.append(Part(unit=unit.name, sha256=whole, narrow_sha256=narrow))
    index = encode_index(parts)
    return blobs.put(index), len(index)


def values_of(weights: Mapping[str, Array]) -> Values:
    """Weights in memory, as they are written."""
    return lambda name, start, stop: weights[name].reshape(-1)[start:stop]
