"""Arguments → window or command. ``hedgerow`` opens the window; every other command is thin over ``core.api``.

Exit codes: 0 worked, 1 failed with a named error, 2 wrong usage. ``demo``, ``host``, ``bench`` and ``engine`` become
``python -m core.…``: on POSIX this process turns into that one, so signals need no forwarding.
"""

from __future__ import annotations

import functools
import json as jsonlib
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import completion

from app.terminal import commands, console, inspection, installation, texts, trying
from app.terminal.uninstall import uninstall
from core.api import interpreter
from core.api.client import default_home
from core.api.errors import EngineError, HedgerowError, PrivacyError

INVITE = "hedgerow:"
_LARGE = 1e9
_RAW: dict[str, Any] = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def root(
    context: typer.Context,
    home: Annotated[Path | None, typer.Option(help="Folder of the engine, instead of the usual one.")] = None,
    background: Annotated[bool, typer.Option("--background", help="Open no window, only the tray.")] = False,
) -> None:
    """Pre-train a language model together, without your text leaving this machine."""
    if home is not None:
        os.environ["HEDGEROW_HOME"] = str(home.expanduser().absolute())
    if context.invoked_subcommand is None:
        raise typer.Exit(open_window("", background=background))
    if background:
        raise typer.BadParameter("it opens the window's tray and goes with no command", param_hint="--background")


def open_window(invite: str, *, background: bool = False) -> int:
    """The window on the engine of this home, or its tray icon alone; Qt is loaded only here.

    Raises:
        EngineError: Qt's system libraries are missing.
    """
    try:
        from app.application import run
    except ImportError as error:
        hint = "Install the packages listed in packaging/debian-packages.txt; every command works without the window."
        raise EngineError(f"The window cannot open: {error}.", hint) from error
    return run(default_home(), invite, background=background)


def demo(context: typer.Context) -> None:
    """Run a whole federation on this machine, on real text."""
    arguments = list(context.args)
    if "--headless" not in arguments and has_display():
        window = [*interpreter.command("app"), "--home"]
        arguments += ["--window-command", jsonlib.dumps(window)]
    become("core.demo", arguments)


def host(context: typer.Context) -> None:
    """Host a federation: create, run, invite, status, export."""
    become("core.coordinator", context.args)


def bench(context: typer.Context) -> None:
    """Measure: train, data, privacy, codec, round, engine, coordinator, crowd, uplink or gui."""
    become("core.bench", context.args)


def engine(context: typer.Context) -> None:
    """Run the engine in the foreground."""
    become("core.engine", ["--home", str(default_home()), "--foreground", *context.args])


def privacy_root(context: typer.Context, json: commands.Json = False) -> None:
    """What each text has cost in privacy."""
    if context.invoked_subcommand is None:
        inspection.budgets(json)


def estimate(
    unit: Annotated[str, typer.Option(help="document, record or corpus.")],
    noise_multiplier: Annotated[float, typer.Option(min=0.01)],
    steps: Annotated[int, typer.Option(min=1)],
    delta: Annotated[float, typer.Option(min=1e-15, max=0.5)],
    sampling_prob: Annotated[float, typer.Option(min=0.0, max=1.0)] = 1.0,
    json: commands.Json = False,
) -> None:
    """The ε of a plan, by the same filters that guard the ledger."""
    if unit not in {"document", "record", "corpus"}:
        raise typer.BadParameter(f"{unit!r} is not document, record or corpus", param_hint="--unit")
    asked = {"unit": unit, "noise_multiplier": noise_multiplier, "sampling_prob": sampling_prob}
    found = _plan({"estimate": {**asked, "steps": steps, "delta": delta}})
    if json:
        console.document(found)
    else:
        console.lines((name, _figure(name, value)) for name, value in found.items())


def _figure(name: str, value: object) -> object:
    """Four digits of a number; spent ε is rounded up, at the fourth decimal."""
    if not isinstance(value, float):
        return value
    if name == "epsilon" and value < _LARGE:
        return f"{math.ceil(value * 1e4) / 1e4:.4f}"
    return f"{value:.4g}"


def _plan(request: dict[str, object]) -> dict[str, object]:
    command = interpreter.command("core.postprocess.privacy.planner", isolated=True)
    done = subprocess.run(
        command, input=jsonlib.dumps(request), capture_output=True, text=True, timeout=300, check=False
    )
    try:
        found = jsonlib.loads(done.stdout)
    except ValueError:
        found = None
    if not isinstance(found, dict) or done.returncode not in (0, 1, 2):
        raise PrivacyError("The accountant did not answer.", done.stderr.strip()[-400:])
    if "error" in found:
        error = found["error"]
        raise PrivacyError(str(error.get("message", error) if isinstance(error, dict) else error))
    return found


@functools.cache
def tree() -> typer.Typer:
    """Every command in its place."""
    completion.completion_init()  # type: ignore[attr-defined]  # so that a shell that was given typer's completion script is answered in its form
    cli = typer.Typer(name="hedgerow", add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    cli.callback(invoke_without_command=True)(root)
    for raw in (demo, host, bench, engine):
        cli.command(context_settings=_RAW)(raw)
    plain: tuple[Callable[..., None], ...] = (
        *(commands.start, commands.pause, commands.resume, commands.snooze, commands.status),
        *(commands.join, commands.leave, commands.federations, commands.share),
        *(inspection.hardware, inspection.uploads, inspection.history, inspection.doctor, inspection.log, uninstall),
    )
    for command in plain:
        cli.command()(command)
    cli.command("try")(trying.try_model)
    privacy = typer.Typer(help="What each text has cost, and what a plan would cost.", invoke_without_command=True)
    privacy.callback()(privacy_root)
    privacy.command()(estimate)
    privacy.command("export")(inspection.export_ledger)
    cli.add_typer(texts.corpus, name="corpus")
    cli.add_typer(inspection.limits, name="limits")
    cli.add_typer(privacy, name="privacy")
    cli.add_typer(installation.runtime_group(become), name="runtime")
    cli.add_typer(installation.desktop, name="desktop")
    cli.add_typer(installation.autostart_group, name="autostart")
    cli.add_typer(installation.service, name="service")
    return cli


def has_display() -> bool:
    """Whether a window could be shown."""
    if os.environ.get("QT_QPA_PLATFORM") in {"offscreen", "minimal"}:
        return False
    return sys.platform in {"win32", "darwin"} or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def become(module: str, arguments: Sequence[str]) -> None:
    """Go on as ``python -m module``; where a process cannot be replaced, wait for it and pass its code on.

    Raises:
        RuntimeMissing: the packaged application needs its compute runtime for it.
    """
    command = [*interpreter.command(module), *arguments]
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        os.execv(command[0], command)  # noqa: S606
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise typer.Exit(subprocess.run(command, check=False).returncode)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    An invite link is taken only as the single argument: a desktop hands it over from a web page, so nothing in it may
    become an option.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given and given[0].lower().startswith(INVITE):
            if len(given) != 1:
                console.say("An invite link is opened alone, without other arguments.", "red")
                return 2
            return open_window(given[0])
        tree()(args=given, prog_name="hedgerow")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except HedgerowError as error:
        console.report(error, "--json" in given)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
