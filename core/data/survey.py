"""The survey before anything is read: which files are there now, and which of them are known already.

A file whose stamp is as before is not opened. One whose bytes are as before, whatever its name, is hashed and not
extracted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from core.data import content, extract, generation
from core.data.at_work import AtWork
from core.data.content import Content
from core.data.corpora import Found, Opener, Unusable, find
from core.data.formats.intake import Watch
from core.data.generation import Generation, Source
from core.data.patterns import Wanted
from core.data.telling import Telling
from core.data.watching import FileWatch
from core.jobs import ReadJob


class Item(NamedTuple):
    """One file, and what is known of it."""

    found: Found
    source: Source | None
    """What was known of these very bytes before, if anything."""


class Surveyor:
    """Looks at the files of one job.

    Args:
        job: what to read.
        tokenizer_sha256: of the tokenizer it is read with.
        telling: told of everything set aside.
        alarm: sets the time in seconds after which this process is ended by the system; 0 disarms.
    """

    def __init__(self, job: ReadJob, tokenizer_sha256: str, telling: Telling, alarm: Callable[[float], None]) -> None:
        self.opener = Opener()
        self.wanted = Wanted(job.include, job.exclude, job.hidden, job.generated)
        self._job = job
        self._tokenizer_sha256 = tokenizer_sha256
        self._telling = telling
        self._alarm = alarm
        self._excluded = dict(job.excluded)

    def made_by_us(self, made: Generation) -> bool:
        """Whether this extractor made it, for this tokenizer and field."""
        ours = (self._tokenizer_sha256, extract.VERSION, self._job.text_field)
        return (made.tokenizer_sha256, made.extractor_version, made.text_field) == ours

    def survey(self, sources: list[Source]) -> list[Item]:
        """Find the files; open and hash those whose stamp does not say that they are unchanged.

        Args:
            sources: what is known, documents on whatever roll.

        Raises:
            CorpusError: there are too many files.
        """
        files = find(self._job.paths, self._telling.skip, self.wanted)
        self._telling.files_total = len(files)
        if not sources:
            return [Item(file, None) for file in files]
        by_name = {source.name: source for source in sources}
        by_hash = {source.hash: source for source in sources if source.hash}
        return [Item(file, self._known(file, by_name, by_hash)) for file in files]

    def _known(self, file: Found, by_name: dict[bytes, Source], by_hash: dict[bytes, Source]) -> Source | None:
        """What is known of this file already; a file that cannot be read is known by the reason."""
        name = name_of(file)
        old = by_name.get(name)
        self._telling.tell()
        try:
            with content.opened(self.opener, file, self._job.max_file_bytes) as opened, self.watch(file) as watch:
                if old is not None and old.hash and old.stamp and old.stamp == opened.stamp:
                    return old if self._chosen_alike(old, file) else None
                same = by_hash.get(self.hash(opened, watch))
                if same is None or not self._chosen_alike(same, file):
                    return None
                return msgspec.structs.replace(same, name=name, stamp=opened.settled_stamp())
        except Unusable as error:
            return Source(name=name, reason=str(error))

    def _chosen_alike(self, old: Source, file: Found) -> bool:
        return not old.choice or old.choice == self.choice(file)

    def choice(self, file: Found) -> bytes:
        """Fingerprint of what would be chosen of an archive at this place."""
        return hashlib.sha256(f"{self.wanted.said}\0{file.parts!r}".encode()).digest()[:16]

    def watch(self, file: Found, note: AtWork | None = None) -> FileWatch:
        """Limits for one file; ``note`` says on disk that it is at work."""
        return FileWatch(file, note, self._excluded, self._telling.tell, self._alarm)

    def hash(self, opened: Content, watch: Watch) -> bytes:
        """What an open file is known by.

        Raises:
            Unusable: it cannot be read, or grew beyond its limit.
        """
        digest = opened.digest(watch)
        return generation.source_hash(digest, extract.VERSION, self._tokenizer_sha256, self._job.text_field)


def name_of(file: Found) -> bytes:
    """How the generation names a file."""
    return bytes.fromhex(generation.path_hash(file.path))
