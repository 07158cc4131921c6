"""``PUT /blobs/<sha256>`` at a real gateway: what is taken in, what is kept over a kill, and everything refused."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import msgspec
import psutil
import pytest
from support.slow_link import SlowLink

from core.config.exchange import ScheduleConfig
from core.config.federation import FederationConfig
from core.config.learning import TrainingConfig
from core.config.model import ModelSpec, TokenizerSpec
from core.config.privacy import PrivacyTerms
from core.coordinator import superlink
from core.coordinator.founding import found
from core.coordinator.home import Federation, HostSettings
from core.coordinator.learning.updates import UpdateReader
from core.coordinator.processes import Child, environment
from core.coordinator.records.schema import Assignment, Round
from core.coordinator.records.store import Store
from core.coordinator.web import certificates
from core.engine.participation import POLL_S
from core.federation.bandwidth import Traffic
from core.federation.gateway import Gateway
from core.federation.identity import HEADER_DIGEST, NodeKey, key_id, sign_request
from core.federation.invite import GATEWAY_NAME
from core.federation.protocol import MAX_PIECE, PutAnswer
from core.federation.transport import Endpoint, Transport, Unreachable

pytestmark = pytest.mark.slow
TOKENIZER = b'{"a": "tokenizer"}'
TOKEN = b"t" * 16


def terms() -> FederationConfig:
    """A model whose updates have about 9 MB: three pieces."""
    return FederationConfig(
        run_id="0" * 32, name="Contract", operator="Test", jurisdiction="nowhere", purpose="", licence="Apache-2.0",
        withdrawal="", seed=1,
        model=ModelSpec(
            preset="test", vocab_size=70_000, num_layers=1, d_model=128, num_heads=2, d_ff=16, max_seq_len=16
        ),
        tokenizer=TokenizerSpec(sha256=hashlib.sha256(TOKENIZER).hexdigest(), origin=""),
        training=TrainingConfig(seq_len=16, batch_size=2, local_steps=4, learning_rate=1e-3),
        privacy=PrivacyTerms(unit="none", relation="none"),
        schedule=ScheduleConfig(rounds=100, cohort_size=1, quorum=1),
    )  # fmt: skip


@dataclass
class Site:
    federation: Federation
    store: Store
    child: Child
    address: str
    context: ssl.SSLContext

    def __post_init__(self) -> None:
        self.size = UpdateReader(self.federation.config).sizes("full")[0]

    def member(self, *, asked: bool = True) -> NodeKey:
        """A volunteer, with a round of its own that waits for its update."""
        key = NodeKey.generate()
        self.store.bind(key.public_pem, TOKEN, time.time())
        if asked:
            number = len(self.store.rounds()) + 1
            opened = Round(
                server_round=number, state="open", base_hash="0" * 64, base_bytes=1, step_clock=0, started_at=0.0,
                deadline_at=time.time() + 100,
            )  # fmt: skip
            self.store.begin_round(
                opened, [Assignment(server_round=number, key_id=key_id(key.public_pem), nonce=bytes(16))]
            )
        return key

    def put(self, key: NodeKey, sha256: str, part: str, piece: bytes = b"", **headers: str) -> httpx.Response:
        path = f"/blobs/{sha256}"
        signed = sign_request(key, "PUT", f"{path} {part}", piece)
        all_headers = {
            **signed, HEADER_DIGEST: hashlib.sha256(piece).hexdigest(), "content-range": part,
            "content-length": str(len(piece)), **headers,
        }  # fmt: skip
        with httpx.Client(verify=self.context, timeout=20, trust_env=False) as client:
            return client.put(
                f"https://{self.address}{path}", content=piece, headers=all_headers,
                extensions={"sni_hostname": GATEWAY_NAME},
            )  # fmt: skip

    def lines(self, key: NodeKey, sha256: str, part: str, piece: bytes, length: int) -> bytes:
        """The head of a request whose body is yet to come."""
        signed = sign_request(key, "PUT", f"/blobs/{sha256} {part}", piece)
        fields = {**signed, HEADER_DIGEST: hashlib.sha256(piece).hexdigest(), "content-range": part}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"PUT /blobs/{sha256} HTTP/1.1\r\nhost: x\r\n{lines}content-length: {length}\r\n\r\n".encode()

    def connect(self) -> ssl.SSLSocket:
        host, _, port = self.address.rpartition(":")
        return self.context.wrap_socket(socket.create_connection((host, int(port)), 10), server_hostname=GATEWAY_NAME)

    def files(self, key: NodeKey) -> dict[str, int]:
        folder = self.federation.home.root / "uploads" / key_id(key.public_pem)
        return {path.name: path.stat().st_size for path in folder.iterdir()} if folder.is_dir() else {}

    def start(self) -> None:
        stdout = self.child.start(pipe=True).stdout
        assert stdout is not None
        said = json.loads(stdout.readline())
        assert said["ready"], said
        self.address = said["address"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A gateway alone; the SuperLink has no part in this."""
    federation = found(tmp_path_factory.mktemp("receiving") / "f", terms(), HostSettings(), TOKENIZER)
    home = federation.home
    command = [
        *(sys.executable, "-m", "core.coordinator.web.gateway", str(home.root)),
        *("--listen", "127.0.0.1:0", "--superlink", str(superlink.free_port())),
    ]
    child = Child("gateway", command, environment(home), home.log_path("gateway"))
    context = ssl.create_default_context(cafile=str(home.key_path("root.crt")))
    store = federation.store()
    store.add_token(TOKEN, 1_000, time.time() + 3_600)
    one = Site(federation, store, child, "", context)
    try:
        one.start()
        yield one
    finally:
        child.stop()


