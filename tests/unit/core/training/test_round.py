from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from support.tiny_round import KEY, SPEC, FakeEngine, Killed, Records, rooms_for

from core import vault
from core.api.errors import ModelError, PrivacyError, StorageError
from core.jobs import ChargeRequest, DPRecord, HeldOut, Progress, Sealed, TrainJob
from core.model.checkpoint_io import read_weights
from core.model.presets import num_parameters
from core.training.round import RECEIPT_NAME, SEALED_CONTEXT, SEALED_NAME, TrainingRound
from core.training.state import Interrupted

MakeJob = Callable[..., TrainJob]
UNITS = ("none", "corpus", "record")
EVERY_POINT = range(45) if os.environ.get("HEDGEROW_CAMPAIGN") else range(1, 46, 6)


def run(job: TrainJob, engine: FakeEngine | None = None, **rooms: Any) -> Sealed:
    return TrainingRound(job, KEY, engine or FakeEngine(), rooms_for(job, **rooms)).run()


def payload(job: TrainJob) -> bytes:
    return vault.decrypt_file(Path(job.round_dir) / SEALED_NAME, KEY, SEALED_CONTEXT)


@pytest.mark.parametrize("unit", UNITS)
def test_a_round_ends_in_a_sealed_update_and_nothing_else(make_job: MakeJob, unit: str, tmp_path: Path) -> None:
    import hashlib

    job, engine = make_job(unit), FakeEngine()
    sealed = run(job, engine)
    assert sealed == engine.sent[-1]
    assert sorted(p.name for p in Path(job.round_dir).iterdir()) == [RECEIPT_NAME, SEALED_NAME]
    plain = payload(job)
    assert (sealed.sha256, sealed.size_bytes) == (hashlib.sha256(plain).hexdigest(), len(plain))
    assert sealed.dense_bytes == 4 * num_parameters(SPEC)
    assert sealed.steps == 5
    assert sealed.mean_loss is not None
    assert abs(sealed.mean_loss - math.log(256)) < 0.5
    assert len(engine.of(HeldOut)) == engine.grants == 1
    update = tmp_path / "update"
    update.write_bytes(plain)
    assert any(bool(np.any(a)) for a in read_weights(update, SPEC).values())


@pytest.mark.parametrize("unit", ["none", "record"])
def test_the_charge_comes_before_the_first_step(make_job: MakeJob, unit: str) -> None:
    engine = FakeEngine()
    run(make_job(unit), engine)
    kinds = [type(m) for m in engine.sent]
    assert kinds.index(HeldOut) < kinds.index(ChargeRequest) < kinds.index(Progress)


def test_a_corpus_is_charged_after_training_and_before_noise(make_job: MakeJob) -> None:
    engine, at_encode = FakeEngine(), []
    run(make_job("corpus"), engine, on_encode=lambda: at_encode.append(engine.grants))
    assert at_encode == [1]
    charge = [type(m) for m in engine.sent].index(ChargeRequest)
    assert [m.step for m in engine.sent[:charge] if isinstance(m, Progress)][-1] == 5


def test_a_refused_charge_leaves_nothing(make_job: MakeJob) -> None:
    class Refusing(FakeEngine):
        def wait_for_grant(self) -> int:
            raise PrivacyError("No budget.")

    job = make_job("record")
    with pytest.raises(PrivacyError):
        run(job, Refusing())
    assert not list(Path(job.round_dir).iterdir())


def test_the_record_is_what_was_drawn(make_job: MakeJob) -> None:
    job, engine = make_job("record"), FakeEngine()
    run(job, engine)
    (record,) = engine.of(DPRecord)
    plan = job.privacy
    drawn, scale = 5 * num_parameters(SPEC), plan.noise_multiplier * plan.clip_norm
    assert record == DPRecord(
        unit="record", steps=5, sampling_prob=plan.sampling_prob, clip_norm=plan.clip_norm,
        noise_multiplier=plan.noise_multiplier, noise_draws=drawn, noise_energy=record.noise_energy,
    )  # fmt: skip
    assert abs(record.noise_energy / (drawn * scale**2) - 1) < 8 * (2 / drawn) ** 0.5
    assert not record.too_quiet
    assert msgspec.structs.replace(record, noise_energy=record.noise_energy * 0.9).too_quiet


def test_a_plan_for_other_steps_is_refused_before_anything(make_job: MakeJob) -> None:
    engine = FakeEngine()
    with pytest.raises(PrivacyError, match="6 steps"):
        run(make_job("record", local_steps=6), engine)
    assert engine.sent == []


def test_another_base_is_refused(make_job: MakeJob) -> None:
    with pytest.raises(ModelError, match="base weights"):
        run(make_job("none", base_sha256="0" * 64))


def test_progress_never_shows_a_step_that_did_not_happen(make_job: MakeJob) -> None:
    engine = FakeEngine()
    run(make_job("none"), engine)
    shown = engine.of(Progress)
    assert [m.step for m in shown if m.fraction is None] == [0, 1, 2, 3, 4, 5]
    assert all(a.step <= b.step and a.seconds <= b.seconds for a, b in itertools.pairwise(shown))
    assert all(m.tokens == m.step * 48 for m in shown)
    assert all(m.step < 5 for m in shown if m.fraction is not None)


