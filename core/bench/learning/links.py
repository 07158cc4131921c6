"""Both directions of a round: bytes as the product writes them, and what error feedback keeps back.

Up: a = decay·residual + Δ; what is sent is decode(encode(a)); residual = a − sent, for each client (Sarfi et al.,
SparseLoCo, 2025, https://arxiv.org/abs/2508.15706). Down: what volunteers hold moves by decode(encode(θ − held)), so
what a broadcast left out is in the next difference by itself. A coordinator that steps from what is held and adds what
was held back, as the product does, sends the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np

from core.config.exchange import CodecConfig
from core.postprocess.compression.codec import decode, encode
from core.update import Array, ModelUpdate, pseudo_gradient

Shapes = Mapping[str, tuple[int, ...]]
_FINE: Final = {"int4": 64}
"""Values that share a scale, where 256 are too many."""


def codec_config(name: str, kept: int, chunk: int, index_code: str = "elias-fano") -> CodecConfig:
    """The codec called ``name``.

    Raises:
        ValueError: there is none, or it cannot have these settings.
    """
    wanted: dict[str, object] = {"name": name, "block_size": _FINE.get(name, 256)}
    if name in ("topk", "dct"):
        wanted |= {"kept": kept, "chunk_size": chunk, "index_code": index_code}
    try:
        return msgspec.convert(wanted, CodecConfig)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


class Uplink:
    """One client's way up."""

    def __init__(self, config: CodecConfig, feedback: float) -> None:
        """Start without a residual.

        Args:
            config: the codec.
            feedback: what of the residual stays from round to round; 0 for none.
        """
        self.config, self.feedback = config, feedback
        self.residual: dict[str, Array] = {}
        self._whole: dict[str, Array] = {}

    def send(self, update: ModelUpdate) -> bytes:
        """What leaves the client; the residual becomes what it leaves out.

        Args:
            update: the pseudo-gradient.
        """
        if not self.feedback:
            return encode(update, self.config)
        whole = self._with_residual(update)
        payload = encode(whole, self.config)
        sent = decode(payload, update.shapes, self.config)
        self._whole = whole.arrays
        self.residual = {name: whole.arrays[name] - sent.arrays[name] for name in whole.arrays}
        return payload

    def _with_residual(self, update: ModelUpdate) -> ModelUpdate:
        if not self.residual:
            return update
        kept = np.float32(self.feedback)
        return ModelUpdate({name: kept * self.residual[name] + delta for name, delta in update.arrays.items()})

    def lost(self, returned: float) -> None:
        """The last upload did not arrive, and a share of it goes back into the residual for the next round."""
        share = np.float32(returned)
        for name, left in self.residual.items():
            self.residual[name] = left + share * (self._whole[name] - left)


class Downlink:
    """What all volunteers hold, and how it follows the coordinator's weights."""

    def __init__(self, weights: Mapping[str, Array], config: CodecConfig | None) -> None:
        """Everyone begins with the same first weights.

        Args:
            weights: those.
            config: codec of the differences; ``None`` for dense weights.
        """
        self.held = dict(weights)
        self.config = config
        self.sent_bytes = 0

    def follow(self, weights: Mapping[str, Array]) -> None:
        """Broadcast."""
        if self.config is None:
            self.held = dict(weights)
            self.sent_bytes += 4 * sum(array.size for array in weights.values())
            return
        behind = pseudo_gradient(self.held, weights)  # held − weights, which is subtracted
        payload = encode(behind, self.config)
        sent = decode(payload, behind.shapes, self.config)
        self.sent_bytes += len(payload)
        self.held = {name: self.held[name] - sent.arrays[name] for name in self.held}
