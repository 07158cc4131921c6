"""Our own routes of the gateway, as the volunteer calls them: manifest, enrolment, blobs both ways, receipts, leaving.

Requests after consent are signed with the node key over method, path, time and body.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from core.api.errors import CoordinatorError, HedgerowError, InviteError, StorageError, from_code
from core.federation.identity import HEADER_DIGEST, NodeKey, sign_request, verify_federation
from core.federation.manifest import MAX_ENVELOPE
from core.federation.protocol import (
    MAX_PIECE,
    Capability,
    EnrolAnswer,
    EnrolRequest,
    LedgerSeen,
    PutAnswer,
    Receipt,
)
from core.federation.transport import Answer, Transport, Unreachable
from core.vault import storage_error, sync_folder

MAX_SMALL = 64 << 10
DISK_MARGIN = 64 << 20
T = TypeVar("T")
_SHA256 = re.compile(r"[0-9a-f]{64}")
MIN_PIECE = 256 << 10
PIECE_S = 4.0
"""Seconds that a piece takes at the owner's rate: so long may pass until a rule that forbids the next one is heard."""
Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""
Read = Callable[[int, int], bytes]
"""Bytes of a file from a start to a stop."""


class _Refusal(msgspec.Struct):
    code: str = ""
    message: str = ""
    hint: str = ""


class Gateway:
    """The routes of one gateway. ``key`` is absent before consent."""

    def __init__(self, transport: Transport, key: NodeKey | None = None) -> None:
        self.transport = transport
        self._key = key

    async def manifest(self) -> bytes:
        """The signed envelope, unchecked."""
        answer = await self._ask("GET", "/manifest", signed=False, max_bytes=MAX_ENVELOPE)
        return _expect(answer, 200, self)

    async def enrol(self, token: bytes, manifest_hash: str, capability: Capability = "any") -> EnrolAnswer:
        """Register the node key; repeating it gives the same answer.

        Raises:
            InviteError: the token is used up, expired or unknown.
        """
        body = msgspec.json.encode(EnrolRequest(token=token, manifest_hash=manifest_hash, capability=capability))
        answer = await self._ask("POST", "/enrol", body)
        if answer.status in (403, 409, 410) and not _refusal(answer).code:
            raise InviteError("This invite is used up or no longer valid.", "Ask for a new one.")
        return _decode(_expect(answer, 200, self), EnrolAnswer)

    async def receipt(self, update_sha256: str, federation_key: bytes) -> Receipt | None:
        """What became of an update, or ``None`` as long as that is open.

        Raises:
            CoordinatorError: the receipt is not the federation's or is about something else.
        """
        answer = await self._ask("GET", f"/receipts/{update_sha256}")
        if answer.status in (202, 204, 404):
            return None
        receipt = _decode(_expect(answer, 200, self), Receipt)
        if not verify_federation(federation_key, receipt.signed_bytes(), receipt.signature):
            raise CoordinatorError("A receipt is not signed by the federation.", "It is ignored.")
        if receipt.update_sha256 != update_sha256 or receipt.state not in ("accepted", "refused", "late"):
            raise CoordinatorError("A receipt is about something else.", "It is ignored.")
        return receipt

    async def ledger_seen(self, federation_key: bytes) -> LedgerSeen | None:
        """The newest commitment to this machine's ledger that the coordinator has, or ``None`` if it has none.

        Raises:
            CoordinatorError: the answer is not the federation's.
        """
        answer = await self._ask("GET", "/ledger")
        if answer.status in (204, 404):
            return None
        seen = _decode(_expect(answer, 200, self), LedgerSeen)
        if not verify_federation(federation_key, seen.signed_bytes(), seen.signature):
            raise CoordinatorError("What the coordinator says of the ledger is not signed by the federation.")
        return seen

    async def leave(self) -> None:
        """Unregister; a node that is already unknown has left."""
        answer = await self._ask("POST", "/leave")
        if answer.status not in (401, 404, 410):
            _expect(answer, (200, 204), self)

    async def fetch_blob(self, sha256: str, folder: Path, max_bytes: int, progress: Progress | None = None) -> Path:
        """Download a content-addressed file, continuing where an earlier try ended.

        Args:
            sha256: its name.
            folder: where to; ``<sha256>.part`` grows until the hash is checked, then it is renamed.
            max_bytes: longer answers are refused while they arrive.
            progress: called after each piece.

        Raises:
            Unreachable: the connection broke; call again.
            CoordinatorError: the bytes are not what the hash says.
            StorageError: no room.
        """
        if not _SHA256.fullmatch(sha256):
            raise CoordinatorError("The name of a blob is not a SHA-256.")
        final, part = folder / sha256, folder / f"{sha256}.part"
        if final.exists():
            if await asyncio.to_thread(file_sha256, final) == sha256:
                return final
            final.unlink()
        check_room(folder, max_bytes - (part.stat().st_size if part.exists() else 0))
        await self._download(sha256, part, max_bytes, progress)
        if await asyncio.to_thread(file_sha256, part) != sha256:
            part.unlink()
            raise CoordinatorError(f"The file {sha256[:12]} from the coordinator does not match its hash.")
        try:
            os.replace(part, final)
            sync_folder(folder)
        except OSError as error:
            raise storage_error(final, error) from error
        return final

    async def _download(self, sha256: str, part: Path, max_bytes: int, progress: Progress | None) -> None:
        path = f"/blobs/{sha256}"
        done = _resume_at(part, max_bytes)
        headers = self._headers("GET", path, b"") | ({"range": f"bytes={done}-"} if done else {})
        async with self.transport.stream("GET", path, headers=headers) as response:
            if response.status_code == 416:  # Nothing after what is there: the hash decides.
                return
            if response.status_code not in (200, 206):
                answer = Answer(
                    response.status_code, response.headers, (await _head(self.transport.pieces(response, 4_096)))
                )
                _expect(answer, (200, 206), self)
            done = done if response.status_code == 206 else 0
            total = done + _content_length(response.headers.get("content-length"), max_bytes - done)
            try:
                with part.open("ab" if done else "wb") as stream:
                    async for piece in self.transport.pieces(response, 1 << 18):
                        done += len(piece)
                        if done > max_bytes:
                            raise CoordinatorError(f"The file {sha256[:12]} is longer than {max_bytes} bytes.")
                        stream.write(piece)
                        if progress is not None:
                            progress(done, total)
                    stream.flush()
                    os.fsync(stream.fileno())
            except OSError as error:
                raise storage_error(part, error) from error

    async def put_blob(self, sha256: str, size: int, read: Read, before: Callable[[int, int], Awaitable[None]]) -> bool:
        """Hand over a large file piece by piece, going on where an earlier try ended.

        Args:
            sha256: its hash.
            size: its bytes.
            read: gives a part of it.
            before: awaited before each piece, and after the last, with bytes done and bytes in all; may raise to stop.

        Returns:
            Whether all of it is there; ``False`` if nobody waits for it.

        Raises:
            Unreachable: the connection broke, or what arrived was of another hash; call again.
            StorageError: no room at the coordinator; call again later.
            CoordinatorError: the answers make no sense.
        """
        done = await self._offer(sha256, f"bytes */{size}", b"", size)
        while done is not None and done < size:
            await before(done, size)
            # Not in a thread: a few milliseconds, while every thread of a pool would keep the room of a piece.
            piece = read(done, min(size, done + self._piece_bytes()))
            there = await self._offer(sha256, f"bytes {done}-{done + len(piece) - 1}/{size}", piece, size)
            if there is not None and there <= done:
                raise Unreachable("The coordinator lost a part of the update.", "It is sent again.")
            done = there
        if done is not None:
            await before(done, size)
        return done is not None

    def _piece_bytes(self) -> int:
        rate = self.transport.traffic.up.bytes_per_s
        return min(MAX_PIECE, max(MIN_PIECE, int(PIECE_S * rate))) if rate else MAX_PIECE

    async def _offer(self, sha256: str, part: str, piece: bytes, size: int) -> int | None:
        """Send one piece, or none to ask; how much is there, or ``None`` if nobody waits for it."""
        path = f"/blobs/{sha256}"
        headers = self._headers("PUT", f"{path} {part}", piece) | {
            HEADER_DIGEST: hashlib.sha256(piece).hexdigest(),
            "content-range": part,
            "content-length": str(len(piece)),
            "content-type": "application/octet-stream",
        }
        answer = await self.transport.request("PUT", path, body=piece, headers=headers, max_bytes=MAX_SMALL)
        if answer.status == 410:
            return None
        there = _decode(_expect(answer, (200, 409, 422), self), PutAnswer).offset
        if not 0 <= there <= size:
            raise CoordinatorError("The coordinator says that it has more of the update than there is.")
        return there

    def _headers(self, method: str, path: str, body: bytes) -> dict[str, str]:
        return {} if self._key is None else sign_request(self._key, method, path, body)

    async def _ask(
        self, method: str, path: str, body: bytes = b"", *, signed: bool = True, max_bytes: int = MAX_SMALL
    ) -> Answer:
        headers = self._headers(method, path, body) if signed else {}
        if body:
            headers["content-type"] = "application/json"
        return await self.transport.request(method, path, body=body, headers=headers, max_bytes=max_bytes)


