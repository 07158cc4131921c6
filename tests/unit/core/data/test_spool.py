"""A reader that is killed goes on where it was; a file that kills it costs itself, a large one little memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.documents import zipped
from support.zoo import looping_pdf

from core.data import at_work, content, digests, extract, generation, spool
from core.data.digests import Digests
from core.data.reading import Reading
from core.data.spool import Spool
from core.data.tokenizer import BUILTIN, builtin_tokenizer_path
from core.jobs import Job, ReadJob, ReadProgress, ReadResult, Skipped

KEY = bytes(range(32))
PROSE = "The hedgerow along lane {n} hides a wren, two blackbirds and {n} sloes in a thorn. " * 12


class Desk:
    """A folder of text, a store, and a reader in this process."""

    def __init__(self, root: Path) -> None:
        self.text, self.store = root / "text", root / "store"
        self.text.mkdir()
        self.store.mkdir()
        self.read_names: list[str] = []
        self.messages: list[Job] = []
        self.sketch = Digests(b"", b"")

    def job(self, **changes: Any) -> ReadJob:
        return ReadJob(
            corpus_id="c", paths=(str(self.text),), store_dir=str(self.store),
            tokenizer_path=str(builtin_tokenizer_path()), tokenizer_sha256=BUILTIN["hedgerow-4k"], **changes,
        )  # fmt: skip

    def run(self, **changes: Any) -> ReadResult:
        self.read_names, self.messages = [], []
        result = Reading(self.job(**changes), KEY, self.messages.append).run()
        self.sketch = digests.load(result.digests_path, KEY)
        return result

    @property
    def skips(self) -> dict[str, str]:
        return {m.path.removeprefix(f"{self.text}/"): m.reason for m in self.messages if isinstance(m, Skipped)}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(tmp_path)
    real = extract.documents

    def counted(name: str, *rest: Any) -> Iterator[str]:
        desk.read_names.append(os.path.basename(name))
        return real(name, *rest)

    monkeypatch.setattr(extract, "documents", counted)
    monkeypatch.setattr(content, "SETTLED_S", -1.0)
    monkeypatch.setattr(spool, "FLUSH_S", 0.0)
    return desk


class Killed(BrokenPipeError):
    """What a reader sees when its engine is gone; it ends at once, as by a kill."""


def killed_at(desk: Desk, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    counted = extract.documents

    def documents(path: str, *rest: Any) -> Iterator[str]:
        if os.path.basename(path) == name:
            raise Killed
        return counted(path, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(extract, "documents", documents)
        with pytest.raises(Killed):
            desk.run()


def test_what_was_read_before_a_kill_is_not_read_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(25):
        (desk.text / f"{number:02}.txt").write_text(PROSE.format(n=number))
    (desk.text / "05.txt").write_text(PROSE.format(n=4))
    killed_at(desk, monkeypatch, "20.txt")
    assert len(list(desk.store.glob("spool-*"))) == 20
    rescued = desk.run()
    sketch = desk.sketch
    assert desk.read_names == [f"{number:02}.txt" for number in range(20, 25)]
    assert desk.skips == {"05.txt": "an exact copy of another document"}
    assert not list(desk.store.glob("spool-*"))
    assert {path.suffix for path in desk.store.iterdir()} == {"", ".shard"}
    for path in desk.store.iterdir():
        path.unlink()
    fresh = desk.run()
    assert len(desk.read_names) == 25
    assert sketch == desk.sketch
    assert len(sketch.packed) == 24 * 32
    assert (rescued.tokens, rescued.held_out_tokens) == (fresh.tokens, fresh.held_out_tokens)


def test_a_damaged_part_of_the_spool_is_as_if_it_were_not_there(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        (desk.text / f"{number}.txt").write_text(PROSE.format(n=number))
    killed_at(desk, monkeypatch, "3.txt")
    first, second, *_ = sorted(desk.store.glob("spool-*"))
    first.write_bytes(first.read_bytes()[:-1])
    (shard,) = (ref for part in spool.load(desk.store, KEY)[:1] for ref in part.result.shards)
    Path(shard.path).unlink()
    assert second.exists()
    assert desk.run().documents == 4
    assert desk.read_names == ["0.txt", "1.txt", "3.txt"]


def test_a_full_disk_costs_the_spool_and_not_the_reading(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    (desk.text / "a.txt").write_text(PROSE.format(n=1))

    def full(*_: object) -> None:
        raise spool.StorageError("The disk is full.")

    monkeypatch.setattr(Spool, "_write", full)
    assert desk.run().documents == 1


def test_a_file_that_ended_an_earlier_reader_is_left_out_until_it_changes(desk: Desk) -> None:
    for name in ("bad.txt", "good.txt"):
        (desk.text / name).write_text(PROSE.format(n=name))
    blamed = generation.path_hash(str(desk.text / "bad.txt"))
    assert desk.run(excluded=((blamed, at_work.FAILED),)).documents == 1
    assert desk.read_names == ["good.txt"]
    assert desk.run().documents == 1
    assert desk.skips == {"bad.txt": at_work.FAILED}
    (desk.text / "bad.txt").write_text("another text, which hurts nobody. " * 20)
    assert desk.run().documents == 2


def test_a_file_that_took_too_long_is_tried_again_next_time(desk: Desk) -> None:
    for name in ("bad.txt", "good.txt"):
        (desk.text / name).write_text(PROSE.format(n=name))
    blamed = generation.path_hash(str(desk.text / "bad.txt"))
    assert desk.run(excluded=((blamed, at_work.HUNG),)).documents == 1
    assert desk.skips == {"bad.txt": at_work.HUNG}
    assert desk.run().documents == 2


def test_a_member_of_an_archive_is_left_out_alone(desk: Desk) -> None:
    members = {f"{n}.txt": PROSE.format(n=n) for n in range(3)}
    (desk.text / "a.zip").write_bytes(zipped(members))
    blamed = generation.path_hash(f"{desk.text / 'a.zip'}\0{'1.txt'}")
    assert desk.run(excluded=((blamed, at_work.FAILED),)).documents == 2
    assert desk.skips == {"a.zip/1.txt": at_work.FAILED}
    assert desk.run().documents == 2
    assert desk.skips == {"a.zip/1.txt": at_work.FAILED}, "what is set aside is said also where nothing was read again"


def test_another_field_reads_the_records_again(desk: Desk) -> None:
    (desk.text / "a.jsonl").write_text('{"text": "the usual field", "story": "the other one"}\n' * 3)
    first = desk.run()
    sketch = desk.sketch
    assert desk.run() == first
    assert desk.read_names == []
    desk.run(text_field="story")
    assert desk.sketch != sketch
    assert desk.run(text_field="story").documents == 1
    assert desk.read_names == []


def test_progress_counts_the_bytes_of_the_files(desk: Desk) -> None:
    for number in range(3):
        (desk.text / f"{number}.txt").write_text(PROSE.format(n=number))
    desk.run()
    total = sum(path.stat().st_size for path in desk.text.iterdir())
    shown = [message for message in desk.messages if isinstance(message, ReadProgress)]
    assert (shown[-1].bytes_done, shown[-1].bytes_total) == (total, total)
    assert all(message.bytes_done <= total for message in shown)


HANG = """
import sys
from pathlib import Path
from core.data import reader, watching
from core.data.at_work import AtWork
from core.data.corpora import Found
from core.data import extract
watching.HANG_S = 1.0
store, name = Path(sys.argv[1]), sys.argv[2]
with watching.FileWatch(Found(name, ()), AtWork(store), {}, lambda _: None, reader._end_after) as watch:
    print(list(extract.documents(name, Path(name).read_bytes(), "", watch)))
