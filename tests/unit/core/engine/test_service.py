"""The engine as a process of its own: how it starts, answers, refuses and ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.api import preview
from core.api.client import EngineClient, engine_paths
from core.api.errors import CorpusError, EngineError, InviteError, StorageError, UsageError
from core.api.messages.base import Message
from core.api.messages.corpora import ChangeParams, CorpusInfo, CorpusParams, PathsParams
from core.api.messages.federations import FederationParams, InviteParams, ShareParams
from core.api.messages.given import HistoryParams
from core.api.messages.machine import HardwareParams, LimitsParams
from core.api.messages.privacy import ExportParams
from core.api.messages.state import Snapshot, SnoozeParams
from core.api.messages.uploads import UploadParams
from core.engine.config_store import ConfigStore
from core.engine.keystore import open_keystore
from core.ledger.entries import Head


class Running:
    """One engine process and a client."""

    def __init__(self, home: Path, secret: str = "correct horse battery staple") -> None:
        self.home = home
        file = home.parent / f"{home.name}.secret"
        file.touch(mode=0o600)
        file.write_text(secret)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("FLWR_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "core.engine", "--home", str(home)],
            env={**environment, "HEDGEROW_PASSPHRASE_FILE": str(file)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.client = EngineClient(home)

    def ready(self) -> Running:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        assert json.loads(line) == {"ready": True, "socket": str(engine_paths(self.home).socket)}
        self.client.connect(10)
        return self

    def call(self, method: str, params: Message | None = None) -> Any:
        return self.client.call(method, params)

    def status(self) -> Snapshot:
        found = self.call("status")
        assert isinstance(found, Snapshot)
        return found

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        self.client.close()
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=15)
        return self.process.returncode, err + out


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Running]:
    one = Running(tmp_path / "home").ready()
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.end(signal.SIGKILL)


def test_it_starts_private_answers_and_ends_cleanly(engine: Running) -> None:
    status = engine.status()
    assert status.state == "not_joined"
    assert status.why.text
    assert status.engine.pid == engine.process.pid
    assert status.engine.keystore == "passphrase file"
    for path in (engine.home, engine.home / "run", engine.home / "store"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for path in (engine.home / "ledger.db", engine.home / "run" / "engine.sock", engine.home / "run" / "engine.token"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    family = psutil.Process(engine.process.pid).children(recursive=True)
    assert engine.end() == (0, "")
    assert not (engine.home / "run" / "engine.sock").exists()
    assert not [one for one in family if one.is_running()]


def test_a_second_engine_is_told_in_one_sentence(engine: Running) -> None:
    second = Running(engine.home)
    _, err = second.process.communicate(timeout=30)
    assert second.process.returncode == 1
    assert err == (
        f"Another engine is already running on {engine.home} (process {engine.process.pid}). "
        "Use that one, or quit it first.\n"
    )
    assert engine.status().state == "not_joined"


def test_after_sigkill_it_starts_again(engine: Running) -> None:
    engine.call("limits.set", LimitsParams(key="cpu_threads", value="1"))
    engine.end(signal.SIGKILL)
    again = Running(engine.home).ready()
    try:
        assert again.call("limits.show").values["cpu_threads"] == "1"
    finally:
        again.end()


def test_a_wrong_passphrase_is_one_sentence(engine: Running) -> None:
    assert engine.end()[0] == 0
    other = Running(engine.home, "wrong")
    _, err = other.process.communicate(timeout=30)
    assert other.process.returncode == 1
    assert err.count("\n") == 1
    assert "passphrase" in err
    assert "Traceback" not in err


def test_a_lost_store_key_is_never_replaced(engine: Running) -> None:
    assert engine.end()[0] == 0
    (engine.home / "keystore.enc").unlink()
    before = (engine.home / "ledger.db").read_bytes()
    again = Running(engine.home)
    _, err = again.process.communicate(timeout=30)
    assert again.process.returncode == 1
    assert err.startswith(f"The key of {engine.home} is not in the passphrase file.")
    assert (engine.home / "ledger.db").read_bytes() == before


def test_it_is_small_and_loads_nothing_heavy(engine: Running) -> None:
    maps = Path(f"/proc/{engine.process.pid}/maps").read_text()
    assert "libtorch" not in maps
    assert "/scipy/" not in maps
    pss = psutil.Process(engine.process.pid).memory_full_info().pss
    assert pss <= 80 << 20


def test_it_sleeps_when_there_is_nothing_to_do(engine: Running) -> None:
    process = psutil.Process(engine.process.pid)
    time.sleep(0.5)
    before, cpu = process.num_ctx_switches().voluntary, sum(process.cpu_times()[:2])
    time.sleep(4)
    switches = process.num_ctx_switches().voluntary - before
    assert switches <= 8, "at most two wake-ups a second"
    assert sum(process.cpu_times()[:2]) - cpu <= 0.1


def test_pause_snooze_and_resume_survive_a_restart(engine: Running) -> None:
    engine.call("snooze", SnoozeParams(seconds=3_600.0))
    engine.end()
    again = Running(engine.home).ready()
    try:
        presence = ConfigStore(engine.home / "config.toml").presence
        assert presence.snoozed_until > time.time() + 3_000
        again.call("pause")
        assert ConfigStore(engine.home / "config.toml").presence.paused
        again.call("resume")
        assert not ConfigStore(engine.home / "config.toml").presence.paused
        with pytest.raises(UsageError, match="snooze lasts"):
            again.call("snooze", SnoozeParams(seconds=-1.0))
    finally:
        again.end()


def test_wrong_requests_get_a_sentence_and_leave_the_engine_well(engine: Running) -> None:
    for method, params, kind, sentence in (
        ("corpus.add", PathsParams(paths=["/nowhere/x"]), CorpusError, "/nowhere/x is not there"),
        ("corpus.inspect", CorpusParams(corpus_id="zz"), CorpusError, "no text with the id 'zz'"),
        ("corpus.remove", CorpusParams(corpus_id="zz"), CorpusError, "no text with the id"),
        ("invite.inspect", InviteParams(invite="https://example.org"), InviteError, "not a Hedgerow invite"),
        ("federation.terms", InviteParams(invite="hedgerow://join?v=1&n=x"), InviteError, "cut"),
        ("federation.leave", FederationParams(federation_id="f"), UsageError, "in no such federation"),
        ("federation.share", ShareParams(federation_id="f", weight=1.0), UsageError, "in no such federation"),
        ("federation.share", ShareParams(federation_id="f", weight=-0.1), UsageError, "between 0 and 100"),
        ("federation.share", ShareParams(federation_id="f", weight=1e300), UsageError, "between 0 and 100"),
        ("federation.share", ShareParams(federation_id="f", weight=float("nan")), EngineError, "do not fit"),
        ("federation.share", ShareParams(federation_id="f" * 9_000, weight=0.0), UsageError, "in no such federation"),
        ("uploads.inspect", UploadParams(upload_id="../x"), UsageError, "no upload"),
        ("uploads.inspect", UploadParams(upload_id="77"), UsageError, "no upload"),
        ("limits.set", LimitsParams(key="cpu_threads", value="lots"), UsageError, "cannot be 'lots'"),
    ):
        with pytest.raises(kind, match=sentence):
            engine.call(method, params)
    assert engine.status().corpora == []
    assert engine.call("corpus.list").corpora == []
    assert engine.call("uploads.list").uploads == []
    assert engine.call("privacy").budgets == []
    assert engine.call("history", HistoryParams()).rows == []
    assert engine.call("hardware", HardwareParams()).cpu_threads >= 1
    exported = engine.home.parent / "ledger.json"
    assert str(exported) in engine.call("privacy.export", ExportParams(path=str(exported))).detail
    assert [entry["kind"] for entry in json.loads(exported.read_text())["entries"]] == ["open"]
    with pytest.raises(StorageError, match="exists already"):
        engine.call("privacy.export", ExportParams(path=str(exported), report=True))
    with pytest.raises(UsageError, match="whole path"):
        engine.call("privacy.export", ExportParams(path="ledger.txt", report=True))
    checks = {check.name: check for check in engine.call("doctor").checks}
    assert checks["ledger"].ok
    assert checks["keystore"].ok
    assert all(check.detail for check in checks.values())


def test_a_damaged_settings_file_is_named_and_the_ledger_untouched(engine: Running) -> None:
    engine.end()
    (engine.home / "config.toml").write_text("limits = 7")
    again = Running(engine.home).ready()
    try:
        status = again.status()
        assert "config.toml is damaged" in status.why.text
        assert status.state == "problem"
        again.call("resume")
        assert again.status().state == "not_joined"
    finally:
        again.end()


def test_a_rolled_back_ledger_stops_spending_and_says_so(engine: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.end()
    monkeypatch.setenv("HEDGEROW_PASSPHRASE_FILE", str(engine.home.parent / "home.secret"))
    # A head in the keystore that is ahead of the file is what a restored backup looks like.
    open_keystore(engine.home).set("ledger-head", Head(999, bytes(32)).encode())
    again = Running(engine.home).ready()
    try:
        status = again.status()
        assert status.state == "problem"
        assert "older than it was" in status.why.text
        assert not {c.name: c for c in again.call("doctor").checks}["ledger"].ok
    finally:
        again.end()


def test_a_window_without_an_engine_is_told(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="No engine is running"):
        EngineClient(tmp_path).connect(1)


def test_a_home_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = subprocess.run(
        [sys.executable, "-m", "core.engine", "--home", str(tmp_path / "file" / "x")],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "cannot be used: Not a directory" in done.stderr
    assert done.stderr.count("\n") == 1


def test_shutdown_on_request(engine: Running) -> None:
    engine.call("shutdown")
    assert engine.process.wait(10) == 0


def test_text_is_chosen_changed_refreshed_and_previewed(engine: Running, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.mkdir()
    for number in range(3):
        (text / f"{number}.txt").write_text(f"Along lane {number} the hedge holds {number} nests and a wren. " * 40)

    def settled(corpus_id: str) -> CorpusInfo:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            found: CorpusInfo = engine.call("corpus.inspect", CorpusParams(corpus_id=corpus_id))
            if found.state != "reading" and not found.refreshing:
                return found
            time.sleep(0.05)
        raise AssertionError("it is still read")

    added = engine.call("corpus.add", PathsParams(paths=[str(text)], exclude=["2.txt"], weight=2.0))
    one = CorpusParams(corpus_id=added.corpus_id)
    found = settled(one.corpus_id)
    assert (found.state, found.documents, found.weight) == ("ready", 2, 2.0)
    assert engine.call("corpus.change", ChangeParams(corpus_id=one.corpus_id, exclude=[])).state == "reading"
    assert settled(one.corpus_id).documents == 3
    (text / "0.txt").unlink()
    assert engine.call("corpus.refresh", one).state == "ready"
    assert settled(one.corpus_id).documents == 2
    ticket = engine.call("corpus.preview", one)
    done = subprocess.run(preview.command(ticket), capture_output=True, timeout=60, check=True)
    assert preview.read(done.stdout).text.startswith("Along lane 1 the hedge")
    assert engine.call("corpus.cancel", one).state == "ready"
    with pytest.raises(CorpusError, match="no text with the id"):
        engine.call("corpus.preview", CorpusParams(corpus_id="zz"))


def test_co2_is_shown_only_where_the_owner_said_how_clean_the_grid_is(engine: Running) -> None:
    assert engine.call("history", HistoryParams()).footprint.co2_g is None
    engine.call("limits.set", LimitsParams(key="grid_g_per_kwh", value="380"))
    found = engine.call("history", HistoryParams()).footprint
    assert (found.co2_g, found.data_centre_co2_g) == (0.0, 0.0)
