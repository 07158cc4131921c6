"""A whole coordinator on loopback, and scripted volunteers that speak the Fleet API themselves.

SuperLink, superexec, ServerApp and gateway are the real ones, started by ``python -m core.coordinator run``. The
volunteers are this file: they use Flower's protobufs, so that nothing of our own client can hide a fault.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.app.message import remove_content_from_message
from flwr.common.serde import message_from_proto, message_to_proto
from flwr.proto import fleet_pb2, heartbeat_pb2, message_pb2, node_pb2
from flwr.supercore.inflatable.inflatable_object import get_all_nested_objects, get_object_tree, iterate_object_tree
from flwr.supercore.inflatable.inflatable_utils import inflate_object_from_contents

from core.config.exchange import CodecConfig, ScheduleConfig
from core.config.federation import FederationConfig
from core.config.learning import OuterConfig, TrainingConfig
from core.config.model import ModelSpec, TokenizerSpec
from core.config.privacy import PrivacyTerms
from core.coordinator.founding import found
from core.coordinator.home import Federation, HostSettings
from core.coordinator.records.store import SERVER_APP
from core.coordinator.reporting import status
from core.coordinator.service import invite
from core.federation.identity import NodeKey, key_id, sign_request, verify_federation
from core.federation.invite import GATEWAY_NAME, parse
from core.federation.protocol import (
    INSTRUCTION,
    METRICS,
    SEAL,
    UPDATE,
    EnrolAnswer,
    EnrolRequest,
    Receipt,
    ReplySeal,
    TrainInstruction,
    metrics_hash,
    read_instruction,
)
from core.model.checkpoint_io import read_weights
from core.postprocess.compression.codec import decode, encode
from core.update import ModelUpdate

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
TOKENIZER = b'{"a": "tokenizer"}'
PATIENCE_S = 45.0
T = TypeVar("T")


def terms(rounds: int, **outer: Any) -> FederationConfig:
    return FederationConfig(
        run_id="0" * 32, name="Integration", operator="Test", jurisdiction="nowhere", purpose="", licence="Apache-2.0",
        withdrawal="", seed=1,
        model=ModelSpec(preset="test", vocab_size=256, num_layers=1, d_model=16, num_heads=2, d_ff=16, max_seq_len=16),
        tokenizer=TokenizerSpec(sha256=hashlib.sha256(TOKENIZER).hexdigest(), origin=""),
        training=TrainingConfig(seq_len=16, batch_size=2, local_steps=4, learning_rate=1e-3),
        outer=OuterConfig(**outer),
        privacy=PrivacyTerms(unit="none", relation="none"),
        codec=CodecConfig(name="int8"),
        schedule=ScheduleConfig(rounds=rounds, cohort_size=2, quorum=2, deadline_s=120.0, upload_allowance_s=10.0),
    )  # fmt: skip


def eventually(probe: Callable[[], T | None], what: str, patience_s: float = PATIENCE_S) -> T:
    give_up_at = time.monotonic() + patience_s
    while True:
        found_it = probe()
        if found_it:
            return found_it
        assert time.monotonic() < give_up_at, f"waited {patience_s:g} s in vain for {what}"
        time.sleep(0.25)


class Coordinator:
    """``python -m core.coordinator run`` and what it says."""

    def __init__(self, federation: Federation) -> None:
        self.federation = federation
        self.store = federation.store()
        self.lines: list[dict[str, Any]] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "core.coordinator", "run", str(federation.home.root), "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(json.loads(line))

    def event(self, kind: str, **fields: Any) -> dict[str, Any]:
        def probe() -> dict[str, Any] | None:
            for line in list(self.lines):
                if line.get("event") == kind and all(line.get(name) == value for name, value in fields.items()):
                    return line
            assert self.process.poll() is None or kind == "finished", f"the coordinator ended: {self.lines[-3:]}"
            return None

        return eventually(probe, f"{kind} {fields} in {self.lines[-6:]}")

    @property
    def ready(self) -> dict[str, Any]:
        return eventually(
            lambda: next((line for line in list(self.lines) if line.get("ready")), None), "the ready line"
        )

    def processes(self) -> dict[int, str]:
        """Everything that works on this folder, by command line."""
        mine = str(self.federation.home.root)
        return {pid: words for pid, words in command_lines().items() if mine in words}

    def pid_of(self, program: str) -> int:
        return next(pid for pid, words in self.processes().items() if f"bin/{program} " in words)

    def weights(self, sha256: str) -> dict[str, np.ndarray]:
        return read_weights(self.federation.home.blobs.path(sha256), self.federation.config.model)


def command_lines() -> dict[int, str]:
    seen = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                seen[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
    return seen


@dataclass
class Task:
    """One ``train`` message as a volunteer holds it."""

    proto: message_pb2.Message
    instruction: TrainInstruction


class Volunteer:
    """A volunteer by hand: enrols, keeps its heartbeat up, pulls, answers."""

    def __init__(self, coordinator: Coordinator, link: str) -> None:
        self.key = NodeKey.generate()
        self.identity = key_id(self.key.public_pem)
        self._coordinator = coordinator
        invited = parse(link)
        root = x509.load_der_x509_certificate(invited.root_certificate).public_bytes(Encoding.PEM).decode()
        self._client = httpx.Client(
            base_url=f"https://{invited.address}",
            verify=ssl.create_default_context(cadata=root),
            trust_env=False,
            timeout=30,
            limits=httpx.Limits(keepalive_expiry=2.0),
        )
        body = msgspec.json.encode(
            EnrolRequest(token=invited.token, manifest_hash=coordinator.federation.manifest_hash)
        )
        answer = self.signed("POST", "/enrol", body)
        assert answer.status_code == 200, answer.text
        self.node = node_pb2.Node(node_id=int(msgspec.json.decode(answer.content, type=EnrolAnswer).node_id))
        self.beats = 0
        self._left = threading.Event()
        self._heart = threading.Thread(target=self._beat, daemon=True)
        self._heart.start()

    def close(self) -> None:
        self._left.set()
        self._heart.join(30)
        self._client.close()

    def _ask(
        self, method: str, path: str, content: bytes, headers: dict[str, str], patience_s: float = PATIENCE_S
    ) -> httpx.Response:
        """Try again while the coordinator says so, as the engine does."""

        def probe() -> httpx.Response | None:
            try:
                answer = self._client.request(
                    method, path, content=content, headers=headers, extensions={"sni_hostname": GATEWAY_NAME}
                )
            except httpx.TransportError:
                return None
            return None if answer.status_code == 503 else answer

        return eventually(probe, f"an answer to {path}", patience_s)

    def signed(self, method: str, path: str, body: bytes = b"") -> httpx.Response:
        return self._ask(method, path, body, sign_request(self.key, method, path, body))

    def fleet(self, route: str, request: Any, patience_s: float = PATIENCE_S) -> httpx.Response:
        stamp = datetime.datetime.now(datetime.UTC).isoformat()
        headers = {
            "content-type": "application/protobuf",
            "accept": "application/protobuf",
            "flwr-timestamp": stamp,
            "flwr-public-key": base64.b64encode(self.key.public_pem).decode(),
            "flwr-signature": base64.b64encode(self.key.sign(stamp.encode())).decode(),
        }
        return self._ask("POST", f"/v1/fleet/{route}", request.SerializeToString(), headers, patience_s)

    def call(self, route: str, request: Any, kind: Any) -> Any:
        answer = self.fleet(route, request)
        assert answer.status_code == 200, (route, answer.status_code, answer.text)
        return kind.FromString(answer.content)

    def _beat(self) -> None:
        request = heartbeat_pb2.SendNodeHeartbeatRequest(node=self.node, heartbeat_interval=30)
        while not self._left.wait(0.0 if self.beats == 0 else 5.0):
            try:
                self.fleet("send-node-heartbeat", request, patience_s=3.0)
            except AssertionError:
                continue  # Nobody there just now; what matters is asserted elsewhere.
            self.beats += 1

    def task(self) -> Task:
        """The next message, fetched and read."""

        def probe() -> Any:
            request = fleet_pb2.PullMessagesRequest(node=self.node)
            answer = self.call("pull-messages", request, fleet_pb2.PullMessagesResponse)
            return answer if answer.messages_list else None

        pulled = eventually(probe, "a train message")
        proto, run_id = pulled.messages_list[0], pulled.messages_list[0].metadata.run_id
        ids = [node.object_id for node in iterate_object_tree(pulled.message_object_trees[0])]
        contents = {object_id: self._object(run_id, object_id) for object_id in ids}
        confirm = message_pb2.ConfirmMessageReceivedRequest(
            node=self.node, run_id=run_id, message_object_id=proto.metadata.message_id
        )
        self.call("confirm-message-received", confirm, message_pb2.ConfirmMessageReceivedResponse)
        message = inflate_object_from_contents(proto.metadata.message_id, contents)
        assert isinstance(message, Message)
        return Task(proto, read_instruction(dict(message.content[INSTRUCTION])))

    def _object(self, run_id: int, object_id: str) -> bytes:
        request = message_pb2.PullObjectRequest(node=self.node, run_id=run_id, object_id=object_id)

        def probe() -> Any:
            answer = self.call("pull-object", request, message_pb2.PullObjectResponse)
            return answer if answer.object_available else None

        return bytes(eventually(probe, "an object").object_content)

    def answer(self, task: Task, payload: bytes, sealed_by: NodeKey | None = None) -> None:
        """Reply to a message with sealed bytes; the message may be somebody else's."""
        metrics = {"steps": 4.0, "loss": 2.0}
        told = task.instruction
        seal = ReplySeal(
            federation_id=self._coordinator.federation.federation_id,
            run_id=told.run_id,
            server_round=told.server_round,
            nonce=told.nonce,
            manifest_hash=told.manifest_hash,
            base_hash=told.base_hash,
            shard=told.shard,
            update_sha256=hashlib.sha256(payload).hexdigest(),
            metrics_sha256=metrics_hash(metrics),
            public_key=b"",
        ).signed_by(sealed_by or self.key)
        content = RecordDict(
            {
                UPDATE: ArrayRecord({UPDATE: Array(np.frombuffer(payload, dtype=np.uint8))}),
                METRICS: MetricRecord(dict(metrics)),
                SEAL: ConfigRecord(seal.to_record()),
            }
        )
        message = Message(content, reply_to=message_from_proto(task.proto))
        message.metadata.__dict__["_message_id"] = message.object_id
        objects = get_all_nested_objects(message)
        push = fleet_pb2.PushMessagesRequest(
            node=self.node,
            messages_list=[message_to_proto(remove_content_from_message(message))],
            message_object_trees=[get_object_tree(message)],
        )
        opened = self.call("push-messages", push, fleet_pb2.PushMessagesResponse)
        for object_id in opened.objects_to_push:
            request = message_pb2.PushObjectRequest(
                node=self.node,
                run_id=task.proto.metadata.run_id,
                object_id=object_id,
                object_content=objects[object_id].deflate(),
                session_id=opened.session_id,
            )
            self.call("push-object", request, message_pb2.PushObjectResponse)

    def receipt(self, payload: bytes) -> Receipt:
        path = f"/receipts/{hashlib.sha256(payload).hexdigest()}"

        def probe() -> httpx.Response | None:
            answer = self.signed("GET", path)
            return answer if answer.status_code == 200 else None

        receipt = msgspec.json.decode(eventually(probe, "a receipt").content, type=Receipt)
        federation_key = self._coordinator.federation.key.public_bytes
        assert verify_federation(federation_key, receipt.signed_bytes(), receipt.signature)
        return receipt


