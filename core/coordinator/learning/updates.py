"""How the updates of one federation are read: layout, exact size and post-processing chain, shard by shard."""

from __future__ import annotations

from core.config import FederationConfig
from core.influence import norm_of
from core.model.layout import Shapes
from core.model.shard import divide
from core.postprocess.base import build_chain
from core.postprocess.compression.codec import EncodedUpdate, Source, encoded_size


class UpdateReader:
    """Reads updates of every shard that a federation's terms name."""

    def __init__(self, config: FederationConfig) -> None:
        self._chain = build_chain(config.privacy, config.codec)
        self._shapes = {shard.name: shard.shapes() for shard in divide(config.model, config.shard.count)}

    def shards(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(self._shapes)

    def shapes(self, shard: str) -> Shapes:
        """Name → shape of what an update of this shard holds, in order."""
        return self._shapes[shard]

    def size(self, shard: str) -> int:
        """Exact bytes of an update of this shard."""
        return encoded_size(self._shapes[shard], self._chain.codec)

    def open(self, source: Source, shard: str) -> EncodedUpdate:
        """The chain, backwards; the update stays where it lies until its values are asked for.

        Raises:
            UpdateError: the bytes are not an update of this shard.
        """
        return self._chain.open(source, self._shapes[shard])

    def check(self, source: Source, shard: str) -> float:
        """Look at every value, holding a slice at a time; returns their L2 norm.

        Raises:
            UpdateError: the bytes are not an update of this shard, or a value is not finite.
        """
        return norm_of(self.open(source, shard).slices())
