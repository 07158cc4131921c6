"""Strangers who are slow on purpose, against the real gateway process over TLS: volunteers hardly notice them."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from support.federation import config

from core.coordinator.founding import found
from core.coordinator.home import Federation, HostSettings
from core.coordinator.web import patience
from core.federation.invite import GATEWAY_NAME

TOKENIZER = b'{"a": "tokenizer"}'
CROWD = patience.ROOM + 60


class Site:
    """A gateway in a process of its own; nothing answers behind it."""

    def __init__(self, federation: Federation) -> None:
        self.federation = federation
        command = [sys.executable, "-m", "core.coordinator.web.gateway", str(federation.home.root)]
        self.process = subprocess.Popen(
            [*command, "--listen", "127.0.0.1:0", "--superlink", "9"], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        host, _, port = json.loads(self.process.stdout.readline())["address"].rpartition(":")
        self.address = (host, int(port))
        root = x509.load_pem_x509_certificate(federation.home.key_path("root.crt").read_bytes())
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.load_verify_locations(cadata=root.public_bytes(Encoding.PEM).decode())

    def connect(self) -> ssl.SSLSocket:
        plain = socket.create_connection(self.address, timeout=30)
        return self.context.wrap_socket(plain, server_hostname=GATEWAY_NAME)

    def honest_s(self) -> float:
        """Seconds that somebody who asks properly waits for the terms, over a connection of their own."""
        began = time.monotonic()
        with httpx.Client(base_url="https://{}:{}".format(*self.address), verify=self.context, timeout=30) as client:
            answer = client.get("/manifest", extensions={"sni_hostname": GATEWAY_NAME})
        assert answer.status_code == 200
        return time.monotonic() - began


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    federation = found(tmp_path_factory.mktemp("patience") / "f", config(), HostSettings(), TOKENIZER)
    made = Site(federation)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.wait()


def ends_within(line: ssl.SSLSocket, seconds: float) -> bool:
    """Whether the other side ends the connection without having answered."""
    line.settimeout(seconds)
    try:
        return line.recv(100) == b""
    except (ConnectionError, ssl.SSLError):
        return True
    except TimeoutError:
        return False


def test_a_crowd_that_says_nothing_keeps_nobody_out(site: Site) -> None:
    with contextlib.ExitStack() as crowd:
        lines = [crowd.enter_context(site.connect()) for _ in range(CROWD)]
        waits = [site.honest_s() for _ in range(5)]
        assert max(waits) < 5.0
        gone = sum(ends_within(line, 0.2) for line in lines[:40])
        assert gone == 40, "those who had waited longest gave way"


def test_headers_that_trickle_in_gain_no_time(site: Site) -> None:
    began = time.monotonic()
    with site.connect() as line:
        request = b"GET /manifest HTTP/1.1\r\nhost: x\r\n" + b"x-a: b\r\n" * 200
        with contextlib.suppress(OSError):
            for at in range(len(request)):
                line.sendall(request[at : at + 1])
                time.sleep(0.25)
                if time.monotonic() - began > 3 * patience.REQUEST_S:
                    break
    assert patience.REQUEST_S - 1 < time.monotonic() - began < 2 * patience.REQUEST_S


def test_after_an_answer_the_wait_begins_anew(site: Site) -> None:
    with site.connect() as line:
        for _ in range(2):
            time.sleep(1.0)
            line.sendall(b"GET /manifest HTTP/1.1\r\nhost: x\r\n\r\n")
            assert line.recv(15) == b"HTTP/1.1 200 OK"
            line.settimeout(1.0)
            with contextlib.suppress(TimeoutError):
                while line.recv(65_536):
                    pass
        line.sendall(b"G")
        assert ends_within(line, 1.5 * patience.REQUEST_S)


def test_a_crowd_in_the_middle_of_requests_is_bounded_by_time(site: Site) -> None:
    """Bodies that never come: each holds its place for a while and no longer; others are answered meanwhile."""
    head = b"POST /enrol HTTP/1.1\r\nhost: x\r\ncontent-length: 4000\r\n\r\n"
    with contextlib.ExitStack() as crowd:
        lines = [crowd.enter_context(site.connect()) for _ in range(100)]
        for line in lines:
            line.sendall(head)
        assert site.honest_s() < 5.0


def test_an_answer_that_nobody_reads_costs_others_nothing(site: Site) -> None:
    sha256 = site.federation.home.blobs.put(os.urandom(24 << 20))
    limit = patience.longest_s(24 << 20)
    assert limit > 1_000, "an honest slow line has a quarter of an hour and more"
    with site.connect() as line:
        line.sendall(f"GET /blobs/{sha256} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        assert line.recv(15) == b"HTTP/1.1 200 OK"
        assert site.honest_s() < 5.0
