"""The file that compiled code travels in: what it was compiled for, and two shared libraries.

It is native code, so its form protects nobody: whoever loads it must have its hash from somebody to be trusted, which
is the engine that kept it. What is written inside says for which machine, versions and shapes it is right.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Final, Literal

import msgspec
import torch

from core.config.model import ModelSpec
from core.jobs import TrainingPlan

VERSION: Final = 1
MAX_BYTES: Final = 64 << 20
"""No package is larger; two libraries of one block take about 4 MB."""
_CPUINFO: Final = Path("/proc/cpuinfo")
_FACTS: Final = ("model name", "CPU part", "flags", "Features")
_INSTRUCTIONS: Final = (
    "sse", "ssse", "avx", "amx", "fma", "f16c", "bmi", "adx", "aes", "vaes", "sha", "gfni", "movbe", "popcnt", "abm",
    "asimd", "sve", "bf16", "i8mm", "fp",
)  # fmt: skip


class CodeUnfit(Exception):
    """This code cannot be run here; the message is one sentence about a file."""


class Fit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What code was compiled for; it runs where every field is the same."""

    version: int = VERSION
    torch: str
    machine: str
    threads: int
    """The number is compiled in, and sums depend on it."""
    model: ModelSpec
    dtype: Literal["float32", "bfloat16"]
    attention: Literal["fused", "math"]


class Contents(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The head of a package. A block's inputs are hidden states, tables and parameters, in this order."""

    fit: Fit
    micro_batch: int
    seq_len: int
    inputs: int
    saved: tuple[int, ...]
    """What the backward pass reads before its upstream gradient: input numbers, and from ``inputs`` on what the forward
    pass gave beside its result."""
    gradients: tuple[int, ...]
    """Numbers of the inputs that the backward pass gives gradients of."""
    forward_bytes: int


def fit_here(model: ModelSpec, plan: TrainingPlan) -> Fit:
    """What code has to be compiled for to run in this process."""
    return Fit(
        torch=str(torch.__version__),
        machine=machine(),
        threads=torch.get_num_threads(),
        model=model,
        dtype=plan.dtype,
        attention=plan.attention,
    )


@functools.cache
def machine() -> str:
    """Hash of the processor's name and the instructions it knows; code is compiled for exactly this one."""
    try:
        lines = _CPUINFO.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    first = {name: next((line for line in lines if line.startswith(name)), "") for name in _FACTS}
    words = [word for line in (first.pop("flags"), first.pop("Features")) for word in line.split()]
    can = sorted(word for word in words if word.startswith(_INSTRUCTIONS))  # a new kernel may name other things anew
    parts = (torch.backends.cpu.get_cpu_capability(), *first.values(), *can)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def pack(contents: Contents, forward: bytes, backward: bytes) -> bytes:
    """One file of both libraries."""
    head = msgspec.json.encode(contents)
    return len(head).to_bytes(8, "big") + head + forward + backward


def unpack(raw: bytes) -> tuple[Contents, bytes, bytes]:
    """Contents and the two libraries.

    Raises:
        CodeUnfit: this is no such file.
    """
    start = 8 + int.from_bytes(raw[:8], "big")
    try:
        contents = msgspec.json.decode(raw[8:start], type=Contents)
    except (msgspec.MsgspecError, ValueError) as error:
        raise CodeUnfit("The compiled code cannot be read.") from error
    middle = start + contents.forward_bytes
    return contents, raw[start:middle], raw[middle:]
