"""``hedgerow bench codec``: bytes of a sealed update against dense fp32, counted, and how fast the codec is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from core.bench.rows import Row
from core.config import CodecConfig
from core.model.initialise import seeded_weights
from core.model.presets import preset
from core.postprocess.compression.codec import decode, encode
from core.update import ModelUpdate

_TIMES = 3
T = TypeVar("T")


def measure() -> list[Row]:
    """int8 on a 10M-parameter layout; the size is fixed by the layout, so it needs no trained values."""
    update = ModelUpdate(seeded_weights(preset("10m"), seed=1))
    config = CodecConfig(name="int8")
    encode_s, payload = _best(lambda: encode(update, config))
    decode_s, back = _best(lambda: decode(payload, update.shapes, config))
    worst = float(np.abs(back.flat() - update.flat()).max() / np.abs(update.flat()).max())
    megabytes = update.dense_bytes / 1e6
    return [
        Row(
            metric="int8: dense fp32 / sealed bytes",
            unit="×",
            value=update.dense_bytes / len(payload),
            anchor="fp32 1×",
        ),
        Row(metric="int8: largest error / largest value", unit="1", value=worst, anchor="half a step 1/254"),
        Row(metric="int8: encode", unit="MB/s", value=megabytes / encode_s),
        Row(metric="int8: decode", unit="MB/s", value=megabytes / decode_s),
        Row(metric="unit none, real 10M update", unit="×", anchor="templar 146.3×", gate="≥ 146×", aim="≥ 200×"),
        Row(metric="units record and document", unit="×", gate="int4 8×", aim="≥ 100×"),
    ]


def _best(work: Callable[[], T]) -> tuple[float, T]:
    """Shortest of a few runs, with the last result."""
    shortest = float("inf")
    for _ in range(_TIMES):
        began = time.perf_counter()
        result = work()
        shortest = min(shortest, time.perf_counter() - began)
    return shortest, result
