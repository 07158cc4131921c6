"""What the demo refuses before it starts anything, and where its model goes."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import pytest

from core.api.errors import CorpusError, EngineError, StorageError
from core.demo.__main__ import main, parse
from core.demo.folder import demo_folder, model_folder, signals_interrupt
from core.demo.run import Options, in_parallel, needed_units, refuse_small_shares
from core.demo.text import Document, Split
from core.postprocess.privacy.accountant import bucket

LINE = "A hedge is a living boundary, and what grows inside stays inside. "


def test_the_needed_units_are_what_the_planner_accepts() -> None:
    needed = needed_units("tiny", "record")
    assert bucket(int(0.93 * needed)) * 0.25 >= 64
    assert 256 <= needed <= 300
    assert needed_units("tiny", "none") < 20


def test_a_small_share_is_refused_by_name() -> None:
    large, small = Document("large", LINE * 6_000), Document("small", LINE * 50)
    with pytest.raises(CorpusError, match=r"volunteer 2 has \d+ records of 128 tokens, but unit record needs"):
        refuse_small_shares(Split("held out", ((large,), (small,))), Options())
    refuse_small_shares(Split("held out", ((large,), (small,))), Options(privacy="none"))
    with pytest.raises(CorpusError, match=r"volunteer 1 has 1 documents, but unit document needs"):
        refuse_small_shares(Split("held out", ((large,), (small,))), Options(privacy="document"))
    many = tuple(Document(f"note {number}", LINE * 3) for number in range(needed_units("tiny", "document")))
    refuse_small_shares(Split("held out", (many,)), Options(privacy="document"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--volunteers", "0"],
        ["--rounds", "x"],
        ["--privacy", "village"],
        ["--preset", "30b"],
        ["--window-command", "x"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().out == ""


def test_parallel_tasks_keep_their_order_and_fail_at_once() -> None:
    gate = threading.Event()
    tasks = [lambda: gate.wait(5) and "first", lambda: gate.set() or "second"]
    assert in_parallel(tasks) == ["first", "second"]

    def fail() -> None:
        raise CorpusError("no text")

    began = time.monotonic()
    with pytest.raises(CorpusError, match="no text"):
        in_parallel([lambda: time.sleep(5), fail])
    assert time.monotonic() - began < 3
    with pytest.raises(EngineError, match="ZeroDivisionError"):
        in_parallel([lambda: 1 // 0])


def test_headless_beats_the_window(tmp_path: Path) -> None:
    window = ["--window-command", '["python", "-m", "app"]']
    assert parse(window).window_command == ("python", "-m", "app")
    assert parse([*window, "--headless"]).window_command == ()
    assert parse(["--corpus", "a", "--corpus", "b"]).corpora == (Path("a").absolute(), Path("b").absolute())


def test_a_named_error_is_one_json_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json", "--corpus", str(tmp_path / "nowhere")]) == 1
    out = capsys.readouterr().out
    assert '"code": "corpus"' in out
    assert "is not there" in out


def test_the_model_never_overwrites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda _: "now")
    first = model_folder(None)
    assert first.parent == tmp_path
    first.mkdir()
    assert model_folder(None) != first
    assert model_folder(tmp_path / "kept") == tmp_path / "kept" / "model"


def test_the_folder_goes_with_the_demo_unless_it_is_kept(tmp_path: Path) -> None:
    with demo_folder(None) as folder:
        (folder / "file").write_text("x")
    assert not folder.exists()
    with demo_folder(tmp_path / "kept") as folder:
        (folder / "file").write_text("x")
    assert (tmp_path / "kept" / "file").exists()
    with pytest.raises(StorageError, match="not empty"), demo_folder(tmp_path / "kept"):
        pass
    with pytest.raises(StorageError, match="cannot be used"), demo_folder(tmp_path / "kept" / "file"):
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_request_to_stop_is_one_interrupt(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), signals_interrupt():
        signal.raise_signal(number)
    assert signal.getsignal(number) == before
