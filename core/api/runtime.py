"""The compute runtime of the packaged application: where it lies, what it must hold, and what is told while it is made.

torch and the readers of large formats are not in the package. They live in an environment of their own, made at the
owner's click by ``python -m core.runtime``, one for all homes of a user::

    <user data>/hedgerow-runtime/
        current -> <lock>-<variant>-<number>     replaced in one step
        <lock>-<variant>-<number>/               a virtual environment, with ``runtime.json`` once it is whole

The package brings a lock: every package but torch with version and hashes. In an ordinary install the runtime is the
environment that Hedgerow itself runs in, and there is nothing to install.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Literal

import msgspec

from core.api.errors import EngineError, RuntimeMissing, from_code

INTERFACE = 1
"""Grows when the children need a third-party package that an older runtime does not have."""
LOCK_FILE = "runtime-lock.json"
INSTALL = "Press `Install compute runtime` on the page Compute, or run `hedgerow runtime install`."
State = Literal["own", "missing", "damaged", "current", "renewable", "outdated"]
"""``own``: this environment. ``renewable``: works, though the package has newer pins. ``outdated``: does not fit."""
NEEDED: tuple[State, ...] = ("missing", "damaged", "outdated")
"""States in which nothing can be read or trained."""


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """One pinned requirement and the hashes of every file that may be installed for it."""

    name: str
    version: str
    sha256: tuple[str, ...]


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """What the package was built against. Sizes are bytes, by ``packages`` (all but torch) and by variant."""

    torch: str
    flwr: str
    interface: int
    packages: tuple[Package, ...]
    torch_sha256: dict[str, tuple[str, ...]] = {}
    """Index → hashes of torch's files there; an index that could not be asked is left out."""
    download_bytes: dict[str, int] = {}
    disk_bytes: dict[str, int] = {}


class Runtime(msgspec.Struct, frozen=True, kw_only=True):
    """``runtime.json``: what an environment holds; written last."""

    lock: str
    variant: str
    torch: str
    flwr: str
    interface: int
    python: str
    index: str
    size_bytes: int
    made_at: float


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """One build of torch that can be had, and what it takes."""

    name: str
    download_bytes: int
    disk_bytes: int


class RuntimeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What ``hedgerow runtime --json`` says."""

    state: State
    sentence: str
    folder: str
    variant: str = ""
    torch: str = ""
    python: str = ""
    size_bytes: int = 0
    suggested: str = ""
    why: str = ""
    variants: tuple[Variant, ...] = ()
    free_bytes: int = 0


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """How far an installation is."""

    phase: str
    """``environment``, ``packages``, ``torch``, ``check`` or ``switch``."""
    fraction: float
    item: int = 0
    items: int = 0
    name: str = ""
    done_bytes: int = 0
    total_bytes: int = 0
    left_s: float | None = None


def folder() -> Path:
    """``HEDGEROW_RUNTIME``, or the platform's folder for user data; never inside an engine's home."""
    override = os.environ.get("HEDGEROW_RUNTIME")
    if override:
        return Path(override).expanduser().absolute()
    from platformdirs import user_data_dir

    return Path(user_data_dir("hedgerow-runtime", appauthor=False))


def traces() -> tuple[Path, ...]:
    """Folders of this user for caches, state and logs that go when Hedgerow goes, whether or not they are there."""
    from platformdirs import user_cache_dir, user_log_dir, user_state_dir

    found = (user_cache_dir("hedgerow", False), user_state_dir("hedgerow", False), user_log_dir("hedgerow", False))
    return tuple(dict.fromkeys(Path(path) for path in found))


def library() -> Path:
    """Where the package lays the source of ``core`` and the lock, beside the folder of the binary."""
    return Path(sys.executable).resolve().parent.parent / "lib"


def read_lock(path: Path) -> tuple[Lock, str]:
    """A lock and the hash that names it.

    Raises:
        EngineError: it is missing or damaged, so the package is.
    """
    try:
        raw = path.read_bytes()
        return msgspec.json.decode(raw, type=Lock), hashlib.sha256(raw).hexdigest()[:16]
    except (OSError, msgspec.MsgspecError) as error:
        raise EngineError(f"{path} cannot be read.", "Install the package again.") from error


def current(root: Path) -> Path | None:
    """The environment in use, its link resolved so that what runs from it never moves."""
    link = root / "current"
    try:
        return link.resolve(strict=True)
    except OSError:
        return None


def read_runtime(environment: Path) -> Runtime | None:
    """What an environment says of itself; ``None`` where it is not whole."""
    try:
        return msgspec.json.decode((environment / "runtime.json").read_bytes(), type=Runtime)
    except (OSError, msgspec.MsgspecError):
        return None


def python_of(environment: Path) -> Path:
    """The interpreter of an environment."""
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def state_of(root: Path, lock: Lock, lock_id: str) -> State:
    """How the runtime under ``root`` fits to a lock."""
    environment = current(root)
    if environment is None:
        return "missing"
    found = read_runtime(environment)
    if found is None or not os.access(python_of(environment), os.X_OK):
        return "damaged"  # such as after the system's Python went
    if found.lock == lock_id:
        return "current"
    fits = (found.torch, found.flwr, found.interface) == (lock.torch, lock.flwr, lock.interface)
    return "renewable" if fits else "outdated"


def state() -> State:
    """How the runtime of this program is; ``own`` where it needs none."""
    if not getattr(sys, "frozen", False):
        return "own"
    return state_of(folder(), *read_lock(library() / LOCK_FILE))


def python() -> Path:
    """The interpreter of the runtime.

    Raises:
        RuntimeMissing: it is not there, damaged, or too old for this program.
    """
    found = state()
    environment = current(folder())
    if found in NEEDED or environment is None:
        raise RuntimeMissing(SENTENCES[found], INSTALL)
    return python_of(environment)


SENTENCES: dict[State, str] = {
    "own": "This installation computes in its own environment.",
    "missing": "The compute runtime is not installed yet.",
    "damaged": "The compute runtime does not start any more, as after an update of the system's Python.",
    "current": "The compute runtime is installed.",
    "renewable": "The compute runtime works; this version of Hedgerow was built against newer packages.",
    "outdated": "The compute runtime is too old for this version of Hedgerow.",
}


def read_line(line: bytes) -> Step | RuntimeStatus:
    """One line that ``python -m core.runtime … --json-progress`` wrote.

    Raises:
        HedgerowError: the sentence it wrote instead, or that it wrote something else.
    """
    try:
        found = msgspec.json.decode(line)
        if isinstance(found, dict) and isinstance(error := found.get("error"), dict):
            raise from_code(*(str(error.get(name, "")) for name in ("code", "message", "hint")))
        if isinstance(found, dict) and "phase" in found:
            return msgspec.convert(found, Step)
        return msgspec.convert(found, RuntimeStatus)
    except (ValueError, TypeError, msgspec.MsgspecError) as error:
        raise EngineError("The installer said something that cannot be read.", "Try again.") from error
