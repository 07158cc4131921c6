"""Names and shapes of every parameter, in order. The names are Hugging Face's, so that the model opens elsewhere."""

from __future__ import annotations

from core.api.errors import ModelError
from core.config import ModelSpec


def parameter_shapes(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    """Name → shape for ``spec``, in the order in which an update is flattened. A tied head has no entry.

    Raises:
        ModelError: the architecture is not one this version can build.
    """
    if spec.architecture != "llama":
        raise ModelError(f"The architecture {spec.architecture!r} is not supported by this version.", "Use 'llama'.")
    d, ff = spec.d_model, spec.d_ff
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (spec.vocab_size, d)}
    for number in range(spec.num_layers):
        block = f"model.layers.{number}"
        shapes[f"{block}.input_layernorm.weight"] = (d,)
        for projection in ("q_proj", "k_proj", "v_proj", "o_proj"):
            shapes[f"{block}.self_attn.{projection}.weight"] = (d, d)
        shapes[f"{block}.post_attention_layernorm.weight"] = (d,)
        shapes[f"{block}.mlp.gate_proj.weight"] = (ff, d)
        shapes[f"{block}.mlp.up_proj.weight"] = (ff, d)
        shapes[f"{block}.mlp.down_proj.weight"] = (d, ff)
    shapes["model.norm.weight"] = (d,)
    if not spec.tie_embeddings:
        shapes["lm_head.weight"] = (spec.vocab_size, d)
    return shapes
