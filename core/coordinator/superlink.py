"""Flower's processes and its Control API: of the coordinator the only file that knows Flower's inner names.

Written against flwr 1.41.0 exactly. What the facts in the project's research cost to find, kept here:

- the SuperLink needs TLS although it is on loopback, or node authentication refuses to start;
- ``flower-superexec`` starts ``flwr-serverapp`` by name over ``PATH``, and Flower's clients obey proxies for 127.0.0.1;
- the FAB holds no code, but must name a client app and declare every key a run may override;
- a registration is not idempotent, and a key that was unregistered can never be registered again;
- the SuperLink ignores SIGTERM while a client holds an idle connection: stop the gateway first.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import socket
import sqlite3
import ssl
import zipfile
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import httpx
from flwr.proto import control_pb2, fab_pb2
from google.protobuf.message import DecodeError, Message

from core.api import interpreter
from core.api.errors import CoordinatorError
from core.coordinator.home import Home
from core.coordinator.records.blobs import write_durably
from core.coordinator.web import certificates

HOST = "127.0.0.1"
SERVER_APP = "core.coordinator.server_app:app"
CODE_KEY_IN_USE = 23
_PROTOBUF = {"content-type": "application/protobuf", "accept": "application/protobuf"}
_PYPROJECT = f"""[project]
name = "hedgerow-coordinator"
version = "0.1.0"

[tool.flwr.app]
publisher = "hedgerow"

[tool.flwr.app.components]
serverapp = "{SERVER_APP}"
clientapp = "core.coordinator.no_client_code:app"

[tool.flwr.app.config]
dir = ""
"""


_Answer = TypeVar("_Answer", bound=Message)


class KeyInUse(CoordinatorError):
    """The SuperLink knows this key already, registered or unregistered."""


class NodeRow(NamedTuple):
    """One registration as the SuperLink lists it."""

    node_id: str
    status: str


class RunStatus(NamedTuple):
    """``status`` is pending, starting, running or finished; ``sub_status`` completed, failed or stopped."""

    status: str
    sub_status: str
    details: str


def fab() -> bytes:
    """The app bundle: a ``pyproject.toml`` that names our installed ServerApp, and nothing else."""
    content = _PYPROJECT.encode()
    info = f"pyproject.toml,{hashlib.sha256(content).hexdigest()},{len(content) * 8}\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (("pyproject.toml", content), (".info/CONTENT", info.encode())):
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


def make_keys(home: Home) -> None:
    """Write the SuperLink's own certificate and the secret it shares with the superexec."""
    key = certificates.new_key()
    certificate = certificates.self_signed("hedgerow superlink", key, ("localhost", HOST))
    write_durably(home.key_path("superlink.key"), certificates.key_pem(key))
    write_durably(home.key_path("superlink.crt"), certificates.cert_pem(certificate))
    write_durably(home.key_path("superexec.secret"), os.urandom(32))


def superlink_command(home: Home, port: int) -> list[str]:
    """How flower-superlink is started."""
    certificate = str(home.key_path("superlink.crt"))
    return [
        _program("flower-superlink"),
        *("--host", HOST, "--port", str(port), "--isolation", "process", "--enable-supernode-auth"),
        *("--ssl-certfile", certificate, "--ssl-keyfile", str(home.key_path("superlink.key"))),
        *("--ssl-ca-certfile", certificate, "--database", str(home.superlink_database)),
        *("--superexec-auth-secret-file", str(home.key_path("superexec.secret"))),
        "--disable-runtime-dependency-installation",
    ]  # fmt: skip


def superexec_command(home: Home, port: int) -> list[str]:
    """How flower-superexec is started; it and its ServerApp die with us."""
    return [
        _program("flower-superexec"),
        *("--runtime-api-address", f"{HOST}:{port}", "--root-certificates", str(home.key_path("superlink.crt"))),
        *("--superexec-auth-secret-file", str(home.key_path("superexec.secret"))),
        *("--parent-pid", str(os.getpid())),
    ]  # fmt: skip


def _program(name: str) -> str:
    return str(interpreter.scripts() / name)


def free_port() -> int:
    """A port on loopback that is free now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def client_context(home: Home) -> ssl.SSLContext:
    """TLS that trusts the SuperLink's certificate and nothing else."""
    return ssl.create_default_context(cafile=str(home.key_path("superlink.crt")))


def compact_database(home: Home) -> None:
    """Give the disk back after the SuperLink has stopped; it never shrinks its file itself."""
    if not home.superlink_database.exists():
        return
    try:
        database = sqlite3.connect(home.superlink_database, timeout=1.0, isolation_level=None)
        try:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            database.execute("VACUUM")
        finally:
            database.close()
    except sqlite3.Error:
        return  # The file may be lost altogether; shrinking it is a courtesy.


