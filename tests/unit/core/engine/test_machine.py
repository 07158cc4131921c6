"""The machine as the engine sees it: torch is asked in a child, and what the child cannot say is a sentence."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.children import interpreter

from core.engine import machine


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    return tmp_path


def test_a_probe_asks_torch_in_a_child(home: Path) -> None:
    found = asyncio.run(machine.look(home, "", probe=True))
    assert found.torch.startswith("torch 2.")
    assert found.devices[-1].device_id == "cpu"
    assert "torch" not in asyncio.run(machine.look(home, "", probe=False)).torch


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise SystemExit(3)", "torch cannot be asked: The devices failed (code 3)."),
        ("print('{')", "torch said something about its devices that cannot be read."),
    ],
)
def test_a_child_that_cannot_say_is_a_sentence(home: Path, body: str, words: str) -> None:
    seen = asyncio.run(machine.ask_torch(home, interpreter(home, body)))
    assert seen.torch.startswith(words)
    assert seen.devices == []


def test_an_interpreter_that_is_not_there_is_a_sentence(home: Path) -> None:
    assert "cannot be asked" in asyncio.run(machine.ask_torch(home, "/nowhere/python")).torch
