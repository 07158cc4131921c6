"""``hedgerow uninstall``: remove everything but what the owner keeps, and say what went and what stays."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from app.desktop import autostart, desktop_entry, service_unit
from app.terminal import console
from core.api import hosting, interpreter, runtime
from core.api.client import EngineClient, default_home, engine_paths
from core.api.errors import EngineError, HedgerowError, StorageError, UsageError, from_code
from core.api.messages.privacy import ExportParams

KEEPABLE = ("models", "ledger")
EXPORT = "ledger-export.json"
_OURS = ("ledger.db", "engine.lock", "config.toml", "keystore.json", "window.ini")
_STOP_S = 20.0


def uninstall(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="models: those of demos in the folder. ledger: an export of it. Repeatable."),
    ] = None,
) -> None:
    """Remove everything Hedgerow keeps on this machine: settings, ledger, keys, shards, runtime. Your files stay."""
    kept = set(keep or ())
    if kept - set(KEEPABLE):
        raise typer.BadParameter(f"{sorted(kept - set(KEEPABLE))[0]!r} is not models or ledger", param_hint="--keep")
    home = default_home()
    elsewhere = _elsewhere()
    if not home.is_dir() and not elsewhere:
        raise StorageError(f"There is nothing at {home}.")
    if home.is_symlink() or (home.is_dir() and not _is_ours(home)):
        raise UsageError(
            f"{home} does not look like a Hedgerow folder, so it stays.", "Remove it by hand if it should go."
        )
    _announce(home, elsewhere, kept)
    if not yes:
        typer.confirm("Remove it?", abort=True, err=True)
    if home.is_dir():
        _remove_home(home, kept)
    _remove_elsewhere()
    way = "sudo apt remove hedgerow" if interpreter.frozen() else "pipx uninstall hedgerow"
    console.say(f"The program itself goes with the way you installed it, such as `{way}`.")


def _announce(home: Path, elsewhere: list[Path], kept: set[str]) -> None:
    if home.is_dir():
        console.say(f"This removes {home}: settings, privacy ledger, keys, token shards and kept uploads.")
        console.say(
            "Without the ledger, what your text was already charged is forgotten. This cannot be undone.", "red"
        )
    for path in elsewhere:
        console.say(f"It removes {path} as well.")
    hosted = hosting.home_of_hosted(home)
    mine = f"federations you host, in {hosted}" if hosting.hosted(hosted) else "federations you host"
    stays = ["Your own files", mine, "models you exported elsewhere"]
    stays += [{"models": f"models in {home}", "ledger": f"{home / EXPORT}"}[name] for name in sorted(kept)]
    console.say(f"What stays: {', '.join(stays)}.")


def _is_ours(home: Path) -> bool:
    return any((home / name).exists() for name in _OURS) or not any(home.iterdir())


def _elsewhere() -> list[Path]:
    """What lies outside the home and is there."""
    found = [path for path in (autostart.path(), service_unit.path()) if path.exists()]
    found += [path for path in desktop_entry.paths().values() if path.exists()]
    found += [path for path in (runtime.folder(), *runtime.traces()) if path.exists()]
    return found


def _remove_home(home: Path, kept: set[str]) -> None:
    """The service first, or systemd would start the engine again; the keyring before the names in it are gone."""
    if service_unit.remove():
        console.say(f"Removed {service_unit.path()}.")
    if "ledger" in kept:
        _export(home)
    _stop_engine(home)
    forgotten = _forget_keys(home)
    if forgotten:
        console.say(f"Removed {forgotten}.")
    models = sorted(path for path in home.glob("demo-model*") if path.is_dir()) if "models" in kept else []
    stays = {*models, *([home / EXPORT] if "ledger" in kept else [])}
    if not stays:
        shutil.rmtree(home)
        desktop_entry.prune(home.parent, desktop_entry.data_home())
        console.say(f"Removed {home}.")
        return
    for path in home.iterdir():
        if path not in stays:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    console.say(f"Removed all else in {home}.")
    for path in sorted(stays):
        console.say(f"Kept {path}.")


def _export(home: Path) -> None:
    target = home / EXPORT
    target.unlink(missing_ok=True)
    try:
        with EngineClient(home) as client:
            client.connect(start=True)
            client.call("privacy.export", ExportParams(path=str(target), report=False), 600.0)
    except HedgerowError as error:
        raise StorageError(
            f"The ledger cannot be exported, so nothing was removed: {error.message}",
            f"{error.hint} Without `--keep ledger` it goes without an export.".strip(),
        ) from error


def _stop_engine(home: Path) -> None:
    """Ask it to end and wait until it has let go of the folder.

    Raises:
        EngineError: it is still there.
    """
    try:
        with EngineClient(home) as client:
            client.connect(timeout_s=5)
            client.call("shutdown")
    except EngineError:
        console.say("No engine was running.", "dim")
        return
    alive = engine_paths(home).lock.with_suffix(".pid")
    end = time.monotonic() + _STOP_S
    while alive.exists():
        if time.monotonic() > end:
            raise EngineError(f"The engine of {home} does not end.", "End it, then try again.")
        time.sleep(0.1)


def _forget_keys(home: Path) -> str:
    """What was removed from the keyring, in words; a keyring that does not answer stops all of it."""
    if not (home / "keystore.json").exists():
        return ""
    command = [*interpreter.command("core.engine.farewell", isolated=True), "--home", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    found = _answer(done, "The keys in the keyring stay, and so does all else.")
    count = int(found.get("forgotten", 0))
    return f"{count} keys from {found.get('backend')}" if count else ""


def _answer(done: subprocess.CompletedProcess[str], failed: str) -> dict[str, Any]:
    """The document that a child printed, its error raised."""
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise EngineError(failed, done.stderr.strip()[-300:]) from None
    if error := found.get("error"):
        raise from_code(error.get("code", ""), error.get("message", ""), error.get("hint", ""))
    return found


def _remove_elsewhere() -> None:
    if service_unit.remove():
        console.say(f"Removed {service_unit.path()}.")
    if autostart.switch_off():
        console.say(f"Removed {autostart.path()}.")
    for path in desktop_entry.remove():
        console.say(f"Removed {path}.")
    for path in runtime.traces():
        if path.exists():
            shutil.rmtree(path)
            console.say(f"Removed {path}.")
    if runtime.folder().exists():
        command = [*interpreter.command("core.runtime"), "remove", "--yes", "--json"]
        _answer(subprocess.run(command, capture_output=True, text=True, timeout=600, check=False), "The runtime stays.")
        desktop_entry.prune(runtime.folder().parent, desktop_entry.data_home())
        console.say(f"Removed {runtime.folder()}.")
