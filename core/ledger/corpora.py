"""Corpora and their lineages: what text there is, and which texts share a budget because they share a document."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec

from core.api.errors import CorpusError
from core.ledger.book import Book
from core.ledger.budget import BUDGET_UNITS, merged_limits
from core.ledger.rows import Choice, CorpusFacts, CorpusRow

_COLUMNS = "corpus_id, name, paths, lineage_id, added_at, removed_at, facts, choice"
_BATCH = 500


class CorpusBook(Book):
    """The owner's text, as facts; and the lineage each belongs to, which outlives the corpus."""

    def add_corpus(self, corpus_id: str, name: str, paths: Iterable[str], choice: Choice | None = None) -> CorpusRow:
        """Note a corpus about to be read. One removed earlier under the same id comes back with its lineage.

        Raises:
            ValueError: the id is taken.
        """
        paths = tuple(paths)
        facts, chosen = msgspec.json.encode(CorpusFacts()), msgspec.json.encode(choice or Choice())
        with self._db.transaction():
            old = self._db.row("SELECT removed_at FROM corpora WHERE corpus_id = ?", (corpus_id,))
            if old and old[0] is None:
                raise ValueError(f"corpus {corpus_id} was added already")
            self._db.run(
                "INSERT INTO corpora (corpus_id, name, paths, added_at, facts, choice) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (corpus_id) DO UPDATE SET name = excluded.name, paths = excluded.paths,"
                " added_at = excluded.added_at, facts = excluded.facts, choice = excluded.choice, removed_at = NULL",
                (corpus_id, name, msgspec.json.encode(paths), self._clock(), facts, chosen),
            )
        return self.corpus(corpus_id)

    def choose(self, corpus_id: str, choice: Choice) -> CorpusRow:
        """Keep what the owner wants of a corpus from now on.

        Raises:
            CorpusError: there is no such corpus.
        """
        with self._db.transaction():
            self.corpus(corpus_id)
            self._db.run("UPDATE corpora SET choice = ? WHERE corpus_id = ?", (msgspec.json.encode(choice), corpus_id))
        return self.corpus(corpus_id)

    def update_corpus(self, corpus_id: str, **facts: Any) -> CorpusRow:
        """Change some of the ``CorpusFacts``; the others stay.

        Raises:
            CorpusError: there is no such corpus.
            ValueError: a name or a value does not belong to ``CorpusFacts``.
        """
        unknown = set(facts) - set(CorpusFacts.__struct_fields__)
        if unknown:
            raise ValueError(f"a corpus has no {', '.join(sorted(unknown))}")
        with self._db.transaction():
            changed = msgspec.structs.replace(self.corpus(corpus_id).facts, **facts)
            raw = msgspec.json.encode(changed)
            msgspec.json.decode(raw, type=CorpusFacts)
            self._db.run("UPDATE corpora SET facts = ? WHERE corpus_id = ?", (raw, corpus_id))
        return self.corpus(corpus_id)

    def remove_corpus(self, corpus_id: str) -> None:
        """Stop offering a text. Its lineage and what it was charged stay.

        Raises:
            CorpusError: there is no such corpus.
        """
        with self._db.transaction():
            facts = msgspec.structs.replace(self.corpus(corpus_id).facts, shards=(), skipped=())
            self._db.run(
                "UPDATE corpora SET removed_at = ?, facts = ? WHERE corpus_id = ?",
                (self._clock(), msgspec.json.encode(facts), corpus_id),
            )

    def corpora(self) -> list[CorpusRow]:
        """Every corpus not removed, oldest first."""
        rows = self._db.rows(f"SELECT {_COLUMNS} FROM corpora WHERE removed_at IS NULL ORDER BY added_at, corpus_id")  # noqa: S608
        return [_corpus(row) for row in rows]

    def corpus(self, corpus_id: str) -> CorpusRow:
        """One corpus, removed ones included.

        Raises:
            CorpusError: there is no such corpus.
        """
        row = self._db.row(f"SELECT {_COLUMNS} FROM corpora WHERE corpus_id = ?", (corpus_id,))  # noqa: S608
        if row is None:
            raise CorpusError(f"There is no text with the id {corpus_id}.", "List yours with: hedgerow corpus list")
        return _corpus(row)

    def corpus_facts(self, corpus_id: str) -> CorpusFacts:
        """What the reader found in one corpus.

        Raises:
            CorpusError: there is no such corpus.
        """
        return self.corpus(corpus_id).facts

    def bind_lineage(self, corpus_id: str, digests: Iterable[str]) -> int:
        """Tie a corpus to the lineage of its documents and return that lineage.

        A corpus keeps the lineage it had; every lineage that shares one of the documents is merged into it, budgets
        and events alike. Text that was removed and added again is therefore met with what it was charged.

        Args:
            corpus_id: the corpus.
            digests: keyed digests of its documents, in hexadecimal.

        Raises:
            CorpusError: there is no such corpus.
            ValueError: a digest is not hexadecimal.
        """
        keys = sorted({bytes.fromhex(digest) for digest in digests})
        with self._db.transaction():
            own = self.corpus(corpus_id).lineage_id
            known = dict(self._known(keys))
            met = set(known.values()) | ({own} if own is not None else set())
            if met:
                lineage = self._merge(sorted(met))
            else:
                lineage = self._next_id("lineages", "lineage_id")
                self._db.run("INSERT INTO lineages (lineage_id) VALUES (?)", (lineage,))
            new = [key for key in keys if key not in known]
            if new or own is None:
                content = {"corpus": corpus_id, "lineage": lineage, "documents": len(new), "sketch": sketch(new)}
                seq = self._append("bind", content)
                for key in new:
                    self._db.run("INSERT INTO documents VALUES (?, ?, ?)", (key, lineage, seq))
            self._db.run("UPDATE corpora SET lineage_id = ? WHERE corpus_id = ?", (lineage, corpus_id))
        return lineage

    def _known(self, keys: list[bytes]) -> Iterator[tuple[bytes, int]]:
        remaining = iter(keys)
        while batch := list(islice(remaining, _BATCH)):
            marks = ", ".join("?" * len(batch))
            yield from self._db.rows(f"SELECT digest, lineage_id FROM documents WHERE digest IN ({marks})", batch)  # noqa: S608

    def _merge(self, lineages: list[int]) -> int:
        """Make several lineages one: the oldest takes documents, corpora, events, budgets and the ended mark."""
        root, *others = lineages
        for other in others:
            self._append("merge", {"into": root, "from": other})
            for unit in BUDGET_UNITS:
                limits = self._db.rows(
                    "SELECT epsilon, delta FROM budgets WHERE unit = ? AND lineage_id IN (?, ?)", (unit, root, other)
                )
                if limits:
                    epsilon, delta = merged_limits(limits)
                    self._db.run("INSERT OR REPLACE INTO budgets VALUES (?, ?, ?, ?)", (root, unit, epsilon, delta))
            self._db.run("DELETE FROM budgets WHERE lineage_id = ?", (other,))
            for table in ("documents", "corpora", "charge_lines"):
                self._db.run(f"UPDATE {table} SET lineage_id = ? WHERE lineage_id = ?", (root, other))  # noqa: S608
            self._db.run(
                "UPDATE lineages SET ended_by_none = MAX(ended_by_none,"
                " (SELECT ended_by_none FROM lineages WHERE lineage_id = ?)) WHERE lineage_id = ?",
                (other, root),
            )
            self._db.run("UPDATE lineages SET merged_into = ? WHERE lineage_id = ?", (root, other))
        return root


def sketch(digests: Iterable[bytes]) -> str:
    """One hash over sorted document digests; the entry of a binding holds it, the table holds the digests."""
    return hashlib.sha256(b"".join(sorted(digests))).hexdigest()


def _corpus(row: tuple[Any, ...]) -> CorpusRow:
    corpus_id, name, paths, lineage_id, added_at, removed_at, facts, choice = row
    return CorpusRow(
        corpus_id=corpus_id,
        name=name,
        paths=msgspec.json.decode(paths, type=tuple[str, ...]),
        lineage_id=lineage_id,
        added_at=added_at,
        removed_at=removed_at,
        facts=msgspec.json.decode(facts, type=CorpusFacts),
        choice=msgspec.json.decode(choice, type=Choice),
    )
