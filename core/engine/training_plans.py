"""Measured training plans: made by the probe, kept in the engine's home, used again while nothing they rest on changes.

A plan begins uncompiled, so that no round waits for a compiler. Once, between two rounds or when the owner asks for a
measurement, the compiler child tries whether compiled code is faster, and the plan says what came of it.

A plan's file is named by a hash of everything it depends on: model and batch, unit, device, the owner's limits, torch,
interpreter and processor. So a changed limit or an update of torch is simply another file, and nothing stale is used.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import re
import time
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, Literal, TypeVar

import msgspec

from core import vault
from core.api.errors import HedgerowError, StorageError
from core.api.messages.machine import TrainingPlanView
from core.config.federation import FederationConfig
from core.engine import machine, plans
from core.engine.children import Child
from core.engine.compiled_code import CompiledCode
from core.engine.config_store import ConfigStore
from core.engine.governor import Governor
from core.engine.membership import Membership
from core.hardware.profile import read_cpu
from core.jobs import Compiled, CompileJob, Down, Job, Probed, ProbeJob, TrainingPlan
from core.model.presets import num_parameters
from core.model.shard import EMBEDDING, FULL

PROBE: Final = "core.training.probe"
COMPILER: Final = "core.training.compiled.compiler"
COMPILE_S: Final = 300.0
"""Longest time for compiling and comparing."""
MEASURED_AT_ONCE: Final = 4
"""Plans made when the owner asks; each takes up to a minute or two."""
WORTH_FLOPS: Final = 2e12
"""A round on a CPU that takes less, well under a minute, is trained as it comes: a probe would cost what it saves."""
WORTH_COMPILING_FLOPS: Final = 2e13
"""All rounds of a federation together; less is done before a gain of a tenth has paid for the compiler."""
_VERDICT: Final = re.compile("(Not c|C)ompiled")
M = TypeVar("M", bound=Job)
_log = logging.getLogger(__name__)


class Kept(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of ``plans/``."""

    version: int = 1
    measured_at: float
    job: ProbeJob
    plan: TrainingPlan
    compiling: Literal["", "faster", "slower", "failed"] = ""
    """What came of compiling; empty where it was not tried."""


