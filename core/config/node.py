"""What this machine decides. It never leaves it, and holds only what changes speed, comfort or limits."""

from __future__ import annotations

from typing import Final, Literal

from core.config.base import Frozen, UnitOfPrivacy, between

MIN_MBIT_S: Final = 0.5
"""Slower, and one piece of an update would take longer than a coordinator keeps its upload session."""


class Limits(Frozen, frozen=True, kw_only=True):
    """What this machine may be used for. Every field is the owner's and beats the coordinator's wishes."""

    cpu_threads: int = 0
    """Threads the trainer may use; 0 means all physical cores but one, at least one."""
    memory_gb: float = 0.0
    """Memory cap of the trainer in GB; 0 means half of what the machine has."""
    devices: tuple[str, ...] = ()
    """Devices offered, such as ``cuda:0`` or ``cpu``; empty means the best one found."""
    offered_hours_per_week: float = 20.0
    """Hours of training offered each week; reaching it pauses until Monday."""
    disk_gb: float = 5.0
    """Disk kept for sealed uploads before old ones are reduced to hash and summary."""
    gpu_memory_gb: float = 0.0
    """Memory cap on each GPU in GB; 0 means what is free there."""
    gpu_temperature_c: float = 85.0
    """Ceiling in °C; above it training pauses. 0 means none."""
    gpu_temperature_gap_c: float = 5.0
    """How far below the ceiling a GPU must cool before training goes on, in °C."""
    duty_cycle: float = 1.0
    """Share of the time that training computes; it sleeps for the rest. Lowers power and heat without admin rights."""
    schedule: tuple[str, ...] = ()
    """The week plan: seven days from Monday, 24 letters each, ``f`` full, ``h`` half, ``o`` off, by the local clock.
    Empty means full at all times."""
    only_when_idle: Literal["no", "display", "always"] = "no"
    """Train only while nobody uses the machine: never asked, asked if the GPU drives a display, or always."""
    idle_minutes: float = 5.0
    """Minutes without keyboard and mouse after which the machine counts as idle."""
    train_on_battery: bool = False
    """Whether training goes on when the machine runs on battery."""
    use_metered: bool = False
    """Whether rounds are begun and updates are sent over a network that is paid by volume."""
    other_gpu_percent: float = 50.0
    """Load of other programs on the GPU above which training pauses; 0 means it never does."""
    other_cpu_percent: float = 0.0
    """Load of other programs on all processor cores together above which training pauses; 0 means it never does."""
    pause_on_full_screen: bool = True
    """Whether training pauses while a program fills the screen."""
    hold_s: float = 20.0
    """Seconds that the load of others must last before it counts."""
    quiet_s: float = 120.0
    """Seconds without load of others or full screen before training goes on."""
    upload_mbit_s: float = 0.0
    """Most megabits sent each second; 0 means no limit."""
    download_mbit_s: float = 0.0
    """Most megabits received each second; 0 means no limit."""
    monthly_gb: float = 0.0
    """Most data sent and received in a calendar month, in GB; no round begins that would not fit. 0 means no limit."""

    def __post_init__(self) -> None:
        """Bound every number.

        Raises:
            ValueError: a number is out of range.
        """
        between("limits.cpu_threads", self.cpu_threads, 0, 1_024)
        between("limits.memory_gb", self.memory_gb, 0, 100_000)
        between("limits.offered_hours_per_week", self.offered_hours_per_week, 0.0, 168.0)
        between("limits.disk_gb", self.disk_gb, 0.1, 100_000)
        between("limits.gpu_memory_gb", self.gpu_memory_gb, 0, 100_000)
        between("limits.gpu_temperature_c", self.gpu_temperature_c, 0, 120)
        between("limits.gpu_temperature_gap_c", self.gpu_temperature_gap_c, 1, 40)
        between("limits.duty_cycle", self.duty_cycle, 0.1, 1.0)
        between("limits.idle_minutes", self.idle_minutes, 0.5, 1_440)
        between("limits.other_gpu_percent", self.other_gpu_percent, 0, 100)
        between("limits.other_cpu_percent", self.other_cpu_percent, 0, 100)
        between("limits.hold_s", self.hold_s, 0, 3_600)
        between("limits.quiet_s", self.quiet_s, 0, 3_600)
        between("limits.monthly_gb", self.monthly_gb, 0, 1_000_000)
        for name in ("upload_mbit_s", "download_mbit_s"):
            rate = getattr(self, name)
            between(f"limits.{name}", rate, MIN_MBIT_S if rate else 0, 100_000)
        if self.schedule and [len(day) for day in self.schedule] != [24] * 7:
            raise ValueError("limits.schedule must be seven days, from Monday, of 24 letters each")
        if set("".join(self.schedule)) - set("fho"):
            raise ValueError("limits.schedule may hold only f (full), h (half) and o (off)")


class PrivacyFloor(Frozen, frozen=True, kw_only=True):
    """The weakest terms that the owner of this machine takes part under, whatever a manifest asks."""

    unit: UnitOfPrivacy = "none"
    """Weakest unit of privacy: ``none`` takes any, ``record`` every guarantee, then ``document`` and ``corpus``."""
    epsilon: float = 8.0
    """Highest limit that a text may be offered with."""
    noise: float = 0.0
    """Least noise multiplier σ of a plan; added where a federation asks for less."""

    def __post_init__(self) -> None:
        """Bound every number.

        Raises:
            ValueError: a number is out of range.
        """
        between("floor.epsilon", self.epsilon, 0.01, 1_000.0)
        between("floor.noise", self.noise, 0.0, 1_000.0)


class NodeConfig(Frozen, frozen=True, kw_only=True):
    """The owner's choices on this machine; stored as ``config.toml`` by the engine."""

    version: Literal[1] = 1
    limits: Limits = Limits()
    floor: PrivacyFloor = PrivacyFloor()
    keep_running: bool = False
    """Whether the engine goes on when the window closes."""
    worker_interpreter: str = ""
    """Python that runs reader and trainer; empty means the engine's own."""
    checkpoint_interval_s: float = 60.0
    """Most seconds of training that a crash may repeat."""
    message_update_mb: float = 1.0
    """Largest update in MiB that travels inside a message; a larger one goes up before it, in pieces.

    A coordinator sees a message that is still arriving only by looking again after 1, 2, 4 and more seconds; what came
    before its message it sees at once.
    """
    device_watts: float = 65.0
    """Power in W of what trains here, taken where the machine cannot measure it."""
    grid_g_per_kwh: float = 0.0
    """Grams of CO₂ for a kilowatt-hour of this machine's electricity; 0 means unknown, and no CO₂ is shown."""

    def __post_init__(self) -> None:
        """Bound every number.

        Raises:
            ValueError: a number is out of range.
        """
        between("checkpoint_interval_s", self.checkpoint_interval_s, 1.0, 3_600.0)
        between("message_update_mb", self.message_update_mb, 0.0, 32.0)
        between("device_watts", self.device_watts, 1.0, 20_000.0)
        between("grid_g_per_kwh", self.grid_g_per_kwh, 0.0, 5_000.0)
