"""The gateway in front of a real SuperLink: what gets through, and everything that must not."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import os
import signal
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from flwr.proto import fleet_pb2, heartbeat_pb2, node_pb2

from core.api.errors import CoordinatorError
from core.config.exchange import ScheduleConfig
from core.config.federation import FederationConfig
from core.config.learning import TrainingConfig
from core.config.model import ModelSpec, TokenizerSpec
from core.config.privacy import PrivacyTerms
from core.coordinator import superlink
from core.coordinator.founding import found
from core.coordinator.home import Federation, HostSettings
from core.coordinator.processes import Child, environment
from core.coordinator.records.schema import Assignment, Round
from core.coordinator.records.store import Store
from core.coordinator.web.enrolment import Enrolment
from core.federation.identity import NodeKey, key_id, sign_request, verify_federation
from core.federation.invite import GATEWAY_NAME
from core.federation.manifest import open_manifest
from core.federation.protocol import EnrolAnswer, EnrolRequest, LedgerSeen, Receipt

pytestmark = pytest.mark.slow
TOKENIZER = b'{"a": "tokenizer"}'
PROTOBUF = {"content-type": "application/protobuf", "accept": "application/protobuf"}


def terms() -> FederationConfig:
    return FederationConfig(
        run_id="0" * 32, name="Contract", operator="Test", jurisdiction="nowhere", purpose="", licence="Apache-2.0",
        withdrawal="", seed=1,
        model=ModelSpec(preset="test", vocab_size=256, num_layers=1, d_model=16, num_heads=2, d_ff=16, max_seq_len=16),
        tokenizer=TokenizerSpec(sha256=hashlib.sha256(TOKENIZER).hexdigest(), origin=""),
        training=TrainingConfig(seq_len=16, batch_size=2, local_steps=4, learning_rate=1e-3),
        privacy=PrivacyTerms(unit="none", relation="none"),
        schedule=ScheduleConfig(rounds=1, cohort_size=1, quorum=1),
    )  # fmt: skip


@dataclass
class Site:
    federation: Federation
    store: Store
    superlink: Child
    control: superlink.Control
    address: tuple[str, int]
    client: httpx.Client
    context: ssl.SSLContext

    def ask(self, method: str, path: str, **more: object) -> httpx.Response:
        return self.client.request(method, path, extensions={"sni_hostname": GATEWAY_NAME}, **more)  # type: ignore[arg-type]

    def signed(
        self, key: NodeKey, method: str, path: str, body: bytes = b"", now: float | None = None
    ) -> httpx.Response:
        return self.ask(method, path, content=body, headers=sign_request(key, method, path, body, now))

    def token(self, uses: int = 1, lifetime_s: float = 60.0) -> bytes:
        token = os.urandom(16)
        self.store.add_token(token, uses, time.time() + lifetime_s)
        return token

    def body(self, token: bytes) -> bytes:
        return msgspec.json.encode(EnrolRequest(token=token, manifest_hash=self.federation.manifest_hash))

    def enrolled(self) -> tuple[NodeKey, str]:
        key = NodeKey.generate()
        answer = self.signed(key, "POST", "/enrol", self.body(self.token()))
        assert answer.status_code == 200, answer.text
        return key, msgspec.json.decode(answer.content, type=EnrolAnswer).node_id

    def fleet(self, key: NodeKey, route: str, content: bytes) -> httpx.Response:
        return self.ask("POST", f"/v1/fleet/{route}", content=content, headers=PROTOBUF | flower_headers(key))

    def raw(self, request: bytes) -> bytes:
        """Exactly these bytes; no client tidies the path."""
        plain = socket.create_connection(self.address, timeout=10)
        with self.context.wrap_socket(plain, server_hostname=GATEWAY_NAME) as secure:
            secure.sendall(request)
            found = b""
            while b"\r\n\r\n" not in found and (more := secure.recv(65_536)):
                found += more
            return found


def flower_headers(key: NodeKey) -> dict[str, str]:
    stamp = datetime.datetime.now(datetime.UTC).isoformat()
    return {
        "flwr-timestamp": stamp,
        "flwr-public-key": base64.b64encode(key.public_pem).decode(),
        "flwr-signature": base64.b64encode(key.sign(stamp.encode())).decode(),
    }


def heartbeat(node_id: str) -> bytes:
    node = node_pb2.Node(node_id=int(node_id))
    return heartbeat_pb2.SendNodeHeartbeatRequest(node=node, heartbeat_interval=60).SerializeToString()


def await_superlink(control: superlink.Control) -> None:
    give_up_at = time.monotonic() + 60
    while True:
        try:
            control.nodes()
            return
        except CoordinatorError:
            assert time.monotonic() < give_up_at
            time.sleep(0.1)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    federation = found(tmp_path_factory.mktemp("gateway") / "f", terms(), HostSettings(), TOKENIZER)
    home = federation.home
    port = superlink.free_port()
    variables = environment(home)
    link = Child("superlink", superlink.superlink_command(home, port), variables, home.log_path("superlink"))
    command = [
        *(sys.executable, "-m", "core.coordinator.web.gateway", str(home.root)),
        *("--listen", "127.0.0.1:0", "--superlink", str(port)),
    ]
    gateway = Child("gateway", command, variables, home.log_path("gateway"))
    control = superlink.Control(home, port)
    try:
        link.start()
        stdout = gateway.start(pipe=True).stdout
        assert stdout is not None
        said = json.loads(stdout.readline())
        assert said["ready"], said
        host, _, number = said["address"].rpartition(":")
        await_superlink(control)
        context = ssl.create_default_context(cafile=str(home.key_path("root.crt")))
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        with httpx.Client(base_url=f"https://{said['address']}", verify=context, timeout=20, trust_env=False) as client:
            yield Site(federation, federation.store(), link, control, (host, int(number)), client, context)
    finally:
        gateway.stop()
        control.close()
        link.stop()


ESCAPES = (
    "/v1/fleet/../control/list-nodes",
    "/v1/fleet/%2e%2e/control/list-nodes",
    "/v1/fleet/..%2fcontrol%2flist-nodes",
    "/v1/fleet/%2e%2e%2fcontrol%2flist-nodes",
    "/v1/fleet//../../control/list-nodes",
    "/v1/fleet/..%5ccontrol%5clist-nodes",
    "/v1/fleet/pull-messages/../../control/list-nodes",
    "//v1/control/list-nodes",
    "/v1/control/list-nodes",
    "/v1/control/start-run",
    "/v1/runtime/acquire-task",
    "/v1/fleet/",
    "/v1/fleet/pull-messages/",
    "/v1/fleet/pull-messages?x=1",
    "/v1/fleet/pull%2dmessages",
    "/V1/fleet/pull-messages",
    "/v1/fleet/get-fab",
    "/v1/fleet/get-run",
    "/v1/fleet/register-node",
    "/v1/fleet/unregister-node",
    "/v1/fleet/deactivate-node",
    "/health",
    "/docs",
    "/blobs/../coordinator.db",
    "/blobs/%2e%2e/coordinator.db",
    f"/blobs/{'0' * 64}/",
    f"/blobs/{'A' * 64}",
    f"/blobs/{'0' * 63}%30",
    "/manifest/",
    "/manifest?x=1",
)


@pytest.mark.parametrize("path", ESCAPES)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_else_gets_through(site: Site, method: str, path: str) -> None:
    key, _ = site.enrolled() if path == ESCAPES[0] else (NodeKey.generate(), "")
    headers = "".join(f"{name}: {value}\r\n" for name, value in (PROTOBUF | flower_headers(key)).items())
    answer = site.raw(
        f"{method} {path} HTTP/1.1\r\nhost: x\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n".encode()
    )
    assert answer.startswith(b"HTTP/1.1 404"), answer[:200]


def test_an_enrolled_key_reaches_flower(site: Site) -> None:
    key, node_id = site.enrolled()
    answer = site.fleet(key, "send-node-heartbeat", heartbeat(node_id))
    assert answer.status_code == 200
    reply = heartbeat_pb2.SendNodeHeartbeatResponse()
    reply.ParseFromString(answer.content)
    assert reply.success
    assert site.control.nodes()[key.public_pem].status == "online"
    pull = fleet_pb2.PullMessagesRequest(node=node_pb2.Node(node_id=int(node_id)))
    assert site.fleet(key, "pull-messages", pull.SerializeToString()).status_code == 200


def test_a_node_cannot_speak_as_another(site: Site) -> None:
    key, _ = site.enrolled()
    _, other = site.enrolled()
    assert site.fleet(key, "send-node-heartbeat", heartbeat(other)).status_code == 401


def test_an_unknown_key_is_refused_before_its_body_is_read(site: Site) -> None:
    for headers in (PROTOBUF | flower_headers(NodeKey.generate()), PROTOBUF, PROTOBUF | {"flwr-public-key": "%%%"}):
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        answer = site.raw(
            f"POST /v1/fleet/push-object HTTP/1.1\r\nhost: x\r\n{lines}content-length: 6000000\r\n\r\n".encode()
        )
        assert answer.startswith(b"HTTP/1.1 401"), answer[:200]


def test_bodies_are_bounded(site: Site) -> None:
    key, _ = site.enrolled()
    lines = "".join(f"{name}: {value}\r\n" for name, value in (PROTOBUF | flower_headers(key)).items())
    head = f"POST /v1/fleet/pull-messages HTTP/1.1\r\nhost: x\r\n{lines}"
    assert site.raw(f"{head}content-length: 4097\r\n\r\n".encode()).startswith(b"HTTP/1.1 413")
    assert site.raw(f"{head}transfer-encoding: chunked\r\n\r\n0\r\n\r\n".encode()).startswith(b"HTTP/1.1 411")
    own = f"POST /enrol HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n4000\r\n{'x' * 0x4000}\r\n"
    assert site.raw(own.encode()).startswith(b"HTTP/1.1 413")


def test_a_full_sized_object_passes(site: Site) -> None:
    key, node_id = site.enrolled()
    answer = site.fleet(key, "push-object", b"\x0a" + bytes(5_300_000))
    assert answer.status_code in (400, 401, 422, 500)  # Flower reads it and finds that it is nothing
    assert site.fleet(key, "push-object", bytes((6 << 20) + 1)).status_code == 413
    assert node_id


def test_enrolling_again_gives_the_same_answer(site: Site) -> None:
    key, token = NodeKey.generate(), site.token()
    first = site.signed(key, "POST", "/enrol", site.body(token))
    assert first.status_code == 200
    assert site.signed(key, "POST", "/enrol", site.body(token)).content == first.content
    assert site.signed(NodeKey.generate(), "POST", "/enrol", site.body(token)).json()["code"] == "invite"


def test_a_registration_whose_answer_was_lost_is_found_again(site: Site) -> None:
    key, token = NodeKey.generate(), site.token()
    node_id = site.control.register(key.public_pem)
    site.store.bind(key.public_pem, token, time.time())
    answer = site.signed(key, "POST", "/enrol", site.body(token))
    assert msgspec.json.decode(answer.content, type=EnrolAnswer).node_id == node_id


@pytest.mark.parametrize(
    ("lifetime_s", "uses", "words"), [(-1.0, 1, "expired"), (60.0, 0, "used up"), (None, 0, "never gave out")]
)
def test_a_bad_token_is_named(site: Site, lifetime_s: float | None, uses: int, words: str) -> None:
    token = os.urandom(16) if lifetime_s is None else site.token(uses, lifetime_s)
    answer = site.signed(NodeKey.generate(), "POST", "/enrol", site.body(token))
    assert answer.status_code == 403
    error = answer.json()
    assert set(error) == {"code", "message", "hint"}
    assert words in error["message"]


def test_other_terms_a_strange_body_and_wrong_signatures_are_refused(site: Site) -> None:
    key, token = NodeKey.generate(), site.token()
    other = msgspec.json.encode(EnrolRequest(token=token, manifest_hash="1" * 64))
    assert (site.signed(key, "POST", "/enrol", other).status_code) == 409
    assert site.signed(key, "POST", "/enrol", b"{}").status_code == 400
    assert site.ask("POST", "/enrol", content=site.body(token)).status_code == 401
    assert site.signed(key, "POST", "/enrol", site.body(token), now=time.time() - 3_600).json()["code"] == "clock"
    headers = sign_request(key, "POST", "/enrol", b"other body")
    assert site.ask("POST", "/enrol", content=site.body(token), headers=headers).status_code == 401
    assert site.store.volunteer(key_id(key.public_pem)) is None


def test_keys_that_flower_would_refuse_cost_no_use(site: Site) -> None:
    token = site.token()
    strange = NodeKey(ec.generate_private_key(ec.SECP256K1()))
    assert site.signed(strange, "POST", "/enrol", site.body(token)).json()["code"] == "usage"
    edwards = ed25519.Ed25519PrivateKey.generate().public_key()
    pem = edwards.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    headers = sign_request(strange, "POST", "/enrol", b"") | {"hedgerow-public-key": base64.b64encode(pem).decode()}
    assert site.ask("POST", "/enrol", headers=headers).status_code == 401
    assert site.signed(NodeKey.generate(), "POST", "/enrol", site.body(token)).status_code == 200


def test_the_manifest_and_blobs_are_served(site: Site) -> None:
    opened = open_manifest(site.ask("GET", "/manifest").content, site.federation.key.public_bytes)
    assert opened.sha256 == site.federation.manifest_hash
    base = site.store.latest_checkpoint()
    whole = site.ask("GET", f"/blobs/{base.sha256}")
    assert hashlib.sha256(whole.content).hexdigest() == base.sha256
    part = site.ask("GET", f"/blobs/{base.sha256}", headers={"range": "bytes=100-"})
    assert part.status_code == 206
    assert part.content == whole.content[100:]
    beyond = site.ask("GET", f"/blobs/{base.sha256}", headers={"range": f"bytes={base.size_bytes}-"})
    assert beyond.status_code == 416
    assert site.ask("GET", f"/blobs/{'0' * 64}").status_code == 404


def test_a_private_file_is_never_served(site: Site) -> None:
    sha256 = site.federation.home.private.put(b"somebody's update")
    assert site.ask("GET", f"/blobs/{sha256}").status_code == 404


def test_what_was_seen_of_a_ledger_is_shown_to_its_owner_alone(site: Site) -> None:
    (key, _), (other, _) = site.enrolled(), site.enrolled()
    assert site.ask("GET", "/ledger").status_code == 401
    assert site.signed(key, "GET", "/ledger").status_code == 404, "nothing was seen yet"
    site.store.keep_ledger(key_id(key.public_pem), 2, b"c" * 32)
    assert site.signed(other, "GET", "/ledger").status_code == 404
    seen = msgspec.json.decode(site.signed(key, "GET", "/ledger").content, type=LedgerSeen)
    assert (seen.server_round, seen.commitment) == (2, b"c" * 32)
    assert verify_federation(site.federation.key.public_bytes, seen.signed_bytes(), seen.signature)


def test_a_receipt_is_for_its_sender_alone(site: Site) -> None:
    (key, _), (other, _) = site.enrolled(), site.enrolled()
    sha256 = hashlib.sha256(os.urandom(8)).hexdigest()
    bare = Receipt(update_sha256=sha256, server_round=1, state="refused", reason="a test")
    receipt = msgspec.structs.replace(bare, signature=site.federation.key.sign(bare.signed_bytes()))
    identity = key_id(key.public_pem)
    assignment = Assignment(server_round=1, key_id=identity, nonce=bytes(16))
    site.store.begin_round(
        Round(
            server_round=1,
            state="open",
            base_hash="0" * 64,
            base_bytes=1,
            step_clock=0,
            started_at=0.0,
            deadline_at=0.0,
        ),
        [assignment],
    )
    site.store.settle(assignment, receipt)
    path = f"/receipts/{sha256}"
    assert site.ask("GET", path).status_code == 401
    assert site.signed(other, "GET", path).status_code == 404
    answer = msgspec.json.decode(site.signed(key, "GET", path).content, type=Receipt)
    assert answer == receipt
    assert verify_federation(site.federation.key.public_bytes, answer.signed_bytes(), answer.signature)


def test_who_left_is_gone_for_good(site: Site) -> None:
    key, node_id = site.enrolled()
    assert site.signed(NodeKey.generate(), "POST", "/leave").status_code == 404
    assert site.signed(key, "POST", "/leave").status_code == 200
    assert site.signed(key, "POST", "/leave").status_code == 200
    assert key.public_pem not in site.control.nodes()
    assert site.fleet(key, "send-node-heartbeat", heartbeat(node_id)).status_code == 401
    assert site.signed(key, "POST", "/enrol", site.body(site.token())).status_code == 403


@pytest.mark.parametrize("path", ["/", "/manifest", "/nothing", "/v1/fleet/pull-messages", "/enrol"])
def test_every_answer_has_the_security_headers_and_no_banner(site: Site, path: str) -> None:
    headers = site.ask("GET", path).headers
    assert "server" not in headers
    assert "date" in headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["cache-control"] == "no-store"


def test_wrong_methods_are_named(site: Site) -> None:
    assert site.ask("GET", "/v1/fleet/pull-messages").headers["allow"] == "POST"
    assert site.ask("POST", "/manifest").headers["allow"] == "GET"
    assert site.ask("DELETE", "/").status_code == 405


def test_the_status_page_is_shown(site: Site) -> None:
    page = site.ask("GET", "/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "Contract" in page.text


def test_a_wrong_name_is_not_trusted(site: Site) -> None:
    url = "https://{}:{}/manifest".format(*site.address)
    with (
        httpx.Client(verify=site.context, trust_env=False) as fresh,
        pytest.raises(httpx.ConnectError, match="certificate"),
    ):
        fresh.get(url, extensions={"sni_hostname": "another.invalid"})


def test_a_taken_port_is_named(site: Site) -> None:
    command = [
        *(sys.executable, "-m", "core.coordinator.web.gateway", str(site.federation.home.root)),
        *("--listen", "{}:{}".format(*site.address), "--superlink", "1"),
    ]
    second = Child("second", command, dict(os.environ), site.federation.home.log_path("second"))
    stdout = second.start(pipe=True).stdout
    assert stdout is not None
    said = json.loads(stdout.readline())
    second.stop()
    assert said["code"] == "coordinator"
    assert "is taken by another program" in said["message"]


def test_while_the_superlink_is_down_the_answer_is_try_again(site: Site) -> None:
    key, node_id = site.enrolled()
    token = site.token()
    os.kill(site.superlink.pid, signal.SIGKILL)
    site.superlink.stop()
    down = site.fleet(key, "send-node-heartbeat", heartbeat(node_id))
    assert (down.status_code, down.headers["retry-after"]) == (503, "2")
    newcomer = NodeKey.generate()
    assert site.signed(newcomer, "POST", "/enrol", site.body(token)).status_code == 503
    site.superlink.start()
    await_superlink(site.control)
    assert site.fleet(key, "send-node-heartbeat", heartbeat(node_id)).status_code == 200
    assert site.signed(newcomer, "POST", "/enrol", site.body(token)).status_code == 200


def test_a_lost_state_database_is_rebuilt_from_ours(site: Site) -> None:
    (key, node_id), (gone, _) = site.enrolled(), site.enrolled()
    assert site.signed(gone, "POST", "/leave").status_code == 200
    os.kill(site.superlink.pid, signal.SIGKILL)
    site.superlink.stop()
    for path in site.federation.home.root.glob("state.db*"):
        path.unlink()
    site.superlink.start()
    await_superlink(site.control)
    assert site.fleet(key, "send-node-heartbeat", heartbeat(node_id)).status_code == 401
    assert Enrolment(site.federation, site.store, site.control).reconcile() == len(site.store.volunteers())
    nodes = site.control.nodes()
    assert set(nodes) == {volunteer.public_key for volunteer in site.store.volunteers()}
    answer = site.signed(key, "POST", "/enrol", site.body(os.urandom(16)))
    now = msgspec.json.decode(answer.content, type=EnrolAnswer).node_id
    assert now == nodes[key.public_pem].node_id != node_id
    assert site.fleet(key, "send-node-heartbeat", heartbeat(now)).status_code == 200
    assert Enrolment(site.federation, site.store, site.control).reconcile() == 0


def test_the_folder_holds_what_the_gateway_wrote_for_us_alone(site: Site) -> None:
    for path in Path(site.federation.home.root / "keys").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
