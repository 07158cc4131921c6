"""The reader as the engine starts it: a real process, locked down, with real pipes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec
import pytest

from core import jobs
from core.data import reading, spool, telling
from core.data.reader import Pipe, work
from core.data.tokenizer import BUILTIN, builtin_tokenizer_path
from core.jobs import Alive, Failed, Job, ReadJob, ReadProgress, ReadResult, Ready, Skipped

KEY = bytes(range(32))


def job(text: Path, store: Path, memory: int = 1 << 30) -> ReadJob:
    return ReadJob(
        corpus_id="c", paths=(str(text),), store_dir=str(store), tokenizer_path=str(builtin_tokenizer_path()),
        tokenizer_sha256=BUILTIN["hedgerow-4k"], max_memory_bytes=memory,
    )  # fmt: skip


@contextmanager
def reader(sent: bytes, log: Path, key: bytes = KEY) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    down_r, down_w = os.pipe()
    up_r, up_w = os.pipe()
    key_r, key_w = os.pipe()
    os.write(key_w, key)
    os.close(key_w)
    flags = ["--in-fd", str(down_r), "--out-fd", str(up_w), "--key-fd", str(key_r)]
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-I", "-m", "core.data.reader", *flags], pass_fds=(down_r, up_w, key_r), stderr=errors
        )
    for descriptor in (down_r, up_w, key_r):
        os.close(descriptor)
    os.write(down_w, sent)
    try:
        with os.fdopen(up_r, "rb") as up:
            yield process, up
    finally:
        os.close(down_w)
        if process.poll() is None:
            process.kill()
        process.wait()


def run(one: ReadJob, log: Path) -> tuple[list[Job], int]:
    with reader(jobs.encode(one), log) as (process, up):
        messages = [jobs.decode_up(line) for line in up]
        # On a busy machine signs of life go on for a while after the last word.
        return [message for message in messages if not isinstance(message, Alive)], process.wait(30)


def test_it_locks_itself_down_before_it_reads(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.mkdir()
    (text / "a.txt").write_text("a canary in the hedgerow. " * 60_000)
    with reader(jobs.encode(job(text, tmp_path / "store")), tmp_path / "log") as (process, up):
        first: list[Job] = []
        while not first or isinstance(first[-1], Alive):
            first.append(jobs.decode_up(up.readline()))
        ready = first[-1]
        began = time.monotonic()
        assert isinstance(ready, Ready)
        assert ready.sandbox.startswith("seccomp")
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert "Seccomp:\t2" in status
        assert "NoNewPrivs:\t1" in status
        rest = [jobs.decode_up(line) for line in up]
    signs = sum(isinstance(message, Alive) for message in (*first, *rest))
    assert signs >= max(1, int((time.monotonic() - began) / 2)), "a sign of life at least every two seconds"
    assert isinstance(rest[-1], ReadResult)
    assert not any(b"canary" in jobs.encode(message) for message in rest)
    assert b"canary" not in (tmp_path / "log").read_bytes()


def test_five_thousand_small_files_fit_in_bounded_memory(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.mkdir()
    for number in range(5_000):
        (text / f"{number:04}.txt").write_text(f"File number {number} is a small one of many.\n")
    messages, code = run(job(text, tmp_path / "store", memory=512 << 20), tmp_path / "log")
    result = messages[-1]
    assert isinstance(result, ReadResult)
    assert (code, result.documents, result.skipped_total) == (0, 5_000, 0)
    assert 0.03 < result.held_out_tokens / result.tokens < 0.07
    progress = [message for message in messages if isinstance(message, ReadProgress)]
    assert progress[-1].files_done == progress[-1].files_total == 5_000


@pytest.mark.skipif("HEDGEROW_CAMPAIGN" not in os.environ, reason="make campaign")
def test_three_hundred_thousand_small_files_and_a_change_fit_in_bounded_memory(tmp_path: Path) -> None:
    """No message grows with their number, and looking at them again costs a part of reading them."""
    text = tmp_path / "text"
    for number in range(300_000):
        if number % 500 == 0:
            (text / f"{number // 500:04}").mkdir(parents=True)
        (text / f"{number // 500:04}" / f"{number:06}.txt").write_text(f"File number {number} is one of very many.\n")
    one = job(text, tmp_path / "store", memory=1 << 30)
    messages, code = run(one, tmp_path / "log")
    result = messages[-1]
    assert isinstance(result, ReadResult)
    assert (code, result.documents, result.skipped_total) == (0, 300_000, 0)
    assert max(len(jobs.encode(message)) for message in messages) < 4_096
    assert len(result.shards) == 2, "so many files need two maps and two open files"
    (text / "0000" / "000000.txt").write_text("Another text stands here now.\n")
    (text / "0001" / "000500.txt").unlink()
    changed, most = run_measured(msgspec.structs.replace(one, glance=True), tmp_path / "log")
    assert (changed.documents, most < 768 << 20) == (299_999, True)


def records(path: Path, count: int) -> None:
    """JSON lines of about 150 bytes, all different."""
    with path.open("w") as stream:
        for number in range(count):
            words = " ".join(f"w{number * 7919 % divisor}" for divisor in (97, 89, 83, 79, 73, 71, 67, 61))
            stream.write(
                f'{{"id": {number}, "text": "Record {number} of a single file. {words} and no more than that."}}\n'
            )


def most_resident(process: subprocess.Popen[bytes]) -> int:
    """Bytes of memory a process has had at most, while it lives."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return next((int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM")), 0)


