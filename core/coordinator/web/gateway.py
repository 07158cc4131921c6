"""``python -m core.coordinator.web.gateway DIR --listen HOST:PORT --superlink PORT``: the only exposed port.

A process of its own. Routes are an exact table over the *raw* path: a prefix test would let
``/v1/fleet/../control/start-run``, and so code, through. Fleet requests are forwarded to a URL from the table, never
from the request, after the sender's key was found in the enrolment table and with a body limit counted while streaming.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import binascii
import json
import re
import socket
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import httpx
import msgspec
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from core.api.errors import (
    ClockError,
    CoordinatorError,
    HedgerowError,
    StorageError,
)
from core.coordinator.home import Federation
from core.coordinator.superlink import HOST, Control, client_context
from core.coordinator.web.bodies import Refusal, bounded, refused
from core.coordinator.web.enrolment import Enrolment
from core.coordinator.web.listening import address_of, listen
from core.coordinator.web.patience import KNOWN, PATIENCE_S, SMALL_S, longest_s
from core.coordinator.web.receiving import Receiver
from core.coordinator.web.serving import serve
from core.coordinator.web.status_page import CONTENT_SECURITY_POLICY, StatusView, render
from core.coordinator.web.traffic import Traffic
from core.federation.identity import key_id, verify_request
from core.federation.protocol import HEADER_POLL, MAX_POLL_S, LedgerSeen

FLEET_LIMITS = {
    "activate-node": 4_096,
    "send-node-heartbeat": 4_096,
    "pull-messages": 4_096,
    "confirm-message-received": 4_096,
    "pull-object": 4_096,
    "push-messages": 1 << 20,
    "push-object": 6 << 20,
}
"""Fleet route → largest body in bytes. Nothing else of Flower's is reachable."""
FLEET = {f"/v1/fleet/{name}".encode(): name for name in FLEET_LIMITS}
OWN_BODY_LIMIT = 8_192
ONLINE_S = 90.0
_BLOB = re.compile(rb"/blobs/([0-9a-f]{64})")
_RECEIPT = re.compile(rb"/receipts/([0-9a-f]{64})")
_FORWARDED = ("content-type", "accept", "content-length", "flwr-timestamp", "flwr-public-key", "flwr-signature")
_RETURNED = ("content-type", "content-length")
SECURITY_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "interest-cohort=()",
    "strict-transport-security": "max-age=31536000",
}

AT_ONCE = 4
"""Requests of one volunteer that are passed on at a time: an engine has three, and nobody fills the way to Flower."""
ASKED_PER_S = 16
MIN_POLL_S = 1.0
Endpoint = Callable[[Request], Awaitable[Response]]


