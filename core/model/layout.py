"""Names and shapes of every parameter, in order. The names are Hugging Face's, so that the model opens elsewhere."""

from __future__ import annotations

from core.config.model import ModelSpec

Shapes = dict[str, tuple[int, ...]]


def parameter_shapes(spec: ModelSpec) -> Shapes:
    """Name → shape for ``spec``, in the order in which an update is flattened. A tied head has no entry."""
    shapes = _gpt2(spec) if spec.architecture == "gpt2" else _llama(spec)
    if not spec.tie_embeddings:
        shapes["lm_head.weight"] = (spec.vocab_size, spec.d_model)
    return shapes


def block_prefix(spec: ModelSpec, number: int) -> str:
    """What the names of all parameters of one block begin with, and no others do."""
    return f"transformer.h.{number}." if spec.architecture == "gpt2" else f"model.layers.{number}."


def _llama(spec: ModelSpec) -> Shapes:
    d, ff = spec.d_model, spec.d_ff
    shapes: Shapes = {"model.embed_tokens.weight": (spec.vocab_size, d)}
    for number in range(spec.num_layers):
        block = block_prefix(spec, number)
        shapes[f"{block}input_layernorm.weight"] = (d,)
        for projection in ("q_proj", "k_proj", "v_proj", "o_proj"):
            shapes[f"{block}self_attn.{projection}.weight"] = (d, d)
        shapes[f"{block}post_attention_layernorm.weight"] = (d,)
        shapes[f"{block}mlp.gate_proj.weight"] = (ff, d)
        shapes[f"{block}mlp.up_proj.weight"] = (ff, d)
        shapes[f"{block}mlp.down_proj.weight"] = (d, ff)
    shapes["model.norm.weight"] = (d,)
    return shapes


def _gpt2(spec: ModelSpec) -> Shapes:
    """GPT-2 keeps the weights of its projections input-first, the transpose of everybody else's."""
    d, ff = spec.d_model, spec.d_ff
    shapes: Shapes = {"transformer.wte.weight": (spec.vocab_size, d), "transformer.wpe.weight": (spec.max_seq_len, d)}
    for number in range(spec.num_layers):
        block = block_prefix(spec, number)
        for name, shape in (
            ("ln_1.weight", (d,)), ("ln_1.bias", (d,)),
            ("attn.c_attn.weight", (d, 3 * d)), ("attn.c_attn.bias", (3 * d,)),
            ("attn.c_proj.weight", (d, d)), ("attn.c_proj.bias", (d,)),
            ("ln_2.weight", (d,)), ("ln_2.bias", (d,)),
            ("mlp.c_fc.weight", (d, ff)), ("mlp.c_fc.bias", (ff,)),
            ("mlp.c_proj.weight", (ff, d)), ("mlp.c_proj.bias", (d,)),
        ):  # fmt: skip
            shapes[block + name] = shape
    return shapes | {"transformer.ln_f.weight": (d,), "transformer.ln_f.bias": (d,)}
