"""How a program hosts a federation of its owner's: what to start, and what the answers mean.

The coordinator is a process of its own that outlives whoever started it. Every command but ``run`` ends by itself and
prints one JSON document; ``run`` writes one line an event to its standard output, which belongs into a file.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from core.api import interpreter
from core.api.errors import EngineError, HedgerowError, from_code
from core.api.messages.base import Message

PRESETS: dict[str, int] = {"tiny": 926_336, "10m": 9_988_800, "75m": 74_381_440, "125m": 123_636_480}
"""Models that a window offers, with their parameters under the tokenizer that ships with Hedgerow."""
UNITS = ("document", "record", "corpus", "none")
UPDATES: dict[str, dict[str, str]] = {
    "usual": {},
    "smaller": {"codec": "int4", "downlink": "int8"},
    "smallest": {"codec": "topk", "downlink": "int8"},
}
"""How large updates and checkpoints are on the way, and the options that make them so."""
UNITS_OF_SMALLEST = ("none",)
"""Where noise protects, choosing the largest values would choose noise."""
MAX_ANSWER = 16 << 20
SETTINGS_FILE = "federation.toml"
RUN_LOG = "run.log"
"""Inside the federation's folder: what ``run`` says."""


class HostedRound(Message, frozen=True, kw_only=True):
    """One round as its operator sees it; sizes in bytes, times in seconds."""

    round: int
    state: str
    volunteers: int = 0
    upload_bytes: int = 0
    bits_per_byte: float | None = None
    seconds: float | None = None
    reason: str = ""


class HostedVolunteer(Message, frozen=True, kw_only=True):
    """One machine that joined: the beginning of its key's hash, and what it did. Times in Unix seconds."""

    id: str
    joined_at: float
    left_at: float | None = None
    updates: int = 0
    last_round: int = 0


class HostedMeasure(Message, frozen=True, kw_only=True):
    """Bits per byte on the operator's own text, before the first and after the newest measured round."""

    initial: float | None = None
    final: float | None = None


class Hosted(Message, frozen=True, kw_only=True):
    """A federation in figures, running or not."""

    name: str
    federation_id: str
    unit: str
    preset: str
    rounds_planned: int
    rounds: list[HostedRound]
    bits_per_byte: HostedMeasure
    volunteers: int
    upload_bytes: int
    running: bool
    address: str
    people: list[HostedVolunteer] = msgspec.field(default_factory=list)
    forwards_to: str = ""


class Created(Message, frozen=True, kw_only=True):
    """A new federation."""

    dir: str
    federation_id: str


class Invitation(Message, frozen=True, kw_only=True):
    """A link for ``uses`` volunteers, until ``expires_at`` in Unix seconds."""

    invite: str
    address: str
    uses: int
    expires_at: float


class Exported(Message, frozen=True, kw_only=True):
    """Where the model was written, and after which round."""

    model_dir: str
    round: int


class Stopped(Message, frozen=True, kw_only=True):
    """Whether a process was running."""

    stopped: bool


class NewFederation(Message, frozen=True, kw_only=True):
    """What its operator chooses in a window; everything else has the command line's defaults."""

    name: str
    operator: str = ""
    purpose: str = ""
    preset: str = "tiny"
    unit: str = "document"
    rounds: int = 10
    cohort: int = 2
    updates: str = "usual"
    listen: str = "127.0.0.1:0"
    address: str = ""
    evaluate: str = ""


ANSWERS: dict[str, type[Message]] = {
    "create": Created,
    "status": Hosted,
    "invite": Invitation,
    "export": Exported,
    "stop": Stopped,
}
"""Command → what it answers."""


def create_arguments(root: Path, wanted: NewFederation) -> list[str]:
    """Arguments of ``create``; a value that begins with a dash stays a value."""
    options = {
        "name": wanted.name,
        "operator": wanted.operator,
        "purpose": wanted.purpose,
        "preset": wanted.preset,
        "privacy": wanted.unit,
        "rounds": str(wanted.rounds),
        "cohort": str(wanted.cohort),
        "listen": wanted.listen,
        "address": wanted.address,
        "evaluate": wanted.evaluate,
        **UPDATES[wanted.updates],
    }
    return [str(root), *(f"--{name}={value}" for name, value in options.items() if value)]


def command(verb: str, *arguments: str) -> list[str]:
    """What to run for one answer, or for ``run``.

    Raises:
        RuntimeMissing: nothing is there that could run a coordinator.
    """
    return [*interpreter.command("core.coordinator"), verb, *arguments, "--json"]


def read(verb: str, output: bytes) -> Message:
    """The answer of a command.

    Raises:
        HedgerowError: the sentence it wrote instead, or that it wrote something else.
    """
    try:
        found = msgspec.json.decode(output)
        if isinstance(found, dict) and isinstance(error := found.get("error"), dict):
            raise from_code(*(str(error.get(name, "")) for name in ("code", "message", "hint")))
        return msgspec.convert(found, ANSWERS[verb])
    except (ValueError, TypeError, msgspec.MsgspecError) as error:
        raise EngineError("The coordinator ended without an answer.", "Try again.") from error


def last_trouble(log: bytes) -> HedgerowError | None:
    """Why ``run`` ended, if its newest line says so."""
    lines = log.strip().splitlines()
    for line in reversed(lines[-5:]):
        try:
            found = msgspec.json.decode(line)
        except msgspec.MsgspecError:
            continue
        error = found.get("error") if isinstance(found, dict) else None
        if not isinstance(error, dict):
            return None
        return from_code(*(str(error.get(name, "")) for name in ("code", "message", "hint")))
    return None


def is_address_taken(error: HedgerowError) -> bool:
    """Whether ``run`` failed because another program listens there."""
    return error.code == "coordinator" and "is taken by another program" in error.message


def home_of_hosted(home: Path) -> Path:
    """Folder for the federations that are made in the window of an engine's home; beside it, so it outlives it."""
    return home.with_name(f"{home.name}-hosted")


def hosted(folder: Path) -> list[Path]:
    """The federations that lie in a folder, oldest first."""
    try:
        found = [path for path in folder.iterdir() if (path / SETTINGS_FILE).is_file()]
        return sorted(found, key=lambda path: (path.stat().st_ctime, path.name))
    except OSError:
        return []


def new_folder(folder: Path, name: str) -> Path:
    """A free name for a federation's folder, made of its name."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "federation"
    number, path = 1, folder / slug
    while path.exists():
        number += 1
        path = folder / f"{slug}-{number}"
    return path
