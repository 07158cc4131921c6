"""One key, one release: rounds only grow, attributes must match, sealed bytes never change."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from support.ledger_kit import RUN, attributes, begin, charge, federation, prepared, seal

from core.api.errors import CoordinatorError, PrivacyError, ReleaseMismatch, UsageError
from core.ledger import schema
from core.ledger.database import Database
from core.ledger.store import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    now = [1_000.0]

    def clock() -> float:
        now[0] += 1
        return now[0]

    return prepared(tmp_path / "ledger.db", clock=clock)


def test_a_federation_comes_back_byte_for_byte(ledger: Ledger) -> None:
    row = federation("other", plans={"c1": {"sigma": 1.5}}, joined_at=5.0)
    ledger.save_federation(row)
    assert ledger.federation("other") == row
    assert [f.federation_id for f in ledger.federations()] == ["fed", "other"]
    with pytest.raises(UsageError, match="never joined"):
        ledger.federation("missing")


def test_the_newest_round_never_goes_down(ledger: Ledger) -> None:
    begin(ledger, 7)
    ledger.save_federation(federation(high_water_round=2, name="Renamed"))
    assert ledger.federation("fed").high_water_round == 7
    assert ledger.federation("fed").name == "Renamed"
    with pytest.raises(CoordinatorError, match="asked for round 6 after round 7"):
        begin(ledger, 6)


def test_the_same_round_is_the_same_release_even_when_old(ledger: Ledger) -> None:
    first = begin(ledger, 1)
    begin(ledger, 2)
    assert begin(ledger, 1) == first


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (attributes("c1", base="d"), "other base weights"),
        (attributes("c1", "c2"), "other text"),
        (attributes("c1").__class__("b" * 64, "blocks 0-3", ("c1",), "f" * 64), "another shard"),
        (attributes("c1").__class__("b" * 64, "full", ("c1",), "0" * 64), "other terms"),
    ],
)
def test_another_question_for_one_round_is_refused(ledger: Ledger, changed: object, words: str) -> None:
    begin(ledger, 1)
    with pytest.raises(ReleaseMismatch, match=f"Round 1 was already begun with {words}"):
        ledger.begin_release("fed", RUN, 1, changed)  # type: ignore[arg-type]


def test_strange_rounds_are_refused(ledger: Ledger) -> None:
    with pytest.raises(CoordinatorError, match="another run than the one you agreed to"):
        ledger.begin_release("fed", "cd" * 16, 1, attributes())
    with pytest.raises(UsageError, match="never joined"):
        ledger.begin_release("other", RUN, 1, attributes())
    with pytest.raises(ValueError, match="negative"):
        ledger.begin_release("fed", RUN, -1, attributes())
    assert ledger.open_releases() == []


def test_sealed_bytes_never_change(ledger: Ledger) -> None:
    release = seal(ledger, 0)
    assert (release.state, release.sha256, release.size_bytes, release.unit) == ("sealed", f"{0:064x}", 1_000, "record")
    assert seal(ledger, 0) == release
    with pytest.raises(ReleaseMismatch, match="already has a sealed update"):
        ledger.seal(release.release_id, "f" * 64, 1, 1, "/x")
    ledger.drop_sealed_bytes(release.release_id)
    assert ledger.release(release.release_id).path == ""


def test_nothing_uncharged_is_sealed_and_nothing_unsealed_is_sent(ledger: Ledger) -> None:
    release = begin(ledger, 0)
    with pytest.raises(PrivacyError, match="Round 0 was not charged"):
        ledger.seal(release.release_id, "a" * 64, 1, 1, "/x")
    for state in ("sealed", "uploading", "sent", "accepted"):
        with pytest.raises(ValueError, match="was not sealed"):
            ledger.mark(release.release_id, state)  # type: ignore[arg-type]


def test_states_and_their_times(ledger: Ledger) -> None:
    number = begin(ledger, 0).release_id
    assert ledger.mark(number, "training").state == "training"
    charge(ledger, 0)
    ledger.seal(number, "a" * 64, 10, 40, "/x")
    with pytest.raises(ValueError, match="was sealed and cannot become training"):
        ledger.mark(number, "training")
    ledger.mark(number, "uploading")
    sent = ledger.mark(number, "sent")
    assert sent.sent_at is not None
    assert ledger.mark(number, "sent").sent_at == sent.sent_at
    done = ledger.mark(number, "accepted", reason="receipt")
    assert (done.reason, done.sent_at) == ("receipt", sent.sent_at)
    assert done.finished_at is not None
    for state in ("uploading", "refused", "abandoned"):
        with pytest.raises(ValueError, match="is accepted and cannot become"):
            ledger.mark(number, state)  # type: ignore[arg-type]
    assert ledger.mark(number, "accepted") == done


def test_a_late_update_may_still_be_folded_in(ledger: Ledger) -> None:
    number = seal(ledger, 0).release_id
    ledger.mark(number, "late")
    assert ledger.mark(number, "accepted").state == "accepted"


def test_what_is_open_and_what_left(ledger: Ledger) -> None:
    first, second = seal(ledger, 0), seal(ledger, 1)
    begin(ledger, 2)
    ledger.mark(first.release_id, "accepted")
    ledger.mark(second.release_id, "abandoned")
    assert [release.server_round for release in ledger.open_releases()] == [2]
    assert [release.server_round for release in ledger.uploads()] == [0]
    assert ledger.uploads(limit=0) == []
    with pytest.raises(UsageError, match="no upload with the number 99"):
        ledger.release(99)


def test_the_upload_session_is_kept(ledger: Ledger) -> None:
    number = begin(ledger, 0).release_id
    assert ledger.transport(number) is None
    ledger.set_transport(number, {"objects": ["a"], "sent": 3})
    assert ledger.transport(number) == {"objects": ["a"], "sent": 3}
    with pytest.raises(UsageError):
        ledger.set_transport(99, {})
    assert ledger.transport(99) is None


def test_leaving_forgets_the_invite_and_keeps_the_charges(ledger: Ledger) -> None:
    charge(ledger, 0)
    ledger.leave_federation("fed")
    ledger.leave_federation("fed")
    row = ledger.federation("fed")
    assert row.invite == ""
    assert row.left_at is not None
    assert ledger.open_releases() == []
    assert ledger.budgets()[0].releases == 1
    with pytest.raises(CoordinatorError, match="You left"):
        begin(ledger, 1)


def test_a_weight_is_kept_whatever_else_changes_and_forgotten_when_leaving(tmp_path: Path) -> None:
    with prepared(tmp_path / "ledger.db") as ledger:
        ledger.save_federation(federation("other"))
        assert ledger.weights() == {"fed": 1.0, "other": 1.0}
        ledger.set_weight("fed", 0.25)
        ledger.set_weight("other", 0)
        ledger.save_federation(federation("fed", name="Renamed"))
    with Ledger.open(tmp_path / "ledger.db", None) as ledger:
        assert ledger.weights() == {"fed": 0.25, "other": 0.0}
        ledger.leave_federation("fed")
        assert ledger.weights() == {"other": 0.0}
        with pytest.raises(UsageError, match="in no such federation"):
            ledger.set_weight("fed", 1.0)
        ledger.save_federation(federation("fed"))
        assert ledger.weights() == {"fed": 1.0, "other": 0.0}


@pytest.mark.parametrize("weight", [-1e-9, 100.1, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_refused(ledger: Ledger, weight: float) -> None:
    with pytest.raises(ValueError, match="weight"):
        ledger.set_weight("fed", weight)
    assert ledger.weights() == {"fed": 1.0}


def test_a_ledger_of_before_weights_keeps_every_federation(tmp_path: Path) -> None:
    path, row = tmp_path / "ledger.db", federation("fed", joined_at=5.0)
    old = Database(path)
    schema.prepare(old, schema.MIGRATIONS[:2])
    old.run("INSERT INTO federations VALUES (?, ?, ?, ?, ?)", ("fed", 5.0, None, 7, msgspec.json.encode(row)))
    old.close()
    with Ledger.open(path, None) as ledger:
        assert ledger.federations() == [msgspec.structs.replace(row, high_water_round=7)]
        assert ledger.weights() == {"fed": 1.0}
        ledger.set_weight("fed", 3.0)
    with Ledger.open(tmp_path / "ledger.db.version-2", None) as kept:
        assert kept.weights() == {"fed": 1.0}, "the copy beside it is as it was, and opens"


def test_updates_that_were_refused_are_known_by_their_hash(ledger: Ledger) -> None:
    for number, state in enumerate(("accepted", "refused", "abandoned", "late", "refused"), start=1):
        release = seal(ledger, number)
        if number != 3:
            ledger.mark(release.release_id, "sent")
        ledger.mark(release.release_id, state)  # type: ignore[arg-type]
    begin(ledger, 6)
    assert ledger.refused("fed") == (f"{5:064x}", f"{2:064x}")
    assert ledger.refused("fed", limit=1) == (f"{5:064x}",)
    assert ledger.refused("other") == ()
