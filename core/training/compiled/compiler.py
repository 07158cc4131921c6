"""Compile for one plan: ``python -I -m core.training.compiled.compiler --in-fd A --out-fd B``.

A child of the engine, like the probe, and the only one that may run programs, because a compiler is made of them. So it
is given nothing that could be lost: the shape of a model, a plan and an empty folder; no text, no key, no weights. It
has no network, and where the kernel has Landlock it can read the system's programs and libraries and write only that
folder. It compiles, leaves the code there, and compares numbers and speed with the plan uncompiled on made-up tokens.
If it crashes, a plan stays as it was.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from core.api.errors import HedgerowError
from core.config.model import ModelSpec
from core.jobs import CodeRef, Compiled, CompileJob, Failed, Paused, Ready, TrainingPlan
from core.sandbox import lock_down
from core.training.channel import Channel
from core.training.compiled.blocks import CompiledBlocks
from core.training.compiled.build import agrees, build
from core.training.plan import use_threads
from core.training.races import WORTH
from core.training.rehearsal import Rehearsal, limited_memory, memory_budget
from core.training.state import Interrupted

CODE: Final = "code"
"""Name of the finished package in the job's folder."""
_COMPILERS: Final = ("g++", "clang++")
_TURNS: Final = 3
"""Measurements of each, in turn; the best counts, so that a neighbour's work weighs on neither."""


def compile_plan(job: CompileJob, check_pause: Callable[[], None] = lambda: None) -> Compiled:
    """Compile, compare and say what came of it.

    Raises:
        Interrupted: from ``check_pause``.
    """
    compiler = find_compiler()
    if compiler is None:
        return _failed("this machine has no C++ compiler (g++ or clang++)")
    budget = memory_budget(job.plan.device, job.probe.memory_bytes)
    began = time.monotonic()
    try:
        with limited_memory(job.plan.device, budget):  # the compiler's processes inherit it
            fast = compile_into(Path(job.folder), compiler, job.probe.model, job.probe.training.seq_len, job.plan)
    except Exception as error:  # noqa: BLE001 - whatever a foreign compiler raises, the round goes on uncompiled
        sys.stderr.write("".join(traceback.format_exception(error)))
        return _failed(f"the compiler failed ({type(error).__name__}); its words are in logs/compiler.log")
    took_s = time.monotonic() - began
    check_pause()
    return _compare(job, fast, budget, took_s, check_pause)


def find_compiler() -> str | None:
    """The machine's C++ compiler, if it has one."""
    return next(filter(None, map(shutil.which, _COMPILERS)), None)


def compile_into(folder: Path, compiler: str, spec: ModelSpec, seq_len: int, plan: TrainingPlan) -> TrainingPlan:
    """Compile for ``plan`` and leave the package in ``folder``; everything torch writes goes there too.

    Returns:
        The plan with that code.

    Raises:
        Exception: whatever torch or the compiler raise.
    """
    work = folder / "work"
    work.mkdir(mode=0o700)
    os.environ |= {name: str(work) for name in ("HOME", "TMPDIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")}
    from torch._inductor import config

    config.cpp.cxx = (compiler,)  # type: ignore[assignment]
    code, path = build(spec, seq_len, plan), folder / CODE
    path.write_bytes(code)
    return msgspec.structs.replace(plan, compiled=True, code=CodeRef(path=str(path), sha256=sha256(code).hexdigest()))


def _compare(
    job: CompileJob, fast: TrainingPlan, budget: int, took_s: float, check_pause: Callable[[], None]
) -> Compiled:
    spec, seq_len = job.probe.model, job.probe.training.seq_len
    if not agrees(CompiledBlocks.load(fast, spec).run, spec, seq_len, job.plan):
        return _failed("compiled numbers were further from float32's than uncompiled ones may be")
    with Rehearsal(job.probe, fast.device, budget, check_pause) as rehearsal:
        turns = [(rehearsal.measure(job.plan), rehearsal.measure(fast)) for _ in range(_TURNS)]
    plain = max(one.tokens_per_s for one, _ in turns)
    best = max((one for _, one in turns), key=lambda one: one.tokens_per_s)
    words = f"{best.tokens_per_s:,.0f} tokens/s compiled, {plain:,.0f} uncompiled"
    if not 0 < best.peak_bytes <= budget:
        return _failed("compiled it takes more memory than is allowed")
    if best.tokens_per_s <= WORTH * plain:
        return Compiled(outcome="slower", sentence=f"Not compiled: {words}.")
    return Compiled(
        outcome="faster", sentence=f"Compiled: {words}; compiling took {took_s:.0f} s, once.",
        tokens_per_s=best.tokens_per_s, peak_bytes=best.peak_bytes,
    )  # fmt: skip


def _failed(why: str) -> Compiled:
    return Compiled(outcome="failed", sentence=f"Not compiled: {why}.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one job; the exit code is 0 when it was done or paused, 1 when it failed."""
    parser = argparse.ArgumentParser(prog="core.training.compiled.compiler", allow_abbrev=False)
    for name in ("--in-fd", "--out-fd"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--key-fd", type=int, help="closed unread: a compiler sees nothing that needs a key")
    options = parser.parse_args(arguments)
    if options.key_fd is not None:
        os.close(options.key_fd)
    channel = Channel(options.in_fd, options.out_fd)
    try:
        job = channel.read_compile()
        use_threads(job.probe.threads)
        level = lock_down(read_paths=(), write_paths=[job.folder], programs=True)
        channel.start()
        channel.send(Ready(sandbox=level, pid=os.getpid()))
        channel.send(compile_plan(job, channel.check_pause))
    except Interrupted:
        channel.send(Paused(step=0, seconds=0.0))
    except BrokenPipeError:
        return 1
    except Exception as error:  # noqa: BLE001 - the border: whatever it is, one sentence goes up
        return _fail(channel, error)
    return 0


def _fail(channel: Channel, error: Exception) -> int:
    sys.stderr.write("".join(traceback.format_exception(error)))
    known = error if isinstance(error, HedgerowError) else None
    message = known.message if known else f"The compiler failed inside ({type(error).__name__})."
    try:
        channel.send(Failed(code=known.code if known else "engine", message=message, hint=known.hint if known else ""))
    except (OSError, ValueError):
        return 1
    return 1


if __name__ == "__main__":
    sys.exit(main())
