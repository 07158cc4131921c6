"""Text that lies on any machine, by kind; or a synthetic source of known entropy. Bytes are the tokens.

Documents are files, each once whatever its white space, cut at 64 KiB and joined by a NUL byte. Every kind gives
equally many bytes, so that one client of each kind has together what a centralised run has. One document in twenty is
held out, by its hash, before anything is dealt: half of those to choose settings by, the other half to report. Of each
a piece of its middle counts, so that many documents do, and no piece of which too much is also in what is trained on
or in the other half (licences, generated manual pages, tables).
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import site
import sys
import sysconfig
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core.api.errors import CorpusError
from core.bench.learning.cells import Split
from core.bench.learning.synthetic import documents as synthetic_documents

Bytes = NDArray[np.uint8]
Half = Literal["choose", "report"]
HALVES: Final[tuple[Half, ...]] = get_args(Half)

KIND_BYTES: Final = 16 << 20
"""Most bytes of one kind."""
_LEAST_KIND_BYTES: Final = 1 << 20
_DOCUMENT: Final = 64 << 10
_SHORTEST: Final = 256
_LARGEST_FILE: Final = 4 << 20
_HELD_ONE_IN: Final = 20
_HELD_OF_ONE: Final = 4 << 10
"""Held-out bytes of one document."""
_SHINGLE: Final = 64
_FAMILIAR: Final = 0.25
"""Share of a document's shingles seen elsewhere from which it is not counted."""
_BLOCK: Final = 4 << 20
_BASE: Final = 0x9E3779B97F4A7C15
VERSION: Final = 2
"""Of how text is laid out and held out."""
_HELD_BYTES: Final = 64 << 10
"""Held-out bytes of each kind, of either half."""
_BOILERPLATE: Final = ("copyright", "changelog", "changes")


def _sources() -> dict[str, tuple[tuple[Path, tuple[str, ...]], ...]]:
    stdlib, packages = Path(sysconfig.get_paths()["stdlib"]), [Path(folder) for folder in site.getsitepackages()]
    system = [Path("/usr/lib/python3"), Path(f"/usr/lib/python3.{sys.version_info.minor}")]
    return {
        "python": tuple((folder, (".py",)) for folder in (stdlib, *packages, *system)),
        "prose": (
            (Path("/usr/share/man"), (".gz",)),
            (Path("/usr/share/doc"), (".gz", ".txt", ".md", ".rst", "")),
            *((folder, (".rst", ".md", ".txt")) for folder in packages),
        ),
        "c": ((Path("/usr/include"), (".h", ".hpp")), *((folder, (".h", ".c")) for folder in packages)),
        "perl": ((Path("/usr/share/perl"), (".pm", ".pl", ".pod")), (Path("/usr/share/perl5"), (".pm", ".pl", ".pod"))),
    }


def _files(folder: Path, endings: tuple[str, ...]) -> Iterator[Path]:
    for place, inside, names in os.walk(folder):
        if "man" in place.split(os.sep)[-2:-1] and not Path(place).name.startswith("man"):
            inside.clear()  # translations
            continue
        inside.sort()
        for name in sorted(names):
            if name.lower().startswith(_BOILERPLATE):
                continue
            if os.path.splitext(name)[1].lower() in endings:
                yield Path(place, name)


def _read(path: Path) -> bytes:
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST_FILE:
            return b""
        if path.suffix != ".gz":
            return path.read_bytes()[:_DOCUMENT]
        with gzip.open(path) as stream:
            return stream.read(_DOCUMENT)
    except (OSError, EOFError, zlib.error):
        return b""


def _kind(sources: tuple[tuple[Path, tuple[str, ...]], ...], most: int, seen: set[bytes]) -> dict[bytes, bytes]:
    """Hash → document; files in an order of their own names' hashes, so that a cut takes some of everything."""
    paths = [path for folder, endings in sources for path in _files(folder, endings)]
    paths.sort(key=lambda path: hashlib.sha256(str(path.name).encode("utf-8", "surrogateescape")).digest())
    found: dict[bytes, bytes] = {}
    total = 0
    for path in paths:
        text = _read(path)
        if len(text) < _SHORTEST or b"\0" in text or total >= most:
            continue
        digest = hashlib.sha256(b" ".join(text.split())).digest()
        if digest in seen:
            continue
        seen.add(digest)
        found[digest] = text
        total += len(text)
    return found


def find_documents(text: str, most: int = KIND_BYTES) -> dict[str, dict[bytes, bytes]]:
    """Documents by kind and hash.

    Args:
        text: ``machine`` or ``synthetic``.
        most: bytes of each kind.

    Raises:
        CorpusError: this machine has too little text.
    """
    if text == "synthetic":
        made = (document.tobytes() for document in synthetic_documents(min(4 * most, 32 << 20)))
        return {"synthetic": {hashlib.sha256(document).digest(): document for document in made}}
    seen: set[bytes] = set()
    kinds = {name: _kind(sources, most, seen) for name, sources in _sources().items()}
    large = {name: found for name, found in kinds.items() if _size(found) >= min(most, _LEAST_KIND_BYTES)}
    if not large:
        raise CorpusError("There is too little text on this machine.", "Use the synthetic source.")
    least = min(map(_size, large.values()))
    return {name: _cut(found, least) for name, found in large.items()}


