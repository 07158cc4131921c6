"""Our own routes over real TLS: bad answers are named, downloads go on where they ended, nothing is believed."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
from support.https import Asked, Site, site

from core.api.errors import CoordinatorError, InviteError, StorageError, UsageError
from core.coordinator.web import certificates
from core.federation import gateway as gateways
from core.federation.gateway import Gateway
from core.federation.identity import HEADER_DIGEST, FederationKey, NodeKey, verify_request
from core.federation.invite import GATEWAY_NAME
from core.federation.protocol import MAX_PIECE, EnrolAnswer, EnrolRequest, LedgerSeen, PutAnswer, Receipt
from core.federation.transport import Endpoint, Transport, Unreachable, WrongServer

KEY = NodeKey.generate()
FEDERATION = FederationKey.generate()
CONTENT = os.urandom(700_001)
NAME = hashlib.sha256(CONTENT).hexdigest()
T = TypeVar("T")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as one:
        yield one


def ask(endpoint: Endpoint, what: Callable[[Gateway], Awaitable[T]], timeout_s: float = 5.0) -> T:
    async def main() -> T:
        transport = Transport(endpoint, timeout_s)
        try:
            return await what(Gateway(transport, KEY))
        finally:
            await transport.close()

    return asyncio.run(main())


def test_the_manifest_is_asked_for_without_a_key(here: Site) -> None:
    here.give("GET", "/manifest", b"envelope")
    assert ask(here.endpoint, lambda g: g.manifest()) == b"envelope"
    assert not any(name.startswith("hedgerow-") for name in here.asked[0].headers)


@pytest.mark.parametrize(
    ("status", "body", "headers", "sentence"),
    [
        (200, b"x" * 70_000, {}, "longer than 65536 bytes"),
        (302, b"", {"location": "https://example.org/"}, "sends us elsewhere"),
        (503, b"", {}, r"cannot answer now \(503\)"),
        (404, b"", {}, r"refused the request \(404\)"),
        (409, b'{"code":"coordinator","message":"Not today.","hint":"Tomorrow."}', {}, "Not today. Tomorrow."),
    ],
)
def test_bad_answers_are_named(here: Site, status: int, body: bytes, headers: dict[str, str], sentence: str) -> None:
    here.give("GET", "/manifest", body, status, **headers)
    with pytest.raises(CoordinatorError, match=sentence):
        ask(here.endpoint, lambda g: g.manifest())


def test_a_slow_coordinator_is_named(here: Site) -> None:
    def slow(asked: Asked) -> tuple[int, dict[str, str], bytes]:
        import time

        time.sleep(1.5)
        return 200, {}, b""

    here.routes["GET", "/manifest"] = slow
    with pytest.raises(Unreachable, match="answers too slowly"):
        ask(here.endpoint, lambda g: g.manifest(), 0.3)


def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    with site(tmp_path, "elsewhere.invalid") as other:
        other.give("GET", "/manifest", b"")
        with pytest.raises(WrongServer, match="its certificate does not match"):
            ask(other.endpoint, lambda g: g.manifest())
        assert other.asked == []


def test_a_line_that_is_cut_in_its_first_moment_is_no_wrong_server() -> None:
    """A relay whose coordinator is just restarting accepts, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            line, _ = listener.accept()
            line.recv(100)
            line.close()

        threading.Thread(target=hang_up, daemon=True).start()
        root = certificates.cert_der(certificates.self_signed("root", certificates.new_key()))
        endpoint = Endpoint(f"127.0.0.1:{listener.getsockname()[1]}", root, GATEWAY_NAME)
        with pytest.raises(Unreachable):
            ask(endpoint, lambda g: g.manifest())


def test_enrolment_is_signed_over_its_content(here: Site) -> None:
    answer = EnrolAnswer(node_id=str(2**64 - 1), federation_id="f", run_id="r")
    here.give("POST", "/enrol", msgspec.json.encode(answer))
    assert ask(here.endpoint, lambda g: g.enrol(b"t" * 16, "a" * 64)) == answer
    (asked,) = here.asked
    assert verify_request(asked.headers, "POST", "/enrol", asked.body) == KEY.public_pem
    assert msgspec.json.decode(asked.body, type=EnrolRequest).token == b"t" * 16


def test_a_used_up_invite_is_named(here: Site) -> None:
    here.give("POST", "/enrol", b'{"code":"invite","message":"This invite is used up.","hint":"Ask again."}', 403)
    with pytest.raises(InviteError, match="used up"):
        ask(here.endpoint, lambda g: g.enrol(b"t" * 16, "a" * 64))


def receipt(key: FederationKey = FEDERATION, **changes: object) -> bytes:
    plain = msgspec.structs.replace(Receipt(update_sha256=NAME, server_round=3, state="accepted"), **changes)
    return msgspec.json.encode(msgspec.structs.replace(plain, signature=key.sign(plain.signed_bytes())))


