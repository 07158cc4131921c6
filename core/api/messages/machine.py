"""Devices, how they compute, their load, and the owner's limits."""

from __future__ import annotations

from typing import Literal

from core.api.messages.base import Message


class GpuProcess(Message, frozen=True, kw_only=True):
    """One program that uses a GPU."""

    pid: int
    name: str = ""
    """Empty where this user may not read it."""
    memory_bytes: int | None = None


class Device(Message, frozen=True, kw_only=True):
    """One device that could train. ``None`` means unknown."""

    device_id: str
    name: str
    kind: Literal["cpu", "cuda", "mps", "xpu"]
    memory_bytes: int | None = None
    free_bytes: int | None = None
    capability: str = ""
    driver: str = ""
    temperature_c: float | None = None
    power_w: float | None = None
    utilisation: float | None = None
    problem: str = ""
    """Why it cannot train, as a sentence; empty if it can."""
    power_limit_w: float | None = None
    """What the driver holds it to; changing that needs an administrator."""
    drives_display: bool | None = None
    mig: bool | None = None
    """Whether the GPU is split into instances; then name and memory are those of the first."""
    processes: list[GpuProcess] | None = None
    """What uses it now, largest first."""


class TrainingPlanView(Message, frozen=True, kw_only=True):
    """How this machine computes one federation's model, as it was measured, and why."""

    federation_name: str
    preset: str
    device: str
    dtype: str
    attention: str
    compiled: bool
    shard: str = "full"
    """What of the model learns in a round."""
    micro_batch: int
    """Sequences at once; the batch itself never changes."""
    batch_size: int
    tokens_per_s: float
    peak_bytes: int
    budget_bytes: int
    probes: int
    measured_at: float
    explanation: list[str]
    """One sentence for each choice."""


class HardwareProfile(Message, frozen=True, kw_only=True):
    """What the machine has. ``None`` means unknown, never guessed."""

    cpu_name: str
    cpu_cores: int
    cpu_threads: int
    cpu_features: list[str]
    memory_bytes: int
    free_memory_bytes: int
    disk_free_bytes: int
    battery_percent: float | None
    on_battery: bool | None
    nvml: str
    """``ok`` with the driver version, or the reason why there is none, as a sentence."""
    devices: list[Device]
    network_metered: bool | None = None
    """Whether the network in use is paid by volume; measured, as the fields below, only by a probe."""
    idle_s: float | None = None
    """Seconds without keyboard and mouse."""
    full_screen: bool | None = None
    torch: str = ""
    """What torch says about itself, as a sentence; empty until it was asked."""
    training: list[TrainingPlanView] = []
    """Measured plans of the joined federations; only what was measured is listed."""


class HardwareParams(Message, frozen=True, kw_only=True):
    """Whether to measure, not only to list."""

    probe: bool = False


class LoadView(Message, frozen=True, kw_only=True):
    """What the machine does now, whoever makes it do that. ``None`` means unknown."""

    cores_used: float | None = None
    """Since the last look."""
    cores: int
    memory_used_bytes: int
    memory_bytes: int
    devices: list[Device] = []
    """NVIDIA GPUs."""


class TorchView(Message, frozen=True, kw_only=True):
    """What torch sees, asked in a child process."""

    torch: str
    devices: list[Device] = []


class LimitsParams(Message, frozen=True, kw_only=True):
    """One limit as ``key=value`` of ``core.config.Limits`` or ``NodeConfig``."""

    key: str
    value: str


class LimitsView(Message, frozen=True, kw_only=True):
    """The owner's limits as key → value in words."""

    values: dict[str, str]
