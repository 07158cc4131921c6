"""A look at the machine as it is."""

from __future__ import annotations

import time

from core.hardware.now import LoadGauge


def test_the_first_look_counts_no_cores_and_later_ones_do() -> None:
    gauge = LoadGauge()
    first = gauge.look()
    assert first.cores_used is None
    assert first.cores >= 1
    assert 0 < first.memory_used_bytes < first.memory_bytes
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        sum(range(1_000))
    busy = gauge.look()
    assert busy.cores_used is not None
    assert 0 < busy.cores_used <= busy.cores
