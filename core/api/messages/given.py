"""What this machine gave: in total, round by round, and in energy."""

from __future__ import annotations

from core.api.messages.base import Message


class Contribution(Message, frozen=True, kw_only=True):
    """What this machine gave, in total and this week (from Monday, local time)."""

    rounds: int = 0
    tokens: int = 0
    gpu_seconds: float = 0.0
    """Seconds of training on the device that trained, GPU or CPU."""
    energy_wh: float = 0.0
    energy_measured: bool = False
    uploads: int = 0
    uploaded_bytes: int = 0
    week_seconds: float = 0.0
    week_offered_s: float = 0.0
    week_uploads: int = 0
    week_uploaded_bytes: int = 0
    days: list[tuple[str, float]] = []
    """(ISO date, seconds given) of the last 56 days that had any."""


class Footprint(Message, frozen=True, kw_only=True):
    """Energy of everything this machine gave, and of the same training in a data centre; method: docs of
    ``core.hardware.footprint``. CO₂ follows where the owner said how clean the grid is."""

    measured_wh: float = 0.0
    estimated_wh: float = 0.0
    """Of the time in which nothing could be measured: at ``device_watts``."""
    device_watts: float = 0.0
    transfer_wh: float = 0.0
    """At most, for what went up and came down."""
    data_centre_wh: float = 0.0
    co2_g: float | None = None
    """Grams of everything here; ``None`` where the owner did not say how clean the grid is."""
    data_centre_co2_g: float | None = None

    @property
    def here_wh(self) -> float:
        """Measured, estimated and the network's share together."""
        return self.measured_wh + self.estimated_wh + self.transfer_wh


class HistoryRow(Message, frozen=True, kw_only=True):
    """One finished round."""

    federation_name: str
    server_round: int
    finished_at: float
    seconds: float
    tokens: int
    energy_wh: float
    state: str
    measured: bool = False
    """Whether all of its energy was measured."""
    federation_id: str = ""
    sent_bytes: int = 0
    release_id: int = 0


class HistoryParams(Message, frozen=True, kw_only=True):
    """Which finished rounds: the newest, or those older than one of them."""

    before: int = 0
    """A ``HistoryList.older``; 0 means the newest."""


class HistoryList(Message, frozen=True, kw_only=True):
    """Finished rounds, newest first, as many as fit into one answer."""

    rows: list[HistoryRow]
    older: int = 0
    """Ask again with this for the older ones; 0 where these are all."""
    contribution: Contribution
    footprint: Footprint = Footprint()
