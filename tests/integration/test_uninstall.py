"""Everything that a person can have Hedgerow write is written, then uninstalled: what is left is what they keep."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest


class User:
    """A person with a home of their own, and nothing of this machine's."""

    def __init__(self, home: Path, repository: Path) -> None:
        self.home = home
        passphrase = home / "passphrase"
        passphrase.write_text("correct horse battery staple\n")
        passphrase.chmod(0o600)
        self.environment = {
            "HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": str(repository),
            "HEDGEROW_PASSPHRASE_FILE": str(passphrase), "XDG_RUNTIME_DIR": str(home / "none"),
            "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8",
        }  # fmt: skip
        self.data = home / ".local" / "share" / "hedgerow"

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "app", *words]
        return subprocess.run(
            command, env=self.environment, cwd="/", capture_output=True, text=True, timeout=120, check=False
        )

    def do(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, f"{words}: {done.stdout}\n{done.stderr}"
        return done.stderr

    def files(self) -> set[str]:
        return {str(path.relative_to(self.home)) for path in self.home.rglob("*") if not path.is_dir()}

    def use(self) -> None:
        """Use all of it."""
        (self.home / "diary.txt").write_text("Dear diary, nothing happened today.\n" * 200)
        self.do("corpus", "add", str(self.home / "diary.txt"))
        self.do("limits", "set", "duty_cycle=0.5")
        for words in (("desktop", "install"), ("autostart", "on"), ("service", "install")):
            self.do(*words)
        (self.data / "window.ini").write_text("[General]\ntheme=dark\n")
        runtime = self.home / ".local" / "share" / "hedgerow-runtime" / "old-cpu-1"
        for folder in (runtime, self.home / ".cache" / "hedgerow", self.home / ".local" / "state" / "hedgerow"):
            folder.mkdir(parents=True)
            (folder / "something").write_text("x")
        (self.data / "demo-model-1").mkdir()
        (self.data / "demo-model-1" / "config.json").write_text("{}")


@pytest.fixture
def user(tmp_path: Path, repository: Path) -> User:
    return User(tmp_path, repository)


@pytest.mark.slow
def test_nothing_is_left_but_what_was_there(user: User) -> None:
    user.use()
    assert len(user.files()) > 15
    said = user.do("uninstall", "--yes")
    assert user.files() == {"passphrase", "diary.txt"}
    for part in (".config/autostart", ".config/systemd", ".local/share/applications", "hedgerow-runtime"):
        assert part in said, "it says what went"
    assert "Your own files" in said
    folders = [str(path.relative_to(user.home)) for path in user.home.rglob("*hedgerow*")]
    assert folders == []
    again = user.run("uninstall", "--yes")
    assert again.returncode == 1
    assert "There is nothing" in again.stderr


@pytest.mark.slow
def test_models_and_the_ledgers_export_stay_where_they_are_wanted(user: User) -> None:
    user.use()
    said = user.do("uninstall", "--yes", "--keep", "models", "--keep", "ledger")
    home = ".local/share/hedgerow"
    assert user.files() == {
        "passphrase", "diary.txt", f"{home}/demo-model-1/config.json", f"{home}/ledger-export.json",
    }  # fmt: skip
    assert json.loads((user.data / "ledger-export.json").read_text())
    assert f"Kept {user.data / 'ledger-export.json'}" in said


def test_what_can_be_kept_is_named(user: User) -> None:
    wrong = user.run("uninstall", "--keep", "everything")
    assert wrong.returncode == 2
    assert "is not models or ledger" in wrong.stderr


@pytest.mark.slow
def test_a_ledger_that_cannot_be_exported_stops_all_of_it(user: User) -> None:
    user.use()
    user.do("pause")
    before = user.files()
    (user.home / "passphrase").chmod(0o644)  # no engine starts with that, and the one that runs is ended
    pid = int((user.data / "engine.pid").read_text())
    os.kill(pid, 15)
    end = time.monotonic() + 30
    while (user.data / "engine.pid").exists() and time.monotonic() < end:
        time.sleep(0.05)
    refused = user.run("uninstall", "--yes", "--keep", "ledger")
    assert refused.returncode == 1
    assert "so nothing was removed" in refused.stderr
    assert (user.data / "ledger.db").exists()
    assert {path for path in before if "demo-model" in path} <= user.files()