def run_measured(one: ReadJob, log: Path) -> tuple[ReadResult, int]:
    """The result, and the most memory the reader had."""
    most = 0
    with reader(jobs.encode(one), log) as (process, up):
        for line in up:
            most = max(most, most_resident(process))
            message = jobs.decode_up(line)
            if isinstance(message, ReadResult):
                return message, most
    pytest.fail(log.read_text())


def test_a_file_of_many_records_takes_little_memory_for_each(tmp_path: Path) -> None:
    few, many = tmp_path / "few.jsonl", tmp_path / "many.jsonl"
    records(few, 1_000)
    records(many, 61_000)
    small, least = run_measured(job(few, tmp_path / "one", memory=512 << 20), tmp_path / "log")
    one = job(many, tmp_path / "two", memory=512 << 20)
    large, most = run_measured(one, tmp_path / "log")
    assert (small.documents, large.documents, large.skipped_total) == (1_000, 61_000, 0)
    assert large.tokens > spool.FLUSH_TOKENS, "what is finished is written down under the sandbox as well"
    assert most - least < 60_000 * 1_500, "most of it is the shard that is about to be written"
    copy = tmp_path / "copy"
    copy.mkdir()
    many.rename(copy / "many.jsonl")
    (copy / "new.txt").write_text("One document more.")
    again, _ = run_measured(msgspec.structs.replace(one, paths=(str(copy),)), tmp_path / "log")
    assert again.documents == 61_001


@pytest.mark.skipif("HEDGEROW_CAMPAIGN" not in os.environ, reason="make campaign")
def test_a_single_file_of_millions_of_records_fits_in_bounded_memory(tmp_path: Path) -> None:
    """Read to its end, again without a change, and again with one record more."""
    path = tmp_path / "many.jsonl"
    records(path, 2_500_000)
    assert path.stat().st_size > 256 << 20
    one = job(path, tmp_path / "store", memory=1 << 30)
    result, most = run_measured(one, tmp_path / "log")
    assert (result.documents, result.skipped_total, len(result.shards) < 20) == (2_500_000, 0, True)
    assert most < 640 << 20
    again, most = run_measured(one, tmp_path / "log")
    assert again == result
    assert most < 640 << 20
    with path.open("a") as stream:
        stream.write('{"text": "One record more."}\n')
    changed, most = run_measured(one, tmp_path / "log")
    assert changed.documents == 2_500_001
    assert most < 640 << 20


def test_progress_counts_bytes_and_says_how_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "SURE_AFTER_S", -1.0)
    monkeypatch.setattr(telling, "PROGRESS_EVERY_S", -1.0)
    text, store = tmp_path / "text", tmp_path / "store"
    text.mkdir()
    store.mkdir()
    for number in range(6):
        (text / f"{number}.txt").write_text(f"File number {number} is a small one of a few. " * 40)
    told: list[Job] = []
    reading.Reading(job(text, store), KEY, told.append).run()
    progress = [message for message in told if isinstance(message, ReadProgress) and message.bytes_total]
    total = sum(path.stat().st_size for path in text.iterdir())
    assert {message.bytes_total for message in progress} == {total}
    done = [message.bytes_done for message in progress]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, total)
    assert progress[0].eta_s is None, "nothing is known yet"
    assert progress[-1].eta_s == 0.0
    assert all(
        message.eta_s is not None and message.eta_s > 0 for message in progress if 0 < message.bytes_done < total
    )


