"""Adding up what several trainers computed, and handing one's weights to all: over shared memory, without a socket.

Every rank has a slot of an anonymous file that the engine made and all inherited. A tensor passes through it in pieces:
each rank writes its piece, each then adds its share of all slots in rank order, and rank 0 reads the sum. So memory is
bounded by the slots whatever the model's size, sums are the same bits each time, nothing touches a disk, and the
sandbox stays as it is. Ranks meet by one empty frame each way over their lines.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.training.lines import Line, SiblingGone

SLOT_BYTES: Final = 16 << 20
_NUMPY: Final[dict[torch.dtype, np.dtype[Any]]] = {
    torch.float32: np.dtype(np.float32),
    torch.float64: np.dtype(np.float64),
}


class Reducer(Protocol):
    """Exchange between ranks. All of them call the same method with tensors of equal shapes."""

    @property
    def rank(self) -> int:
        """This process; 0 leads."""

    @property
    def size(self) -> int:
        """Processes in all."""

    def reduce(self, tensors: Sequence[Tensor]) -> None:
        """Put the sums over all ranks, in rank order, into rank 0's tensors; the others' keep what they held."""

    def spread(self, tensors: Sequence[Tensor]) -> None:
        """Put rank 0's values into everybody's tensors."""


class SharedReducer:
    """The exchange over shared memory.

    Args:
        rank: this process.
        size: processes in all.
        lines: at rank 0 one to each sibling in order, elsewhere the one to rank 0.
        descriptor: of the shared anonymous file; rank 0 gives it its size.
        slot_bytes: size of a slot, the same everywhere.

    Raises:
        ValueError: the lines do not fit the rank.
    """

    def __init__(
        self, rank: int, size: int, lines: Sequence[Line], descriptor: int, slot_bytes: int = SLOT_BYTES
    ) -> None:
        if not 0 <= rank < size or len(lines) != (size - 1 if rank == 0 else 1):
            raise ValueError(f"rank {rank} of {size} does not have {len(lines)} lines")
        self.rank = rank
        self.size = size
        self._lines = lines
        self._slot_bytes = slot_bytes
        if rank == 0:
            os.ftruncate(descriptor, size * slot_bytes)
        self._meet()
        self._memory = mmap.mmap(descriptor, size * slot_bytes)
        os.close(descriptor)

    def reduce(self, tensors: Sequence[Tensor]) -> None:
        """See ``Reducer``.

        Raises:
            SiblingGone: a sibling has ended.
        """
        for piece in self._pieces(tensors):
            count = self._write(piece)
            self._meet()
            self._add(count, piece[0].dtype)
            self._meet()
            if self.rank == 0:
                self._read(piece)

    def spread(self, tensors: Sequence[Tensor]) -> None:
        """See ``Reducer``.

        Raises:
            SiblingGone: a sibling has ended.
        """
        for piece in self._pieces(tensors):
            if self.rank == 0:
                self._write(piece)
            self._meet()
            if self.rank != 0:
                self._read(piece)
            self._meet()

    def _pieces(self, tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
        """Flat views that together fit into a slot; all ranks cut alike."""
        piece: list[Tensor] = []
        if not tensors:
            return
        dtype = tensors[0].dtype
        if dtype not in _NUMPY or any(t.dtype != dtype or not t.is_contiguous() for t in tensors):
            raise ValueError("ranks exchange contiguous tensors of one type, float32 or float64")
        capacity = room = self._slot_bytes // dtype.itemsize
        for tensor in tensors:
            flat, at = tensor.detach().view(-1), 0
            while at < flat.numel():
                taken = flat[at : at + room]
                piece.append(taken)
                at += taken.numel()
                room -= taken.numel()
                if not room:
                    yield piece
                    piece, room = [], capacity
        if piece:
            yield piece

    def _slot(self, rank: int, count: int, dtype: torch.dtype) -> NDArray[Any]:
        return np.frombuffer(self._memory, dtype=_NUMPY[dtype], count=count, offset=rank * self._slot_bytes)

    def _write(self, piece: Sequence[Tensor]) -> int:
        count = sum(tensor.numel() for tensor in piece)
        slot, at = torch.from_numpy(self._slot(self.rank, count, piece[0].dtype)), 0
        for tensor in piece:
            slot[at : at + tensor.numel()].copy_(tensor)
            at += tensor.numel()
        return count

    def _read(self, piece: Sequence[Tensor]) -> None:
        count = sum(tensor.numel() for tensor in piece)
        slot, at = torch.from_numpy(self._slot(0, count, piece[0].dtype)), 0
        for tensor in piece:
            tensor.copy_(slot[at : at + tensor.numel()])
            at += tensor.numel()

    def _add(self, count: int, dtype: torch.dtype) -> None:
        """This rank's share of the sum, into slot 0; nobody else reads or writes that share meanwhile."""
        share = slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)
        total = self._slot(0, count, dtype)[share]
        for rank in range(1, self.size):
            np.add(total, self._slot(rank, count, dtype)[share], out=total)

    def _meet(self) -> None:
        """Wait until every rank is here."""
        if self.rank != 0:
            self._lines[0].send(b"")
        for line in self._lines:
            if line.receive():
                raise SiblingGone("A sibling of this trainer is out of step.")
        if self.rank == 0:
            for line in self._lines:
                line.send(b"")
