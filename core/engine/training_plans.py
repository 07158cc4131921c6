"""Measured training plans: made by the probe, kept in the engine's home, used again while nothing they rest on changes.

A plan's file is named by a hash of everything it depends on: model and batch, unit, device, the owner's limits, torch,
interpreter and processor. So a changed limit or an update of torch is simply another file, and nothing stale is used.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import msgspec

from core import vault
from core.api.errors import HedgerowError, StorageError
from core.api.messages import TrainingPlanView
from core.config import FederationConfig
from core.engine import machine
from core.engine.children import Child
from core.engine.config_store import ConfigStore
from core.engine.governor import Governor
from core.engine.membership import Membership
from core.hardware.profile import read_cpu
from core.jobs import Probed, ProbeJob, TrainingPlan
from core.model.presets import num_parameters

PROBE: Final = "core.training.probe"
WORTH_FLOPS: Final = 2e12
"""A round on a CPU that takes less, well under a minute, is trained as it comes: a probe would cost what it saves."""
_log = logging.getLogger(__name__)


class Kept(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of ``plans/``."""

    version: int = 1
    measured_at: float
    job: ProbeJob
    plan: TrainingPlan


class TrainingPlans:
    """Plans of one engine."""

    def __init__(self, home: Path, config: ConfigStore, governor: Governor) -> None:
        self._folder = home / "plans"
        self._log_path = home / "logs" / "probe.log"
        self._config = config
        self._governor = governor

    def path(self, job: ProbeJob) -> Path:
        """Where the plan for this job is kept."""
        try:
            torch = version("torch")
        except PackageNotFoundError:
            torch = ""
        rests_on = (job, torch, self._config.node.worker_interpreter, read_cpu()[0])
        return self._folder / f"{hashlib.sha256(msgspec.json.encode(rests_on)).hexdigest()[:32]}.json"

    def kept(self, job: ProbeJob) -> Kept | None:
        """The plan measured for exactly this; a file that cannot be read counts as none."""
        try:
            found = msgspec.json.decode(self.path(job).read_bytes(), type=Kept)
        except (OSError, ValueError, msgspec.MsgspecError):
            return None
        return found if found.job == job else None

    async def plan_for(self, config: FederationConfig, unit: str, device: str) -> TrainingPlan | None:
        """The plan a round should use: a kept one, or a new one where measuring pays; ``None`` for the careful one.

        The caller holds the one place to train.
        """
        job = self.job(config, unit, device)
        kept = self.kept(job)
        if kept is None and is_worth_it(config, device):
            kept = await self._measure(job)
        return kept.plan if kept is not None else None

    async def views(self, members: Iterable[Membership], measure: bool) -> list[TrainingPlanView]:
        """What the owner is shown of the joined federations; ``measure`` makes what is missing, if training may run."""
        device = (await asyncio.to_thread(machine.choose_devices, self._config.limits))[0]
        found: list[TrainingPlanView] = []
        for member in members:
            job = self.job(member.config, member.plan.mechanism().unit, device)
            kept = self.kept(job)
            if kept is None and measure and self._governor.allowed and not self._governor.busy:
                async with self._governor.place():
                    kept = await self._measure(job)
            if kept is not None:
                found.append(_view(member.row.name, kept))
        return found

    def job(self, config: FederationConfig, unit: str, device: str) -> ProbeJob:
        """What to measure for a federation under the owner's present limits."""
        limits = self._config.limits
        return ProbeJob(
            model=config.model,
            training=config.training,
            unit=unit,  # type: ignore[arg-type]
            device=device,
            threads=machine.threads(limits),
            memory_bytes=machine.memory_limit(limits),
        )

    async def _measure(self, job: ProbeJob) -> Kept | None:
        """Run the probe and keep what it finds; ``None`` if it failed or was paused, which costs no round."""
        found: TrainingPlan | None = None
        try:
            self._log_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            interpreter = self._config.node.worker_interpreter
            child = await Child.start(
                PROBE, job, key=b"", interpreter=interpreter, log_path=self._log_path, threads=job.threads
            )
            async with self._governor.running(child):
                async for message in child.messages():
                    found = message.plan if isinstance(message, Probed) else found
        except HedgerowError as error:
            _log.warning("no training plan: %s", error)
        if found is None:
            return None
        kept = Kept(measured_at=time.time(), job=job, plan=found)
        try:
            self._folder.mkdir(exist_ok=True, mode=0o700)
            vault.write_atomic(self.path(job), msgspec.json.encode(kept))
        except (OSError, StorageError) as error:
            _log.warning("the training plan was not kept: %s", error)
        return kept


def is_worth_it(config: FederationConfig, device: str) -> bool:
    """Whether a round is long enough for a probe to pay; on a GPU it always is, because memory must be known."""
    training = config.training
    tokens = training.local_steps * training.batch_size * training.seq_len
    return device != "cpu" or 6.0 * num_parameters(config.model) * tokens > WORTH_FLOPS


def _view(name: str, kept: Kept) -> TrainingPlanView:
    plan = kept.plan
    return TrainingPlanView(
        federation_name=name,
        preset=kept.job.model.preset,
        device=plan.device,
        dtype=plan.dtype,
        attention=plan.attention,
        compiled=plan.compiled,
        micro_batch=plan.micro_batch,
        batch_size=kept.job.training.batch_size,
        tokens_per_s=plan.tokens_per_s,
        peak_bytes=plan.peak_bytes,
        budget_bytes=plan.budget_bytes,
        probes=len(plan.probes),
        measured_at=kept.measured_at,
        explanation=list(plan.explanation),
    )
