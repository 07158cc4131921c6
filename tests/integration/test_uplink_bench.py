"""The shaped line: that the benchmark ends, and that its figures are of what they say."""

from __future__ import annotations

import pytest

from core.bench import uplink

pytestmark = [
    pytest.mark.campaign,
    pytest.mark.skipif(bool(uplink._missing()), reason=f"the shaped line {uplink._missing()}"),
]


def test_the_share_of_computing_is_measured_for_both_variants() -> None:
    rows = uplink.measure("tiny", steps=3, rounds=3)
    shares = [row.value for row in rows if row.unit == "%"]
    assert len(shares) == len(uplink.VARIANTS)
    assert all(share is not None and 0 < share < 100 for share in shares)


def test_bytes_on_the_line_are_those_of_the_update_and_little_more() -> None:
    rows = uplink.measure_bytes("tiny", 3, ("fp32", "topk"))
    dense, sparse = (row.value or 0 for row in rows)
    sealed = [int(row.anchor.split(": ")[1].split(" ")[0]) for row in rows]
    assert sealed[0] < dense < 1.2 * sealed[0] + 100_000
    assert sealed[1] < sparse < sealed[1] + 100_000
