"""Figures for Prometheus, in its text format 0.0.4, on the operator's own loopback.

Served by the gateway's process, which alone knows its traffic and who is there, on a socket of its own that was bound
to 127.0.0.1 before the coordinator moved. It says no more about anybody than the status page does, and answers only by
the names of this machine's loopback, so that no web page can read it under a name of its own.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Literal

import psutil

from core.coordinator.home import Federation
from core.coordinator.records.store import Store
from core.coordinator.reporting import ISOLATED
from core.coordinator.usage import usage
from core.coordinator.web.traffic import Traffic

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MAX_HEAD_BYTES = 8_192
TIMEOUT_S = 5.0
Labels = Mapping[str, str]


class Exposition:
    """A document in the text format, family by family."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(
        self,
        name: str,
        kind: Literal["counter", "gauge"],
        words: str,
        samples: float | Iterable[tuple[Labels, float]] | None,
    ) -> None:
        """One family: a value without labels, or several with; nothing at all where nothing is known."""
        pairs = [({}, samples)] if isinstance(samples, int | float) else list(samples or ())
        if not pairs:
            return
        name = f"hedgerow_{name}"
        self._lines += [f"# HELP {name} {_escape(words, quotes=False)}", f"# TYPE {name} {kind}"]
        for labels, value in pairs:
            inner = ",".join(f'{key}="{_escape(text)}"' for key, text in labels.items())
            self._lines.append(f"{name}{{{inner}}} {_number(value)}" if inner else f"{name} {_number(value)}")

    def text(self) -> str:
        """The document; its last line is ended as the format demands."""
        return "\n".join(self._lines) + "\n"


def _escape(text: str, *, quotes: bool = True) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quotes else text


def _number(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return "NaN"
    return ("+Inf" if value > 0 else "-Inf") if math.isinf(value) else repr(value)


def figures(federation: Federation, store: Store, traffic: Traffic, online: int) -> str:
    """The document of one federation.

    Args:
        federation: whose.
        store: its records.
        traffic: the gateway's.
        online: volunteers that were heard just now.
    """
    page = Exposition()
    config = federation.config
    told = {"name": config.name, "run": config.run_id, "preset": config.model.preset, "unit": config.privacy.unit}
    page.add("info", "gauge", "What runs here.", [(told, 1)])
    page.add("isolated", "gauge", "Whether Flower has a network of its own.", int(store.meta(ISOLATED) == "yes"))
    page.add("volunteers", "gauge", "Volunteers that are enrolled.", len(store.volunteers()))
    page.add("volunteers_online", "gauge", "Volunteers that were heard just now.", online)
    _add_rounds(page, config.schedule.rounds, store)
    _add_traffic(page, traffic, federation.home.spool.size())
    _add_processes(page)
    return page.text()


def _add_rounds(page: Exposition, planned: int, store: Store) -> None:
    rounds, checkpoints, outcomes = store.rounds(), store.checkpoints(), store.outcomes()
    ended = [({"state": state}, sum(item.state == state for item in rounds)) for state in ("closed", "void")]
    page.add("rounds_planned", "gauge", "Rounds that the terms plan.", planned)
    page.add("rounds_total", "counter", "Rounds that have ended, closed with a checkpoint or given up.", ended)
    page.add("round_open", "gauge", "Number of the round in progress, 0 between rounds.",
             next((item.server_round for item in reversed(rounds) if item.state == "open"), 0))  # fmt: skip
    judged = [
        ({"outcome": state}, sum(counts.get(state, 0) for counts in outcomes.values()))
        for state in ("accepted", "refused", "late")
    ]
    page.add("updates_total", "counter", "Updates that were judged.", judged)
    for name, words in (("upload", "as they were sent"), ("dense", "as plain float32")):
        total = sum(getattr(item, f"{name}_bytes") for item in rounds)
        page.add(f"{name}_bytes_total", "counter", f"Bytes of accepted updates {words}.", total)
    measured = [item for item in checkpoints if item.loss is not None and not item.rejected]
    if measured:
        page.add("held_out_loss_nats", "gauge", "Nats per token on the operator's own text.", measured[-1].loss)
        page.add("held_out_bits_per_byte", "gauge", "The same in bits per byte.", measured[-1].bits_per_byte)
    closed = [item for item in rounds if item.state == "closed"]
    if rounds:
        page.add("step_clock", "gauge", "Optimiser steps before the newest round.", rounds[-1].step_clock)
    if closed:
        last = closed[-1]
        page.add("training_loss_nats", "gauge", "Mean of the volunteers' losses, unit none only.", last.training_loss)
        page.add("pseudo_gradient_norm", "gauge", "L2 norm of the last mean.", last.pseudo_gradient_norm)
        page.add("model_norm", "gauge", "L2 norm of the newest model.", last.model_norm)
        page.add("round_volunteers", "gauge", "Updates in the last mean.", last.volunteers)
        seconds = None if last.closed_at is None else last.closed_at - last.started_at
        page.add("round_seconds", "gauge", "Seconds that the last round took.", seconds)


def _add_traffic(page: Exposition, traffic: Traffic, arriving: int) -> None:
    page.add("gateway_requests_total", "counter", "Requests to the gateway.", traffic.requests)
    page.add("gateway_received_bytes_total", "counter", "Bytes of bodies received.", traffic.received_bytes)
    page.add("gateway_sent_bytes_total", "counter", "Bytes of bodies sent.", traffic.sent_bytes)
    page.add("gateway_arriving_bytes", "gauge", "Bytes of large updates on their way in.", arriving)


def _add_processes(page: Exposition) -> None:
    coordinator = psutil.Process().parent()
    found = [] if coordinator is None else usage(coordinator)
    memory = [({"process": item.name}, item.memory_bytes) for item in found]
    seconds = [({"process": item.name}, item.cpu_s) for item in found]
    page.add("process_resident_memory_bytes", "gauge", "Resident memory.", memory)
    page.add("process_cpu_seconds_total", "counter", "Processor time so far.", seconds)


async def serve_metrics(bound: socket.socket, produce: Callable[[], str]) -> asyncio.Server:
    """Answer ``GET /metrics`` on a listening socket in the running loop; ``produce`` is called in a thread."""
    port = bound.getsockname()[1]
    names = {f"{host}:{port}".encode() for host in ("127.0.0.1", "localhost")}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
            status = _refusal(head, names)
            body = "" if status else await asyncio.to_thread(produce)
            writer.write(_response(status or "200 OK", body))
            async with asyncio.timeout(TIMEOUT_S):
                await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            return
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    return await asyncio.start_server(answer, sock=bound, limit=MAX_HEAD_BYTES)


def _refusal(head: bytes, names: set[bytes]) -> str:
    first, *rest = head.split(b"\r\n")
    words = first.split(b" ")
    if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
        return "400 Bad Request"
    if words[0] != b"GET":
        return "405 Method Not Allowed"
    if words[1] != b"/metrics":
        return "404 Not Found"
    hosts = [line[5:].strip() for line in rest if line[:5].lower() == b"host:"]
    return "" if len(hosts) == 1 and hosts[0] in names else "403 Forbidden"


def _response(status: str, body: str) -> bytes:
    content = body.encode()
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: {CONTENT_TYPE}\r\ncontent-length: {len(content)}\r\nconnection: close\r\n"
    )
    return head.encode() + b"\r\n" + content
