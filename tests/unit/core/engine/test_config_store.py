"""The owner's choices survive restarts, refusals and damage."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.api.errors import UsageError
from core.engine.config_store import ConfigStore, Presence


def test_choices_survive_a_restart(tmp_path: Path) -> None:
    store = ConfigStore(tmp_path / "config.toml")
    store.set("cpu_threads", "2")
    store.set("limits.offered_hours_per_week", "7.5")
    store.set("devices", "cpu, cuda:0")
    store.set("keep_running", "yes")
    store.set("worker_interpreter", "/usr/bin/python3")
    store.set_presence(Presence(paused=True, snoozed_until=12.0))
    again = ConfigStore(tmp_path / "config.toml")
    assert again.limits.cpu_threads == 2
    assert again.limits.offered_hours_per_week == 7.5
    assert again.limits.devices == ("cpu", "cuda:0")
    assert again.node.keep_running
    assert again.presence == Presence(paused=True, snoozed_until=12.0)
    assert again.values()["devices"] == "cpu,cuda:0"
    assert again.values()["keep_running"] == "yes"
    assert again.problem == ""


def test_a_week_plan_and_a_choice_survive_a_restart(tmp_path: Path) -> None:
    store, plan = ConfigStore(tmp_path / "config.toml"), ",".join(["f" * 8 + "o" * 10 + "h" * 6] * 7)
    store.set("schedule", plan)
    store.set("only_when_idle", "display")
    store.set("duty_cycle", "0.5")
    again = ConfigStore(tmp_path / "config.toml")
    assert (again.values()["schedule"], again.limits.only_when_idle, again.limits.duty_cycle) == (plan, "display", 0.5)
    again.set("schedule", "")
    assert again.limits.schedule == ()


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("cpu_threads", "-1", "cpu_threads cannot be '-1': limits.cpu_threads is -1, but must lie between 0 and 1024"),
        ("cpu_threads", "many", "cpu_threads cannot be 'many'"),
        ("memory_gb", "nan", "memory_gb cannot be 'nan'"),
        ("checkpoint_interval_s", "0", "checkpoint_interval_s is 0"),
        ("schedule", "ffff", "schedule cannot be 'ffff': limits.schedule must be seven days"),
        ("only_when_idle", "often", "only_when_idle cannot be 'often'"),
        ("duty_cycle", "0", "limits.duty_cycle is 0.0, but must lie between 0.1 and 1"),
        ("colour", "red", "There is no limit named 'colour'"),
        ("presence", "x", "There is no limit named 'presence'"),
    ],
)
def test_a_bad_value_is_named_and_changes_nothing(tmp_path: Path, key: str, value: str, sentence: str) -> None:
    store = ConfigStore(tmp_path / "config.toml")
    store.set("cpu_threads", "3")
    before = (tmp_path / "config.toml").read_bytes()
    with pytest.raises(UsageError, match=sentence.replace("(", r"\(")):
        store.set(key, value)
    assert (tmp_path / "config.toml").read_bytes() == before
    assert store.limits.cpu_threads == 3


@pytest.mark.parametrize("content", [b"\xff\xfe", b"version = 2", b"what = 1", b"[limits]\ncpu_threads = 'x'"])
def test_a_damaged_file_is_named_set_aside_and_means_pause(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.toml").write_bytes(content)
    store = ConfigStore(tmp_path / "config.toml")
    assert "config.toml is damaged" in store.problem
    assert store.presence.paused
    (aside,) = (name for name in os.listdir(tmp_path) if ".bad-" in name)
    assert (tmp_path / aside).read_bytes() == content
    store.set("cpu_threads", "1")
    assert ConfigStore(tmp_path / "config.toml").limits.cpu_threads == 1
