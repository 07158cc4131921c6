"""A hostile coordinator sends weights that are a trap: each neuron wakes for one kind of word and writes down which.

After Fowl et al., Decepticons (2022, arXiv 2201.12675), for our two shapes and by our own arithmetic. Attention and the
other blocks are switched off. The embedding carries one-hot and binary codes of a word's number, and GPT-2's positions
a one-hot code of theirs. In the first block each neuron is an AND of two one-hot codes: place and five bits of the word
in ``gpt2``, twice four bits in ``llama``. A neuron's weights then move along the embedding of the one word that woke
it, so the signs of seven (four) further rows spell the rest of its number; one row with a constant says which sign is
which. Signs are all that is needed, and AdamW keeps them. The terms help: one step, a small batch.

Without a guarantee most of the text comes back, ``gpt2``'s in order. Under DP-SGD with the noise of the default plan,
and this hostile single step, the same reading is a guess. A word is *recovered* if the neuron that it belongs to spells
its remaining bits; a guess does so with probability 2⁻⁷ (2⁻⁴), which gives the 99 % interval of the hits. A trap that
bets everything on fewer words stands out further from the noise, by as much as the ε allows and not by more.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import numpy as np
import pytest
from scipy import stats
from support.victim import Noted, default_plan, one_update

from core.jobs import PrivacyPlan
from core.model.initialise import seeded_weights
from core.model.presets import preset
from core.model.recipes import default_training
from core.update import Array

SPECS = {"gpt2": preset("tiny-gpt2"), "llama": preset("tiny")}
VOCABULARY, WIDTH = 4_096, 128
PLACES = 16
CODE = 8.0
SHARP = {"gpt2": 2.0, "llama": 4.0}
AWAKE = 1.5
"""What a neuron reads where both codes are its own; with one alone it is far below zero."""
LOUD = 0.1
"""Of what a neuron writes: the larger, the more of an example's bounded gradient is the trap's."""
SPARE = slice(64, WIDTH)
CONSTANT = 63
BITS = {"gpt2": slice(48, 55), "llama": slice(48, 52)}
FIRST = {"gpt2": 5, "llama": 8}
"""Bits that choose the neuron; the others are spelt."""


def trap(shape: str) -> dict[str, Array]:
    """Finite weights of the right layout: nothing that could be refused."""
    arrays = {name: array.copy() for name, array in seeded_weights(SPECS[shape], 1).items()}
    chance = np.random.default_rng(2)
    words = np.arange(VOCABULARY)
    table = np.zeros((VOCABULARY, WIDTH), np.float32)
    rest = words >> FIRST[shape]
    bits = BITS[shape].stop - BITS[shape].start
    table[:, BITS[shape]] = 2.0 * (rest[:, None] >> np.arange(bits) & 1) - 1.0
    table[:, CONSTANT] = 4.0
    table[:, SPARE] = chance.normal(0, 0.3, (VOCABULARY, WIDTH - SPARE.start))
    for name, array in arrays.items():
        if name.endswith(("attn.c_proj.weight", "o_proj.weight", "mlp.c_proj.weight", "down_proj.weight")):
            array[:] = 0.0
    (_gpt2 if shape == "gpt2" else _llama)(arrays, table, words, chance)
    return arrays


def _gpt2(arrays: dict[str, Array], table: Array, words: np.ndarray, chance: np.random.Generator) -> None:
    table[words, 16 + words % 32] = CODE
    arrays["transformer.wte.weight"][:] = table
    places = arrays["transformer.wpe.weight"]
    places[:] = 0.0
    places[np.arange(PLACES), np.arange(PLACES)] = CODE
    x = table[:, None, :] + places[None, :PLACES]
    normal = x - x.mean(-1, keepdims=True)
    normal /= np.sqrt((normal**2).mean(-1, keepdims=True))
    code = float(np.median(normal[:, 3, 3]))
    place, low = np.divmod(np.arange(PLACES * 32), 32)
    wakes = arrays["transformer.h.0.mlp.c_fc.weight"]
    wakes[:] = 0.0
    wakes[place, np.arange(512)] = wakes[16 + low, np.arange(512)] = SHARP["gpt2"]
    arrays["transformer.h.0.mlp.c_fc.bias"][:] = AWAKE - 2 * code * SHARP["gpt2"]
    arrays["transformer.h.0.mlp.c_proj.weight"][:, SPARE] = chance.normal(0, LOUD, (512, WIDTH - SPARE.start))


def _llama(arrays: dict[str, Array], table: Array, words: np.ndarray, chance: np.random.Generator) -> None:
    table[words, words % 16] = table[words, 16 + words // 16 % 16] = CODE
    arrays["model.embed_tokens.weight"][:] = table
    high, low = np.divmod(np.arange(256), 16)
    wakes, says = (arrays[f"model.layers.0.mlp.{name}_proj.weight"] for name in ("gate", "up"))
    wakes[:] = 0.0
    wakes[np.arange(256), low] = wakes[np.arange(256), 16 + high] = SHARP["llama"]
    wakes[:, CONSTANT] = (AWAKE - 2 * CODE * SHARP["llama"]) / 4.0
    says[:] = 0.0
    says[:, CONSTANT] = 1.0
    arrays["model.layers.0.mlp.down_proj.weight"][SPARE, :256] = chance.normal(0, LOUD, (WIDTH - SPARE.start, 256))


class Read(NamedTuple):
    hits: int
    words: int
    chance: float

    def is_a_guess(self) -> bool:
        """Within the 99 % interval of guessing."""
        low, high = stats.binom.interval(0.99, self.words, self.chance)
        return bool(low <= self.hits <= high)


def read(noted: Noted, shape: str) -> Read:
    """Spell each neuron's word from the decoded update alone; then compare with what was really trained on."""
    if shape == "gpt2":
        rows = noted.update.arrays["transformer.h.0.mlp.c_fc.weight"].T
    else:
        rows = noted.update.arrays["model.layers.0.mlp.up_proj.weight"]
    bits = rows[:, BITS[shape]] * np.sign(rows[:, [CONSTANT]]) > 0
    spelt = (bits << np.arange(bits.shape[1])).sum(1)
    hits = words = 0
    for row in noted.examples:
        for place, word in enumerate(row[:-1].tolist()):
            if place == 0 or word < 0:
                continue  # a record begins with end-of-text, which is no secret
            neuron = place * 32 + word % 32 if shape == "gpt2" else word % 256
            hits += bool(rows[neuron].any()) and int(spelt[neuron]) == word >> FIRST[shape]
            words += 1
    return Read(hits, words, 0.5 ** bits.shape[1])


