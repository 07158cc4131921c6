"""What hostile volunteers send, knowing what the honest ones of the same round sent.

| attack | what | source |
|---|---|---|
| ``sign-flip`` | its own update, turned round and three times as long | |
| ``scale`` | its own update, a hundred times as long | |
| ``nan`` | bytes that decode to no number, with a right digest | |
| ``wrong-shape`` | an update of another layout | |
| ``replay`` | its update of the sixth round, after the warm-up, again and again, signed anew | |
| ``inner-product`` | the negative mean of the honest, as long as one of theirs | Xie et al. 2020, arXiv 1903.03936 |
| ``alie`` | the honest mean less one standard deviation in each value | Baruch et al. 2019, arXiv 1902.06156 |
| ``small-colluders`` | one direction, the same for all and every round, half as long as an honest update | |

Lengths are those on the wire: what a sparse codec leaves of a vector is brought to the length that is said here. For 2
of 10 Baruch's own z is 0, which is no attack; 1 is taken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np

from core.config.exchange import CodecConfig
from core.postprocess.compression.codec import DIGEST_BYTES, decode, encode
from core.update import ModelUpdate

ATTACKS: Final = (
    "sign-flip", "scale", "nan", "wrong-shape", "replay", "inner-product", "alie", "small-colluders",
)  # fmt: skip
MALFORMED: Final = ("nan", "wrong-shape")
"""Those whose bytes are refused before any aggregator."""
_HEADER_BYTES: Final = 52
_FLIPPED: Final = -3.0
_SCALED: Final = 100.0
_ALIE_Z: Final = 1.0
_SMALL: Final = 0.5
_REPLAYED: Final = 6


class Hostile:
    """One hostile volunteer."""

    def __init__(self, attack: str, seed: int) -> None:
        """Remember what it does.

        Raises:
            ValueError: nobody knows this attack.
        """
        if attack not in ATTACKS:
            raise ValueError(f"no attack is called {attack!r}")
        self.attack, self._seed = attack, seed
        self._replayed: ModelUpdate | None = None
        self._rounds = 0

    def send(self, own: ModelUpdate, honest: Sequence[ModelUpdate], config: CodecConfig) -> bytes:
        """The bytes it uploads.

        Args:
            own: what honest training would have given.
            honest: what the others' uploads of this round decode to.
            config: the federation's codec.
        """
        self._rounds += 1
        if self._rounds <= _REPLAYED:
            self._replayed = own
        if self.attack == "nan":
            return _poisoned(encode(own, config))
        if self.attack == "wrong-shape":
            name = next(iter(own.arrays))
            return encode(ModelUpdate({name: own.arrays[name]}), config)
        return encode(self._update(own, honest, config), config)

    def _update(self, own: ModelUpdate, honest: Sequence[ModelUpdate], config: CodecConfig) -> ModelUpdate:
        if self.attack == "replay":
            return self._replayed or own
        if self.attack in ("sign-flip", "scale"):
            return own.with_flat(own.flat() * np.float32(_FLIPPED if self.attack == "sign-flip" else _SCALED))
        flat = np.stack([update.flat() for update in honest or [own]])
        length = float(np.median(np.linalg.norm(flat, axis=1)))
        if self.attack == "inner-product":
            return _at_length(own.with_flat(-flat.mean(0)), length, config)
        if self.attack == "alie":
            return own.with_flat(flat.mean(0) - _ALIE_Z * flat.std(0))
        draw = np.random.Generator(np.random.PCG64(np.random.SeedSequence([self._seed, 99])))
        return _at_length(own.with_flat(draw.standard_normal(own.size)), _SMALL * length, config)


def _at_length(update: ModelUpdate, length: float, config: CodecConfig) -> ModelUpdate:
    """What a codec leaves of an update, as long as asked for."""
    left = decode(encode(update, config), update.shapes, config)
    return left.with_flat(left.flat() * np.float32(length / max(left.norm(), 1e-12)))


def _poisoned(payload: bytes) -> bytes:
    """The same header, every byte after it 0xFF, and a digest that fits."""
    body = payload[:_HEADER_BYTES] + b"\xff" * (len(payload) - _HEADER_BYTES - DIGEST_BYTES)
    return body + hashlib.sha256(body).digest()
