"""Which build of torch suits a machine, and what it takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.api.messages.machine import Device
from core.api.runtime import Lock
from core.runtime import variants
from core.runtime.variants import INDEXES, REGISTRY, offered, sized, suggest

LOCK = Lock(torch="2.13.0", flwr="1.41.0", interface=1, packages=(), download_bytes={"packages": 100, "cpu": 7})


def test_sizes_are_measured_where_they_were_and_estimated_where_not() -> None:
    assert sized(LOCK, "cpu").download_bytes == 107
    assert sized(LOCK, "cuda").download_bytes > 1_000_000_000
    assert offered(LOCK)[0].name == "cpu"
    assert all(variant.disk_bytes > variant.download_bytes for variant in offered(LOCK))


def test_the_registry_is_the_last_resort_and_never_for_rocm() -> None:
    assert INDEXES["cpu"][-1] == INDEXES["cuda"][-1] == REGISTRY
    assert REGISTRY not in INDEXES["rocm"]
    assert all(index.startswith("https://") for found in INDEXES.values() for index in found if index != REGISTRY)


def test_the_machine_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gpus: list[Device] = []
    monkeypatch.setattr(variants, "read_gpus", lambda: ("", gpus))
    assert suggest(tmp_path / "kfd")[0] == "cpu"
    (tmp_path / "kfd").touch()
    assert suggest(tmp_path / "kfd")[0] == "rocm"
    gpus.append(Device(device_id="cuda:0", name="A GPU", kind="cuda", problem="too old"))
    assert suggest(tmp_path / "kfd")[0] == "rocm"
    gpus.append(Device(device_id="cuda:1", name="Another", kind="cuda"))
    assert suggest(tmp_path / "kfd") == ("cuda", "This machine has an NVIDIA GPU (Another).")
