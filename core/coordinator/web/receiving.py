"""``PUT /blobs/<sha256>``: large updates, taken in piece by piece. The scheme stands in ``core.federation.protocol``.

Nothing of a body is read before its sender proved to be a volunteer of whom an update of exactly that size is awaited.
So what can be put on the disk is bounded by what was asked for: per node, one update for each open assignment. One
piece of a node is written at a time, and a node that is silent in the middle of one is let go after ``PATIENCE_S``;
neither holds up anybody else.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from typing import Final, NamedTuple

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from core.api.errors import CoordinatorError, StorageError, UsageError
from core.coordinator.home import Federation
from core.coordinator.learning.updates import UpdateReader
from core.coordinator.records.store import Store
from core.coordinator.rounds.decisions import late_s
from core.coordinator.web.bodies import Refusal, bounded, refused
from core.coordinator.web.patience import KNOWN
from core.federation.identity import HEADER_DIGEST, key_id, verify_digest
from core.federation.protocol import MAX_PIECE, PutAnswer

SWEEP_S: Final = 60.0
"""Seconds between two looks for uploads that nobody waits for any more."""
DISK_MARGIN: Final = 256 << 20
"""Bytes that an upload must leave free."""
_WRITE: Final = 256 << 10
_PIECE = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})")
_QUESTION = re.compile(r"bytes \*/([0-9]{1,15})")


class _Piece(NamedTuple):
    start: int
    size: int
    total: int
    sha256: str


class Receiver:
    """Takes the uploads of one federation."""

    def __init__(self, federation: Federation, store: Store) -> None:
        schedule = federation.config.schedule
        self._store = store
        self._spool = federation.home.spool
        self._root = federation.home.root
        self._updates = UpdateReader(federation.config)
        self._late_s = late_s(schedule.deadline_s, schedule.upload_allowance_s)
        self._busy: set[str] = set()
        self._swept_at = 0.0

    async def put(self, request: Request, sha256: str) -> Response:
        """Answer one piece, or the question how much is there.

        Raises:
            HedgerowError: it is refused, in a sentence.
            Refusal: it is refused.
        """
        piece = _piece(request)
        identity = self._sender(request, sha256, piece)
        await run_in_threadpool(self._permit, identity, sha256, piece.total)
        request.scope[KNOWN] = True
        if identity in self._busy:
            raise CoordinatorError("Another piece of this machine is being written.", "It is tried again.")
        self._busy.add(identity)
        try:
            offset = await run_in_threadpool(self._spool.offset, identity, sha256)
            if piece.size:
                if piece.start != offset or offset + piece.size > piece.total:
                    return _answer(offset, 409)
                await self._take(request, identity, sha256, piece)
                offset += piece.size
            if offset == piece.total and not await run_in_threadpool(self._whole, identity, sha256):
                return _answer(0, 422)
            return _answer(offset)
        except StorageError as error:
            return refused(error, 507)
        finally:
            self._busy.discard(identity)

    def _sender(self, request: Request, sha256: str, piece: _Piece) -> str:
        try:
            path = f"/blobs/{sha256} {request.headers['content-range']}"
            return key_id(verify_digest(request.headers, "PUT", path, piece.sha256))
        except CoordinatorError as error:
            raise Refusal(refused(error, 401)) from error

    def _permit(self, identity: str, sha256: str, total: int) -> None:
        """Raises unless this node may hand over a file of that size now."""
        now = time.time()
        volunteer = self._store.volunteer(identity)
        if volunteer is None or volunteer.left_at is not None:
            raise Refusal(refused(CoordinatorError("This key is not enrolled here.", "Join again."), 401))
        if now - self._swept_at > SWEEP_S:
            self._swept_at = now
            self._spool.keep_only(self._store.awaited_volunteers(self._late_s, now) | self._busy)
        awaited = self._store.awaited(identity, self._late_s, now)
        if not awaited:
            raise Refusal(refused(CoordinatorError("No update of this machine is waited for."), 410))
        sizes = {size for item in awaited for size in self._updates.sizes(item.shard)}
        if total not in sizes:
            asked = " or ".join(f"{size:,}" for size in sorted(sizes))
            raise Refusal(refused(UsageError(f"An update of {total:,} bytes was announced, but it has {asked}."), 413))
        self._spool.keep_newest(identity, sha256, len(awaited) - 1)
        missing = total - self._spool.offset(identity, sha256)
        free = shutil.disk_usage(self._root).free
        if missing and free < missing + DISK_MARGIN:
            error = StorageError(
                f"The coordinator's disk has {free / 1e6:,.0f} MB left; the update has {total / 1e6:,.0f} MB.",
                "It is tried again; tell the operator.",
            )
            raise Refusal(refused(error, 507))

    async def _take(self, request: Request, identity: str, sha256: str, piece: _Piece) -> None:
        """Write a piece while it comes in; what came of one that was cut off is kept."""
        digest, waiting, at = hashlib.sha256(), bytearray(), piece.start
        try:
            async for chunk in bounded(request, piece.size):
                digest.update(chunk)
                waiting += chunk
                if len(waiting) >= _WRITE:
                    data, waiting = waiting, bytearray()
                    await run_in_threadpool(self._spool.write, identity, sha256, at, data)
                    at += len(data)
        finally:
            if waiting:
                await run_in_threadpool(self._spool.write, identity, sha256, at, waiting)
                at += len(waiting)
        if at != piece.start + piece.size or digest.hexdigest() != piece.sha256:
            await run_in_threadpool(self._spool.cut, identity, sha256, piece.start)
            raise UsageError("A piece of the update is not what its header says.", "It is tried again.")

    def _whole(self, identity: str, sha256: str) -> bool:
        return self._spool.find(identity, sha256) is not None or self._spool.finish(identity, sha256)


def _piece(request: Request) -> _Piece:
    """What the headers say, within bounds.

    Raises:
        Refusal: they say nothing that makes sense.
    """
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        raise Refusal(Response(status_code=411))
    size = int(length)
    if size > MAX_PIECE:
        raise Refusal(Response(status_code=413))
    text, digest = request.headers.get("content-range", ""), request.headers.get(HEADER_DIGEST, "")
    if (question := _QUESTION.fullmatch(text)) and not size:
        return _Piece(0, 0, int(question[1]), digest)
    found = _PIECE.fullmatch(text)
    if found is None or int(found[2]) - int(found[1]) + 1 != size or int(found[2]) >= int(found[3]):
        raise Refusal(refused(UsageError("The piece does not say which part of the file it is.")))
    return _Piece(int(found[1]), size, int(found[3]), digest)


def _answer(offset: int, status: int = 200) -> Response:
    return Response(msgspec.json.encode(PutAnswer(offset=offset)), status, media_type="application/json")
