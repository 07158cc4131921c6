"""The ledger against a model of a few lines: charges, replays, crashes, merges, restored copies, in any order."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.ledger_kit import CORPUS, DOCUMENT, NONE, RECORD, RUN, Memory, attributes, digest, federation

from core.api.errors import BudgetExhausted, CoordinatorError, LedgerRolledBack, ReleaseMismatch
from core.ledger.budget import spent_event
from core.ledger.rows import EventSpec, Release
from core.ledger.store import Ledger
from core.privacy_filters import report

DELTA = 1e-5
SPECS = {
    "small": RECORD,
    "large": EventSpec("sampled_gaussian", 0.7, 0.05, 30, "zero-out", "record"),
    "document": DOCUMENT,
    "corpus": CORPUS,
    "none": NONE,
}
ENTERS = {
    "record": {"record"}, "document": {"record", "document"}, "corpus": {"record", "document", "corpus"}, "none": set(),
}  # fmt: skip
corpus_ids = st.sampled_from(["a", "b", "c", "d"])
documents = st.sets(st.integers(0, 9), min_size=1, max_size=3)
limits = st.sampled_from([1.0, 3.0, 8.0])


class LedgerMachine(RuleBasedStateMachine):
    """Model: a corpus is a set of documents; a lineage is what shared documents connect; charges are a list."""

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hedgerow-ledger-"))
        self.path = self.folder / "ledger.db"
        self.anchor = Memory()
        self.ledger = Ledger.open(self.path, self.anchor)
        self.ledger.save_federation(federation())
        self.groups: list[set[object]] = []
        self.corpora: set[str] = set()
        self.limits: dict[str, float] = {}
        self.charges: dict[int, tuple[list[str], EventSpec]] = {}
        self.sealed: dict[int, str] = {}
        self.newest = -1

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.ledger.close()
            shutil.rmtree(self.folder)

    def group(self, corpus_id: str) -> set[object]:
        return next(group for group in self.groups if corpus_id in group)

    @rule(corpus_id=corpus_ids, contents=documents, limit=limits)
    def read(self, corpus_id: str, contents: set[int], limit: float) -> None:
        """Add or edit a text; give it budgets where its lineage has none."""
        if corpus_id not in self.corpora:
            self.ledger.add_corpus(corpus_id, corpus_id, ["/x"])
        lineage = self.ledger.bind_lineage(corpus_id, [digest(str(n)) for n in contents])
        self.corpora.add(corpus_id)
        wanted: set[object] = {corpus_id, *contents}
        met = [group for group in self.groups if group & wanted]
        self.groups = [group for group in self.groups if group not in met] + [set().union(wanted, *met)]
        known = [self.limits[c] for c in self.group(corpus_id) if isinstance(c, str) and c in self.limits]
        if not known:
            for unit in ("record", "document", "corpus"):
                self.ledger.set_budget(corpus_id, unit, limit, DELTA)
        for member in self.group(corpus_id):
            if isinstance(member, str):
                self.limits[member] = min(known, default=limit)
                assert self.ledger.corpus(member).lineage_id == lineage

    def spent(self, corpus_id: str, unit: str) -> list[EventSpec]:
        group = self.group(corpus_id)
        return [
            spec
            for names, spec in self.charges.values()
            for name in names
            if name in group and unit in ENTERS[spec.unit]
        ]

    def epsilon(self, corpus_id: str, unit: str, extra: list[EventSpec] | None = None) -> float:
        events = [spent_event(spec, unit) for spec in [*self.spent(corpus_id, unit), *(extra or [])]]
        return report(events, DELTA).epsilon

    def begin(self, server_round: int, names: list[str]) -> Release:
        return self.ledger.begin_release("fed", RUN, server_round, attributes(*names))

    @precondition(lambda self: self.corpora)
    @rule(
        data=st.data(),
        kind=st.sampled_from(["small", "small", "small", "large", "document", "document", "corpus", "corpus", "none"]),
    )
    def charge(self, data: st.DataObject, kind: str) -> None:
        """The next round, for one or two texts: passes exactly where the model says that every budget holds it."""
        names = sorted(data.draw(st.sets(st.sampled_from(sorted(self.corpora)), min_size=1, max_size=2)))
        spec = SPECS[kind]
        self.newest += 1
        release = self.begin(self.newest, names)
        fits = all(
            self.epsilon(name, unit, [spec for other in names if other in self.group(name)]) <= self.limits[name]
            for name in names
            for unit in ENTERS[spec.unit]
        )
        lines = [(name, spec) for name in names]
        assert self.ledger.can_afford(lines) == fits
        if not fits:
            with pytest.raises(BudgetExhausted):
                self.ledger.charge(release.release_id, lines)
            return
        self.ledger.charge(release.release_id, lines)
        self.charges[self.newest] = (names, spec)

    @precondition(lambda self: self.charges)
    @rule(data=st.data(), seal=st.booleans())
    def replay(self, data: st.DataObject, seal: bool) -> None:
        """An old or new round again: the same charge, the same bytes, never another."""
        server_round = data.draw(st.sampled_from(sorted(self.charges)))
        names, spec = self.charges[server_round]
        release = self.begin(server_round, names)
        assert self.ledger.charge(release.release_id, [(name, spec) for name in reversed(names)]) == release.charge_id
        with pytest.raises(ReleaseMismatch):
            self.ledger.charge(
                release.release_id,
                [(name, EventSpec("gaussian", 9.0, 1.0, 1, "replace-one", "corpus")) for name in names],
            )
        if seal:
            sha = self.sealed.setdefault(server_round, f"{server_round:064x}")
            assert self.ledger.seal(release.release_id, sha, 1, 1, "/x").sha256 == sha
            with pytest.raises(ReleaseMismatch):
                self.ledger.seal(release.release_id, "f" * 64, 1, 1, "/x")

    @precondition(lambda self: self.newest > 0)
    @rule(data=st.data())
    def an_old_round_never_begun(self, data: st.DataObject) -> None:
        """Rounds only grow: skip one, then ask for it."""
        self.newest += 2
        self.begin(self.newest, ["a"])
        with pytest.raises(CoordinatorError):
            self.begin(self.newest - 1, ["a"])

    @rule(polite=st.booleans())
    def restart(self, polite: bool) -> None:
        """Stop or crash, then open what is on disk."""
        if polite:
            self.ledger.close()
        else:
            crashed = self.folder / "crashed"
            crashed.mkdir()
            for file in self.folder.glob("ledger.db*"):
                shutil.copy(file, crashed)
            self.ledger.close()
            for file in self.folder.glob("ledger.db*"):
                file.unlink()
            for file in crashed.glob("ledger.db*"):
                if not file.name.endswith("-shm"):
                    shutil.move(file, self.folder)
            shutil.rmtree(crashed)
        self.ledger = Ledger.open(self.path, self.anchor)

    @precondition(lambda self: self.charges)
    @rule()
    def restore_an_old_copy(self) -> None:
        """A copy from before the last charge is noticed; nothing is spent; the true file then goes on."""
        self.newest += 1
        corpus_id = sorted(self.corpora)[0]
        old = self.folder / "old.db"
        with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(old)) as target:
            source.backup(target)
        release = self.begin(self.newest, [corpus_id])
        self.ledger.charge(release.release_id, [(corpus_id, NONE)])
        self.charges[self.newest] = ([corpus_id], NONE)
        with Ledger.open(old, self.anchor) as restored:
            assert restored.rolled_back
            stale = restored.begin_release("fed", RUN, self.newest, attributes(corpus_id))
            with pytest.raises(LedgerRolledBack):
                restored.charge(stale.release_id, [(corpus_id, NONE)])
        for file in self.folder.glob("old.db*"):
            file.unlink()

    @rule(corpus_id=corpus_ids)
    def remove(self, corpus_id: str) -> None:
        """Removing refunds nothing; the id comes back with its lineage."""
        if corpus_id in self.corpora:
            self.ledger.remove_corpus(corpus_id)
            self.ledger.add_corpus(corpus_id, corpus_id, ["/y"])

    @invariant()
    def it_equals_the_model(self) -> None:
        if not hasattr(self, "ledger"):
            return
        assert not self.ledger.rolled_back
        assert self.ledger.damage == []
        rows = self.ledger.budgets()
        assert {row.corpus_id for row in rows} == self.corpora
        for row in rows:
            assert row.epsilon == pytest.approx(self.epsilon(row.corpus_id, row.unit), rel=1e-12)
            assert row.limit == self.limits[row.corpus_id]
            ended = any(
                spec.unit == "none" and set(names) & self.group(row.corpus_id) for names, spec in self.charges.values()
            )
            assert row.ended_by_none == ended
        assert self.ledger.verify_chain() == []


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
