"""What the processes of a running coordinator take, by name: memory, and processor time so far."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePath

import psutil

COORDINATOR = "coordinator"
_PROGRAMS = {
    "flower-superlink": "superlink",
    "flower-superexec": "superexec",
    "flwr-serverapp": "server_app",
    "core.coordinator.web.gateway": "gateway",
    "core.coordinator.outside": "keeper",
    "core.household": "forwarder",
    "core.training.worker": "evaluation",
}
"""What the command line of a process has a word of, and what we call it."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """One kind of process; several of one kind are added up."""

    name: str
    processes: int
    memory_bytes: int
    """Resident; memory that is shared with others is in each of them."""
    cpu_s: float


def usage(coordinator: psutil.Process) -> list[Usage]:
    """The coordinator itself first, then all below it that have a name here."""
    found: dict[str, Usage] = {}
    with suppress(psutil.Error):
        for process in (coordinator, *coordinator.children(recursive=True)):
            with suppress(psutil.Error):
                name = COORDINATOR if process == coordinator else _name(process.cmdline())
                if not name:
                    continue
                with process.oneshot():
                    times = process.cpu_times()
                    before = found.get(name, Usage(name=name, processes=0, memory_bytes=0, cpu_s=0.0))
                    found[name] = Usage(
                        name=name,
                        processes=before.processes + 1,
                        memory_bytes=before.memory_bytes + process.memory_info().rss,
                        cpu_s=round(before.cpu_s + times.user + times.system, 2),
                    )
    return list(found.values())


def _name(words: list[str]) -> str:
    """Programs stand in the command line by path, modules by name."""
    named = (PurePath(word).name if "/" in word else word for word in words)
    return next((_PROGRAMS[word] for word in named if word in _PROGRAMS), "")
