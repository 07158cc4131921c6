"""Checks of everything that could be wrong, each with what to do about it."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from core.api import runtime
from core.api.errors import HedgerowError
from core.api.messages import Check
from core.engine.board import Board
from core.engine.config_store import ConfigStore
from core.engine.corpora import Corpora
from core.engine.keystore import Keystore
from core.engine.participation import Participation
from core.engine.volume import Volume
from core.hardware.nvml import NOT_INSTALLED, read_gpus
from core.ledger.store import Ledger
from core.sandbox import level_available

LOW_DISK = 1 << 30


def examine(
    home: Path,
    ledger: Ledger,
    keystore: Keystore,
    config: ConfigStore,
    corpora: Corpora,
    board: Board,
    volume: Volume,
    joined: list[Participation],
) -> list[Check]:
    """Run all checks; none of them changes anything."""
    checks = [
        _guard("home", lambda: _home(home)),
        _guard("disk", lambda: _disk(home)),
        _guard("keystore", lambda: _keystore(keystore)),
        _guard("ledger", lambda: _ledger(ledger)),
        _guard("settings", lambda: _settings(config)),
        _guard("sandbox", lambda: _sandbox(board)),
        _guard("worker", lambda: _worker(config)),
        _guard("GPU", _gpu),
        _guard("traffic", lambda: _traffic(volume)),
    ]
    checks += [_guard(f"text {row.name}", lambda row=row: _corpus(corpora, row.corpus_id)) for row in corpora.rows()]  # type: ignore[misc]
    checks += [_federation(one) for one in joined]
    return checks


def _guard(name: str, check: Callable[[], tuple[bool, str, str]]) -> Check:
    try:
        ok, detail, fix = check()
    except (HedgerowError, OSError, ValueError) as error:
        return Check(name=name, ok=False, detail=str(error), fix="")
    return Check(name=name, ok=ok, detail=detail, fix="" if ok else fix)


def _home(home: Path) -> tuple[bool, str, str]:
    mode = home.stat().st_mode & 0o777
    private = os.name != "posix" or not mode & 0o077
    return private, f"{home} is {'yours alone' if private else 'open to others'}", f"chmod 700 {home}"


def _disk(home: Path) -> tuple[bool, str, str]:
    free = shutil.disk_usage(home).free
    return free > LOW_DISK, f"{free / 1e9:.1f} GB free", "Free some space, or move the folder with HEDGEROW_HOME."


def _keystore(keystore: Keystore) -> tuple[bool, str, str]:
    keystore.get("probe")
    if keystore.changed_from:
        return False, f"the keys were in {keystore.changed_from} and are not here", "Unlock the place used before."
    return True, f"keys are in {keystore.backend}", ""


def _ledger(ledger: Ledger) -> tuple[bool, str, str]:
    if ledger.rolled_back:
        return False, "the ledger went back in time; nothing more is spent", "Put the newer ledger.db back."
    if ledger.newer_elsewhere:
        names = ", ".join(ledger.newer_elsewhere.values())
        return (
            False,
            f"{names} saw a newer ledger of this machine; nothing more is spent",
            "Put the newer ledger.db back. If you never restored an older one, leave that federation.",
        )
    problems = ledger.damage or ledger.verify_chain()
    if problems:
        return False, problems[0], "Put back an undamaged ledger.db."
    return True, f"{ledger.head().seq} entries, chain unbroken", ""


def _settings(config: ConfigStore) -> tuple[bool, str, str]:
    return not config.problem, config.problem or "readable", "Look at your limits and press Resume."


def _sandbox(board: Board) -> tuple[bool, str, str]:
    level = level_available()
    reached = f"; the last child reached {board.sandbox}" if board.sandbox else ""
    return bool(level), f"{level or 'none'}{reached}", "Install libseccomp; without it nothing is trained."


def _worker(config: ConfigStore) -> tuple[bool, str, str]:
    interpreter = config.node.worker_interpreter
    if interpreter:
        return os.access(interpreter, os.X_OK), interpreter, "Set worker_interpreter to a Python that exists."
    state = runtime.state()
    if state != "own":
        return state not in runtime.NEEDED, runtime.SENTENCES[state], runtime.INSTALL
    found = importlib.util.find_spec("torch") is not None
    return found, "torch is installed" if found else "torch is not installed", "Install Hedgerow's requirements again."


def _gpu() -> tuple[bool, str, str]:
    """No NVIDIA driver is no fault; one that does not answer, or a GPU that cannot train, is."""
    state, gpus = read_gpus()
    if not gpus:
        return state == NOT_INSTALLED, state, "Without it training runs on the processor."
    broken = [f"{gpu.name}: {gpu.problem}" for gpu in gpus if gpu.problem]
    if broken:
        return False, " ".join(broken), "`hedgerow hardware --probe` shows what each device says."
    heat = [f"{gpu.name}" if gpu.temperature_c is None else f"{gpu.name} at {gpu.temperature_c:.0f} °C" for gpu in gpus]
    return True, ", ".join(heat), ""


def _traffic(volume: Volume) -> tuple[bool, str, str]:
    used = f"{volume.month_bytes / 1e9:.2f} GB sent and received this month"
    return not volume.problem, volume.problem or used, "The file that was set aside holds the older figure."


def _corpus(corpora: Corpora, corpus_id: str) -> tuple[bool, str, str]:
    found = corpora.info(corpora.row(corpus_id))
    detail = found.error or f"{found.state}, {found.tokens:,} tokens, {found.skipped_total} files skipped"
    return found.state in ("ready", "reading"), detail, "Put the folder back, or remove it in Data."


def _federation(one: Participation) -> Check:
    name = f"federation {one.member.row.name}"
    if one.last_error:
        return Check(name=name, ok=False, detail=one.last_error, fix="")
    return Check(name=name, ok=True, detail=f"reached at {one.member.row.address}")
