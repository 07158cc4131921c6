"""Steps for ``hedgerow bench``: ours, plain and private, beside nanoGPT's loop and transformers' in a plain loop.

Written from their published idea and kept plain on purpose: eager float32, torch's attention, AdamW and clipping as
they come. Nothing but benchmarks uses this file; a step of each takes the same made-up batch as ours.

Source: Karpathy, nanoGPT, 2022, https://github.com/karpathy/nanoGPT.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor, nn

from core.config.learning import TrainingConfig
from core.config.model import ModelSpec
from core.jobs import PrivacyPlan, TrainingPlan
from core.model.transformer import Transformer
from core.training.gradients import PackedGradients
from core.training.optimizer import AdamW, learning_rate
from core.training.private_gradients import AddNoise, ClippedSum, NormalSource, PrivateGradients, noise_variance
from core.training.rehearsal import MadeUpTokens
from core.training.state import RoundState

Step = Callable[[], float]
"""One optimiser step; returns its loss."""


class _Block(nn.Module):
    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.heads = spec.num_heads
        self.ln_1, self.ln_2 = nn.LayerNorm(spec.d_model), nn.LayerNorm(spec.d_model)
        self.c_attn = nn.Linear(spec.d_model, 3 * spec.d_model)
        self.c_proj = nn.Linear(spec.d_model, spec.d_model)
        self.mlp = nn.Sequential(
            nn.Linear(spec.d_model, spec.d_ff), nn.GELU(), nn.Linear(spec.d_ff, spec.d_model)
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        batch, time, width = x.shape
        query, key, value = (
            part.view(batch, time, self.heads, width // self.heads).transpose(1, 2)
            for part in self.c_attn(self.ln_1(x)).split(width, dim=2)
        )
        out = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.c_proj(out.transpose(1, 2).contiguous().view(batch, time, width))
        return cast(Tensor, x + self.mlp(self.ln_2(x)))


class NanoGpt(nn.Module):
    """nanoGPT's model: GPT-2 with a tied head, no dropout."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.wte = nn.Embedding(spec.vocab_size, spec.d_model)
        self.wpe = nn.Embedding(spec.max_seq_len, spec.d_model)
        self.blocks = nn.Sequential(*(_Block(spec) for _ in range(spec.num_layers)))
        self.ln_f = nn.LayerNorm(spec.d_model)
        self.lm_head = nn.Linear(spec.d_model, spec.vocab_size, bias=False)
        self.lm_head.weight = self.wte.weight
        _initialise(self.parameters())

    def forward(self, tokens: Tensor) -> Tensor:
        """Mean loss of (B, T + 1) token ids."""
        x, targets = tokens[:, :-1], tokens[:, 1:]
        hidden = self.wte(x) + self.wpe(torch.arange(x.shape[1], device=x.device))
        logits = self.lm_head(self.ln_f(self.blocks(hidden)))
        return functional.cross_entropy(logits.view(-1, logits.shape[-1]), targets.reshape(-1))


def _initialise(parameters: Iterable[nn.Parameter]) -> None:
    with torch.no_grad():
        for parameter in parameters:
            nn.init.ones_(parameter) if parameter.ndim == 1 else nn.init.normal_(parameter, std=0.02)


def nanogpt_step(spec: ModelSpec, training: TrainingConfig) -> Step:
    """nanoGPT's step on its own model of the same shape (architecture ``gpt2``)."""
    model = NanoGpt(spec)
    return _plain_step(model, model, spec, training)


def plain_step(spec: ModelSpec, training: TrainingConfig) -> Step:
    """nanoGPT's loop around our model: what is left of the ratio is the loop, not the module."""
    model = Transformer(spec)
    _initialise(model.ordered())

    def loss(tokens: Tensor) -> Tensor:
        logits = model(tokens[:, :-1])
        return functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].reshape(-1))

    return _plain_step(model, loss, spec, training)


