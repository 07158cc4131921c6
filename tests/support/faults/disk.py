"""A disk that counts every durable operation, and at one of them the machine dies, the power goes, or there is no room.

Operations are what a program does that could survive it: a write or sync of SQLite, a file's creation, sync, rename and
removal, a folder's creation and sync. The keyring's writes and every message are counted with them, so "every step" is
every step. The disk also knows what a power cut may leave: a file's content once it was synced, a name once its folder
was, and of everything later a random part. Nothing else is promised by POSIX, so nothing else is believed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

_number = iter(range(1 << 60))


class Dead(BaseException):
    """The process is no more: nothing may catch this and tidy up."""


@dataclass
class Fault:
    """What happens at which operation, counted from 0."""

    at: int
    kind: str = "kill"
    """``kill`` ends everything, ``trainer`` the trainer alone; ``full`` refuses; ``call`` runs ``action``."""
    times: int = 1
    """How many operations in a row a full disk refuses."""
    action: Callable[[], None] = lambda: None
    fired: bool = False


@dataclass
class Disk:
    """The folder of one life, its operations, and what of it is on the platter."""

    root: Path
    fault: Fault | None = None
    points: list[str] = field(default_factory=list)
    trainer: int = 0
    """Thread of the trainer."""
    files: dict[str, bytes] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    pending: dict[str, list[tuple[str, str, bytes]]] = field(default_factory=dict)
    """Folder → (``set`` or ``drop`` or ``make``, path, content), not synced yet."""
    writes: dict[str, list[tuple[int, bytes | None]]] = field(default_factory=dict)
    """SQLite's file → writes and truncations, not synced yet."""
    dead: bool = False
    trainer_dead: bool = False
    off: bool = False
    """From then on nothing is counted: the life is over and its remains are put away."""

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._contents: dict[str, bytes] = {}
        for folder, _, names in os.walk(self.root):
            self.folders.add(folder)
            self.files |= {path: Path(path).read_bytes() for path in (os.path.join(folder, name) for name in names)}

    def inherit(self, before: Disk) -> None:
        """Go on after a kill: what was not on the platter then still is not.

        Args:
            before: of the life before; this folder is a copy of its.
        """

        def here(path: str) -> str:
            return f"{self.root}{path[len(str(before.root)) :]}"

        self.files = {here(path): content for path, content in before.files.items()}
        self.folders = {here(path) for path in before.folders}
        self.writes = {here(path): list(writes) for path, writes in before.writes.items()}
        self.pending = {
            here(folder): [(what, here(path), content) for what, path, content in operations]
            for folder, operations in before.pending.items()
        }

    def point(self, name: str, *, room: bool = False) -> None:
        """One operation is about to happen.

        Args:
            name: of the operation.
            room: it needs room on the disk.

        Raises:
            Dead: here or earlier the process ended.
            OSError: the disk is full.
        """
        with self._lock:
            if self.off:
                return
            training = threading.get_ident() == self.trainer
            if self.dead or (training and self.trainer_dead):
                raise Dead
            number = len(self.points)
            self.points.append(f"{'trainer' if training else 'engine'}: {name}{' (room)' if room else ''}")
            fault = self.fault
            if fault is None or number < fault.at:
                return
            if fault.kind == "full" and room and fault.times > 0:
                fault.times -= 1
                fault.fired = True
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if number == fault.at and fault.kind != "full":
                fault.fired = True
                self._strike(fault)

    def _strike(self, fault: Fault) -> None:
        if fault.kind == "call":
            fault.action()
            return
        self.dead, self.trainer_dead = self.dead or fault.kind == "kill", True
        raise Dead

    # Files

    def _ours(self, path: object) -> str:
        text = os.path.abspath(os.fspath(path))  # type: ignore[call-overload]
        return text if text.startswith(f"{self.root}{os.sep}") else ""

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Count the operations of this process on this folder."""
        real = {name: getattr(os, name) for name in ("fsync", "replace", "unlink", "mkdir")}
        make = tempfile.mkstemp

        def fsync(descriptor: int) -> None:
            path = os.readlink(f"/proc/self/fd/{descriptor}")
            if path == str(self.root) or self._ours(path):
                self._sync_folder(path) if os.path.isdir(path) else self._sync_file(path)
            else:
                real["fsync"](descriptor)

        def replace(source: Any, target: Any) -> None:
            path = self._ours(target)
            if path:
                self.point(f"rename {Path(path).name}", room=True)
            real["replace"](source, target)
            if path:
                self._later(path, "set", self._contents.pop(self._ours(source), b""))

        def unlink(target: Any, *, dir_fd: int | None = None) -> None:
            path = self._ours(target) if dir_fd is None else ""
            if path:
                self.point(f"remove {'a part' if path.endswith('.part') else Path(path).name}")
            real["unlink"](target, dir_fd=dir_fd)
            if path:
                self._contents.pop(path, None)
                self._later(path, "drop", b"")

        def mkdir(target: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
            path = self._ours(target) if dir_fd is None and not os.path.isdir(target) else ""
            if path:
                self.point(f"make folder {Path(path).name}", room=True)
            real["mkdir"](target, mode, dir_fd=dir_fd)
            if path:
                self._later(path, "make", b"")

        def mkstemp(*args: Any, **options: Any) -> tuple[int, str]:
            if self._ours(Path(options.get("dir") or tempfile.gettempdir()) / "x"):
                self.point(f"create {str(options.get('prefix', '')).strip('.')}", room=True)
            return make(*args, **options)

        os.fsync, os.replace, os.unlink, os.mkdir = fsync, replace, unlink, mkdir  # type: ignore[assignment]
        tempfile.mkstemp = mkstemp  # type: ignore[assignment]
        try:
            yield
        finally:
            for name, function in real.items():
                setattr(os, name, function)
            tempfile.mkstemp = make

    def _sync_file(self, path: str) -> None:
        self.point(f"sync {Path(path).name.strip('.').rpartition('.')[0].rpartition('.')[0]}", room=True)
        self._contents[path] = Path(path).read_bytes()

    def _sync_folder(self, path: str) -> None:
        self.point(f"sync folder {Path(path).name}")
        for what, name, content in self.pending.pop(path, []):
            _settle(self.files, self.folders, what, name, content)

    def _later(self, path: str, what: str, content: bytes) -> None:
        self.pending.setdefault(os.path.dirname(path), []).append((what, path, content))

    # SQLite

    def connect(self, path: Path) -> Connection:
        """A ledger's connection on this disk."""
        return Connection(path, self)

    def wrote(self, path: str, offset: int, data: bytes | None) -> None:
        """SQLite is about to write, or with None to cut the file."""
        self.point(f"{'write' if data is not None else 'cut'} {_kind(path)}", room=True)
        self.writes.setdefault(path, []).append((offset, data))

    def synced(self, path: str) -> None:
        """SQLite is about to sync; what is read back is what was written, for the drive is not asked to wait."""
        self.point(f"sync {_kind(path)}")
        self.files[path] = Path(path).read_bytes()
        self.writes.pop(path, None)

    def deleted(self, path: str) -> None:
        """SQLite is about to remove a file."""
        self.point(f"remove {_kind(path)}")
        self.files.pop(path, None)
        self.writes.pop(path, None)

    def after_power_cut(self, target: Path, dice: random.Random) -> int:
        """Put what a power cut may leave into another folder; how many operations were lost."""
        files, folders, lost = dict(self.files), set(self.folders), 0
        for operations in self.pending.values():
            kept = _survivors(len(operations), dice)
            lost += len(operations) - kept
            for what, path, content in operations[:kept]:
                _settle(files, folders, what, path, content)
        for path, writes in self.writes.items():
            content, kept = bytearray(files.get(path, b"")), _survivors(len(writes), dice)
            for offset, data in writes[:kept]:
                _apply(content, offset, data)
            if kept < len(writes) and dice.random() < 0.3:
                offset, data = writes[kept]
                _apply(content, offset, data[: len(data) // 2] if data else data)
            lost += len(writes) - kept
            files[path] = bytes(content)
        for folder in sorted(folders):
            if os.path.dirname(folder) in folders or folder == str(self.root):
                (target / os.path.relpath(folder, self.root)).mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            place = target / os.path.relpath(path, self.root)
            if place.parent.is_dir():
                place.write_bytes(content)
        return lost


def _settle(files: dict[str, bytes], folders: set[str], what: str, path: str, content: bytes) -> None:
    if what == "set":
        files[path] = content
    elif what == "drop":
        files.pop(path, None)
    else:
        folders.add(path)


def _survivors(count: int, dice: random.Random) -> int:
    return dice.randrange(count + 1) if dice.random() < 0.5 else 0


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        return
    content.extend(bytes(max(0, offset + len(data) - len(content))))
    content[offset : offset + len(data)] = data


def _kind(path: str) -> str:
    return "journal of the ledger" if path.endswith("-wal") else "ledger"


class _VFS(apsw.VFS):
    """SQLite's file layer on a ``Disk``."""

    def __init__(self, name: str, disk: Disk) -> None:
        super().__init__(name, "")
        self.disk = disk

    def xOpen(self, name: Any, flags: list[int]) -> _File:
        return _File(self.disk, name, flags)

    def xDelete(self, name: str, sync_folder: bool) -> None:
        self.disk.deleted(name)
        super().xDelete(name, sync_folder)


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self.disk = disk
        self.path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)

    def xWrite(self, data: bytes, offset: int) -> None:
        with _as_sqlite_says():
            self.disk.wrote(self.path, offset, bytes(data))
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:
        with _as_sqlite_says():
            self.disk.wrote(self.path, size, None)
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:
        self.disk.synced(self.path)


@contextlib.contextmanager
def _as_sqlite_says() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise apsw.FullError("database or disk is full") from error


class Connection:
    """apsw in the shape the ledger asks for. Exclusive locking keeps the WAL index out of shared memory."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self._disk = disk
        name = f"disk-{os.getpid()}-{next(_number)}"
        self._vfs = _VFS(name, disk)
        self._connection = apsw.Connection(str(path), vfs=name)
        self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")

    @property
    def in_transaction(self) -> bool:
        return not self._disk.dead and self._connection.in_transaction

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Any:
        if self._disk.dead and not self._disk.off:
            raise Dead
        try:
            return _Rows(self._connection.execute(sql, tuple(parameters)).fetchall())
        except apsw.Error as error:
            if self._disk.dead:
                raise Dead from None
            told = sqlite3.OperationalError(str(error))
            told.sqlite_errorcode = getattr(error, "extendedresult", getattr(error, "result", 0))
            raise told from error

    def close(self) -> None:
        with contextlib.suppress(apsw.Error):
            self._connection.close(True)


class _Rows(list[Any]):
    def fetchall(self) -> list[Any]:
        return list(self)


class Spoken:
    """The standard library's connection, with a point before each statement that changes something, and after it."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self._disk = disk
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Any:
        word = sql.split(None, 1)[0]
        counted = word in ("BEGIN", "COMMIT", "INSERT", "UPDATE", "DELETE", "CREATE")
        if counted:
            self._disk.point(f"{word} in the ledger")
        found = self._connection.execute(sql, parameters)
        if counted and word == "COMMIT":
            self._disk.point("committed in the ledger")
        return found

    def close(self) -> None:
        self._connection.close()
