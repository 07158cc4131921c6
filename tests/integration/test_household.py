"""Two machines of one household in a larger federation: one member, one update a round, two budgets."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from support.live_federation import BASE_ENV, Household, end_tree, federation, wait_for
from support.slow_link import SlowLink

from core.coordinator.home import Federation

pytestmark = pytest.mark.slow
TERMS = {
    "name": "Moor", "privacy": "record", "rounds": 2, "cohort": 1, "local_steps": 2, "batch_size": 4, "seq_len": 32,
    "deadline": "3m",
}  # fmt: skip


def write_text(folder: Path, word: str) -> Path:
    folder.mkdir()
    (folder / "notes.md").write_text(f"The {word} stands between the fields, and what grows in it is counted.\n" * 400)
    return folder


@pytest.mark.campaign
def test_a_household_is_one_volunteer_and_survives_its_own_death(tmp_path: Path) -> None:
    with federation(tmp_path, volunteers=2, **TERMS) as (larger, people, _):
        larger.start()
        link = SlowLink()
        home = Household(tmp_path / "household", link, larger.invite())
        try:
            home.start()
            invite = home.invite(uses=2)
            for number, one in enumerate(people):
                one.start()
                corpus = one.add_text(write_text(tmp_path / f"text{number}", f"hedge{number}"))
                joined = one.join(invite, corpus)
                assert joined.name == "Moor at home"
                assert joined.manifest.forwards_to == "Moor"
                one.call("start")
            wait_for(lambda: home.find("errand"), 60, "the first errand")
            assert home.process is not None
            end_tree(home.process.pid)  # everything of the household's, in the middle of a round
            home.process.wait(10)
            home.start()
            wait_for(lambda: len(larger.closed_rounds()) == 2, 240, "both rounds of the larger federation")
            assert [row["volunteers"] for row in larger.closed_rounds()] == [1, 1]
            finished = wait_for(lambda: home.find("finished"), 60, "the end of the household")
            assert finished["forwards_to"] == "Moor"
            homes = [row["volunteers"] for row in finished["rounds"]]
            assert len(homes) == 2
            assert set(homes) <= {1, 2}, "a machine that was not back in time misses a round, and no more"
            assert [e["state"] for e in home.events if e.get("event") == "forwarded"][-1] == "accepted"
            assert home.process.wait(30) == 0

            def taken() -> int:
                return sum(u.state == "accepted" for one in people for u in one.status().uploads)

            wait_for(lambda: taken() == sum(homes), 60, "receipts")
            for one in people:
                if one.status().uploads:
                    (budget,) = one.status().privacy
                    assert 0 < budget.epsilon <= budget.limit, "each machine charged its own text"
        finally:
            home.stop()
            link.close()
        with sqlite3.connect(f"file:{tmp_path / 'household' / 'coordinator.db'}?mode=ro", uri=True) as db:
            rows = db.execute("SELECT machines, steps FROM means ORDER BY server_round").fetchall()
        assert rows == [(count, 2) for count in homes]
        moved = Federation(larger.directory).store().checkpoints()
        assert len({item.sha256 for item in moved}) == 3


def test_terms_are_shown_and_a_no_or_a_wrong_folder_leaves_nothing(tmp_path: Path) -> None:
    with federation(tmp_path, volunteers=0, **TERMS) as (larger, _, _):
        larger.start()
        command = [sys.executable, "-m", "core.coordinator", "run"]
        home = tmp_path / "household"

        def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [*command, str(folder), *options], env=BASE_ENV, capture_output=True, text=True, timeout=60,
                stdin=subprocess.DEVNULL, check=False,
            )  # fmt: skip

        asked = run(home, "--forward", larger.invite())
        assert asked.returncode == 2
        assert "Moor, run by" in asked.stderr
        assert "is asked for consent by itself" in asked.stderr
        assert "add --yes" in asked.stderr
        assert not home.exists()
        theirs = run(larger.directory, "--forward", larger.invite(), "--yes")
        assert theirs.returncode == 2
        assert "holds a federation of its own" in theirs.stderr
