"""A checkpoint as what it differs by from the one before it: the downlink, compressed as updates are.

::

    a  = θ′ − θ̂ + e          what the outer step made, beside what volunteers hold, and what was held back so far
    θ̂ ← θ̂ + decode(encode(a))
    e ← a − decode(encode(a))

θ̂ *is* the federation's model: the coordinator keeps what it sends, so all replicas have the same bits, and the hash
of the checkpoint proves it. What the codec loses is not lost but sent later (error feedback, after Seide et al., 2014;
on the way down as in Tang et al., DoubleSqueeze, 2019, https://arxiv.org/abs/1905.05957).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from typing import BinaryIO, Final

import numpy as np

from core.api.errors import UpdateError
from core.config.exchange import CodecConfig
from core.postprocess.compression.codec import SLICE, EncodedUpdate, Held, Source, encode
from core.update import Array, ModelUpdate

Values = Callable[[str, int, int], Array]
"""(parameter, start, stop) → those of its values, flat float32."""
SENDING_BYTES: Final = 24
"""Of memory, per parameter, while a difference is encoded: the vector, its copy and what a codec makes of it."""


class InFile:
    """A source in an open file."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.size = os.fstat(stream.fileno()).st_size

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from ``start`` to ``stop``.

        Raises:
            UpdateError: the file was cut meanwhile.
        """
        self._stream.seek(start)
        found = self._stream.read(stop - start)
        if len(found) != stop - start:
            raise UpdateError("The file was cut while it was read.")
        return found


def opened(source: Source, shapes: Mapping[str, tuple[int, ...]], codec: CodecConfig) -> Difference:
    """A difference in these bytes.

    Raises:
        UpdateError: they are not one of this layout.
    """
    return Difference(EncodedUpdate(source, shapes, codec))


class Difference:
    """What one checkpoint differs by from the one before."""

    def __init__(self, encoded: EncodedUpdate) -> None:
        self._encoded = encoded
        self._starts: dict[str, int] = {}
        at = 0
        for name, shape in encoded.shapes.items():
            self._starts[name] = at
            at += math.prod(shape)

    def values(self, name: str, start: int, stop: int) -> Array:
        """Some of it.

        Raises:
            UpdateError: a value is not finite, or one that no encoder writes.
        """
        at = self._starts[name]
        return self._encoded.values(at + start, at + stop)

    def after(self, base: Values) -> Values:
        """The checkpoint that it leads to from ``base``; float32, the same bits on every machine."""
        return lambda name, start, stop: base(name, start, stop) + self.values(name, start, stop)


class Sending:
    """A difference that is about to be sent, whole in memory."""

    def __init__(
        self, shapes: Mapping[str, tuple[int, ...]], base: Values, stepped: Values, held_back: Values | None
    ) -> None:
        """Gather it.

        Args:
            shapes: the model's layout.
            base: what volunteers hold.
            stepped: what the outer step made of it.
            held_back: what earlier differences left out; ``None`` where there was none.
        """
        self._shapes = shapes
        self._wanted: dict[str, Array] = {}
        for name, shape in shapes.items():
            flat = np.empty(math.prod(shape), np.float32)
            for start in range(0, flat.size, SLICE):
                stop = min(flat.size, start + SLICE)
                part = stepped(name, start, stop) - base(name, start, stop)
                flat[start:stop] = part if held_back is None else part + held_back(name, start, stop)
            self._wanted[name] = flat

    def encode(self, codec: CodecConfig) -> tuple[bytes, Difference]:
        """The bytes to send, and what whoever receives them reads.

        Raises:
            UpdateError: a value is not finite.
        """
        arrays = {name: self._wanted[name].reshape(shape) for name, shape in self._shapes.items()}
        payload = encode(ModelUpdate(arrays), codec)
        return payload, opened(Held(payload), self._shapes, codec)

    def left(self, sent: Difference) -> Values:
        """What ``sent`` leaves out, to be added to the next."""
        return lambda name, start, stop: self._wanted[name][start:stop] - sent.values(name, start, stop)
