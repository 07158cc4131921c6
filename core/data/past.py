"""What earlier readings left: the last generation and the spools of readers that died, as one.

Their documents are on one roll, their files carry its numbers, and their tokens are found by number; few shards are
open at a time. Of a document that several have, the first one's tokens count.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import msgspec
import numpy as np

from core.api.errors import StorageError
from core.data.generation import Generation, Source
from core.data.roll import Numbers, Roll, first_of_each, numbers
from core.data.store import Shard, Tokens

_MOST_OPEN = 16
"""Shards; a mapped one counts against the limit of the address space."""
_NOWHERE = -1


class Past:
    """Files, documents and tokens of one or several generations, the most trusted first.

    Args:
        generations: their shards are there, whether whole or not.
        key: the store key.
    """

    def __init__(self, generations: Sequence[Generation], key: bytes) -> None:
        self._key = key
        self._shards: list[tuple[str, int]] = []
        self._open: OrderedDict[int, Shard] = OrderedDict()
        self.roll = generations[0].roll() if generations else Roll()
        self.sources: list[Source] = []
        mine = np.arange(len(self.roll), dtype=np.uint32)
        renumbered = [mine, *(self._enter(made) for made in generations[1:])]
        self._shard_of = np.full(len(self.roll), _NOWHERE, dtype=np.int32)
        self._index_of = np.full(len(self.roll), _NOWHERE, dtype=np.int32)
        self._more: dict[int, list[tuple[int, int]]] = {}
        """Further parts of the few documents that were split."""
        for number, (made, here) in enumerate(zip(generations, renumbered, strict=False)):
            self._place(made, here)
            self.sources += made.sources if not number else (_renumbered(source, here) for source in made.sources)

    def _enter(self, made: Generation) -> Numbers:
        """The numbers here of another generation's documents."""
        theirs = made.roll()
        here = np.empty(len(theirs), dtype=np.uint32)
        for number in range(len(theirs)):
            mine = here[number] = self.roll.enter(theirs.digest(number), theirs.words[number])
            if (language := theirs.language(number)) is not None:
                self.roll.set_language(int(mine), language)
        return here

    def _place(self, made: Generation, here: Numbers) -> None:
        free = self._shard_of == _NOWHERE
        for shard, part in zip(made.result.shards, made.contents, strict=True):
            found, number = here[numbers(part)], len(self._shards)
            where = np.arange(len(found), dtype=np.int32)
            first = first_of_each(found) & (self._shard_of[found] == _NOWHERE)
            self._shard_of[found[first]], self._index_of[found[first]] = number, where[first]
            for index in np.flatnonzero(free[found] & ~first).tolist():
                self._more.setdefault(int(found[index]), []).append((number, index))
            self._shards.append((shard.path, len(found)))

    def has(self, number: int) -> bool:
        """Whether the shards hold this document of the roll."""
        return bool(self._shard_of[number] != _NOWHERE)

    def tokens(self, number: int) -> Tokens:
        """All tokens of a document of the roll; one that was split for holding back is put together again.

        Raises:
            StorageError: there is no such document, or its shard is gone or damaged.
        """
        if not self.has(number):
            raise StorageError("A document is not in the shards.")
        places = [(int(self._shard_of[number]), int(self._index_of[number])), *self._more.get(number, ())]
        return np.concatenate([self._shard(shard).document(index) for shard, index in places])

    def _shard(self, number: int) -> Shard:
        if number in self._open:
            self._open.move_to_end(number)
            return self._open[number]
        path, documents = self._shards[number]
        shard = Shard(path, self._key)
        if shard.num_documents != documents:
            raise StorageError(f"The token shard {shard.path.name} is not the one its generation names.")
        self._open[number] = shard
        if len(self._open) > _MOST_OPEN:
            self._open.popitem(last=False)[1].close()
        return shard


def _renumbered(source: Source, here: Numbers) -> Source:
    return msgspec.structs.replace(source, documents=here[numbers(source.documents)].tobytes())
