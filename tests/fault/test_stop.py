"""SIGTERM ends an engine in order and in time, whatever it is doing, and what was begun goes on next time."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from support.live_federation import Coordinator, Volunteer, federation, wait_for

from core.api.errors import EngineError
from core.api.messages.corpora import CorpusParams, PathsParams
from core.engine.ending import END_S

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

SMALL = {
    "name": "Stop test", "preset": "tiny", "privacy": "none", "rounds": 1, "cohort": 1, "quorum": 1,
    "local-steps": 20, "batch-size": 16, "seq-len": 64, "deadline": 300,
}  # fmt: skip
STALLED = 2_000.0
"""Bytes each second: an update takes ten minutes."""


def phase_of(one: Volunteer) -> str:
    progress = one.status().round
    return progress.phase if progress else "idle"


def ends(one: Volunteer, state: str) -> None:
    """Send SIGTERM in this state; the engine ends by itself, in time, and its children with it."""
    assert one.process is not None
    family = psutil.Process(one.process.pid).children(recursive=True)
    if one.client is not None:
        with contextlib.suppress(EngineError, OSError):
            one.client.close()
    began = time.monotonic()
    one.process.send_signal(signal.SIGTERM)
    try:
        code = one.process.wait(END_S + 5)
    except subprocess.TimeoutExpired:
        code = None
    took = time.monotonic() - began
    log = (one.home / "logs" / "engine.log").read_text()
    assert code == 0, f"{state}: {code} after {took:.1f} s\n{log[-3_000:]}"
    assert took < END_S + 1.0
    assert "did not end" not in log
    _gone, alive = psutil.wait_procs(family, timeout=5)
    assert not alive, f"{state}: {alive}"
    print(f"{state}: {took:.2f} s, {len(family)} children")


def has_child(one: Volunteer, module: str) -> bool:
    assert one.process is not None
    for child in psutil.Process(one.process.pid).children():
        with contextlib.suppress(psutil.Error):
            if module in child.cmdline():
                return True
    return False


def training(one: Volunteer) -> bool:
    progress = one.status().round
    return progress is not None and progress.phase == "training" and progress.step > 0


def begin(coordinator: Coordinator, one: Volunteer, text: Path) -> None:
    """Join and wait for the round's weights over a line that is next to none."""
    coordinator.start()
    one.start()
    one.join(coordinator.invite(), one.add_text(text))
    coordinator.link.bytes_per_s = 50_000.0
    one.call("start")
    wait_for(lambda: phase_of(one) == "download", 60, "a download", 0.01)


def test_an_engine_ends_in_time_in_every_state(tmp_path: Path) -> None:
    from pydoc_data import topics

    text = tmp_path / "text"
    text.mkdir()
    (text / "topics.txt").write_text("\n\n".join(str(v) for v in topics.topics.values())[:300_000])
    large = tmp_path / "large"
    large.mkdir()
    for number in range(200):
        (large / f"{number}.txt").write_text(
            f"{number} " + "\n\n".join(str(v) for v in topics.topics.values())[:200_000]
        )
    with federation(tmp_path, **SMALL) as (coordinator, (one,), link):
        one.start()
        ends(one, "idle")

        one.start()
        added = one.call("corpus.add", PathsParams(paths=[str(large)]))
        wait_for(lambda: has_child(one, "core.data.reader"), 20, "a reader", 0.01)
        ends(one, "reading text")
        one.start()
        one.call("corpus.remove", CorpusParams(corpus_id=added.corpus_id))
        one.stop()

        begin(coordinator, one, text)
        ends(one, "downloading")
        link.bytes_per_s = 0.0

        one.start()
        wait_for(lambda: training(one), 90, "training", 0.02)
        ends(one, "training")

        one.start()
        one.call("pause")
        wait_for(lambda: one.status().why.code == "paused", 20, "the pause")
        ends(one, "waiting in the governor")

        one.start()
        one.call("resume")
        wait_for(lambda: phase_of(one) == "training", 90, "training again", 0.02)
        link.bytes_per_s = STALLED
        wait_for(lambda: phase_of(one) == "uploading", 120, "an upload", 0.02)
        ends(one, "uploading to a server that stalls")

        link.bytes_per_s = 0.0
        one.start()
        # An announcement whose answer was lost is forgotten by the SuperLink after 180 s, and asked for again.
        wait_for(lambda: coordinator.closed_rounds(), 260, "the round, after all")
