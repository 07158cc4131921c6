"""``hedgerow try``: the text goes to a child, and what that writes is shown as it comes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from support import scenes
from support.engine_double import scripted, serving

from app import cli
from core.api.messages.federations import ModelHere


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEDGEROW_HOME", str(tmp_path / "h"))
    return tmp_path / "h"


def test_the_model_continues_a_text(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = ModelHere(name="Common Prose", rounds=4, preset="tiny", parameters=9, job='{"a":1}')
    joined = scenes.training()
    done = {"tokens": 2, "seconds": 0.5, "ended": True}
    lines = "\n".join(json.dumps(line) for line in ({"piece": " grows\nwell"}, {"done": done}))
    child = f"import sys; sys.stdin.read(); print({lines!r})"
    monkeypatch.setattr("app.terminal.trying.completion.command", lambda: [sys.executable, "-c", child])
    with serving(home, scripted({"model.here": here, "status": joined}, joined)):
        assert cli.main(["try", "The hedge", "--seed", "3"]) == 0
        assert capsys.readouterr().out == "The hedge grows\nwell\n"
        assert cli.main(["try", "The hedge", "--federation", "Common Prose", "--json"]) == 0
        said = json.loads(capsys.readouterr().out)
        assert (said["text"], said["rounds"], said["tokens"]) == (" grows\nwell", 4, 2)
        assert cli.main(["try", "The hedge", "--federation", "Elsewhere"]) == 1
    assert "no federation called Elsewhere" in capsys.readouterr().err