def answer(folder: Path, shape: str, unit: Literal["none", "record", "document"], quieter: float = 1.0) -> Read:
    spec = SPECS[shape]
    chance = np.random.default_rng(5)
    documents = [chance.integers(1, VOCABULARY, 2 * PLACES).astype(np.uint16) for _ in range(1_300)]
    training = msgspec.structs.replace(default_training(spec.preset, unit), seq_len=PLACES, local_steps=1)
    if unit == "none":
        training = msgspec.structs.replace(training, batch_size=4, warmup_steps=0)
    units = len(documents) * (2 if unit == "record" else 1)
    plan = PrivacyPlan(unit="none") if unit == "none" else default_plan(spec.preset, unit, units)
    plan = msgspec.structs.replace(plan, noise_multiplier=plan.noise_multiplier * quieter)
    return read(one_update(folder, spec, trap(shape), documents, training, plan), shape)


@pytest.mark.parametrize(("shape", "share"), [("gpt2", 0.85), ("llama", 0.8)])
def test_without_a_guarantee_the_text_comes_back(tmp_path: Path, shape: str, share: float) -> None:
    found = answer(tmp_path, shape, "none")
    assert found.hits >= share * found.words
    assert not found.is_a_guess()


@pytest.mark.parametrize("unit", ["record", "document"])
@pytest.mark.parametrize("shape", ["gpt2", "llama"])
def test_at_the_defaults_it_is_a_guess(tmp_path: Path, shape: str, unit: Literal["record", "document"]) -> None:
    found = answer(tmp_path, shape, unit)
    assert found.words > 500
    assert found.is_a_guess(), found


def test_it_is_the_noise_that_stops_it(tmp_path: Path) -> None:
    """Bounded examples, a large draw, the same reading: with a thousandth of the noise words come back."""
    found = answer(tmp_path, "gpt2", "record", quieter=1e-3)
    assert found.hits > 20 * found.chance * found.words
