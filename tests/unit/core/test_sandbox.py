"""After the lock: no network, no program, no other process, no other file; torch still trains."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support.closed_network import has_namespaces

from core import loopback, sandbox
from core.api.errors import SandboxError

ATTEMPTS = """
    import ctypes, errno, json, os, resource, signal, socket, subprocess, sys, threading
    from core import sandbox
    libc = ctypes.CDLL(None, use_errno=True)
    inherited = int(sys.argv[1])

    def outcome(action):
        try:
            return action()
        except OSError as error:
            return errno.errorcode[error.errno]

    def raw(number, *arguments):
        ctypes.set_errno(0)
        result = libc.syscall(number, *arguments)
        return "done" if result >= 0 else errno.errorcode[ctypes.get_errno()]

    def in_a_thread(action):
        found = []
        thread = threading.Thread(target=lambda: found.append(action()))
        thread.start(); thread.join()
        return found[0]

    attempts = {
        "tcp": lambda: socket.create_connection(("127.0.0.1", 9), 1) and "done",
        "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)),
        "unix": lambda: socket.socket(socket.AF_UNIX).connect("/run/x") or "done",
        "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) and "done",
        "pair": lambda: socket.socketpair() and "done",
        "send on an old socket": lambda: socket.socket(fileno=inherited).sendto(b"x", ("127.0.0.1", 9)),
        "exec": lambda: os.execv("/bin/true", ["true"]),
        "fork": lambda: os.fork() and "done",
        "spawn": lambda: subprocess.run(["/bin/true"]) and "done",
        "system": lambda: "done" if os.system("/bin/true") == 0 else "EPERM",
        "ptrace": lambda: raw(101, 16, os.getppid(), 0, 0),
        "read another's memory": lambda: raw(310, os.getppid(), 0, 0, 0, 0, 0),
        "signal the parent": lambda: os.kill(os.getppid(), 0) or "done",
        "io_uring": lambda: raw(425, 1, ctypes.create_string_buffer(120)),
        "bpf": lambda: raw(321, 0, 0, 0),
        "keyctl": lambda: raw(250, 0, 0, 0, 0, 0),
        "unshare": lambda: raw(272, 0x10000000),
        "setns": lambda: raw(308, 0, 0),
        "mount": lambda: raw(165, b"none", b"/mnt", b"tmpfs", 0, 0),
        "pidfd_getfd": lambda: raw(438, 0, 0, 0),
        "clone into a namespace": lambda: raw(56, 0x10000000 | 0x00010000, 0, 0, 0, 0),
        "tcp in a thread": lambda: in_a_thread(lambda: outcome(lambda: socket.socket() and "done")),
    }
    before = threading.Event()
    answer = []
    old_thread = threading.Thread(
        target=lambda: (before.wait(), answer.append(outcome(lambda: socket.socket() and "done")))
    )
    old_thread.start()
    level = sandbox.lock_down()
    before.set(); old_thread.join()
    results = {name: outcome(action) for name, action in attempts.items()}
    results["tcp in a thread older than the lock"] = answer[0]
    print(json.dumps({
        "level": level, "results": results, "core": resource.getrlimit(resource.RLIMIT_CORE),
        "dumpable": libc.prctl(3, 0, 0, 0, 0), "threads": in_a_thread(lambda: "ok"),
        "own signal": os.kill(os.getpid(), 0),
    }))
