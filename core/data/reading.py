"""One batch of reading: survey the files, take what is known from the shards, extract the rest, write a generation.

A change anywhere writes all shards anew, in the order of the files, but tokens of unchanged files are copied: that is
hundreds of times faster than tokenising, and the result does not depend on what was there before.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Container, Iterable
from dataclasses import astuple
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from core import jobs
from core.api.errors import CorpusError, StorageError
from core.data import digests, extract, generation
from core.data.corpora import Found, Opener, Stamp, Unusable, find, read_bytes, shown
from core.data.digests import Elsewhere
from core.data.generation import Generation, OldTokens, Source
from core.data.packing import Identity, Packer
from core.data.patterns import Wanted
from core.data.tokenizer import Tokenizer
from core.jobs import Job, ReadJob, ReadResult, ShardRef

PROGRESS_EVERY_S = 0.25
SURE_AFTER_S = 1.0
"""Before that, the pace says nothing about the time left."""
MAX_SKIPPED_MESSAGES = 1_000
SETTLED_S = 2.0
"""A file younger than this may change once more without its stamp showing it."""
RESERVE_BYTES = 48 << 20
FILE_S, FILE_S_PER_MIB = 30.0, 10.0
"""Most time for one file."""


class TookTooLong(Unusable):
    """Perhaps only now; the file is tried again next time."""


class Item(NamedTuple):
    """One file, and what is known of it."""

    found: Found
    source: Source | None
    """What the last generation knows of these very bytes, if it does."""


class Reading:
    """One job of the reader.

    Args:
        job: what to read and where to put it.
        key: the store key.
        send: takes messages for the engine.
    """

    def __init__(self, job: ReadJob, key: bytes, send: Callable[[Job], None]) -> None:
        self.job = job
        self.key = key
        self.send = send
        self.folder = Path(job.store_dir)
        self.tokenizer = Tokenizer.load(job.tokenizer_path, job.tokenizer_sha256)
        self.opener = Opener()
        self.elsewhere = Elsewhere(job.elsewhere, key)
        self.packer = Packer(self.folder, key, self.tokenizer)
        self.skipped = 0
        self.files_done = 0
        self.files_total = 0
        self.bytes_done = 0
        self.bytes_total = 0
        self.sources: list[Source] = []
        self._told_at = 0.0
        self._began_at = time.monotonic()
        self._last_reason = ""

    def run(self) -> ReadResult:
        """Read everything.

        Raises:
            CorpusError: a path is not there, or there is nothing usable.
            StorageError: the disk is full. In every such case the previous generation stands.
        """
        current = generation.load(self.folder, self.key)
        try:
            before = self._comparable(current)
            if not self.job.glance:
                before = self._whole(before)
            items = self._survey(before)
            if before is not None and self._unchanged(before, items):
                current = self._renewed(before, items)
            else:
                if self.job.glance:
                    before = self._whole(before)
                current = self._read(items, before, 0 if current is None else current.number)
            return self._result(current)
        finally:
            self.opener.close()
            generation.sweep(self.folder, current, self.job.keep)

    def _result(self, current: Generation) -> ReadResult:
        """What is told of a generation; its digests lie in their file."""
        found = generation.digests_of(current)
        path = digests.store(self.folder, self.key, found)
        everything = tuple(digest for batch in found.batches(1 << 16) for digest in batch)
        return msgspec.structs.replace(current.result, digests_path=str(path), document_digests=everything)

    def _comparable(self, current: Generation | None) -> Generation | None:
        """The last generation, if it was made by this extractor for this tokenizer and its shards are there."""
        made_by = (self.tokenizer.sha256, extract.VERSION, self.job.text_field)
        if current is None or (current.tokenizer_sha256, current.extractor_version, current.text_field) != made_by:
            return None
        return current if all(os.path.exists(shard.path) for shard in current.result.shards) else None

    def _whole(self, before: Generation | None) -> Generation | None:
        """``before``, if every block of its shards is as it was written; else all is made again from the files."""
        try:
            if before is not None:
                OldTokens(before, self.key).verify()
        except StorageError:
            return None
        return before

    def _survey(self, before: Generation | None) -> list[Item]:
        """Find the files; open and hash those whose stamp does not say that they are unchanged."""
        job = self.job
        wanted = Wanted(job.include, job.exclude, job.hidden, job.generated)
        files = find(job.paths, self._skip, wanted)
        self.files_total = len(files)
        if before is None:
            return [Item(file, None) for file in files]
        by_name = {source.name: source for source in before.sources}
        by_hash = {source.hash: source for source in before.sources if source.hash}
        return [Item(file, self._known(file, by_name, by_hash)) for file in files]

    def _known(self, file: Found, by_name: dict[str, Source], by_hash: dict[str, Source]) -> Source | None:
        """What the last generation knows of this file; a file that cannot be read is known by the reason."""
        name = generation.path_hash(file.path)
        old = by_name.get(name)
        self._tell()
        try:
            raw, stamp = self._load(file, None if old is None or not old.hash else old.stamp)
        except Unusable as error:
            return Source(name=name, hash="", reason=str(error))
        same = old if raw is None else by_hash.get(self._hash(raw))
        return None if same is None else msgspec.structs.replace(same, name=name, stamp=stamp)

    def _load(self, file: Found, unchanged: tuple[int, ...] | None = None) -> tuple[bytes | None, Any]:
        """All bytes of a file and its stamp; no bytes if it still has the stamp ``unchanged``.

        Raises:
            Unusable: it is gone, too large, or cannot be read.
        """
        most = self.job.max_file_bytes
        descriptor = self.opener.open(file)
        try:
            stamp = _settled_stamp(descriptor)
            if stamp is not None and stamp == unchanged:
                return None, stamp
            if os.fstat(descriptor).st_size > most:
                raise Unusable(f"larger than {most / (1 << 20):.3g} MiB")
            raw = read_bytes(descriptor, most)
            return raw, stamp if stamp == _settled_stamp(descriptor) else None
        finally:
            os.close(descriptor)

    def _hash(self, raw: bytes) -> str:
        return generation.source_hash(raw, extract.VERSION, self.tokenizer.sha256)

    def _unchanged(self, before: Generation, items: list[Item]) -> bool:
        sources = [item.source for item in items if item.source is not None]
        hashes = {source.hash for source in before.sources if source.hash}
        if len(sources) != len(items) or {s.hash for s in sources if s.hash} != hashes:
            return False
        packed = list({digest for part in before.contents for digest in part})
        dropped = list({digest for s in sources for digest, _ in s.documents}.difference(packed))
        return bool(not self.elsewhere.hold(packed).any() and self.elsewhere.hold(dropped).all())

    def _renewed(self, before: Generation, items: list[Item]) -> Generation:
        """The same shards; names, stamps and reasons as they are now."""
        sources = tuple(item.source for item in items if item.source is not None)
        packed = {digest for part in before.contents for digest in part}
        seen: set[str] = set()
        for item, source in zip(items, sources, strict=True):
            new = {digest for digest, _ in source.documents if digest in packed and digest not in seen}
            if source.reason or not new:
                self._skip(item.found.path, source.reason or self._why_nothing(source, packed))
            seen |= new
        self.files_done = self.files_total
        distinct = before.result.documents + before.result.elsewhere
        result = msgspec.structs.replace(
            before.result, skipped_total=self.skipped, copies=_documents(sources) - distinct
        )
        renewed = msgspec.structs.replace(before, sources=sources, result=result)
        if renewed != before:
            generation.store(self.folder, self.key, renewed)
        return renewed

    def _read(self, items: list[Item], before: Generation | None, number: int) -> Generation:
        self.bytes_total, self._began_at = self._expected_bytes(items), time.monotonic()
        self.packer = Packer(self.folder, self.key, self.tokenizer, self.bytes_total, self.elsewhere)
        old = OldTokens(before, self.key) if before is not None else None
        for item in items:
            if old is None or item.source is None or not self._held(item.source, old):
                self._take(item.found)
            else:
                self._reuse(item.found, item.source, old)
            self.files_done += 1
            self.bytes_done += min(item.found.size, self.job.max_file_bytes)
            self._tell()
        if not self.packer.totals.tokens:
            raise CorpusError(*_nothing(self.job.paths, self.skipped, self._last_reason))
        self._tell(now=True)
        return self._finish(number + 1)

    def _expected_bytes(self, items: list[Item]) -> int:
        return sum(min(item.found.size, self.job.max_file_bytes) for item in items)

    def _held(self, source: Source, old: OldTokens) -> bool:
        """Whether every document of it is in the shards or needs none; one that another corpus had may be back."""
        return all(old.has(digest) or digest in self.elsewhere for digest, _ in source.documents)

    def _why_nothing(self, source: Source, packed: Container[str]) -> str:
        """Why a source that was read gave nothing new."""
        return _COPY if all(digest in packed for digest, _ in source.documents) else _ELSEWHERE

    def _reuse(self, file: Found, source: Source, old: OldTokens) -> None:
        """Pack what the shards already hold of this file."""
        new = 0
        for digest, words in source.documents:
            if not self.packer.knows(digest):
                new += self.packer.add_tokens(Identity(digest, words), old.tokens(digest))
        if not new:
            self._skip(file.path, source.reason or self._why_nothing(source, self.packer.digests))
        self.sources.append(source)

    def _take(self, file: Found) -> None:
        """Read, extract and pack one file; whatever is wrong with it costs this file."""
        source = Source(name=generation.path_hash(file.path), hash="")
        try:
            raw, stamp = self._load(file)
            source = msgspec.structs.replace(source, hash=self._hash(raw or b""), stamp=stamp)
            source = msgspec.structs.replace(source, documents=self._pack(raw or b"", file))
        except Unusable as error:
            self._skip(file.path, str(error))
            source = msgspec.structs.replace(
                source, reason=str(error), hash="" if isinstance(error, TookTooLong) else source.hash
            )
        except MemoryError:
            self._skip(file.path, _MEMORY)
            source = msgspec.structs.replace(source, reason=_MEMORY, hash="")
        self.sources.append(source)

    def _pack(self, raw: bytes, file: Found) -> tuple[tuple[str, int], ...]:
        deadline = time.monotonic() + FILE_S + FILE_S_PER_MIB * len(raw) / (1 << 20)

        def between() -> None:
            self._tell()
            check_memory()
            if time.monotonic() > deadline:
                raise TookTooLong("took too long to read")

        kept: list[tuple[str, int]] = []
        new = 0
        for text in extract.documents(raw):
            identity = self.packer.identify(text, between)
            if not self.packer.knows(identity.digest):
                new += self.packer.add_tokens(identity, self.tokenizer.encode(text, between))
            kept.append((identity.digest, identity.words))
        if not new:
            self._skip(file.path, _COPY if all(digest in self.packer.digests for digest, _ in kept) else _ELSEWHERE)
        return tuple(kept)

    def _finish(self, number: int) -> Generation:
        shards = tuple(
            ShardRef(path=s.path, sha256=s.sha256, tokens=s.tokens, documents=s.documents, text_bytes=s.text_bytes)
            for s in self.packer.finish()
        )
        totals = self.packer.totals
        result = ReadResult(
            shards=shards, documents=totals.documents, records=totals.records, tokens=totals.tokens,
            text_bytes=totals.text_bytes, words=totals.words, held_out_tokens=totals.held_out_tokens,
            skipped_total=self.skipped, elsewhere=len(self.packer.dropped),
            copies=_documents(self.sources) - len(self.packer.digests) - len(self.packer.dropped),
        )  # fmt: skip
        new = Generation(
            number=number, tokenizer_sha256=self.tokenizer.sha256, extractor_version=extract.VERSION,
            text_field=self.job.text_field,
            sources=tuple(self.sources), contents=tuple(self.packer.contents), result=result,
        )  # fmt: skip
        generation.store(self.folder, self.key, new)
        return new

    def _skip(self, path: str, reason: str) -> None:
        """Set one source aside."""
        self.skipped += 1
        self._last_reason = reason
        if self.skipped <= MAX_SKIPPED_MESSAGES:
            self.send(jobs.Skipped(path=shown(path), reason=reason))

    def _tell(self, now: bool = False) -> None:
        """Progress, a few times a second."""
        if now or time.monotonic() - self._told_at >= PROGRESS_EVERY_S:
            self._told_at = time.monotonic()
            totals = self.packer.totals
            spent = self._told_at - self._began_at
            sure = self.bytes_done and spent > SURE_AFTER_S
            self.send(
                jobs.ReadProgress(
                    files_done=self.files_done, files_total=self.files_total, text_bytes=totals.text_bytes,
                    tokens=totals.tokens, bytes_done=self.bytes_done, bytes_total=self.bytes_total,
                    eta_s=spent * (self.bytes_total / self.bytes_done - 1) if sure else None,
                )
            )  # fmt: skip


_COPY = "an exact copy of another document"
_ELSEWHERE = "already in another of your texts"
_MEMORY = "needs more memory than the reader may use"


def _documents(sources: Iterable[Source]) -> int:
    """Documents in all sources, copies counted."""
    return sum(len(source.documents) for source in sources)


def check_memory() -> None:
    """Stop while there is room left: native code that runs out of memory ends the process, not the file.

    Raises:
        MemoryError: less than ``RESERVE_BYTES`` are left below the limit of the address space.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return
    with open("/proc/self/statm", "rb") as stream:
        used = int(stream.read().split()[0]) * resource.getpagesize()
    if limit - used < RESERVE_BYTES:
        raise MemoryError


def _settled_stamp(descriptor: int) -> tuple[int, ...] | None:
    """The file's stamp, if it is old enough that any change will show in it."""
    stamp = Stamp.of(os.fstat(descriptor))
    young = time.time_ns() - max(stamp.mtime_ns, stamp.ctime_ns) < SETTLED_S * 1e9
    return None if young else astuple(stamp)


def _nothing(paths: tuple[str, ...], skipped: int, reason: str) -> tuple[str, str]:
    """Message and hint where there is nothing to train on."""
    one = len(paths) == 1
    what = shown(os.path.basename(paths[0].rstrip("/")) or paths[0]) if one else f"What was chosen ({len(paths)} paths)"
    if not skipped:
        return f"{what} is empty.", "Choose a folder with text or Markdown files."
    why = reason if skipped == 1 else f"{skipped} files or folders were set aside"
    return f"{what} gave no text that can be used: {why}.", "Choose a folder with text or Markdown files."
