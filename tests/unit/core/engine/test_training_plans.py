"""A plan is measured once, kept while nothing it rests on changes, and never stands in a round's way."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from support.children import interpreter
from support.federation import config

from core.config.model import ShardConfig
from core.engine import plans
from core.engine.config_store import ConfigStore, Presence
from core.engine.governor import Governor
from core.engine.training_plans import Kept, TrainingPlans, is_worth_it, may_compile
from core.hardware.limits import Readings
from core.jobs import TrainingPlan
from core.ledger.store import Ledger
from core.model.presets import preset

PLAN = TrainingPlan(dtype="bfloat16", micro_batch=4, tokens_per_s=1e3, explanation=("Because it was faster.",))
GOOD = f"""
import msgspec
assert key == b""
say(jobs.Ready(sandbox="seccomp"))
if isinstance(job, jobs.ProbeJob):
    Path("COUNT").open("a").write("x")
    say(jobs.Probed(plan=msgspec.json.decode({msgspec.json.encode(PLAN)!r}, type=jobs.TrainingPlan)))
    sys.exit(0)
assert isinstance(job, jobs.CompileJob) and not job.plan.compiled and os.listdir(job.folder) == []
assert os.stat(job.folder).st_mode & 0o777 == 0o700
Path("COUNT").with_name("compiled-count").open("a").write("x")
"""
FASTER = (
    GOOD
    + """
