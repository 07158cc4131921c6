"""Choosing, reading again and previewing text in the window; the preview child is a real one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PySide6.QtCore import Qt
from support import scenes

from core import jobs
from core.api.errors import CorpusError
from core.api.messages.corpora import ChangeParams, PreviewTicket
from core.data.builtin import BUILTIN, builtin_tokenizer_path
from core.data.packing import Packer
from core.data.tokenizer import Tokenizer
from core.jobs import PreviewJob, ShardRef

KEY = bytes(range(32))
LETTERS = ["Dear hedge, <b>this</b> is yours alone.\n\x1b[31m" + "It grows well. " * 120, "A second letter. " * 160]


@pytest.fixture
def ticket(tmp_path: Path) -> Callable[[], PreviewTicket]:
    """Tickets for a real shard, each redeemed once by a thread that stands in for the engine."""
    packer = Packer(tmp_path, KEY, Tokenizer.load(builtin_tokenizer_path()))
    for letter in LETTERS:
        packer.add(letter)
    shards = tuple(
        ShardRef(path=f.path, sha256=f.sha256, tokens=f.tokens, documents=f.documents, text_bytes=f.text_bytes)
        for f in packer.finish()
    )
    job = PreviewJob(
        corpus_id="c1", shards=shards, tokenizer_path=str(builtin_tokenizer_path()),
        tokenizer_sha256=BUILTIN["hedgerow-4k"],
    )  # fmt: skip
    made: list[int] = []

    def issue() -> PreviewTicket:
        made.append(1)
        bound = socket.socket(socket.AF_UNIX)
        bound.bind(str(tmp_path / f"p{len(made)}"))
        bound.listen(1)

        def redeem() -> None:
            with bound:
                other, _ = bound.accept()
                with other:
                    other.sendall(jobs.encode(job) + KEY)

        threading.Thread(target=redeem, daemon=True).start()
        return PreviewTicket(path=str(tmp_path / f"p{len(made)}"), documents=4)

    return issue


def opened(bench: Any) -> tuple[Any, Any]:
    one = bench()
    one.window.open_page("data")
    return one, one.window.page("data")


def click(qtbot: Any, button: Any) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_the_very_text_is_shown_as_plain_letters_and_paged_through(
    bench: Any, qtbot: Any, ticket: Callable[[], PreviewTicket]
) -> None:
    one, page = opened(bench)
    one.engine.replies["corpus.preview"] = lambda _: ticket()
    click(qtbot, page.inspector.preview)
    pane = page.preview
    assert pane.isVisible()
    assert not pane.forward.isEnabled()
    qtbot.waitUntil(pane.forward.isEnabled, timeout=30_000)
    assert pane.text.toPlainText().startswith("Dear hedge, <b>this</b> is yours alone.\n\ufffd[31mIt grows well.")
    assert "Document 1 of 4" in pane.facts.text()
    assert "used for training" in pane.facts.text()
    assert not pane.back.isEnabled()
    for _ in range(2):
        click(qtbot, pane.forward)
        qtbot.waitUntil(pane.back.isEnabled, timeout=30_000)
    assert "Document 3 of 4" in pane.facts.text()
    assert "held back for testing" in pane.facts.text()
    click(qtbot, pane.leave)
    assert not pane.isVisible()
    assert pane.text.toPlainText() == ""
    assert one.engine.params("corpus.preview")[0].corpus_id == "c1"


def test_another_field_is_shown_then_used_and_the_new_text_comes_by_itself(
    bench: Any, qtbot: Any, ticket: Callable[[], PreviewTicket], tmp_path: Path
) -> None:
    one, page = opened(bench)
    path = tmp_path / "letters.csv"
    path.write_text("id,note,story\n1,a short note,the story of the hedge is long\n")
    reading, chosen = scenes.training(revision=2), scenes.corpora()[0]
    letters = msgspec.structs.replace(chosen, paths=[str(path)], text_field="story")
    one.engine.push(msgspec.structs.replace(reading, corpora=[letters, *reading.corpora[1:]]))
    qtbot.waitUntil(lambda: one.store.snapshot.revision == 2, timeout=5_000)
    one.engine.replies["corpus.preview"] = lambda _: ticket()
    click(qtbot, page.inspector.preview)
    pane = page.preview
    qtbot.waitUntil(pane.forward.isEnabled, timeout=30_000)
    assert (pane.field_row.isVisible(), pane.field.text()) == (True, "story")
    pane.field.setText("note")
    click(qtbot, pane.try_field)
    qtbot.waitUntil(lambda: pane.text.toPlainText() == "a short note", timeout=30_000)
    assert "read from note of id, note, story" in pane.facts.text()
    assert "not used like this yet" in pane.facts.text()
    one.engine.replies["corpus.change"] = letters
    click(qtbot, pane.use_field)
    qtbot.waitUntil(lambda: "read anew" in pane.facts.text(), timeout=5_000)
    assert one.engine.params("corpus.change")[-1] == ChangeParams(corpus_id="c1", text_field="note")
    asked = len(one.engine.params("corpus.preview"))
    for revision, state in ((3, "reading"), (4, "ready")):
        now = msgspec.structs.replace(letters, state=state, text_field="note")
        one.engine.push(msgspec.structs.replace(reading, revision=revision, corpora=[now, *reading.corpora[1:]]))
    qtbot.waitUntil(lambda: len(one.engine.params("corpus.preview")) == asked + 1, timeout=5_000)
    qtbot.waitUntil(lambda: "Document 1 of 4" in pane.facts.text(), timeout=30_000)


def test_text_without_fields_has_none_to_choose(bench: Any, qtbot: Any) -> None:
    _, page = opened(bench)
    click(qtbot, page.inspector.preview)
    assert page.preview.isVisible()
    assert not page.preview.field_row.isVisible()


def test_a_preview_that_fails_says_why_and_another_text_closes_it(bench: Any, qtbot: Any) -> None:
    one, page = opened(bench)
    click(qtbot, page.inspector.preview)
    qtbot.waitUntil(lambda: "shown already" in page.preview.facts.text(), timeout=30_000)
    assert page.preview.facts.property("ink") == "danger"
    page.table.selectRow(1)
    assert not page.preview.isVisible()
    one.engine.replies["corpus.preview"] = CorpusError("It has not been read yet.")
    click(qtbot, page.inspector.preview)
    qtbot.waitUntil(lambda: "not been read yet" in page.preview.facts.text(), timeout=5_000)


def test_leaving_the_page_lets_go_of_the_text(bench: Any, qtbot: Any, ticket: Callable[[], PreviewTicket]) -> None:
    one, page = opened(bench)
    one.engine.replies["corpus.preview"] = lambda _: ticket()
    click(qtbot, page.inspector.preview)
    qtbot.waitUntil(lambda: page.previews._process is not None, timeout=5_000)
    one.window.open_page("home")
    assert page.previews._process is None
    qtbot.wait(50)
    assert page.preview.text.toPlainText() == ""


def test_a_choice_is_typed_in_peace_and_asked_for(bench: Any, qtbot: Any) -> None:
    one, page = opened(bench)
    click(qtbot, page.inspector.choose)
    pane = page.choice
    assert pane.isVisible()
    pane.include.setPlainText("*.md\n\n  notes/  \n")
    pane.exclude.setPlainText("drafts/")
    pane.hidden.setChecked(True)
    pane.weight.setText("2,5")
    pane.field.setText("body")
    one.engine.push(scenes.training(revision=2))
    qtbot.waitUntil(lambda: one.store.snapshot.revision == 2, timeout=5_000)
    assert pane.include.toPlainText().startswith("*.md"), "news overwrite nothing"
    one.engine.replies["corpus.change"] = CorpusError("The pattern is not understood.", "Write another.")
    click(qtbot, pane.apply)
    qtbot.waitUntil(pane.trouble.isVisible, timeout=5_000)
    assert pane.trouble.text() == "The pattern is not understood. Write another."
    one.engine.replies["corpus.change"] = scenes.corpora()[0]
    click(qtbot, pane.apply)
    qtbot.waitUntil(lambda: not pane.isVisible(), timeout=5_000)
    assert one.engine.params("corpus.change")[-1] == ChangeParams(
        corpus_id="c1", include=["*.md", "notes/"], exclude=["drafts/"], hidden=True, generated=False,
        text_field="body", weight=2.5,
    )  # fmt: skip
    click(qtbot, page.inspector.choose)
    pane.weight.setText("heavy")
    click(qtbot, pane.apply)
    assert "is a number" in pane.trouble.text()
    assert len(one.engine.params("corpus.change")) == 2


def test_reading_again_and_cancelling_are_one_button(bench: Any, qtbot: Any) -> None:
    one, page = opened(bench)
    button = page.inspector.read_again
    assert button.text() == "Read again"
    click(qtbot, button)
    qtbot.waitUntil(lambda: "corpus.refresh" in one.engine.methods(), timeout=5_000)
    page.table.selectRow(2)
    assert button.text() == button.accessibleName() == "Cancel reading"
    assert page.inspector.facts.text() == "Reading: 1,240 of 1,905 files, 8.1\u202fMB · 2.1 M tokens · 40 s left"
    assert not page.inspector.preview.isEnabled()
    click(qtbot, button)
    qtbot.waitUntil(lambda: "corpus.cancel" in one.engine.methods(), timeout=5_000)
    assert one.engine.params("corpus.cancel")[0].corpus_id == "c3"


def test_what_a_text_is_made_of_is_said(bench: Any, qtbot: Any) -> None:
    one, page = opened(bench)
    words = page.inspector.kinds.text()
    assert "Languages: English 88 %, German 12 %." in words
    assert "Formats: md 93 %, txt 7 %." in words
    assert "41 documents left out, because another text has them." in words
    assert "17 exact copies used once." in words
    changed = scenes.training(revision=2)
    heavy = msgspec.structs.replace(changed.corpora[0], weight=2.0, refreshing=True, languages=[], formats=[])
    one.engine.push(msgspec.structs.replace(changed, corpora=[heavy, *changed.corpora[1:]]))
    qtbot.waitUntil(lambda: "Weight 2." in page.inspector.kinds.text(), timeout=5_000)
    assert "looking for changes" in page.inspector.facts.text()
    assert page.inspector.read_again.text() == "Cancel reading"
