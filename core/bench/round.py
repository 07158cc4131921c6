"""``hedgerow bench round``: the federation against each volunteer training alone for as many steps.

Unit ``none``, preset ``tiny``, the machine's own documentation as text, three seeds. The same loop, optimiser and codec
run in both; alone is a federation of one whose new model is the volunteer's own, uncompressed.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from core.bench.rows import Row
from core.config.exchange import CodecConfig, ScheduleConfig
from core.config.federation import FederationConfig
from core.config.learning import OuterConfig
from core.config.model import TokenizerSpec
from core.config.privacy import PrivacyTerms
from core.data.tokenizer import BUILTIN
from core.demo.text import Split, byte_entropy, default_text, split
from core.model.presets import preset
from core.model.recipes import default_training
from core.simulation import Simulation

SEEDS = (1, 2, 3)
VOLUNTEERS = 2
ROUNDS = 3
LOCAL_STEPS = 15


def terms(seed: int, volunteers: int, codec: CodecConfig) -> FederationConfig:
    """The federation of one run."""
    training = msgspec.structs.replace(default_training("tiny", "none"), local_steps=LOCAL_STEPS)
    return FederationConfig(
        run_id=f"{seed:032x}",
        name="bench",
        operator="bench",
        jurisdiction="none",
        purpose="",
        licence="Apache-2.0",
        withdrawal="",
        seed=seed,
        model=preset("tiny"),
        tokenizer=TokenizerSpec(sha256=BUILTIN["hedgerow-4k"], origin="Python documentation"),
        training=training,
        outer=OuterConfig(),
        privacy=PrivacyTerms(unit="none", relation="none"),
        codec=codec,
        schedule=ScheduleConfig(rounds=ROUNDS, cohort_size=volunteers, quorum=volunteers),
    )


def measure() -> list[Row]:
    """Run both sides for every seed."""
    texts = split(default_text(), VOLUNTEERS)
    together, alone, ratios = [], [], []
    began = time.monotonic()
    for seed in SEEDS:
        bits, ratio = _federation(texts, seed)
        together.append(bits)
        ratios.append(ratio)
        alone.append([_alone(texts, seed, volunteer) for volunteer in range(VOLUNTEERS)])
        print(f"seed {seed}: together {bits:.3f}, alone {alone[-1]}", file=sys.stderr)
    best_alone = [min(of_seed) for of_seed in alone]
    gains = [100 * (1 - a / b) for a, b in zip(together, best_alone, strict=True)]
    anchor = f"alone: best {statistics.mean(best_alone):.3f}, mean {statistics.mean(map(statistics.mean, alone)):.3f}"
    plan = f"{VOLUNTEERS} volunteers, {ROUNDS} rounds of {LOCAL_STEPS} steps"
    held = all(gain > 0 for gain in gains)
    return [
        Row(metric=f"federation, held-out ({plan})", unit="bits/byte", value=statistics.mean(together), anchor=anchor),
        Row(metric="federation, standard deviation over seeds", unit="bits/byte", value=statistics.stdev(together)),
        *(
            Row(
                metric=f"volunteer {v + 1} alone, as many steps",
                unit="bits/byte",
                value=statistics.mean(a[v] for a in alone),
            )
            for v in range(VOLUNTEERS)
        ),
        Row(metric="federation against the best alone", unit="%", value=statistics.mean(gains), anchor="0", holds=held),
        Row(metric="byte unigram entropy of the held-out text", unit="bits/byte", value=byte_entropy(texts.held_out)),
        Row(metric="dense fp32 / uploaded bytes", unit="×", value=statistics.mean(ratios), anchor="fp32 1×"),
        Row(metric="time of the whole comparison", unit="s", value=time.monotonic() - began),
        Row(metric="equal-token loss gap, M=4, H=30", unit="%", anchor="DiLoCo 2.0 %", gate="≤ 4 %", aim="≤ 2 %"),
        Row(metric="half the uploads dropped, perplexity", unit="%", anchor="DiLoCo", gate="≤ 4 %", aim="≤ 2.1 %"),
        Row(metric="20 % hostile volunteers, loss", unit="%", anchor="none published", gate="≤ 4 %", aim="≤ 2 %"),
    ]


def _federation(texts: Split, seed: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory(prefix="hedgerow-bench-") as folder:
        documents = [[document.text for document in share] for share in texts.shares]
        config = terms(seed, VOLUNTEERS, CodecConfig(name="int8"))
        simulation = Simulation(config, documents, texts.held_out, Path(folder), threads=_threads())
        rounds = list(simulation.run())
    return rounds[-1].bits_per_byte, sum(r.dense_bytes for r in rounds) / sum(r.upload_bytes for r in rounds)


def _alone(texts: Split, seed: int, volunteer: int) -> float:
    with tempfile.TemporaryDirectory(prefix="hedgerow-bench-") as folder:
        documents = [[document.text for document in texts.shares[volunteer]]]
        config = terms(seed, 1, CodecConfig(name="fp32"))
        simulation = Simulation(config, documents, texts.held_out, Path(folder), threads=_threads())
        return list(simulation.run())[-1].bits_per_byte


def _threads() -> int:
    return os.cpu_count() or 1
