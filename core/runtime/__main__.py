"""``python -m core.runtime status|install|remove``: the compute runtime of the packaged application.

``--json`` prints one JSON document at the end; ``--json-progress`` prints one line for every step as well, which is how
the window follows. Whoever stops reading has cancelled.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys

import msgspec

from core.api import runtime
from core.api.errors import HedgerowError, UsageError
from core.api.runtime import LOCK_FILE, SENTENCES, RuntimeStatus, Step, Variant
from core.hardware.profile import disk_free
from core.runtime.building import Builder, Cancelled
from core.runtime.folder import remove
from core.runtime.variants import offered, sized, suggest

PHASES = {
    "environment": "Making the environment",
    "packages": "Fetching packages",
    "torch": "Fetching torch",
    "check": "Trying it",
    "switch": "Switching to it",
}


def main(arguments: list[str] | None = None) -> int:
    """Entry point; exit status 0, or 1 with one sentence."""
    parser = argparse.ArgumentParser(prog="hedgerow runtime")
    parser.add_argument("command", choices=("status", "install", "remove"), nargs="?", default="status")
    parser.add_argument("--variant", choices=("cpu", "cuda", "rocm"), default="", help="build of torch")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--json-progress", action="store_true", help="a JSON line for every step")
    options = parser.parse_args(arguments)
    try:
        {"status": _status, "install": _install, "remove": _remove}[options.command](options)
    except HedgerowError as error:
        _report(error, options.json or options.json_progress)
        return 130 if isinstance(error, Cancelled) else 1
    except BrokenPipeError:
        return 130
    return 0


def status() -> RuntimeStatus:
    """What is installed, and what could be.

    Raises:
        EngineError: the package is damaged.
    """
    state = runtime.state()
    if state == "own":
        return RuntimeStatus(state=state, sentence=SENTENCES[state], folder=sys.prefix)
    root = runtime.folder()
    lock, _ = runtime.read_lock(runtime.library() / LOCK_FILE)
    environment = runtime.current(root)
    found = runtime.read_runtime(environment) if environment else None
    suggested, why = suggest()
    return RuntimeStatus(
        state=state,
        sentence=SENTENCES[state],
        folder=str(root),
        variant=found.variant if found else "",
        torch=found.torch if found else "",
        python=found.python if found else "",
        size_bytes=found.size_bytes if found else 0,
        suggested=suggested,
        why=why,
        variants=offered(lock),
        free_bytes=disk_free(root),
    )


def _status(options: argparse.Namespace) -> None:
    found = status()
    if options.json or options.json_progress:
        _document(found, lines=options.json_progress)
        return
    words = [found.sentence]
    if found.variant:
        held = f"torch {found.torch} ({found.variant}), Python {found.python}, {_size(found.size_bytes)}"
        words.append(f"{held} in {found.folder}")
    elif found.state == "own":
        words.append(found.folder)
    if found.state not in ("own", "current"):
        words += [f"{found.why} Suggested: {found.suggested}.", *(f"  {_takes(each)}" for each in found.variants)]
        words.append("Install it with `hedgerow runtime install`.")
    sys.stdout.write("\n".join(words) + "\n")


def _install(options: argparse.Namespace) -> None:
    if runtime.state() == "own":
        raise UsageError(
            "This installation computes in its own environment, so there is no runtime to install.",
            "torch came with Hedgerow; another build of it is installed with pip in that environment.",
        )
    lock, lock_id = runtime.read_lock(runtime.library() / LOCK_FILE)
    variant = options.variant or suggest()[0]
    takes = sized(lock, variant)
    quiet = options.json or options.json_progress
    if not quiet:
        sys.stderr.write(f"{_takes(takes)}, into {runtime.folder()}\n")
        if not options.yes and not _confirmed("Install it?"):
            raise UsageError("Nothing was installed.")
    tell = _Teller(lines=options.json_progress, words=not quiet)
    builder = Builder(runtime.folder(), lock, lock_id, runtime.library(), variant, tell)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: builder.cancel())
    try:
        builder.build()
    finally:
        tell.end()
    if quiet:
        _document(status(), lines=options.json_progress)
    else:
        _status(options)


def _remove(options: argparse.Namespace) -> None:
    if runtime.state() == "own" and not runtime.folder().exists():  # the packaged application may have left one
        raise UsageError(
            "This installation computes in its own environment, so there is no runtime to remove.",
            "It goes with Hedgerow, such as with `pipx uninstall hedgerow`.",
        )
    quiet = options.json or options.json_progress
    if not options.yes and not quiet and not _confirmed(f"Remove {runtime.folder()}?"):
        raise UsageError("Nothing was removed.")
    was_there = remove(runtime.folder())
    if quiet:
        _document(status(), lines=options.json_progress)
    else:
        sys.stdout.write(f"Removed {runtime.folder()}.\n" if was_there else "There was no compute runtime.\n")


class _Teller:
    """Steps as JSON lines, or as one line for people that is written over; a line per phase where nobody looks."""

    def __init__(self, *, lines: bool, words: bool) -> None:
        self._lines, self._words = lines, words
        self._phase = ""
        self._open = False

    def __call__(self, step: Step) -> None:
        if self._lines:
            sys.stdout.write(msgspec.json.encode(step).decode() + "\n")
            sys.stdout.flush()
        elif self._words and sys.stderr.isatty():
            width = max(20, shutil.get_terminal_size().columns - 1)
            sys.stderr.write(f"\r\x1b[2K{_step_words(step)[:width]}")
            sys.stderr.flush()
            self._open = True
        elif self._words and step.phase != self._phase:
            sys.stderr.write(f"{PHASES.get(step.phase, step.phase)}\n")
            sys.stderr.flush()
        self._phase = step.phase

    def end(self) -> None:
        """Leave the line."""
        if self._open:
            sys.stderr.write("\n")


def _step_words(step: Step) -> str:
    words = f"{100 * step.fraction:3.0f} %  {PHASES.get(step.phase, step.phase)}"
    if step.item:
        words += f" {step.item} of {step.items}: {step.name}"
    if step.total_bytes:
        words += f", {_size(step.done_bytes)} of {_size(step.total_bytes)}"
    if step.left_s is not None:
        words += f", about {step.left_s / 60:.0f} min left" if step.left_s >= 90 else f", {step.left_s:.0f} s left"
    return words


def _takes(variant: Variant) -> str:
    download, disk = _size(variant.download_bytes), _size(variant.disk_bytes)
    return f"{variant.name}: about {download} to fetch, {disk} on disk"


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _confirmed(question: str) -> bool:
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _document(value: RuntimeStatus, *, lines: bool) -> None:
    raw = msgspec.json.encode(value)
    sys.stdout.write((raw if lines else msgspec.json.format(raw, indent=2)).decode() + "\n")
    sys.stdout.flush()


def _report(error: HedgerowError, as_json: bool) -> None:
    if as_json:
        parts = {"code": error.code, "title": error.title, "message": error.message, "hint": error.hint}
        sys.stdout.write(msgspec.json.encode({"error": parts}).decode() + "\n")
    else:
        sys.stderr.write("\n".join(part for part in (error.title, error.message, error.hint) if part) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