(Path(job.folder) / "code").write_bytes(b"native code")
(Path(job.folder) / "work").mkdir()
say(jobs.Compiled(outcome="faster", sentence="Compiled: 2 tokens/s compiled.", tokens_per_s=2e3, peak_bytes=7))
"""
)
SLOWER = GOOD + 'say(jobs.Compiled(outcome="slower", sentence="Not compiled: it was slower."))'
LARGE = config(model=preset("10m"), training=msgspec.structs.replace(config().training, local_steps=2_000))


@pytest.fixture
def made(tmp_path: Path) -> Any:
    """``made(body)``: plans whose probe is a real process running ``body``, and how often it ran."""

    def make(body: str = SLOWER) -> SimpleNamespace:
        count = tmp_path / "count"
        program = interpreter(tmp_path / "child", body.replace("COUNT", str(count)))
        store = ConfigStore(tmp_path / "config.toml")
        store.set("worker_interpreter", program)
        governor = Governor(store, Ledger.open(tmp_path / "ledger.db", None), lambda _: Readings(now=time.time()))
        found = TrainingPlans(tmp_path, store, governor)
        compiled = count.with_name("compiled-count")
        return SimpleNamespace(
            plans=found,
            store=store,
            governor=governor,
            runs=lambda: count.stat().st_size if count.exists() else 0,
            compilings=lambda: compiled.stat().st_size if compiled.exists() else 0,
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
    assert view.explanation == ["Because it was faster.", "Not compiled: it was slower."]
    assert asyncio.run(one.plans.views([member(terms)], True)) == [view]
    assert (one.runs(), one.compilings()) == (1, 1)


def test_a_paused_machine_measures_nothing(made: Any) -> None:
    one = made()

    async def main() -> list[Any]:
        one.store.set_presence(Presence(paused=True))
        one.governor.reconsider()
        return list(await one.plans.views([member()], True))

    assert asyncio.run(main()) == []
    assert one.runs() == 0


def test_each_part_of_a_model_has_its_plan_and_the_owner_sees_them(made: Any) -> None:
    one = made()
    terms = msgspec.structs.replace(LARGE, shard=ShardConfig(mode="blocks", count=3))
    names = [shard.name for shard in plans.shards(terms)]
    views = asyncio.run(one.plans.views([member(terms)], True))
    assert [view.shard for view in views] == names == ["embedding", "blocks:0-2", "blocks:3-6"]
    assert one.runs() == 3
    assert one.compilings() == 2, "no block learns with the embedding"
    assert asyncio.run(one.plans.plan_for(terms, "none", "cpu", names[1])) is not None
    assert asyncio.run(one.plans.plan_for(terms, "none", "cpu", names[1])) != PLAN, "it has what was compiled"
    assert one.runs() == 3


def test_one_part_is_compiled_between_two_rounds(made: Any) -> None:
    one = made()
    terms = msgspec.structs.replace(LARGE, shard=ShardConfig(mode="blocks", count=3))
    for shard in plans.shards(terms):
        asyncio.run(one.plans.plan_for(terms, "none", "cpu", shard.name))
    for times in (1, 2, 2):
        improve(one, terms)
        assert one.compilings() == times


def improve(one: Any, terms: Any = LARGE, unit: str = "none") -> None:
    asyncio.run(one.plans.improve(terms, unit))


def test_code_is_compiled_once_between_rounds_and_the_next_round_has_it(made: Any, tmp_path: Path) -> None:
    one = made(FASTER)
    improve(one)
    assert one.compilings() == 0, "a plan comes first, with the first round"
    plain = ask(one.plans)
    assert plain is not None
    assert not plain.compiled
    improve(one)
    improve(one)
    plan = ask(one.plans)
    assert plan is not None
    assert plan.compiled
    assert plan.code is not None
    path = Path(plan.code.path)
    assert path.read_bytes() == b"native code"
    assert [path] == list((tmp_path / "compiled").iterdir()), "the compiler's own folder is gone"
    assert plan.explanation == ("Because it was faster.", "Compiled: 2 tokens/s compiled.")
    assert (plan.tokens_per_s, plan.peak_bytes, one.runs(), one.compilings()) == (2e3, 7, 1, 1)
    assert asyncio.run(one.plans.views([member()], False))[0].compiled
    path.unlink()
    assert ask(one.plans) == msgspec.structs.replace(plan, compiled=False, code=None), "gone, so it starts uncompiled"
    improve(one)
    assert one.compilings() == 2, "and is made again"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (SLOWER, "Not compiled: it was slower."),
        (GOOD + "os.kill(os.getpid(), 9)", "Not compiled: the compiler ended unexpectedly (signal SIGKILL)."),
        (GOOD + "say(jobs.Failed(code='sandbox', message='It has no lock.'))", "Not compiled: it has no lock."),
        (GOOD + "say(jobs.Compiled(outcome='faster', sentence='Compiled.'))", "Not compiled: "),
        (GOOD + "say(jobs.Alive()); time.sleep(60)", "Not compiled: it took longer than 2 seconds."),
    ],
    ids=["slower", "killed", "failed", "nothing left", "too long"],
)
def test_whatever_becomes_of_the_compiler_the_plan_stays_and_says_why(
    made: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str, words: str
) -> None:
    if "sleep" in body:
        monkeypatch.setattr("core.engine.training_plans.COMPILE_S", 2.0)
    one = made(body)
    ask(one.plans)
    improve(one)
    plan = ask(one.plans)
    assert plan is not None
    assert not plan.compiled
    assert plan.explanation[0] == "Because it was faster."
    assert plan.explanation[1].startswith(words)
    assert list((tmp_path / "compiled").iterdir()) == []
    tried = one.compilings()
    improve(one)
    assert one.compilings() == tried, "it is not tried before every round"


def test_nothing_is_compiled_where_it_cannot_pay_or_may_not_run(made: Any) -> None:
    one = made(FASTER)
    short = msgspec.structs.replace(config(), model=preset("10m"))
    one.plans._keep(Kept(measured_at=1.0, job=one.plans.job(short, "none", "cpu"), plan=PLAN))
    improve(one, short)
    for unit, device in (("record", "cpu"), ("none", "cuda:0")):
        job = one.plans.job(LARGE, unit, device)
        plan = msgspec.structs.replace(PLAN, device=device)
        assert not may_compile(Kept(measured_at=1.0, job=job, plan=plan))

    async def paused() -> None:
        await one.plans.plan_for(LARGE, "none", "cpu")
        one.store.set_presence(Presence(paused=True))
        one.governor.reconsider()
        await one.plans.improve(LARGE, "none")

    asyncio.run(paused())
    assert one.runs() == 1
    assert one.compilings() == 0


def test_a_compiler_that_the_owner_paused_is_tried_again(made: Any, tmp_path: Path) -> None:
    one = made(FASTER.replace('(Path(job.folder) / "code")', 'say(jobs.Alive()); time.sleep(60)\n(Path("x"))', 1))

    async def main() -> None:
        await one.plans.plan_for(LARGE, "none", "cpu")
        working = asyncio.ensure_future(one.plans.improve(LARGE, "none"))
        while not one.compilings():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.02)
        one.store.set_presence(Presence(paused=True))
        one.governor.reconsider()
        await working

    asyncio.run(main())
    kept = one.plans.kept(one.plans.job(LARGE, "none", "cpu"))
    assert kept is not None
    assert (kept.compiling, kept.plan) == ("", PLAN)
    assert list((tmp_path / "compiled").iterdir()) == []


@pytest.mark.skipif(not os.environ.get("HEDGEROW_CAMPAIGN"), reason="a real probe and a real compiler take a minute")
def test_the_real_children_plan_compile_and_show_it(made: Any, tmp_path: Path) -> None:
    one = made()
    one.store.set("worker_interpreter", sys.executable)
    terms = config(model=preset("tiny"))
    (view,) = asyncio.run(one.plans.views([member(terms)], True))
    assert "tokens/s" in view.explanation[-1] or "no C++ compiler" in view.explanation[-1], view.explanation
    assert len(list((tmp_path / "compiled").iterdir())) == view.compiled
    assert asyncio.run(one.plans.views([member(terms)], False)) == [view]
