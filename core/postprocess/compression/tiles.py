"""Chunks that are tiles of the matrices, for a transform to which rows and columns mean something.

A vector in layout order is taken apart and put together again: first every matrix in tiles of a·b = chunk size values,
tile by tile, band of a rows by band, then whatever fills no tile, in layout order. b is the side of a square chunk, or
the largest power of two below it that divides the columns. A part of the layout is read by the bands it touches.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np

from core.postprocess.compression.base import Flat

WIDEST: Final = 4 << 20
"""Values of a band, which is decoded as a whole whenever one of its values is asked for."""
NARROWEST: Final = 8
"""Columns of a tile; a matrix that no such tile fits is left as it is."""


class _Part(NamedTuple):
    """Values that stay together."""

    start: int
    """Of the first, in layout order."""
    placed: int
    """Where it goes."""
    size: int
    rows: int = 0
    """Of a tile; 0 where the values stay as they are."""
    columns: int = 0
    """Of a tile."""
    across: int = 1
    """Tiles beside each other."""

    @property
    def band(self) -> int:
        """Values of a row of tiles."""
        return self.rows * self.columns * self.across


class Tiles:
    """Where each value of a layout goes."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], chunk_size: int) -> None:
        pieces = list(_pieces(shapes, chunk_size))
        placed = {True: 0, False: sum(piece.size for piece in pieces if piece.rows)}
        self._parts = []
        for piece in pieces:
            self._parts.append(piece._replace(placed=placed[piece.rows > 0]))
            placed[piece.rows > 0] += piece.size
        self._starts = [part.start for part in self._parts]

    def arranged(self, values: Flat) -> Flat:
        """All values, given in layout order, as the chunks follow each other."""
        out = np.empty_like(values)
        for part in self._parts:
            given = values[part.start : part.start + part.size]
            if part.rows:
                given = given.reshape(-1, part.rows, part.across, part.columns).transpose(0, 2, 1, 3).ravel()
            out[part.placed : part.placed + part.size] = given
        return out

    def values(self, read: Callable[[int, int], Flat], start: int, stop: int) -> Flat:
        """The values from ``start`` to ``stop`` in layout order, where ``read`` gives them as they are arranged."""
        out = np.empty(stop - start, np.float32)
        at = start
        while at < stop:
            part = self._parts[bisect_right(self._starts, at) - 1]
            end = min(stop, part.start + part.size)
            out[at - start : end - start] = _of(part, read, at - part.start, end - part.start)
            at = end
        return out


def _of(part: _Part, read: Callable[[int, int], Flat], start: int, stop: int) -> Flat:
    if not part.rows:
        return read(part.placed + start, part.placed + stop)
    first, after = start // part.band, -(-stop // part.band)
    tiles = read(part.placed + first * part.band, part.placed + after * part.band)
    rows = tiles.reshape(-1, part.across, part.rows, part.columns).transpose(0, 2, 1, 3).ravel()
    return rows[start - first * part.band : stop - first * part.band]


def _pieces(shapes: Mapping[str, tuple[int, ...]], chunk_size: int) -> Iterator[_Part]:
    """The parts in layout order, not placed yet."""
    at, side = 0, math.isqrt(chunk_size)
    for shape in shapes.values():
        size, tiled = math.prod(shape), 0
        if len(shape) == 2 and size:
            columns = math.gcd(shape[1], side)
            rows = chunk_size // columns
            if columns >= NARROWEST and shape[0] >= rows and rows * shape[1] <= WIDEST:
                tiled = shape[0] // rows * rows * shape[1]
                yield _Part(at, 0, tiled, rows, columns, shape[1] // columns)
        if size > tiled:
            yield _Part(at + tiled, 0, size - tiled)
        at += size
