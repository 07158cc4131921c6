"""What is trained: shape, tokenizer, public text, first weights, and the parts that volunteers train."""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

from core.config.base import Frozen, LongText, Sha256, ShortText, between

MAX_PUBLIC_SHARD_BYTES: Final = 64 << 20
"""Of one public token shard."""


MAX_PUBLIC_SHARDS: Final = 4_096


class ModelSpec(Frozen, frozen=True, kw_only=True):
    """Shape of the decoder-only model. Every number is bounded so that memory can be computed before allocation."""

    architecture: Literal["llama", "gpt2"] = "llama"
    """Block layout; ``llama`` is RMSNorm, rotary positions and SwiGLU."""
    preset: ShortText
    """Name of the preset the numbers came from, for display only."""
    vocab_size: int
    """Rows of the token embedding."""
    num_layers: int
    """Number of blocks."""
    d_model: int
    """Width of the residual stream."""
    num_heads: int
    """Attention heads; must divide ``d_model``."""
    d_ff: int
    """Inner width of the feed-forward part."""
    max_seq_len: int
    """Longest sequence the model is asked to read, in tokens."""
    tie_embeddings: bool = True
    """Whether the output head shares the embedding matrix."""
    norm_eps: float = 1e-5
    """Epsilon inside the normalisation layers."""
    rope_theta: float = 10_000.0
    """Base of the rotary position frequencies."""

    def __post_init__(self) -> None:
        """Refuse shapes outside what any preset needs.

        Raises:
            ValueError: a number is out of range or the heads do not divide the width.
        """
        between("model.vocab_size", self.vocab_size, 256, 1 << 18)
        between("model.num_layers", self.num_layers, 1, 128)
        between("model.d_model", self.d_model, 16, 16_384)
        between("model.num_heads", self.num_heads, 1, 256)
        between("model.d_ff", self.d_ff, 16, 65_536)
        between("model.max_seq_len", self.max_seq_len, 8, 32_768)
        between("model.norm_eps", self.norm_eps, 1e-12, 1e-2)
        between("model.rope_theta", self.rope_theta, 100.0, 1e8)
        if self.d_model % self.num_heads or (self.d_model // self.num_heads) % 2:
            raise ValueError(
                f"model.num_heads is {self.num_heads}, which does not divide d_model {self.d_model} evenly"
            )


class TokenizerSpec(Frozen, frozen=True, kw_only=True):
    """Which tokenizer the federation uses, by content hash."""

    sha256: Sha256
    """Hash of the ``tokenizer.json`` bytes."""
    origin: LongText
    """What it was trained on, in the operator's words; never private text."""


class PublicShard(Frozen, frozen=True, kw_only=True):
    """A public token shard, served as a blob."""

    sha256: Sha256
    weight: float
    """Share in the stream, where each private corpus has 1; the shards of a federation are read as one source."""
    tokens: int
    bytes: int
    """Size of the blob."""

    def __post_init__(self) -> None:
        """Bound every number.

        Raises:
            ValueError: a number is out of range.
        """
        between("public_data.weight", self.weight, 1e-9, 1e6)
        between("public_data.bytes", self.bytes, 1, MAX_PUBLIC_SHARD_BYTES)
        between("public_data.tokens", self.tokens, 1, self.bytes // 2)


class ParameterGroups(Frozen, frozen=True, kw_only=True):
    """Which parameters form the backbone and which are key layers (WorldLM). Today everything is backbone."""

    backbone: tuple[str, ...] = ("*",)
    key_layers: tuple[str, ...] = ()


class ShardConfig(Frozen, frozen=True, kw_only=True):
    """Which part of the model a volunteer trains in a round."""

    mode: Literal["full", "blocks"] = "full"
    """``full``: all of it. ``blocks``: by lottery the embedding or a range of blocks."""
    count: int = 1
    """Parts the model is divided into: the embedding with last norm and head, and ranges of blocks."""

    def __post_init__(self) -> None:
        """Bound the number.

        Raises:
            ValueError: the number is out of range or belongs to the other mode.
        """
        between("shard.count", self.count, 1, 129)
        if (self.mode == "full") is not (self.count == 1):
            raise ValueError(f"shard.count is {self.count}, but mode {self.mode!r} was chosen")


class InitialisationTerms(Frozen, frozen=True, kw_only=True):
    """Where the first weights come from (Photon, Algorithm 1, line 2)."""

    source: Literal["seed", "checkpoint", "sampled-client"] = msgspec.field(default="seed", name="from")
    """``seed``: drawn from the federation's seed. ``checkpoint``: brought by the operator. ``sampled-client``: drawn,
    then one volunteer's weights after a first round of its own."""
    sha256: str = ""
    """Of a checkpoint: hash of the weights as one float32 safetensors file, as exported. Volunteers of the whole model
    find it as the base of round 1."""

    def __post_init__(self) -> None:
        """Tie the hash to the source.

        Raises:
            ValueError: a checkpoint without a hash, or a hash without a checkpoint.
        """
        if self.source == "checkpoint" and not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise ValueError("initialisation.sha256 must be 64 hex digits where the first weights are a checkpoint")
        if self.source != "checkpoint" and self.sha256:
            raise ValueError("initialisation.sha256 is for first weights from a checkpoint")
