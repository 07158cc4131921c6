"""The compiler: a child that may run programs and is given nothing else; what it says is what was measured."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.compiled import MODEL, PLAN, TRAINING, Made, compile_job

from core import sandbox
from core.api.errors import SandboxError
from core.jobs import Alive, BatchProbe, Compiled, Ready
from core.training.compiled import compiler
from core.training.compiled.package import unpack
from core.training.rehearsal import Rehearsal


@pytest.mark.slow
def test_the_child_is_locked_compiles_and_says_both_speeds(made: Made) -> None:
    (ready,) = (message for message in made.heard if isinstance(message, Ready))
    assert ready.sandbox == sandbox.level_available()
    assert isinstance(made.heard[-1], Compiled)
    assert all(isinstance(message, Alive | Ready) for message in made.heard[:-1])
    assert made.said.outcome in ("faster", "slower"), made.said.sentence
    assert "tokens/s compiled" in made.said.sentence
    assert "uncompiled" in made.said.sentence


@pytest.mark.slow
def test_the_code_says_what_it_is_for_and_holds_no_weights(made: Made) -> None:
    contents, forward, backward = unpack((made.folder / "code").read_bytes())
    assert (contents.micro_batch, contents.seq_len) == (PLAN.micro_batch, TRAINING.seq_len)
    assert (contents.fit.model, contents.fit.dtype, contents.fit.threads) == (MODEL, "float32", 1)
    assert forward[:4] == backward[:4] == b"\x7fELF"
    assert contents.inputs == 1 + 2 + 9, "hidden states, two tables, the nine parameters of a block"
    assert set(contents.gradients) == {0, *range(3, 12)}, "tables have none"


def test_a_machine_without_a_compiler_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = compiler.compile_plan(compile_job(tmp_path))
    assert found == Compiled(
        outcome="failed", sentence="Not compiled: this machine has no C++ compiler (g++ or clang++)."
    )
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def with_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """One is found, and the environment is as it was afterwards."""
    monkeypatch.setattr(compiler.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(compiler.os, "environ", dict(os.environ))


@pytest.mark.usefixtures("with_a_compiler")
def test_a_compiler_that_fails_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> bytes:
        raise subprocess.CalledProcessError(1, "g++")

    monkeypatch.setattr(compiler, "build", broken)
    found = compiler.compile_plan(compile_job(tmp_path))
    assert found.outcome == "failed"
    assert "(CalledProcessError)" in found.sentence
    assert "g++" in capfd.readouterr().err, "its own words are for the log"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("agrees", "speed", "peak", "outcome", "words"),
    [
        (True, 104.0, 1, "slower", "Not compiled: 104 tokens/s compiled, 100 uncompiled."),
        (True, 120.0, 1, "faster", "Compiled: 120 tokens/s compiled, 100 uncompiled; compiling took"),
        (True, 120.0, 1 << 60, "failed", "more memory than is allowed"),
        (False, 120.0, 1, "failed", "further from float32's"),
    ],
    ids=["hardly faster", "faster", "too large", "wrong numbers"],
)
@pytest.mark.usefixtures("with_a_compiler")
def test_it_is_taken_only_where_it_is_right_fits_and_pays(
    made: Made,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    agrees: bool,
    speed: float,
    peak: int,
    outcome: str,
    words: str,
) -> None:
    def measure(_: Any, plan: Any) -> BatchProbe:
        assert not plan.compiled or plan.code.path == str(tmp_path / "code")
        found = BatchProbe(micro_batch=3, peak_bytes=1, tokens_per_s=100.0, step_s=0.1)
        return msgspec.structs.replace(found, tokens_per_s=speed, peak_bytes=peak) if plan.compiled else found

    monkeypatch.setattr(compiler, "build", lambda *_: (made.folder / "code").read_bytes())
    monkeypatch.setattr(Rehearsal, "measure", measure)
    if not agrees:
        monkeypatch.setattr(compiler, "agrees", lambda *_: False)
    found = compiler.compile_plan(compile_job(tmp_path))
    assert found.outcome == outcome
    assert words in found.sentence
    assert found.sentence.endswith(".")


def test_without_its_lock_it_compiles_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused(**_: object) -> str:
        raise SandboxError("This system has no seccomp.", "It was not compiled.")

    sent: list[Any] = []

    class Silent:
        def __init__(self, *_: int) -> None: ...

        def read_compile(self) -> Any:
            return compile_job(tmp_path)

        def send(self, message: Any) -> None:
            sent.append(message)

    monkeypatch.setattr(compiler, "Channel", Silent)
    monkeypatch.setattr(compiler, "lock_down", refused)
    assert compiler.main(["--in-fd", "0", "--out-fd", "1"]) == 1
    assert [message.message for message in sent] == ["This system has no seccomp."]
