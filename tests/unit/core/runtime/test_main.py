"""The command over it: in an ordinary install it says that it is this environment; in the packaged one it works."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import msgspec
import pytest
from support.small_wheels import registry

from core.api.runtime import LOCK_FILE, RuntimeStatus
from core.runtime import __main__ as program
from core.runtime.__main__ import main
from core.runtime.building import Builder


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As the frozen binary of a package would see it."""
    binary, library = tmp_path / "app" / "hedgerow", tmp_path / "lib"
    for folder in (binary.parent, library):
        folder.mkdir()
    binary.touch()
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(binary))
    monkeypatch.setenv("HEDGEROW_RUNTIME", str(tmp_path / "runtimes"))
    (library / LOCK_FILE).write_bytes(msgspec.json.encode(registry(tmp_path / "wheels")))
    return tmp_path


def test_an_ordinary_install_is_its_own_runtime(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEDGEROW_RUNTIME", str(tmp_path / "none"))
    assert main(["--json"]) == 0
    found = msgspec.json.decode(capsys.readouterr().out, type=RuntimeStatus)
    assert (found.state, found.folder) == ("own", sys.prefix)
    assert main(["install", "--yes"]) == 1
    assert "own environment, so there is no runtime to install" in capsys.readouterr().err
    assert main(["remove", "--yes", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "usage"


def test_what_the_packaged_application_left_can_be_removed_by_another_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEDGEROW_RUNTIME", str(tmp_path / "left"))
    (tmp_path / "left" / "old").mkdir(parents=True)
    assert main(["remove", "--yes"]) == 0
    assert not (tmp_path / "left").exists()
    assert "Removed" in capsys.readouterr().out


def test_it_says_what_it_takes(packaged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    said = capsys.readouterr().out
    assert "not installed yet" in said
    assert "cuda: about" in said
    assert main(["--json"]) == 0
    found = msgspec.json.decode(capsys.readouterr().out, type=RuntimeStatus)
    assert found.state == "missing"
    assert found.suggested in {variant.name for variant in found.variants}
    assert found.free_bytes > 0


def test_without_a_yes_nothing_happens(
    packaged: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(os.devnull, encoding="utf-8") as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        assert main(["install", "--variant", "cpu"]) == 1
    assert "Nothing was installed" in capsys.readouterr().err
    assert not (packaged / "runtimes").exists()


def test_a_package_without_its_lock_is_named(packaged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (packaged / "lib" / LOCK_FILE).write_text("{}")
    assert main(["status"]) == 1
    assert "Install the package again" in capsys.readouterr().err


@pytest.mark.slow
def test_it_is_installed_line_by_line(
    packaged: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, repository: Path
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(packaged / "wheels"))
    monkeypatch.setattr("core.runtime.building.INDEXES", {"cpu": ("registry",)})
    # The small torch can do nothing; what is tried of a real one is tried where the package is.
    small = Builder
    monkeypatch.setattr(
        program, "Builder",
        lambda *given: small(*given, check='import torch, json; print(json.dumps({"python": "3"}))'),
    )  # fmt: skip
    assert main(["install", "--variant", "cpu", "--yes", "--json-progress"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0]["phase"] == "environment"
    assert lines[-1]["state"] == "current"
    assert lines[-1]["variant"] == "cpu"
    assert main(["remove", "--yes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "missing"
