"""Checkpoints as differences in a real federation: what comes down is counted at the socket."""

from __future__ import annotations

from pathlib import Path
from pydoc_data import topics

import pytest
from support.engine_here import EngineHere
from support.live_federation import federation, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

OPTIONS = {
    "name": "Narrow lines", "preset": "tiny", "privacy": "none", "rounds": 3, "cohort": 1, "quorum": 1,
    "local-steps": 2, "batch-size": 8, "seq-len": 64, "deadline": 300, "downlink": "int8",
}  # fmt: skip


def test_only_the_first_checkpoint_comes_whole(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.mkdir()
    (text / "topics.txt").write_text("\n\n".join(str(v) for v in topics.topics.values())[:200_000])
    with federation(tmp_path, **OPTIONS) as (coordinator, _, link):
        one = EngineHere(tmp_path / "here" / "home")
        try:
            coordinator.start()
            one.start()
            one.join(coordinator.invite(), one.add_text(text))
            wait_for(lambda: len(coordinator.closed_rounds()) == 3, 240, "three rounds")
            blobs = one.home / "blobs"
            kept = {path.stat().st_size for path in blobs.iterdir() if len(path.name) == 64}
            (whole,) = kept
            assert whole < link.down_bytes < 1.75 * whole, "the first whole, two as a quarter of it, and little else"
        finally:
            one.stop()
