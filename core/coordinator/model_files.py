"""Checkpoints and outer momentum as safetensors blobs: read with all checks, written durably.

Where volunteers train shards a checkpoint is an index that names one blob per unit of the model, whole and narrow; a
unit that did not move is the blob it was. Otherwise it is one blob.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from core.config import FederationConfig
from core.coordinator.blobs import BlobStore
from core.coordinator.home import Federation
from core.model.checkpoint_io import encode_weights, open_weights, read_weights, stream_weights
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

    @contextmanager
    def opened(self, sha256: str) -> Iterator[Mapping[str, Array]]:
        """A checkpoint whose arrays are read one by one.

        Raises:
            ModelError: not the federation's model.
            StorageError: missing or damaged.
        """
        with ExitStack() as stack:
            if self._config.shard.mode == "full":
                self._blobs.check(sha256)
                yield stack.enter_context(open_weights(self._blobs.path(sha256), self.shapes))
                return
            stored: dict[str, Mapping[str, Array]] = {}
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

    def put_weights(self, weights: Mapping[str, Array]) -> tuple[str, int]:
        """Store a checkpoint durably; returns hash and size in bytes of what names it."""
        return put_checkpoint(self._blobs, self._config, weights)

    def momentum(self, sha256: str) -> dict[str, Array] | None:
        """The outer momentum after the last step, ``None`` where there is none yet."""
        return read_weights(self._private.path(sha256), self._config.model) if sha256 else None

    def put_momentum(self, momentum: Mapping[str, Array]) -> str:
        """Store the momentum durably; returns its hash."""
        return self._private.put(encode_weights(momentum))


class _Joined(Mapping[str, Array]):
    """The arrays of several open files as one model."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], stored: Mapping[str, Mapping[str, Array]]) -> None:
        self.shapes = dict(shapes)
        self._stored = stored

    def __getitem__(self, name: str) -> Array:
        return self._stored[name][name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)


def put_checkpoint(blobs: BlobStore, config: FederationConfig, weights: Mapping[str, Array]) -> tuple[str, int]:
    """Store a checkpoint durably, as the terms' shards ask; returns hash and size in bytes of what names it."""
    if config.shard.mode == "full":
        data = encode_weights(weights)
        return blobs.put(data), len(data)
    parts = []
    for unit in units(config.model):
        arrays = {name: weights[name] for name in unit.shapes()}
        whole, narrow = blobs.put(encode_weights(arrays)), blobs.put(encode_weights(arrays, narrow=True))
        parts.append(Part(unit=unit.name, sha256=whole, narrow_sha256=narrow))
    index = encode_index(parts)
    return blobs.put(index), len(index)
