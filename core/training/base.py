"""The base weights of a round: what learns is read at once, what does not is read into the model and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from core.api.errors import ModelError
from core.jobs import TrainJob
from core.model.checkpoint_io import file_sha256, open_weights
from core.model.frozen import shard_model
from core.model.layout import parameter_shapes
from core.model.shard import FULL, Shard, parse_shard, units
from core.model.transformer import Transformer
from core.update import Array


def read_base(job: TrainJob) -> dict[str, Array]:
    """The weights that learn, in layout order.

    Raises:
        ModelError: the files on the disk are not those of this round.
        StorageError: one cannot be read.
    """
    stored = _Stored(job)
    stored.check()
    return {name: stored[name] for name in _shard(job).shapes()}


def build_model(job: TrainJob) -> Transformer:
    """The model of a round; the weights that learn are undefined until ``load_arrays``.

    Raises:
        ModelError: a frozen weight is missing or not what it must be.
        StorageError: a file cannot be read.
    """
    shard = _shard(job)
    return Transformer(job.model) if shard.name == FULL else shard_model(shard, _Stored(job), job.frozen_dtype)


def _shard(job: TrainJob) -> Shard:
    try:
        return parse_shard(job.model, job.shard)
    except ValueError as error:
        raise ModelError(f"The round is about a part that the model does not have: {error}.") from error


class _Stored(Mapping[str, Array]):
    """Base weights on the disk, in one file or unit by unit; each is read when it is asked for."""

    def __init__(self, job: TrainJob) -> None:
        self._job = job
        self._shapes = parameter_shapes(job.model)
        parts = {part.unit: part for part in job.base_parts}
        if parts and set(parts) != {unit.name for unit in units(job.model)}:
            raise ModelError("The base weights of this round are not all there.", "They are fetched again.")
        self._part_of = {name: parts[unit.name] for unit in units(job.model) if parts for name in unit.shapes()}

    def check(self) -> None:
        """Compare every file with its hash."""
        job = self._job
        files = [(job.base_path, job.base_sha256), *((part.path, part.sha256) for part in job.base_parts)]
        if any(file_sha256(path) != sha256 for path, sha256 in files):
            raise ModelError("The base weights on the disk are not those of this round.", "They are fetched again.")

    def __getitem__(self, name: str) -> Array:
        part = self._part_of.get(name)
        if part is None:
            with open_weights(Path(self._job.base_path), self._shapes) as stored:
                return stored[name]
        shapes = parse_shard(self._job.model, part.unit).shapes()
        with open_weights(Path(part.path), shapes, narrow=part.narrow) as stored:
            return stored[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)
