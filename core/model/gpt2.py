"""The seeds' block layout, GPT-2's: learned positions, LayerNorm and biases, exact GELU.

The seeds call their models MPT, but they set neither ALiBi nor anything else that GPT-2 has not; vocabulary 50,368 and
2,048 positions give their parameter counts to the digit. Names and shapes are Hugging Face's, so the projections keep
their weights input-first, as GPT-2's ``Conv1D`` does. Shape suffixes are those of ``core.model.transformer``.

Sources: Radford et al., Language Models are Unsupervised Multitask Learners, 2019; Hendrycks and Gimpel, GELU, 2016.
"""

# ruff: noqa: N803, N806, N812
# The shape suffixes and ``F`` are the field's own spelling.

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.config.model import ModelSpec
from core.model.layers import Embedding, Projection, RunBlock, call_block


class Attention(nn.Module):
    """Causal self-attention; one projection makes queries, keys and values."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.num_heads = spec.num_heads
        self.c_attn = Projection(spec.d_model, 3 * spec.d_model)
        self.c_proj = Projection(spec.d_model, spec.d_model)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """Same shape as the input."""
        batch, time, width = x_BTD.shape
        q_BNTH, k_BNTH, v_BNTH = (
            part.view(batch, time, self.num_heads, -1).transpose(1, 2)
            for part in self.c_attn(x_BTD).split(width, dim=-1)
        )
        y_BNTH = F.scaled_dot_product_attention(q_BNTH, k_BNTH, v_BNTH, is_causal=True)
        return cast(Tensor, self.c_proj(y_BNTH.transpose(1, 2).reshape(batch, time, width)))


class FeedForward(nn.Module):
    """proj(gelu(fc(x))), the exact GELU and not its tanh shape."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.c_fc = Projection(spec.d_model, spec.d_ff)
        self.c_proj = Projection(spec.d_ff, spec.d_model)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """Same shape as the input."""
        return cast(Tensor, self.c_proj(F.gelu(self.c_fc(x_BTD))))


class Block(nn.Module):
    """One layer: attention, then feed-forward, each behind a norm and beside a residual path."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(spec.d_model, eps=spec.norm_eps)
        self.attn = Attention(spec)
        self.ln_2 = nn.LayerNorm(spec.d_model, eps=spec.norm_eps)
        self.mlp = FeedForward(spec)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """Same shape as the input."""
        x_BTD = x_BTD + self.attn(self.ln_1(x_BTD))
        return cast(Tensor, x_BTD + self.mlp(self.ln_2(x_BTD)))


class Gpt2Backbone(nn.Module):
    """Embeddings of tokens and positions, blocks and the last norm; named ``transformer`` inside ``Transformer``."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.wte = Embedding(spec.vocab_size, spec.d_model)
        self.wpe = Embedding(spec.max_seq_len, spec.d_model)
        self.h = nn.ModuleList(Block(spec) for _ in range(spec.num_layers))
        self.ln_f = nn.LayerNorm(spec.d_model, eps=spec.norm_eps)

    @property
    def embedding(self) -> nn.Embedding:
        """The token embedding, to which a head may be tied."""
        return self.wte

    def forward(self, tokens_BT: Tensor, run: RunBlock = call_block) -> Tensor:
        """Hidden states, (B, T, D)."""
        positions_T = torch.arange(tokens_BT.shape[1], device=tokens_BT.device)
        dtype = self.ln_f.weight.dtype  # frozen embeddings are narrower
        x_BTD = self.wte(tokens_BT).to(dtype) + self.wpe(positions_T).to(dtype)
        for block in self.h:
            x_BTD = run(block, x_BTD)
        return cast(Tensor, self.ln_f(x_BTD))
