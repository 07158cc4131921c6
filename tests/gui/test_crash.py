"""What goes wrong in the window: kept, shown, copied and thrown away by its owner; a death is told at the next one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from app.crash import MOST_BYTES, CrashReports


def raised(text: str) -> Any:
    try:
        raise RuntimeError(text)
    except RuntimeError as error:
        return type(error), error, error.__traceback__


def test_an_exception_is_kept_once_and_read_without_the_owners_folder(tmp_path: Path, qtbot: Any) -> None:
    reports = CrashReports(tmp_path)
    assert reports.waiting() == ""
    found = raised(f"{Path.home()}/secret is gone")
    with qtbot.waitSignal(reports.happened, timeout=1_000):
        reports.on_exception(*found)
    reports.on_exception(*found)
    told = reports.waiting()
    assert told.count("RuntimeError: ") == 1
    assert "~/secret is gone" in told
    assert "test_crash.py" in told
    assert "Qt 6" in told
    assert (tmp_path / "crash" / "window.txt").stat().st_mode & 0o077 == 0
    reports.forget()
    assert reports.waiting() == ""


def test_ctrl_c_is_no_crash(tmp_path: Path) -> None:
    reports = CrashReports(tmp_path)
    reports.on_exception(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert reports.waiting() == ""


def test_a_thousand_crashes_keep_a_bounded_report(tmp_path: Path) -> None:
    reports = CrashReports(tmp_path)
    for number in range(300):
        reports.on_exception(*raised(f"{number} " + "x" * 900))
    assert len(reports.waiting()) <= MOST_BYTES + 1
    assert "299 xxx" in reports.waiting()


@pytest.fixture
def _hooks() -> Any:
    import threading

    before = sys.excepthook, threading.excepthook
    yield
    from PySide6.QtCore import qInstallMessageHandler

    sys.excepthook, threading.excepthook = before
    qInstallMessageHandler(None)


@pytest.mark.usefixtures("_hooks")
def test_a_home_that_cannot_be_written_loses_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "crash").write_text("a file where the folder should be")
    reports = CrashReports(tmp_path)
    reports.install()
    reports.on_exception(*raised("no place"))
    reports.close()
    assert reports.waiting() == ""


def test_the_report_is_offered_read_copied_and_thrown_away(bench: Any, qtbot: Any, tmp_path: Path) -> None:
    one = bench()
    reports = CrashReports(tmp_path)
    one.window.reports = reports
    reports.on_exception(*raised("a bad painting"))
    one.window.offer_report()
    assert one.window.report.isVisible()
    qtbot.mouseClick(one.window.report_banner.buttons[0], Qt.MouseButton.LeftButton)
    assert not one.window.report.isVisible()
    page = one.window.page("doctor")
    assert one.window.current == "doctor"
    assert "a bad painting" in page.report.text.toPlainText()
    qtbot.mouseClick(page.report.copy, Qt.MouseButton.LeftButton)
    assert "a bad painting" in QGuiApplication.clipboard().text()
    qtbot.mouseClick(page.report.forget, Qt.MouseButton.LeftButton)
    assert not page.report.isVisible()
    assert reports.waiting() == ""


DYING = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from app.application import run
import faulthandler
QTimer.singleShot(600, faulthandler._sigsegv if sys.argv[2] == "die" else lambda: 1 / 0)
if sys.argv[2] == "raise":
    from PySide6.QtWidgets import QApplication
    QTimer.singleShot(900, lambda: QApplication.quit())
sys.exit(run(Path(sys.argv[1]), start_engine=False))
"""


@pytest.mark.parametrize(("how", "word"), [("die", "Segmentation fault"), ("raise", "ZeroDivisionError")])
def test_the_whole_application_leaves_a_report(how: str, word: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    command = [sys.executable, "-c", "from PySide6.QtWidgets import QApplication\napp = QApplication([])\n" + DYING]
    done = subprocess.run(
        [*command, str(home), how], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode == 0) == (how == "raise"), done.stderr[-2_000:]
    after = CrashReports(home)
    if how == "die":
        after._keep_what_died()
    assert word in after.waiting()
    assert not (home / "crash" / "died.txt").exists() or how == "die"
