"""Tickets for the preview child: the store key and the shards to show, handed out once, to this user, and soon void.

A ticket is a socket of its own in the engine's private folder (0700), with a name that cannot be guessed. The first
program of this user that connects gets the job and the key and the ticket is gone, as it is after ``LIFE_S`` seconds.
The text itself never comes here: the child decodes it and writes it to whoever started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
from pathlib import Path

from core import jobs
from core.api.errors import CorpusError, EngineError
from core.api.messages.corpora import PreviewTicket
from core.engine.ending import end_tasks
from core.engine.ipc import same_user
from core.jobs import PreviewJob
from core.ledger.rows import CorpusRow

LIFE_S = 20.0
MAX_TICKETS = 8


class PreviewDesk:
    """Issues tickets and redeems each once."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._open: dict[asyncio.Task[None], tuple[socket.socket, Path]] = {}

    async def issue(self, folder: Path, row: CorpusRow, tokenizer: Path, tokenizer_sha256: str) -> PreviewTicket:
        """A ticket for one look at a corpus.

        Args:
            folder: the private folder of the engine's socket.
            row: the corpus.
            tokenizer: what its shards were made with.
            tokenizer_sha256: hash of that.

        Raises:
            CorpusError: it has nothing to show.
            EngineError: too many tickets wait to be used.
        """
        if not row.facts.shards:
            raise CorpusError(f"{row.name} has not been read yet.", "Look again when it is ready.")
        if len(self._open) >= MAX_TICKETS:
            raise EngineError("Too many previews wait to be shown.", "Try again in a moment.")
        job = PreviewJob(
            corpus_id=row.corpus_id,
            shards=row.facts.shards,
            tokenizer_path=str(tokenizer),
            tokenizer_sha256=tokenizer_sha256,
        )
        path = folder / f"p{secrets.token_hex(8)}"
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            bound.bind(str(path))
        finally:
            os.umask(mask)
        bound.listen(1)
        bound.setblocking(False)
        task = asyncio.create_task(self._redeem(bound, path, jobs.encode(job) + self._key))
        self._open[task] = (bound, path)
        task.add_done_callback(self._void)
        return PreviewTicket(path=str(path), documents=sum(shard.documents for shard in row.facts.shards))

    async def _redeem(self, bound: socket.socket, path: Path, content: bytes) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(LIFE_S):
                other, _ = await loop.sock_accept(bound)
                with other:
                    os.unlink(path)
                    if same_user(other):
                        await loop.sock_sendall(other, content)

    def _void(self, task: asyncio.Task[None]) -> None:
        bound, path = self._open.pop(task)
        bound.close()
        path.unlink(missing_ok=True)

    async def close(self) -> None:
        """Take back what was not used."""
        await end_tasks(self._open)
        await asyncio.sleep(0)
