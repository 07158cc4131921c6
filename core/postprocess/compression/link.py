"""The last link of every chain: an update becomes bytes, and bytes become an update."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from core.config.exchange import CodecConfig
from core.postprocess.compression.base import Flat
from core.postprocess.compression.codec import CODECS, EncodedUpdate, Source, encode
from core.update import ModelUpdate


class Compress:
    """A codec with its settings, as the chain's last link.

    Raises:
        ValueError: no codec of this name is known.
    """

    def __init__(self, codec: CodecConfig) -> None:
        if codec.name not in CODECS:
            raise ValueError(f"no codec is called {codec.name!r}; known are {', '.join(sorted(CODECS))}")
        self.codec = codec

    @property
    def fixed_rate(self) -> bool:
        """Whether the number of bytes depends on the layout alone."""
        return CODECS[self.codec.name].fixed_rate

    @property
    def sparse(self) -> bool:
        """Whether most values are left out."""
        return CODECS[self.codec.name].sparse

    def forward(self, update: ModelUpdate) -> bytes:
        """Client: the bytes to seal.

        Raises:
            UpdateError: a value is not finite.
        """
        return encode(update, self.codec)

    def backward(
        self, source: Source, shapes: Mapping[str, tuple[int, ...]], after: Callable[[Flat], Flat]
    ) -> EncodedUpdate:
        """Server: the update in these bytes, with ``after`` done to its values as they are decoded.

        Raises:
            UpdateError: they are not an update of this layout.
        """
        return EncodedUpdate(source, shapes, self.codec, after)
