"""The base weights of a round on this machine: one file, or the parts that a shard needs and has not got yet.

Where the federation sends differences and an older checkpoint is still here, see ``core.engine.deltas``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Final, NamedTuple

from core import jobs, vault
from core.api.errors import CoordinatorError, StorageError
from core.config.federation import FederationConfig
from core.engine import deltas
from core.federation.gateway import Gateway
from core.federation.protocol import TrainInstruction
from core.model.parts import Wanted, read_index, wanted
from core.model.shard import Shard

KEPT_BLOBS: Final = 3
_HASH_LENGTH: Final = 64
Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""


class Base(NamedTuple):
    """What the trainer is given."""

    path: Path
    """The whole weights, or the index of their parts."""
    parts: tuple[jobs.BasePart, ...] = ()


async def fetch(
    gateway: Gateway,
    folder: Path,
    instruction: TrainInstruction,
    config: FederationConfig,
    shard: Shard,
    progress: Progress,
    before: Collection[str] = (),
) -> Base:
    """Fetch what is missing, going on where an earlier try ended; a part that is here already is not fetched again.

    ``before`` names bases that rounds of this federation began with here; only from those differences are applied.

    Raises:
        Unreachable: try again.
        CoordinatorError: a file is not what its hash says, or of another size than announced.
        ModelError: the index is not one of this model.
        StorageError: no room on the disk.
    """
    name, size = instruction.base_hash, instruction.base_bytes
    whole = config.shard.mode == "full"
    path = await deltas.fetch(gateway, folder, instruction, config, progress, before) if instruction.deltas else None
    if path is None:
        path = await gateway.fetch_blob(name, folder, size, progress if whole else None)
    if path.stat().st_size != size:
        raise CoordinatorError(f"{config.name} announced weights of another size.", "They are not used.")
    if whole:
        keep_newest(folder, [path])
        return Base(path)
    files = wanted(read_index(_read(path), config.model), shard)
    total, done, parts = sum(file.max_bytes for file in files), 0, []
    for file in files:
        fetched = await gateway.fetch_blob(file.sha256, folder, file.max_bytes, _after(progress, done, total))
        done += file.max_bytes
        progress(done, total)
        parts.append(_part(file, fetched))
    await asyncio.to_thread(keep_newest, folder, [path, *(Path(part.path) for part in parts)])
    return Base(path, tuple(parts))


def _part(file: Wanted, path: Path) -> jobs.BasePart:
    return jobs.BasePart(unit=file.unit, path=str(path), sha256=file.sha256, narrow=file.narrow)


def _after(progress: Progress, before: int, total: int) -> Progress:
    return lambda done, _of: progress(before + done, total)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        failed: StorageError = vault.storage_error(path, error)
        raise failed from error


def keep_newest(folder: Path, used: Iterable[Path]) -> None:
    """Older base weights are not asked for again; a few files stay in case a round is repeated."""
    kept = set(used)
    for path in kept:
        path.touch()

    def age(path: Path) -> float:
        return path.stat().st_mtime

    others = [
        path
        for path in folder.iterdir()
        if path not in kept and (len(path.name) == _HASH_LENGTH or path.suffix == ".part")
    ]
    for path in sorted(others, key=age, reverse=True)[max(0, KEPT_BLOBS - len(kept)) :]:
        path.unlink(missing_ok=True)
