"""JSON-RPC 2.0, one object per line, for the local socket between app and engine.

Lines are at most ``MAX_LINE`` bytes, parameters and results are decoded strictly into ``core.api.messages``, and
nothing is ever pickled. Client: ``encode_request`` / ``decode_incoming``. Engine: ``decode_request`` /
``encode_result`` / ``encode_error`` / ``encode_event``.
"""

from __future__ import annotations

from typing import Any

import msgspec

from core.api.errors import EngineError, HedgerowError, UsageError, from_code
from core.api.messages.base import Message
from core.api.messages.methods import METHODS
from core.api.messages.state import Notice, Snapshot

MAX_LINE = 1 << 20
EVENTS: dict[str, type[Message]] = {"snapshot": Snapshot, "notice": Notice}


class _Raw(msgspec.Struct):
    jsonrpc: str = ""
    id: int | None = None
    method: str | None = None
    params: msgspec.Raw = msgspec.Raw(b"{}")
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: dict[str, Any] | None = None


class Request(msgspec.Struct, frozen=True):
    """A request as the engine sees it: number, name and checked parameters."""

    number: int
    method: str
    params: Message


class Result(msgspec.Struct, frozen=True):
    """The answer to request ``number``; ``value`` is still raw, typed by ``decode_result``."""

    number: int
    value: msgspec.Raw


class Failure(msgspec.Struct, frozen=True):
    """Request ``number`` failed with ``error``."""

    number: int
    error: HedgerowError


class Event(msgspec.Struct, frozen=True):
    """Something the engine pushed."""

    name: str
    value: Message


def encode_request(number: int, method: str, params: Message) -> bytes:
    """One request line, newline included."""
    return _line({"jsonrpc": "2.0", "id": number, "method": method, "params": params})


def encode_result(number: int, value: Message) -> bytes:
    """One result line, newline included."""
    return _line({"jsonrpc": "2.0", "id": number, "result": value})


def encode_error(number: int | None, error: HedgerowError) -> bytes:
    """One error line, newline included."""
    data = {"code": error.code, "hint": error.hint}
    return _line({"jsonrpc": "2.0", "id": number, "error": {"code": -32000, "message": error.message, "data": data}})


def encode_event(name: str, value: Message) -> bytes:
    """One event line, newline included."""
    return _line({"jsonrpc": "2.0", "method": name, "params": value})


def _line(value: object) -> bytes:
    line = msgspec.json.encode(value) + b"\n"
    if len(line) > MAX_LINE:
        raise EngineError(f"A message of {len(line)} bytes is longer than the socket allows.")
    return line


def _raw(line: bytes) -> _Raw:
    if len(line) > MAX_LINE:
        raise UsageError("A line on the engine's socket is longer than 1 MiB.")
    try:
        raw = msgspec.json.decode(line, type=_Raw)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as error:
        raise UsageError("A line on the engine's socket is not a JSON-RPC message.") from error
    if raw.jsonrpc != "2.0":
        raise UsageError("A line on the engine's socket is not JSON-RPC 2.0.")
    return raw


def decode_request(line: bytes) -> Request:
    """Check one line from the app.

    Raises:
        UsageError: the line is not a request, names an unknown method, or its parameters do not fit.
    """
    raw = _raw(line)
    if raw.id is None or raw.method is None:
        raise UsageError("A request needs an id and a method.")
    if raw.method not in METHODS:
        raise UsageError(f"The engine knows no request named {raw.method[:80]!r}.")
    try:
        params = msgspec.json.decode(raw.params, type=METHODS[raw.method][0])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise UsageError(f"The parameters of {raw.method!r} do not fit: {error}.") from error
    return Request(raw.id, raw.method, params)


def decode_incoming(line: bytes) -> Result | Failure | Event | None:
    """Sort one line from the engine; ``None`` for an event this app does not know.

    Raises:
        UsageError: the line is not JSON-RPC.
    """
    raw = _raw(line)
    if raw.id is None and raw.error is not None:
        raise UsageError(str(raw.error.get("message", "")))
    if raw.id is None:
        kind = EVENTS.get(raw.method or "")
        try:
            return None if kind is None else Event(raw.method or "", msgspec.json.decode(raw.params, type=kind))
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise UsageError(f"An event of the engine does not fit: {error}.") from error
    if raw.error is not None:
        data = raw.error.get("data") or {}
        message = str(raw.error.get("message", ""))
        return Failure(raw.id, from_code(str(data.get("code", "")), message, str(data.get("hint", ""))))
    return Result(raw.id, raw.result)


def decode_result(method: str, value: msgspec.Raw) -> Message:
    """Type a result.

    Raises:
        EngineError: the engine answered something this app does not understand.
    """
    try:
        return msgspec.json.decode(value, type=METHODS[method][1])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise EngineError(f"The engine's answer to {method!r} does not fit: {error}.") from error


def plain(value: Message) -> dict[str, Any]:
    """A record as dictionaries, lists and scalars, for ``--json`` and for logs."""
    builtins: dict[str, Any] = msgspec.to_builtins(value)
    return builtins
