"""Checks of everything that could be wrong, each with what to do about it."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from core.api import runtime
from core.api.errors import HedgerowError
from core.api.messages.state import Check
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


@dataclass(frozen=True, slots=True)
class _Found:
    """What a check found; ``code`` and ``args`` say it without words."""

    ok: bool
    detail: str
    fix: str = ""
    code: str = ""
    args: dict[str, str | int | float] = field(default_factory=dict)


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
    checks += [_guard(f"federation {one.member.row.name}", lambda one=one: _federation(one)) for one in joined]  # type: ignore[misc]
    return checks


def _guard(name: str, check: Callable[[], _Found]) -> Check:
    try:
        found = check()
    except (HedgerowError, OSError, ValueError) as error:
        found = _Found(False, str(error))
    fix = "" if found.ok else found.fix
    return Check(name=name, ok=found.ok, detail=found.detail, fix=fix, code=found.code, args=found.args)


def _home(home: Path) -> _Found:
    mode = home.stat().st_mode & 0o777
    if os.name != "posix" or not mode & 0o077:
        return _Found(True, f"{home} is yours alone", code="home_private", args={"path": str(home)})
    fix = f"chmod 700 {home}"
    return _Found(False, f"{home} is open to others", fix, "home_open", {"path": str(home)})


def _disk(home: Path) -> _Found:
    free = shutil.disk_usage(home).free
    fix = "Free some space, or move the folder with HEDGEROW_HOME."
    code = "disk_free" if free > LOW_DISK else "disk_low"
    return _Found(free > LOW_DISK, f"{free / 1e9:.1f} GB free", fix, code, {"free_bytes": free})


def _keystore(keystore: Keystore) -> _Found:
    keystore.get("probe")
    if keystore.changed_from:
        args: dict[str, str | int | float] = {"place": keystore.changed_from}
        detail = f"the keys were in {keystore.changed_from} and are not here"
        return _Found(False, detail, "Unlock the place used before.", "keys_elsewhere", args)
    return _Found(True, f"keys are in {keystore.backend}", code="keys_here", args={"place": keystore.backend})


def _ledger(ledger: Ledger) -> _Found:
    if ledger.rolled_back:
        detail = "the ledger went back in time; nothing more is spent"
        return _Found(False, detail, "Put the newer ledger.db back.", "ledger_back")
    if ledger.newer_elsewhere:
        names = ", ".join(ledger.newer_elsewhere.values())
        return _Found(
            False,
            f"{names} saw a newer ledger of this machine; nothing more is spent",
            "Put the newer ledger.db back. If you never restored an older one, leave that federation.",
            "ledger_newer",
            {"name": names},
        )
    problems = ledger.damage or ledger.verify_chain()
    if problems:
        return _Found(False, problems[0], "Put back an undamaged ledger.db.")
    count = ledger.head().seq
    return _Found(True, f"{count} entries, chain unbroken", code="ledger_whole", args={"entries": count})


def _settings(config: ConfigStore) -> _Found:
    if config.problem:
        return _Found(False, config.problem, "Look at your limits and press Resume.")
    return _Found(True, "readable", code="settings_readable")


def _sandbox(board: Board) -> _Found:
    level = level_available()
    reached = f"; the last child reached {board.sandbox}" if board.sandbox else ""
    fix = "Install libseccomp; without it nothing is trained."
    code = "sandbox" if level else "sandbox_none"
    return _Found(bool(level), f"{level or 'none'}{reached}", fix, code, {"level": str(level or "")})


def _worker(config: ConfigStore) -> _Found:
    interpreter = config.node.worker_interpreter
    if interpreter:
        fix = "Set worker_interpreter to a Python that exists."
        return _Found(os.access(interpreter, os.X_OK), interpreter, fix)
    state = runtime.state()
    if state != "own":
        code = f"runtime_{state}"
        return _Found(state not in runtime.NEEDED, runtime.SENTENCES[state], runtime.INSTALL, code)
    if importlib.util.find_spec("torch") is not None:
        return _Found(True, "torch is installed", code="torch_here")
    return _Found(False, "torch is not installed", "Install Hedgerow's requirements again.", "torch_missing")


def _gpu() -> _Found:
    """No NVIDIA driver is no fault; one that does not answer, or a GPU that cannot train, is."""
    state, gpus = read_gpus()
    if not gpus:
        fix = "Without it training runs on the processor."
        code = "gpu_none" if state == NOT_INSTALLED else ""
        return _Found(state == NOT_INSTALLED, state, fix, code)
    broken = [f"{gpu.name}: {gpu.problem}" for gpu in gpus if gpu.problem]
    if broken:
        return _Found(False, " ".join(broken), "`hedgerow hardware --probe` shows what each device says.")
    heat = [f"{gpu.name}" if gpu.temperature_c is None else f"{gpu.name} at {gpu.temperature_c:.0f} °C" for gpu in gpus]
    return _Found(True, ", ".join(heat))


def _traffic(volume: Volume) -> _Found:
    if volume.problem:
        return _Found(False, volume.problem, "The file that was set aside holds the older figure.")
    used = f"{volume.month_bytes / 1e9:.2f} GB sent and received this month"
    return _Found(True, used, code="traffic", args={"month_bytes": volume.month_bytes})


def _corpus(corpora: Corpora, corpus_id: str) -> _Found:
    found = corpora.info(corpora.row(corpus_id))
    fix = "Put the folder back, or remove it in Data."
    if found.error:
        return _Found(found.state in ("ready", "reading"), found.error, fix)
    detail = f"{found.state}, {found.tokens:,} tokens, {found.skipped_total} files skipped"
    args: dict[str, str | int | float] = {"tokens": found.tokens, "skipped": found.skipped_total}
    ok = found.state in ("ready", "reading")
    return _Found(ok, detail, fix, f"text_{found.state}" if ok else "", args)


def _federation(one: Participation) -> _Found:
    if one.last_error:
        return _Found(False, one.last_error)
    address = one.member.row.address
    return _Found(True, f"reached at {address}", code="federation_reached", args={"address": address})
