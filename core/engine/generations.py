"""Which generation of a corpus a round uses, and how long an older one is kept.

A round is pinned to the shards that its corpora had when it began to train: written into its journal, so that a pause
or a crash finds the very same ones. A newer generation may be made meanwhile; the old shards stay until the round is
sealed or given up, for a round whose shards changed would be abandoned and yet stay charged.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator

from core.api.errors import StorageError
from core.engine import journal as journals
from core.jobs import CorpusRef
from core.ledger.rows import CorpusRow, Release
from core.ledger.store import Ledger


def under_way(ledger: Ledger) -> Iterator[Release]:
    """Releases whose round is not sealed yet."""
    return (release for release in ledger.open_releases() if release.state in ("assigned", "training"))


def in_use(ledger: Ledger) -> set[str]:
    """Ids of the corpora that such rounds train with."""
    return {corpus_id for release in under_way(ledger) for corpus_id in release.attributes.corpora}


def pinned(ledger: Ledger) -> set[str]:
    """Paths of the shards that such rounds need."""
    found = (journals.load(ledger, release.release_id) for release in under_way(ledger))
    return {shard.path for one in found if one is not None for corpus in one.corpora for shard in corpus.shards}


def stands(row: CorpusRow) -> bool:
    """Whether a corpus has a generation that may be used while another is made."""
    return bool(row.facts.shards) and row.facts.state == "ready"


def now(rows: Iterable[CorpusRow]) -> tuple[CorpusRef, ...]:
    """The present generation of each corpus, as a trainer takes it."""
    return tuple(CorpusRef(corpus_id=row.corpus_id, shards=row.facts.shards, weight=row.choice.weight) for row in rows)


def check(corpora: Iterable[CorpusRef]) -> None:
    """Make sure that every shard is there.

    Raises:
        StorageError: one is gone.
    """
    for shard in (shard for corpus in corpora for shard in corpus.shards):
        if not os.path.exists(shard.path):
            raise StorageError(
                f"Prepared text is gone from {os.path.dirname(shard.path)}.", "Remove the text and add it again."
            )


def discard(paths: Iterable[str]) -> None:
    """Delete shards that nobody needs any more."""
    for path in paths:
        with contextlib.suppress(OSError):
            os.unlink(path)