"""


def test_native_code_that_never_returns_is_ended_and_named(tmp_path: Path) -> None:
    path = tmp_path / "loop.pdf"
    path.write_bytes(looping_pdf())
    done = subprocess.run(
        [sys.executable, "-c", HANG, str(tmp_path), str(path)], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGALRM, done.stderr
    assert at_work.blamed(tmp_path) == generation.path_hash(str(path))


MEMORY = """
import sys
from pathlib import Path
from core.data import reader
from core.data.reading import Reading
from core.jobs import ReadJob
reader._keep_heap_small()
def peak():  # unlike getrusage it does not count what the parent had
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
before = peak()
folder, store, tokenizer, sha256 = sys.argv[1:]
job = ReadJob(corpus_id="c", paths=(folder,), store_dir=store, tokenizer_path=tokenizer, tokenizer_sha256=sha256)
result = Reading(job, bytes(32), lambda _: None).run()
print(result.documents, peak() - before)
"""
LARGE = 200 << 20


@pytest.mark.parametrize("kind", ["a.txt", "a.jsonl"])
def test_a_file_of_hundreds_of_megabytes_needs_little_memory(tmp_path: Path, kind: str) -> None:
    """Its text repeats, so that most of it is a copy: what is measured is the reading, not the tokenising."""
    text, store = tmp_path / "text", tmp_path / "store"
    text.mkdir()
    store.mkdir()
    line = {"a.txt": "%s\n", "a.jsonl": '{"text": "%s"}\n'}[kind] % ("hedgerow " * 7_000)
    with (text / kind).open("w") as stream:
        for _ in range(LARGE // len(line)):
            stream.write(line)
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(text), str(store), str(builtin_tokenizer_path()), BUILTIN["hedgerow-4k"]],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    (text / kind).unlink()
    documents, grown_kib = map(int, done.stdout.split())
    assert documents >= 1
    assert grown_kib << 10 < LARGE / 2