def update_of(federation: Federation, seed: int) -> bytes:
    """A pseudo-gradient, encoded; another one for each seed."""
    rng = np.random.default_rng(seed)
    shapes = {name: array.shape for name, array in first_weights(federation).items()}
    arrays = {name: (0.01 * rng.standard_normal(shape)).astype(np.float32) for name, shape in shapes.items()}
    return encode(ModelUpdate(arrays), federation.config.codec)


def first_weights(federation: Federation) -> dict[str, np.ndarray]:
    sha256 = federation.store().checkpoints()[0].sha256
    return read_weights(federation.home.blobs.path(sha256), federation.config.model)


def fedavg(federation: Federation, base: dict[str, np.ndarray], payloads: list[bytes]) -> dict[str, np.ndarray]:
    """θ − 1/|C| Σ Δ_k, written down a second time."""
    shapes = {name: array.shape for name, array in base.items()}
    deltas = [decode(payload, shapes, federation.config.codec).arrays for payload in payloads]
    mean = {name: np.mean([d[name].astype(np.float64) for d in deltas], axis=0).astype(np.float32) for name in base}
    return {name: base[name] - mean[name] for name in base}


@contextmanager
def running(federation: Federation) -> Iterator[Coordinator]:
    coordinator = Coordinator(federation)
    try:
        assert coordinator.ready["address"].startswith("127.0.0.1:")
        yield coordinator
    finally:
        coordinator.process.send_signal(signal.SIGTERM)
        try:
            coordinator.process.wait(20)
        except subprocess.TimeoutExpired:
            coordinator.process.kill()
            raise


