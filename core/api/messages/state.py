"""What the engine is and does now, and how a conversation with it begins."""

from __future__ import annotations

from typing import Literal

from core.api.messages.base import API_VERSION, Message, Sentence
from core.api.messages.corpora import CorpusInfo
from core.api.messages.federations import FederationInfo
from core.api.messages.given import Contribution
from core.api.messages.privacy import BudgetInfo
from core.api.messages.uploads import UploadInfo

State = Literal["training", "waiting", "paused", "paused_rule", "no_budget", "problem", "not_joined"]
Phase = Literal["idle", "download", "reading", "training", "sealing", "slot", "uploading", "receipt"]


class RoundProgress(Message, frozen=True, kw_only=True):
    """The round in progress. ``step`` moves only when a step was really done."""

    federation_id: str
    federation_name: str
    server_round: int
    rounds: int
    phase: Phase
    step: int = 0
    steps: int = 0
    done_bytes: int = 0
    total_bytes: int = 0
    started_at: float = 0.0
    eta_s: float | None = None
    tokens: int = 0
    tokens_per_s: float = 0.0
    upload_bytes: int = 0
    """Size of the sealed update, known beforehand because the codec is fixed-rate."""


class Point(Message, frozen=True, kw_only=True):
    """One point of a plot. ``step`` counts this machine's training steps over all rounds."""

    step: int
    server_round: int
    value: float


class Series(Message, frozen=True, kw_only=True):
    """What the plots show: training loss (nats per token) and held-out bits per byte of the owner's text."""

    loss: list[Point] = []
    bits_per_byte: list[Point] = []


class EngineInfo(Message, frozen=True, kw_only=True):
    """The engine itself."""

    version: str
    pid: int
    started_at: float
    home: str
    keystore: str
    sandbox: str
    """Level reached by the children, such as ``seccomp`` or ``seccomp+landlock``; empty until one has run."""
    device: str = ""


class Snapshot(Message, frozen=True, kw_only=True):
    """Everything a window needs. Pushed on attach and after each change, at most four times a second."""

    revision: int
    state: State
    why: Sentence
    until: float | None = None
    engine: EngineInfo
    round: RoundProgress | None = None
    federations: list[FederationInfo] = []
    corpora: list[CorpusInfo] = []
    contribution: Contribution = Contribution()
    privacy: list[BudgetInfo] = []
    uploads: list[UploadInfo] = []
    """The newest 50; ``uploads.list`` has all."""
    series: Series = Series()


class Notice(Message, frozen=True, kw_only=True):
    """A passing event for a toast or a log line."""

    level: Literal["info", "warning", "error"]
    sentence: Sentence
    at: float


class Hello(Message, frozen=True, kw_only=True):
    """Answer to the first request."""

    api_version: int
    engine_version: str
    snapshot: Snapshot


class HelloParams(Message, frozen=True, kw_only=True):
    """First request on every connection."""

    token: str
    api_version: int = API_VERSION


class SnoozeParams(Message, frozen=True, kw_only=True):
    """How long to pause, in seconds."""

    seconds: float


class Check(Message, frozen=True, kw_only=True):
    """One line of the doctor."""

    name: str
    ok: bool
    detail: str
    fix: str = ""
    code: str = ""
    """What was checked, and how it turned out, for a program that says it in its own words; empty: say ``detail``."""
    args: dict[str, str | int | float] = {}


class CheckList(Message, frozen=True, kw_only=True):
    """The doctor's report."""

    checks: list[Check]


class LogText(Message, frozen=True, kw_only=True):
    """The end of the engine's log. It holds no text of the owner's and no names of their files."""

    lines: list[str]
