"""Base weights made from those of an earlier round and the differences since, instead of fetched whole.

Nothing here has to work: what is missing, damaged or not what its hash says leads to the whole checkpoint. What comes
out is the base to the bit, or it is not used, since its hash is the one that the instruction names.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final, NamedTuple

from core import vault
from core.api.errors import CoordinatorError, ModelError, UpdateError
from core.config.federation import FederationConfig
from core.federation.gateway import Gateway, check_room, file_sha256
from core.federation.protocol import TrainInstruction
from core.federation.transport import Unreachable
from core.model.checkpoint_io import encoded_parts, open_weights
from core.model.layout import parameter_shapes
from core.postprocess.compression.codec import encoded_size
from core.postprocess.compression.delta import InFile, opened

Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""
_MADE: Final = ".made.part"
"""While it is made; what a crash leaves is cleared away as an unfinished download is."""
log = logging.getLogger(__name__)


class Step(NamedTuple):
    """From one checkpoint to the next."""

    parent: str
    delta: str
    result: str


async def fetch(
    gateway: Gateway,
    folder: Path,
    instruction: TrainInstruction,
    config: FederationConfig,
    progress: Progress,
    before: Collection[str],
) -> Path | None:
    """The base, if it could be made here; ``None``, and it is to be fetched whole, if not.

    Args:
        gateway: of the federation.
        folder: of all federations' weights.
        instruction: what is asked.
        config: the terms.
        progress: see ``Progress``.
        before: bases of this federation that rounds here began with. Of others it is not told that they are here.

    Raises:
        Unreachable: the connection broke; call again.
        StorageError: no room on the disk.
    """
    final = folder / instruction.base_hash
    if final.exists() or config.downlink.mode == "whole":
        return None
    steps = _missing(folder, instruction, before)
    each = encoded_size(parameter_shapes(config.model), config.downlink.codec)
    if not steps or len(steps) * each >= instruction.base_bytes:
        return None
    check_room(folder, 2 * instruction.base_bytes)
    total = len(steps) * each
    try:
        for number, step in enumerate(steps):
            if (folder / step.delta).exists():  # something else, of somebody's: a difference never stays
                return None
            delta = await gateway.fetch_blob(step.delta, folder, each, _after(progress, number * each, total))
            try:
                await asyncio.to_thread(advance, folder, step, delta, config)
            finally:
                delta.unlink(missing_ok=True)
    except Unreachable:
        raise
    except (CoordinatorError, ModelError, UpdateError) as error:
        log.warning("the base weights are fetched whole: %s", error)
        return None
    return final


def _missing(folder: Path, instruction: TrainInstruction, before: Collection[str]) -> list[Step]:
    """The steps from the newest checkpoint that is here, in their order; none if none of them is."""
    steps, result = [], instruction.base_hash
    for delta in instruction.delta_chain:
        steps.append(Step(delta.parent, delta.sha256, result))
        if delta.parent in before and (folder / delta.parent).is_file():
            return steps[::-1]
        result = delta.parent
    return []


def _after(progress: Progress, before: int, total: int) -> Progress:
    return lambda done, _of: progress(before + done, total)


def advance(folder: Path, step: Step, delta: Path, config: FederationConfig) -> None:
    """Make one checkpoint of the one before it, a slice at a time.

    Raises:
        ModelError: the one before is damaged, or what came out is not what it should be.
        UpdateError: the difference is none of this model.
        StorageError: the disk refused.
    """
    shapes = parameter_shapes(config.model)
    made = folder / f"{step.result}{_MADE}"
    try:
        with open_weights(folder / step.parent, shapes) as base, delta.open("rb") as stream:
            difference = opened(InFile(stream), shapes, config.downlink.codec)
            vault.write_parts(made, encoded_parts(shapes, difference.after(base.part)))
        if file_sha256(made) != step.result:
            raise ModelError("The differences lead to other weights than the round is about.", "They come whole.")
        os.replace(made, folder / step.result)
        vault.sync_folder(folder)
    except OSError as error:
        raise vault.storage_error(made, error) from error
    finally:
        with contextlib.suppress(OSError):
            made.unlink()
