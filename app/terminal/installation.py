"""Commands about the installation itself: compute runtime, menu entry, autostart, service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from app.desktop import autostart, desktop_entry, service_unit
from app.terminal import console
from app.terminal.commands import Json
from core.api import interpreter
from core.api.client import default_home
from core.api.errors import StorageError, UsageError

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
_VARIANT = "Build of torch: cpu, cuda or rocm; the one that suits this machine by default."


def runtime_group(become: Callable[[str, list[str]], None]) -> typer.Typer:
    """``runtime``: status, install, remove. ``become`` turns this process into the module that does it."""
    group = typer.Typer(help="The compute runtime of the packaged application.", invoke_without_command=True)

    @group.callback()
    def status(context: typer.Context, json: Json = False) -> None:
        """The compute runtime of the packaged application: torch and the readers, in an environment of their own."""
        if context.invoked_subcommand is None:
            become("core.runtime", ["status", *_flags(json=json)])

    @group.command("install")
    def install(
        variant: Annotated[str, typer.Option(help=_VARIANT)] = "",
        yes: Yes = False,
        json: Json = False,
        json_progress: Annotated[bool, typer.Option("--json-progress", help="A JSON line for every step.")] = False,
    ) -> None:
        """Fetch torch and what else computes, check it, and switch to it."""
        if variant and variant not in ("cpu", "cuda", "rocm"):
            raise typer.BadParameter(f"{variant!r} is not cpu, cuda or rocm", param_hint="--variant")
        chosen = ["--variant", variant] if variant else []
        become("core.runtime", ["install", *chosen, *_flags(yes=yes, json=json, json_progress=json_progress)])

    @group.command("remove")
    def remove(yes: Yes = False, json: Json = False) -> None:
        """Remove it; settings, ledger and history stay."""
        become("core.runtime", ["remove", *_flags(yes=yes, json=json)])

    return group


def _flags(**given: bool) -> list[str]:
    return [f"--{name.replace('_', '-')}" for name, value in given.items() if value]


desktop = typer.Typer(help="The menu entry and the handler of invite links, for this user.", no_args_is_help=True)
autostart_group = typer.Typer(help="Start with the session, into the tray.", no_args_is_help=True)
service = typer.Typer(help="The engine as a service of your systemd.", no_args_is_help=True)


@desktop.command("install")
def desktop_install() -> None:
    """Write a menu entry, an icon and the handler of hedgerow: links for this user."""
    if interpreter.frozen():
        raise UsageError("The package has brought the menu entry already.", "It goes with the package.")
    _say_paths("Wrote", _writing(desktop_entry.install))


@desktop.command("remove")
def desktop_remove() -> None:
    """Remove them again."""
    gone = desktop_entry.remove()
    _say_paths("Removed", gone) if gone else console.say("There was no menu entry of this user.")


@autostart_group.command("on")
def autostart_on() -> None:
    """Start Hedgerow into the tray when the session begins."""
    console.say(f"Wrote {_writing(autostart.switch_on)}. Hedgerow starts with the session, into the tray.")


@autostart_group.command("off")
def autostart_off() -> None:
    """Do not start with the session."""
    there = autostart.switch_off()
    console.say(f"Removed {autostart.path()}." if there else "It was off.")


@autostart_group.command("status")
def autostart_status(json: Json = False) -> None:
    """Whether it is on."""
    on = autostart.is_on()
    if json:
        console.document({"on": on, "path": str(autostart.path())})
    else:
        console.say("on" if on else "off")


@service.command("install")
def service_install() -> None:
    """Let systemd run the engine, now and at every login, also without the window."""
    worked, said = _writing(lambda: service_unit.install(default_home()))
    console.say(f"Wrote {service_unit.path()}.")
    if worked:
        console.say("The engine runs as a service. To run it without a login as well: loginctl enable-linger")
    elif said:
        raise UsageError(f"systemd does not start it: {said}", f"See: journalctl --user -u {service_unit.NAME}")
    else:
        console.say(
            f"No systemd of this user answers here. Where one does: systemctl --user enable --now {service_unit.NAME}"
        )


@service.command("remove")
def service_remove() -> None:
    """Stop it and take the unit away."""
    console.say(f"Removed {service_unit.path()}." if service_unit.remove() else "There was no service.")


@service.command("status")
def service_status(json: Json = False) -> None:
    """Whether there is a service, and whether it runs."""
    there, state = service_unit.path().exists(), service_unit.state()
    if json:
        console.document({"installed": there, "state": state, "path": str(service_unit.path())})
        return
    words = state or "no systemd of this user answers here"
    console.say(f"{service_unit.path()}: {words}" if there else f"There is no service ({words}).")


def _writing(action: Callable[[], Any]) -> Any:
    try:
        return action()
    except OSError as error:
        raise StorageError(f"{error.filename} cannot be written: {error.strerror}.") from error


def _say_paths(verb: str, paths: list[Any]) -> None:
    for path in paths:
        console.say(f"{verb} {path}")
