"""Which files of a chosen folder are wanted: the owner's include and exclude patterns, hidden and generated files.

Patterns are like those of ``.gitignore``, on the path below the chosen folder, with ``/`` between names, upper and
lower case apart:

* ``*`` and ``?`` stand for any characters and one character of a name, ``[a-z]`` and ``[!a-z]`` for one of a set, and
  ``[*]`` for the character itself; ``**`` stands for any number of folders.
* Without a slash a pattern means a name at any depth (``*.log``); with one it begins at the chosen folder
  (``notes/*.md``, ``/todo.txt``). A slash at the end means folders alone (``drafts/``).
* A pattern that means a folder means everything in it.

An archive is like a folder: its members lie below its name (``old.zip/notes/a.md``), and the same patterns and switches
hold for them. There is no ``!``: what is read is what some include pattern means (everything, where there is none) and
no exclude pattern means. Including narrows; it brings in neither hidden nor generated files, which have switches of
their own. A file that the owner chose itself, not by its folder, is always wanted; an archive so chosen is the folder.
"""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Sequence
from typing import Final

from core.api.errors import CorpusError
from core.data.formats.names import is_archive

MAX_PATTERNS: Final = 200
MAX_PATTERN: Final = 500
GENERATED_FOLDERS: Final = frozenset(
    (
        "__pycache__", "node_modules", "bower_components", "site-packages", "dist-packages", "venv", "build", "dist",
        "target", "vendor", ".git", ".hg", ".svn", ".bzr", ".venv", ".tox", ".nox", ".cache", ".mypy_cache",
        ".ruff_cache", ".pytest_cache", ".ipynb_checkpoints", ".idea", ".gradle", ".terraform",
    )
)  # fmt: skip
GENERATED_FILES: Final = (
    "*.min.js", "*.min.css", "*.map", "*_pb2.py", "*_pb2_grpc.py", "*.pb.go", "*.pb.cc", "*.pb.h", "*.g.dart",
    "*.generated.*", "*.designer.cs", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml",
    "cargo.lock", "poetry.lock", "pipfile.lock", "composer.lock", "gemfile.lock", "go.sum", "uv.lock",
)  # fmt: skip
NOT_INCLUDED: Final = "not among the included patterns"
_GENERATED: Final = re.compile("|".join(fnmatch.translate(name) for name in GENERATED_FILES))


class Pattern:
    """One pattern, ready to be asked.

    Raises:
        CorpusError: it is empty, too long, begins with ``!``, or leads out of the folder.
    """

    def __init__(self, text: str) -> None:
        bare = text.strip()
        self.folders_only = bare.endswith("/")
        names = bare.strip("/").split("/")
        if not bare.strip("/") or len(bare) > MAX_PATTERN or "\0" in bare:
            raise CorpusError(f"{text[:40]!r} is not a pattern.", "Write one such as *.md or drafts/.")
        if bare.startswith("!") or ".." in names or "." in names:
            raise CorpusError(
                f"The pattern {text[:80]!r} is not understood.", "Neither ! nor . and .. belong into a pattern."
            )
        if "/" not in bare[:-1]:
            names = ["**", *names]
        self._names = [None if name == "**" else re.compile(fnmatch.translate(name)) for name in names]

    def means(self, parts: Sequence[str], folder: bool) -> bool:
        """Whether the file or folder at ``parts`` is meant; what is in a folder that is meant is not asked for here."""
        if self.folders_only and not folder:
            return False
        reached = self._behind_any({0})
        for part in parts:
            reached = self._behind_any({to for at in reached for to in self._step(at, part)})
        return len(self._names) in reached

    def _behind_any(self, places: set[int]) -> set[int]:
        """``places`` and those behind a ``**`` there, which may stand for no folder; at the end it means something."""
        for at in tuple(places):
            while at + 1 < len(self._names) and self._names[at] is None:
                at += 1
                places.add(at)
        return places

    def _step(self, at: int, part: str) -> tuple[int, ...]:
        """Places in the pattern after one more name."""
        if at == len(self._names):
            return ()
        name = self._names[at]
        if name is None:
            return (at, at + 1) if at + 1 == len(self._names) else (at,)
        return (at + 1,) if name.match(part) else ()


class Wanted:
    """The owner's choice over one folder.

    Args:
        include: what to take; empty for everything.
        exclude: what to leave.
        hidden: take names that begin with a dot.
        generated: take what programs made: build folders, lock files, minified and generated sources.

    Raises:
        CorpusError: there are too many patterns, or one is none.
    """

    def __init__(
        self, include: Sequence[str] = (), exclude: Sequence[str] = (), hidden: bool = False, generated: bool = False
    ) -> None:
        if len(include) + len(exclude) > MAX_PATTERNS:
            raise CorpusError(f"There are more than {MAX_PATTERNS} patterns.", "Say it with fewer.")
        self._include = [Pattern(text) for text in include]
        self._exclude = [Pattern(text) for text in exclude]
        self.said = "\0".join((*include, "", *exclude, f"{hidden:d}{generated:d}"))
        """All of it in one line, to tell one choice from another."""
        self._hidden = hidden
        self._generated = generated
        self._inside = functools.lru_cache(maxsize=64)(self._meant_by_include)

    def refuses(self, parts: tuple[str, ...], folder: bool) -> str:
        """Why what lies at ``parts`` is left out; empty if it is not, and for what must be looked into."""
        name = parts[-1]
        if name.startswith(".") and not self._hidden:
            return "hidden"
        if not self._generated and _made_by_a_program(name.lower(), folder):
            return "made by a program"
        if any(pattern.means(parts, folder) for pattern in self._exclude):
            return "left out by a pattern"
        if not (folder or is_archive(name) or self.includes(parts)):
            return NOT_INCLUDED
        return ""

    def includes(self, parts: tuple[str, ...]) -> bool:
        """Whether what lies at ``parts`` is among what to take, whatever else is said of it."""
        return (
            not self._include
            or self._inside(parts[:-1])
            or any(pattern.means(parts, folder=False) for pattern in self._include)
        )

    def _meant_by_include(self, parts: tuple[str, ...]) -> bool:
        """Whether this folder or one above it is meant; asked anew for each file in it, so it is kept."""
        return bool(parts) and (
            any(pattern.means(parts, folder=True) for pattern in self._include) or self._inside(parts[:-1])
        )


def _made_by_a_program(name: str, folder: bool) -> bool:
    if folder:
        return name in GENERATED_FOLDERS or name.endswith(".egg-info")
    return _GENERATED.match(name) is not None
