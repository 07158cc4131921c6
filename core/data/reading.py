"""One batch of reading: survey the files, take what is known from the shards, extract the rest, write a generation.

A change anywhere writes all shards anew, in the order of the files, but tokens of unchanged files are copied: that is
hundreds of times faster than tokenising, and the result does not depend on what was there before. What a reader that
died had finished is known in the same way, from its spool.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from core.api.errors import CorpusError, StorageError
from core.data import at_work, content, digests, extract, generation, packing, spool, tally
from core.data.at_work import AtWork
from core.data.corpora import Found, Unusable, shown
from core.data.digests import Elsewhere
from core.data.formats.intake import TookTooLong
from core.data.formats.names import is_archive
from core.data.generation import Generation, Source
from core.data.packing import Identity, Packer, TooMany
from core.data.past import Past
from core.data.patterns import NOT_INCLUDED
from core.data.roll import NOBODY, numbers
from core.data.spool import Spool
from core.data.store import Shard
from core.data.survey import Item, Surveyor, name_of
from core.data.telling import Telling
from core.data.tokenizer import Tokenizer
from core.data.watching import FileWatch
from core.jobs import Job, ReadJob, ReadResult, ShardRef, Share


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
        self.folder = Path(job.store_dir)
        self.tokenizer = Tokenizer.load(job.tokenizer_path, job.tokenizer_sha256)
        self.telling = Telling(send)
        self.surveyor = Surveyor(job, self.tokenizer.sha256, self.telling, alarm)
        self.elsewhere = Elsewhere(job.elsewhere, key)
        self.sources: list[Source] = []

    def run(self) -> ReadResult:
        """Read everything.

        Raises:
            CorpusError: a path is not there, or there is nothing usable.
            StorageError: the disk is full. In every such case the previous generation stands.
        """
        loaded = [generation.load(self.folder, self.key)]
        standing = () if loaded[0] is None else loaded[0].result.shards
        self.note = AtWork(self.folder)
        try:
            current = self._next(loaded)
        except BrokenPipeError:
            raise  # the engine is gone; what is spooled waits for the next reader
        except BaseException:
            self._tidy(standing)
            raise
        else:
            self._tidy(current.result.shards)
            path = digests.store(self.folder, self.key, generation.digests_of(current))
            return msgspec.structs.replace(current.result, digests_path=str(path))
        finally:
            self.surveyor.opener.close()

    def _next(self, loaded: list[Generation | None]) -> Generation:
        """The generation after the one that is taken out of ``loaded``; that one itself where nothing changed.

        Of a corpus with millions of documents each of these is large, so none is held longer than it is needed.
        """
        before = loaded.pop()
        number = 1 if before is None else before.number + 1
        if before is not None and not (self._comparable(before) and (self.job.glance or self._is_whole(before))):
            before = None
        left = [part for part in spool.load(self.folder, self.key) if self._comparable(part) and self._is_whole(part)]
        past = Past([*([] if before is None else [before]), *left], self.key)
        items = self.surveyor.survey(past.sources)
        if before is not None and not left and self._unchanged(before, items):
            return self._renewed(before, items)
        if before is not None and self.job.glance and not self._is_whole(before):
            past, items = Past([], self.key), [Item(item.found, None) for item in items]
        del before, left
        formats = self._read(items, past)
        del past
        return self._finish(number, formats)

    def _tidy(self, standing: Iterable[ShardRef]) -> None:
        self.note.close()
        spool.clear(self.folder)
        generation.sweep(self.folder, (*(shard.path for shard in standing), *self.job.keep))

    def _comparable(self, made: Generation) -> bool:
        """Whether what it holds may be used here, and its shards are there."""
        return self.surveyor.made_by_us(made) and all(os.path.exists(shard.path) for shard in made.result.shards)

    def _is_whole(self, made: Generation) -> bool:
        """Whether every block of its shards is as it was written; else all is made again from the files."""
        try:
            for ref, part in zip(made.result.shards, made.contents, strict=True):
                shard = Shard(ref.path, self.key)
                shard.verify()
                shard.close()
                if shard.num_documents != len(numbers(part)):
                    return False
        except StorageError:
            return False
        return True

    def _unchanged(self, before: Generation, items: list[Item]) -> bool:
        sources = [item.source for item in items if item.source is not None]
        hashes = {source.hash for source in before.sources if source.hash}
        if len(sources) != len(items) or {s.hash for s in sources if s.hash} != hashes:
            return False
        if any(source.documents and not source.hash for source in before.sources):
            return False  # nobody can say whether they are as they were
        return bool((self.elsewhere.hold(before.digests) == ~before.held()).all())

    def _renewed(self, before: Generation, items: list[Item]) -> Generation:
        """The same shards; names, stamps and reasons as they are now."""
        sources = tuple(item.source for item in items if item.source is not None)
        held = before.held()
        waiting = held.copy()
        for item, source in zip(items, sources, strict=True):
            documents = numbers(source.documents)
            self._say_aside(item.found, source, bool(waiting[documents].any()), lambda number: not held[number])
            waiting[documents] = False
        self.telling.files_done = self.telling.files_total
        result = msgspec.structs.replace(
            before.result,
            skipped_total=self.telling.skipped,
            copies=_documents(sources) - len(held),
            formats=_formats(items, sources),
        )
        renewed = msgspec.structs.replace(before, sources=sources, result=result)
        if renewed != before:
            generation.store(self.folder, self.key, renewed)
        return renewed

    def _read(self, items: list[Item], past: Past) -> tuple[Share, ...]:
        """Pack every file; returns the formats of those that gave text."""
        sizes = [min(item.found.size, self.job.max_file_bytes) for item in items]
        self.packer = Packer(self.folder, self.key, self.tokenizer, sum(sizes), self.elsewhere)
        self.met = array("I")
        """For each document of the roll the last file that had it, counted from 1."""
        made_by = (extract.VERSION, self.job.text_field)
        self.spool = Spool(self.folder, self.key, self.tokenizer, made_by, self.packer.roll)
        self.telling.totals = lambda: self.packer.totals
        self.telling.begin(sum(sizes))
        for item, size in zip(items, sizes, strict=True):
            self.telling.file(size)
            source = item.source
            if source is None or source.reason == _TOO_MANY or not self._held(source, past):
                self._take(item.found)
            else:
                self._reuse(item.found, source, past)
            self.telling.file_done()
        if gone := [path for path in self.job.paths if not os.path.exists(path)]:  # a disk that was taken out, perhaps
            raise CorpusError(f"{shown(gone[0])} is not there any more.", "It is read when it is back.")
        if not self.packer.totals.tokens:
            raise CorpusError(*_nothing(self.job.paths, self.telling))
        self.telling.tell(now=True)
        return _formats(items, self.sources)

    def _held(self, source: Source, past: Past) -> bool:
        """Whether every document of it is in the shards or needs none; one that another corpus had may be back."""
        documents = numbers(source.documents).tolist()
        return all(past.has(number) or past.roll.digest(number) in self.elsewhere for number in documents)

    def _reuse(self, file: Found, source: Source, past: Past) -> None:
        """Pack what the shards already hold of this file."""
        new, kept = False, array("I")
        try:
            for old in numbers(source.documents).tolist():
                identity = Identity(past.roll.digest(old), past.roll.words[old])
                if (number := self.packer.known(identity)) == NOBODY:
                    number = self.packer.pack(identity, past.tokens(old), past.roll.language(old)).number
                    new = True
                self._keep(number, kept)
        except TooMany:
            source = msgspec.structs.replace(source, reason=_TOO_MANY)
        source = msgspec.structs.replace(source, documents=kept.tobytes())
        self._say_aside(file, source, new, self.packer.drops)
        self.sources.append(source)

    def _take(self, file: Found) -> None:
        """Read, extract and pack one file; whatever is wrong with it costs this file, and what came before it stays."""
        source = Source(name=name_of(file))
        kept = array("I")
        new, read, again = False, 0, False
        with self.surveyor.watch(file, self.note) as watch:
            try:
                with content.opened(self.surveyor.opener, file, self.job.max_file_bytes) as opened:
                    known_by = self.surveyor.hash(opened, watch)
                    source = msgspec.structs.replace(source, hash=known_by, stamp=opened.settled_stamp())
                    if watch.excluded:
                        raise Unusable(watch.excluded)
                    if self.packer.full:
                        raise TooMany
                    texts = extract.documents(
                        file.path, opened.source(), self.job.text_field, watch, self.surveyor.wanted, file.parts
                    )
                    for text in texts:
                        new |= self._pack(text, watch, kept)
                        read += 1
                    again = source.stamp != opened.settled_stamp()  # it changed meanwhile
            except Unusable as error:
                reason = _NOTHING_INSIDE if str(error) == extract.EMPTY and watch.parts else str(error)
                source = msgspec.structs.replace(source, reason=reason)
                again = isinstance(error, TookTooLong) or watch.excluded == at_work.HUNG
            except TooMany:
                source = msgspec.structs.replace(source, reason=_TOO_MANY)
            except MemoryError:
                source, again = msgspec.structs.replace(source, reason=_MEMORY), True
        source = msgspec.structs.replace(
            source, hash=b"" if again else source.hash, documents=kept.tobytes(), aside=tuple(watch.parts),
            aside_total=watch.parts_total, repeats=read - len(kept),
            choice=self.surveyor.choice(file) if watch.has_members or is_archive(file.path) else b"",
        )  # fmt: skip
        self._say_aside(file, source, new, self.packer.drops)
        self.sources.append(source)
        self.spool.finish(source)

    def _pack(self, text: str, watch: FileWatch, kept: array[int]) -> bool:
        """Pack one document, unless it is a copy."""
        identity = self.packer.identify(text, watch.pulse)
        number = self.packer.known(identity)
        new = number == NOBODY
        if new:
            document = self.packer.pack(identity, self.tokenizer.encode(text, watch.pulse))
            self.spool.hold(document)
            number = document.number
        self._keep(number, kept)
        return new

    def _keep(self, number: int, kept: array[int]) -> None:
        """Note that the file at work has a document, once."""
        while number >= len(self.met):
            self.met.append(0)
        if self.met[number] != len(self.sources) + 1:
            self.met[number] = len(self.sources) + 1
            kept.append(number)

    def _say_aside(self, file: Found, source: Source, new: bool, dropped: Callable[[int], object]) -> None:
        """What of a file is set aside, if anything."""
        if source.reason:
            self.telling.skip(file.path, source.reason)
        elif not new:
            elsewhere = any(map(dropped, numbers(source.documents).tolist()))
            self.telling.skip(file.path, _ELSEWHERE if elsewhere else _COPY)
        for member, reason in source.aside:
            self.telling.skip(f"{file.path}/{member}" if member else file.path, reason)
        self.telling.skipped += source.aside_total - len(source.aside)

    def _finish(self, number: int, formats: tuple[Share, ...]) -> Generation:
        shards = tuple(
            ShardRef(path=s.path, sha256=s.sha256, tokens=s.tokens, documents=s.documents, text_bytes=s.text_bytes)
            for s in self.packer.finish()
        )
        packer, totals, roll = self.packer, self.packer.totals, self.packer.roll
        result = ReadResult(
            shards=shards, documents=totals.documents, records=totals.records, tokens=totals.tokens,
            text_bytes=totals.text_bytes, words=totals.words, held_out_tokens=totals.held_out_tokens,
            skipped_total=self.telling.skipped, elsewhere=packer.dropped,
            copies=_documents(self.sources) - len(roll),
            languages=packer.tally.languages(), sizes=tuple(packer.tally.sizes), formats=formats,
        )  # fmt: skip
        new = Generation(
            number=number, tokenizer_sha256=self.tokenizer.sha256, extractor_version=extract.VERSION,
            text_field=self.job.text_field, digests=bytes(roll.digests), words=roll.words.tobytes(),
            languages=bytes(roll.languages), language_names=tuple(roll.names), sources=tuple(self.sources),
            contents=tuple(packer.contents), result=result,
        )  # fmt: skip
        del packer, roll, self.packer, self.spool, self.met  # all that is in ``new``
        generation.store(self.folder, self.key, new)
        return new


_COPY = "an exact copy of another document"
_ELSEWHERE = "already in another of your texts"
_NOTHING_INSIDE = "nothing in it can be read"
_MEMORY = "needs more memory than the reader may use"
_TOO_MANY = f"beyond the {packing.MAX_DOCUMENTS:,} documents that one text may have; add the rest as another text"


def _formats(items: Iterable[Item], sources: Iterable[Source]) -> tuple[Share, ...]:
    """Formats of the files that gave a document."""
    return tally.formats(item.found for item, source in zip(items, sources, strict=True) if source.documents)


def _documents(sources: Iterable[Source]) -> int:
    """Documents in all sources, copies counted."""
    return sum(len(numbers(source.documents)) + source.repeats for source in sources)


def _nothing(paths: tuple[str, ...], telling: Telling) -> tuple[str, str]:
    """Message and hint where there is nothing to train on."""
    one = len(paths) == 1
    what = shown(os.path.basename(paths[0].rstrip("/")) or paths[0]) if one else f"What was chosen ({len(paths)} paths)"
    hint = "Choose a folder with text, documents, mail or data."
    if not telling.skipped:
        return f"{what} is empty.", hint
    (why, _), *others = telling.reasons.most_common()
    if why in (_ELSEWHERE, _COPY):
        hint = "It is used there, and counts once."
    elif why == NOT_INCLUDED:
        hint = "Choose with other patterns."
    if telling.skipped > 1:
        why = f"{telling.skipped:,} files or folders were set aside ({'most often' if others else 'all'}: {why})"
    return f"{what} gave no text that can be used: {why}.", hint
