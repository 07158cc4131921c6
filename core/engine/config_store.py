"""``config.toml``: the owner's limits and whether they paused; replaced atomically, never fatal when damaged."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from core.api.errors import UsageError
from core.config.base import Frozen
from core.config.node import Limits, NodeConfig, PrivacyFloor
from core.vault import write_atomic

FLOOR: Final = "floor_"
"""Before the names of the privacy floor's fields, where settings are one list."""
_NOT_SET: Final = ("version", "limits", "floor", "presence")


class Presence(Frozen, frozen=True, kw_only=True):
    """Whether the owner wants this machine to take part now; survives a restart."""

    paused: bool = False
    """Paused by hand, until resumed by hand."""
    snoozed_until: float = 0.0
    """Unix time; before it the machine rests."""


class _File(NodeConfig, frozen=True, kw_only=True):
    presence: Presence = Presence()


class ConfigStore:
    """The owner's choices, in memory and on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem = ""
        """One sentence if the file was set aside at start, else empty."""
        self._file = self._load()

    @property
    def node(self) -> NodeConfig:
        """Limits and settings."""
        return self._file

    @property
    def limits(self) -> Limits:
        """What this machine may be used for."""
        return self._file.limits

    @property
    def floor(self) -> PrivacyFloor:
        """The weakest terms the owner takes part under."""
        return self._file.floor

    @property
    def presence(self) -> Presence:
        """Paused or snoozed."""
        return self._file.presence

    def set_presence(self, presence: Presence) -> None:
        """Store a pause, snooze or resume.

        Raises:
            StorageError: the file cannot be written; the old choice stays.
        """
        self._save(msgspec.structs.replace(self._file, presence=presence))

    def set(self, key: str, text: str) -> None:
        """Change one limit or setting, such as ``cpu_threads`` to ``2``.

        Raises:
            UsageError: there is no such key, or the value does not fit.
            StorageError: the file cannot be written; the old value stays.
        """
        key = key.strip().removeprefix("limits.")
        owner, field = self._owner(key)
        kind = next(f.type for f in msgspec.structs.fields(type(owner)) if f.name == field)
        try:
            value: Any = _parse(text, kind)
            changed = type(owner)(**{**_fields(owner), field: value})
        except (msgspec.ValidationError, ValueError) as error:
            raise UsageError(f"{key} cannot be {text!r}: {error}.") from error
        if isinstance(changed, _File):
            self._save(changed)
        elif isinstance(changed, PrivacyFloor):
            self._save(msgspec.structs.replace(self._file, floor=changed))
        else:
            self._save(msgspec.structs.replace(self._file, limits=changed))

    def _owner(self, key: str) -> tuple[Frozen, str]:
        """The record a key belongs to, and its name there."""
        field = key.removeprefix(FLOOR)
        if key.startswith(FLOOR) and field in PrivacyFloor.__struct_fields__:
            return self.floor, field
        if key in Limits.__struct_fields__:
            return self.limits, key
        if key in self._file.__struct_fields__ and key not in _NOT_SET:
            return self._file, key
        raise UsageError(f"There is no limit named {key!r}.", f"Known are {', '.join(sorted(self.values()))}.")

    def values(self) -> dict[str, str]:
        """Every limit and setting as text that ``set`` takes."""
        mine = {k: v for k, v in _fields(self._file).items() if k not in _NOT_SET}
        floor = {f"{FLOOR}{key}": value for key, value in _fields(self.floor).items()}
        return {key: _show(value) for key, value in {**_fields(self.limits), **floor, **mine}.items()}

    def _load(self) -> _File:
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return _File()
        except OSError as error:
            self.problem = f"{self.path} cannot be read ({error.strerror}); the default limits hold."
            return _File()
        try:
            return msgspec.toml.decode(raw, type=_File)
        except (msgspec.DecodeError, msgspec.ValidationError, ValueError) as error:
            aside = self.path.with_name(f"{self.path.name}.bad-{time.time():.0f}")
            os.replace(self.path, aside)
            # Whoever paused must not find the machine working because a file was damaged.
            self.problem = f"{self.path.name} is damaged ({error}) and was set aside as {aside.name}; paused."
            return _File(presence=Presence(paused=True))

    def _save(self, file: _File) -> None:
        write_atomic(self.path, msgspec.toml.encode(file))
        self._file = file


def _fields(struct: Frozen) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


def _parse(text: str, kind: Any) -> Any:
    text = text.strip()
    if kind == tuple[str, ...]:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if kind is bool:
        return msgspec.convert({"yes": "true", "no": "false"}.get(text.lower(), text.lower()), bool, strict=False)
    return msgspec.convert(text, kind, strict=False)


def _show(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
