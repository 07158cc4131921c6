"""``python -m core.coordinator create | run | stop | invite | status | export``.

``--json`` prints one JSON document (``run``: one object per line) on standard output and nothing else. Exit 0 worked,
1 failed with a named error, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from core.api import interpreter
from core.api.errors import HedgerowError, UsageError
from core.coordinator import create_options


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return int(text)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    root = argparse.ArgumentParser(prog="hedgerow host", description="Host a federation.")
    commands = root.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="make a federation in a new folder")
    create_options.add(create)
    run = commands.add_parser("run", help="run it until its last round")
    run.add_argument("dir", type=Path, help="folder of the federation")
    run.add_argument("--listen", default="", metavar="HOST:PORT", help="where volunteers are awaited this time")
    run.add_argument(
        "--forward", default="", metavar="INVITE", help="as a household: one volunteer of a larger federation"
    )
    run.add_argument("--address", default="", metavar="HOST[:PORT]", help="of a household: what invites to it name")
    run.add_argument("--yes", action="store_true", help="of a household: agree to the larger federation's terms")
    run.add_argument("--metrics", type=_port, metavar="PORT", help="serve figures for Prometheus on 127.0.0.1")
    run.add_argument("--keep-serving", action="store_true", help="go on after the last round")
    run.add_argument("--parent-pid", type=int, default=0, help="stop when this parent process ends")
    invite = commands.add_parser("invite", help="make an invite")
    invite.add_argument("dir", type=Path, help="folder of the federation")
    invite.add_argument("--uses", type=int, default=1, metavar="N", help="volunteers who may join by it")
    invite.add_argument("--expires", default="7d", metavar="DURATION", help="like 12h or 7d")
    for name, what in (("status", "figures"), ("stop", "stop the process that runs it")):
        commands.add_parser(name, help=what).add_argument("dir", type=Path, help="folder of the federation")
    export = commands.add_parser("export", help="write the model for transformers")
    export.add_argument("dir", type=Path, help="folder of the federation")
    export.add_argument("out", type=Path, help="new folder")
    export.add_argument("--run", action="store_true", help="instead: terms, seeds and every round, to run it again")
    for command in commands.choices.values():
        command.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    return root


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    options = parser().parse_args(arguments)
    try:
        _COMMANDS[options.command](options)
    except HedgerowError as error:
        if options.json:
            _line({"error": {"code": error.code, "title": error.title, "message": error.message, "hint": error.hint}})
        sys.stderr.write(f"{error.title}: {error}\n")
        return 2 if isinstance(error, UsageError) else 1
    except BrokenPipeError:
        return 1
    return 0


def _line(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def _show(options: argparse.Namespace, document: dict[str, Any], words: str) -> None:
    if options.json:
        _line(document)
    else:
        sys.stdout.write(words + "\n")


def _create(options: argparse.Namespace) -> None:
    from core.coordinator.creation import create

    made = create(options.dir, create_options.choices(options))
    document = {
        "dir": str(made.home.root),
        "federation_id": made.federation_id,
        "run_id": made.config.run_id,
        "manifest_hash": made.manifest_hash,
    }
    _show(options, document, f"Made {made.config.name} in {made.home.root}. Next: hedgerow host run {options.dir}")


def _run(options: argparse.Namespace) -> None:
    from core.coordinator.home import Federation
    from core.coordinator.premises import taken

    os.umask(0o077)  # Flower's own files too
    if options.forward:
        _join_larger(options)
    show = _line if options.json else _words
    federation = Federation(options.dir)
    settings = federation.settings
    metrics = settings.metrics if options.metrics is None else options.metrics
    with taken(federation, options.listen or settings.listen, metrics, show) as premises:
        from core.coordinator.service import Service  # numpy has threads, and a process with threads cannot move

        Service(federation, premises, show).run(keep_serving=options.keep_serving, parent_pid=options.parent_pid)


def _join_larger(options: argparse.Namespace) -> None:
    """Make or complete the household in a process of its own: it knows the engine, the coordinator does not.

    Raises:
        SystemExit: it was not made; the child has said why, and ended with this status.
    """
    command = [*interpreter.command("core.household"), "join", str(options.dir), options.forward]
    command += [f"--{name}" for name in ("yes", "json") if getattr(options, name)]
    command += [f"--{name}={value}" for name in ("listen", "address") if (value := getattr(options, name))]
    status = subprocess.run(command, check=False).returncode
    if status:
        raise SystemExit(status if status > 0 else 1)


def _words(line: dict[str, Any]) -> None:
    """One event for people."""
    if line.get("event") == "network":
        return  # standard error has said it, or the line about being ready does
    if line.get("ready"):
        text = f"Ready at {line['address']}. Status page: {line['url']}"
        if line["isolated"]:
            text += "\nFlower runs in a network of its own, which no other user of this machine reaches."
        if line["metrics"]:
            text += f"\nFigures for Prometheus: {line['metrics']}"
        if line.get("forwards_to"):
            text += f"\nThe machines that join here are one volunteer of {line['forwards_to']}."
    else:
        rest = {
            key: value
            for key, value in line.items()
            if key not in ("event", "at", "rounds") and value not in ("", None)
        }
        text = f"{line.get('event')}: " + ", ".join(f"{key} {value}" for key, value in rest.items())
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _invite(options: argparse.Namespace) -> None:
    from core.coordinator.service import invite

    made = invite(options.dir, options.uses, create_options.duration_s(options.expires))
    _show(options, made, made["invite"])


def _status(options: argparse.Namespace) -> None:
    from core.coordinator.reporting import status

    found = status(options.dir)
    rows = [_round_words(row) for row in found["rounds"]]
    done = sum(row["state"] == "closed" for row in found["rounds"])
    state = "not running" if done < found["rounds_planned"] else "finished"
    if found["running"]:
        state = f"running at {found['address']}"
    end = f"{_volunteers(found['volunteers'])}, {found['rounds_planned']} rounds planned"
    if found["forwards_to"]:
        end += f", the mean of each goes on to {found['forwards_to']}"
    _show(options, found, "\n".join((f"{found['name']}: {state}", *rows, end)))


def _stop(options: argparse.Namespace) -> None:
    from core.coordinator.running import stop

    stopped = stop(options.dir)
    _show(options, {"stopped": stopped}, "It has stopped." if stopped else "Nobody was running it.")


def _round_words(row: dict[str, Any]) -> str:
    measured = "" if row["bits_per_byte"] is None else f", {row['bits_per_byte']:.3f} bits per byte"
    rejected = f", taken back: {row['rejected']}" if row["rejected"] else ""
    rate = "" if row["outer_lr"] is None else f", outer rate {row['outer_lr']:.3g}"
    return (
        f"round {row['round']}: {row['state']}, {_volunteers(row['volunteers'])}, "
        f"{row['upload_bytes']:,} bytes received{rate}{measured}{rejected}"
    )


def _volunteers(count: int) -> str:
    return "1 volunteer" if count == 1 else f"{count} volunteers"


def _export(options: argparse.Namespace) -> None:
    if options.run:
        from core.coordinator.replication import export_run

        done = export_run(options.dir, options.out)
        _show(options, done, f"The run, {done['rounds']} rounds so far, is in {done['dir']}")
        return
    from core.coordinator.service import export

    made = export(options.dir, options.out)
    _show(options, made, f"The model after round {made['round']} is in {made['model_dir']}")


_COMMANDS = {
    "create": _create, "run": _run, "stop": _stop, "invite": _invite, "status": _status, "export": _export,
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())