"""

FILES = """
    import json, os, sys, tempfile
    from pathlib import Path
    from core import sandbox
    inside, outside, drop = map(Path, sys.argv[1:])
    level = sandbox.lock_down(read_paths=[inside], write_paths=[drop])

    def outcome(action):
        try:
            action()
            return "done"
        except OSError as error:
            return type(error).__name__

    results = {
        "read inside": outcome(lambda: (inside / "text").read_text()),
        "write inside": outcome(lambda: (inside / "text").write_text("x")),
        "read outside": outcome(lambda: (outside / "text").read_text()),
        "list outside": outcome(lambda: os.listdir(outside)),
        "by the root link": outcome(lambda: Path(f"/proc/self/root{outside}/text").read_text()),
        "passwd": outcome(lambda: Path("/etc/passwd").read_text()),
        "write outside": outcome(lambda: (outside / "new").write_text("x")),
        "write and rename in drop": outcome(
            lambda: ((drop / "a").write_text("x"), os.replace(drop / "a", drop / "b"), (drop / "b").unlink())
        ),
        "link out": outcome(lambda: os.link(outside / "text", drop / "stolen")),
        "urandom": outcome(lambda: os.urandom(8)),
        "null": outcome(lambda: Path("/dev/null").write_text("x")),
        "lazy import": outcome(lambda: __import__("wave")),
        "own status": outcome(lambda: Path("/proc/self/status").read_text()),
    }
    print(json.dumps({"level": level, "results": results}))
"""

TRAINING = """
    import json, sys, threading
    import torch
    from core import sandbox
    level = sandbox.lock_down(write_paths=[sys.argv[1]])
    torch.manual_seed(0)
    torch.set_num_threads(2)
    model = torch.nn.Sequential(torch.nn.Embedding(64, 96), torch.nn.Linear(96, 64))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
    tokens = torch.arange(4096) % 64
    losses = []
    def train():
        for _ in range(12):
            loss = torch.nn.functional.cross_entropy(model(tokens), (tokens + 1) % 64)
            optimizer.zero_grad(); loss.backward(); optimizer.step()
            losses.append(loss.item())
    thread = threading.Thread(target=train)
    thread.start(); thread.join()
    torch.save(losses, sys.argv[1] + "/losses")
    print(json.dumps({"level": level, "first": losses[0], "last": losses[-1]}))
"""


def _run(script: str, *arguments: str, **options: object) -> dict:
    process = subprocess.run(
        [sys.executable, "-I", "-c", textwrap.dedent(script), *arguments],
        capture_output=True, text=True, timeout=120, env={"PATH": os.environ["PATH"]}, **options,  # type: ignore[call-overload]
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def attempts() -> dict:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as inherited:
        number = inherited.fileno()
        return _run(ATTEMPTS, str(number), pass_fds=(number,))


def test_every_way_out_is_refused(attempts: dict) -> None:
    assert attempts["level"] == "seccomp"
    wrong = {name: result for name, result in attempts["results"].items() if result != "EPERM"}
    assert wrong == {}
    assert len(attempts["results"]) == 23


def test_it_leaves_no_core_and_keeps_its_own_threads(attempts: dict) -> None:
    assert attempts["core"] == [0, 0]
    assert attempts["dumpable"] == 0
    assert attempts["threads"] == "ok"
    assert attempts["own signal"] is None


def test_the_attempts_succeed_without_the_lock() -> None:
    """What the first test finds refused must be possible before, or it would prove nothing."""
    unlocked = _run(
        'import json, os, socket\nsocket.socket().close(); socket.socketpair(); os.kill(os.getppid(), 0)\n'
        'print(json.dumps({"system": os.system("true"), "fork": os.waitpid(os.fork() or os._exit(0), 0)[1]}))'
    )  # fmt: skip
    assert unlocked == {"system": 0, "fork": 0}


@pytest.mark.skipif(sandbox.level_available() != "seccomp+landlock", reason="this kernel has no Landlock")
def test_files_outside_the_named_ones_are_closed(tmp_path: Path) -> None:
    for name in ("inside", "outside", "drop"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "text").write_text("text")
    found = _run(FILES, *(str(tmp_path / name) for name in ("inside", "outside", "drop")))
    assert found["level"] == "seccomp+landlock"
    allowed = {
        "read inside", "write and rename in drop", "urandom", "null", "lazy import", "own status",
    }  # fmt: skip
    assert {name for name, result in found["results"].items() if result == "done"} == allowed
    assert (tmp_path / "inside/text").read_text() == "text"


def test_torch_trains_under_the_lock(tmp_path: Path) -> None:
    found = _run(TRAINING, str(tmp_path))
    assert found["last"] < 0.5 * found["first"]
    assert found["level"] in {"seccomp", "seccomp+landlock"}
    assert (tmp_path / "losses").exists()


def test_a_writable_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    if not sandbox.level_available().endswith("landlock"):
        pytest.skip("this kernel has no Landlock")
    script = (
        "import json, sys\nfrom core import sandbox\nfrom core.api.errors import SandboxError\n"
        "try:\n    sandbox.lock_down(write_paths=[sys.argv[1]])\n"
        'except SandboxError as error:\n    print(json.dumps({"message": error.message}))'
    )
    assert "missing" in _run(script, str(tmp_path / "missing"))["message"]


def test_no_seccomp_means_no_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox.sys, "platform", "plan9")
    assert sandbox.level_available() == ""
    with pytest.raises(SandboxError, match="no seccomp"):
        sandbox.lock_down()


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyseccomp", None)
    assert sandbox.level_available() == ""
    with pytest.raises(SandboxError, match="libseccomp is missing") as raised:
        sandbox.lock_down()
    assert "apt install libseccomp2" in raised.value.hint


SENDING = """
    import socket
    from core import sandbox
    here, there = socket.socketpair()
    sandbox.lock_down(sending=True)
    here.send(b"x")
    print(there.recv(1).decode())
    try:
        socket.socket()
    except PermissionError:
        print("no new socket")
