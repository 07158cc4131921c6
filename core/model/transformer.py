"""The decoder-only model in both shapes, and the blocks of the default one: RMSNorm, rotary positions, SwiGLU.

``llama`` is built from the blocks here (positions half-split, no biases), ``gpt2`` from those of ``core.model.gpt2``;
head, loss and the way of the weights are shared. State-dict names are the layout's, which are Hugging Face's, so
weights travel without renaming.

Shapes: B batch, T time, D model width, N heads, H head width, F feed-forward width, V vocabulary. A suffix such as
``x_BTD`` spells the axes of a tensor. Forward works on one example as on many and uses nothing that mixes examples,
so per-example gradients are those of a batch of one.

Sources: Touvron et al., LLaMA, 2023; Su et al., RoFormer, 2021; Shazeer, GLU variants, 2020.
"""

# ruff: noqa: N803, N806, N812
# The shape suffixes and ``F`` are the field's own spelling.

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.api.errors import ModelError
from core.config.model import ModelSpec
from core.model.gpt2 import Gpt2Backbone
from core.model.layers import Embedding, Linear, RunBlock, call_block, project
from core.model.layout import parameter_shapes
from core.update import Array


class RMSNorm(nn.Module):
    """Scale by the inverse root mean square over the last axis (Zhang and Sennrich, 2019)."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x_BTD: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.rms_norm(x_BTD, self.weight.shape, self.weight, self.eps)


class Attention(nn.Module):
    """Causal self-attention with rotary positions."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.num_heads = spec.num_heads
        self.q_proj = Linear(spec.d_model, spec.d_model)
        self.k_proj = Linear(spec.d_model, spec.d_model)
        self.v_proj = Linear(spec.d_model, spec.d_model)
        self.o_proj = Linear(spec.d_model, spec.d_model)

    def forward(self, x_BTD: Tensor, cos_TH: Tensor, sin_TH: Tensor) -> Tensor:
        """Same shape as the input."""
        batch, time, width = x_BTD.shape

        def heads(y_BTD: Tensor) -> Tensor:
            return y_BTD.view(batch, time, self.num_heads, -1).transpose(1, 2)

        q_BNTH = rotate(heads(self.q_proj(x_BTD)), cos_TH, sin_TH)
        k_BNTH = rotate(heads(self.k_proj(x_BTD)), cos_TH, sin_TH)
        v_BNTH = heads(self.v_proj(x_BTD))
        y_BNTH = F.scaled_dot_product_attention(q_BNTH, k_BNTH, v_BNTH, is_causal=True)
        return cast(Tensor, self.o_proj(y_BNTH.transpose(1, 2).reshape(batch, time, width)))


class FeedForward(nn.Module):
    """SwiGLU: down(silu(gate(x)) · up(x))."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.gate_proj = Linear(spec.d_model, spec.d_ff)
        self.up_proj = Linear(spec.d_model, spec.d_ff)
        self.down_proj = Linear(spec.d_ff, spec.d_model)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """Same shape as the input."""
        return cast(Tensor, self.down_proj(F.silu(self.gate_proj(x_BTD)) * self.up_proj(x_BTD)))


class Block(nn.Module):
    """One layer: attention, then feed-forward, each behind a norm and beside a residual path."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(spec.d_model, spec.norm_eps)
        self.self_attn = Attention(spec)
        self.post_attention_layernorm = RMSNorm(spec.d_model, spec.norm_eps)
        self.mlp = FeedForward(spec)

    def forward(self, x_BTD: Tensor, cos_TH: Tensor, sin_TH: Tensor) -> Tensor:
        """Same shape as the input."""
        x_BTD = x_BTD + self.self_attn(self.input_layernorm(x_BTD), cos_TH, sin_TH)
        return cast(Tensor, x_BTD + self.mlp(self.post_attention_layernorm(x_BTD)))