def content(size: int, seed: str) -> tuple[bytes, str]:
    data = hashlib.shake_256(seed.encode()).digest(size)
    return data, hashlib.sha256(data).hexdigest()


def offset(answer: httpx.Response) -> int:
    return msgspec.json.decode(answer.content, type=PutAnswer).offset


def pieces(data: bytes, start: int = 0) -> Iterator[tuple[str, bytes]]:
    for at in range(start, len(data), MAX_PIECE):
        piece = data[at : at + MAX_PIECE]
        yield f"bytes {at}-{at + len(piece) - 1}/{len(data)}", piece


def test_an_update_arrives_in_pieces_and_twice_is_as_good_as_once(site: Site) -> None:
    key = site.member()
    data, sha256 = content(site.size, "whole")
    question = f"bytes */{len(data)}"
    assert offset(site.put(key, sha256, question)) == 0
    assert site.files(key) == {}, "a question makes nothing"
    said = [(answer.status_code, offset(answer)) for answer in (site.put(key, sha256, *one) for one in pieces(data))]
    assert len(said) == 3
    assert said[-1] == (200, len(data))
    assert site.files(key) == {sha256: len(data)}
    found = site.federation.home.spool.find(key_id(key.public_pem), sha256)
    assert found is not None
    assert found.read_bytes() == data
    assert found.stat().st_mode & 0o077 == 0
    assert offset(site.put(key, sha256, question)) == len(data)
    part, piece = next(pieces(data))
    again = site.put(key, sha256, part, piece)
    assert (again.status_code, offset(again)) == (409, len(data))
    assert site.files(key) == {sha256: len(data)}


def test_a_piece_that_was_cut_off_and_a_killed_gateway_lose_nothing_that_came(site: Site) -> None:
    key = site.member()
    data, sha256 = content(site.size, "cut")
    (first, piece), (second, other), *_ = pieces(data)
    assert offset(site.put(key, sha256, first, piece)) == len(piece)
    with site.connect() as line:
        line.sendall(site.lines(key, sha256, second, other, len(other)) + other[:1_500_000])
        wait_until(lambda: site.files(key).get(f"{sha256}.part", 0) > len(piece), "a part of the second piece")
        os.kill(site.child.pid, 9)
    site.child.stop()
    site.start()
    there = offset(site.put(key, sha256, f"bytes */{len(data)}"))
    assert len(piece) < there < len(piece) + 1_500_000 + 1
    for part, more in pieces(data, there):
        last = site.put(key, sha256, part, more)
    assert (last.status_code, offset(last)) == (200, len(data))
    assert site.files(key) == {sha256: len(data)}


def wait_until(condition: object, what: str, timeout_s: float = 20.0) -> None:
    end = time.monotonic() + timeout_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)


def test_bytes_of_another_hash_are_forgotten(site: Site) -> None:
    key = site.member()
    data, _ = content(site.size, "claimed")
    _, other = content(site.size, "another")
    for part, piece in pieces(data):
        last = site.put(key, other, part, piece)
    assert (last.status_code, offset(last)) == (422, 0)
    assert site.files(key) == {}
    damaged = site.put(key, other, "bytes 0-9/" + str(site.size), b"0123456789", **{HEADER_DIGEST: "0" * 64})
    assert damaged.status_code == 401, "the signature is over the hash that the header says"
    assert site.files(key) == {}


