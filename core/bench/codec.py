"""``hedgerow bench codec``: bytes of a sealed update against dense fp32, what each codec loses, and how fast it is.

The update is real: the model is warmed up on the machine's own documentation, then trained through one more round by
the loop and chain of a volunteer. What a codec loses is of that one update, without error feedback.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from core.bench.round import terms
from core.bench.rows import Row
from core.config.exchange import CodecConfig, ScheduleConfig
from core.config.federation import FederationConfig
from core.config.learning import OuterConfig
from core.demo.text import default_text, split
from core.model.checkpoint_io import write_weights
from core.model.layout import parameter_shapes
from core.model.presets import preset
from core.model.recipes import default_training
from core.postprocess.base import Chain
from core.postprocess.compression.codec import CODECS, decode, encode
from core.postprocess.privacy.links import NoGuarantee
from core.simulation import Client, Simulation
from core.update import ModelUpdate

WARM_UP_STEPS = 25
LOCAL_STEPS = 15
_HELD_OUT_CHARACTERS = 4_000
"""Nothing is measured on it here."""
_TIMES = 3
T = TypeVar("T")


def measure(name: str = "10m", warm_up: int = WARM_UP_STEPS, local_steps: int = LOCAL_STEPS) -> list[Row]:
    """Every codec on one real update of the preset ``name``, counted and timed."""
    began = time.monotonic()
    update = real_update(name, warm_up, local_steps)
    took = time.monotonic() - began
    print(f"trained {warm_up} and {local_steps} steps of {name} in {took:.0f} s", file=sys.stderr)
    rows = [row for config in settings() for row in _rows(update, config)]
    payload, _ = Chain([NoGuarantee()], CodecConfig(name="topk")).encode(update)
    ratio = update.dense_bytes / len(payload)
    return [
        *rows,
        Row(
            metric=f"unit none, real {name.upper()} update", unit="×", value=ratio, anchor="templar 146.3×",
            gate="≥ 146×", aim="≥ 200×", holds=ratio >= 146,
        ),
        Row(metric="units record and document", unit="×", gate="int4 8×", aim="≥ 100×"),
    ]  # fmt: skip


def settings() -> Iterator[CodecConfig]:
    """Every codec at its usual settings, and every index code once."""
    for name in CODECS:
        yield CodecConfig(name=name, block_size=64 if name == "int4" else 256)  # type: ignore[arg-type]
    yield CodecConfig(name="topk", index_code="elias-fano")
    yield CodecConfig(name="topk", index_code="packed")


def real_update(name: str, warm_up: int, local_steps: int) -> ModelUpdate:
    """The pseudo-gradient of a round after a warm-up of the preset ``name``."""
    config = _terms(name)
    texts = split(default_text(), 1)
    documents = [[document.text for document in texts.shares[0]]]
    with tempfile.TemporaryDirectory(prefix="hedgerow-bench-") as folder:
        held_out = texts.held_out[:_HELD_OUT_CHARACTERS]
        simulation = Simulation(_steps(config, warm_up), documents, held_out, Path(folder), threads=_threads())
        simulation.step()
        simulation.config = _steps(config, local_steps)
        return _next_update(simulation, simulation.clients[0], Path(folder))


def _next_update(simulation: Simulation, client: Client, folder: Path) -> ModelUpdate:
    base = folder / "base.safetensors"
    write_weights(base, simulation.weights)
    payload, _, _ = client.train(simulation.config, simulation.plans[0], base, 2, simulation.threads)
    return decode(payload, parameter_shapes(simulation.config.model), simulation.config.codec)


def _terms(name: str) -> FederationConfig:
    return msgspec.structs.replace(
        terms(1, 1, CodecConfig(name="fp32")), model=preset(name), training=default_training(name, "none"),
        outer=OuterConfig(optimizer="fedavg"), schedule=ScheduleConfig(rounds=2, cohort_size=1, quorum=1),
    )  # fmt: skip


def _steps(config: FederationConfig, steps: int) -> FederationConfig:
    training = msgspec.structs.replace(config.training, local_steps=steps, batch_size=8, seq_len=128)
    return msgspec.structs.replace(config, training=training)


def _rows(update: ModelUpdate, config: CodecConfig) -> list[Row]:
    name: str = config.name
    if name == "topk":
        name = f"{name} {config.kept}/{config.chunk_size}, {config.index_code}"
    elif config.sparse:
        name = f"{name} {config.kept}/{config.chunk_size}"
    encode_s, payload = _best(lambda: encode(update, config))
    decode_s, back = _best(lambda: decode(payload, update.shapes, config))
    given, found = update.flat().astype(np.float64), back.flat().astype(np.float64)
    norms = float(np.linalg.norm(given)), float(np.linalg.norm(found))
    megabytes = update.dense_bytes / 1e6
    rows = [Row(metric=f"{name}: dense fp32 / sealed bytes", unit="×", value=update.dense_bytes / len(payload))]
    if config.sparse and config.index_code != "combinadic":
        return rows
    return [
        *rows,
        Row(metric=f"{name}: relative error, L2", unit="1", value=float(np.linalg.norm(given - found)) / norms[0]),
        Row(metric=f"{name}: cosine", unit="1", value=float(given @ found) / (norms[0] * norms[1])),
        Row(metric=f"{name}: encode", unit="MB/s", value=megabytes / encode_s),
        Row(metric=f"{name}: decode", unit="MB/s", value=megabytes / decode_s),
    ]


def _best(work: Callable[[], T]) -> tuple[float, T]:
    """Shortest of a few runs, with the last result."""
    shortest = float("inf")
    for _ in range(_TIMES):
        began = time.perf_counter()
        result = work()
        shortest = min(shortest, time.perf_counter() - began)
    return shortest, result


def _threads() -> int:
    return os.cpu_count() or 1
