"""How well a model predicts text: bits per byte, comparable between tokenizers (Gao et al., The Pile, 2020)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray

from core.api.errors import CorpusError
from core.model.transformer import Transformer

Tokens = NDArray[np.integer[Any]]


class Score(NamedTuple):
    """Result over all windows."""

    bits_per_byte: float
    nats_per_token: float
    tokens: int
    """Predicted tokens."""
    text_bytes: int
    """Bytes those tokens stand for."""


def text_windows(tokens: Tokens, seq_len: int, max_windows: int) -> list[Tokens]:
    """Windows of up to ``seq_len + 1`` tokens that overlap by one, so that each token but the first is predicted once.

    When there are more than ``max_windows``, as many are taken evenly over the whole text.
    """
    starts = [start for start in range(0, len(tokens), seq_len) if len(tokens) - start > 1]
    if len(starts) > max_windows:
        starts = [starts[i * len(starts) // max_windows] for i in range(max_windows)]
    return [tokens[start : start + seq_len + 1] for start in starts]


def score(
    model: Transformer,
    windows: Iterable[Tokens],
    byte_lengths: NDArray[np.int32],
    between: Callable[[], None] = lambda: None,
) -> Score:
    """Mean surprise of ``model`` over ``windows``.

    Args:
        model: with weights loaded.
        windows: token ids, at least two each.
        byte_lengths: bytes of text each token id stands for; 0 for markers.
        between: called before each window; may raise to stop.

    Raises:
        CorpusError: there is nothing to predict.
    """
    nats, count, text_bytes = 0.0, 0, 0
    with torch.no_grad():
        device = model.ordered()[0].device
        for window in windows:
            between()
            tokens = torch.from_numpy(np.ascontiguousarray(window, dtype=np.int64)).to(device)
            logits = model(tokens[None, :-1])[0].float()
            nats += float(functional.cross_entropy(logits, tokens[1:], reduction="sum"))
            count += len(tokens) - 1
            text_bytes += int(byte_lengths[window[1:]].sum())
    if not count or not text_bytes:
        raise CorpusError("The held-out text is too short to measure anything.")
    return Score(nats / math.log(2) / text_bytes, nats / count, count, text_bytes)
