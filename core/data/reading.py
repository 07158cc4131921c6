"""One batch of reading: survey the files, take what is known from the shards, extract the rest, write a generation.

A change anywhere writes all shards anew, in the order of the files, but tokens of unchanged files are copied: that is
hundreds of times faster than tokenising, and the result does not depend on what was there before. What a reader that
died had finished is known in the same way, from its spool.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Container, Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from core import jobs
from core.api.errors import CorpusError, StorageError
from core.data import at_work, content, digests, extract, generation, spool, tally
from core.data.at_work import AtWork
from core.data.corpora import Found, Opener, Unusable, find, shown
from core.data.digests import Elsewhere
from core.data.formats.intake import TookTooLong
from core.data.generation import Generation, OldTokens, Source
from core.data.packing import Identity, Packer
from core.data.patterns import Wanted
from core.data.spool import Spool
from core.data.tokenizer import Tokenizer
from core.data.watching import FileWatch
from core.jobs import Job, ReadJob, ReadResult, ShardRef, Share

PROGRESS_EVERY_S = 0.25
SURE_AFTER_S = 1.0
"""Before that, the pace says nothing about the time left."""
MAX_SKIPPED_MESSAGES = 1_000


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
        alarm: sets the time in seconds after which this process is ended by the system; 0 disarms.
    """

    def __init__(
        self, job: ReadJob, key: bytes, send: Callable[[Job], None], alarm: Callable[[float], None] = lambda _: None
    ) -> None:
        self.job = job
        self.key = key
        self.send = send
        self.alarm = alarm
        self.excluded = dict(job.excluded)
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
        self._size = 0
        self.formats: tuple[Share, ...] = ()
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
        self.note = AtWork(self.folder)
        try:
            before = self._comparable(current)
            if not self.job.glance:
                before = self._whole(before)
            spooled = (self._whole(self._comparable(part)) for part in spool.load(self.folder, self.key))
            left = [part for part in spooled if part is not None]
            items = self._survey(before, left)
            if before is not None and not left and self._unchanged(before, items):
                current = self._renewed(before, items)
            else:
                if self.job.glance:
                    before = self._whole(before)
                known = [made for made in (before, *left) if made is not None]
                current = self._read(items, known, 0 if current is None else current.number)
        except BrokenPipeError:
            raise  # the engine is gone; what is spooled waits for the next reader
        except BaseException:
            self._tidy(current)
            raise
        else:
            self._tidy(current)
            return self._result(current)
        finally:
            self.opener.close()

    def _result(self, current: Generation) -> ReadResult:
        """What is told of a generation; its digests lie in their file."""
        found = generation.digests_of(current)
        path = digests.store(self.folder, self.key, found)
        everything = tuple(digest for batch in found.batches(1 << 16) for digest in batch)
        return msgspec.structs.replace(current.result, digests_path=str(path), document_digests=everything)

    def _tidy(self, current: Generation | None) -> None:
        self.note.close()
        spool.clear(self.folder)
        generation.sweep(self.folder, current, self.job.keep)

    def _comparable(self, made: Generation | None) -> Generation | None:
        """``made``, if it was made by this extractor for this tokenizer and field, and its shards are there."""
        made_by = (self.tokenizer.sha256, extract.VERSION, self.job.text_field)
        if made is None or (made.tokenizer_sha256, made.extractor_version, made.text_field) != made_by:
            return None
        return made if all(os.path.exists(shard.path) for shard in made.result.shards) else None

    def _whole(self, made: Generation | None) -> Generation | None:
        """``made``, if every block of its shards is as it was written; else all is made again from the files."""
        try:
            if made is not None:
                OldTokens([made], self.key).verify()
        except StorageError:
            return None
        return made

    def _survey(self, before: Generation | None, left: list[Generation]) -> list[Item]:
        """Find the files; open and hash those whose stamp does not say that they are unchanged."""
        job = self.job
        files = find(job.paths, self._skip, Wanted(job.include, job.exclude, job.hidden, job.generated))
        self.files_total = len(files)
        sources = [source for made in (before, *left) if made is not None for source in made.sources]
        if not sources:
            return [Item(file, None) for file in files]
        by_name = {source.name: source for source in sources}
        by_hash = {source.hash: source for source in sources if source.hash}
        return [Item(file, self._known(file, by_name, by_hash)) for file in files]

    def _known(self, file: Found, by_name: dict[str, Source], by_hash: dict[str, Source]) -> Source | None:
        """What is known of this file already; a file that cannot be read is known by the reason."""
        name = generation.path_hash(file.path)
        old = by_name.get(name)
        self._tell()
        try:
            with content.opened(self.opener, file, self.job.max_file_bytes) as opened, self._watch(file, None) as watch:
                if old is not None and old.hash and old.stamp is not None and old.stamp == opened.stamp:
                    return old
                same = by_hash.get(self._hash(opened.digest(watch)))
                return None if same is None else msgspec.structs.replace(same, name=name, stamp=opened.settled_stamp())
        except Unusable as error:
            return Source(name=name, hash="", reason=str(error))

    def _watch(self, file: Found, note: AtWork | None) -> FileWatch:
        return FileWatch(file, note, self.excluded, lambda done: self._tell(done), self.alarm)

    def _hash(self, digest: bytes) -> str:
        return generation.source_hash(digest, extract.VERSION, self.tokenizer.sha256, self.job.text_field)

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
            self._say_aside(item.found, source, len(new), packed)
            seen |= new
        self.files_done = self.files_total
        distinct = before.result.documents + before.result.elsewhere
        result = msgspec.structs.replace(
            before.result,
            skipped_total=self.skipped,
            copies=_documents(sources) - distinct,
            formats=_formats(items, sources),
        )
        renewed = msgspec.structs.replace(before, sources=sources, result=result)
        if renewed != before:
            generation.store(self.folder, self.key, renewed)
        return renewed

    def _read(self, items: list[Item], known: list[Generation], number: int) -> Generation:
        old = OldTokens(known, self.key)
        sizes = [min(item.found.size, self.job.max_file_bytes) for item in items]
        self.bytes_total, self._began_at = sum(sizes), time.monotonic()
        self.packer = Packer(self.folder, self.key, self.tokenizer, self.bytes_total, self.elsewhere)
        for made in known:
            self.packer.languages.update(generation.languages_of(made))
        self.spool = Spool(self.folder, self.key, self.tokenizer, (extract.VERSION, self.job.text_field))
        self._tell(now=True)
        for item, size in zip(items, sizes, strict=True):
            self._size = size
            if item.source is None or not self._held(item.source, old):
                self._take(item.found)
            else:
                self._reuse(item.found, item.source, old)
            self.files_done += 1
            self.bytes_done, self._size = self.bytes_done + size, 0
            self._tell()
        if not self.packer.totals.tokens:
            raise CorpusError(*_nothing(self.job.paths, self.skipped, self._last_reason))
        self._tell(now=True)
        self.formats = _formats(items, self.sources)
        return self._finish(number + 1)

    def _held(self, source: Source, old: OldTokens) -> bool:
        """Whether every document of it is in the shards or needs none; one that another corpus had may be back."""
        return all(old.has(digest) or digest in self.elsewhere for digest, _ in source.documents)

    def _reuse(self, file: Found, source: Source, old: OldTokens) -> None:
        """Pack what the shards already hold of this file."""
        new = 0
        for digest, words in source.documents:
            if not self.packer.knows(digest):
                new += self.packer.add_tokens(Identity(digest, words), old.tokens(digest))
        self._say_aside(file, source, new, self.packer.digests)
        self.sources.append(source)

    def _take(self, file: Found) -> None:
        """Read, extract and pack one file; whatever is wrong with it costs this file, and what came before it stays."""
        source = Source(name=generation.path_hash(file.path), hash="")
        kept: dict[str, int] = {}
        new, read, again = 0, 0, False
        with self._watch(file, self.note) as watch:
            try:
                with content.opened(self.opener, file, self.job.max_file_bytes) as opened:
                    known_by = self._hash(opened.digest(watch))
                    source = msgspec.structs.replace(source, hash=known_by, stamp=opened.settled_stamp())
                    if watch.excluded:
                        raise Unusable(watch.excluded)
                    for text in extract.documents(file.path, opened.source(), self.job.text_field, watch):
                        new += self._pack(text, watch, kept)
                        read += 1
                    again = source.stamp != opened.settled_stamp()  # it changed meanwhile
            except Unusable as error:
                reason = _NOTHING_INSIDE if str(error) == extract.EMPTY and watch.parts else str(error)
                source = msgspec.structs.replace(source, reason=reason)
                again = isinstance(error, TookTooLong) or watch.excluded == at_work.HUNG
            except MemoryError:
                source, again = msgspec.structs.replace(source, reason=_MEMORY), True
        source = msgspec.structs.replace(
            source, hash="" if again else source.hash, documents=tuple(kept.items()), aside=tuple(watch.parts),
            aside_total=watch.parts_total, repeats=read - len(kept),
        )  # fmt: skip
        self._say_aside(file, source, new, self.packer.digests)
        self.sources.append(source)
        self.spool.finish(source)

    def _pack(self, text: str, watch: FileWatch, kept: dict[str, int]) -> bool:
        """Pack one document, unless it is a copy."""
        identity = self.packer.identify(text, watch.pulse)
        new = not self.packer.knows(identity.digest)
        if new:
            tokens = self.tokenizer.encode(text, watch.pulse)
            self.packer.add_tokens(identity, tokens)
            self.spool.hold(self.packer.document(tokens, identity))
        kept.setdefault(identity.digest, identity.words)
        return new

    def _say_aside(self, file: Found, source: Source, new: int, packed: Container[str]) -> None:
        """What of a file is set aside, if anything."""
        if source.reason:
            self._skip(file.path, source.reason)
        elif not new:
            copied = all(digest in packed for digest, _ in source.documents)
            self._skip(file.path, _COPY if copied else _ELSEWHERE)
        for member, reason in source.aside:
            self._skip(f"{file.path}/{member}" if member else file.path, reason)
        self.skipped += source.aside_total - len(source.aside)

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
            languages=self.packer.tally.languages(), sizes=tuple(self.packer.tally.sizes), formats=self.formats,
        )  # fmt: skip
        new = Generation(
            number=number, tokenizer_sha256=self.tokenizer.sha256, extractor_version=extract.VERSION,
            text_field=self.job.text_field,
            languages=tuple(tuple(map(self.packer.languages.__getitem__, part)) for part in self.packer.contents),
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

    def _tell(self, within: int = 0, now: bool = False) -> None:
        """Progress, a few times a second; ``within`` are bytes read of the file at work."""
        if now or time.monotonic() - self._told_at >= PROGRESS_EVERY_S:
            self._told_at = time.monotonic()
            totals = self.packer.totals
            done = self.bytes_done + min(within // 2, self._size)  # every byte is read twice, first for its hash
            spent = self._told_at - self._began_at
            sure = done and spent > SURE_AFTER_S
            self.send(
                jobs.ReadProgress(
                    files_done=self.files_done, files_total=self.files_total, text_bytes=totals.text_bytes,
                    tokens=totals.tokens, bytes_done=done, bytes_total=self.bytes_total,
                    eta_s=spent * (self.bytes_total / done - 1) if sure else None,
                )
            )  # fmt: skip


_COPY = "an exact copy of another document"
_ELSEWHERE = "already in another of your texts"
_NOTHING_INSIDE = "nothing in it can be read"
_MEMORY = "needs more memory than the reader may use"


def _formats(items: Iterable[Item], sources: Iterable[Source]) -> tuple[Share, ...]:
    """Formats of the files that gave a document."""
    return tally.formats(item.found for item, source in zip(items, sources, strict=True) if source.documents)


def _documents(sources: Iterable[Source]) -> int:
    """Documents in all sources, copies counted."""
    return sum(len(source.documents) + source.repeats for source in sources)


def _nothing(paths: tuple[str, ...], skipped: int, reason: str) -> tuple[str, str]:
    """Message and hint where there is nothing to train on."""
    one = len(paths) == 1
    what = shown(os.path.basename(paths[0].rstrip("/")) or paths[0]) if one else f"What was chosen ({len(paths)} paths)"
    if not skipped:
        return f"{what} is empty.", "Choose a folder with text, documents, mail or data."
    why = reason if skipped == 1 else f"{skipped} files or folders were set aside"
    return f"{what} gave no text that can be used: {why}.", "Choose a folder with text, documents, mail or data."
