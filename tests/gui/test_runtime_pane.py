"""The compute runtime's pane: what it takes is said first, every step is shown, and every end is one sentence."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QRadioButton

from app.children.runtime_process import RuntimeProcess
from app.pages.runtime_pane import RuntimePane

INSTALLER = """
import json, signal, sys, time
HOW = {how!r}
def say(**what):
    print(json.dumps(what), flush=True)
def status(state):
    variants = [{{"name": "cpu", "download_bytes": 390_000_000, "disk_bytes": 1_700_000_000}},
                {{"name": "cuda", "download_bytes": 3_100_000_000, "disk_bytes": 7_600_000_000}}]
    say(state=state, sentence="x", folder="/somewhere", suggested="cuda", why="x", variants=variants,
        free_bytes=5_000_000_000)
if sys.argv[1] == "status":
    status("missing")
elif HOW == "installs":
    assert sys.argv[1:4] == ["install", "--variant", "cpu"], sys.argv
    say(phase="environment", fraction=0.01)
    say(phase="packages", fraction=0.2, item=12, items=97, name="scipy", done_bytes=5_000_000,
        total_bytes=35_000_000, left_s=170.0)
    time.sleep(0.4)
    status("current")
elif HOW == "fails":
    say(error=dict(code="engine", message="The package registry cannot be reached.", hint="Check the network."))
    sys.exit(1)
elif HOW == "waits":
    def stop(*_):
        say(error=dict(code="engine", message="The installation was cancelled.", hint=""))
        sys.exit(130)
    signal.signal(signal.SIGTERM, stop)
    say(phase="torch", fraction=0.5)
    time.sleep(60)
elif HOW == "babbles":
    print("Traceback: something", flush=True)
"""


@pytest.fixture
def installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Takes the installer's place by a small program, in the packaged application without a runtime."""

    def become(how: str, state: str = "missing") -> None:
        program = tmp_path / f"{how}.py"
        program.write_text(INSTALLER.format(how=how))
        command = [sys.executable, str(program)]
        monkeypatch.setattr("app.children.runtime_process.interpreter.command", lambda module: command)
        monkeypatch.setattr("app.children.runtime_process.runtime.state", lambda: state)

    return become


def opened(bench: Any, qtbot: Any) -> RuntimePane:
    one = bench()
    one.window.open_page("compute")
    pane: RuntimePane = one.window.page("compute").runtime
    qtbot.waitUntil(lambda: len(pane._radios) == 2, timeout=10_000)
    return pane


def click(qtbot: Any, widget: Any) -> None:
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def test_an_ordinary_install_never_sees_it(bench: Any) -> None:
    one = bench()
    one.window.open_page("compute")
    assert one.window.page("compute").runtime.isHidden()
    assert one.window.installer._process is None, "no child was started"


def test_it_says_what_it_takes_before_it_takes_it(bench: Any, qtbot: Any, installer: Any) -> None:
    installer("installs")
    pane = opened(bench, qtbot)
    assert pane.isVisible()
    assert "torch" in pane.words.text()
    cuda, cpu = pane._radios["cuda"][0], pane._radios["cpu"][0]
    assert cuda.isChecked()
    assert "about 3.1\N{NARROW NO-BREAK SPACE}GB to fetch" in cuda.accessibleName()
    assert not pane.install.isEnabled(), "5 GB are free and 10.7 are needed"
    assert "too little room" in pane.trouble.text()
    cpu.click()
    assert pane.install.isEnabled()
    assert not pane.trouble.isVisible()
    assert all(radio.accessibleName() for radio in pane.findChildren(QRadioButton))


def test_steps_are_shown_and_then_it_is_gone(bench: Any, qtbot: Any, installer: Any) -> None:
    installer("installs")
    pane = opened(bench, qtbot)
    pane._radios["cpu"][0].click()
    click(qtbot, pane.install)
    assert pane.cancel.isVisible()
    assert not pane.install.isVisible()
    qtbot.waitUntil(lambda: "12 of 97" in pane.step.text(), timeout=10_000)
    assert "about 3 min left" in pane.step.text()
    assert pane.bar.share == pytest.approx(0.2)
    assert pane.bar.accessibleName().startswith("20 % done. Fetching packages")
    with qtbot.waitSignal(pane._process.done, timeout=10_000):
        pass
    assert not pane.isVisible()


def test_a_failure_is_one_sentence_and_can_be_tried_again(bench: Any, qtbot: Any, installer: Any) -> None:
    installer("fails")
    pane = opened(bench, qtbot)
    pane._radios["cpu"][0].click()
    click(qtbot, pane.install)
    qtbot.waitUntil(lambda: "cannot be reached" in pane.trouble.text(), timeout=10_000)
    assert "Check the network." in pane.trouble.text()
    assert pane.install.isEnabled()
    assert not pane.cancel.isVisible()


def test_what_cannot_be_read_is_a_failure(bench: Any, qtbot: Any, installer: Any) -> None:
    installer("babbles")
    pane = opened(bench, qtbot)
    pane._radios["cpu"][0].click()
    click(qtbot, pane.install)
    qtbot.waitUntil(lambda: "cannot be read" in pane.trouble.text(), timeout=10_000)


def test_cancel_ends_the_child(bench: Any, qtbot: Any, installer: Any) -> None:
    installer("waits")
    pane = opened(bench, qtbot)
    pane._radios["cpu"][0].click()
    click(qtbot, pane.install)
    qtbot.waitUntil(lambda: "Fetching torch" in pane.step.text(), timeout=10_000)
    click(qtbot, pane.cancel)
    qtbot.waitUntil(lambda: "cancelled" in pane.trouble.text(), timeout=10_000)
    assert pane.install.isVisible()
    assert not pane._process.installing


def test_the_first_run_asks_for_it_where_hardware_is_asked(bench: Any, qtbot: Any, installer: Any) -> None:
    from support import scenes

    installer("installs")
    one = bench(scenes.empty())
    one.window.begin_first_run()
    page = one.window.page("first run")
    page.go(2)
    qtbot.waitUntil(page.hardware.runtime.isVisible, timeout=10_000)


def test_a_program_that_is_not_there_is_named(qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.children.runtime_process.interpreter.command", lambda module: ["/nowhere/hedgerow"])
    process = RuntimeProcess()
    with qtbot.waitSignal(process.failed, timeout=10_000) as signal:
        process.look()
    assert "could not be started" in signal.args[0]
