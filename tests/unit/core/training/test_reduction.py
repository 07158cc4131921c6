from __future__ import annotations

import os
import time

import pytest
import torch
from support.ranks import lines_of, run_ranks

from core.training.lines import MAX_FRAME, Line, SiblingGone
from core.training.reduction import SharedReducer
from core.training.state import Interrupted


def tensors(rank: int, dtype: torch.dtype) -> list[torch.Tensor]:
    """Shapes that fit, fill and overflow the small slots of the test."""
    generator = torch.Generator().manual_seed(rank)
    shapes = [(3,), (17, 31), (), (256,), (1, 1_000)]
    return [torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("size", [1, 2, 5])
def test_the_leader_gets_the_sum_in_rank_order(size: int, dtype: torch.dtype) -> None:
    def work(reducer: SharedReducer, _: list[Line]) -> list[torch.Tensor]:
        mine = tensors(reducer.rank, dtype)
        reducer.reduce(mine)
        return mine

    found = run_ranks(size, work)
    expected = tensors(0, dtype)
    for rank in range(1, size):
        for total, part in zip(expected, tensors(rank, dtype), strict=True):
            total.add_(part)
    for mine, wanted in zip(found[0], expected, strict=True):
        assert torch.equal(mine, wanted), "the same bits each time"
    for rank in range(1, size):
        for mine, own in zip(found[rank], tensors(rank, dtype), strict=True):
            assert torch.equal(mine, own)


def test_everybody_gets_the_leaders_values_again_and_again() -> None:
    def work(reducer: SharedReducer, _: list[Line]) -> list[torch.Tensor]:
        mine = tensors(reducer.rank, torch.float32)
        for _ in range(3):
            reducer.spread(mine)
            if reducer.rank == 0:
                for tensor in mine:
                    tensor.add_(1)
        return mine

    found = run_ranks(3, work)
    expected = [tensor + 1 + 1 for tensor in tensors(0, torch.float32)]
    for rank in (1, 2):
        assert all(torch.equal(mine, wanted) for mine, wanted in zip(found[rank], expected, strict=True))


def test_what_cannot_be_exchanged_is_refused() -> None:
    def work(reducer: SharedReducer, _: list[Line]) -> None:
        for bad in (torch.zeros(2, dtype=torch.int64), torch.zeros(4, 4).t(), torch.zeros(2, dtype=torch.bfloat16)):
            with pytest.raises(ValueError, match="contiguous"):
                reducer.reduce([torch.zeros(1), bad])

    run_ranks(2, work)
    with pytest.raises(ValueError, match="lines"):
        SharedReducer(1, 2, [], -1)


def test_a_sibling_that_dies_is_noticed_by_all() -> None:
    def work(reducer: SharedReducer, _: list[Line]) -> str:
        if reducer.rank == 1:
            return "died"
        with pytest.raises(SiblingGone):
            reducer.reduce([torch.zeros(10)])
        return "noticed"

    assert run_ranks(3, work) == ["noticed", "died", "noticed"]


def test_frames_of_any_size_arrive_whole() -> None:
    def work(reducer: SharedReducer, lines: list[Line]) -> bool:
        sent = [b"", b"x", os.urandom(300_000), b"end"]
        if reducer.rank == 0:
            for frame in sent:
                lines[0].send(frame)
            return [lines[0].receive() for _ in sent] == [frame[::-1] for frame in sent]
        for _ in sent:
            lines[0].send(lines[0].receive()[::-1])
        return True

    assert run_ranks(2, work) == [True, True]
    (line,), (other,) = lines_of(2)
    with pytest.raises(ValueError, match="too long"):
        line.send(bytes(MAX_FRAME + 1))
    line.close()
    with pytest.raises(SiblingGone):
        other.receive()
    other.close()


def test_the_owners_pause_ends_the_waiting() -> None:
    looks = []

    def between() -> None:
        looks.append(time.monotonic())
        if len(looks) == 3:
            raise Interrupted

    (line,), (other,) = lines_of(2, between)
    with pytest.raises(Interrupted):
        line.receive()
    assert looks[-1] - looks[0] < 1.0
    looks.clear()
    with pytest.raises(Interrupted):
        other.send(bytes(1 << 20))
    line.close()
    other.close()
