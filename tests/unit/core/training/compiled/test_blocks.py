"""Compiled blocks: the same gradients, the same bytes again, and nothing loaded that the plan does not vouch for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import torch
from support.compiled import MODEL, PLAN, TRAINING, Made
from support.tiny_round import SPEC, Windows

from core.jobs import CodeRef, TrainingPlan
from core.model.frozen import shard_model
from core.model.initialise import seeded_weights
from core.model.shard import parse_shard
from core.model.transformer import Transformer
from core.training.compiled import blocks as module
from core.training.compiled.blocks import CodeUnfit, CompiledBlocks
from core.training.compiled.build import agrees
from core.training.compiled.package import pack, unpack
from core.training.gradients import PackedGradients
from core.training.ladder import Ladder
from core.training.state import RoundState

pytestmark = pytest.mark.slow
TOKENS = torch.randint(0, 4_096, (3, 17), generator=torch.Generator().manual_seed(2))


def fresh() -> Transformer:
    model = Transformer(MODEL)
    model.load_arrays(seeded_weights(MODEL, 1))
    return model


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many sequences went through compiled code, block by block."""
    seen: list[int] = []
    real = module._Block.apply

    def apply(code: CompiledBlocks, x: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        seen.append(len(x))
        return real(code, x, *rest)  # type: ignore[no-any-return]

    monkeypatch.setattr(module._Block, "apply", apply)
    return seen


def test_gradients_are_those_of_the_plain_model_and_the_same_again(made: Made, counted: list[int]) -> None:
    ladder = Ladder(made.plan)
    loss, found = ladder.gradients(fresh(), TOKENS)
    assert counted == [3, 3], "both blocks"
    plain_loss, plain = Ladder(PLAN).gradients(fresh(), TOKENS)
    assert float(loss) == pytest.approx(float(plain_loss), rel=1e-5)
    for one, other in zip(found, plain, strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-6)
    again = Ladder(made.plan).gradients(fresh(), TOKENS)[1]
    assert all(torch.equal(one, other) for one, other in zip(found, again, strict=True))
    assert ladder.plan.compiled


def test_the_numbers_are_held_against_float32(made: Made) -> None:
    code = CompiledBlocks.load(made.plan, MODEL)
    assert agrees(code.run, MODEL, TRAINING.seq_len, PLAN)
    assert not agrees(lambda *inputs: 1.001 * code.run(*inputs), MODEL, TRAINING.seq_len, PLAN)


def test_a_smaller_last_micro_batch_runs_as_it_comes(made: Made, counted: list[int]) -> None:
    way, state = PackedGradients(Windows({}), 5, made.plan, 1.0), RoundState()
    model = fresh()
    way.micro_batch = 3
    way._ladder.gradients(model, TOKENS)
    way._ladder.gradients(model, TOKENS[:2])
    assert counted == [3, 3]
    way.finished(state)
    assert state.plan is not None
    assert state.plan.compiled
    assert state.plan.code == made.plan.code


def test_blocks_that_do_not_learn_run_as_they_come(made: Made, counted: list[int]) -> None:
    shard, weights = parse_shard(MODEL, "blocks:1-1"), seeded_weights(MODEL, 1)
    models = [shard_model(shard, weights) for _ in range(2)]
    for model in models:
        model.load_arrays({name: weights[name] for name in model.learning})
    found = Ladder(made.plan).gradients(models[0], TOKENS)[1]
    assert counted == [3], "the block that learns"
    plain = Ladder(PLAN).gradients(models[1], TOKENS)[1]
    assert all(torch.allclose(one, other, rtol=1e-3, atol=1e-6) for one, other in zip(found, plain, strict=True))


Change = Callable[[bytes], bytes]


def _changed(**fields: object) -> Change:
    def change(raw: bytes) -> bytes:
        contents, forward, backward = unpack(raw)
        fit = {name: value for name, value in fields.items() if hasattr(contents.fit, name)}
        return pack(
            msgspec.structs.replace(contents, fit=msgspec.structs.replace(contents.fit, **fit)), forward, backward
        )

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_changed(machine="another"), "another machine"),
        (_changed(torch="1.0"), "another machine"),
        (_changed(threads=99), "another machine"),
        (_changed(model=SPEC), "another machine"),
        (_changed(dtype="bfloat16"), "another machine"),
        (lambda raw: b"\0" * 7 + b"\2{}" + raw, "cannot be read"),
        (lambda _raw: b"", "cannot be read"),
        (lambda raw: raw[: 8 + int.from_bytes(raw[:8], "big")], "does not load"),
    ],
    ids=["machine", "torch", "threads", "model", "dtype", "no head", "empty", "no libraries"],
)
def test_code_for_something_else_is_not_run(made: Made, tmp_path: Path, change: Change, words: str) -> None:
    raw = change((made.folder / "code").read_bytes())
    path = tmp_path / "code"
    path.write_bytes(raw)
    plan = msgspec.structs.replace(made.plan, code=CodeRef(path=str(path), sha256=hashlib.sha256(raw).hexdigest()))
    with pytest.raises(CodeUnfit, match=words):
        CompiledBlocks.load(plan, MODEL)


def _poisoned(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[-1_000] ^= 1
    path.write_bytes(raw)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_poisoned, "not what was compiled here"),
        (lambda path: path.unlink(), "No such file"),
        (lambda path: path.write_bytes(b"\0" * ((64 << 20) + 1)), "not what was compiled here"),
    ],
    ids=["one bit", "gone", "huge"],
)
def test_spoilt_code_is_a_rung_that_failed(
    made: Made,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Path], None],
    words: str,
) -> None:
    path = tmp_path / "code"
    path.write_bytes((made.folder / "code").read_bytes())
    spoil(path)
    assert made.plan.code is not None
    plan = msgspec.structs.replace(made.plan, code=CodeRef(path=str(path), sha256=made.plan.code.sha256))
    monkeypatch.setattr(module, "_runner", lambda _: pytest.fail("it must not be loaded"))
    ladder = Ladder(plan)
    found = ladder.gradients(fresh(), TOKENS)[1]
    assert not ladder.plan.compiled
    assert words in capfd.readouterr().err
    plain = Ladder(PLAN).gradients(fresh(), TOKENS)[1]
    assert all(torch.equal(one, other) for one, other in zip(found, plain, strict=True))


def test_a_plan_without_code_is_a_rung_that_failed() -> None:
    ladder = Ladder(TrainingPlan(compiled=True, micro_batch=3))
    ladder.gradients(fresh(), TOKENS)
    assert not ladder.plan.compiled
