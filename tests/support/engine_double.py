"""A socket that speaks the engine's wire and answers what a test tells it to; for clients, never for the engine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from core.api import wire
from core.api.client import engine_paths
from core.api.errors import HedgerowError
from core.api.messages.base import API_VERSION, Message, Sentence
from core.api.messages.state import EngineInfo, Hello, Snapshot

SENTENCE = Sentence(code="idle", text="Nothing to do.")
ENGINE = EngineInfo(version="0", pid=1, started_at=0.0, home="/", keystore="file", sandbox="")
SNAPSHOT = Snapshot(revision=1, state="not_joined", why=SENTENCE, engine=ENGINE)
Answer = Callable[[wire.Request], list[bytes]]


def greet(request: wire.Request, version: int = API_VERSION, snapshot: Snapshot = SNAPSHOT) -> bytes:
    """The answer to ``hello``."""
    return wire.encode_result(request.number, Hello(api_version=version, engine_version="0", snapshot=snapshot))


def scripted(answers: Mapping[str, Message | HedgerowError], snapshot: Snapshot = SNAPSHOT) -> Answer:
    """Answer each method with one fixed record or error."""

    def answer(request: wire.Request) -> list[bytes]:
        if request.method == "hello":
            return [greet(request, snapshot=snapshot)]
        reply = answers[request.method]
        if isinstance(reply, HedgerowError):
            return [wire.encode_error(request.number, reply)]
        return [wire.encode_result(request.number, reply)]

    return answer


@contextmanager
def serving(home: Path, answer: Answer, token: str = "secret") -> Iterator[list[wire.Request]]:
    """Serve connections one after another; yields the requests seen. No bytes to send means: hang up."""
    (home / "run").mkdir(parents=True, exist_ok=True)
    (home / "run" / "engine.token").write_text(token)
    seen: list[wire.Request] = []
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(engine_paths(home).socket))
    server.listen(4)

    def run() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines:
                _converse(connection, lines, answer, seen)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)
        assert not thread.is_alive()


def _converse(connection: socket.socket, lines: object, answer: Answer, seen: list[wire.Request]) -> None:
    for line in lines:  # type: ignore[attr-defined]
        request = wire.decode_request(line)
        seen.append(request)
        replies = answer(request)
        for reply in replies:
            connection.sendall(reply)
        if not replies:
            return
