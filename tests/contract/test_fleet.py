"""The engine's Fleet client against a real SuperLink, whose FAB holds client code that must never run."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from flwr.proto import control_pb2, fab_pb2

from core.api.errors import ClockError, CoordinatorError
from core.coordinator.web import certificates
from core.federation.fleet import Delivery, Fleet, Session
from core.federation.identity import NodeKey
from core.federation.transport import Endpoint, RegistrationLost, Transport, Unreachable

pytestmark = pytest.mark.slow

PAYLOAD = hashlib.shake_256(b"update").digest(12 << 20)
"""Three chunks of Flower's 5 MiB."""

PYPROJECT = """
[project]
name = "hostile"
version = "0.0.1"
[tool.flwr.app]
publisher = "hostile"
[tool.flwr.app.components]
serverapp = "hostile.server:app"
clientapp = "hostile.client:app"
[tool.flwr.app.config]
out = ""
"""

CLIENT = """
import pathlib
pathlib.Path({marker!r}).write_text("client code of the coordinator ran")
from flwr.clientapp import ClientApp
app = ClientApp()
"""

SERVER = """
import hashlib, json, os, pathlib, time
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.serverapp import ServerApp
app = ServerApp()

def record(kind):
    return RecordDict({"hedgerow.train": ConfigRecord({"kind": kind, "round": 1, "nonce": os.urandom(16)})})

@app.main()
def main(grid, context):
    out = pathlib.Path(context.run_config["out"])
    while not list(grid.get_node_ids()):
        time.sleep(0.2)
    node = list(grid.get_node_ids())[0]
    sent = [Message(record(kind), node, "train", ttl=300.0) for kind in ("first", "second", "third")]
    for message in sent:
        (message_id,) = grid.push_messages([message])
        while not (replies := list(grid.pull_messages([message_id]))):
            time.sleep(0.2)
        reply = replies[0]
        line = {"error": reply.error.reason} if reply.has_error() else {
            "sha256": hashlib.sha256(reply.content["update"]["update"].numpy().tobytes()).hexdigest(),
            "metrics": dict(reply.content["metrics"]),
            "seal": {k: str(v) for k, v in reply.content["seal"].items()},
        }
        with out.open("a") as stream:
            stream.write(json.dumps(line) + chr(10))
"""


def bundle(marker: Path) -> bytes:
    """A FAB whose client code writes ``marker`` when it is imported."""
    files = {
        "pyproject.toml": PYPROJECT,
        "hostile/__init__.py": "",
        "hostile/server.py": SERVER,
        "hostile/client.py": CLIENT.format(marker=str(marker)),
    }
    listing = "".join(f"{n},{hashlib.sha256(t.encode()).hexdigest()},{len(t) * 8}\n" for n, t in files.items())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in {**files, ".info/CONTENT": listing}.items():
            archive.writestr(name, text)
    return buffer.getvalue()


