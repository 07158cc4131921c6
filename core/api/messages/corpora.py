"""The owner's text: what was read of it, what may be changed about it, and a look into it."""

from __future__ import annotations

from typing import Literal

from core.api.messages.base import Message


class SkippedFile(Message, frozen=True, kw_only=True):
    """A source that was set aside, and why."""

    path: str
    reason: str


class Part(Message, frozen=True, kw_only=True):
    """A part of a text by some property: how many documents or files, and how many bytes."""

    name: str
    count: int
    bytes: int


class CorpusInfo(Message, frozen=True, kw_only=True):
    """One corpus of the owner's. Paths stay on this machine."""

    corpus_id: str
    name: str
    paths: list[str]
    state: Literal["reading", "ready", "error", "missing"]
    documents: int = 0
    records: int = 0
    """Training windows at the default length of 128 tokens; what unit ``record`` counts."""
    tokens: int = 0
    text_bytes: int = 0
    words: int = 0
    held_out_tokens: int = 0
    files_done: int = 0
    files_total: int = 0
    skipped: list[SkippedFile] = []
    skipped_total: int = 0
    error: str = ""
    added_at: float = 0.0
    include: list[str] = []
    exclude: list[str] = []
    hidden: bool = False
    generated: bool = False
    text_field: str = ""
    weight: float = 1.0
    copies: int = 0
    """Documents that are exact copies of others in it; each counts once."""
    elsewhere: int = 0
    """Documents left out because another text of this machine has them; they share its budget all the same."""
    languages: list[Part] = []
    """Documents and bytes by language (ISO 639-1), an empty name for the unknown; largest first."""
    formats: list[Part] = []
    """Files that gave text and their sizes, by the ends of their names."""
    sizes: list[int] = []
    """Documents below 1 kB, 10 kB, 100 kB, 1 MB and above."""
    read_bytes: int = 0
    """While it is read: sizes of the files done, of ``total_bytes``."""
    total_bytes: int = 0
    eta_s: float | None = None
    refreshing: bool = False
    """Whether its files are being looked at again; what was read before is used meanwhile."""


class CorpusList(Message, frozen=True, kw_only=True):
    """All corpora."""

    corpora: list[CorpusInfo]


class PathsParams(Message, frozen=True, kw_only=True):
    """Files or folders, and what of them is read."""

    paths: list[str]
    name: str = ""
    include: list[str] = []
    """Patterns like those of ``.gitignore``, on the path below a chosen folder; empty for everything."""
    exclude: list[str] = []
    hidden: bool = False
    generated: bool = False
    text_field: str = ""
    """Field or column that holds the text, in files of records; empty for the usual names."""
    weight: float = 1.0
    """How often it is drawn beside other texts."""


class CorpusParams(Message, frozen=True, kw_only=True):
    """One corpus."""

    corpus_id: str


class ChangeParams(Message, frozen=True, kw_only=True):
    """What is to be different about one corpus; ``None`` leaves it as it is."""

    corpus_id: str
    include: list[str] | None = None
    exclude: list[str] | None = None
    hidden: bool | None = None
    generated: bool | None = None
    text_field: str | None = None
    weight: float | None = None


class PreviewTicket(Message, frozen=True, kw_only=True):
    """Lets a preview child, started by whoever asked, show one document; good once and for a few seconds."""

    path: str
    """Of a socket in the engine's private folder."""
    documents: int
    """How many there are to choose from."""


class PreviewText(Message, frozen=True, kw_only=True):
    """What a preview child writes: the very text that is used, or the beginning of it. It never crosses the socket."""

    document: int
    """Its number, from 1."""
    documents: int
    text: str
    cut: bool = False
    """Whether the document goes on."""
    tokens: int = 0
    """0 for a file that was not read into shards."""
    text_bytes: int = 0
    held_out: bool = False
    """Whether it is held back for testing."""
    field: str = ""
    """Of a file of records or a table: the field or column that was read."""
    fields: list[str] = []
    """Its fields or columns, the first ones."""
