"""Code compiled once for a whole test run, by the real child with the machine's own compiler."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from support.tiny_round import SPEC

from core.config.learning import TrainingConfig
from core.config.model import ModelSpec
from core.engine.children import Child
from core.jobs import CodeRef, Compiled, CompileJob, ProbeJob, TrainingPlan, Up

MODEL: ModelSpec = msgspec.structs.replace(SPEC, vocab_size=4_096, num_layers=2, d_model=32, d_ff=64)
TRAINING = TrainingConfig(seq_len=16, batch_size=8, local_steps=6, learning_rate=5e-3, decay_steps=40)
PLAN = TrainingPlan(micro_batch=3, loss_rows=16, explanation=("Plain.",))
"""Batches of eight leave a last micro-batch of two, for which nothing was compiled."""


@dataclass(frozen=True)
class Made:
    """What the compiler said and left."""

    heard: tuple[Up, ...]
    folder: Path

    @property
    def said(self) -> Compiled:
        (found,) = (message for message in self.heard if isinstance(message, Compiled))
        return found

    @property
    def plan(self) -> TrainingPlan:
        path = self.folder / "code"
        code = CodeRef(path=str(path), sha256=hashlib.sha256(path.read_bytes()).hexdigest())
        return msgspec.structs.replace(PLAN, compiled=True, code=code)


def compile_job(folder: Path) -> CompileJob:
    probe = ProbeJob(model=MODEL, training=TRAINING, unit="none")
    return CompileJob(probe=probe, plan=PLAN, folder=str(folder))


def compile_once(folder: Path) -> Made:
    """Skips where there is no compiler."""
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        pytest.skip("this machine has no C++ compiler")
    place = folder / "place"
    place.mkdir(mode=0o700)

    async def main() -> tuple[Up, ...]:
        child = await Child.start(
            "core.training.compiled.compiler", compile_job(place), key=b"", log_path=folder / "compiler.log"
        )
        heard: list[Up] = []
        async with contextlib.aclosing(child.messages()) as messages:
            async for message in messages:
                heard.append(message)
                if isinstance(message, Compiled):  # as the engine does
                    break
        return tuple(heard)

    made = Made(asyncio.run(main()), place)
    assert (place / "code").exists(), f"{made.said.sentence}\n{(folder / 'compiler.log').read_text()[-3_000:]}"
    return made
