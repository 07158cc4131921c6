"""HTTPS to one gateway: one trust anchor, one name, no proxy, no redirect, no answer longer than expected.

Everything above this module (``gateway``, ``fleet``) speaks through ``Transport``. Every answer's ``date`` header is
remembered, because a 401 means a wrong clock or a lost registration, and only the other side's clock tells which.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from core.api.errors import ClockError, CoordinatorError, InviteError
from core.federation.bandwidth import PIECE, UNPACED, Traffic, header_bytes
from core.federation.invite import GATEWAY_NAME, Invite
from core.federation.protocol import HEADER_POLL, MAX_POLL_S

CLOCK_AHEAD_S = 4.0
"""Flower refuses a timestamp more than 5 s in its future; ``date`` has a resolution of one second."""
CLOCK_BEHIND_S = 300.0
_RETRY = frozenset({429, 500, 502, 503, 504})


class Unreachable(CoordinatorError):
    """Nobody answers, or only that it cannot now; trying again later may help."""


class WrongServer(CoordinatorError):
    """Somebody else answers at the address; nothing was sent. A hotel's network does so until its page was clicked."""


class RegistrationLost(CoordinatorError):
    """The coordinator does not know this node any more."""


@dataclass(frozen=True)
class Endpoint:
    """Where a coordinator is and how it proves itself."""

    address: str
    """``host:port``."""
    root_certificate: bytes
    """DER; the only trust anchor."""
    server_name: str
    """The name its certificate must carry, whatever the address is."""


def endpoint_of(invite: Invite) -> Endpoint:
    """Where an invite leads."""
    return Endpoint(invite.address, invite.root_certificate, GATEWAY_NAME)


@dataclass(frozen=True)
class Answer:
    """One answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def tls_context(root_certificate: bytes) -> ssl.SSLContext:
    """A client context that trusts one root, at least TLS 1.2, nothing of the system.

    Raises:
        InviteError: the certificate is damaged.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        pem = x509.load_der_x509_certificate(root_certificate).public_bytes(Encoding.PEM)
        context.load_verify_locations(cadata=pem.decode())
    except (ValueError, ssl.SSLError) as error:
        raise InviteError("The coordinator's certificate in the invite is damaged.", "Ask for a new invite.") from error
    return context


KEPT_S: Final = 12.0
"""How long an idle connection is kept: longer than from one question to the next, so that they need no handshake, and
far shorter than the gateway keeps it, since a body that goes up piece by piece cannot be repeated on a dead one."""


