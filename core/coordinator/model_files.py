"""Checkpoints and outer momentum as safetensors blobs: read with all checks, written durably."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from core.coordinator.home import Federation
from core.model.checkpoint_io import StoredWeights, encode_weights, open_weights, read_weights
from core.model.layout import parameter_shapes
from core.update import Array


class ModelFiles:
    """The model files of one federation."""

    def __init__(self, federation: Federation) -> None:
        self._spec = federation.config.model
        self._blobs = federation.home.blobs
        self._private = federation.home.private
        self.shapes = parameter_shapes(self._spec)

    @contextmanager
    def opened(self, sha256: str) -> Iterator[StoredWeights]:
        """A checkpoint whose arrays are read one by one.

        Raises:
            ModelError: not the federation's model.
            StorageError: missing or damaged.
        """
        self._blobs.check(sha256)
        with open_weights(self._blobs.path(sha256), self.shapes) as stored:
            yield stored

    def weights(self, sha256: str) -> dict[str, Array]:
        """A checkpoint.

        Raises:
            ModelError: not the federation's model.
            StorageError: missing or damaged.
        """
        with self.opened(sha256) as stored:
            return dict(stored)

    def put_weights(self, weights: Mapping[str, Array]) -> tuple[str, int]:
        """Store a checkpoint durably; returns hash and size in bytes."""
        data = encode_weights(weights)
        return self._blobs.put(data), len(data)

    def momentum(self, sha256: str) -> dict[str, Array] | None:
        """The outer momentum after the last step, ``None`` where there is none yet."""
        return read_weights(self._private.path(sha256), self._spec) if sha256 else None

    def put_momentum(self, momentum: Mapping[str, Array]) -> str:
        """Store the momentum durably; returns its hash."""
        return self._private.put(encode_weights(momentum))
