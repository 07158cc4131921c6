"""The reader child: files in, encrypted token shards out, no network, no programs, one batch, then gone.

``python -I -m core.data.reader --in-fd A --out-fd B --key-fd C``. It imports everything, takes its job and the store
key, locks itself down, and only then opens the owner's files. What goes up the pipe are counts, file names and keyed
hashes; never text. A file that cannot be used costs that file.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import sys
import threading
import time
from pathlib import Path

import msgspec

from core import jobs, vault
from core.api.errors import CorpusError, HedgerowError, StorageError
from core.data import extract, generation
from core.data.corpora import Found, find_files
from core.data.packing import Packer
from core.data.tokenizer import Tokenizer
from core.jobs import Job, ReadJob, ReadResult, ShardRef
from core.sandbox import lock_down

ALIVE_EVERY_S = 1.0
PROGRESS_EVERY_S = 0.25
MAX_SKIPPED_MESSAGES = 1_000


class Pipe:
    """The way up, shared by the worker and the sign-of-life thread."""

    def __init__(self, descriptor: int) -> None:
        self._stream = os.fdopen(descriptor, "wb", buffering=0)
        self._lock = threading.Lock()

    def send(self, message: Job) -> None:
        """One line, whole."""
        with self._lock:
            self._stream.write(jobs.encode(message))


class Reading:
    """One batch: finds, extracts, packs and reports."""

    def __init__(self, job: ReadJob, key: bytes, pipe: Pipe) -> None:
        self.job = job
        self.key = key
        self.pipe = pipe
        self.folder = Path(job.store_dir)
        self.tokenizer = Tokenizer.load(job.tokenizer_path, job.tokenizer_sha256)
        self.packer = Packer(self.folder, key, self.tokenizer)
        self.skipped = 0
        self.files_done = 0
        self.files_total = 0
        self.sources: list[str] = []
        self._told_at = 0.0

    def skip(self, path: str, reason: str) -> None:
        """Set one source aside."""
        self.skipped += 1
        if self.skipped <= MAX_SKIPPED_MESSAGES:
            self.pipe.send(jobs.Skipped(path=path, reason=reason))

    def tell(self) -> None:
        """Progress, a few times a second."""
        now = time.monotonic()
        if now - self._told_at >= PROGRESS_EVERY_S:
            self._told_at = now
            totals = self.packer.totals
            self.pipe.send(
                jobs.ReadProgress(
                    files_done=self.files_done,
                    files_total=self.files_total,
                    text_bytes=totals.text_bytes,
                    tokens=totals.tokens,
                )
            )

    def run(self) -> ReadResult:
        """Read everything.

        Raises:
            CorpusError: there is nothing usable.
            StorageError: the disk is full; the previous generation stands.
        """
        before = generation.load(self.folder, self.key)
        if self._survey(before is not None) and before is not None and self._unchanged(before):
            return before.result
        self.sources = []
        for found in find_files(self.job.paths, self.job.max_file_bytes):
            if isinstance(found, Found):
                self._take(found)
                self.files_done += 1
            else:
                self.skip(found.path, found.reason)
            self.tell()
        if not self.packer.totals.tokens:
            raise CorpusError(*_nothing(self.job.paths, self.skipped))
        return self._finish(0 if before is None else before.number)

    def _survey(self, compare: bool) -> bool:
        """Count the files, and where there is something to compare with, hash them."""
        for found in find_files(self.job.paths, self.job.max_file_bytes):
            if not isinstance(found, Found):
                continue
            self.files_total += 1
            with os.fdopen(found.descriptor, "rb") as stream, contextlib.suppress(OSError):
                if compare:
                    self._known(stream.read(self.job.max_file_bytes + 1))
        return bool(self.files_total)

    def _known(self, data: bytes) -> None:
        self.sources.append(generation.source_hash(data, extract.VERSION, self.tokenizer.sha256))

    def _unchanged(self, before: generation.Generation) -> bool:
        same = before.sources == tuple(self.sources) and before.tokenizer_sha256 == self.tokenizer.sha256
        return same and all(Path(shard.path).exists() for shard in before.result.shards)

    def _take(self, found: Found) -> None:
        try:
            with os.fdopen(found.descriptor, "rb") as stream:
                data = stream.read(self.job.max_file_bytes + 1)
            self._known(data)
            if len(data) > self.job.max_file_bytes:
                raise CorpusError("grew while it was read")
            if not self.packer.add(extract.extract_text(data)):
                raise CorpusError("is an exact copy of another document")
        except CorpusError as error:
            self.skip(found.path, error.message)
            return
        except OSError as error:
            self.skip(found.path, f"cannot be read: {error.strerror}")
            return
        except MemoryError:
            self.skip(found.path, "needs more memory than allowed")

    def _finish(self, number: int) -> ReadResult:
        shards = tuple(
            ShardRef(
                path=s.path, sha256=s.sha256, tokens=s.tokens, documents=s.documents, text_bytes=s.text_bytes
            )
            for s in self.packer.finish()
        )  # fmt: skip
        totals = self.packer.totals
        result = ReadResult(
            shards=shards, documents=totals.documents, records=totals.records, tokens=totals.tokens,
            text_bytes=totals.text_bytes, words=totals.words, held_out_tokens=totals.held_out_tokens,
            skipped_total=self.skipped, document_digests=tuple(self.packer.digests),
        )  # fmt: skip
        new = generation.Generation(
            number=number + 1, tokenizer_sha256=self.tokenizer.sha256, sources=tuple(self.sources), result=result
        )
        generation.store(self.folder, self.key, new)
        return result


def _nothing(paths: tuple[str, ...], skipped: int) -> tuple[str, str]:
    what = Path(paths[0]).name if len(paths) == 1 else f"{len(paths)} sources"
    if skipped:
        return f"{what} holds no text that can be used: {skipped} set aside.", "See the reasons beside each file."
    return f"{what} is empty.", "Choose a folder with text or Markdown files."


def _show_life(pipe: Pipe) -> None:
    with contextlib.suppress(OSError, ValueError):
        while True:
            pipe.send(jobs.Alive())
            time.sleep(ALIVE_EVERY_S)


def _limit(job: ReadJob) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (job.max_memory_bytes, job.max_memory_bytes))


def work(in_descriptor: int, pipe: Pipe, key_descriptor: int) -> int:
    """Read one job and do it; 0 if it worked."""
    try:
        with os.fdopen(in_descriptor, "rb") as stream:
            job = jobs.decode_down(stream.readline(jobs.MAX_JOB_LINE + 1))
            if not isinstance(job, ReadJob):
                raise CorpusError("The reader was given another job.")
            key = jobs.read_key(key_descriptor)
            _limit(job)
            level = lock_down()
            pipe.send(jobs.Ready(sandbox=level, pid=os.getpid()))
            threading.Thread(target=_show_life, args=(pipe,), daemon=True).start()
            Path(job.store_dir).mkdir(parents=True, exist_ok=True, mode=0o700)
            pipe.send(Reading(job, key, pipe).run())
    except HedgerowError as error:
        pipe.send(jobs.Failed(code=error.code, message=error.message, hint=error.hint))
        return 1
    except OSError as error:
        failed = vault.storage_error(Path("the token store"), error)
        pipe.send(jobs.Failed(code=StorageError.code, message=failed.message, hint=failed.hint))
        return 1
    except (MemoryError, ValueError, msgspec.MsgspecError):
        pipe.send(
            jobs.Failed(code=CorpusError.code, message="The reader failed on this text.", hint="Try fewer files.")
        )
        return 1
    return 0


def main(arguments: list[str]) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser()
    for name in ("--in-fd", "--out-fd", "--key-fd"):
        parser.add_argument(name, type=int, required=True)
    options = parser.parse_args(arguments)
    return work(options.in_fd, Pipe(options.out_fd), options.key_fd)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