class Control:
    """Client of the Control API, which has no authentication and is therefore never exposed."""

    def __init__(self, home: Home, port: int, timeout_s: float = 10.0) -> None:
        self._client = httpx.Client(
            base_url=f"https://{HOST}:{port}/v1/control/",
            verify=client_context(home),
            timeout=timeout_s,
            trust_env=False,
            limits=httpx.Limits(keepalive_expiry=2.0),
        )

    def close(self) -> None:
        """Drop all connections; the SuperLink does not stop while one is open."""
        self._client.close()

    def _call(self, name: str, request: Message, answer: Callable[[], _Answer]) -> _Answer:
        try:
            response = self._client.post(name, content=_raw(request), headers=_PROTOBUF)
        except httpx.TransportError as error:
            raise CoordinatorError("The SuperLink does not answer.", "It is restarted by itself.") from error
        if response.status_code != 200:
            code, text = _failure(response)
            if code == CODE_KEY_IN_USE:
                raise KeyInUse("The SuperLink knows this key already.")
            raise CoordinatorError(f"The SuperLink refused {name}: {response.status_code} {text}"[:300])
        message = answer()
        try:
            message.ParseFromString(response.content)  # type: ignore[no-untyped-call]
        except DecodeError as error:
            raise CoordinatorError(f"The SuperLink's answer to {name} cannot be read.") from error
        return message

    def register(self, public_key: bytes) -> str:
        """Register a node key (PEM) and return the node id.

        Raises:
            KeyInUse: it is known already; look it up with ``nodes``.
            CoordinatorError: refused, or no answer.
        """
        request = control_pb2.RegisterNodeRequest(public_key=public_key)
        return str(self._call("register-node", request, control_pb2.RegisterNodeResponse).node_id)

    def unregister(self, node_id: str) -> None:
        """Unregister for good.

        Raises:
            CoordinatorError: unknown node, or no answer.
        """
        request = control_pb2.UnregisterNodeRequest(node_id=int(node_id))
        self._call("unregister-node", request, control_pb2.UnregisterNodeResponse)

    def nodes(self) -> dict[bytes, NodeRow]:
        """Public key (PEM) → registration, of all nodes still registered."""
        answer = self._call("list-nodes", control_pb2.ListNodesRequest(), control_pb2.ListNodesResponse)
        return {
            bytes(node.public_key): NodeRow(str(node.node_id), node.status)
            for node in answer.nodes_info
            if node.status != "unregistered"
        }

    def start_run(self, home: Home) -> str:
        """Start our ServerApp on this folder and return Flower's run id."""
        content = fab()
        request = control_pb2.StartRunRequest(
            fab=fab_pb2.Fab(hash_str=hashlib.sha256(content).hexdigest(), content=content)
        )
        request.override_config["dir"].string = str(home.root)
        run_id = self._call("start-run", request, control_pb2.StartRunResponse).run_id
        if not run_id:
            raise CoordinatorError("The SuperLink did not start the run.")
        return str(run_id)

    def run_status(self, run_id: str) -> RunStatus:
        """State of one run."""
        answer = self._call("list-runs", control_pb2.ListRunsRequest(run_id=int(run_id)), control_pb2.ListRunsResponse)
        status = answer.run_dict[int(run_id)].status
        return RunStatus(status.status, status.sub_status, status.details)

    def active_runs(self) -> list[str]:
        """Runs that are not finished."""
        answer = self._call("list-runs", control_pb2.ListRunsRequest(), control_pb2.ListRunsResponse)
        return [str(run_id) for run_id, run in answer.run_dict.items() if run.status.status != "finished"]

    def stop_run(self, run_id: str) -> None:
        """Stop one run; a finished one is an error."""
        self._call("stop-run", control_pb2.StopRunRequest(run_id=int(run_id)), control_pb2.StopRunResponse)


def _raw(message: Message) -> bytes:
    raw: bytes = message.SerializeToString()  # type: ignore[no-untyped-call]
    return raw


def _failure(response: httpx.Response) -> tuple[int, str]:
    """Flower's numeric code and text; its JSON may be a string that holds JSON."""
    try:
        body: Any = response.json()
        if isinstance(body, str):
            body = json.loads(body)
    except ValueError:
        return 0, ""
    if not isinstance(body, dict):
        return 0, ""
    code = body.get("code")
    return (code if isinstance(code, int) else 0), str(body.get("public_message") or body.get("detail") or body)[:200]
