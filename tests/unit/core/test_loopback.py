from __future__ import annotations

import os
import subprocess
import sys

import pytest
from support.closed_network import has_namespaces, interfaces

from core import loopback

TALK = """
import os, socket, sys
if sys.argv[1] == "listen":
    server = socket.create_server(("127.0.0.1", 4711))
    print(os.getuid(), flush=True)
    print(server.accept()[0].recv(9).decode(), flush=True)
else:
    socket.create_connection(("127.0.0.1", 4711), timeout=9).send(b"hello")
"""


@pytest.mark.skipif(not has_namespaces(), reason="this system does not allow user namespaces")
def test_two_programs_share_a_network_that_nobody_else_is_in() -> None:
    command = [sys.executable, "-I", "-c", TALK]
    with subprocess.Popen(
        [*command, "listen"], preexec_fn=loopback.maker(), stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        assert int(first.stdout.readline()) == os.getuid()
        with loopback.enterer(first.pid) as enter:
            subprocess.run([*command, "talk"], preexec_fn=enter, timeout=30, check=True)
            assert interfaces(enter) == "['lo']"
        assert first.stdout.readline() == "hello\n"


def test_where_it_is_not_allowed_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "_libc", lambda: None)
    before = interfaces(lambda: None)
    assert interfaces(loopback.maker()) == before
    with loopback.enterer(os.getpid()) as enter:
        assert interfaces(enter) == before