def test_a_piece_that_is_not_what_its_header_says_is_undone(site: Site) -> None:
    key = site.member()
    data, sha256 = content(site.size, "lie")
    part = f"bytes 0-{MAX_PIECE - 1}/{site.size}"
    with site.connect() as line:
        lying = site.lines(key, sha256, part, data[:MAX_PIECE], MAX_PIECE)
        line.sendall(lying + bytes(MAX_PIECE))
        assert line.recv(100).startswith(b"HTTP/1.1 400")
    assert offset(site.put(key, sha256, f"bytes */{site.size}")) == 0


def test_strangers_and_those_of_whom_nothing_is_awaited_put_nothing_on_the_disk(site: Site) -> None:
    data, sha256 = content(site.size, "nobody")
    part, piece = next(pieces(data))
    idle, gone, member = site.member(asked=False), site.member(), site.member()
    site.store.leave(key_id(gone.public_pem), time.time())
    for key, status in ((NodeKey.generate(), 401), (idle, 410), (gone, 401)):
        assert site.put(key, sha256, f"bytes */{site.size}").status_code == status
        with site.connect() as line:  # refused before a byte of the body is read
            line.sendall(site.lines(key, sha256, part, piece, len(piece)))
            assert line.recv(100).startswith(f"HTTP/1.1 {status}".encode())
        assert site.files(key) == {}
    stolen = site.put(idle, sha256, part, piece, **sign_request(member, "PUT", f"/blobs/{sha256} other", piece))
    assert stolen.status_code == 401, "a signature holds for its own range"
    assert site.files(member) == {}


@pytest.mark.parametrize(
    ("part", "piece", "status"),
    [
        ("bytes */{less}", b"", 413),
        ("bytes */{more}", b"", 413),
        ("bytes */99999999999999", b"", 413),
        ("bytes 0-9/{more}", b"0123456789", 413),
        ("bytes 5-14/{size}", b"0123456789", 409),
        ("bytes 0-8/{size}", b"0123456789", 400),
        ("bytes {size}-{more}/{size}", b"01", 400),
        ("bytes 9-0/{size}", b"", 400),
        ("0-9/{size}", b"0123456789", 400),
        ("bytes 0-9/{size}, 10-19/{size}", b"0123456789", 400),
        ("bytes */{size}", b"0123456789", 400),
    ],
)
def test_parts_that_do_not_fit_are_refused(site: Site, part: str, piece: bytes, status: int) -> None:
    key = site.member()
    text = part.format(size=site.size, less=site.size - 1, more=site.size + 1)
    answer = site.put(key, "a" * 64, text, piece)
    assert answer.status_code == status
    assert site.files(key) == {}
    if status == 413:
        assert f"{site.size:,}" in answer.json()["message"]


def test_bodies_are_bounded(site: Site) -> None:
    key = site.member()
    with site.connect() as line:
        line.sendall(site.lines(key, "a" * 64, f"bytes 0-{MAX_PIECE}/{site.size}", b"", MAX_PIECE + 1))
        assert line.recv(100).startswith(b"HTTP/1.1 413")
    with site.connect() as line:
        line.sendall(
            b"PUT /blobs/" + b"a" * 64 + b" HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
        )
        assert line.recv(100).startswith(b"HTTP/1.1 411")
    assert site.files(key) == {}


def test_a_node_holds_one_update_for_each_open_assignment(site: Site) -> None:
    key = site.member()
    for seed in ("one", "two", "three"):
        data, sha256 = content(site.size, seed)
        site.put(key, sha256, *next(pieces(data)))
        assert site.files(key) == {f"{sha256}.part": MAX_PIECE}


def test_who_is_silent_in_the_middle_of_a_piece_holds_up_nobody_else(site: Site) -> None:
    slow, quick = site.member(), site.member()
    data, sha256 = content(site.size, "slow")
    part, piece = next(pieces(data))
    with site.connect() as line:
        line.sendall(site.lines(slow, sha256, part, piece, len(piece)) + piece[:600_000])
        wait_until(lambda: site.files(slow), "its beginning")
        second = site.put(slow, sha256, f"bytes */{site.size}")
        assert (second.status_code, second.headers["retry-after"]) == (503, "2"), "one piece of a node at a time"
        for one in pieces(data):
            last = site.put(quick, sha256, *one)
        assert offset(last) == site.size
    wait_until(lambda: site.put(slow, sha256, f"bytes */{site.size}").status_code == 200, "the end of the cut piece")


