"""What survives a crash: two generations of encrypted checkpoints in the round folder.

A checkpoint holds weights, moments, counters, stream position and, under DP-SGD, the key of the next step. Every later
draw and all later noise follow from that key, so a round that crashed, was paused or lost its newest checkpoint repeats
exactly what it did before; no crash can choose between draws. The key moves one way with each step and is gone from the
disk before the update is sealed: the last checkpoint is written without it and the older generation removed.

Inside a step the checkpoint also holds the sum over the micro-batches, or the examples of the draw, that are done. All
else is still that of the last boundary, the key included: the rest of the draw and the noise are what they would have
been. A clipped sum without its noise is as secret as the text, lies under the same key, and goes the same way.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import torch

from core import vault
from core.api.errors import PrivacyError, StorageError
from core.jobs import TrainJob
from core.model.transformer import Transformer
from core.training.optimizer import AdamW
from core.training.state import PartialStep, RoundState, StepFacts
from core.training.state_file import read_state, write_state
from core.update import Array

VERSION: Final = 1
_CONTEXT: Final = b"training-checkpoint"
_NAMES: Final = ("checkpoint.0", "checkpoint.1")


class Header(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The small part of a checkpoint."""

    version: int
    generation: int
    job: str
    """Fingerprint of what is trained, on which base, how."""
    shards: str
    """Fingerprint of the text."""
    charge_id: int | None
    optimizer_steps: int
    state: RoundState
    partial: StepFacts | None = None
    """How far the step after ``state`` is, if it was broken off."""
    sealing: bool = False
    """Training is over; only encoding is left and no key is needed any more."""


def job_fingerprint(job: TrainJob) -> str:
    """Hash of everything that changes the numbers of a round, its text excepted."""
    parts = (
        job.federation_id, job.run_id, job.server_round, job.base_sha256, job.model, job.training, job.privacy,
        job.step_clock, job.local_steps, job.shard,
    )  # fmt: skip
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def shards_fingerprint(job: TrainJob) -> str:
    """Hash of the corpora, the public one included, their shards and weights."""
    corpora = (*job.corpora, job.public) if job.public else job.corpora
    parts = [(c.corpus_id, [s.sha256 for s in c.shards], c.weight) for c in corpora]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


class Checkpoints:
    """The checkpoints of one round."""

    def __init__(self, job: TrainJob, key: bytes) -> None:
        self.folder = Path(job.round_dir)
        self.key = key
        self.unit = job.privacy.unit
        self.job = job_fingerprint(job)
        self.shards = shards_fingerprint(job)
        self.generation = 0
        self.partial: PartialStep | None = None
        """The part of a step that ``load`` found."""

    def save(
        self,
        model: Transformer,
        optimizer: AdamW,
        state: RoundState,
        charge_id: int | None,
        partial: PartialStep | None = None,
        *,
        sealing: bool = False,
    ) -> None:
        """Write the newer generation over the older one.

        Args:
            model: weights at the boundary ``state`` describes.
            optimizer: its moments.
            state: where the round is.
            charge_id: the durable charge, if there is one already.
            partial: the part of the next step that is done.
            sealing: training is over; leaves no key on the disk and no older generation.

        Raises:
            StorageError: the disk is full or the folder cannot be written.
        """
        if sealing:
            state.step_key = b""
        self.generation += 1
        header = Header(
            version=VERSION, generation=self.generation, job=self.job, shards=self.shards, charge_id=charge_id,
            optimizer_steps=optimizer.steps, state=state, partial=partial.facts if partial else None, sealing=sealing,
        )  # fmt: skip
        arrays = {f"weight.{name}": array for name, array in model.to_arrays().items()}
        arrays |= moment_arrays(model, optimizer)
        if partial is not None:
            sums = zip(model.learning, partial.sums, strict=True)
            arrays |= {f"sum.{name}": part.detach().cpu().numpy() for name, part in sums}
        path = self.folder / _NAMES[self.generation % 2]
        write_state(path, self.key, msgspec.json.encode(header), arrays, _CONTEXT)
        if sealing:
            self._remove(_NAMES[(self.generation + 1) % 2])

    def load(self, model: Transformer, optimizer: AdamW) -> Header | None:
        """Put the newest readable checkpoint into model and optimiser.

        A damaged generation is passed over for the other one. Checkpoints of another job or, without DP-SGD, of text
        that has changed since are removed, and the round starts again.

        Raises:
            PrivacyError: the text changed during a DP-SGD round, which is over and stays charged.
        """
        found = [entry for entry in map(self._read, _NAMES) if entry is not None]
        if not found:
            return None
        self._settle()
        header, arrays = max(found, key=lambda entry: entry[0].generation)
        same_text = header.shards == self.shards or header.sealing
        if header.job != self.job or not same_text:
            if self.unit in ("document", "record") and header.charge_id is not None:
                raise PrivacyError(
                    "The text or the task changed during this round: the round is abandoned and stays charged.",
                    "The next round uses the text as it is now.",
                )
            self.clear()
            return None
        self.generation = header.generation
        names = list(model.learning)
        model.load_arrays({name: arrays[f"weight.{name}"] for name in names})
        tensors = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
        optimizer.load_state(names, tensors, header.optimizer_steps)
        if header.partial is not None:
            self.partial = PartialStep(facts=header.partial, sums=[tensors[f"sum.{name}"] for name in names])
        return header

    def _read(self, name: str) -> tuple[Header, dict[str, Array]] | None:
        path = self.folder / name
        if not path.exists():
            return None
        try:
            header, arrays = read_state(path, self.key, _CONTEXT)
            found = msgspec.json.decode(header, type=Header)
        except (StorageError, msgspec.MsgspecError):
            return None
        return (found, arrays) if found.version == VERSION else None

    def clear(self) -> None:
        """Remove both generations, durably."""
        for name in _NAMES:
            self._remove(name)

    def _settle(self) -> None:
        """Whoever wrote what is gone on from may have been killed before its name was on the disk for good."""
        try:
            vault.sync_folder(self.folder)
        except OSError as error:
            raise vault.storage_error(self.folder, error) from error

    def _remove(self, name: str) -> None:
        try:
            (self.folder / name).unlink(missing_ok=True)
            vault.sync_folder(self.folder)
        except OSError as error:
            raise vault.storage_error(self.folder / name, error) from error


def moment_arrays(model: Transformer, optimizer: AdamW) -> dict[str, Array]:
    """The optimiser's moments by name, in main memory."""
    return {name: tensor.cpu().numpy() for name, tensor in optimizer.state_arrays(list(model.learning)).items()}
