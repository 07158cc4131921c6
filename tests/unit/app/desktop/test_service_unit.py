"""The engine as a systemd user service: a unit that systemd accepts, and a word where no systemd answers."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from app import cli
from app.desktop import service_unit


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user whose systemd does not answer."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("HEDGEROW_HOME", str(tmp_path / "a home, 100% mine"))
    return tmp_path


def test_the_unit_is_one_that_systemd_accepts(user: Path) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed")
    service_unit.install(user / "a home, 100% mine")
    (user / "run").mkdir()
    environment = os.environ | {"XDG_RUNTIME_DIR": str(user / "run")}
    command = [tool, "verify", "--user", "--man=no", str(service_unit.path())]
    said = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert said.returncode == 0, said.stderr
    assert service_unit.NAME not in said.stderr


def test_what_stands_in_it(user: Path) -> None:
    text = service_unit.text(Path('/a "home"/100%/$X'))
    (line,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    assert line.endswith('--home "/a \\"home\\"/100%%/$$X" engine')
    assert "Restart=on-failure" in text
    assert f"LoadCredential={service_unit.CREDENTIAL}:" in text
    for narrowing in ("PrivateNetwork", "IPAddressDeny", "RestrictNamespaces", "SystemCallFilter", "ProtectHome"):
        assert narrowing not in text, "the engine's children lock themselves down and need this for it"


def test_without_a_systemd_it_says_so(user: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["service", "status"]) == 0
    assert "There is no service" in capsys.readouterr().err
    assert cli.main(["service", "install"]) == 0
    said = capsys.readouterr().err
    assert "No systemd of this user answers here" in said
    assert service_unit.path().exists()
    assert cli.main(["service", "status", "--json"]) == 0
    assert '"installed": true' in capsys.readouterr().out
    assert cli.main(["service", "remove"]) == 0
    assert not (user / ".config").exists() or not any((user / ".config").rglob("*"))
    assert cli.main(["service", "remove"]) == 0


def test_with_one_it_is_started_and_taken_away(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that notes what it is asked stands in for systemctl, because no test may start a user's services."""
    notes = user / "asked"
    tool = user / "bin" / "systemctl"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\necho "$@" >> "{notes}"\ncase "$*" in *is-active*) echo active;; esac\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    assert service_unit.install(user) == (True, "")
    assert service_unit.state() == "active"
    assert service_unit.remove()
    asked = notes.read_text().splitlines()
    assert f"--user enable --now {service_unit.NAME}" in asked
    assert f"--user disable --now {service_unit.NAME}" in asked
    assert asked.index("--user daemon-reload") < asked.index(f"--user enable --now {service_unit.NAME}")
