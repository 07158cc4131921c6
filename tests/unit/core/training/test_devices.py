"""What torch sees, on this machine and on others that are played by their back ends."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from core.training import devices


def test_this_machine_is_described_without_a_traceback() -> None:
    seen = devices.look()
    assert seen.torch.startswith(f"torch {torch.__version__} computes with ")
    assert all(device.device_id != "cpu" for device in seen.devices)
    devices.synchroniser("cpu")()


def test_an_apple_gpu_and_a_card_torch_cannot_drive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 17_000)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)

    def broken(number: int) -> None:
        raise RuntimeError("CUDA error: no kernel image is available\nfor this device")

    monkeypatch.setattr(torch.cuda, "get_device_properties", broken)
    card, apple = devices.look().devices
    assert card.problem == "torch cannot compute on this GPU (CUDA error: no kernel image is available)."
    assert (apple.device_id, apple.kind, apple.memory_bytes) == ("mps", "mps", 17_000)


def test_the_memory_cap_is_a_share_of_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[float, str]] = []
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=8_000))
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda share, d: told.append((share, str(d))))
    for device, allowed in (("cuda:1", 2_000), ("cuda:1", 9_000), ("cuda:1", 0), ("cpu", 2_000)):
        devices.cap_memory(device, allowed)
    assert told == [(0.25, "cuda:1"), (1.0, "cuda:1")]