"""


@pytest.mark.skipif(not has_namespaces(), reason="this system does not allow user namespaces")
def test_in_a_closed_network_old_sockets_may_go_on_and_no_new_one_is_made() -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SENDING)], preexec_fn=loopback.maker(), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.split("\n")[:2] == ["x", "no new socket"], done.stderr


def test_sending_is_refused_where_the_network_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "only_loopback", lambda: False)
    with pytest.raises(SandboxError, match="network of their own"):
        sandbox.lock_down(sending=True)


COMPILING = """
    import json, os, subprocess, sys
    from pathlib import Path
    from core import sandbox
    place, outside = Path(sys.argv[1]), Path(sys.argv[2])
    own = place / "program"
    own.write_bytes(Path("/bin/true").read_bytes()); own.chmod(0o700)
    level = sandbox.lock_down(read_paths=(), write_paths=[place], programs=True)

    def outcome(action):
        try:
            return action()
        except OSError as error:
            return type(error).__name__

    def shell(words):
        return subprocess.run(["/bin/sh", "-c", words], capture_output=True).returncode

    def inside(program):
        return subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True).stderr[-300:]

    results = {
        "program": outcome(lambda: shell("exit 7")),
        "python": outcome(lambda: subprocess.run([sys.executable, "-I", "-c", "raise SystemExit(6)"]).returncode),
        "write inside": outcome(lambda: shell(f"echo x > {place}/new")),
        "write outside": outcome(lambda: shell(f"echo x > {outside}/new")),
        "read outside": outcome(lambda: shell(f"cat {outside}/text")),
        "run what it wrote": outcome(lambda: subprocess.run([own]).returncode),
        "network in a program": inside("import socket; socket.socket(socket.AF_INET, socket.SOCK_STREAM)"),
        "another process in a program": inside(f"import os; os.kill({os.getppid()}, 0)"),
    }
    print(json.dumps({"level": level, "results": results}))
"""


@pytest.mark.skipif(sandbox.level_available() != "seccomp+landlock", reason="this kernel has no Landlock")
def test_a_compiler_may_run_programs_that_reach_nothing(tmp_path: Path) -> None:
    for name in ("place", "outside"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "text").write_text("text")
    found = _run(COMPILING, str(tmp_path / "place"), str(tmp_path / "outside"))
    results = found["results"]
    assert found["level"] == "seccomp+landlock"
    assert (results["program"], results["python"], results["write inside"]) == (7, 6, 0)
    assert results["write outside"] != 0
    assert results["read outside"] != 0
    assert results["run what it wrote"] == "PermissionError"
    assert "PermissionError" in results["network in a program"]
    assert "PermissionError" in results["another process in a program"]
