"""Rounds on a disk that is really full, and then not any more.

The campaign refuses operations; here the file system itself ends in the middle of whatever is written when the room is
used up, of the ledger, a checkpoint or an update. Each home begins with a little more room than the last.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.faults import small_disk
from support.faults.machine import found

CAMPAIGN = bool(os.environ.get("HEDGEROW_CAMPAIGN"))
STEP = 4 << 10 if CAMPAIGN else 96 << 10
ENOUGH = 2 << 20

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="the disk is a tmpfs")]


@pytest.fixture
def memory() -> Iterator[Path]:
    place = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="hedgerow-full-", dir=place if os.access(place, os.W_OK) else None))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("unit", ["record", "corpus"])
def test_wherever_the_room_ends_nothing_is_lost_and_it_goes_on(memory: Path, unit: str) -> None:
    (memory / "scene").mkdir()
    scene = found(memory / "scene", unit, large=False)
    met = small_disk.run(scene, memory, [*range(0, 800 << 10, STEP), ENOUGH])
    if met is None:
        pytest.skip("no file system can be mounted here")
    print(f"{unit}: {sum(one.stopped for one in met)} of {len(met)} homes had too little room at first")
    assert sum(one.stopped for one in met) >= 4
    assert not met[-1].stopped
    for one in met:
        assert one.findings == [], one.free
        assert one.surprises == [], one.free
        assert one.finished, one.free
        assert not one.stopped or any("disk is full" in sentence for sentence in one.said), (one.free, one.said)
        assert not [sentence for sentence in one.said if sentence.startswith("later")], one.free