def _restart_until_done(job: TrainJob, **first: int) -> tuple[int, FakeEngine]:
    """Die as told, then run to the end; returns how often it died and the last engine."""
    engine, deaths = FakeEngine(**first), 0
    try:
        run(job, engine)
    except (Killed, Interrupted):
        deaths, engine = 1, FakeEngine()
        # A fresh key in the second process: draws may only follow from what the first one stored.
        run(job, engine, key=b"z" * 32)
    return deaths, engine


@pytest.mark.parametrize("unit", ["none", "record"])
@pytest.mark.parametrize("how", ["kill_at_look", "kill_at_message", "pause_at_look"])
@pytest.mark.parametrize("interval", [0.0, 3_600.0], ids=["checkpoint-each-step", "no-checkpoint-between"])
def test_killed_anywhere_the_round_seals_the_same_bytes(
    make_job: MakeJob, unit: str, how: str, interval: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.training.round._WRITE_SHARE", 1e9)
    reference = make_job(unit, folder="reference")
    run(reference)
    expected, deaths, died = payload(reference), 0, 1
    for number in EVERY_POINT:
        job = make_job(unit, folder=f"round-{number}", checkpoint_interval_s=interval)
        died, engine = _restart_until_done(job, **{how: number})
        if not died:
            break
        deaths += 1
        # Killed before its first checkpoint a private round has no key yet, and asks for its charge again.
        if unit == "none" or not engine.grants:
            assert payload(job) == expected, f"{how}={number}"
        assert engine.of(Sealed)[-1].steps == 5
    assert deaths >= len(EVERY_POINT) // 5
    assert not died


def test_a_second_process_repeats_the_draws_of_the_first(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed inside the third step: the step is drawn again, equal to the first time, whoever's key comes later."""
    seen: list[list[bytes]] = [[]]
    real = Records.draw

    def watched(self: Records, source: Any) -> Any:
        drawn = real(self, source)
        seen[-1].append(b"".join(d.tobytes() for d in drawn))
        return drawn

    monkeypatch.setattr(Records, "draw", watched)
    job = make_job("record")
    with pytest.raises(Killed):
        run(job, FakeEngine(kill_at_look=20))
    seen.append([])
    run(job, FakeEngine(), key=b"z" * 32)
    assert len(seen[0]) >= 2
    assert seen[1][: len(seen[0])] == seen[0]
    assert len(set(seen[1])) == len(seen[1]) == 5


@pytest.mark.parametrize("unit", UNITS)
def test_a_sealed_update_is_announced_again_never_computed_again(make_job: MakeJob, unit: str) -> None:
    job = make_job(unit)
    first = run(job)
    before = {p.name: p.read_bytes() for p in Path(job.round_dir).iterdir()}

    def never() -> None:
        raise AssertionError("encoded twice")

    engine = FakeEngine()
    again = run(job, engine, key=b"z" * 32, on_encode=never)
    assert again == first
    assert [type(m) for m in engine.sent] == ([DPRecord, Sealed] if unit == "record" else [Sealed])
    assert {p.name: p.read_bytes() for p in Path(job.round_dir).iterdir()} == before


def test_a_damaged_sealed_update_is_never_replaced(make_job: MakeJob) -> None:
    job = make_job("record")
    run(job)
    path = Path(job.round_dir) / SEALED_NAME
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(bytes(raw))
    with pytest.raises(StorageError):
        run(job)
    assert path.read_bytes() == bytes(raw)


def test_no_key_is_on_the_disk_when_the_update_is_encoded(make_job: MakeJob) -> None:
    from core.training.resume import _CONTEXT, Header
    from core.training.state_file import read_state

    job, found = make_job("record", checkpoint_interval_s=0.0), []

    def look() -> None:
        for path in Path(job.round_dir).iterdir():
            header, arrays = read_state(path, KEY, _CONTEXT)
            found.append((msgspec.json.decode(header, type=Header).state.step_key, [n for n in arrays if "sum" in n]))

    run(job, on_encode=look)
    assert found == [(b"", [])], "neither the key nor a sum without noise"


def test_checkpoints_follow_the_interval_but_not_if_writing_would_cost_too_much(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.training.resume import Checkpoints

    written: list[int] = []
    real = Checkpoints.save

    def save(self: Checkpoints, model: Any, optimizer: Any, state: Any, *rest: Any, **named: Any) -> None:
        written.append(state.step)
        real(self, model, optimizer, state, *rest, **named)

    monkeypatch.setattr(Checkpoints, "save", save)
    monkeypatch.setattr("core.training.round._WRITE_SHARE", 1e9)
    run(make_job("none", folder="often", checkpoint_interval_s=0.0))
    assert written == [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5], "after each micro-batch"
    written.clear()
    run(make_job("none", folder="seldom", checkpoint_interval_s=3_600.0))
    assert written == [5]
    written.clear()
    monkeypatch.setattr("core.training.round._WRITE_SHARE", 1e-9)
    run(make_job("none", folder="costly", checkpoint_interval_s=0.0))
    assert written == [0, 5]
