"""Makes a compute runtime: an environment beside the one in use, filled, tried, and then switched to in one step.

The system's Python makes the environment and pip fills it, each as a child that is listened to. Everything but torch
comes from the lock, every file checked against its hash; torch comes from its vendor's index, pinned by version and
held to the lock's hash where that is known, before it is installed. Only wheels are installed, so nothing that was
fetched runs before it was checked.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import selectors
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from core.api.errors import EngineError, StorageError
from core.api.runtime import Lock, Runtime, Step, python_of
from core.runtime.folder import alone, discard_unused, tree_bytes
from core.runtime.pip_output import PipOutput
from core.runtime.variants import INDEXES, REGISTRY, sized
from core.vault import sync_folder, write_atomic

KNOWN_PYTHONS: Final = ((3, 11), (3, 13))
_SYSTEM_PYTHON: Final = "/usr/bin/python3"
_REACH_S: Final = 8.0
_LOOK_S: Final = 1.0
_SPARE_BYTES: Final = 200 << 20
_ASK_PYTHON: Final = "import sys, venv, ensurepip; print(*sys.version_info[:2])"
_ASK_PACKAGES: Final = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
_CHECK: Final = """
import json, platform
import torch, flwr, numpy, scipy, dp_accounting, tokenizers, safetensors, tiktoken, pyarrow, pypdfium2, selectolax
import core.training.worker, core.data.reader, core.coordinator.service
print(json.dumps({"torch": torch.__version__, "flwr": flwr.__version__, "python": platform.python_version()}))
"""
# Where the work is, in parts of the whole: the environment, downloads by their bytes, unpacking, the check.
_BEGUN, _DOWNLOADED, _UNPACKED = 0.03, 0.80, 0.95


class Cancelled(EngineError):
    """The owner, or whoever listened, wants no more."""


class Builder:
    """One installation.

    Args:
        root: folder of all runtimes.
        lock: what it must hold.
        lock_id: the lock's hash.
        library: folder whose source the runtime's Python imports ``core`` from.
        variant: ``cpu``, ``cuda`` or ``rocm``.
        tell: called with every step, at most a few times a second.
        indexes: where torch is looked for, in order.
        check: what the finished environment must be able to run.
    """

    def __init__(
        self,
        root: Path,
        lock: Lock,
        lock_id: str,
        library: Path,
        variant: str,
        tell: Callable[[Step], None],
        *,
        indexes: Sequence[str] = (),
        check: str = _CHECK,
    ) -> None:
        self._root, self._lock, self._lock_id, self._library = root, lock, lock_id, library
        self._variant, self._tell, self._check = variant, tell, check
        self._indexes = tuple(indexes) or INDEXES[variant]
        self._needs = sized(lock, variant)
        self._environment = root / f"{lock_id}-{variant}-{secrets.token_hex(4)}"
        self._process: subprocess.Popen[bytes] | None = None
        self._cancelled = False
        self._began_at = time.monotonic()
        self._downloaded = 0
        self._old_pip = True  # Debian's own knows no raw progress; the one of a lock does

    def build(self) -> Runtime:
        """Make it and switch to it; whatever goes wrong, the runtime in use stays as it is.

        Raises:
            EngineError: no Python, no registry, another installation at work, or the result does not start.
            StorageError: the disk is too small, or a file is not the one that was meant.
            Cancelled: ``cancel`` was called.
        """
        with alone(self._root):
            discard_unused(self._root)
            self._room()
            try:
                runtime = self._fill()
                self._switch()
            except BaseException:
                shutil.rmtree(self._environment, ignore_errors=True)
                raise
            discard_unused(self._root)
            shutil.rmtree(self._downloads, ignore_errors=True)
            return runtime

    def cancel(self) -> None:
        """Stop as soon as possible; safe to call from a signal handler."""
        self._cancelled = True
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    @property
    def _downloads(self) -> Path:
        """What was fetched completely; kept after a failure, so that trying again costs less."""
        return self._root / "downloads"

    def _room(self) -> None:
        free = shutil.disk_usage(self._root).free
        needed = self._needs.download_bytes + self._needs.disk_bytes + _SPARE_BYTES
        if free < needed:
            raise StorageError(
                f"The compute runtime needs {needed / 1e9:.1f} GB on the disk of {self._root}, and {free / 1e9:.1f} GB "
                "are free.",
                "Free some space, or choose a smaller variant.",
            )

    def _fill(self) -> Runtime:
        self._say("environment", 0.0)
        self._run([system_python(), "-I", "-m", "venv", str(self._environment)], "The environment")
        self._install_packages()
        index = self._install_torch()
        self._say("check", _UNPACKED)
        where = self._ask(_ASK_PACKAGES).strip()
        (Path(where) / "hedgerow.pth").write_text(f"{self._library}\n", encoding="utf-8")
        found = json.loads(self._ask(self._check).strip().splitlines()[-1])
        runtime = Runtime(
            lock=self._lock_id,
            variant=self._variant,
            torch=self._lock.torch,
            flwr=self._lock.flwr,
            interface=self._lock.interface,
            python=str(found.get("python", "")),
            index=index,
            size_bytes=tree_bytes(self._environment),
            made_at=time.time(),
        )
        write_atomic(self._environment / "runtime.json", msgspec.json.encode(runtime))
        return runtime

    def _install_packages(self) -> None:
        first = [package for package in self._lock.packages if package.name == "pip"]
        rest = [package for package in self._lock.packages if package.name != "pip"]
        for name, packages in (("pip", first), ("packages", rest)):
            listed = self._environment / f"{name}.txt"
            hashes = (
                " ".join((f"{p.name}=={p.version}", *(f"--hash=sha256:{value}" for value in p.sha256)))
                for p in packages
            )
            listed.write_text("\n".join(hashes) + "\n", encoding="utf-8")
            flags = ["--no-user", "--cache-dir", str(self._downloads), "--no-deps", "--require-hashes"]
            if packages:
                self._pip(["install", *flags, "-r", str(listed)], "packages", "the packages", len(rest))
                self._old_pip = not first

    def _install_torch(self) -> str:
        """Install torch and return the index it came from."""
        index = self._reachable_index()
        where = [] if index == REGISTRY else ["--index-url", index]
        what = f"torch {self._lock.torch} for {self._variant}"
        place = self._downloads / f"torch-{hashlib.sha256(index.encode()).hexdigest()[:8]}"
        fetching = ["download", "--no-cache-dir", "--no-deps", "--dest", str(place), *where]
        self._pip([*fetching, f"torch=={self._lock.torch}"], "torch", what, 1)
        wheel = max(place.glob("torch-*.whl"), key=lambda path: path.stat().st_mtime)
        self._hold_to_hash(wheel, index)
        self._pip(["install", "--no-user", "--cache-dir", str(self._downloads), *where, str(wheel)], "torch", what, 1)
        return index

    def _hold_to_hash(self, wheel: Path, index: str) -> None:
        known = self._lock.torch_sha256.get(index, ())
        with wheel.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if known and found not in known:
            wheel.unlink()
            raise StorageError(
                f"The file of torch {self._lock.torch} is not the one this version of Hedgerow was built with.",
                "Nothing was installed. Try again later; if it happens again, tell the package's maker.",
            )

    def _reachable_index(self) -> str:
        """The first index that answers; the last one is not asked, so that pip itself says what is wrong with it."""
        for index in self._indexes[:-1]:
            if index == REGISTRY:
                return index
            with contextlib.suppress(OSError, ValueError):
                request = urllib.request.Request(f"{index}/torch/", method="HEAD")  # noqa: S310 - our own constants
                urllib.request.urlopen(request, timeout=_REACH_S).close()  # noqa: S310
                return index
        return self._indexes[-1]

    def _pip(self, arguments: Sequence[str], phase: str, what: str, items: int) -> None:
        heard = PipOutput()
        before = self._downloaded
        packages = self._environment / "lib"
        had = tree_bytes(packages)

        def look() -> None:
            if heard.unpacking:
                # pip says nothing while it unpacks, but the folder grows.
                grown = min(1.0, (tree_bytes(packages) - had) / max(1, self._needs.disk_bytes))
            else:
                grown = 0.0
            share = min(1.0, (before + heard.done_bytes) / max(1, self._needs.download_bytes))
            fraction = _BEGUN + share * (_DOWNLOADED - _BEGUN) + grown * (_UNPACKED - _DOWNLOADED)
            item, name = min(heard.item, items), heard.name
            self._say(phase, fraction, item=item, items=items, name=name, done_of=heard.file_bytes)

        verb, *rest = arguments
        progress = "off" if self._old_pip else "raw"
        command = [str(python_of(self._environment)), "-I", "-m", "pip", verb, "--no-input", "--only-binary", ":all:"]
        command += ["--progress-bar", progress, *rest]
        code = self._listen(command, heard.hear, look)
        self._downloaded = before + heard.done_bytes
        if code:
            raise heard.failure(what)

    def _ask(self, program: str) -> str:
        """What a program prints in the finished environment."""
        lines: list[str] = []
        command = [str(python_of(self._environment)), "-I", "-c", program]
        if self._listen(command, lines.append, lambda: None):
            last = next((line.strip() for line in reversed(lines) if line.strip()), "no word of why")
            raise EngineError(f"The compute runtime was installed but does not start: {last[:300]}", "Try again.")
        return "\n".join(lines)

    def _run(self, command: Sequence[str], what: str) -> None:
        lines: list[str] = []
        if self._listen(command, lines.append, lambda: None):
            last = next((line.strip() for line in reversed(lines) if line.strip()), "no word of why")
            raise EngineError(f"{what} cannot be made: {last[:300]}", "On Debian and Ubuntu it needs python3-venv.")

    def _listen(self, command: Sequence[str], hear: Callable[[str], None], look: Callable[[], None]) -> int:
        """Run a child in a session of its own, hear every line, look about once a second; its exit code."""
        if self._cancelled:
            raise Cancelled("The installation was cancelled.", "What was fetched is kept for the next try.")
        process = self._process = subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=_environment(), start_new_session=True,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            _follow(process.stdout.fileno(), hear, look)
            code = process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()
            self._process = None
        if self._cancelled:
            raise Cancelled("The installation was cancelled.", "What was fetched is kept for the next try.")
        return code

    def _say(
        self,
        phase: str,
        fraction: float,
        *,
        item: int = 0,
        items: int = 0,
        name: str = "",
        done_of: tuple[int, int] = (0, 0),
    ) -> None:
        spent = time.monotonic() - self._began_at
        left = spent * (1 - fraction) / fraction if spent > 5 and fraction > 0.05 else None
        self._tell(
            Step(
                phase=phase, fraction=min(1.0, fraction), item=item, items=items, name=name, done_bytes=done_of[0],
                total_bytes=done_of[1], left_s=left,
            )
        )  # fmt: skip

    def _switch(self) -> None:
        self._say("switch", 0.99)
        os.sync()  # some ten thousand files: one call for all of them, before anything points there
        fresh = self._root / "current.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(self._environment.name, target_is_directory=True)
        os.replace(fresh, self._root / "current")
        sync_folder(self._root)


def _follow(descriptor: int, hear: Callable[[str], None], look: Callable[[], None]) -> None:
    """Hear every line until the other side closes, and look about once a second, also while nothing is said."""
    waiting, looked_at = b"", 0.0
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while True:
            if selector.select(_LOOK_S):
                chunk = os.read(descriptor, 1 << 16)
                if not chunk:
                    break
                *lines, waiting = (waiting + chunk).replace(b"\r", b"\n").split(b"\n")
                for line in lines:
                    hear(line.decode("utf-8", "replace"))
            if time.monotonic() - looked_at >= _LOOK_S:
                look()
                looked_at = time.monotonic()
    if waiting:
        hear(waiting.decode("utf-8", "replace"))


def system_python() -> str:
    """The interpreter a runtime is made with: the system's, never this program's own.

    Raises:
        EngineError: there is none of a version that is known to work, or it cannot make environments.
    """
    for candidate in (_SYSTEM_PYTHON, shutil.which("python3"), shutil.which("python")):
        if candidate is None or not os.access(candidate, os.X_OK):
            continue
        asked = subprocess.run(
            [candidate, "-I", "-c", _ASK_PYTHON], capture_output=True, text=True, timeout=30, check=False,
            env=_environment(),
        )  # fmt: skip
        version = tuple(int(part) for part in asked.stdout.split() if part.isdecimal())
        if asked.returncode == 0 and KNOWN_PYTHONS[0] <= version <= KNOWN_PYTHONS[1]:
            return candidate
    raise EngineError(
        "No Python 3.11, 3.12 or 3.13 that can make environments was found.",
        "On Debian and Ubuntu: apt install python3 python3-venv",
    )


def _environment() -> dict[str, str]:
    """pip's own settings and the proxies stay; what would change another Python does not."""
    dropped = ("PYTHON", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return kept | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
