"""Bodies and refusals of requests, as every part of the gateway handles them."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from core.api.errors import ClockError, CoordinatorError, HedgerowError, InviteError, ManifestError, UsageError
from core.coordinator.web.patience import PATIENCE_S, longest_s

_STATUS = {ClockError: 401, InviteError: 403, ManifestError: 409, UsageError: 400, CoordinatorError: 503}


class Refusal(Exception):
    """An answer found while something else was being done."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


async def bounded(request: Request, limit: int, within_s: float = math.inf) -> AsyncIterator[bytes]:
    """The body, counted while it streams; each piece within ``PATIENCE_S``, and all of it at a bearable rate."""
    count, stream, began = 0, request.stream(), time.monotonic()
    while True:
        left = began + min(within_s, longest_s(count)) - time.monotonic()
        try:
            chunk = await asyncio.wait_for(anext(stream), min(PATIENCE_S, max(0.0, left)))
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise Refusal(Response(status_code=408)) from error
        count += len(chunk)
        if count > limit:
            raise Refusal(Response(status_code=413))
        if chunk:
            yield chunk


def refused(error: HedgerowError, status: int = 0) -> Response:
    """An error as an answer."""
    code = status or next((number for kind, number in _STATUS.items() if isinstance(error, kind)), 500)
    body = {"code": error.code, "message": error.message, "hint": error.hint}
    headers = {"retry-after": "2"} if code == 503 else None
    return Response(msgspec.json.encode(body), code, headers, "application/json")