def test_receipts_are_believed_only_from_the_federation(here: Site) -> None:
    def get(body: bytes, status: int = 200) -> Receipt | None:
        here.give("GET", f"/receipts/{NAME}", body, status)
        return ask(here.endpoint, lambda g: g.receipt(NAME, FEDERATION.public_bytes))

    assert get(b"", 404) is None
    found = get(receipt())
    assert found is not None
    assert (found.state, found.server_round) == ("accepted", 3)
    with pytest.raises(CoordinatorError, match="not signed by the federation"):
        get(receipt(FederationKey.generate()))
    with pytest.raises(CoordinatorError, match="about something else"):
        get(receipt(update_sha256="b" * 64))
    with pytest.raises(CoordinatorError, match="about something else"):
        get(receipt(state="burnt"))


def test_what_was_seen_of_the_ledger_is_believed_only_from_the_federation(here: Site) -> None:
    def get(key: FederationKey = FEDERATION, status: int = 200) -> LedgerSeen | None:
        plain = LedgerSeen(server_round=3, commitment=b"c" * 32)
        signed = msgspec.structs.replace(plain, signature=key.sign(plain.signed_bytes()))
        here.give("GET", "/ledger", msgspec.json.encode(signed), status)
        return ask(here.endpoint, lambda g: g.ledger_seen(FEDERATION.public_bytes))

    assert get(status=404) is None
    found = get()
    assert found is not None
    assert (found.server_round, found.commitment) == (3, b"c" * 32)
    with pytest.raises(CoordinatorError, match="not signed by the federation"):
        get(FederationKey.generate())


def test_leaving_twice_is_fine_and_a_dead_coordinator_is_not(here: Site) -> None:
    here.give("POST", "/leave", b"{}")
    ask(here.endpoint, lambda g: g.leave())
    here.give("POST", "/leave", b"", 404)
    ask(here.endpoint, lambda g: g.leave())
    here.give("POST", "/leave", b"", 503)
    with pytest.raises(Unreachable):
        ask(here.endpoint, lambda g: g.leave())


def fetch(here: Site, folder: Path, most: int = len(CONTENT)) -> tuple[Path, list[int]]:
    seen: list[int] = []
    path = ask(here.endpoint, lambda g: g.fetch_blob(NAME, folder, most, lambda done, total: seen.append(done)))
    return path, seen


def test_a_download_goes_on_where_it_broke(here: Site, tmp_path: Path) -> None:
    here.give_blob(f"/blobs/{NAME}", CONTENT)
    here.cut_after = 300_000
    with pytest.raises(Unreachable, match="broke"):
        fetch(here, tmp_path)
    part = (tmp_path / f"{NAME}.part").stat().st_size
    assert 0 < part <= 300_000
    path, seen = fetch(here, tmp_path)
    assert path.read_bytes() == CONTENT
    assert here.asked[-1].headers["range"] == f"bytes={part}-"
    assert seen[0] > part
    assert seen[-1] == len(CONTENT)
    asked = len(here.asked)
    assert fetch(here, tmp_path)[0] == path
    assert len(here.asked) == asked, "what is there is not fetched again"


def test_a_damaged_file_is_fetched_again(here: Site, tmp_path: Path) -> None:
    here.give_blob(f"/blobs/{NAME}", CONTENT)
    (tmp_path / NAME).write_bytes(b"rotten")
    assert fetch(here, tmp_path)[0].read_bytes() == CONTENT


def test_wrong_bytes_and_too_many_are_refused(here: Site, tmp_path: Path) -> None:
    here.give_blob(f"/blobs/{NAME}", CONTENT[:-1] + b"?")
    if CONTENT.endswith(b"?"):
        here.give_blob(f"/blobs/{NAME}", CONTENT[:-1] + b"!")
    with pytest.raises(CoordinatorError, match="does not match its hash"):
        fetch(here, tmp_path)
    here.give_blob(f"/blobs/{NAME}", CONTENT + CONTENT)
    with pytest.raises(CoordinatorError, match="longer file than it announced"):
        fetch(here, tmp_path)
    assert not (tmp_path / NAME).exists()


def test_a_name_that_is_no_hash_never_becomes_a_path(here: Site, tmp_path: Path) -> None:
    with pytest.raises(CoordinatorError, match="not a SHA-256"):
        ask(here.endpoint, lambda g: g.fetch_blob("../" * 21 + "x", tmp_path, 10))
    assert here.asked == []


def test_a_full_disk_is_named_before_anything_is_fetched(
    here: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateways, "DISK_MARGIN", 1 << 60)
    with pytest.raises(StorageError, match="MB left, but"):
        fetch(here, tmp_path)
    assert here.asked == []


