"""The preview child: shows the owner the very text that would be trained on. The window or the command line starts it.

``python -I -m core.data.preview --ticket SOCKET --document N`` shows a document as it is in the token shards, decoded;
``--file PATH`` what would be made of a file. For the shards it needs the store key, which the engine hands to it alone,
once, over the socket of the ticket; the program that started it never sees the key, and the engine never sees the text.
It locks itself down as the reader does before it opens anything of the owner's, and writes one JSON document to its own
standard output: a ``PreviewText``, or an error of one sentence.
"""

from __future__ import annotations

import argparse
import os
import resource
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from core import jobs, vault
from core.api.errors import CorpusError, EngineError, HedgerowError
from core.api.messages.corpora import PreviewText
from core.data import content, extract
from core.data.corpora import Found, Opener, Unusable
from core.data.formats import registry
from core.data.formats.intake import Watch
from core.data.store import Shard
from core.data.tokenizer import Tokenizer
from core.jobs import PreviewJob
from core.sandbox import lock_down

MAX_CHARACTERS: Final = 20_000
MAX_FILE_BYTES: Final = 64 << 30
MAX_COUNTED: Final = 1_000
"""Documents of one file that are counted; the first is shown."""
MAX_FIELDS: Final = 100
MAX_FIELD: Final = 200
_TOKENS_AT_MOST: Final = 2 * MAX_CHARACTERS
_MEMORY_BYTES: Final = 2 << 30
_CPU_S: Final = 60
_TIMEOUT_S: Final = 10.0


def of_corpus(ticket: str, number: int) -> PreviewText:
    """One document of a corpus, decoded from its shards.

    Args:
        ticket: path of the engine's socket, good for one caller.
        number: which document, from 1, in the order of the shards.

    Raises:
        HedgerowError: the ticket is used up, there is no such document, or a shard is damaged.
    """
    job, key = _redeem(ticket)
    total = sum(shard.documents for shard in job.shards)
    if not 1 <= number <= total:
        raise CorpusError(f"There is no document {number}; this text has {total:,}.", "Ask for another.")
    lock_down(allow_threads=False, read_paths=[job.tokenizer_path, *(shard.path for shard in job.shards)])
    place = number - 1
    for ref in job.shards:
        if place < ref.documents:
            break
        place -= ref.documents
    tokenizer = Tokenizer.load(job.tokenizer_path, job.tokenizer_sha256)
    shard = Shard(ref.path, key)
    start, stop = int(shard.document_offsets[place]), int(shard.document_offsets[place + 1]) - 1
    text = tokenizer.decode(shard.tokens(start, min(stop, start + _TOKENS_AT_MOST)))
    return PreviewText(
        document=number,
        documents=total,
        tokens=stop - start,
        text_bytes=int(shard.document_bytes[place]),
        held_out=place >= shard.num_training_documents,
        text=text[:MAX_CHARACTERS],
        cut=len(text) > MAX_CHARACTERS or stop - start > _TOKENS_AT_MOST,
    )


class _Fields(Watch):
    """Remembers which fields the records of a file have."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.chosen = ""

    def fields(self, names: Sequence[str], chosen: str) -> None:
        """See ``Watch``; of an archive the first member that has any."""
        if not self.names:
            self.names = [name[:MAX_FIELD] for name in names[:MAX_FIELDS] if name]
            self.chosen = chosen[:MAX_FIELD]


def of_file(path: str, field: str = "") -> PreviewText:
    """What would be made of one file; its first document, and how many there are up to ``MAX_COUNTED``.

    Args:
        path: the file.
        field: field or column that holds the text; empty means that it is found.

    Raises:
        CorpusError: it would be set aside, and why.
    """
    root = os.path.realpath(path)
    lock_down(read_paths=[root, *registry.late_folders()])
    first, count, found = "", 0, _Fields()
    try:
        with content.opened(Opener(), Found(root, ()), MAX_FILE_BYTES) as opened:
            for text in extract.documents(root, opened.source(), field, found):
                first, count = first or text, count + 1
                if count == MAX_COUNTED:
                    break
    except Unusable as error:
        if not first:
            reason = f"{os.path.basename(root)} would be set aside: {error}."
            names = ", ".join(found.names)
            raise CorpusError(reason, f"It has {names}." if names else "Its text is not used.") from error
    return PreviewText(
        document=1,
        documents=count,
        text_bytes=len(first.encode()),
        text=first[:MAX_CHARACTERS],
        cut=len(first) > MAX_CHARACTERS,
        field=found.chosen,
        fields=found.names,
    )


def _redeem(ticket: str) -> tuple[PreviewJob, bytes]:
    """Take job and key from the engine."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(_TIMEOUT_S)
            line.connect(ticket)
            received = b""
            while part := line.recv(1 << 16):
                received += part
    except OSError as error:
        raise EngineError("This preview was shown already, or took too long to begin.", "Ask again.") from error
    job, key = received[: -vault.KEY_BYTES], received[-vault.KEY_BYTES :]
    try:
        found = jobs.decode_down(job)
    except (ValueError, msgspec.MsgspecError) as error:
        raise EngineError("The engine did not say what to show.", "Ask again.") from error
    if not isinstance(found, PreviewJob) or len(key) != vault.KEY_BYTES:
        raise EngineError("The engine did not say what to show.", "Ask again.")
    return found, key


def _bound() -> None:
    for what, most in ((resource.RLIMIT_AS, _MEMORY_BYTES), (resource.RLIMIT_CPU, _CPU_S)):
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


def show(arguments: list[str]) -> bytes:
    """One JSON document: the text, or ``{"error": …}``."""
    parser = argparse.ArgumentParser(prog="core.data.preview", allow_abbrev=False)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--ticket")
    what.add_argument("--file", type=Path)
    parser.add_argument("--document", type=int, default=1)
    parser.add_argument("--field", default="")
    options = parser.parse_args(arguments)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
    try:
        _bound()
        if options.file:
            return msgspec.json.encode(of_file(str(options.file), options.field))
        return msgspec.json.encode(of_corpus(options.ticket, options.document))
    except HedgerowError as error:
        return _error(error)
    except MemoryError:
        return _error(CorpusError("This text needs more memory to be shown than a preview may use."))
    except Exception as error:  # noqa: BLE001 - the border: an exception's own words could quote the text
        return _error(EngineError(f"The preview failed inside ({type(error).__name__})."))


def _error(error: HedgerowError) -> bytes:
    return msgspec.json.encode({"error": {"code": error.code, "message": error.message, "hint": error.hint}})


if __name__ == "__main__":
    sys.stdout.buffer.write(show(sys.argv[1:]))
