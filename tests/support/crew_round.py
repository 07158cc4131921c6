"""The small round of ``tiny_round`` over several ranks of this process, with a stream that can be cut."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, cast

import msgspec
import numpy as np
from support.ranks import run_ranks
from support.tiny_round import KEY, TOKENS, FakeEngine, Records, rooms_for

from core.data.documents import PADDING
from core.data.store import Shard
from core.data.stream import PackedStream, Source, joined
from core.jobs import Sealed, TrainingPlan, TrainJob
from core.postprocess.privacy.dp_sgd import add_noise, clipped_sum, way_on
from core.postprocess.privacy.gaussian import CsprngNormal
from core.training.crew import Crew
from core.training.gradients import Gradients, PackedGradients
from core.training.ladder import ran_out_of_memory
from core.training.lines import Line
from core.training.private_gradients import PrivateGradients
from core.training.reduction import SharedReducer
from core.training.round import Rooms, TrainingRound
from core.training.sibling import Sibling
from core.training.state import RoundState

MICRO_BATCH = 2


class OneShard:
    """Stands for an encrypted shard: the tokens of ``tiny_round``."""

    num_training_tokens = len(TOKENS)
    dtype = TOKENS.dtype

    def read(self, start: int, out: np.ndarray[Any, Any]) -> None:
        out[:] = TOKENS[start : start + len(out)]


class Documents(Records):
    """The records two by two, the second shorter: documents of two windows."""

    def draw(self, source: CsprngNormal) -> list[np.ndarray[Any, Any]]:
        pairs = [np.stack([tokens, tokens]).astype(np.int64) for tokens in super().draw(source)]
        for pair in pairs:
            pair[1, 5:] = PADDING
        return pairs


def stream(seq_len: int = 8) -> PackedStream:
    """Two sources of unequal weight over the same tokens."""
    source = Source([cast(Shard, OneShard())], seq_len)
    return PackedStream([(2.0, source), (1.0, source)], b"order" * 8)


def chunk_rooms(job: TrainJob) -> Rooms:
    """The rooms of one rank that takes examples as a GPU does."""
    kind = Documents if job.privacy.unit == "document" else Records

    def gradients(state: RoundState) -> Gradients:
        plan = state.plan or TrainingPlan(micro_batch=MICRO_BATCH)
        way = way_on("cuda", plan.micro_batch, ran_out_of_memory)
        args = kind(job.privacy.sampling_prob), job.privacy, job.training.batch_size, way
        return PrivateGradients(*args, add_noise, CsprngNormal, plan)

    return dataclasses.replace(rooms_for(job), gradients=gradients)


def crew_rooms(job: TrainJob) -> Rooms:
    """The rooms of one rank, with a real packed stream."""
    rooms = rooms_for(job)
    if job.privacy.unit == "record":
        return rooms
    if job.privacy.unit == "document":
        documents = Documents(job.privacy.sampling_prob)
        args = documents, job.privacy, job.training.batch_size, clipped_sum, add_noise, CsprngNormal
        return dataclasses.replace(rooms, gradients=lambda state: PrivateGradients(*args))

    def gradients(state: RoundState) -> Gradients:
        whole = stream()
        if state.stream:
            whole.load_state_dict(state.stream)
        return PackedGradients(
            whole, job.training.batch_size, TrainingPlan(micro_batch=MICRO_BATCH), job.training.grad_clip
        )

    return dataclasses.replace(rooms, gradients=gradients)


MakeRooms = Callable[[TrainJob], Rooms]


def run_alone(job: TrainJob, engine: FakeEngine | None = None, rooms: MakeRooms = crew_rooms) -> Sealed:
    """The round on one device."""
    return TrainingRound(job, KEY, engine or FakeEngine(), rooms(job)).run()


def run_crew(
    job: TrainJob,
    size: int,
    engine: FakeEngine | None = None,
    sibling_engine: Callable[[int], FakeEngine] = lambda rank: FakeEngine(),
    make_rooms: MakeRooms = crew_rooms,
    meet: Callable[[Crew], None] = lambda crew: None,
) -> Sealed:
    """The round on so many devices; what the leader sealed."""
    job = msgspec.structs.replace(job, devices=("cpu",) * size)

    def work(reducer: SharedReducer, lines: list[Line]) -> Sealed | None:
        mine = msgspec.structs.replace(job, rank=reducer.rank)
        rooms = make_rooms(mine)
        if reducer.rank:
            Sibling(mine, KEY, sibling_engine(reducer.rank), rooms, lines[0], reducer).serve()
            return None
        crew = Crew(mine, KEY, lines, reducer, joined)
        meet(crew)
        return TrainingRound(mine, KEY, engine or FakeEngine(), crew.lend(rooms)).run()

    found: Sealed | None = run_ranks(size, work, slot_bytes=1 << 12)[0]
    assert found is not None
    return found
