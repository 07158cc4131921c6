"""Who reaches Flower's Control API on the coordinator's own machine, asked of a real one."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from support.live_federation import BASE_ENV, Coordinator, Household, federation, wait_for
from support.prometheus_text import parse
from support.slow_link import SlowLink

from core import loopback
from core.coordinator.home import Federation
from core.coordinator.reporting import status
from core.coordinator.superlink import free_port
from core.federation.invite import GATEWAY_NAME

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
TERMS = {"name": "Alone", "privacy": "none", "rounds": 1, "cohort": 1, "local_steps": 2, "seq_len": 32}
NOBODY = 65_534
CALL = """
import ctypes, os, sys
import httpx
port, pid, user = map(int, sys.argv[1:])
libc = ctypes.CDLL(None, use_errno=True)
for name, kind in (("user", 0x10000000), ("net", 0x40000000)) if pid else ():
    theirs = os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY)
    if os.fstat(theirs).st_ino != os.stat(f"/proc/self/ns/{name}").st_ino and libc.setns(theirs, kind):
        raise SystemExit(os.strerror(ctypes.get_errno()))
client = httpx.Client(verify=False, trust_env=False)
try:
    client.post("http://127.0.0.1:1/")  # imports what another user may not read
except httpx.ConnectError:
    pass
if user:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
headers = {"content-type": "application/protobuf", "accept": "application/protobuf"}
try:
    url = f"https://127.0.0.1:{port}/v1/control/list-nodes"
    print(client.post(url, headers=headers).status_code)
except httpx.ConnectError:
    print("refused")
"""
REFUSING = """
import errno, runpy, sys
import pyseccomp
rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
rules.add_rule(pyseccomp.ERRNO(errno.EPERM), "unshare")
rules.load()
sys.argv = ["core.coordinator", *sys.argv[1:]]
runpy.run_module("core.coordinator", run_name="__main__")
"""


def can_move_in() -> bool:
    """Asked in a process of one thread, as a coordinator is when it asks."""
    asked = [sys.executable, "-c", "from core import loopback; print(loopback.why_not())"]
    return not subprocess.run(asked, env=BASE_ENV, capture_output=True, text=True, check=True).stdout.strip()


needs_namespaces = pytest.mark.skipif(not can_move_in(), reason="this system does not allow network namespaces")


@pytest.fixture
def coordinator(tmp_path: Path) -> Iterator[Coordinator]:
    with federation(tmp_path, volunteers=0, **TERMS) as (made, _, _):
        yield made


def control_port(coordinator: Coordinator) -> int:
    (link,) = coordinator.children("flower-superlink")
    words = link.cmdline()
    return int(words[words.index("--port") + 1])


def call(port: int, pid: int = 0, user: int = 0) -> str:
    """What the Control API answers to a program of this machine: from outside, from inside, as another user."""
    command = [sys.executable, "-c", CALL, *map(str, (port, pid, user))]
    return subprocess.run(command, env=BASE_ENV, capture_output=True, text=True, timeout=30, check=True).stdout.strip()


def page(address: str, root: Path) -> int:
    trusted = ssl.create_default_context(cafile=str(root / "keys" / "root.crt"))
    with httpx.Client(verify=trusted, trust_env=False) as client:
        return client.get(f"https://{address}/", extensions={"sni_hostname": GATEWAY_NAME}).status_code


def one_thread(program: str) -> str:
    command = [sys.executable, "-c", "import os, threading, time\n" + program]
    return subprocess.run(command, env=BASE_ENV, capture_output=True, text=True, check=True).stdout.strip()


@needs_namespaces
def test_from_outside_only_the_gateway_is_reached(coordinator: Coordinator) -> None:
    coordinator.run_options += ["--metrics", str(free_port())]
    coordinator.start()
    ready = coordinator.find("ready")
    assert ready is not None
    assert ready["isolated"] is True
    assert coordinator.find("network") == {"event": "network", "isolated": True, "why": ""}
    told = status(coordinator.directory)
    assert told["isolated"] is True
    running = {row["name"]: row for row in told["processes"]}
    assert {"coordinator", "gateway", "superlink", "superexec"} <= set(running)
    assert all(row["memory_bytes"] > 1e6 for row in running.values())
    port = control_port(coordinator)
    assert call(port) == "refused"
    assert call(port, pid=int(ready["pid"])) == "200", "from inside it answers, so the refusals are no accident"
    assert page(ready["address"], coordinator.directory) == 200
    figures = parse(httpx.get(ready["metrics"], trust_env=False).text)
    assert figures["hedgerow_isolated"][1] == {(): 1.0}
    assert figures["hedgerow_gateway_requests_total"][1] == {(): 1.0}
    assert (("process", "superlink"),) in figures["hedgerow_process_resident_memory_bytes"][1]
    if os.geteuid() == 0:
        assert call(port, user=NOBODY) == "refused"

    (gateway,) = coordinator.children("web.gateway")
    os.kill(gateway.pid, signal.SIGKILL)
    assert page(ready["address"], coordinator.directory) == 200, "the port stayed open while nobody served it"
    wait_for(lambda: coordinator.find("restarted"), 30, "a word about the restart")
    assert parse(httpx.get(ready["metrics"], trust_env=False).text)["hedgerow_gateway_requests_total"][1] == {(): 1.0}
    assert call(port) == "refused"
    coordinator.stop()
    assert status(coordinator.directory)["isolated"] is False


@needs_namespaces
def test_a_households_forwarder_stays_outside_and_is_kept_running(tmp_path: Path) -> None:
    """It talks to the larger federation, which nothing inside could; what keeps it is not started again."""
    with federation(tmp_path, volunteers=0, **TERMS) as (larger, _, _):
        larger.start()
        link = SlowLink()
        home = Household(tmp_path / "household", link, larger.invite())
        try:
            home.start()
            ready = home.find("ready")
            assert ready is not None
            assert ready["isolated"] is True
            (forwarder,) = wait_for(lambda: forwarders(home), 20, "the forwarder")
            (gateway,) = home.children("web.gateway")
            assert network_of(forwarder.pid) == network_of(os.getpid())
            assert network_of(gateway.pid) == network_of(ready["pid"]) != network_of(os.getpid())
            assert page(ready["address"], home.directory) == 200
            wait_for(lambda: status(larger.directory)["volunteers"] == 1, 20, "its enrolment")
            forwarder.kill()
            wait_for(lambda: home.find("restarted"), 30, "a word about the restart")
            assert home.find("restarted")["process"] == "forwarder"  # type: ignore[index]
            (again,) = wait_for(lambda: forwarders(home), 20, "another forwarder")
            assert again.pid != forwarder.pid
            for keeper in home.children("coordinator.outside"):
                keeper.kill()
            assert home.process is not None
            assert home.process.wait(30) == 1
            error = home.find("error")
            assert error is not None
            assert "larger federation has ended" in error["error"]["message"]
            assert not again.is_running(), "a forwarder does not outlive what keeps it"
        finally:
            home.stop()
            link.close()


def forwarders(home: Household) -> list[psutil.Process]:
    """Without what keeps it, whose command line says it too."""
    keepers = home.children("coordinator.outside")
    return [one for one in home.children("core.household") if one not in keepers]


def network_of(pid: int) -> int:
    return os.stat(f"/proc/{pid}/ns/net").st_ino


@needs_namespaces
@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user takes root")
def test_an_ordinary_user_has_a_network_of_its_own_too() -> None:
    """Without privileges a user namespace is needed first; nothing of root's may be needed."""
    program = f"""
import ctypes, encodings.idna
from core import loopback
from core.sandbox import only_loopback
os.setgroups([])
os.setgid({NOBODY})
os.setuid({NOBODY})
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # what a program started by that user would be: its own
print([loopback.why_not(), loopback.move_in(), only_loopback(), os.getuid()])
"""
    assert one_thread(program) == f"['', None, True, {NOBODY}]"