def file_sha256(path: Path) -> str:
    """Hash of a file's content, hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_room(folder: Path, needed: int) -> None:
    """Refuse before writing what would not fit.

    Raises:
        StorageError: the disk has less than ``needed`` bytes and a margin.
    """
    free = shutil.disk_usage(folder).free
    if free < needed + DISK_MARGIN:
        raise StorageError(
            f"The disk of {folder} has {free >> 20} MB left, but {(needed + DISK_MARGIN) >> 20} MB are needed.",
            "Free some space.",
        )


def _resume_at(part: Path, max_bytes: int) -> int:
    done = part.stat().st_size if part.exists() else 0
    if done > max_bytes:
        part.unlink()
        return 0
    return done


async def _head(pieces: AsyncIterator[bytes]) -> bytes:
    async for piece in pieces:
        return piece
    return b""


def _content_length(text: str | None, limit: int) -> int:
    length = int(text) if text and text.isdigit() else limit
    if length > limit:
        raise CoordinatorError("The coordinator sends a longer file than it announced.")
    return length


def _decode(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise CoordinatorError(f"The coordinator's answer was refused: {error}.") from error


def _refusal(answer: Answer) -> _Refusal:
    try:
        return msgspec.json.decode(answer.body, type=_Refusal)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return _Refusal()


def _expect(answer: Answer, status: int | tuple[int, ...], gateway: Gateway) -> bytes:
    allowed = (status,) if isinstance(status, int) else status
    if answer.status in allowed:
        return answer.body
    refusal = _refusal(answer)
    if answer.status == 401 and refusal.code not in ("clock", "invite"):
        raise gateway.transport.unauthorised()
    if refusal.code and refusal.message:
        error: HedgerowError = from_code(refusal.code, refusal.message[:400], refusal.hint[:400])
        raise error
    raise CoordinatorError(f"The coordinator refused the request ({answer.status}).")