class TrainingPlans:
    """Plans of one engine."""

    def __init__(self, home: Path, config: ConfigStore, governor: Governor) -> None:
        self._folder = home / "plans"
        self._logs = home / "logs"
        self._code = CompiledCode(home)
        self._config = config
        self._governor = governor

    def path(self, job: ProbeJob) -> Path:
        """Where the plan for this job is kept."""
        try:
            torch = version("torch")
        except PackageNotFoundError:
            torch = ""
        rests_on = (job, torch, self._config.node.worker_interpreter, read_cpu())
        return self._folder / f"{hashlib.sha256(msgspec.json.encode(rests_on)).hexdigest()[:32]}.json"

    def kept(self, job: ProbeJob) -> Kept | None:
        """The plan measured for exactly this; what cannot be read counts as none, and so does code that is gone."""
        try:
            found = msgspec.json.decode(self.path(job).read_bytes(), type=Kept)
        except (OSError, ValueError, msgspec.MsgspecError):
            return None
        if found.plan.compiled and not (found.plan.code and self._code.is_there(found.plan.code)):
            plan = msgspec.structs.replace(found.plan, compiled=False, code=None)
            found = msgspec.structs.replace(found, plan=plan, compiling="")
        return found if found.job == job else None

    async def plan_for(
        self, config: FederationConfig, unit: str, device: str, shard: str = FULL
    ) -> TrainingPlan | None:
        """The plan a round should use: a kept one, or a new one where measuring pays; ``None`` for the careful one.

        The caller holds the one place to train.
        """
        job = self.job(config, unit, device, shard)
        kept = self.kept(job)
        if kept is None and is_worth_it(config, device):
            kept = await self._measure(job)
        return kept.plan if kept is not None else None

    async def improve(self, config: FederationConfig, unit: str) -> None:
        """Between two rounds: compile for the kept plan, once, where that can pay.

        Nothing is done where training may not run or the one place is taken; a round that comes meanwhile waits.
        """
        if self._governor.busy or not self._governor.allowed or not is_worth_compiling(config):
            return
        device = (await asyncio.to_thread(machine.choose_devices, self._config.limits))[0]
        for shard in plans.shards(config):
            kept = self.kept(self.job(config, unit, device, shard.name))
            if kept is not None and not kept.compiling and may_compile(kept):
                async with self._governor.place():
                    await self._compile(kept)
                return  # one at a time, so that a round waits for no more than one

    async def views(self, members: Iterable[Membership], measure: bool) -> list[TrainingPlanView]:
        """What the owner is shown of the joined federations; ``measure`` makes what is missing, if training may run.

        A model may have a hundred parts, so no more than a few are measured each time; the rest have their turn later.
        """
        device = (await asyncio.to_thread(machine.choose_devices, self._config.limits))[0]
        found: list[TrainingPlanView] = []
        parts = [(member, shard.name) for member in members for shard in plans.shards(member.config)]
        left = MEASURED_AT_ONCE if measure else 0
        for member, shard in parts:
            job = self.job(member.config, member.plan.mechanism().unit, device, shard)
            kept = self.kept(job)
            if left > 0 and (kept is None or may_compile(kept)) and self._governor.allowed and not self._governor.busy:
                left -= 1
                async with self._governor.place():
                    kept = kept or await self._measure(job)
                    if kept is not None and may_compile(kept) and self._governor.allowed:
                        kept = await self._compile(kept)
            if kept is not None:
                found.append(_view(member.row.name, kept))
        return found

    def job(self, config: FederationConfig, unit: str, device: str, shard: str = FULL) -> ProbeJob:
        """What to measure for a federation under the owner's present limits."""
        limits = self._config.limits
        return ProbeJob(
            model=config.model,
            training=config.training,
            unit=unit,  # type: ignore[arg-type]
            device=device,
            shard=shard,
            threads=machine.threads(limits),
            memory_bytes=machine.memory_limit(limits),
        )

    async def _measure(self, job: ProbeJob) -> Kept | None:
        """Run the probe and keep what it finds; ``None`` if it failed or was paused, which costs no round."""
        try:
            found = await self._answer(PROBE, job, job.threads, Probed)
        except HedgerowError as error:
            _log.warning("no training plan: %s", error)
            return None
        return None if found is None else self._keep(Kept(measured_at=time.time(), job=job, plan=found.plan))

    async def _compile(self, kept: Kept) -> Kept:
        """Run the compiler and keep what it says; as it was where the owner paused it."""
        plan = msgspec.structs.replace(kept.plan, compiled=False, code=None)
        found: Compiled | None = None
        try:
            with self._code.workplace() as place:
                job = CompileJob(probe=kept.job, plan=plan, folder=str(place))
                async with asyncio.timeout(COMPILE_S):
                    found = await self._answer(COMPILER, job, kept.job.threads, Compiled)
                if found is not None and found.outcome == "faster":
                    plan = msgspec.structs.replace(
                        plan, compiled=True, code=self._code.take(place), tokens_per_s=found.tokens_per_s,
                        peak_bytes=found.peak_bytes,
                    )  # fmt: skip
        except TimeoutError:
            found = _no_code(f"it took longer than {COMPILE_S:.0f} seconds")
        except HedgerowError as error:
            _log.warning("no compiled code: %s", error)
            found = _no_code(error.message[:1].lower() + error.message[1:].rstrip("."))
        if found is None:
            return kept
        words = (*(sentence for sentence in plan.explanation if not _VERDICT.match(sentence)), found.sentence)
        plan = msgspec.structs.replace(plan, explanation=words)
        return self._keep(msgspec.structs.replace(kept, plan=plan, compiling=found.outcome))

    async def _answer(self, module: str, job: Down, threads: int, kind: type[M]) -> M | None:
        """What a child that measures says in the end; ``None`` if the owner paused it. Raises as ``Child`` does."""
        log_path = self._logs / f"{module.rpartition('.')[2]}.log"
        try:
            self._logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise vault.storage_error(self._logs, error) from error
        child = await Child.start(
            module, job, key=b"", interpreter=self._config.node.worker_interpreter, log_path=log_path, threads=threads
        )
        async with self._governor.running(child), contextlib.aclosing(child.messages()) as heard:
            async for message in heard:
                if isinstance(message, kind):  # nobody waits for torch to unload
                    return message
        return None

    def _keep(self, kept: Kept) -> Kept:
        try:
            self._folder.mkdir(exist_ok=True, mode=0o700)
            vault.write_atomic(self.path(kept.job), msgspec.json.encode(kept))
        except (OSError, StorageError) as error:
            _log.warning("the training plan was not kept: %s", error)
        return kept


def _no_code(why: str) -> Compiled:
    return Compiled(outcome="failed", sentence=f"Not compiled: {why}.")


def may_compile(kept: Kept) -> bool:
    """Whether compiling may still make this plan faster: on a processor, blocks of one shape, and not found slower."""
    fit = kept.plan.device == "cpu" and kept.job.unit != "record" and kept.job.shard != EMBEDDING
    return fit and kept.compiling in ("", "failed")


def is_worth_it(config: FederationConfig, device: str) -> bool:
    """Whether a round is long enough for a probe to pay; on a GPU it always is, because memory must be known."""
    training = config.training
    tokens = training.local_steps * training.batch_size * training.seq_len
    return device != "cpu" or 6.0 * num_parameters(config.model) * tokens > WORTH_FLOPS


def is_worth_compiling(config: FederationConfig) -> bool:
    """Whether a federation is long enough for the compiler to pay."""
    training = config.training
    tokens = config.schedule.rounds * training.local_steps * training.batch_size * training.seq_len
    return 6.0 * num_parameters(config.model) * tokens > WORTH_COMPILING_FLOPS


def _view(name: str, kept: Kept) -> TrainingPlanView:
    plan = kept.plan
    return TrainingPlanView(
        federation_name=name,
        preset=kept.job.model.preset,
        device=plan.device,
        dtype=plan.dtype,
        attention=plan.attention,
        compiled=plan.compiled,
        shard=kept.job.shard,
        micro_batch=plan.micro_batch,
        batch_size=kept.job.training.batch_size,
        tokens_per_s=plan.tokens_per_s,
        peak_bytes=plan.peak_bytes,
        budget_bytes=plan.budget_bytes,
        probes=len(plan.probes),
        measured_at=kept.measured_at,
        explanation=list(plan.explanation),
    )