def transformers_step(spec: ModelSpec, training: TrainingConfig) -> Step | None:
    """A plain loop around transformers' model of the same shape; ``None`` where transformers is not installed."""
    try:
        from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM
    except ImportError:
        return None
    shared: dict[str, Any] = {"vocab_size": spec.vocab_size, "attn_implementation": "sdpa", "use_cache": False}
    shared |= {"bos_token_id": 0, "eos_token_id": 0}
    if spec.architecture == "gpt2":
        model: Any = GPT2LMHeadModel(
            GPT2Config(
                n_positions=spec.max_seq_len, n_embd=spec.d_model, n_layer=spec.num_layers, n_head=spec.num_heads,
                n_inner=spec.d_ff, activation_function="gelu", resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
                tie_word_embeddings=spec.tie_embeddings, **shared,
            )
        )  # fmt: skip
    else:
        model = LlamaForCausalLM(
            LlamaConfig(
                hidden_size=spec.d_model, intermediate_size=spec.d_ff, num_hidden_layers=spec.num_layers,
                num_attention_heads=spec.num_heads, max_position_embeddings=spec.max_seq_len,
                tie_word_embeddings=spec.tie_embeddings, **shared,
            )
        )  # fmt: skip

    def loss(tokens: Tensor) -> Tensor:
        logits = model(tokens[:, :-1]).logits
        return functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].reshape(-1))

    return _plain_step(model, loss, spec, training)


def _plain_step(
    model: nn.Module, loss_of: Callable[[Tensor], Tensor], spec: ModelSpec, training: TrainingConfig
) -> Step:
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=training.learning_rate, betas=(training.beta1, training.beta2),
        weight_decay=training.weight_decay,
    )  # fmt: skip
    stream = MadeUpTokens(spec, training.seq_len)

    def step() -> float:
        tokens = torch.from_numpy(stream.next_batch(training.batch_size))
        loss = loss_of(tokens)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), training.grad_clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    return step


def own_step(spec: ModelSpec, training: TrainingConfig, plan: TrainingPlan) -> Step:
    """Our step: the gradient and optimiser of a round, as ``plan`` says."""
    model = Transformer(spec)
    _initialise(model.ordered())
    optimizer, state = AdamW(model.ordered(), training), RoundState()
    gradients = PackedGradients(MadeUpTokens(spec, training.seq_len), training.batch_size, plan, training.grad_clip)

    def step() -> float:
        result = gradients.compute(model, state, lambda _: None)
        optimizer.step(result.gradients, learning_rate(training, state.step))
        gradients.finished(state)
        state.step += 1
        assert result.loss is not None
        return result.loss

    return step


def private_step(
    spec: ModelSpec,
    training: TrainingConfig,
    plan: TrainingPlan,
    clipped_sum: ClippedSum,
    add_noise: AddNoise,
    source: Callable[[bytes], NormalSource],
) -> Step:
    """A whole step of unit ``document``: draw, bounded gradients, noise, and the optimiser that knows of the noise.

    Every draw has just the expected size, so that it can be compared; documents are made up, of one window each.
    """
    privacy = PrivacyPlan(unit="document", clip_norm=1.0, noise_multiplier=1.0, sampling_prob=0.5, steps=1, units=1)
    model = Transformer(spec)
    _initialise(model.ordered())
    optimizer = AdamW(model.ordered(), training, noise_variance(privacy, training.batch_size, model.learning))
    drawn = _Documents(MadeUpTokens(spec, training.seq_len), training.batch_size)
    state = RoundState(step_key=bytes(32))
    gradients = PrivateGradients(drawn, privacy, training.batch_size, clipped_sum, add_noise, source, plan)

    def step() -> float:
        result = gradients.compute(model, state, lambda _: None)
        optimizer.step(result.gradients, learning_rate(training, state.step))
        gradients.finished(state)
        state.step += 1
        assert result.loss is not None
        return result.loss

    return step


class _Documents:
    def __init__(self, stream: MadeUpTokens, count: int) -> None:
        self._stream, self._count = stream, count

    def draw(self, source: NormalSource) -> list[NDArray[np.integer[Any]]]:
        """The same number of new ones every time."""
        return list(self._stream.next_batch(self._count)[:, None])
