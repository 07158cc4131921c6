"""Text for the demo: found on this machine or given, split into held-out text and one uneven share per volunteer.

What every machine has: the Python documentation topics, licence texts, manual pages and system documentation. Nothing
is downloaded and nothing is stored in the project.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.api.errors import CorpusError
from core.demo.manual import plain_manual

DEFAULT_CHARACTERS = 1_500_000
HELD_OUT_EVERY = 20
"""One document in so many is held out; a single text gives its last part of that size."""
MOST_GIVEN_BYTES = 200 << 20
_MOST_OF_A_FAMILY = 4
_MANUAL_CHARACTERS = (1_500, 60_000)
_PIECE = (2_000, 32_000)


@dataclass(frozen=True)
class Document:
    """One text and where it was found."""

    name: str
    text: str


@dataclass(frozen=True)
class Split:
    """Held-out text, and the documents of each volunteer."""

    held_out: str
    shares: tuple[tuple[Document, ...], ...]


def default_text(characters: int = DEFAULT_CHARACTERS) -> list[Document]:
    """Plain text this machine has anyway, at most about ``characters`` in all; exact copies count once.

    Raises:
        CorpusError: there is next to nothing.
    """
    sources: tuple[tuple[Callable[[], Iterator[Document]], float], ...] = (
        (_python_topics, 0.4),
        (_licences, 0.2),
        (_manual_pages, 1.0),
        (_system_documentation, 1.0),
    )
    found: list[Document] = []
    seen: set[str] = set()
    left = characters
    for source, share in sources:
        allowed = min(left, int(characters * share))
        for document in source():
            digest = hashlib.sha256(document.text.encode()).hexdigest()
            if digest in seen or len(document.text) > allowed:
                continue
            seen.add(digest)
            found.append(document)
            allowed -= len(document.text)
            left -= len(document.text)
            if allowed < _MANUAL_CHARACTERS[0]:
                break
    if characters - left < 100_000:
        raise CorpusError("This machine has too little documentation for the demo.", "Give text with --corpus PATH.")
    return found


def given_text(paths: Iterable[Path]) -> list[Document]:
    """The text files at these paths, folders searched for ``.txt`` and ``.md``.

    Raises:
        CorpusError: a path is missing, empty, unreadable or holds no plain text.
    """
    found: list[Document] = []
    total = 0
    for path in paths:
        if not path.exists():
            raise CorpusError(f"{path} is not there.", "Check the path given with --corpus.")
        files = sorted(p for p in path.rglob("*") if p.suffix.lower() in {".txt", ".md"} and p.is_file())
        for file in files if path.is_dir() else [path]:
            text = _read(file)
            total += len(text)
            if text.strip():
                found.append(Document(str(file), text))
            if total > MOST_GIVEN_BYTES:
                raise CorpusError("The text given is larger than the demo takes (200 MB).", "Give less with --corpus.")
    if not found:
        raise CorpusError("There is no text at the paths given.", "The demo reads .txt and .md files.")
    return found


def split(documents: list[Document], volunteers: int) -> Split:
    """Hold out a twentieth, by document or the last part, and deal the rest unevenly.

    Shares are proportional to 1/√(1+i), so the first volunteer has most. Documents stay whole where there are many;
    few or large ones are cut at blank lines first.

    Raises:
        ValueError: fewer than one volunteer.
        CorpusError: there is less text than volunteers could share.
    """
    if volunteers < 1:
        raise ValueError("a demo needs at least one volunteer")
    if len(documents) >= HELD_OUT_EVERY:
        shuffled = sorted(documents, key=lambda d: hashlib.sha256(d.text.encode()).digest())
        kept_back, rest = shuffled[::HELD_OUT_EVERY], [d for i, d in enumerate(shuffled) if i % HELD_OUT_EVERY]
    else:
        cuts = [_last_twentieth(document) for document in documents]
        rest, kept_back = [head for head, _ in cuts], [tail for _, tail in cuts]
    total = sum(len(document.text) for document in rest)
    largest = min(_PIECE[1], max(_PIECE[0], total // (20 * volunteers)))
    pieces = [piece for document in rest for piece in _pieces(document, largest)]
    shares = _deal(pieces, [1 / math.sqrt(1 + i) for i in range(volunteers)])
    if not all(shares) or not kept_back:
        raise CorpusError(f"There is too little text for {volunteers} volunteers.", "Give more with --corpus.")
    return Split("\n\n".join(d.text for d in kept_back), shares)


def byte_entropy(text: str) -> float:
    """Bits per byte of the best code that knows only how often each byte value occurs."""
    raw = text.encode()
    return -sum(n / len(raw) * math.log2(n / len(raw)) for n in Counter(raw).values()) if raw else 0.0


def write_share(folder: Path, share: Iterable[Document]) -> int:
    """Write a volunteer's documents as numbered files; returns how many."""
    folder.mkdir(parents=True)
    number = 0
    for number, document in enumerate(share, 1):
        (folder / f"{number:05}.txt").write_text(document.text, "utf-8")
    return number