LARGE = bytes(range(256)) * 40_000
"""10 MB: three pieces."""
BLOB = hashlib.sha256(LARGE).hexdigest()


class Taking:
    """A gateway's side of an upload, as a test wants it to be."""

    def __init__(self, here: Site) -> None:
        self.here, self.data = here, bytearray()
        self.failing: list[tuple[int, bytes]] = []
        """Answers given before anything is taken."""
        here.routes["PUT", f"/blobs/{BLOB}"] = self.respond

    def respond(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        part, digest = asked.headers["content-range"], asked.headers[HEADER_DIGEST]
        assert digest == hashlib.sha256(asked.body).hexdigest()
        path = f"/blobs/{BLOB} {part}"
        assert verify_request(asked.headers, "PUT", path, asked.body) == KEY.public_pem
        if asked.body and self.failing:
            status, body = self.failing.pop(0)
            return status, {}, body
        if asked.body:
            assert part.startswith(f"bytes {len(self.data)}-")
            self.data += asked.body
        return 200, {}, msgspec.json.encode(PutAnswer(offset=len(self.data)))


async def nothing(done: int, total: int) -> None:
    """Before a piece."""


def put(here: Site, before: Callable[[int, int], Awaitable[None]] = nothing, mbit_s: float = 0.0) -> bool:
    async def what(gateway: Gateway) -> bool:
        gateway.transport.traffic.limit(mbit_s, 0.0)
        return await gateway.put_blob(BLOB, len(LARGE), lambda a, b: LARGE[a:b], before)

    return ask(here.endpoint, what)


def test_a_large_file_goes_up_in_pieces(here: Site) -> None:
    taking, seen = Taking(here), []

    async def before(done: int, total: int) -> None:
        seen.append((done, total))

    assert put(here, before)
    assert bytes(taking.data) == LARGE
    assert [len(asked.body) for asked in here.asked] == [0, MAX_PIECE, MAX_PIECE, len(LARGE) - 2 * MAX_PIECE]
    assert seen == [(at, len(LARGE)) for at in (0, MAX_PIECE, 2 * MAX_PIECE, len(LARGE))]


def test_an_upload_goes_on_where_it_is(here: Site) -> None:
    taking = Taking(here)
    taking.data += LARGE[:9_000_001]
    assert put(here)
    assert bytes(taking.data) == LARGE
    assert [len(asked.body) for asked in here.asked] == [0, len(LARGE) - 9_000_001]
    assert put(here), "all of it is there"
    assert len(here.asked) == 3


def test_an_upload_can_be_stopped_between_pieces(here: Site) -> None:
    taking = Taking(here)

    async def before(done: int, total: int) -> None:
        if done:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        put(here, before)
    assert len(taking.data) == MAX_PIECE


def test_a_slow_line_gets_small_pieces(here: Site) -> None:
    taking = Taking(here)
    taking.data += LARGE[:-300_000]
    assert put(here, mbit_s=50.0)
    assert len(here.asked[-1].body) == 300_000
    assert Gateway(Transport(here.endpoint), KEY)._piece_bytes() == MAX_PIECE
    slow = Transport(here.endpoint)
    slow.traffic.limit(1.0, 0.0)
    assert Gateway(slow, KEY)._piece_bytes() == 500_000
    slow.traffic.limit(0.01, 0.0)
    assert Gateway(slow, KEY)._piece_bytes() == 256 << 10


def answered(offset: int) -> bytes:
    return msgspec.json.encode(PutAnswer(offset=offset))


@pytest.mark.parametrize(
    ("status", "body", "error", "sentence"),
    [
        (422, answered(0), Unreachable, "lost a part"),
        (200, answered(0), Unreachable, "lost a part"),
        (200, answered(-1), CoordinatorError, "more of the update than there is"),
        (200, answered(1 << 40), CoordinatorError, "more of the update than there is"),
        (200, b"{}", CoordinatorError, "was refused"),
        (503, b"", Unreachable, "cannot answer now"),
        (401, b"", CoordinatorError, "does not know this machine"),
        (413, b'{"code":"usage","message":"Too large.","hint":""}', UsageError, "Too large"),
        (507, b'{"code":"storage","message":"The coordinator is full.","hint":""}', StorageError, "is full"),
    ],
)
def test_what_a_coordinator_may_say_to_a_piece(
    here: Site, status: int, body: bytes, error: type[Exception], sentence: str
) -> None:
    taking = Taking(here)
    taking.failing.append((status, body))
    with pytest.raises(error, match=sentence):
        put(here)
    assert put(here), "it is tried again"
    assert bytes(taking.data) == LARGE


def test_nobody_waits_for_it(here: Site) -> None:
    here.give("PUT", f"/blobs/{BLOB}", b'{"code":"coordinator","message":"No.","hint":""}', 410)
    assert not put(here)
