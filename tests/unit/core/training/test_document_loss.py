from __future__ import annotations

import numpy as np
import pytest
import torch
from support.tiny_round import SPEC
from torch.nn import functional

from core.model.initialise import seeded_weights
from core.model.transformer import Transformer, next_token_loss
from core.training.document_loss import per_document


def model() -> Transformer:
    made = Transformer(SPEC)
    made.load_arrays(seeded_weights(SPEC, 3))
    return made


def test_the_loss_is_the_mean_over_the_documents_tokens() -> None:
    """Not over its windows: a short last window weighs what it holds."""
    made, chance = model(), np.random.default_rng(2)
    rows = [chance.integers(0, 64, size) for size in (9, 9, 4, 9, 2)]
    padded = np.full((5, 9), -1)
    for row, tokens in zip(padded, rows, strict=True):
        row[: len(tokens)] = tokens
    loss = per_document(next_token_loss)(made, torch.from_numpy(padded))
    nats = []
    for tokens in rows:
        one = torch.from_numpy(tokens[None])
        nats += functional.cross_entropy(made(one[:, :-1])[0], one[0, 1:], reduction="none").tolist()
    assert float(loss.detach()) == pytest.approx(np.mean(nats), rel=1e-6)
    assert len(nats) == 8 + 8 + 3 + 8 + 1


def test_one_whole_window_is_as_before() -> None:
    made, tokens = model(), torch.arange(9)[None]
    assert float(per_document(next_token_loss)(made, tokens).detach()) == pytest.approx(
        float(next_token_loss(made, tokens).detach()), rel=1e-6
    )