@dataclass
class SuperLink:
    """A real one, with its superexec, on loopback."""

    folder: Path
    port: int
    root_der: bytes
    marker: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.out = self.folder / "replies.jsonl"
        self.requests_log = self.folder / "superlink.log"
        environment = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()} | {
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""))),
            "FLWR_HOME": str(self.folder / "flwr"),
            "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.3",
        }
        tool, certificate = Path(sys.executable).parent, str(self.folder / "sl.crt")
        secret = str(self.folder / "secret")
        (self.folder / "secret").write_bytes(os.urandom(32))
        with self.requests_log.open("wb") as log:
            self._start(
                [str(tool / "flower-superlink"), "--host", "127.0.0.1", "--port", str(self.port),
                 "--isolation", "process", "--enable-supernode-auth", "--ssl-certfile", certificate,
                 "--ssl-keyfile", str(self.folder / "sl.key"), "--ssl-ca-certfile", certificate,
                 "--database", str(self.folder / "state.db"), "--superexec-auth-secret-file", secret,
                 "--disable-runtime-dependency-installation"],
                environment, log,
            )  # fmt: skip
            self._start(
                [str(tool / "flower-superexec"), "--runtime-api-address", f"127.0.0.1:{self.port}",
                 "--root-certificates", certificate, "--superexec-auth-secret-file", secret,
                 "--parent-pid", str(os.getpid())],
                environment, subprocess.DEVNULL,
            )  # fmt: skip
        self.control = httpx.Client(
            base_url=f"https://127.0.0.1:{self.port}/v1/control/",
            verify=ssl.create_default_context(cafile=str(self.folder / "sl.crt")),
            trust_env=False,
            limits=httpx.Limits(keepalive_expiry=1.0),
        )

    def _start(self, command: list[str], environment: dict[str, str], log: Any) -> None:
        self.processes.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))

    def call(self, name: str, request: Any, answer: Any) -> Any:
        headers = {"content-type": "application/protobuf", "accept": "application/protobuf"}
        response = self.control.post(name, content=request.SerializeToString(), headers=headers)
        assert response.status_code == 200, response.text
        return answer.FromString(response.content)

    def wait(self) -> None:
        for _ in range(150):
            with contextlib.suppress(httpx.TransportError):
                self.call("list-nodes", control_pb2.ListNodesRequest(), control_pb2.ListNodesResponse)
                return
            time.sleep(0.2)
        raise AssertionError("the SuperLink did not start")

    def register(self, key: NodeKey) -> int:
        request = control_pb2.RegisterNodeRequest(public_key=key.public_pem)
        return int(self.call("register-node", request, control_pb2.RegisterNodeResponse).node_id)

    def unregister(self, node_id: int) -> None:
        request = control_pb2.UnregisterNodeRequest(node_id=node_id)
        self.call("unregister-node", request, control_pb2.UnregisterNodeResponse)

    def run(self) -> int:
        content = bundle(self.marker)
        fab = fab_pb2.Fab(hash_str=hashlib.sha256(content).hexdigest(), content=content)
        request = control_pb2.StartRunRequest(fab=fab)
        request.override_config["out"].string = str(self.out)
        return int(self.call("start-run", request, control_pb2.StartRunResponse).run_id)

    def stop_run(self, run_id: int) -> None:
        self.call("stop-run", control_pb2.StopRunRequest(run_id=run_id), control_pb2.StopRunResponse)

    def replies(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.read_text().splitlines()] if self.out.exists() else []

    def close(self) -> None:
        self.control.close()
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)

    def endpoint(self) -> Endpoint:
        return Endpoint(f"127.0.0.1:{self.port}", self.root_der, "localhost")