@contextmanager
def volunteers(coordinator: Coordinator, count: int) -> Iterator[list[Volunteer]]:
    link = invite(coordinator.federation.home.root, uses=count, lifetime_s=600)["invite"]
    people = [Volunteer(coordinator, link) for _ in range(count)]
    try:
        yield people
    finally:
        for one in people:
            one.close()


def assert_moved(coordinator: Coordinator, server_round: int, payloads: list[bytes]) -> None:
    """The checkpoint of a round is exactly FedAvg of its base and these updates."""
    checkpoints = coordinator.store.checkpoints()
    base, now = (coordinator.weights(checkpoints[number].sha256) for number in (server_round - 1, server_round))
    for name, array in fedavg(coordinator.federation, base, payloads).items():
        assert array.tobytes() == now[name].tobytes(), name
        assert not np.array_equal(base[name], now[name])


def test_rounds_go_on_through_forgery_and_the_death_of_every_flower_process(tmp_path: Path) -> None:
    federation = found(tmp_path / "f", terms(3), HostSettings(), TOKENIZER)
    with running(federation) as coordinator, volunteers(coordinator, 2) as (ada, bob):
        in_cohort_order = sorted((ada, bob), key=lambda one: one.identity)
        work = {
            (one.identity, number): update_of(federation, 10 * number + at)
            for at, one in enumerate((ada, bob))
            for number in (1, 2, 3)
        }

        def payloads(server_round: int) -> list[bytes]:
            return [work[one.identity, server_round] for one in in_cohort_order]

        # Round 1: Bob answers in Ada's name, with her message and his key.
        hers, his = ada.task(), bob.task()
        assert hers.instruction.server_round == 1
        assert hers.instruction.nonce != his.instruction.nonce
        bob.answer(hers, update_of(federation, 99))
        refused = coordinator.event("update", state="failed", volunteer=ada.identity[:12])
        assert "not signed by the volunteer" in refused["reason"]
        bob.answer(his, work[bob.identity, 1])
        again = ada.task()
        assert (again.instruction.server_round, again.instruction.base_hash) == (1, hers.instruction.base_hash)
        assert again.instruction.nonce != hers.instruction.nonce
        ada.answer(again, work[ada.identity, 1])
        closed = coordinator.event("round_closed", round=1)
        assert (closed["volunteers"], closed["training_loss"]) == (2, 2.0)
        assert closed["upload_bytes"] == sum(map(len, payloads(1)))
        assert_moved(coordinator, 1, payloads(1))
        for one in (ada, bob):
            receipt = one.receipt(work[one.identity, 1])
            assert (receipt.state, receipt.checkpoint_hash) == ("accepted", closed["checkpoint"])

        # Round 2: the ServerApp dies between the two answers. Same round, same base; only Bob is asked again.
        hers, his = ada.task(), bob.task()
        ada.answer(hers, work[ada.identity, 2])
        coordinator.event("update", round=2, state="accepted", volunteer=ada.identity[:12])
        sign = federation.store().sign(SERVER_APP)
        assert sign is not None
        os.kill(sign.pid, signal.SIGKILL)
        began = time.monotonic()
        assert coordinator.event("round_resumed", round=2)["volunteers"] == 1
        assert time.monotonic() - began < 30  # Flower by itself notices after 60
        again = bob.task()
        assert again.proto.metadata.run_id != his.proto.metadata.run_id
        assert (again.instruction.server_round, again.instruction.base_hash) == (2, his.instruction.base_hash)
        bob.answer(again, work[bob.identity, 2])
        coordinator.event("round_closed", round=2)
        assert_moved(coordinator, 2, payloads(2))
        assert [one.receipt(work[one.identity, 2]).state for one in (ada, bob)] == ["accepted"] * 2

        # Round 3: SuperLink and gateway die while both are training.
        hers, his = ada.task(), bob.task()
        os.kill(coordinator.pid_of("flower-superlink"), signal.SIGKILL)
        os.kill(next(pid for pid, words in coordinator.processes().items() if ".gateway " in words), signal.SIGKILL)
        coordinator.event("restarted", process="superlink")
        coordinator.event("restarted", process="gateway")
        ada.answer(hers, work[ada.identity, 3])
        bob.answer(his, work[bob.identity, 3])
        coordinator.event("round_closed", round=3)
        assert_moved(coordinator, 3, payloads(3))
        for one in (ada, bob):
            assert one.receipt(work[one.identity, 3]).state == "accepted"

        finished = coordinator.event("finished")
        assert [row["round"] for row in finished["rounds"]] == [1, 2, 3]
        assert coordinator.process.wait(30) == 0
        assert coordinator.processes() == {}
        assert not any(path.is_file() for path in (federation.home.root / "private").iterdir() if path.name not in {
            checkpoint.momentum for checkpoint in coordinator.store.checkpoints()
        })  # fmt: skip


def test_ctrl_c_while_starting_and_a_kill_while_running_leave_nothing_behind(tmp_path: Path) -> None:
    federation = found(tmp_path / "f", terms(1), HostSettings(), TOKENIZER)
    early = Coordinator(federation)
    eventually(lambda: any("flower-superlink" in words for words in early.processes().values()), "the SuperLink")
    early.process.send_signal(signal.SIGINT)
    assert early.process.wait(20) == 0
    assert early.processes() == {}
    with running(federation) as coordinator:
        assert len(coordinator.processes()) >= 4
        assert status(federation.home.root)["running"]
        coordinator.process.kill()
        eventually(lambda: not coordinator.processes(), "the end of all processes", 20)
    assert not status(federation.home.root)["running"]