def _size(found: dict[bytes, bytes]) -> int:
    return sum(map(len, found.values()))


def _cut(found: dict[bytes, bytes], most: int) -> dict[bytes, bytes]:
    kept: dict[bytes, bytes] = {}
    total = 0
    for digest in sorted(found):
        if total >= most:
            break
        kept[digest] = found[digest]
        total += len(found[digest])
    return kept


@dataclass(frozen=True)
class Text:
    """Found text in one array, with where each document lies."""

    data: Bytes
    table: NDArray[np.int64]
    """(documents, 5): start, stop, kind, 62 bits of the hash, and 1 where it was held out but repeats other text."""
    kinds: tuple[str, ...]
    digest: str

    @property
    def held_rows(self) -> NDArray[np.bool_]:
        """Which documents are held out."""
        return np.asarray(self.table[:, 3] % _HELD_ONE_IN == 0)

    def part(self, split: Split, parts: int, part: int) -> Bytes:
        """The documents of one part of ``parts``, joined.

        By ``kind`` neighbouring parts share a kind where there are more parts than kinds, and a part has several
        kinds where there are fewer.
        """
        table = self.table[~self.held_rows]
        by_hash, kinds = table[:, 3] // _HELD_ONE_IN, len(self.kinds)
        if split == "iid" or kinds == 1:
            mine = by_hash % parts == part
        elif parts >= kinds:
            share = np.array([(parts - kind - 1) // kinds + 1 for kind in range(kinds)])[table[:, 2]]
            mine = (by_hash % share) * kinds + table[:, 2] == part
        else:
            mine = table[:, 2] % parts == part
        return self._joined(table[mine])

    def held_out(self, seq_len: int, half: Half, per_kind: int = _HELD_BYTES) -> NDArray[np.uint8]:
        """(windows, seq_len + 1) of held-out text, equally many of each kind, kind after kind.

        Args:
            seq_len: predicted bytes of a window.
            half: documents that settings are chosen by, or those that nothing is chosen by.
            per_kind: most bytes of a kind.

        Raises:
            CorpusError: a kind has too few of these documents.
        """
        table = self.table[self.held_rows]
        table = table[(_half(table) == HALVES.index(half)) & (table[:, 4] == 0)]
        table[:, :2] = _middles(table)
        texts = [self._joined(table[table[:, 2] == kind])[: per_kind + 1] for kind in range(len(self.kinds))]
        count = min((len(text) - 1) // seq_len for text in texts)
        if count < 1:
            raise CorpusError("There is too little held-out text on this machine.", "Use the synthetic source.")
        return np.concatenate([windows(text, seq_len)[:count] for text in texts])

    def _joined(self, rows: NDArray[np.int64]) -> Bytes:
        pieces = []
        for start, stop, *_ in rows:
            pieces += [self.data[start:stop], np.zeros(1, np.uint8)]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.uint8)

    def about(self) -> dict[str, Any]:
        """How much there is."""
        sizes = {
            kind: int((self.table[self.table[:, 2] == i, 1] - self.table[self.table[:, 2] == i, 0]).sum())
            for i, kind in enumerate(self.kinds)
        }
        held = self.table[self.held_rows]
        return {
            "digest": self.digest, "documents": len(self.table), "sizes": sizes, "held_out": len(held),
            "held_out_familiar": int(held[:, 4].sum()),
        }  # fmt: skip


def windows(text: Bytes, seq_len: int, offset: int = 0) -> Bytes:
    """All windows of ``seq_len + 1`` bytes that overlap by one; a view."""
    count = (len(text) - 1 - offset) // seq_len
    seen = np.lib.stride_tricks.as_strided(text[offset:], (max(0, count), seq_len + 1), (seq_len, 1), writeable=False)
    return np.asarray(seen)


def collect(documents: dict[str, dict[bytes, bytes]]) -> Text:
    """Lay documents out, kind by kind in the order of their hashes."""
    pieces, rows, at = [], [], 0
    total = hashlib.sha256()
    for number, found in enumerate(documents.values()):
        for digest in sorted(found):
            text = found[digest]
            rows.append((at, at + len(text), number, int.from_bytes(digest[:8], "big") >> 2, 0))
            pieces.append(text)
            at += len(text)
            total.update(digest)
    data = np.frombuffer(b"".join(pieces), np.uint8)
    laid = Text(data, np.array(rows, np.int64).reshape(-1, 5), tuple(documents), total.hexdigest()[:16])
    laid.table[laid.held_rows, 4] = _familiar(laid)
    return laid


def _half(table: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which half of what is held out a document is in."""
    return np.asarray(table[:, 3] // _HELD_ONE_IN % 2)


def _middles(table: NDArray[np.int64]) -> NDArray[np.int64]:
    """Start and stop of the piece that counts of each document."""
    middle = (table[:, 0] + table[:, 1]) // 2
    ends = np.minimum(table[:, 1], middle + _HELD_OF_ONE // 2)
    return np.stack([np.maximum(table[:, 0], ends - _HELD_OF_ONE), ends], 1)


def _hashes(data: Bytes) -> NDArray[np.uint64]:
    """A polynomial hash of the ``_SHINGLE`` bytes from each place on, modulo 2⁶⁴."""
    if len(data) < _SHINGLE:
        return np.zeros(0, np.uint64)
    powers = np.full(len(data) + 1, _BASE, np.uint64)
    powers[0] = 1
    powers = np.multiply.accumulate(powers)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum((data.astype(np.uint64) + np.uint64(1)) * powers[:-1])])
    back = np.full(len(data) - _SHINGLE + 1, pow(_BASE, -1, 1 << 64), np.uint64)
    back[0] = 1
    return np.asarray((sums[_SHINGLE:] - sums[:-_SHINGLE]) * np.multiply.accumulate(back))


def _familiar(text: Text) -> NDArray[np.int64]:
    """Of every document that is held out, whether too much of its piece is also in training or in the other half."""
    held, halves = text.table[text.held_rows], _half(text.table[text.held_rows])
    found = [_hashes(text.data[start:stop])[::_SHINGLE] for start, stop in _middles(held)]
    wanted = np.unique(np.concatenate([*found, np.zeros(0, np.uint64)]))
    seen = np.zeros(len(wanted), bool)
    for start, stop, *_ in text.table[~text.held_rows]:
        for at in range(start, stop, _BLOCK):
            here = _hashes(text.data[at : min(stop, at + _BLOCK + _SHINGLE - 1)])
            place = np.minimum(np.searchsorted(wanted, here), max(0, len(wanted) - 1))
            seen[place[wanted[place] == here] if len(wanted) else []] = True
    known = set(wanted[seen].tolist())
    halved = [
        {value for row, side in zip(found, halves, strict=True) if side == half for value in row.tolist()}
        for half in (0, 1)
    ]
    shares = [
        sum(value in known or value in halved[1 - side] for value in row.tolist()) / max(1, len(row))
        for row, side in zip(found, halves, strict=True)
    ]
    return np.array([share > _FAMILIAR for share in shares], np.int64)


def _version(about: Path) -> int:
    return int(json.loads(about.read_text("utf-8")).get("version", 1)) if about.exists() else 0


def cached_text(folder: Path, text: str, most: int = KIND_BYTES) -> Text:
    """The text as it was found the first time, kept in ``folder`` so that every cell reads the same."""
    place = folder / f"text-{text}"
    if _version(place / "about.json") != VERSION:
        found = collect(find_documents(text, most))
        place.mkdir(parents=True, exist_ok=True)
        np.save(place / "data.npy", found.data)
        np.save(place / "table.npy", found.table)
        (place / "about.json").write_text(
            json.dumps({"version": VERSION, "kinds": found.kinds, **found.about()}), "utf-8"
        )
    about = json.loads((place / "about.json").read_text("utf-8"))
    data = np.load(place / "data.npy", mmap_mode="r")
    return Text(data, np.load(place / "table.npy"), tuple(about["kinds"]), about["digest"])


class Stream:
    """Windows of one part: each once an epoch, in a new order and from a new offset every time."""

    def __init__(self, text: Bytes, seq_len: int, seed: int) -> None:
        """Start before the first window.

        Raises:
            CorpusError: there is less than two windows of text.
        """
        if len(text) < 2 * seq_len + 2:
            raise CorpusError("A client has too little text.", "Use fewer clients, or the synthetic source.")
        self._text, self._seq_len, self._seed = text, seq_len, seed
        self.epoch, self._at = 0, 0
        self.tokens: int = 0
        """Predicted tokens given out."""
        self._open()

    def _open(self) -> None:
        draw = np.random.Generator(np.random.PCG64(np.random.SeedSequence([self._seed, self.epoch])))
        self._windows = windows(self._text, self._seq_len, int(draw.integers(self._seq_len)))
        self._order = draw.permutation(len(self._windows))

    def next_batch(self, count: int) -> NDArray[np.integer[Any]]:
        """(count, seq_len + 1) token ids."""
        rows = []
        while count:
            if self._at == len(self._order):
                self.epoch, self._at = self.epoch + 1, 0
                self._open()
            taken = self._order[self._at : self._at + count]
            rows.append(self._windows[taken])
            self._at += len(taken)
            count -= len(taken)
        batch = np.concatenate(rows)
        self.tokens += int(batch.size) - len(batch)
        return batch

    @property
    def epochs(self) -> float:
        """How often the text was read."""
        return self.epoch + self._at / len(self._order)

    def state_dict(self) -> dict[str, Any]:
        """Where the stream is."""
        return {"epoch": self.epoch, "at": self._at, "tokens": self.tokens}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what ``state_dict`` gave."""
        self.epoch, self._at, self.tokens = int(state["epoch"]), int(state["at"]), int(state["tokens"])
        self._open()
