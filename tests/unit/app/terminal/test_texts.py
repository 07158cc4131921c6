"""Commands on the owner's text: what they ask is exact, and what is shown is the text itself."""

from __future__ import annotations

import io
import json
from pathlib import Path

import msgspec
import pytest
from support.engine_double import scripted, serving

from app import cli
from app.terminal import console
from core.api.messages.base import Acknowledged
from core.api.messages.corpora import (
    ChangeParams,
    CorpusInfo,
    CorpusParams,
    Part,
    PathsParams,
    PreviewText,
    PreviewTicket,
    SkippedFile,
)

READY = CorpusInfo(
    corpus_id="c1", name="Letters", paths=["/x"], state="ready", include=["*.md"], weight=2.0, elsewhere=3, copies=4
)
READING = msgspec.structs.replace(
    READY, state="reading", files_done=3, files_total=9, read_bytes=2_000, total_bytes=6_000, tokens=450, eta_s=75.0
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setenv("HEDGEROW_HOME", str(tmp_path / "h"))
    return tmp_path / "h"


def test_what_is_chosen_at_adding_is_asked_for(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--include", "*.md", "--include", "notes/", "--exclude", "drafts/", "--hidden"]
    with serving(home, scripted({"corpus.add": READING, "corpus.inspect": READY})) as seen:
        assert cli.main(["corpus", "add", "/x", *arguments, "--weight", "2", "--field", "body"]) == 0
    assert seen[1].params == PathsParams(
        paths=["/x"], include=["*.md", "notes/"], exclude=["drafts/"], hidden=True, weight=2.0, text_field="body"
    )
    out, err = capsys.readouterr()
    shown = " ".join(out.split())
    assert "includes *.md" in shown
    assert "weight 2" in shown
    assert "in other texts 3, left out here" in shown
    assert "exact copies 4, used once" in shown
    assert "\r" not in err, "no progress line where there is no terminal"


def test_a_change_leaves_what_is_not_given(home: Path) -> None:
    with serving(home, scripted({"corpus.change": READY})) as seen:
        assert cli.main(["corpus", "change", "c1", "--weight", "0.5"]) == 0
        assert cli.main(["corpus", "change", "c1", "--include-all", "--exclude", "a", "--no-hidden", "--json"]) == 0
        assert cli.main(["corpus", "change", "c1", "--include-all", "--include", "a"]) == 2
    asked = [request.params for request in seen if request.method == "corpus.change"]
    assert asked == [
        ChangeParams(corpus_id="c1", weight=0.5),
        ChangeParams(corpus_id="c1", include=[], exclude=["a"], hidden=False),
    ]


def test_refresh_waits_until_the_new_generation_is_there(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refreshing = msgspec.structs.replace(READY, refreshing=True)
    with serving(home, scripted({"corpus.refresh": refreshing, "corpus.inspect": READY})) as seen:
        assert cli.main(["corpus", "refresh", "c1", "--json"]) == 0
    assert [request.method for request in seen] == ["hello", "corpus.refresh", "corpus.inspect"]
    assert json.loads(capsys.readouterr().out)["refreshing"] is False


def test_what_a_text_is_made_of_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = {
        "languages": [Part(name="en", count=1_200, bytes=9_000), Part(name="", count=3, bytes=50)],
        "formats": [Part(name="md", count=7, bytes=9_500)],
        "sizes": [5, 0, 2, 0, 1],
    }
    with serving(home, scripted({"corpus.inspect": msgspec.structs.replace(READY, **parts)})):
        assert cli.main(["corpus", "inspect", "c1"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "languages en 1,200, unknown 3" in shown
    assert "formats md 7 (9.5 kB)" in shown
    assert "sizes under 1 kB 5, to 100 kB 2, above 1" in shown


def test_cancel_and_remove_name_the_text(home: Path) -> None:
    with serving(home, scripted({"corpus.cancel": READY, "corpus.remove": Acknowledged()})) as seen:
        assert cli.main(["corpus", "cancel", "c1"]) == 0
        assert cli.main(["corpus", "remove", "c1"]) == 0
    assert [r.params for r in seen if r.method != "hello"] == [CorpusParams(corpus_id="c1")] * 2


def test_progress_is_said_in_files_bytes_tokens_and_time_left() -> None:
    assert console.reading_line(READING) == "reading Letters: 3 of 9 files, 2.0 kB of 6.0 kB, 450 tokens, 75 s left"
    begun = msgspec.structs.replace(READING, files_done=0, total_bytes=0, tokens=0, eta_s=None)
    assert console.reading_line(begun) == "reading Letters: 0 of 9 files, looking, 0 tokens"


def test_a_file_is_previewed_without_an_engine(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear hedge,\n\x1b[31mred\x07 and gr\u00fcn.\n" + "Yours. " * 40)
    assert cli.main(["corpus", "preview", str(path)]) == 0
    out, err = capsys.readouterr()
    assert out == "Dear hedge,\n\ufffd[31mred\ufffd and gr\u00fcn.\n" + "Yours. " * 40 + "\n", (
        "nothing in it reaches the terminal's controls"
    )
    assert "document 1 of 1" in err
    assert cli.main(["corpus", "preview", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["text"] == path.read_text()
    assert not home.exists()
    path.write_bytes(bytes(99))
    assert cli.main(["corpus", "preview", str(path)]) == 1
    assert "letter.txt would be set aside: binary" in capsys.readouterr().err


def test_a_text_is_previewed_by_a_ticket(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[list[str]] = []
    found = PreviewText(document=7, documents=9, text="the very text", tokens=3, text_bytes=13, held_out=True, cut=True)

    def run(command: list[str], **options: object) -> object:
        ran.append(command)
        return type("Done", (), {"stdout": msgspec.json.encode(found)})

    monkeypatch.setattr("app.terminal.texts.subprocess.run", run)
    with serving(home, scripted({"corpus.preview": PreviewTicket(path="/run/p1", documents=9)})) as seen:
        assert cli.main(["corpus", "preview", "c1", "--document", "7"]) == 0
    assert seen[-1].params == CorpusParams(corpus_id="c1")
    assert ran[0][1:] == ["-I", "-m", "core.data.preview", "--ticket", "/run/p1", "--document", "7"]
    out, err = capsys.readouterr()
    assert out == "the very text\n"
    assert "document 7 of 9, 13 B, 3 tokens, held back for testing" in err
    assert "It goes on" in err


def test_a_text_that_cannot_be_used_is_a_failure(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failed = msgspec.structs.replace(READY, state="error", error="Letters gave no text that can be used: empty.")
    with serving(home, scripted({"corpus.add": READING, "corpus.inspect": failed})):
        assert cli.main(["corpus", "add", "/x"]) == 1
        assert cli.main(["corpus", "add", "/x", "--json"]) == 1
        assert cli.main(["corpus", "inspect", "c1"]) == 0, "asked and answered"
    assert "gave no text" in capsys.readouterr().err


def test_the_field_of_a_file_is_shown_and_chosen(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,note,story\n1,short,a longer story\n")
    assert cli.main(["corpus", "preview", str(path)]) == 0
    assert cli.main(["corpus", "preview", str(path), "--field", "note"]) == 0
    out, err = capsys.readouterr()
    assert out == "a longer story\nshort\n"
    assert "read from 'note' of id, note, story" in err
    assert cli.main(["corpus", "preview", "c1", "--field", "note"]) == 2


def test_of_many_skipped_files_the_rest_is_counted(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    many = msgspec.structs.replace(READY, skipped=[SkippedFile(path="/x/a.bin", reason="binary")], skipped_total=1_201)
    with serving(home, scripted({"corpus.inspect": many})):
        assert cli.main(["corpus", "inspect", "c1"]) == 0
    err = capsys.readouterr().err
    assert "skipped /x/a.bin: binary" in err
    assert "skipped 1,200 more" in err
