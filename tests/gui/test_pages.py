"""Data, uploads, privacy, settings and doctor: what they show is what the engine told, and what they ask is exact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from PySide6.QtCore import Qt
from support import scenes

from app.settings_schema import SETTINGS
from app.stores.row_model import SHARE
from core.api.errors import CorpusError, EngineError, StorageError, UsageError
from core.api.messages.base import Acknowledged
from core.api.messages.privacy import ExportParams
from core.api.messages.state import CheckList
from core.api.messages.uploads import UploadExportParams


def test_data_counts_what_is_ready(bench: Any) -> None:
    one = bench()
    one.window.open_page("data")
    page = one.window.page("data")
    assert page.title.title.text() == "44.1 million words, none of them leave"
    table = [[page.model.index(r, c).data() for c in range(4)] for r in range(page.model.rowCount())]
    assert table == [
        ["Field notes", "9,870", "31.2 M", "71 %"],
        ["Blog archive", "3,415", "12.9 M", "29 %"],
        ["Letters", "–", "–", "1,240 of 1,905"],
    ]
    assert page.model.index(2, 3).data(SHARE) == pytest.approx(1_240 / 1_905)


def test_skipped_files_are_counted_by_reason(bench: Any, qtbot: Any) -> None:
    one = bench()
    one.window.open_page("data")
    inspector = one.window.page("data").inspector
    shown = [(n.text(), f.text()) for n, f in inspector._reason_labels if n.isVisible()]
    assert shown == [
        ("a mail without text", "38"), ("mostly holes, a sparse file", "17"), ("in an unknown encoding", "5"),
        ("larger than 64 MiB", "2"),
    ]  # fmt: skip
    assert inspector.skipped_count.text() == "62 of 9,932"
    qtbot.mouseClick(inspector.show_files, Qt.MouseButton.LeftButton)
    assert inspector.files.isVisible()
    assert "/home/ada/notes/scans/0.pdf" in inspector.files.toPlainText()


def test_removing_says_what_it_means_first(bench: Any, qtbot: Any) -> None:
    one = bench()
    one.window.open_page("data")
    page = one.window.page("data")
    qtbot.mouseClick(page.inspector.remove_asked, Qt.MouseButton.LeftButton)
    assert "your files stay" in page.inspector.question.text()
    assert "Common Prose" in page.inspector.question.text()
    assert "corpus.remove" not in one.engine.methods()
    qtbot.mouseClick(page.inspector.remove_asked, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "corpus.remove" in one.engine.methods(), timeout=5_000)
    assert one.engine.params("corpus.remove")[0].corpus_id == "c1"


def test_the_question_is_forgotten_on_another_row(bench: Any, qtbot: Any) -> None:
    one = bench()
    one.window.open_page("data")
    page = one.window.page("data")
    qtbot.mouseClick(page.inspector.remove_asked, Qt.MouseButton.LeftButton)
    page.table.selectRow(1)
    assert not page.inspector.question.isVisible()


def test_a_folder_that_cannot_be_used_is_named_on_the_page(bench: Any, qtbot: Any) -> None:
    one = bench()
    one.engine.replies["corpus.add"] = CorpusError("/empty holds no text.", "Choose another folder.")
    one.window.add_paths(["/empty"])
    page = one.window.page("data")
    qtbot.waitUntil(page.trouble.isVisible, timeout=5_000)
    assert page.trouble.title.text() == "/empty holds no text."


def test_a_selection_survives_a_snapshot(bench: Any, qtbot: Any) -> None:
    one = bench()
    one.window.open_page("data")
    page = one.window.page("data")
    page.table.selectRow(1)
    changed = scenes.training(revision=2)
    fresh = msgspec.structs.replace(changed.corpora[0], corpus_id="c0", name="New one")
    one.engine.push(msgspec.structs.replace(changed, corpora=[fresh, *changed.corpora]))
    qtbot.waitUntil(lambda: page.model.rowCount() == 4, timeout=5_000)
    assert page.model.row(page.table.currentIndex().row()).corpus_id == "c2"


def test_an_upload_is_opened_up(bench: Any, qtbot: Any) -> None:
    one = bench()
    one.window.open_last_upload()
    page = one.window.page("uploads")
    qtbot.waitUntil(page.detail.layers.isVisible, timeout=5_000)
    assert page.detail.title.text() == "Round 213: numbers only, no text"
    assert page.detail.facts["size"].text() == "10,731,612 bytes (3.9×)"
    assert page.detail.facts["cost"].text() == "ε +0.19, 2.36 after"
    assert len(page.detail.layers.values) == 10
    assert sum(page.detail.histogram.values) == sum(scenes.detail(scenes.uploads()[0]).histogram)
    assert "10 groups of layers" in page.detail.layers.accessibleDescription()


def test_an_upload_without_guarantee_is_red_by_word(bench: Any, qtbot: Any) -> None:
    one = bench()
    one.window.open_upload("1198")
    page = one.window.page("uploads")
    qtbot.waitUntil(page.detail.layers.isVisible, timeout=5_000)
    assert page.detail.facts["cost"].text() == "no guarantee"
    assert page.detail.facts["cost"].property("ink") == "danger"
    assert "without noise" in page.detail.note.text()


def test_bytes_that_are_gone_are_said_and_the_facts_stay(bench: Any, qtbot: Any) -> None:
    one = bench()
    one.engine.replies["uploads.inspect"] = StorageError("The file of upload 1213 is not what was sealed.", "")
    one.window.open_page("uploads")
    page = one.window.page("uploads")
    qtbot.waitUntil(page.detail.trouble.isVisible, timeout=5_000)
    assert page.detail.facts["to"].text() == "Common Prose"
    assert not page.detail.layers.isVisible()


def test_budgets_stand_in_the_order_they_run_out(bench: Any) -> None:
    one = bench()
    one.window.open_page("privacy")
    page = one.window.page("privacy")
    names = [g.name.text() for g in page._gauges if g.isVisible()]
    assert names == ["Field notes", "Letters", "Blog archive"]
    assert page.title.title.text() == "About 61 rounds left on Field notes"
    assert [g.end.text() for g in page._gauges] == ["the plan ends at ε 5.9, in 40 rounds", "", ""]
    assert [g.verdict.text for g in page._gauges if g.verdict.isVisible()] == ["Useful"]
    assert [g.figure.text() for g in page._gauges] == ["ε 2.4 of 8.0", "ε 0.0 of 3.0", "no guarantee"]
    line, planned = page.curve.plot.lines
    assert planned.dashed
    assert (planned.points[0][1], planned.points[-1]) == (2.36, (line.points[-1][0] + 40, 5.83))
    assert "40 more rounds are planned, up to ε 5.9" in page.curve.plot.accessibleDescription()
    assert [y for _, y in line.points] == sorted(y for _, y in line.points)
    assert line.points[-1][1] == 2.36


def test_a_ledger_that_went_back_in_time_is_a_red_banner(bench: Any) -> None:
    one = bench(scenes.in_state("problem", "ledger_rolled_back", "The privacy ledger is older than it was."))
    one.window.open_page("privacy")
    assert one.window.page("privacy").rollback.isVisible()


@pytest.mark.parametrize(
    ("chosen", "kind", "path", "report"),
    [
        ("/tmp/mine", "Report to read (*.txt)", "/tmp/mine.txt", True),
        ("/tmp/mine", "Whole ledger, to check (*.json)", "/tmp/mine.json", False),
        ("/tmp/mine.json", "Report to read (*.txt)", "/tmp/mine.json", False),
    ],
)
def test_the_ledger_is_exported_by_the_engine(
    bench: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch, chosen: str, kind: str, path: str, report: bool
) -> None:
    one = bench()
    one.engine.replies["privacy.export"] = Acknowledged(detail=f"9 bytes written to {path}.")
    one.window.open_page("privacy")
    page = one.window.page("privacy")
    monkeypatch.setattr("PySide6.QtWidgets.QFileDialog.getSaveFileName", lambda *_: (chosen, kind))
    qtbot.mouseClick(page.export, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(page.exported.isVisible, timeout=5_000)
    assert one.engine.params("privacy.export") == [ExportParams(path=path, report=report)]
    assert path in page.exported.sentence.text()


def test_an_upload_is_exported_by_the_engine(bench: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    one = bench()
    one.engine.replies["uploads.export"] = Acknowledged(detail="9 bytes written to /tmp/r.bin.")
    one.window.open_page("uploads")
    page = one.window.page("uploads")
    qtbot.waitUntil(page.detail.layers.isVisible, timeout=5_000)
    asked: list[str] = []
    monkeypatch.setattr(
        "PySide6.QtWidgets.QFileDialog.getSaveFileName", lambda *a: (asked.append(a[2]), ("/tmp/r.bin", ""))[1]
    )
    qtbot.mouseClick(page.detail.export, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(page.detail.exported.isVisible, timeout=5_000)
    chosen = page.model.row(page.list.currentIndex().row())
    assert asked == [f"hedgerow-round-{chosen.server_round}.bin"]
    assert one.engine.params("uploads.export") == [UploadExportParams(upload_id=chosen.upload_id, path="/tmp/r.bin")]
    one.engine.replies["uploads.export"] = StorageError("/tmp/r.bin exists already.", "Choose a new name.")
    page.export_to("/tmp/r.bin")
    qtbot.waitUntil(page.detail.trouble.isVisible, timeout=5_000)
    assert not page.detail.exported.isVisible()


def test_an_export_that_fails_says_why_in_a_sentence(bench: Any, qtbot: Any) -> None:
    one = bench()
    one.engine.replies["privacy.export"] = StorageError("The file exists already.", "Choose another name.")
    one.window.open_page("privacy")
    page = one.window.page("privacy")
    page.export_to("/tmp/mine.txt", report=True)
    qtbot.waitUntil(page.trouble.isVisible, timeout=5_000)
    assert page.trouble.title.text() == "The file exists already. Choose another name."
    assert page.export.isEnabled()
    assert not page.exported.isVisible()


def test_one_round_is_one_round(bench: Any) -> None:
    calm = scenes.training()
    last = [msgspec.structs.replace(b, rounds_left=1) if b.corpus_id == "c1" else b for b in calm.privacy]
    one = bench(msgspec.structs.replace(calm, privacy=last))
    assert one.window.page("home").rings.privacy.text() == "about 1 round"


def settings(bench: Any, qtbot: Any) -> tuple[Any, Any]:
    one = bench()
    one.window.open_page("settings")
    page = one.window.page("settings")
    qtbot.waitUntil(lambda: bool(page._values), timeout=5_000)
    return one, page


def test_a_limit_is_sent_as_the_engine_takes_it(bench: Any, qtbot: Any) -> None:
    one, page = settings(bench, qtbot)
    field = page.rows["offered_hours_per_week"].control
    field.setText("12,5")
    field.editingFinished.emit()
    qtbot.waitUntil(lambda: one.engine.limits["offered_hours_per_week"] == "12.5", timeout=5_000)
    qtbot.waitUntil(page.rows["offered_hours_per_week"].reset.isVisible, timeout=5_000)
    qtbot.mouseClick(page.rows["offered_hours_per_week"].reset, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: one.engine.limits["offered_hours_per_week"] == "20", timeout=5_000)


def test_a_refused_limit_shows_the_true_one_again(bench: Any, qtbot: Any) -> None:
    one, page = settings(bench, qtbot)
    one.engine.replies["limits.set"] = UsageError("cpu_threads cannot be 'many': expected int.", "")
    field = page.rows["cpu_threads"].control
    field.setText("many")
    field.editingFinished.emit()
    qtbot.waitUntil(page.trouble.isVisible, timeout=5_000)
    assert field.text() == "0"


def test_keep_running_is_told_to_the_session(bench: Any, qtbot: Any) -> None:
    one, page = settings(bench, qtbot)
    with qtbot.waitSignal(one.window.keep_running_set, timeout=5_000) as signal:
        page.rows["keep_running"].control.setChecked(True)
    assert signal.args == [True]
    assert one.engine.limits["keep_running"] == "yes"


def test_settings_are_built_a_group_a_turn_and_all_of_them_come(bench: Any, qtbot: Any) -> None:
    one = bench()
    one.window.open_page("settings")
    page = one.window.page("settings")
    groups = {setting.group for setting in SETTINGS}
    assert len({line.setting.group for line in page._rows.values()}) == 1
    qtbot.waitUntil(lambda: len(page._rows) == len(SETTINGS), timeout=5_000)
    assert {line.setting.group for line in page._rows.values()} == groups
    qtbot.waitUntil(lambda: page._rows["cpu_threads"].control.text() == "0", timeout=5_000)


def test_the_first_run_builds_a_step_when_it_is_gone_to(bench: Any) -> None:
    one = bench(scenes.empty())
    one.window.open_page("first run")
    page = one.window.page("first run")
    assert not {"folders", "hardware", "privacy", "start"} & set(vars(page))
    page.go(2)
    assert page.hardware.isVisible()
    assert "privacy" not in vars(page)


def test_the_windows_own_choices_are_kept(bench: Any, qtbot: Any) -> None:
    one, page = settings(bench, qtbot)
    combo = page.rows["theme"].control
    combo.setCurrentIndex(combo.findData("dark"))
    assert one.settings.value("theme") == "dark"
    assert "limits.set" not in one.engine.methods()
    with pytest.raises(ValueError, match="sepia"):
        one.settings.set_value("theme", "sepia")
    one.settings._file.setValue("theme", "of another version")
    assert one.settings.value("theme") == "system"


def test_the_doctor_counts(bench: Any, qtbot: Any) -> None:
    one = bench()
    one.window.open_page("doctor")
    page = one.window.page("doctor")
    qtbot.waitUntil(page.panel.isVisible, timeout=5_000)
    assert page.title.title.text() == "1 of 9 checks failed"
    one.engine.replies["doctor"] = CheckList(checks=[c for c in scenes.checks().checks if c.ok])
    qtbot.mouseClick(page.again, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.title.title.text() == "All 8 checks passed", timeout=5_000)


def test_a_doctor_that_cannot_run_says_so(bench: Any, qtbot: Any) -> None:
    one = bench()
    one.engine.replies["doctor"] = EngineError("The checks cannot run.", "Restart the engine.")
    one.window.open_page("doctor")
    page = one.window.page("doctor")
    qtbot.waitUntil(page.trouble.isVisible, timeout=5_000)
    assert page.trouble.title.text() == "The checks cannot run."
    assert page.again.isEnabled()


def test_the_history_counts_what_was_given_and_calls_an_estimate_one(bench: Any, qtbot: Any) -> None:
    one = bench()
    one.window.open_page("history")
    page = one.window.page("history")
    qtbot.waitUntil(page.footprint.isVisible, timeout=5_000)
    assert page.model.rowCount() == 41
    assert page.title.title.text() == "83 h given"
    facts = {key: label.text().replace("\u202f", " ") for key, label in page.footprint.facts.items()}
    assert facts["measured"] == "4.2 kWh"
    assert facts["estimated"] == "1.2 kWh, at 65 W"
    assert facts["here"] == "5.5 kWh"
    assert facts["centre"] == "1.9 kWh for the same training, estimated"
    assert facts["co2"] == "2.1 kg here, 708 g there, on your grid"
    assert not page.footprint.method.isVisible()
    qtbot.mouseClick(page.footprint.open_method, Qt.MouseButton.LeftButton)
    assert "arXiv 2102.07627" in page.footprint.method.text()
    assert page.footprint.method.isVisible()
    assert "here, " in page.footprint.bars.accessibleDescription()


def test_without_a_grid_the_history_shows_energy_only(bench: Any, qtbot: Any) -> None:
    one = bench()
    told = scenes.history()
    unknown = msgspec.structs.replace(told.footprint, co2_g=None, data_centre_co2_g=None)
    one.engine.replies["history"] = msgspec.structs.replace(told, footprint=unknown)
    one.window.open_page("history")
    page = one.window.page("history")
    qtbot.waitUntil(page.footprint.isVisible, timeout=5_000)
    assert page.footprint.facts["co2"].text() == "not known"
    assert "settings" in page.footprint.grid_hint.text()


def test_ten_thousand_rounds_are_a_list_that_scrolls(bench: Any, qtbot: Any) -> None:
    """Rows are drawn as they are seen: the model keeps all of them, and a jump to the end asks for a screenful."""
    one = bench()
    one.engine.replies["history"] = lambda params: scenes.history(10_000, params.before)
    one.window.open_page("history")
    page = one.window.page("history")
    qtbot.waitUntil(lambda: page.model.rowCount() == 10_000, timeout=10_000)
    asked: set[int] = set()
    data = page.model.data
    page.model.data = lambda index, role=0: asked.add(index.row()) or data(index, role)
    page.list.scrollToBottom()
    page.list.grab()
    assert page.list.indexAt(page.list.viewport().rect().center()).row() > 9_900
    assert len(asked) < 200


def test_compute_shows_the_machine_against_its_limits(bench: Any, qtbot: Any) -> None:
    one = bench()
    one.window.open_page("compute")
    page = one.window.page("compute")
    qtbot.waitUntil(lambda: page.gauges.plots["load"].figure.text() == "67 %", timeout=5_000)
    assert page.gauges.plots["heat"].figure.text() == "66 °C"
    assert page.gauges.plots["heat"].limit.text() == "ceiling 85 °C"
    assert page.gauges.plots["gpu_memory"].figure.text() == "7.4 GB"
    assert not page.gauges.plots["memory"].isVisible(), "there is a GPU"
    assert "Processor 2.1 cores, of 16" in page.gauges.plots["cores"].plot.accessibleDescription()
    qtbot.waitUntil(lambda: page._plans is not None, timeout=5_000)
    assert page.title.title.text() == "A round takes about 1 h 46 min at this pace"


def test_a_sensor_that_says_nothing_is_unknown_and_a_machine_without_gpu_shows_its_memory(
    bench: Any, qtbot: Any
) -> None:
    one = bench()
    bare = msgspec.structs.replace(scenes.load(), devices=[], cores_used=None)
    one.engine.replies["load"] = bare
    one.window.open_page("compute")
    page = one.window.page("compute")
    qtbot.waitUntil(lambda: page.gauges.plots["memory"].figure.text() == "9.4 GB", timeout=5_000)
    assert page.gauges.plots["cores"].figure.text() == "unknown"
    assert not page.gauges.plots["load"].isVisible()


def test_the_week_plan_is_a_limit_and_nothing_is_measured_while_nobody_looks(bench: Any, qtbot: Any) -> None:
    one = bench()
    one.window.open_page("compute")
    page = one.window.page("compute")
    qtbot.waitUntil(lambda: bool(page._values), timeout=5_000)
    assert page._timer.isActive()
    page.hours.grid.setFocus()
    qtbot.keyClick(page.hours.grid, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: bool(one.engine.params("limits.set")), timeout=5_000)
    asked = one.engine.params("limits.set")[-1]
    assert (asked.key, asked.value.split(",")[0]) == ("schedule", "h" + "f" * 23)
    qtbot.waitUntil(lambda: page.hours.note.text().startswith("168 h open"), timeout=5_000)
    one.window.open_page("home")
    page._look()
    assert not page._timer.isActive()
    page.rows["cpu_threads"].control.setText("3")
    page.rows["cpu_threads"].control.editingFinished.emit()
    qtbot.waitUntil(lambda: one.engine.params("limits.set")[-1].key == "cpu_threads", timeout=5_000)


def test_measuring_again_takes_its_time_and_says_so(bench: Any, qtbot: Any) -> None:
    one = bench()
    one.window.open_page("compute")
    page = one.window.page("compute")
    qtbot.waitUntil(lambda: page._plans is not None, timeout=5_000)
    one.engine.replies["hardware"] = EngineError("The probe ended unexpectedly.", "Look at the log.")
    qtbot.mouseClick(page.measure, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(page.trouble.isVisible, timeout=5_000)
    assert page.measure.isEnabled()
    assert [p.probe for p in one.engine.params("hardware")] == [False, True]


def test_the_session_starts_it_only_once_the_owner_says_so(
    bench: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    one = bench()
    one.window.open_page("settings")
    line = one.window.page("settings").rows["autostart"]
    entry = tmp_path / "config" / "autostart" / "org.hedgerow.Hedgerow.desktop"
    assert not entry.exists()
    assert not line.control.isChecked()
    line.control.click()
    assert "--background" in entry.read_text("utf-8")
    line.control.click()
    assert not entry.exists()
    (tmp_path / "config").rmdir() if (tmp_path / "config").exists() else None
    (tmp_path / "config").write_text("a file")
    line.control.click()
    assert one.window.page("settings").trouble.isVisible()
    assert not line.control.isChecked()
