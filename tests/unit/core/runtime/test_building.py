"""A runtime is made with the real pip from small wheels: checked before it is used, switched to in one step."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.small_wheels import TORCH, registry, wheel

from core.api.errors import EngineError, StorageError
from core.api.runtime import Lock, Package, Step, current, python_of, read_runtime, state_of
from core.runtime.building import Builder, Cancelled, system_python
from core.runtime.folder import alone, discard_unused, remove, tree_bytes

CHECK = """
import json, torch, flwr
import core
print(json.dumps({"python": "3.x", "torch": torch.__version__}))
"""


class Site:
    """A folder of runtimes, and a folder pip installs from."""

    def __init__(self, folder: Path, repository: Path) -> None:
        self.root, self.wheels, self.library = folder / "runtimes", folder / "wheels", repository
        self.lock = registry(self.wheels)
        self.steps: list[Step] = []

    def builder(self, lock_id: str = "lock-1", **changes: Any) -> Builder:
        lock = msgspec.structs.replace(self.lock, **{k: v for k, v in changes.items() if k in Lock.__struct_fields__})
        rest = {k: v for k, v in changes.items() if k not in Lock.__struct_fields__}
        chosen: dict[str, Any] = {"indexes": ("registry",), "check": CHECK} | rest
        return Builder(self.root, lock, lock_id, self.library, "cpu", self.steps.append, **chosen)

    def names(self) -> set[str]:
        return {path.name for path in self.root.iterdir() if path.is_dir() and not path.is_symlink()}


@pytest.fixture
def site(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    one = Site(tmp_path, repository)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(one.wheels))
    return one


@pytest.mark.slow
def test_it_is_made_checked_switched_to_renewed_and_removed(site: Site) -> None:
    made = site.builder().build()
    first = current(site.root)
    assert first is not None
    assert state_of(site.root, site.lock, "lock-1") == "current"
    assert (made.torch, made.variant, made.index, made.python) == (TORCH, "cpu", "registry", "3.x")
    assert read_runtime(first) == made
    assert made.size_bytes == pytest.approx(tree_bytes(first), rel=0.01)
    phases = [step.phase for step in site.steps]
    assert [phase for i, phase in enumerate(phases) if phase not in phases[:i]] == [
        "environment", "packages", "torch", "check", "switch",
    ]  # fmt: skip
    fractions = [step.fraction for step in site.steps]
    assert fractions == sorted(fractions)
    # The package's own source is found by it, also when it is isolated and somewhere else.
    where = [str(python_of(first)), "-I", "-c", "import core; print(core.__file__)"]
    said = subprocess.run(where, cwd="/", capture_output=True, text=True, check=True, timeout=60).stdout
    assert said.strip() == str(site.library / "core" / "__init__.py")

    # Another lock, while something still runs from the first one.
    with subprocess.Popen([str(python_of(first)), "-I", "-c", "input()"], stdin=subprocess.PIPE) as busy:
        site.builder("lock-2").build()
        second = current(site.root)
        assert second is not None
        assert second != first
        assert site.names() == {first.name, second.name}, "what runs keeps what it runs from"
        busy.communicate(b"\n")
    discard_unused(site.root)
    assert site.names() == {second.name}

    with subprocess.Popen([str(python_of(second)), "-I", "-c", "input()"], stdin=subprocess.PIPE) as busy:
        with pytest.raises(EngineError, match="at work"):
            remove(site.root)
        busy.communicate(b"\n")
    assert remove(site.root)
    assert not site.root.exists()
    assert not remove(site.root)


@pytest.mark.slow
def test_a_file_that_is_not_the_one_is_refused_and_nothing_changes(site: Site, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    wheel(site.wheels, "flwr", "1.41.0", f"open({str(ran)!r}, 'w')")
    with pytest.raises(StorageError, match="flwr is not the one"):
        site.builder().build()
    registry(site.wheels)
    wheel(site.wheels, "torch", TORCH, f"open({str(ran)!r}, 'w')")
    with pytest.raises(StorageError, match=r"torch 2\.13\.0 is not the one"):
        site.builder().build()
    assert not ran.exists(), "nothing of it was imported"
    assert state_of(site.root, site.lock, "lock-1") == "missing"
    assert site.names() <= {"downloads"}


@pytest.mark.slow
def test_what_does_not_start_is_not_switched_to(site: Site) -> None:
    with pytest.raises(EngineError, match="does not start: ModuleNotFoundError: No module named 'absent'"):
        site.builder(check="import absent").build()
    (site.wheels / f"torch-{TORCH}-py3-none-any.whl").unlink()
    with pytest.raises(EngineError, match=r"has no torch 2\.13\.0 for cpu"):
        site.builder().build()
    assert current(site.root) is None


@pytest.mark.slow
def test_cancel_leaves_what_was_there(site: Site) -> None:
    builder = site.builder(check="import time; time.sleep(600)")
    ended: list[EngineError] = []

    def work() -> None:
        try:
            builder.build()
        except EngineError as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    end = time.monotonic() + 60
    while not any(step.phase == "check" for step in site.steps) and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.5)
    builder.cancel()
    thread.join(20)
    assert not thread.is_alive()
    assert isinstance(ended[0], Cancelled)
    assert site.names() <= {"downloads"}
    with pytest.raises(Cancelled):
        builder.build()


def test_only_one_at_a_time(site: Site) -> None:
    with alone(site.root), pytest.raises(EngineError, match="being installed already"):
        site.builder().build()


def test_a_disk_that_is_too_small_is_named_before_anything_is_fetched(site: Site) -> None:
    with pytest.raises(StorageError, match=r"needs 1001000\d+\.\d GB"):
        site.builder(disk_bytes={"packages": 10**18, "cpu": 10**15}).build()
    assert site.steps == []


def test_a_folder_that_cannot_be_made_is_named(site: Site) -> None:
    site.root.write_text("a file")
    with pytest.raises(StorageError, match="cannot be written"):
        site.builder().build()


def test_what_has_just_been_started_is_in_use(site: Site) -> None:
    folder = site.root / "lock-1-cpu-0"
    python_of(folder).parent.mkdir(parents=True)
    python_of(folder).symlink_to(os.path.realpath(sys.executable))
    # A process that is being started has no arguments for a moment: a single look misses most of these.
    for _ in range(30):
        with subprocess.Popen([str(python_of(folder)), "-ISc", "input()"], stdin=subprocess.PIPE) as busy:
            discard_unused(site.root)
            assert folder.exists()
            busy.communicate(b"\n")
    discard_unused(site.root)
    assert not folder.exists()


def test_leftovers_of_a_killed_installation_go_with_the_next_look(site: Site) -> None:
    (site.root / "lock-1-cpu-dead" / "lib").mkdir(parents=True)
    discard_unused(site.root)
    assert site.names() == set()


def test_the_systems_python_is_found() -> None:
    found = system_python()
    assert found != sys.executable or "venv" not in found


def test_how_a_runtime_fits(site: Site) -> None:
    root, lock = site.root, site.lock
    made = root / "lock-1-cpu-0"
    python_of(made).parent.mkdir(parents=True)
    assert state_of(root, lock, "lock-1") == "missing"
    (root / "current").symlink_to(made.name)
    assert state_of(root, lock, "lock-1") == "damaged", "it does not say what it is"
    content = {
        "lock": "lock-1", "variant": "cpu", "torch": lock.torch, "flwr": lock.flwr, "interface": 1, "python": "3.11.2",
        "index": "registry", "size_bytes": 1, "made_at": 0.0,
    }  # fmt: skip
    (made / "runtime.json").write_bytes(msgspec.json.encode(content))
    python_of(made).symlink_to(made / "gone")
    assert state_of(root, lock, "lock-1") == "damaged", "the system's Python went away"
    python_of(made).unlink()
    python_of(made).symlink_to(sys.executable)
    assert state_of(root, lock, "lock-1") == "current"
    newer = msgspec.structs.replace(lock, packages=(Package(name="flwr", version="1.41.0", sha256=("0" * 64,)),))
    assert state_of(root, newer, "lock-2") == "renewable"
    assert state_of(root, msgspec.structs.replace(lock, torch="2.14.0"), "lock-2") == "outdated"
    assert state_of(root, msgspec.structs.replace(lock, interface=2), "lock-2") == "outdated"