def test_it_can_be_turned_off_and_is_said_then(coordinator: Coordinator) -> None:
    settings = Federation(coordinator.directory).home.settings_path
    text = settings.read_text()
    assert 'namespace = "auto"' in text
    settings.write_text(text.replace('namespace = "auto"', 'namespace = "off"'))
    coordinator.start()
    said = coordinator.find("network")
    assert said is not None
    assert said["isolated"] is False
    assert "turned off" in said["why"]
    assert call(control_port(coordinator)) == "200"
    assert status(coordinator.directory)["isolated"] is False


def test_where_the_system_refuses_one_sentence_comes_before_anything_starts(coordinator: Coordinator) -> None:
    command = [sys.executable, "-c", REFUSING, "run", str(coordinator.directory), "--json"]
    with subprocess.Popen(command, env=BASE_ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        try:
            first = json.loads(run.stdout.readline())
            assert (first["event"], first["isolated"]) == ("network", False)
            assert "Operation not permitted" in first["why"]
            assert first["why"] in run.stderr.readline()
            ready = json.loads(run.stdout.readline())
            assert ready["ready"] is True
            assert ready["isolated"] is False
            assert page(ready["address"], coordinator.directory) == 200
        finally:
            run.send_signal(signal.SIGTERM)
            run.wait(20)


@needs_namespaces
def test_a_process_with_threads_does_not_try() -> None:
    program = "threading.Thread(target=time.sleep, args=(5,), daemon=True).start()\nfrom core import loopback\n"
    assert one_thread(program + "print(loopback.why_not())") == loopback.SEVERAL_THREADS


@needs_namespaces
def test_what_comes_before_the_move_has_one_thread() -> None:
    """A library that starts threads at import would end the isolation everywhere, and quietly."""
    program = "import core.coordinator.__main__, core.coordinator.premises\n"
    assert one_thread(program + "print(len(os.listdir('/proc/self/task')))") == "1"
