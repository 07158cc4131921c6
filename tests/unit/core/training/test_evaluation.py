from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from support.tiny_round import SPEC, TOKENS

from core.api.errors import CorpusError
from core.model.initialise import seeded_weights
from core.model.transformer import Transformer, next_token_loss
from core.training.evaluation import score, text_windows
from core.training.state import Interrupted

ONE_BYTE = np.ones(256, np.int32)


def model() -> Transformer:
    fresh = Transformer(SPEC)
    fresh.load_arrays(seeded_weights(SPEC, 1))
    return fresh


def test_every_token_but_the_first_is_predicted_once() -> None:
    tokens = np.arange(35)
    windows = text_windows(tokens, 8, 100)
    assert [len(w) for w in windows] == [9, 9, 9, 9, 3]
    assert np.concatenate([w[1:] for w in windows]).tolist() == list(range(1, 35))
    assert len(text_windows(np.arange(33), 8, 100)) == 4


def test_windows_are_spread_when_there_are_too_many() -> None:
    starts = [int(w[0]) for w in text_windows(np.arange(801), 8, 4)]
    assert starts == [0, 200, 400, 600]


def test_bits_per_byte_is_the_loss_in_bits_over_the_bytes_of_the_predicted_tokens() -> None:
    windows = text_windows(TOKENS[:33], 8, 10)
    lengths = ONE_BYTE * 3
    found = score(model(), windows, lengths)
    rows = torch.from_numpy(np.stack(windows).astype(np.int64))
    nats = float(next_token_loss(model(), rows).detach())
    assert found.nats_per_token == pytest.approx(nats, rel=1e-5)
    assert found.bits_per_byte == pytest.approx(nats / math.log(2) / 3, rel=1e-5)
    assert (found.tokens, found.text_bytes) == (32, 96)


def test_markers_cost_nats_but_have_no_bytes() -> None:
    lengths = ONE_BYTE.copy()
    lengths[TOKENS[3]] = 0
    found = score(model(), [TOKENS[:9]], lengths)
    assert found.text_bytes == 8 - int((TOKENS[1:9] == TOKENS[3]).sum())


def test_a_model_that_knows_the_text_scores_near_zero() -> None:
    trained = model()
    from core.config.learning import TrainingConfig
    from core.training.optimizer import AdamW

    window = TOKENS[:17]
    optimizer = AdamW(trained.ordered(), TrainingConfig(seq_len=16, batch_size=1, local_steps=1, learning_rate=1e-2))
    before = score(trained, [window], ONE_BYTE).bits_per_byte
    row = torch.from_numpy(window[None].astype(np.int64))
    for _ in range(150):
        optimizer.step(torch.autograd.grad(next_token_loss(trained, row), trained.ordered()), 1e-2)
    assert before > 7.5
    assert score(trained, [window], ONE_BYTE).bits_per_byte < 0.5


def test_no_text_is_an_error_and_a_pause_stops_between_windows() -> None:
    with pytest.raises(CorpusError):
        score(model(), [], ONE_BYTE)
    looks = []

    def pause() -> None:
        looks.append(1)
        if len(looks) == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        score(model(), text_windows(TOKENS[:33], 8, 10), ONE_BYTE, pause)