class Transport:
    """A pooled connection to one coordinator."""

    def __init__(self, endpoint: Endpoint, timeout_s: float = 30.0, traffic: Traffic | None = None) -> None:
        """Open nothing yet.

        Args:
            endpoint: where the coordinator is.
            timeout_s: longest silence in the middle of a request.
            traffic: paces and counts all bytes of the engine; none of it by default.
        """
        self.endpoint = endpoint
        self.traffic = traffic or Traffic()
        self.skew_s = 0.0
        """Their clock minus ours, from the newest answer, to about a second."""
        self.last_contact_at: float | None = None
        self.poll_s = 0.0
        """How long they ask us to wait between two questions."""
        limits = httpx.Limits(max_connections=8, keepalive_expiry=KEPT_S)
        self._client = httpx.AsyncClient(
            base_url=f"https://{endpoint.address}",
            verify=tls_context(endpoint.root_certificate),
            timeout=httpx.Timeout(timeout_s, connect=10.0),
            limits=limits,
            trust_env=False,
            follow_redirects=False,
            headers={"user-agent": "hedgerow"},
        )

    async def close(self) -> None:
        """Let go of all connections."""
        await self._client.aclose()

    def now(self) -> float:
        """Their time, as far as known."""
        return time.time() + self.skew_s

    async def request(
        self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str], max_bytes: int
    ) -> Answer:
        """Send one request and read at most ``max_bytes``.

        Raises:
            Unreachable: no connection, no proof of identity, too slow, or an answer that says later.
            CoordinatorError: the answer is too long or a redirect.
        """
        async with self.stream(method, path, body=body, headers=headers) as response:
            parts, total = [], 0
            async for part in self.pieces(response, 1 << 16):
                total += len(part)
                if total > max_bytes:
                    raise CoordinatorError(f"The coordinator's answer to {path} is longer than {max_bytes} bytes.")
                parts.append(part)
            return Answer(response.status_code, response.headers, b"".join(parts))

    @asynccontextmanager
    async def stream(
        self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str]
    ) -> AsyncIterator[httpx.Response]:
        """Send one request and read its answer piecewise; errors as for ``request``."""
        where = self.endpoint.address
        try:
            began = time.monotonic()
            request = await self._request(method, path, body, headers)
            response = await self._client.send(request, stream=True)
            self.traffic.line.went_up(len(body), time.monotonic() - began)
            try:
                self._note(response)
                await self.traffic.received(header_bytes(response.headers))
                if response.status_code in _RETRY:
                    raise Unreachable(f"The coordinator at {where} cannot answer now ({response.status_code}).")
                if 300 <= response.status_code < 400:
                    raise CoordinatorError(f"The coordinator at {where} sends us elsewhere, which is not allowed.")
                yield response
            finally:
                await response.aclose()
        except httpx.TimeoutException as error:
            raise Unreachable(f"The coordinator at {where} answers too slowly.", "It is tried again.") from error
        except httpx.ConnectError as error:
            raise _connect_error(where, error) from error
        except httpx.HTTPError as error:
            raise Unreachable(f"The connection to the coordinator at {where} broke.", "It is tried again.") from error

    async def pieces(self, response: httpx.Response, size: int) -> AsyncIterator[bytes]:
        """The body of an answer in pieces of ``size`` bytes, read no faster than the owner's rate."""
        count, began = 0, time.monotonic()
        async for piece in response.aiter_bytes(size):
            await self.traffic.received(len(piece))
            count += len(piece)
            yield piece
        self.traffic.line.came_down(count, time.monotonic() - began)

    async def _request(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> httpx.Request:
        paced = len(body) > (PIECE if self.traffic.up.limited else UNPACED)
        content = self.traffic.paced(body) if paced else body
        length = {"content-length": str(len(body))} if paced else {}
        request = self._client.build_request(method, path, content=content, headers={**headers, **length})
        request.headers["accept-encoding"] = "identity"
        request.extensions["sni_hostname"] = self.endpoint.server_name
        request.extensions["trace"] = self.traffic.watch
        await self.traffic.sent(header_bytes(request.headers) + (0 if paced else len(body)))
        return request

    def _note(self, response: httpx.Response) -> None:
        self.last_contact_at = time.time()
        wished = response.headers.get(HEADER_POLL, "")
        if wished.isascii() and wished.isdecimal() and len(wished) < 4:
            self.poll_s = min(MAX_POLL_S, float(wished))
        try:
            date = parsedate_to_datetime(response.headers["date"]).timestamp()
        except (KeyError, ValueError, TypeError, OverflowError):
            return
        skew = date + 0.5 - self.last_contact_at
        self.skew_s = skew if abs(skew) > 1.0 else 0.0

    def unauthorised(self) -> CoordinatorError | ClockError:
        """What a 401 means: a clock that is wrong, or a registration that is gone."""
        if self.skew_s < -CLOCK_AHEAD_S or self.skew_s > CLOCK_BEHIND_S:
            direction = "behind" if self.skew_s > 0 else "ahead of"
            return ClockError(
                f"This machine's clock is {_duration(abs(self.skew_s))} {direction} the coordinator's.",
                "Set the clock; Hedgerow goes on by itself.",
            )
        return RegistrationLost(
            f"The coordinator at {self.endpoint.address} does not know this machine any more.",
            "Leave the federation and ask for a new invite.",
        )


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if round(seconds / length, 1) >= 2:  # a minute of travel must not turn 2 hours into 120 minutes
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def _connect_error(where: str, error: httpx.ConnectError) -> CoordinatorError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):  # any other fault of TLS is a line cut in its first moment
            return WrongServer(
                f"The server at {where} is not the coordinator of this invite: its certificate does not match.",
                "Do not go on; ask for a new invite in person.",
            )
        cause = cause.__cause__ or cause.__context__
    return Unreachable(f"No coordinator answers at {where}.", "It may be down; it is tried again.")
