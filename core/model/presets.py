"""Named model shapes, and what they cost in memory.

Torch-free: the coordinator and the engine read it to plan and to refuse before anything is allocated. The training
settings that belong to a name are in ``core.model.recipes``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from core.api.errors import UsageError
from core.config.model import ModelSpec
from core.model.layout import parameter_shapes

SEED_VOCABULARY: Final = 50_368
"""Rows of the seeds' embedding: the 50,277 tokens of GPT-NeoX, padded."""
GPT2_SUFFIX: Final = "-gpt2"
Device = Literal["cpu", "gpu"]

_SIZES: Final = (
    # name, vocabulary, blocks, width, heads, llama's feed-forward width, positions
    ("tiny", 4_096, 2, 128, 4, 352, 512),
    ("10m", 4_096, 7, 320, 5, 864, 1_024),
    ("75m", SEED_VOCABULARY, 3, 896, 16, 2_432, 2_048),
    ("75m-hd64", SEED_VOCABULARY, 3, 896, 14, 2_432, 2_048),
    ("125m", SEED_VOCABULARY, 12, 768, 12, 2_048, 2_048),
    ("250m", SEED_VOCABULARY, 16, 1_024, 16, 2_816, 2_048),
    ("350m", SEED_VOCABULARY, 24, 1_024, 16, 2_816, 2_048),
    ("1.3b", SEED_VOCABULARY, 24, 2_048, 16, 5_632, 2_048),
    ("3b", SEED_VOCABULARY, 32, 2_560, 20, 6_912, 2_048),
    ("30b", SEED_VOCABULARY, 48, 7_168, 56, 19_200, 2_048),
)
"""``tiny`` and ``10m`` make federations of plain CPUs real; the seeds give the others, except ``250m`` and ``30b``,
whose shapes are ours. The seeds' 75M has heads 56 wide, which few servers are fast at; ``75m-hd64`` has heads of 64."""


def _presets() -> Iterator[tuple[str, ModelSpec]]:
    for name, vocabulary, blocks, width, heads, inner, positions in _SIZES:
        spec = ModelSpec(
            preset=name, vocab_size=vocabulary, num_layers=blocks, d_model=width, num_heads=heads, d_ff=inner,
            max_seq_len=positions,
        )  # fmt: skip
        yield name, spec
        other = name + GPT2_SUFFIX
        yield other, msgspec.structs.replace(spec, preset=other, architecture="gpt2", d_ff=4 * width)


PRESETS: Final[dict[str, ModelSpec]] = dict(_presets())
"""Every shape by name: ``125m`` in the default shape, ``125m-gpt2`` in the seeds' own."""

_RUNTIME_BYTES: Final[dict[Device, int]] = {"cpu": 320 << 20, "gpu": 900 << 20}
"""Interpreter, torch and its thread buffers, measured on a CPU build; a card's context with its libraries, from
published figures and not measured here."""
_TRAINED_BYTES: Final[dict[tuple[Device, bool], int]] = {
    ("cpu", False): 60, ("cpu", True): 60, ("gpu", False): 20, ("gpu", True): 28,
}  # fmt: skip
"""Per trained parameter at the worst moment of a round, by device and whether a privacy unit protects it. 16 are
weight, gradient and two moments in float32, 4 a micro-batch's gradient, 8 a unit's clipped sum in float64. Main memory
also holds the base, and while the update is encoded its copies: 52 measured over a whole round of unit ``corpus``, 41
and 46 of ``none`` and ``record``."""


def preset(name: str) -> ModelSpec:
    """The shape called ``name``.

    Raises:
        UsageError: there is no such preset.
    """
    try:
        return PRESETS[name]
    except KeyError:
        raise UsageError(f"There is no model preset {name!r}.", f"Choose one of {', '.join(PRESETS)}.") from None


def num_parameters(spec: ModelSpec) -> int:
    """Trainable values; a tied head counts once."""
    return sum(math.prod(shape) for shape in parameter_shapes(spec).values())


def memory_bytes(
    spec: ModelSpec,
    batch: int,
    seq_len: int,
    *,
    trained: int | None = None,
    blocks_in_graph: int | None = None,
    frozen_width: int = 2,
    activation_width: int = 4,
    device: Device = "cpu",
    private: bool = True,
) -> int:
    """Upper estimate of the memory a trainer needs, in closed form and before anything is allocated.

    Args:
        spec: the model.
        batch: sequences in flight at once; 1 for DP-SGD, which takes one example at a time.
        seq_len: tokens per sequence.
        trained: parameters that learn; ``None`` for all. The rest is held without gradient or optimiser state.
        blocks_in_graph: blocks whose activations the backward pass needs, the lowest trained one and all above it;
            ``None`` for all.
        frozen_width: bytes of a parameter that does not learn, 2 as bfloat16.
        activation_width: bytes of an activation, 2 under bfloat16 autocast; logits and loss are float32 anyway.
        device: where the model computes; the answer is about that device's own memory.
        private: whether a privacy unit protects the round, which keeps sums and noise in float64.

    Returns:
        Bytes: states, activations kept for the backward pass, logits with their gradient, and the runtime.
    """
    everything = num_parameters(spec)
    learning = everything if trained is None else trained
    states = _TRAINED_BYTES[device, private] * learning + frozen_width * (everything - learning)
    if activation_width < 4:
        states += activation_width * learning  # autocast keeps a narrow copy of what it multiplies
    blocks = spec.num_layers if blocks_in_graph is None else blocks_in_graph
    inner = 4 * spec.d_ff if spec.architecture == "gpt2" else 5 * spec.d_ff
    per_token = activation_width * (blocks * (16 * spec.d_model + inner) + 3 * spec.d_model) + 16 * spec.vocab_size
    if learning < everything:
        states += 4 * spec.vocab_size * spec.d_model  # the largest frozen matrix, widened while it multiplies
    return _RUNTIME_BYTES[device] + states + batch * seq_len * per_token
