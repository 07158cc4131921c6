"""The owner's monthly traffic in a real federation: a round that fits is done and sent, another is not begun."""

from __future__ import annotations

from pathlib import Path
from pydoc_data import topics

import pytest
from support.engine_here import EngineHere
from support.live_federation import federation, wait_for

from core.api.messages.machine import LimitsParams
from core.api.messages.uploads import UploadInfo

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

OPTIONS = {
    "name": "Little traffic", "preset": "tiny", "privacy": "none", "rounds": 2, "cohort": 1, "quorum": 1,
    "local-steps": 2, "batch-size": 8, "seq-len": 64, "deadline": 300,
}  # fmt: skip


def uploads(one: EngineHere) -> list[UploadInfo]:
    """Those that were taken."""
    found = one.call("uploads.list").uploads
    return [upload for upload in found if upload.state == "accepted"]


@pytest.mark.campaign
def test_no_round_begins_that_would_not_fit_the_month(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.mkdir()
    (text / "topics.txt").write_text("\n\n".join(str(v) for v in topics.topics.values())[:200_000])
    with federation(tmp_path, **OPTIONS) as (coordinator, _, link):
        one = EngineHere(tmp_path / "here" / "home")
        try:
            coordinator.start()
            one.start()
            one.call("pause")
            one.join(coordinator.invite(), one.add_text(text))
            assert one.engine is not None
            used, one_round = one.engine._month()
            most = used + 3 * one_round // 2
            one.call("limits.set", LimitsParams(key="monthly_gb", value=repr(most / 1e9)))
            one.call("start")
            wait_for(lambda: len(uploads(one)) == 1, 90, "the first round, which fits")
            wait_for(lambda: one.status().why.code == "monthly_volume", 30, "the rule")
            assert one.engine.volume.month_bytes <= most
            carried = link.up_bytes + link.down_bytes
            assert carried <= one.engine.volume.month_bytes + 200_000, "all but handshakes and headers is counted"
            one.stop()
            counted = one.engine.volume.month_bytes

            one.start()
            assert 0 <= one.engine.volume.month_bytes - counted < 100_000, "the count goes on where it was, exactly"
            wait_for(lambda: one.status().why.code == "monthly_volume", 30, "the rule after a restart")
            assert len(coordinator.closed_rounds()) == 1
            assert one.status().round is None
            one.call("limits.set", LimitsParams(key="monthly_gb", value=repr(2 * most / 1e9)))
            wait_for(lambda: len(uploads(one)) == 2, 120, "the second round, once there is room")
            assert one.engine.volume.month_bytes > counted + one_round // 2
        finally:
            one.stop()
