"""One place says how a module is started, and the frozen binary's entry script agrees with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from support.small_wheels import registry

from core.api import completion, interpreter, preview, runtime
from core.api.errors import RuntimeMissing, from_code

ENTRY = "packaging/pyinstaller/entry.py"


@pytest.fixture
def frozen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    binary = tmp_path / "app" / "hedgerow"
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / runtime.LOCK_FILE).write_bytes(msgspec.json.encode(registry(tmp_path / "wheels")))
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(binary))
    monkeypatch.setenv("HEDGEROW_RUNTIME", str(tmp_path / "runtimes"))
    return tmp_path


def test_an_ordinary_install_uses_its_own_interpreter() -> None:
    assert not interpreter.frozen()
    assert interpreter.command("core.engine") == [sys.executable, "-m", "core.engine"]
    assert interpreter.command("core.data.reader", isolated=True) == [sys.executable, "-I", "-m", "core.data.reader"]
    assert interpreter.scripts() == Path(sys.executable).parent


def test_what_an_isolated_process_starts_is_isolated() -> None:
    code = "from core.api import interpreter; print(interpreter.command('core.engine')[1])"
    program = f"import sys; sys.path.insert(0, {os.getcwd()!r}); {code}"
    said = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "-I"


def test_the_frozen_binary_runs_what_it_carries(frozen: Path) -> None:
    binary = str(frozen / "app" / "hedgerow")
    assert interpreter.command("core.engine") == [binary, "-m", "core.engine"]
    assert interpreter.command("core.engine.farewell", isolated=True) == [binary, "-I", "-m", "core.engine.farewell"]
    assert interpreter.command("app") == [binary, "-m", "app"]
    assert not interpreter.carries("core.engineering")
    assert not interpreter.carries("core")


def test_all_else_needs_the_runtime_and_says_so(frozen: Path) -> None:
    for ask in (completion.command, lambda: preview.command("/a/file"), lambda: interpreter.command("core.demo")):
        with pytest.raises(RuntimeMissing) as caught:
            ask()
        assert "not installed yet" in caught.value.message
        assert "hedgerow runtime install" in caught.value.hint
    assert isinstance(from_code("runtime", "x"), RuntimeMissing)


def test_with_a_runtime_its_python_runs_it_isolated(frozen: Path) -> None:
    lock, lock_id = runtime.read_lock(frozen / "lib" / runtime.LOCK_FILE)
    made = frozen / "runtimes" / "one"
    runtime.python_of(made).parent.mkdir(parents=True)
    runtime.python_of(made).symlink_to("/bin/sh")
    (frozen / "runtimes" / "current").symlink_to("one")
    content = runtime.Runtime(
        lock=lock_id, variant="cpu", torch=lock.torch, flwr=lock.flwr, interface=lock.interface, python="", index="",
        size_bytes=0, made_at=0.0,
    )  # fmt: skip
    (made / "runtime.json").write_bytes(msgspec.json.encode(content))
    # Not through ``current``: what runs must not move when that is switched.
    assert interpreter.command("core.demo") == [str(made / "bin" / "python"), "-I", "-m", "core.demo"]
    (frozen / "lib" / runtime.LOCK_FILE).write_bytes(msgspec.json.encode(msgspec.structs.replace(lock, flwr="9")))
    with pytest.raises(RuntimeMissing, match="too old"):
        interpreter.command("core.demo")


def run_entry(repository: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(repository)} | more
    return subprocess.run(
        [sys.executable, str(repository / ENTRY), *arguments], capture_output=True, text=True, timeout=60, check=False,
        env=environment,
    )  # fmt: skip


def test_the_entry_script_carries_the_same_modules(repository: Path) -> None:
    assert f"CARRIES = {interpreter.CARRIED!r}".replace("'", '"') in (repository / ENTRY).read_text("utf-8")


def test_the_entry_script_understands_what_the_command_says(repository: Path) -> None:
    asked = run_entry(repository, "-I", "-m", "core.engine", "--help")
    assert asked.returncode == 0, asked.stderr
    assert "--passphrase-fd" in asked.stdout
    assert run_entry(repository, "-m", "core.runtime", "--json").stdout.startswith("{")
    assert "Usage: hedgerow" in run_entry(repository, "-m", "app", "--help").stdout
    assert "Usage: hedgerow" in run_entry(repository, "--help").stdout


@pytest.mark.parametrize("module", ["os", "core.enginex", "core.demo", "appx", "pip"])
def test_the_entry_script_runs_nothing_else(repository: Path, module: str) -> None:
    refused = run_entry(repository, "-m", module)
    assert refused.returncode == 2
    assert refused.stderr == f"This program does not run {module}.\n"


def test_children_get_the_library_path_of_before(repository: Path) -> None:
    code = f"""
import os, runpy
entry = runpy.run_path({str(repository / ENTRY)!r})
entry["own_environment"]()
print(os.environ.get("LD_LIBRARY_PATH"), [name for name in os.environ if name.startswith(("_PYI", "LD_LIBRARY_PATH_"))])
"""

    def left(**more: str) -> str:
        environment = {"PATH": os.environ["PATH"]} | more
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
        return done.stdout.strip()

    assert left(LD_LIBRARY_PATH="/ours", _PYI_ARCHIVE_FILE="x") == "None []"
    assert left(LD_LIBRARY_PATH="/ours:/theirs", LD_LIBRARY_PATH_ORIG="/theirs") == "/theirs []"