class Gateway:
    """The ASGI application of one federation."""

    def __init__(self, federation: Federation, superlink_port: int) -> None:
        self._federation = federation
        self._store = federation.store()
        self._enrolment = Enrolment(federation, self._store, Control(federation.home, superlink_port))
        self._upstream = f"https://{HOST}:{superlink_port}/v1/fleet/"
        self._client = httpx.AsyncClient(
            verify=client_context(federation.home),
            timeout=httpx.Timeout(60.0, connect=5.0),
            trust_env=False,
            limits=httpx.Limits(max_connections=64, keepalive_expiry=2.0),
        )
        self._receiver = Receiver(federation, self._store)
        self._seen: dict[str, float] = {}
        self._flying: Counter[str] = Counter()
        self._traffic = Traffic()
        self._metrics: asyncio.Server | None = None
        self._routes: dict[bytes, dict[str, Endpoint]] = {
            b"/": {"GET": self._status},
            b"/manifest": {"GET": self._manifest},
            b"/enrol": {"POST": self._enrol},
            b"/leave": {"POST": self._leave},
            b"/ledger": {"GET": self._ledger},
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        self._traffic.requests += 1
        request = Request(scope, self._counting_in(receive))
        try:
            response = await self._answer(request)
        except Refusal as refusal:
            response = refusal.response
        except HedgerowError as error:
            response = refused(error)
        except ClientDisconnect:
            return
        for name, value in SECURITY_HEADERS.items():
            response.headers[name] = value
        response.headers.setdefault("cache-control", "no-store")
        length = response.headers.get("content-length", "")
        with suppress(TimeoutError):  # whoever reads slower than that is let go
            async with asyncio.timeout(longest_s(int(length) if length.isdecimal() else 0)):
                await response(scope, receive, self._counting_out(send))

    def _counting_in(self, receive: Receive) -> Receive:
        async def counted() -> Message:
            message = await receive()
            self._traffic.received_bytes += len(message.get("body", b""))
            return message

        return counted

    def _counting_out(self, send: Send) -> Send:
        async def counted(message: Message) -> None:
            self._traffic.sent_bytes += len(message.get("body", b""))
            async with asyncio.timeout(PATIENCE_S):  # whoever takes nothing at all is let go sooner than who is slow
                await send(message)

        return counted

    async def serve_metrics(self, bound: socket.socket) -> None:
        """Serve figures in the running loop, on another socket than the volunteers'."""
        from core.coordinator.web import metrics  # most coordinators serve none, and psutil takes memory

        def produce() -> str:
            return metrics.figures(self._federation, self._store, self._traffic, self._online())

        self._metrics = await metrics.serve_metrics(bound, produce)

    def _online(self) -> int:
        recent = time.time() - ONLINE_S
        return sum(1 for at in list(self._seen.values()) if at > recent)

    async def _answer(self, request: Request) -> Response:
        raw: bytes = request.scope["raw_path"]
        endpoints = self._find(raw)
        if not endpoints or request.scope["query_string"]:
            return Response(status_code=404)
        if request.method not in endpoints:
            return Response(status_code=405, headers={"allow": ", ".join(endpoints)})
        return await endpoints[request.method](request)

    def _find(self, raw: bytes) -> dict[str, Endpoint]:
        """Method → what answers it."""
        if raw in FLEET:
            return {"POST": self._fleet}
        if _BLOB.fullmatch(raw):
            return {"GET": self._blob, "PUT": self._put}
        if _RECEIPT.fullmatch(raw):
            return {"GET": self._receipt}
        return self._routes.get(raw, {})

    # Flower's routes

    async def _fleet(self, request: Request) -> Response:
        name = FLEET[request.scope["raw_path"]]
        identity = await self._known_sender(request)
        limit = FLEET_LIMITS[name]
        length = request.headers.get("content-length", "")
        if not length.isdecimal():
            return Response(status_code=411)
        if int(length) > limit:
            return Response(status_code=413)
        if self._flying[identity] >= AT_ONCE:
            return Response(status_code=503, headers={"retry-after": "2"})
        self._flying[identity] += 1
        try:
            return await self._forwarded(request, name, limit)
        finally:
            self._flying[identity] -= 1
            if not self._flying[identity]:
                del self._flying[identity]

    async def _forwarded(self, request: Request, name: str, limit: int) -> Response:
        headers = {key: request.headers[key] for key in _FORWARDED if key in request.headers}
        upstream = self._client.build_request(
            "POST", self._upstream + name, headers=headers, content=bounded(request, limit)
        )
        try:
            answer = await self._client.send(upstream, stream=True)
        except httpx.TransportError:
            return Response(status_code=503, headers={"retry-after": "2"})
        kept = {key: answer.headers[key] for key in _RETURNED if key in answer.headers}
        kept[HEADER_POLL] = f"{poll_s(self._online()):.0f}"
        return StreamingResponse(
            answer.aiter_raw(), answer.status_code, headers=kept, background=BackgroundTask(answer.aclose)
        )

    async def _known_sender(self, request: Request) -> str:
        """Refuse a key that is not enrolled, before a byte of the body is read; returns its id."""
        try:
            public_key = base64.b64decode(request.headers.get("flwr-public-key", ""), validate=True)
        except binascii.Error:
            public_key = b""
        identity = key_id(public_key)
        volunteer = await run_in_threadpool(self._store.volunteer, identity) if public_key else None
        if volunteer is None or volunteer.left_at is not None:
            raise Refusal(refused(CoordinatorError("This key is not enrolled here.", "Join again."), 401))
        self._seen[identity] = time.time()
        request.scope[KNOWN] = True
        return identity

    # Our own routes

    async def _signed(self, request: Request) -> tuple[bytes, bytes]:
        """The key (PEM) and body of a request of ours, its signature checked."""
        body = b"".join([chunk async for chunk in bounded(request, OWN_BODY_LIMIT, SMALL_S)])
        try:
            path = request.scope["raw_path"].decode("ascii")
            return verify_request(request.headers, request.method, path, body), body
        except ClockError:
            raise
        except CoordinatorError as error:
            raise Refusal(refused(error, 401)) from error

    async def _enrol(self, request: Request) -> Response:
        public_key, body = await self._signed(request)
        answer = await run_in_threadpool(self._enrolment.enrol, public_key, body)
        return Response(msgspec.json.encode(answer), media_type="application/json")

    async def _leave(self, request: Request) -> Response:
        public_key, _ = await self._signed(request)
        known = await run_in_threadpool(self._enrolment.leave, public_key)
        self._seen.pop(key_id(public_key), None)
        return Response(b"{}", 200 if known else 404, media_type="application/json")

    async def _receipt(self, request: Request) -> Response:
        public_key, _ = await self._signed(request)
        sha256 = request.scope["raw_path"].decode("ascii").removeprefix("/receipts/")
        receipt = await run_in_threadpool(self._store.receipt, sha256, key_id(public_key), time.time())
        if receipt is None:
            return Response(status_code=404)
        return Response(msgspec.json.encode(receipt), media_type="application/json")

    async def _ledger(self, request: Request) -> Response:
        public_key, _ = await self._signed(request)
        volunteer = await run_in_threadpool(self._store.volunteer, key_id(public_key))
        if volunteer is None or not volunteer.ledger:
            return Response(status_code=404)
        seen = LedgerSeen(server_round=volunteer.ledger_round, commitment=volunteer.ledger)
        signed = msgspec.structs.replace(seen, signature=self._federation.key.sign(seen.signed_bytes()))
        return Response(msgspec.json.encode(signed), media_type="application/json")

    async def _manifest(self, request: Request) -> Response:
        return Response(self._federation.manifest, media_type="application/json")

    async def _blob(self, request: Request) -> Response:
        path = self._federation.home.blobs.path(request.scope["raw_path"].decode("ascii").removeprefix("/blobs/"))
        try:
            found = await run_in_threadpool(path.stat)
        except OSError:
            return Response(status_code=404)
        headers = {"cache-control": "public, max-age=31536000, immutable"}
        return FileResponse(path, media_type="application/octet-stream", headers=headers, stat_result=found)

    async def _put(self, request: Request) -> Response:
        return await self._receiver.put(request, request.scope["raw_path"].decode("ascii").removeprefix("/blobs/"))

    async def _status(self, request: Request) -> Response:
        return HTMLResponse(await run_in_threadpool(self._render))

    def _render(self) -> str:
        config = self._federation.config
        return render(
            StatusView(
                name=config.name,
                operator=config.operator,
                purpose=config.purpose,
                preset=config.model.preset,
                unit=config.privacy.unit,
                rounds_planned=config.schedule.rounds,
                volunteers=len(self._store.volunteers()),
                online=self._online(),
                rounds=self._store.rounds(),
                checkpoints=self._store.checkpoints(),
                arriving=self._federation.home.spool.size(),
            )
        )


def poll_s(online: int) -> float:
    """Seconds between two questions of one volunteer, so that all of them together ask as often as a few do."""
    return min(MAX_POLL_S, max(MIN_POLL_S, online / ASKED_PER_S))


def main(arguments: list[str] | None = None) -> int:
    """Entry point; the first line on standard output says where it listens or why not."""
    parser = argparse.ArgumentParser(prog="python -m core.coordinator.web.gateway")
    parser.add_argument("dir", type=Path)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--listen", metavar="HOST:PORT")
    where.add_argument("--socket", type=int, metavar="FD", help="a listening socket that was handed in")
    parser.add_argument("--metrics", type=int, metavar="FD", help="the same, where figures are served")
    parser.add_argument("--superlink", type=int, required=True)
    options = parser.parse_args(arguments)
    try:
        federation = Federation(options.dir)
        bound = listen(options.listen) if options.listen else socket.socket(fileno=options.socket)
        address = address_of(bound)

        gateway = Gateway(federation, options.superlink)

        async def ready() -> None:
            if options.metrics is not None:
                await gateway.serve_metrics(socket.socket(fileno=options.metrics))
            _say({"ready": True, "address": address})

        serve(gateway, federation, bound, ready)
    except HedgerowError as error:
        _say({"ready": False, "code": error.code, "message": error.message, "hint": error.hint})
        return 1
    except (OSError, ValueError) as error:
        _say({"ready": False, "code": StorageError.code, "message": f"The gateway cannot start: {error}.", "hint": ""})
        return 1
    return 0


def _say(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
