"""How the updates of one federation are read: layout, exact size and post-processing chain, shard by shard."""

from __future__ import annotations

from core.config.federation import FederationConfig
from core.influence import norm_of
from core.model.layout import Shapes
from core.model.shard import divide
from core.postprocess.base import build_chain
from core.postprocess.compression.codec import EncodedUpdate, Source, encoded_size, written_by


class UpdateReader:
    """Reads updates of every shard that a federation's terms name."""

    def __init__(self, config: FederationConfig) -> None:
        self._chains = {codec: build_chain(config.privacy, codec) for codec in config.codecs}
        self._shapes = {shard.name: shard.shapes() for shard in divide(config.model, config.shard.count)}

    def shards(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(self._shapes)

    def shapes(self, shard: str) -> Shapes:
        """Name → shape of what an update of this shard holds, in order."""
        return self._shapes[shard]

    def sizes(self, shard: str) -> tuple[int, ...]:
        """Exact bytes of an update of this shard, by each codec of the terms."""
        return tuple(encoded_size(self._shapes[shard], codec) for codec in self._chains)

    def open(self, source: Source, shard: str) -> EncodedUpdate:
        """The chain, backwards; the update stays where it lies until its values are asked for.

        Raises:
            UpdateError: the bytes are not an update of this shard.
        """
        shapes = self._shapes[shard]
        return self._chains[written_by(source, shapes, self._chains)].open(source, shapes)

    def check(self, source: Source, shard: str) -> float:
        """Look at every value, holding a slice at a time; returns their L2 norm.

        Raises:
            UpdateError: the bytes are not an update of this shard, or a value is not finite.
        """
        return norm_of(self.open(source, shard).slices())