def test_a_zoo_costs_its_animals_and_nothing_else(tmp_path: Path) -> None:
    text, outside = tmp_path / "text", tmp_path / "outside"
    text.mkdir()
    outside.mkdir()
    (outside / "canary.txt").write_text("canary " * 100)
    (text / "good.txt").write_text("This one is fine and long enough to be worth something to anybody. " * 9)
    (text / "link.txt").symlink_to(outside / "canary.txt")
    (text / "loop").symlink_to(text)
    os.mkfifo(text / "pipe.txt")
    (text / "binary.txt").write_bytes(os.urandom(9_000))
    (text / "line.txt").write_text("x" * 3_000_000)
    (text / "utf16.md").write_bytes("Grüße aus der Hecke. ".encode("utf-16") * 30)
    (text / "marks.txt").write_text("e" + "\u0301\u0323" * 2_000 + " ends")
    messages, code = run(job(text, tmp_path / "store"), tmp_path / "log")
    result = messages[-1]
    assert isinstance(result, ReadResult)
    assert code == 0
    skips = {os.path.basename(message.path) for message in messages if isinstance(message, Skipped)}
    assert {"link.txt", "loop", "pipe.txt", "binary.txt"} <= skips
    assert not {"good.txt", "line.txt", "marks.txt"} & skips
    assert result.documents == 8 - len(skips)


def test_a_kill_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    text, store = tmp_path / "text", tmp_path / "store"
    text.mkdir()
    (text / "a.txt").write_text("The first state of the folder. " * 40)
    first, _ = run(job(text, store), tmp_path / "log")
    before = {path.name: path.read_bytes() for path in store.iterdir()}
    (text / "b.txt").write_text("A second file that takes a while to read. " * 20_000)
    with reader(jobs.encode(job(text, store)), tmp_path / "log") as (process, up):
        for line in up:
            if isinstance(jobs.decode_up(line), ReadProgress):
                break
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
    for name, content in before.items():
        assert (store / name).read_bytes() == content
    last, code = run(job(text, store), tmp_path / "log")
    assert isinstance(first[-1], ReadResult)
    assert isinstance(last[-1], ReadResult)
    assert (code, last[-1].documents) == (0, first[-1].documents + 1)
    assert {path.name for path in store.iterdir()} == {
        "generation",
        "digests",
        *(Path(s.path).name for s in last[-1].shards),
    }


def test_an_empty_folder_is_one_sentence(tmp_path: Path) -> None:
    text = tmp_path / "diary"
    text.mkdir()
    messages, code = run(job(text, tmp_path / "store"), tmp_path / "log")
    failed = messages[-1]
    assert isinstance(failed, Failed)
    assert (code, failed.code) == (1, "corpus")
    assert failed.message == "diary is empty."


@pytest.mark.parametrize("memory", [300, 340])
def test_a_file_too_large_for_the_memory_costs_itself_alone(tmp_path: Path, memory: int) -> None:
    """Wherever the memory ends, in Python or in native code, the process does not."""
    text = tmp_path / "text"
    text.mkdir()
    (text / "a.html").write_text("<html>" + "<p>word</p>" * 1_400_000)
    (text / "b.txt").write_text("a small file that fits well enough. " * 20)
    messages, code = run(job(text, tmp_path / "store", memory=memory << 20), tmp_path / "log")
    result = messages[-1]
    assert isinstance(result, ReadResult), (code, result, (tmp_path / "log").read_text())
    assert (code, result.documents) == (0, 1)
    (skipped,) = [message for message in messages if isinstance(message, Skipped)]
    assert (os.path.basename(skipped.path), skipped.reason) == ("a.html", "needs more memory than the reader may use")


@pytest.mark.parametrize("sent", [b"\n", b"{}\n", b'{"type":"pause"}\n', b"\xff\n"])
def test_what_is_no_job_is_refused(sent: bytes, tmp_path: Path) -> None:
    with reader(sent, tmp_path / "log") as (process, up):
        failed = jobs.decode_up(up.readline())
        assert isinstance(failed, Failed)
        assert failed.code == "engine"
        assert process.wait(30) == 1


def test_an_error_from_inside_never_quotes_its_own_words(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = "".join(reversed("yranac"))

    def broken(*_: object) -> None:
        raise RuntimeError(secret)

    monkeypatch.setattr("core.data.reader._work", broken)
    up_r, up_w = os.pipe()
    pipe = Pipe(up_w)
    assert work(-1, pipe, -1) == 1
    failed = jobs.decode_up(os.read(up_r, 4_096))
    os.close(up_r)
    assert isinstance(failed, Failed)
    assert secret not in failed.message + capfd.readouterr().err
    assert "RuntimeError" in failed.message


def test_an_engine_that_is_gone_ends_it_quietly(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.mkdir()
    (text / "a.txt").write_text("some text that takes a little while to be read. " * 20_000)
    with reader(jobs.encode(job(text, tmp_path / "store")), tmp_path / "log") as (process, up):
        up.readline()
        up.close()
        assert process.wait(20) == 1
    assert (tmp_path / "log").read_bytes() == b""
