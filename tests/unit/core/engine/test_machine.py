"""The machine as the engine sees it: torch is asked in a child, and what the child cannot say is a sentence."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.children import interpreter
from support.federation import config

from core.api.messages.machine import Device
from core.config.node import Limits
from core.config.privacy import PrivacyTerms
from core.engine import machine
from core.model.presets import memory_bytes


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


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ((), ("cuda:0",)),
        (("cuda:1", "cuda:0"), ("cuda:1", "cuda:0")),
        (("cuda:0", "cuda:7", "cpu"), ("cuda:0", "cpu")),
        (("cpu", "cpu"), ("cpu", "cpu")),
        (("cuda:7",), ("cpu",)),
    ],
)
def test_all_devices_on_offer_train_together(
    monkeypatch: pytest.MonkeyPatch, offered: tuple[str, ...], chosen: tuple[str, ...]
) -> None:
    monkeypatch.setattr(machine, "usable_devices", lambda: ("cuda:0", "cuda:1", "cpu"))
    assert machine.choose_devices(Limits(devices=offered)) == chosen


def test_a_model_too_big_for_the_smallest_card_is_held_together(monkeypatch: pytest.MonkeyPatch) -> None:
    terms = config(privacy=PrivacyTerms(unit="none", relation="none"))
    needed = memory_bytes(terms.model, 1, terms.training.seq_len, device="gpu", private=False)

    def choose(devices: tuple[str, ...], *memory: int, privacy: PrivacyTerms = terms.privacy) -> str:
        cards = [Device(device_id=f"cuda:{i}", name="", kind="cuda", memory_bytes=m) for i, m in enumerate(memory)]
        monkeypatch.setattr(machine, "read_gpus", lambda: ("", cards))
        return machine.strategy(config(privacy=privacy), devices)

    both = ("cuda:0", "cuda:1")
    assert choose(both, needed, needed) == ""
    assert choose(both, needed, needed - 1) == "fsdp"
    assert choose(("cuda:0",), needed - 1) == ""
    assert choose(("cuda:0", "cpu"), needed - 1) == "", "main memory is not made larger by sharing it"
    assert choose(both, 0, 0) == "", "unknown is not small"
    assert choose(both, 1, 1, privacy=PrivacyTerms(unit="record", relation="zero-out")) == "", (
        "DP-SGD needs whole gradients of each example"
    )