@pytest.fixture(scope="module")
def superlink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SuperLink]:
    folder = tmp_path_factory.mktemp("superlink")
    key = certificates.new_key()
    certificate = certificates.self_signed("superlink", key, ("localhost", "127.0.0.1"))
    (folder / "sl.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "sl.key").write_bytes(certificates.key_pem(key))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    link = SuperLink(folder, port, certificate.public_bytes(Encoding.DER), folder / "marker")
    try:
        link.wait()
        yield link
    finally:
        link.close()


async def until(get: Callable[[], Awaitable[Any]], timeout_s: float = 30.0) -> Any:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if (value := await get()) is not None:
            return value
        await asyncio.sleep(0.1)
    raise AssertionError("nothing came")


async def next_instruction(fleet: Fleet) -> tuple[Delivery, dict[str, Any]]:
    await fleet.heartbeat(30.0)
    delivery = await until(fleet.pull)
    assert isinstance(delivery, Delivery)
    record = await fleet.instruction(delivery)
    await fleet.confirm(delivery)
    return delivery, record


async def answer_with_a_crash(superlink: SuperLink, key: NodeKey, node_id: int) -> None:
    """Announce, send two objects, forget everything but the journal, go on in a new client."""
    transport = Transport(superlink.endpoint())
    fleet = Fleet(transport, key, node_id)
    delivery, record = await next_instruction(fleet)
    assert record["kind"] == "first"
    assert len(record["nonce"]) == 16
    session = await fleet.announce(delivery, PAYLOAD, {"steps": 3.0}, {"update_sha256": "x", "signature": b"\x01"})
    assert not session.too_late
    assert len(session.chunks) == 3
    sent = fleet.steps(session, PAYLOAD)
    for _ in range(2):
        next(sent)
        await fleet.push_next(session, PAYLOAD)
    journal = session.to_journal()
    await transport.close()

    transport = Transport(superlink.endpoint())
    fleet = Fleet(transport, key, node_id)
    resumed = Session.from_journal(journal)
    assert len(resumed.remaining) == len(session.to_push) - 2
    assert not resumed.expired
    progress = []
    for done, total in fleet.steps(resumed, PAYLOAD):
        progress.append(done)
        assert total == len(PAYLOAD)
        await fleet.push_next(resumed, PAYLOAD)
    assert progress == sorted(progress)
    assert progress[0] > 0

    delivery, record = await next_instruction(fleet)
    assert record["kind"] == "second"
    await fleet.decline(delivery)
    await transport.close()


def test_a_round_trip_with_a_crash_in_the_upload_and_without_the_fab(superlink: SuperLink) -> None:
    key = NodeKey.generate()
    node_id = superlink.register(key)
    run_id = superlink.run()
    asyncio.run(answer_with_a_crash(superlink, key, node_id))

    async def old_run() -> None:
        transport = Transport(superlink.endpoint())
        fleet = Fleet(transport, key, node_id)
        delivery, record = await next_instruction(fleet)
        assert record["kind"] == "third"
        superlink.stop_run(run_id)
        with pytest.raises(CoordinatorError, match="new run"):
            await fleet.announce(delivery, b"late", {"steps": 1.0}, {"a": 1})
        await transport.close()

    asyncio.run(old_run())
    first, second = superlink.replies()
    assert first["sha256"] == hashlib.sha256(PAYLOAD).hexdigest()
    assert first["metrics"] == {"steps": 3.0}
    assert first["seal"]["update_sha256"] == "x"
    assert second == {"error": "declined"}
    assert not superlink.marker.exists(), "the coordinator's client code ran"
    assert "get-fab" not in superlink.requests_log.read_text(errors="replace").lower()


def test_an_unregistered_node_is_told_apart_from_a_wrong_clock(superlink: SuperLink) -> None:
    key = NodeKey.generate()
    node_id = superlink.register(key)

    async def main() -> None:
        transport = Transport(superlink.endpoint())
        fleet = Fleet(transport, key, node_id)
        assert await fleet.pull() is None
        transport.skew_s = 0.0
        superlink.unregister(node_id)
        with pytest.raises(RegistrationLost, match="does not know this machine"):
            await fleet.heartbeat(30.0)
        await transport.close()

    asyncio.run(main())


def test_a_wrong_clock_is_named_with_its_distance(superlink: SuperLink, monkeypatch: pytest.MonkeyPatch) -> None:
    key = NodeKey.generate()
    node_id = superlink.register(key)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 7_200)

    async def main() -> None:
        transport = Transport(superlink.endpoint())
        with pytest.raises(ClockError, match="2 hours ahead of the coordinator's"):
            await Fleet(transport, key, node_id).heartbeat(30.0)
        await transport.close()

    asyncio.run(main())


def test_another_certificate_or_name_ends_before_anything_is_sent(superlink: SuperLink) -> None:
    other = certificates.self_signed("other", certificates.new_key(), ("localhost",)).public_bytes(Encoding.DER)
    key = NodeKey.generate()

    async def main(endpoint: Endpoint, kind: type[Exception], sentence: str) -> None:
        transport = Transport(endpoint)
        with pytest.raises(kind, match=sentence):
            await Fleet(transport, key, 1).heartbeat(30.0)
        await transport.close()

    address, root = superlink.endpoint().address, superlink.root_der
    asyncio.run(main(Endpoint(address, other, "localhost"), CoordinatorError, "not the coordinator of this invite"))
    asyncio.run(main(Endpoint(address, root, "elsewhere.invalid"), CoordinatorError, "certificate does not match"))
    asyncio.run(main(Endpoint("127.0.0.1:9", root, "localhost"), Unreachable, "No coordinator answers"))
