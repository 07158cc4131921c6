"""Host: a real coordinator is created, run, invited to and stopped through the page; nothing is left running."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtNetwork import QHostAddress, QTcpServer
from support import scenes

from app.children.host_process import HostProcess, free_port
from app.widgets.qr import QrCode
from core.api import hosting
from core.api.errors import CoordinatorError, EngineError, UsageError
from core.api.hosting import Hosted, NewFederation
from core.coordinator import running
from core.federation.invite import parse
from core.model.presets import PRESETS, num_parameters


def click(qtbot: Any, button: Any) -> None:
    assert button.isVisible()
    assert button.isEnabled(), button.text()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def opened(bench: Any) -> tuple[Any, Any]:
    one = bench(scenes.empty())
    one.window.open_page("host")
    return one, one.window.page("host")


def test_without_a_federation_the_page_says_what_hosting_is(bench: Any, qtbot: Any) -> None:
    _, page = opened(bench)
    assert page.title.title.text() == "Host a federation"
    assert not page.another.isVisible()
    click(qtbot, page.first)
    assert page.form.isVisible()
    assert not page.form.make.isEnabled()
    page.form.name.setText("  ")
    assert not page.form.make.isEnabled()
    page.form.name.setText("Ours")
    assert page.form.make.isEnabled()
    click(qtbot, page.form.go_back)
    assert page.first.isVisible()


def test_the_smallest_updates_are_offered_where_nothing_is_promised(bench: Any, qtbot: Any, tmp_path: Path) -> None:
    _, page = opened(bench)
    click(qtbot, page.first)
    form, wanted = page.form, []
    form.wanted.disconnect()
    form.wanted.connect(wanted.append)
    form.name.setText("Ours")
    smallest = form.updates.findData("smallest")
    assert not form.updates.model().item(smallest).isEnabled(), "noise and a choice by size do not go together"
    form.unit.setCurrentIndex(form.unit.findData("none"))
    assert form.updates.model().item(smallest).isEnabled()
    form.updates.setCurrentIndex(smallest)
    assert "sixty-four" in form.carried.text()
    click(qtbot, form.make)
    arguments = hosting.create_arguments(tmp_path / "x", wanted[0])
    assert {"--codec=topk", "--downlink=int8", "--privacy=none"} <= set(arguments)
    form.unit.setCurrentIndex(form.unit.findData("document"))
    assert form.updates.currentData() == "usual", "what is not allowed any more is not kept"


@pytest.mark.parametrize("updates", hosting.UPDATES)
def test_what_a_window_offers_can_be_created(tmp_path: Path, updates: str) -> None:
    from core.coordinator.__main__ import main

    wanted = NewFederation(name="Ours", unit="none", updates=updates)
    assert main(["create", *hosting.create_arguments(tmp_path / "x", wanted), "--json"]) == 0


def test_the_form_says_what_each_choice_means(bench: Any, qtbot: Any) -> None:
    _, page = opened(bench)
    click(qtbot, page.first)
    form = page.form
    assert not form.address.isVisible()
    form.reach.setCurrentIndex(2)
    assert form.address.isVisible()
    assert "router" in form.reached.text()
    form.unit.setCurrentIndex(form.unit.findData("none"))
    assert form.explained.property("ink") == "danger"


@pytest.mark.slow
def test_a_federation_from_the_form_to_an_invite_and_back_to_rest(bench: Any, qtbot: Any) -> None:
    one, page = opened(bench)
    click(qtbot, page.first)
    page.form.name.setText("Village <b>prose</b>")
    page.form.unit.setCurrentIndex(page.form.unit.findData("record"))
    click(qtbot, page.form.make)
    qtbot.waitUntil(lambda: bool(page.model.rowCount()), timeout=60_000)
    place = Path(page.model.row(0).path)
    assert place.parent == hosting.home_of_hosted(one.settings.home)
    try:
        qtbot.waitUntil(lambda: page.detail.stop.isVisible(), timeout=90_000)
        assert page.title.title.text() == "Village <b>prose</b> waits for volunteers"
        assert page.detail.facts["privacy"].text() == "Per passage"
        click(qtbot, page.detail.invite)
        page.invite.uses.setValue(3)
        click(qtbot, page.invite.make)
        qtbot.waitUntil(lambda: page.invite.copy.isVisible(), timeout=30_000)
        click(qtbot, page.invite.copy)
        read = parse(QGuiApplication.clipboard().text())
        assert (read.name, read.uses) == ("Village <b>prose</b>", 3)
        assert read.address == page.detail.facts["address"].text()
        assert page.invite.code.isVisible()
        click(qtbot, page.invite.back)
        click(qtbot, page.detail.stop)
        qtbot.waitUntil(lambda: page.detail.run.isVisible(), timeout=60_000)
    finally:
        running.stop(place)
    assert page.title.title.text() == "Village <b>prose</b> is at rest"
    assert not running.is_running(running.Federation(place))


@pytest.mark.slow
def test_a_port_that_is_taken_is_named_with_the_next_free_one(bench: Any, qtbot: Any) -> None:
    _, page = opened(bench)
    server = QTcpServer()
    assert server.listen(QHostAddress(QHostAddress.SpecialAddress.LocalHost), 0)
    click(qtbot, page.first)
    page.form.name.setText("Ours")
    page.form.port.setValue(server.serverPort())
    click(qtbot, page.form.make)
    place = None
    try:
        qtbot.waitUntil(lambda: page.other_port.isVisible(), timeout=90_000)
        place = Path(page.model.row(0).path)
        assert str(server.serverPort()) in page.trouble.title.text()
        click(qtbot, page.other_port)
        qtbot.waitUntil(lambda: page.detail.stop.isVisible(), timeout=90_000)
        assert page.detail.facts["address"].text() == f"127.0.0.1:{page._port}"
    finally:
        server.close()
        if place is not None:
            running.stop(place)


def test_a_snapshot_of_the_engine_makes_nobody_look_into_the_folder(bench: Any, qtbot: Any) -> None:
    one, page = opened(bench)
    looked: list[int] = []
    page._places = lambda: (looked.append(1), [])[1]
    one.store.changed.emit()
    one.store.changed.emit()
    assert looked == []


def test_without_an_engine_federations_are_looked_at_all_the_same(bench: Any, qtbot: Any) -> None:
    one = bench(scenes.empty())
    folder = hosting.home_of_hosted(one.settings.home)
    (folder / "broken").mkdir(parents=True)
    (folder / "broken" / hosting.SETTINGS_FILE).write_text("not = [toml")
    one.engine.stop()
    qtbot.waitUntil(lambda: not one.store.connected, timeout=5_000)
    one.window.open_page("host")
    page = one.window.page("host")
    qtbot.waitUntil(page.trouble.isVisible, timeout=30_000)


def test_a_broken_folder_is_one_sentence(bench: Any, qtbot: Any) -> None:
    one = bench(scenes.empty())
    folder = hosting.home_of_hosted(one.settings.home)
    (folder / "broken").mkdir(parents=True)
    (folder / "broken" / hosting.SETTINGS_FILE).write_text("not = [toml")
    one.window.open_page("host")
    page = one.window.page("host")
    qtbot.waitUntil(lambda: page.trouble.isVisible(), timeout=30_000)
    assert page.trouble.title.text()
    assert page.model.data(page.model.index(0, 0)) == "broken"


def test_commands_run_one_after_the_other_and_say_why_they_failed(qtbot: Any, tmp_path: Path) -> None:
    process, heard = HostProcess(), []
    for name in ("a", "a", "b"):
        process.ask("status", (str(tmp_path / name),), lambda _: None, lambda error: heard.append(error))
    qtbot.waitUntil(lambda: len(heard) == 2, timeout=30_000)
    assert not process.busy
    process.ask("status", (str(tmp_path),), lambda _: None, lambda error: heard.append(error))
    process.stop()
    assert not process.busy
    qtbot.wait(20)
    assert len(heard) == 2


def test_the_models_offered_have_the_parameters_they_say() -> None:
    assert {name: num_parameters(PRESETS[name]) for name in hosting.PRESETS} == hosting.PRESETS


def test_a_name_that_looks_like_an_option_stays_a_name(tmp_path: Path) -> None:
    arguments = hosting.create_arguments(tmp_path / "x", NewFederation(name="--preset", operator="-o"))
    assert "--name=--preset" in arguments
    assert "--operator=-o" in arguments
    assert not any(argument.startswith("--purpose") for argument in arguments)


@pytest.mark.parametrize("output", [b"", b"[]", b"{", b'{"invite": 3}', b"null"])
def test_an_answer_that_is_none_is_refused(output: bytes) -> None:
    with pytest.raises(EngineError, match="without an answer"):
        hosting.read("invite", output)


def test_an_error_of_the_coordinator_keeps_its_words() -> None:
    line = msgspec.json.encode({"error": {"code": "usage", "message": "No.", "hint": "Yes."}})
    with pytest.raises(UsageError, match="No"):
        hosting.read("status", line)
    assert hosting.last_trouble(b'{"ready": true}\n') is None
    assert hosting.last_trouble(b"") is None
    trouble = hosting.last_trouble(b'{"ready": true}\n{"error": {"code": "coordinator", "message": "Taken."}}\n')
    assert isinstance(trouble, CoordinatorError)


def test_new_folders_never_meet(tmp_path: Path) -> None:
    first = hosting.new_folder(tmp_path, "Käse & Brot!")
    assert first.name == "k-se-brot"
    first.mkdir()
    assert hosting.new_folder(tmp_path, "Käse & Brot!").name == "k-se-brot-2"
    assert hosting.new_folder(tmp_path, "../..").parent == tmp_path


def test_a_free_port_is_free() -> None:
    server = QTcpServer()
    assert server.listen(QHostAddress(QHostAddress.SpecialAddress.AnyIPv4), 0)
    found = free_port(server.serverPort())
    assert found != server.serverPort()
    server.close()


def test_the_code_holds_the_link_or_is_not_shown(bench: Any, qtbot: Any) -> None:
    one = bench()
    code = QrCode(one.theme, "code")
    qtbot.addWidget(code)
    assert code.show_text("hedgerow://join?" + "x" * 700)
    side = code.sizeHint().width()
    assert side == code.sizeHint().height() > code.modules
    assert not code.show_text("x" * 4_000)
    assert code.modules == 0


def test_figures_of_a_federation_are_shown(bench: Any, qtbot: Any) -> None:
    _, page = opened(bench)
    page.detail.show_federation(scenes.hosted(), "/somewhere", starting=False, busy=False)
    assert page.detail.facts["rounds"].text() == "4 of 10 done"
    assert page.detail.rounds.data(page.detail.rounds.index(0, 0)) == "Round 5"
    assert page.detail.people.rowCount() == 3
    assert "From 8.021 to 3.310 bits per byte" in page.detail.plot.accessibleDescription()
    assert isinstance(scenes.hosted(), Hosted)
    assert time.time() > scenes.hosted().people[0].joined_at
