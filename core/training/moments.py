"""What carries over between the rounds of one federation: the inner optimiser's moments, and the place in the text.

Encrypted files in the state folder, named ``kind-federation-tag[-shard]``:

| file | holds |
|---|---|
| ``moments-…`` | the moments of one shard of the model; at most ``KEPT_SHARDS`` of them, the ones trained last |
| ``place-…`` | where the packed stream stood, whichever shard was trained |

The tag is of federation, unit, corpora and model. What a round without per-record noise touched must never flow into a
DP-SGD round, so files with another tag are erased before anything is trained.

A shard's moments are as old as the last round that trained it, and its weights have moved since by what others found.
The mean fades within the first tens of steps, as β1 has it; the scale changes slowly and is what they are kept for.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import torch

from core import vault
from core.api.errors import StorageError
from core.jobs import TrainJob
from core.model.transformer import Transformer
from core.training.optimizer import AdamW
from core.training.resume import moment_arrays, shards_fingerprint
from core.training.state_file import read_state, write_state

VERSION: Final = 2
KEPT_SHARDS: Final = 4
"""8 bytes a parameter each; a machine that trains parts by lottery must not end up with the state of all of them."""
_CONTEXT: Final = b"inner-optimiser-state"
_PLACE_CONTEXT: Final = b"stream-place"


class MomentsHeader(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The small part of a file of moments."""

    version: int
    tag: str
    shard: str
    optimizer_steps: int


class Place(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where the packed stream of these shards of text stood; the next round reads on from there."""

    version: int
    tag: str
    text: str
    stream: dict[str, Any]


class Moments:
    """The state between rounds, as one round finds and leaves it."""

    def __init__(self, job: TrainJob, key: bytes) -> None:
        self.key = key
        self.folder = Path(job.state_dir)
        self.shard = job.shard
        parts = (job.federation_id, job.privacy.unit, sorted(c.corpus_id for c in job.corpora), job.model)
        self.tag = hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
        self.text = shards_fingerprint(job)
        self._federation = hashlib.sha256(job.federation_id.encode()).hexdigest()[:16]
        mine = f"{self._federation}-{self.tag[:16]}"
        self._moments = f"moments-{mine}-"
        self.path = self.folder / (self._moments + hashlib.sha256(job.shard.encode()).hexdigest()[:16])
        self.place_path = self.folder / f"place-{mine}"

    def load(self, model: Transformer, optimizer: AdamW) -> dict[str, Any]:
        """Take over the moments that this shard had, if they are this federation's, unit's and corpora's.

        Returns:
            The stream's place; empty where there is none or the text changed. What belongs to another unit or other
            corpora, or is damaged, has been erased.
        """
        self._erase_others()
        if self.path.exists():
            try:
                raw, arrays = read_state(self.path, self.key, _CONTEXT)
                header = msgspec.json.decode(raw, type=MomentsHeader)
                if (header.version, header.tag, header.shard) != (VERSION, self.tag, self.shard):
                    raise ValueError("these moments belong elsewhere")
                tensors = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
                optimizer.load_state(list(model.learning), tensors, header.optimizer_steps)
            except (StorageError, ValueError, msgspec.MsgspecError):
                _remove(self.path)
        return self.place()

    def place(self) -> dict[str, Any]:
        """The stream's place, empty where there is none for this text."""
        if not self.place_path.exists():
            return {}
        try:
            place = msgspec.json.decode(vault.decrypt_file(self.place_path, self.key, _PLACE_CONTEXT), type=Place)
        except (StorageError, ValueError, msgspec.MsgspecError):
            _remove(self.place_path)
            return {}
        fits = (place.version, place.tag, place.text) == (VERSION, self.tag, self.text)
        return place.stream if fits else {}

    def save(self, model: Transformer, optimizer: AdamW, stream: dict[str, Any]) -> None:
        """Keep moments and place for the next round.

        Raises:
            StorageError: the disk is full or the folder cannot be written.
        """
        header = MomentsHeader(version=VERSION, tag=self.tag, shard=self.shard, optimizer_steps=optimizer.steps)
        place = Place(version=VERSION, tag=self.tag, text=self.text, stream=stream)
        if (
            not self.folder.is_dir()
        ):  # the engine made it, for good; from inside the lock nothing above it can be opened
            vault.make_folder(self.folder)
        arrays = moment_arrays(model, optimizer)
        write_state(self.path, self.key, msgspec.json.encode(header), arrays, _CONTEXT)
        vault.encrypt_file(self.place_path, self.key, msgspec.json.encode(place), _PLACE_CONTEXT)
        kept = sorted(self.folder.glob(f"{self._moments}*"), key=lambda path: (path == self.path, path.stat().st_mtime))
        for path in kept[:-KEPT_SHARDS]:
            _remove(path)

    def _erase_others(self) -> None:
        """Remove what this federation left behind under another tag, of any shard and any older kind."""
        for kind in ("moments", "place"):
            for path in self.folder.glob(f"{kind}-{self._federation}*"):
                if path != self.place_path and not path.name.startswith(self._moments):
                    _remove(path)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise vault.storage_error(path, error) from error
