"""What updates left out so far, for the next one: error feedback's state between the rounds of one federation.

An encrypted file in the state folder, ``residual-federation-tag-shard``, holds the residual of one shard of the model
and the last ``KEPT`` sealed updates, each by its SHA-256. It is private state like the moments: the tag is of
federation, unit, corpora, model and decay, since a residual goes with every codec of its terms, and files with another
tag are erased before anything is trained.

With decay β, a round's pseudo-gradient Δ and what was carried r (SparseLoCo, arXiv 2508.15706)::

    a = β·r + Δ      sent = decode(encode(a))      r' = a − sent

An update that was refused goes back: r gains what its own round would have carried had nothing been sent, ``sent·βⁿ``
after n further updates, and the kept copy is gone with the same write, so that it goes back once.

One that came too late or was never sent does not: the mean of those that arrived stands for it, and what is given back
comes on top of that. With half of all uploads lost giving them back cost 7.2 % of loss and not giving them back 3.9 %,
with 30 % lost 1.9 and 1.8 % (``tests/benchmarks/RESULTS.md``). Nor is taken into account what the coordinator makes of
an update after it: a bound on its length, the weight of a late or a new volunteer, a part of the model with few
trainers, a round whose checkpoint was rejected. All of these are lost to the residual, as they are to whoever sends
dense updates.

Order of writes, so that a kill anywhere neither loses nor doubles anything::

    pending r' (round folder) ─▶ receipt ─▶ sealed update ─▶ r' (state folder) ─▶ pending removed

Before the sealed update exists, the round is encoded again from the r of the round before. Once it exists, what is
pending is carried over, again if need be: it is the same file. Only an update that was sealed here but whose round the
engine gave up before it heard of it counts as sent.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from core import vault
from core.api.errors import StorageError, UpdateError
from core.jobs import TrainJob
from core.update import Array, ModelUpdate

VERSION: Final = 1
KEPT: Final = 3
"""Sealed updates that can still be given back."""
PENDING_NAME: Final = "residual.pending"
_CONTEXT: Final = b"error-feedback"
_LENGTH: Final = 8


@dataclass(frozen=True)
class ErrorFeedback:
    """The chain's side of it; bound in ``core.training.worker``."""

    encode: Callable[[ModelUpdate, Array | None], tuple[bytes, Array]]
    """Update and flat residual → bytes, and what they leave out as a flat vector."""
    decode: Callable[[bytes], Array]
    """Bytes → flat values."""


class Kept(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One sealed update that can still be given back."""

    sha256: str
    size_bytes: int
    age: int = 0
    """Updates sealed since."""


class ResidualHeader(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The small part of a file; the residual as float32 and the kept updates follow it."""

    version: int
    tag: str
    shard: str
    values: int
    kept: tuple[Kept, ...]


@dataclass(frozen=True)
class Carried:
    """What a round finds: the residual, empty before the first, and the updates that can be given back."""

    values: Array
    kept: tuple[tuple[Kept, bytes], ...] = ()


class Residual:
    """The residual of one shard, as one round finds and leaves it."""

    def __init__(self, job: TrainJob, key: bytes) -> None:
        self.key = key
        self.folder = Path(job.state_dir)
        self.shard = job.shard
        self.decay = job.codec.error_feedback
        self._returned = frozenset(job.returned)
        texts = sorted(corpus.corpus_id for corpus in job.corpora)
        parts = (job.federation_id, job.privacy.unit, texts, job.model, job.codec.error_feedback)
        self.tag = hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
        self._federation = hashlib.sha256(job.federation_id.encode()).hexdigest()[:16]
        self._mine = f"residual-{self._federation}-{self.tag[:16]}-"
        self.path = self.folder / (self._mine + hashlib.sha256(job.shard.encode()).hexdigest()[:16])
        self.pending = Path(job.round_dir) / PENDING_NAME

    def erase_others(self) -> None:
        """Remove what this federation left behind under another tag, and everything where nothing is carried."""
        for path in self.folder.glob(f"residual-{self._federation}*"):
            if not self.decay or not path.name.startswith(self._mine):
                _remove(path)

    def encode(self, update: ModelUpdate, feedback: ErrorFeedback) -> bytes:
        """The bytes to seal; what they leave out is durable, but not carried over, when this returns.

        Raises:
            UpdateError: a value is not finite.
            StorageError: the disk is full or the folder cannot be written.
        """
        found = self._read(self.path)
        carried = found.values if found.values.size == update.size else None
        kept = []
        for one, payload in found.kept:
            if one.sha256 not in self._returned:
                kept.append((msgspec.structs.replace(one, age=one.age + 1), payload))
                continue
            with contextlib.suppress(UpdateError):  # of an older version of this program, which nobody can read now
                back = np.float32(self.decay**one.age) * feedback.decode(payload)
                carried = back if carried is None else carried + back
        payload, left = feedback.encode(update, carried)
        newest = Kept(sha256=hashlib.sha256(payload).hexdigest(), size_bytes=len(payload))
        self._write(self.pending, left, [*kept, (newest, payload)][-KEPT:])
        return payload

    def carry_over(self, sealed_sha256: str) -> None:
        """Once the update is sealed: what it left out becomes what the next round finds. The same again is harmless.

        Raises:
            StorageError: the disk is full or the folder cannot be written.
        """
        if not self.pending.exists():
            return
        found = self._read(self.pending)
        if found.kept and found.kept[-1][0].sha256 == sealed_sha256:
            if not self.folder.is_dir():
                vault.make_folder(self.folder)
            self._write(self.path, found.values, found.kept)
        _remove(self.pending)

    def _read(self, path: Path) -> Carried:
        """What a file holds; one that is damaged or belongs elsewhere is erased and holds nothing."""
        nothing = Carried(np.zeros(0, np.float32))
        if not path.exists():
            return nothing
        try:
            raw = memoryview(vault.decrypt_file(path, self.key, _CONTEXT))
            at = _LENGTH + int.from_bytes(raw[:_LENGTH], "big")
            header = msgspec.json.decode(raw[_LENGTH:at], type=ResidualHeader)
            if (header.version, header.tag, header.shard) != (VERSION, self.tag, self.shard):
                raise ValueError("this residual belongs elsewhere")
            if len(raw) != at + 4 * header.values + sum(one.size_bytes for one in header.kept):
                raise ValueError("the file is cut")
            values = np.frombuffer(raw[at : at + 4 * header.values], "<f4").astype(np.float32)
        except (StorageError, ValueError, msgspec.MsgspecError):
            _remove(path)
            return nothing
        kept, at = [], at + 4 * header.values
        for one in header.kept:
            kept.append((one, bytes(raw[at : at + one.size_bytes])))
            at += one.size_bytes
        return Carried(values, tuple(kept))

    def _write(self, path: Path, values: Array, kept: Sequence[tuple[Kept, bytes]]) -> None:
        header = msgspec.json.encode(
            ResidualHeader(
                version=VERSION, tag=self.tag, shard=self.shard, values=values.size, kept=tuple(one for one, _ in kept)
            )
        )
        flat = np.ascontiguousarray(values, "<f4").data.cast("B")
        pieces: list[bytes | memoryview] = [len(header).to_bytes(_LENGTH, "big"), header, flat]
        vault.encrypt_file(path, self.key, [*pieces, *(payload for _, payload in kept)], _CONTEXT)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise vault.storage_error(path, error) from error