class Backbone(nn.Module):
    """Embedding, blocks and the last norm; named ``model`` inside ``Transformer``."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.embed_tokens = Embedding(spec.vocab_size, spec.d_model)
        self.layers = nn.ModuleList(Block(spec) for _ in range(spec.num_layers))
        self.norm = RMSNorm(spec.d_model, spec.norm_eps)
        cos_TH, sin_TH = rotary_tables(spec)
        self.register_buffer("cos_TH", cos_TH, persistent=False)
        self.register_buffer("sin_TH", sin_TH, persistent=False)

    @property
    def embedding(self) -> nn.Embedding:
        """The token embedding, to which a head may be tied."""
        return self.embed_tokens

    def forward(self, tokens_BT: Tensor, run: RunBlock = call_block) -> Tensor:
        """Hidden states, (B, T, D)."""
        time = tokens_BT.shape[1]
        cos_TH, sin_TH = cast(Tensor, self.cos_TH)[:time], cast(Tensor, self.sin_TH)[:time]
        x_BTD = self.embed_tokens(tokens_BT).to(self.norm.weight.dtype)  # a frozen embedding is narrower
        for block in self.layers:
            x_BTD = run(block, x_BTD, cos_TH, sin_TH)
        return cast(Tensor, self.norm(x_BTD))


class Transformer(nn.Module):
    """The whole model. Weights start undefined: call ``load_arrays`` with the federation's."""

    def __init__(self, spec: ModelSpec) -> None:
        """Build the shape of ``spec``."""
        super().__init__()
        self.spec = spec
        self.shapes = parameter_shapes(spec)
        self.learning = self.shapes
        """What learns; ``core.model.frozen`` makes models of which it is a part only."""
        if spec.architecture == "gpt2":
            self.transformer = Gpt2Backbone(spec)
        else:
            self.model = Backbone(spec)
        if not spec.tie_embeddings:
            self.lm_head = Linear(spec.d_model, spec.vocab_size)

    @property
    def backbone(self) -> Backbone | Gpt2Backbone:
        """Everything below the head, under the name its architecture has for it."""
        return self.transformer if self.spec.architecture == "gpt2" else self.model

    def forward(self, tokens_BT: Tensor) -> Tensor:
        """Logits of the next token at each position, (B, T, V).

        Raises:
            ValueError: the sequence is longer than the model reads.
        """
        return project(self.hidden(tokens_BT), self.head())

    def hidden(self, tokens_BT: Tensor, run: RunBlock = call_block) -> Tensor:
        """What the head reads, (B, T, D); with ``head`` it lets a loss be computed without all logits at once.

        Args:
            tokens_BT: token ids.
            run: how a block is computed; as its module says, or by code compiled ahead.

        Raises:
            ValueError: the sequence is longer than the model reads.
        """
        if tokens_BT.shape[1] > self.spec.max_seq_len:
            raise ValueError(f"{tokens_BT.shape[1]} tokens are more than the {self.spec.max_seq_len} this model reads")
        return cast(Tensor, self.backbone(tokens_BT, run))

    def head(self) -> Tensor:
        """The weight of the head, (V, D), without a bias."""
        # One Parameter used twice: autograd adds both gradients, which a copy or a functional tie would not.
        return self.backbone.embedding.weight if self.spec.tie_embeddings else self.lm_head.weight

    def ordered(self) -> list[nn.Parameter]:
        """The parameters that learn, in layout order."""
        parameters = dict(self.named_parameters())
        return [parameters[name] for name in self.learning]

    def load_arrays(self, arrays: Mapping[str, Array]) -> None:
        """Take over the weights that learn, by name.

        Raises:
            ModelError: names or shapes are not those of this model.
        """
        if {name: array.shape for name, array in arrays.items()} != self.learning:
            raise ModelError("These weights do not belong to this model.")
        with torch.no_grad():
            for name, parameter in zip(self.learning, self.ordered(), strict=True):
                parameter.copy_(torch.from_numpy(np.array(arrays[name], np.float32)))

    def to_arrays(self) -> dict[str, Array]:
        """Copies of the weights that learn, in layout order, float32."""
        return {
            name: parameter.detach().to("cpu", torch.float32).numpy().copy()
            for name, parameter in zip(self.learning, self.ordered(), strict=True)
        }


def rotary_tables(spec: ModelSpec) -> tuple[Tensor, Tensor]:
    """Cosines and sines, (T, H), with the two halves of H holding the same frequencies."""
    head = spec.d_model // spec.num_heads
    frequencies = 1.0 / spec.rope_theta ** (torch.arange(0, head, 2, dtype=torch.float32) / head)
    angles = torch.outer(torch.arange(spec.max_seq_len, dtype=torch.float32), frequencies)
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def rotate(x_BNTH: Tensor, cos_TH: Tensor, sin_TH: Tensor) -> Tensor:
    """Rotary position embedding; the first and second half of H form the pairs."""
    first, second = x_BNTH.chunk(2, dim=-1)
    return x_BNTH * cos_TH + torch.cat((-second, first), dim=-1) * sin_TH


def next_token_loss(model: nn.Module, tokens_BT: Tensor) -> Tensor:
    """Mean nats per predicted token; each row predicts its tokens 1… from those before."""
    logits_BTV = model(tokens_BT[:, :-1])
    return F.cross_entropy(logits_BTV.reshape(-1, logits_BTV.shape[-1]).float(), tokens_BT[:, 1:].reshape(-1))
