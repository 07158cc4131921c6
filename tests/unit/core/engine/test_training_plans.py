"""A plan is measured once, kept while nothing it rests on changes, and never stands in a round's way."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from support.children import interpreter
from support.federation import config

from core.engine.config_store import ConfigStore, Presence
from core.engine.governor import Governor
from core.engine.training_plans import TrainingPlans, is_worth_it
from core.hardware.limits import Readings
from core.jobs import TrainingPlan
from core.ledger.store import Ledger
from core.model.presets import preset

PLAN = TrainingPlan(dtype="bfloat16", micro_batch=4, tokens_per_s=1e3, explanation=("Because it was faster.",))
GOOD = f"""
assert isinstance(job, jobs.ProbeJob) and key == b""
Path("COUNT").open("a").write("x")
import msgspec
say(jobs.Ready(sandbox="seccomp"))
say(jobs.Probed(plan=msgspec.json.decode({msgspec.json.encode(PLAN)!r}, type=jobs.TrainingPlan)))
"""
LARGE = config(model=preset("10m"), training=msgspec.structs.replace(config().training, local_steps=2_000))


@pytest.fixture
def made(tmp_path: Path) -> Any:
    """``made(body)``: plans whose probe is a real process running ``body``, and how often it ran."""

    def make(body: str = GOOD) -> SimpleNamespace:
        count = tmp_path / "count"
        program = interpreter(tmp_path / "child", body.replace("COUNT", str(count)))
        store = ConfigStore(tmp_path / "config.toml")
        store.set("worker_interpreter", program)
        governor = Governor(store, Ledger.open(tmp_path / "ledger.db", None), lambda _: Readings(now=time.time()))
        plans = TrainingPlans(tmp_path, store, governor)
        return SimpleNamespace(
            plans=plans, store=store, governor=governor, runs=lambda: count.stat().st_size if count.exists() else 0
        )

    return make


def ask(plans: TrainingPlans, terms: Any = LARGE, device: str = "cpu") -> TrainingPlan | None:
    return asyncio.run(plans.plan_for(terms, "none", device))


def member(terms: Any = LARGE) -> Any:
    plan = SimpleNamespace(mechanism=lambda: SimpleNamespace(unit="none"))
    return SimpleNamespace(config=terms, plan=plan, row=SimpleNamespace(name="Common Prose"))


def test_a_plan_is_measured_once_and_used_again(made: Any, tmp_path: Path) -> None:
    one = made()
    assert ask(one.plans) == PLAN
    assert ask(one.plans) == PLAN
    assert one.runs() == 1
    (file,) = (tmp_path / "plans").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(b"{")
    assert ask(one.plans) == PLAN
    assert one.runs() == 2, "a damaged file is measured again"


def test_whatever_it_rests_on_makes_another_plan(made: Any) -> None:
    one = made()
    ask(one.plans)
    one.store.set("memory_gb", "3")
    ask(one.plans)
    ask(one.plans, msgspec.structs.replace(LARGE, training=msgspec.structs.replace(LARGE.training, batch_size=32)))
    assert one.runs() == 3


def test_a_short_round_is_not_worth_a_probe_but_every_gpu_is(made: Any) -> None:
    one = made()
    assert ask(one.plans, config()) is None
    assert one.runs() == 0
    assert not is_worth_it(config(), "cpu")
    assert is_worth_it(config(), "cuda:0")
    assert is_worth_it(LARGE, "cpu")


@pytest.mark.parametrize(
    "body",
    ["say(jobs.Failed(code='engine', message='No.'))", "os.kill(os.getpid(), 9)", "say(jobs.Ready(sandbox=''))"],
    ids=["failed", "killed", "silent"],
)
def test_a_probe_that_fails_costs_no_round(made: Any, body: str, tmp_path: Path) -> None:
    assert ask(made(body).plans) is None
    assert not (tmp_path / "plans").exists()


def test_the_owner_sees_what_was_measured_and_measures_by_asking(made: Any) -> None:
    one = made()
    terms = config()
    assert asyncio.run(one.plans.views([member(terms)], False)) == []
    (view,) = asyncio.run(one.plans.views([member(terms)], True))
    assert (view.federation_name, view.micro_batch, view.batch_size) == ("Common Prose", 4, terms.training.batch_size)
    assert view.explanation == ["Because it was faster."]
    assert len(asyncio.run(one.plans.views([member(terms)], False))) == 1
    assert one.runs() == 1


def test_a_paused_machine_measures_nothing(made: Any) -> None:
    one = made()

    async def main() -> list[Any]:
        one.store.set_presence(Presence(paused=True))
        one.governor.reconsider()
        return list(await one.plans.views([member()], True))

    assert asyncio.run(main()) == []
    assert one.runs() == 0