def _read(path: Path, most: int = 64 << 20) -> str:
    try:
        if path.stat().st_size > most:
            raise CorpusError(f"{path} is larger than {most >> 20} MiB.", "Give a smaller file.")
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path} is not UTF-8 text.", "Convert it, or give another file.") from error
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from error


def _python_topics() -> Iterator[Document]:
    topics: dict[str, str] = importlib.import_module("pydoc_data.topics").topics
    for name, text in sorted(topics.items()):
        yield Document(f"Python topic {name}", text)


def _licences() -> Iterator[Document]:
    library = Path(sys.base_prefix) / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    for path in [library / "LICENSE.txt", *_files("/usr/share/common-licenses", "*")]:
        yield from _quietly(path, path.read_bytes)


def _manual_pages() -> Iterator[Document]:
    """English manual pages in an order that does not depend on their names, few of any one program's family."""
    pages = _files("/usr/share/man", "man[1-8]/*.gz")
    families: Counter[str] = Counter()
    for path in sorted(pages, key=lambda p: hashlib.sha256(p.name.encode()).digest()):
        family = path.name.replace("_", "-").partition("-")[0]
        if families[family] >= _MOST_OF_A_FAMILY:
            continue
        for page in _quietly(path, lambda path=path: _gunzip(path)):  # type: ignore[misc]
            text = plain_manual(page.text)
            if _MANUAL_CHARACTERS[0] <= len(text) <= _MANUAL_CHARACTERS[1]:
                families[family] += 1
                yield Document(page.name, text)


def _system_documentation() -> Iterator[Document]:
    for path in [*_files("/usr/share/doc", "*/README*"), *_files("/usr/share/doc", "*/copyright")]:
        if path.suffix in {"", ".txt", ".md"}:
            yield from _quietly(path, path.read_bytes)


def _files(folder: str, pattern: str) -> list[Path]:
    return sorted(path for path in Path(folder).glob(pattern) if path.is_file())


def _gunzip(path: Path) -> bytes:
    with gzip.open(path) as stream:
        return stream.read(1 << 20)


def _quietly(path: Path, read: Callable[[], bytes]) -> Iterator[Document]:
    """The file as a document, or nothing: on somebody else's system any file may be odd."""
    try:
        text = read().decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError):
        return
    if text.strip() and "\0" not in text:
        yield Document(str(path), text)


def _last_twentieth(document: Document) -> tuple[Document, Document]:
    at = _break_before(document.text, len(document.text) - len(document.text) // HELD_OUT_EVERY)
    head, tail = document.text[:at], document.text[at:]
    return Document(document.name, head), Document(f"{document.name} (end)", tail)


def _pieces(document: Document, largest: int) -> Iterator[Document]:
    start, part = 0, 0
    while start < len(document.text):
        end = len(document.text)
        if end - start > largest * 1.5:
            end = max(start + largest // 2, _break_before(document.text, start + largest))
        part += 1
        yield Document(f"{document.name} ({part})", document.text[start:end])
        start = end


def _break_before(text: str, at: int) -> int:
    """The end of the last paragraph, or line, shortly before ``at``; else ``at`` itself."""
    for mark in ("\n\n", "\n"):
        found = text.rfind(mark, max(0, at - 2_000), at)
        if found > 0:
            return found + len(mark)
    return at


def _deal(pieces: list[Document], weights: list[float]) -> tuple[tuple[Document, ...], ...]:
    """Contiguous runs whose lengths follow ``weights``."""
    total = sum(len(piece.text) for piece in pieces)
    bounds = [total * sum(weights[: i + 1]) / sum(weights) for i in range(len(weights))]
    shares: list[list[Document]] = [[] for _ in weights]
    at = 0
    for piece in pieces:
        middle = at + len(piece.text) / 2
        shares[next((i for i, bound in enumerate(bounds) if middle <= bound), -1)].append(piece)
        at += len(piece.text)
    return tuple(tuple(share) for share in shares)
