"""The ledger under kills, full disks and restored files. Every test fails if its fault did not fire."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from support.ledger_kit import Memory, charge, prepared

from core.api.errors import LedgerRolledBack, StorageError
from core.ledger.store import Ledger

KILLS = 300 if os.environ.get("HEDGEROW_CAMPAIGN") else 20
WRITER = """
    import os, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[3])
    from support.ledger_kit import Memory, charge, prepared
    from core.ledger.store import Ledger

    class InAFile(Memory):
        path = Path(sys.argv[1] + ".head")
        def read(self):
            return self.path.read_bytes() if self.path.exists() else None
        def write(self, head):
            part = self.path.with_suffix(f".{os.getpid()}.part")
            part.write_bytes(head)
            os.replace(part, self.path)

    ledger = Ledger.open(sys.argv[1], InAFile())
    assert not ledger.rolled_back and not ledger.damage, (ledger.rolled_back, ledger.damage)
    number = int(sys.argv[2])
    while True:
        number += 1
        print(number, charge(ledger, number), flush=True)
"""
TESTS = str(Path(__file__).parents[1])


def _start(path: Path, after: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(path), str(after), TESTS],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def _charged(path: Path) -> list[tuple[int, int]]:
    """(round, charge) straight from the file, so that no code of ours can hide one."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(
            "SELECT r.server_round, c.charge_id FROM charges c JOIN releases r USING (release_id) ORDER BY 2"
        ).fetchall()


def test_no_acknowledged_charge_is_lost_by_kills(tmp_path: Path) -> None:
    path, dice = tmp_path / "ledger.db", random.Random(7)
    prepared(path, epsilon=1e6).close()
    acknowledged: dict[int, int] = {}
    fired = 0
    for _ in range(KILLS):
        process = _start(path, max(acknowledged, default=0) + 1)
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(dice.uniform(0.0, 0.05))
        process.send_signal(signal.SIGKILL)
        out, err = process.communicate(timeout=20)
        assert process.returncode == -signal.SIGKILL, err
        fired += 1
        lines = [line for line in (first + out).splitlines(keepends=True) if line.endswith("\n")]
        assert lines, err
        acknowledged.update((int(a), int(b)) for a, b in (line.split() for line in lines))
        assert set(acknowledged.items()) <= set(_charged(path))
    assert fired == KILLS
    with Ledger.open(path, None) as ledger:
        assert ledger.verify_chain() == []
        rounds = [number for number, _ in _charged(path)]
        assert len(rounds) == len(set(rounds)) >= KILLS, "one charge per release"
        assert ledger.budgets()[0].releases == len(rounds)


def test_two_processes_write_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    prepared(path, epsilon=1e6).close()
    processes = [_start(path, 0), _start(path, 0)]
    giving_up = threading.Timer(60.0, lambda: [process.kill() for process in processes])
    giving_up.start()
    heard = []
    try:
        for process in processes:
            assert process.stdout is not None
            heard.append([process.stdout.readline() for _ in range(6)])
    finally:
        giving_up.cancel()
        for process in processes:
            process.kill()
    for process, lines in zip(processes, heard, strict=True):
        _, err = process.communicate(timeout=20)
        assert all(lines), f"both must have written: {err}"
    with Ledger.open(path, None) as ledger:
        assert ledger.verify_chain() == []
    rounds = [number for number, _ in _charged(path)]
    assert len(rounds) == len(set(rounds))


FULL = """
    import resource, signal, sys
    sys.path.insert(0, sys.argv[2])
    from core.api.errors import StorageError
    from core.ledger.store import Ledger
    from support.ledger_kit import charge
    ledger = Ledger.open(sys.argv[1], None)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    import os
    limit = os.path.getsize(sys.argv[1] + "-wal") + 30_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    number = 0
    try:
        while number < 5_000:
            number += 1
            charge(ledger, number)
            print(number, flush=True)
    except StorageError as error:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        charge(ledger, number)
        print(number, flush=True)
        print("refused:", error.message, flush=True)
"""


def test_a_disk_that_refuses_loses_nothing_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    prepared(path, epsilon=1e6).close()
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FULL), str(path), TESTS], capture_output=True, text=True, timeout=60
    )
    *numbers, verdict = process.stdout.splitlines()
    assert verdict.startswith("refused: The disk refused"), process.stderr
    assert [number for number, _ in _charged(path)] == [int(number) for number in numbers]
    with Ledger.open(path, None) as ledger:
        assert ledger.verify_chain() == []


def test_a_full_disk_is_named_and_nothing_is_half_written(tmp_path: Path) -> None:
    """SQLite itself says the disk is full: its page limit is reached in the middle of a charge."""
    ledger = prepared(tmp_path / "ledger.db", epsilon=1e6)
    pages = ledger._db.rows("PRAGMA page_count")[0][0]
    ledger._db.rows(f"PRAGMA max_page_count = {pages + 2}")
    number, before = 0, (ledger.head(), ledger.budgets())

    def fill() -> None:
        nonlocal number, before
        while number < 5_000:
            number += 1
            before = (ledger.head(), ledger.budgets())
            charge(ledger, number)

    with pytest.raises(StorageError, match="The disk is full") as raised:
        fill()
    assert "Free some space" in raised.value.hint
    assert (ledger.head(), ledger.budgets()) == before
    assert ledger.verify_chain() == []
    ledger._db.rows("PRAGMA max_page_count = 1000000")
    charge(ledger, number)
    assert ledger.budgets()[0].releases == number


def test_a_restored_database_is_noticed_across_a_kill(tmp_path: Path) -> None:
    """Backup, spend, kill, restore the backup: the head outside outlives it."""
    path, anchor = tmp_path / "ledger.db", Memory()
    with prepared(path, anchor) as ledger:
        charge(ledger, 0)
    backup = path.read_bytes()
    process = _start(path, 1)
    (tmp_path / "ledger.db.head").write_bytes(anchor.head or b"")
    assert process.stdout is not None
    assert process.stdout.readline()
    process.kill()
    process.communicate(timeout=20)
    for file in tmp_path.glob("ledger.db-*"):
        file.unlink()
    path.write_bytes(backup)
    restored = Ledger.open(path, Memory((tmp_path / "ledger.db.head").read_bytes()))
    assert restored.rolled_back
    with pytest.raises(LedgerRolledBack):
        charge(restored, 5)
