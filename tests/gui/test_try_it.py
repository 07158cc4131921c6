"""Try it: a real child continues the owner's text in the window, and everything that can go wrong is one sentence."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PySide6.QtCore import Qt
from support import scenes

from core import jobs
from core.api.errors import UsageError
from core.api.messages.federations import FederationParams, ModelHere
from core.api.messages.state import Point, Series
from core.config.model import ModelSpec
from core.data.builtin import builtin_tokenizer_path
from core.jobs import CompleteJob
from core.model.checkpoint_io import encode_weights
from core.model.initialise import seeded_weights

SPEC = ModelSpec(preset="test", vocab_size=4_096, num_layers=1, d_model=32, num_heads=2, d_ff=64, max_seq_len=24)


@pytest.fixture
def here(tmp_path: Path) -> ModelHere:
    path, tokenizer = tmp_path / "weights", builtin_tokenizer_path()
    path.write_bytes(encode_weights(seeded_weights(SPEC, 1)))
    job = CompleteJob(
        weights_path=str(path), weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest(), model=SPEC,
        tokenizer_path=str(tokenizer), tokenizer_sha256=hashlib.sha256(tokenizer.read_bytes()).hexdigest(),
    )  # fmt: skip
    return ModelHere(name="Common Prose", rounds=3, preset="test", parameters=9, job=jobs.encode(job).decode())


def opened(bench: Any, *, empty: bool = False) -> tuple[Any, Any]:
    one = bench(scenes.empty()) if empty else bench()
    one.window.open_page("try")
    return one, one.window.page("try")


def click(qtbot: Any, button: Any) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


@pytest.mark.slow
def test_the_model_writes_on_where_the_owner_stopped(bench: Any, qtbot: Any, here: ModelHere) -> None:
    one, page = opened(bench)
    one.engine.replies["model.here"] = here
    page.sheet.setPlainText("The hedge ")
    page.sheet.setFocus()
    qtbot.keyClick(page.sheet, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert page.sheet.isReadOnly()
    assert page.halt.isEnabled()
    qtbot.waitUntil(page.go.isEnabled, timeout=60_000)
    assert page.sheet.toPlainText().startswith("The hedge ")
    assert len(page.sheet.toPlainText()) > 30
    assert "Common Prose, after 3 rounds" in page.facts.text()
    assert one.engine.params("model.here") == [FederationParams(federation_id="f1")]
    assert not page.sheet.isReadOnly()


@pytest.mark.slow
def test_stopping_and_leaving_end_the_child_and_keep_the_text(bench: Any, qtbot: Any, here: ModelHere) -> None:
    one, page = opened(bench)
    one.engine.replies["model.here"] = here
    page.sheet.setPlainText("The hedge ")
    for end in (lambda: click(qtbot, page.halt), lambda: one.window.open_page("home")):
        click(qtbot, page.go)
        qtbot.waitUntil(lambda: page.child.running, timeout=10_000)
        process = page.child._process
        end()
        assert not page.child.running
        assert process.state() == process.ProcessState.NotRunning
        assert page.sheet.toPlainText().startswith("The hedge ")
        one.window.open_page("try")


def test_what_goes_wrong_is_one_sentence(bench: Any, qtbot: Any) -> None:
    one, page = opened(bench)
    one.engine.replies["model.here"] = UsageError("No round of Common Prose has begun here yet.", "Wait.")
    click(qtbot, page.go)
    qtbot.waitUntil(page.trouble.isVisible, timeout=5_000)
    assert page.go.isEnabled()
    one.engine.replies["model.here"] = scenes.replies()["model.here"]  # whose job is none
    click(qtbot, page.go)
    qtbot.waitUntil(lambda: not page.child.running and page.go.isEnabled(), timeout=60_000)
    assert page.trouble.isVisible()
    assert page.sheet.toPlainText() == ""


def test_how_far_the_model_has_come_is_said_in_the_owners_figures(bench: Any, qtbot: Any) -> None:
    one, page = opened(bench)
    said = []
    for revision, values in enumerate(((), (3.5, 2.75), (2.75, 3.5)), start=2):
        points = [Point(server_round=n, step=0, value=value) for n, value in enumerate(values)]
        snapshot = scenes.training(revision=revision)
        one.engine.push(msgspec.structs.replace(snapshot, series=Series(bits_per_byte=points)))
        qtbot.waitUntil(lambda r=revision: one.store.snapshot.revision == r, timeout=5_000)
        said.append(page._progress())
    assert "after two rounds" in said[0]
    assert "goes nowhere" in page.facts.text()
    assert "from 3.50 to 2.75" in said[1]
    assert "stands at 3.50 bits per byte; it was 2.75" in said[2]


def test_without_a_federation_the_page_says_what_comes(bench: Any) -> None:
    _, page = opened(bench, empty=True)
    assert page._stack.currentIndex() == 1
    assert not page.which.isVisible()
