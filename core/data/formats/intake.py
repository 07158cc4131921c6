"""One thing to read, a file or a member of an archive: its name, its bytes as they come, and who watches the reading.

Every byte passes ``Metered``, so whoever reads, in Python or in native code that calls back, shows that it is alive,
and time, memory and output limits are looked at in one place, the watch.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final, Protocol, cast

from core.api.errors import HedgerowError
from core.data.corpora import Unusable
from core.data.formats.ceiling import Ceiling, WholeFile
from core.data.patterns import Wanted

_DAMAGE: Final = frozenset(
    (
        "BadZipFile",
        "ReadError",
        "EOFError",
        "error",
        "LZMAError",
        "ZstdError",
        "ParseError",
        "SAXParseException",
        "ArrowInvalid",
    )
)
"""What parsers call it; a name that is none of these helps whoever looks for a fault in one."""
HEAD_BYTES: Final = 1 << 16
_BUFFER_BYTES: Final = 1 << 17
MAX_MEMBER_BYTES: Final = 64 << 20
"""Largest member of an archive that is held in memory, for formats that must be read at random."""


class TookTooLong(WholeFile):
    """Perhaps only now; the file is tried again next time."""


class Watch:
    """Watches the reading of one file. This one lets everything pass; the reader's has limits."""

    def pulse(self, more: int = 0) -> None:
        """Called often, with the bytes that came since; may raise to stop.

        Raises:
            TookTooLong: enough of it.
            MemoryError: there is too little left.
        """

    def enter(self, member: str) -> None:
        """A member of an archive is about to be read.

        Raises:
            Unusable: it made the reader fail before.
        """

    def aside(self, member: str, reason: str) -> None:
        """Part of the file is set aside; ``member`` is empty where it has no name of its own."""

    def fields(self, names: Sequence[str], chosen: str) -> None:
        """Records have these fields, or a table these columns; ``chosen`` is read."""


class _Source(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Metered(io.RawIOBase):
    """A stream that shows every read to the watch, and whose reads are as long as they can be."""

    def __init__(self, inner: _Source, watch: Watch) -> None:
        self._inner: Any = inner
        self._watch = watch

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Whether the stream within is."""
        return bool(getattr(self._inner, "seekable", bool)())

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go there."""
        return int(self._inner.seek(offset, whence))

    def tell(self) -> int:
        """Where it is."""
        return int(self._inner.tell())

    def readinto(self, target: Any, /) -> int:
        """Fill ``target`` unless the end comes first."""
        view = memoryview(target).cast("B")
        done = 0
        while done < len(view) and (part := self._inner.read(len(view) - done)):
            view[done : done + len(part)] = part
            done += len(part)
        self._watch.pulse(done)
        return done


@dataclass(frozen=True, kw_only=True)
class Intake:
    """One thing to read."""

    name: str
    stream: io.BufferedReader
    """At its start."""
    watch: Watch = field(default_factory=Watch)
    text_field: str = ""
    """The field or column the owner chose; empty means automatic."""
    ceiling: Ceiling
    """What may come out of the file, all its members together."""
    levels: int = 2
    """How many archives may still be opened on the way inwards."""
    path: str = ""
    """Where in the outermost archive this is; empty for the file itself."""
    wanted: Wanted = field(default_factory=Wanted)
    """What of an archive is read."""
    place: tuple[str, ...] = ()
    """Names from the folder that the owner chose to this, an archive being a folder; empty for a file chosen itself."""
    reader: Callable[[Intake], Iterator[str]]
    """Reads a thing of any format; an archive hands its members to it."""

    def member(self, name: str, stream: _Source) -> Iterator[str]:
        """The documents of a member; what is wrong with one costs that one."""
        path = f"{self.path}/{name}" if self.path else name
        inner = Intake(
            name=name, stream=buffered(stream, self.watch), watch=self.watch, text_field=self.text_field,
            levels=self.levels - 1, path=path, ceiling=self.ceiling, reader=self.reader, wanted=self.wanted,
            place=(*self.place, *names_in(name)),
        )  # fmt: skip
        try:
            self.watch.enter(path)
            yield from guarded(self.reader(inner))
        except WholeFile:
            raise
        except Unusable as error:
            self.watch.aside(path, str(error))

    def head(self) -> bytes:
        """The first bytes, which stay in the stream."""
        return self.stream.peek(HEAD_BYTES)[:HEAD_BYTES]

    def whole(self, most: int = MAX_MEMBER_BYTES) -> bytes:
        """All bytes.

        Raises:
            Unusable: they are more than ``most``.
        """
        raw = self.stream.read(most + 1)
        if len(raw) > most:
            raise Unusable(f"larger than {most >> 20} MiB")
        return raw

    def at_random(self) -> BinaryIO:
        """The bytes for reading at random; a member of an archive is held in memory for it.

        Raises:
            Unusable: such a member is too large.
        """
        if self.stream.seekable():
            return cast(BinaryIO, self.stream)
        return io.BytesIO(self.whole())

    def aside(self, reason: str) -> None:
        """Say that part of this is set aside."""
        self.watch.aside(self.path, reason)


def names_in(member: str) -> tuple[str, ...]:
    """The names on the way to a member of an archive; nothing leads out of it."""
    return tuple(part for part in member.replace("\\", "/").split("/") if part not in ("", ".", ".."))


def buffered(stream: _Source, watch: Watch) -> io.BufferedReader:
    """A stream for ``Intake`` over anything that can be read."""
    return io.BufferedReader(Metered(stream, watch), _BUFFER_BYTES)


def guarded(documents: Iterator[str]) -> Iterator[str]:
    """The border of all (lazy) parsers: whatever one stumbles over becomes ``Unusable``, without its own words."""
    try:
        yield from documents
    except (Unusable, MemoryError, HedgerowError, BrokenPipeError):
        raise
    except RecursionError as error:
        raise Unusable("nested too deeply") from error
    except Exception as error:  # parsers raise anything over damaged bytes; it costs the file
        known = type(error).__name__ in _DAMAGE
        raise Unusable("cut or damaged" if known else f"cut or damaged ({type(error).__name__})") from error
