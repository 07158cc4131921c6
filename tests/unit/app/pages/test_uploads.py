"""Layers of an update are joined per block without losing any of the change."""

from __future__ import annotations

import math

import pytest

from app.pages.uploads import grouped
from core.api.messages.uploads import LayerNorm


def test_blocks_are_joined_and_ordered() -> None:
    layers = [
        LayerNorm(name="model.norm.weight", size=8, norm=0.1),
        LayerNorm(name="model.layers.10.mlp.weight", size=8, norm=1.0),
        LayerNorm(name="model.layers.1.attn.weight", size=8, norm=3.0),
        LayerNorm(name="model.layers.1.mlp.weight", size=8, norm=4.0),
        LayerNorm(name="model.embed_tokens.weight", size=8, norm=2.0),
        LayerNorm(name="lm_head.weight", size=8, norm=0.5),
    ]
    names, norms = grouped(layers)
    assert names == ["embed", "2", "11", "head", "norm"]
    assert norms[1] == pytest.approx(5.0)
    assert math.fsum(n**2 for n in norms) == pytest.approx(math.fsum(x.norm**2 for x in layers))


def test_nothing_is_nothing() -> None:
    assert grouped([]) == ([], [])
