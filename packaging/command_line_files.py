"""Write what a shell and ``man`` want to know of the command line, from the tree of commands itself.

python packaging/command_line_files.py OUT    →  OUT/hedgerow.1, OUT/hedgerow.bash, OUT/hedgerow.zsh, OUT/hedgerow.fish
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import click
import typer
from typer.completion import get_completion_script

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

SHELLS = ("bash", "zsh", "fish")
_ENVIRONMENT = (
    ("HEDGEROW_HOME", "Folder of the engine, instead of the one in the user's data folder."),
    ("HEDGEROW_PASSPHRASE_FILE", "File of mode 0600 with a passphrase, where there is no keyring."),
    ("HEDGEROW_RUNTIME", "Folder of the compute runtime of the packaged application."),
)
_FILES = (
    ("~/.local/share/hedgerow", "Settings, privacy ledger, encrypted text and uploads."),
    ("~/.local/share/hedgerow-runtime", "The compute runtime of the packaged application."),
    ("~/.config/autostart/org.hedgerow.Hedgerow.desktop", "Only after `hedgerow autostart on`."),
    ("~/.config/systemd/user/hedgerow-engine.service", "Only after `hedgerow service install`."),
)


def roff(text: str) -> str:
    """Text that roff does not interpret."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "")
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in escaped.splitlines())


def commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with its words, groups before what is in them."""
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*path, name))


def options(command: click.Command) -> Iterator[str]:
    """One paragraph per option."""
    for parameter in command.params:
        if getattr(parameter, "param_type_name", "") == "option" and "--help" not in parameter.opts:
            names = ", ".join((*parameter.opts, *parameter.secondary_opts))
            value = (
                ""
                if getattr(parameter, "is_flag", False)
                else f" \\fI{roff(str(parameter.human_readable_name).upper())}\\fR"
            )
            help_text = getattr(parameter, "help", "") or ""
            yield f".TP\n\\fB{roff(names)}\\fR{value}\n{roff(help_text) or chr(92) + '&'}"


def words(command: click.Command) -> str:
    """Names of the arguments."""
    return " ".join(
        parameter.make_metavar(click.Context(command))
        for parameter in command.params
        if getattr(parameter, "param_type_name", "") == "argument"
    )


def man_page() -> str:
    """The whole page."""
    from app.cli import tree

    root = typer.main.get_command(tree())
    parts = [
        f'.TH HEDGEROW 1 "" "Hedgerow {version("hedgerow")}" "User Commands"',
        ".SH NAME\nhedgerow \\- pre\\-train a language model together, without your text leaving this machine",
        ".SH SYNOPSIS",
        ".B hedgerow\n[\\fIOPTION\\fR]... [\\fICOMMAND\\fR [\\fIARGUMENT\\fR]...]",
        ".br\n.B hedgerow\n\\fIINVITE\\fR",
        ".SH DESCRIPTION",
        "Without a command, or with an invite link alone, the window opens. Everything it does, the commands do.",
        "With \\fB\\-\\-json\\fR a command prints one JSON document on standard output and nothing else.",
        ".SH OPTIONS",
        *options(root),
        ".SH COMMANDS",
    ]
    for path, command in commands(root, ("hedgerow",)):
        if len(path) == 1 or command.hidden:
            continue
        arguments = "".join(f" \\fI{roff(word)}\\fR" for word in words(command).split())
        parts.append(f".SS {roff(' '.join(path))}{arguments}\n{roff(command.help or '')}")
        parts += options(command)
    for title, rows in (("ENVIRONMENT", _ENVIRONMENT), ("FILES", _FILES)):
        parts.append(f".SH {title}")
        parts += [f".TP\n.B {roff(name)}\n{roff(text)}" for name, text in rows]
    parts.append(".SH EXIT STATUS\n0 worked, 1 failed with a named error, 2 wrong usage.")
    return "\n".join(parts) + "\n"


def main() -> int:
    """Entry point."""
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    (out / "hedgerow.1").write_text(man_page(), encoding="utf-8")
    for shell in SHELLS:
        script = get_completion_script(prog_name="hedgerow", complete_var="_HEDGEROW_COMPLETE", shell=shell)
        (out / f"hedgerow.{shell}").write_text(script + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