def test_an_upload_is_never_served(site: Site) -> None:
    key = site.member()
    data, sha256 = content(site.size, "private")
    for part, piece in pieces(data):
        site.put(key, sha256, part, piece)
    with httpx.Client(verify=site.context, trust_env=False) as client:
        url = f"https://{site.address}/blobs/{sha256}"
        assert client.get(url, extensions={"sni_hostname": GATEWAY_NAME}).status_code == 404
        page = client.get(f"https://{site.address}/", extensions={"sni_hostname": GATEWAY_NAME}).text
    assert "arriving" in page


def test_our_own_client_goes_on_after_the_line_was_cut(site: Site) -> None:
    key = site.member()
    data, sha256 = content(site.size, "client")
    host, _, port = site.address.rpartition(":")
    link = SlowLink((host, int(port)))
    root = certificates.cert_der(certificates.load_certificate(site.federation.home.key_path("root.crt").read_bytes()))
    seen: list[int] = []

    async def put() -> bool:
        transport = Transport(Endpoint(link.address, root, GATEWAY_NAME))

        async def before(done: int, total: int) -> None:
            assert total == len(data)
            seen.append(done)
            if len(seen) == 2:
                link.bytes_per_s = 400_000.0  # a piece takes seconds, so that the cut falls into it
                threading.Timer(0.3, link.cut).start()

        try:
            return await Gateway(transport, key).put_blob(sha256, len(data), lambda a, b: data[a:b], before)
        finally:
            await transport.close()

    with pytest.raises(Unreachable):
        asyncio.run(put())
    link.bytes_per_s = 0.0
    wait_until(lambda: site.put(key, sha256, f"bytes */{len(data)}").status_code == 200, "the end of the cut piece")
    assert asyncio.run(put())
    link.close()
    assert seen[2] >= MAX_PIECE, "the first piece was not sent again"
    assert seen[-1] == len(data)
    assert site.files(key) == {sha256: len(data)}


def test_questions_some_seconds_apart_need_one_handshake(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    key = site.member()
    root = certificates.cert_der(certificates.load_certificate(site.federation.home.key_path("root.crt").read_bytes()))
    host, _, port = site.address.rpartition(":")
    link, handshakes = SlowLink((host, int(port))), list[str]()

    async def watched(self: Traffic, event: str, info: Mapping[str, object]) -> None:
        if event.endswith("start_tls.complete"):
            handshakes.append(event)

    monkeypatch.setattr(Traffic, "watch", watched)

    async def ask() -> None:
        transport = Transport(Endpoint(link.address, root, GATEWAY_NAME))
        for wait_s in (0.0, POLL_S + 0.5, 0.0):
            await asyncio.sleep(wait_s)
            await Gateway(transport, key).manifest()
        assert len(handshakes) == 1
        link.cut()
        await asyncio.sleep(0.2)
        await Gateway(transport, key).manifest()
        assert len(handshakes) == 2, "a connection that was cut meanwhile is not used"
        await transport.close()

    asyncio.run(ask())
    link.close()


def test_the_gateway_stays_small(site: Site) -> None:
    before = psutil.Process(site.child.pid).memory_info().rss
    for seed in range(3):
        key = site.member()
        data, sha256 = content(site.size, f"memory {seed}")
        for part, piece in pieces(data):
            site.put(key, sha256, part, piece)
    assert psutil.Process(site.child.pid).memory_info().rss - before < 24 << 20, "27 MB went through"


def test_uploads_nobody_waits_for_any_more_are_forgotten(site: Site) -> None:
    """A gateway that has just started looks at the first question."""
    key, other = site.member(), site.member()
    data, sha256 = content(site.size, "old")
    site.put(key, sha256, *next(pieces(data)))
    (waiting,) = site.store.awaited(key_id(key.public_pem), 0.0, time.time())
    site.child.stop()
    site.start()
    site.put(other, sha256, f"bytes */{site.size}")
    assert site.files(key), "its round is open"
    site.store.settle(replace(waiting, state="accepted"))
    site.child.stop()
    site.start()
    site.put(other, sha256, f"bytes */{site.size}")
    assert site.files(key) == {}
    assert Path(site.federation.home.root / "uploads").is_dir()
