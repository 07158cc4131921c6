"""What the doctor says about GPUs and the month's volume, in the machine's own sentences."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.api.messages.machine import Device
from core.engine import doctor
from core.engine.volume import Volume
from core.hardware.nvml import NOT_INSTALLED

WELL = Device(device_id="cuda:0", name="A GPU", kind="cuda", temperature_c=41.4)
OLD = Device(device_id="cuda:1", name="An old GPU", kind="cuda", problem="This GPU is too old to train on.")
HUNG = "The NVIDIA driver did not answer within 5 s."


@pytest.mark.parametrize(
    ("state", "gpus", "ok", "detail"),
    [
        (NOT_INSTALLED, [], True, NOT_INSTALLED),
        (HUNG, [], False, HUNG),
        ("ok, driver 580.12", [WELL], True, "A GPU at 41 °C"),
        ("ok, driver 580.12", [WELL, OLD], False, "An old GPU: This GPU is too old to train on."),
    ],
)
def test_a_missing_gpu_is_no_fault_and_a_broken_one_is(
    monkeypatch: pytest.MonkeyPatch, state: str, gpus: list[Device], ok: bool, detail: str
) -> None:
    monkeypatch.setattr(doctor, "read_gpus", lambda: (state, gpus))
    found = doctor._gpu()
    assert (found.ok, found.detail) == (ok, detail)


def test_a_volume_that_was_set_aside_is_named(tmp_path: Path) -> None:
    well = doctor._traffic(Volume(tmp_path / "volume.json"))
    assert (well.ok, well.detail) == (True, "0.00 GB sent and received this month")
    assert (well.code, well.args) == ("traffic", {"month_bytes": 0})
    (tmp_path / "volume.json").write_text("{")
    found = doctor._traffic(Volume(tmp_path / "volume.json"))
    assert not found.ok
    assert "volume.json is damaged" in found.detail
