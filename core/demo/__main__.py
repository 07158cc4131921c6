"""``python -m core.demo``: see ``hedgerow demo --help``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from core.api.errors import HedgerowError
from core.demo.run import DP_STEPS, Options, run

UNITS = ("document", "record", "corpus", "none")
PRESETS = ("tiny", "10m", "tiny-gpt2", "10m-gpt2")
"""What several volunteers and a coordinator train on one machine without a card."""


def _number(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1_000:
        raise ValueError
    return value


def _command(text: str) -> tuple[str, ...]:
    value = json.loads(text)
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value) or not value:
        raise ValueError
    return tuple(value)


def parse(arguments: Sequence[str] | None) -> Options:
    """Read the arguments; exits with code 2 on wrong usage."""
    parser = argparse.ArgumentParser(
        prog="hedgerow demo", description="A whole federation on this machine, on real text.", allow_abbrev=False
    )
    parser.add_argument("--volunteers", type=_number, default=2, metavar="N")
    parser.add_argument("--rounds", type=_number, default=3, metavar="R")
    parser.add_argument("--preset", choices=PRESETS, default="tiny")
    parser.add_argument("--privacy", choices=UNITS, default="record", help="none means no formal guarantee")
    parser.add_argument("--corpus", type=Path, action="append", default=[], metavar="PATH", help="own text; repeatable")
    parser.add_argument("--headless", action="store_true", help="open no window even where there is a display")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep everything in this new folder")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else on stdout")
    parser.add_argument("--shards", type=_number, default=1, metavar="N", help="parts of the model trained apart")
    parser.add_argument("--local-steps", type=_number, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--window-command", type=_command, default=(), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    return Options(
        volunteers=given.volunteers,
        rounds=given.rounds,
        preset=given.preset,
        privacy=given.privacy,
        corpora=tuple(path.expanduser().absolute() for path in given.corpus),
        keep=given.keep,
        as_json=given.json,
        local_steps=given.local_steps or (DP_STEPS if given.privacy in ("document", "record") else None),
        shards=given.shards,
        window_command=() if given.headless else given.window_command,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0 worked, 1 failed with a named error, 2 wrong usage, 130 interrupted."""
    options = parse(arguments)
    try:
        run(options)
    except HedgerowError as error:
        if options.as_json:
            parts = {"code": error.code, "title": error.title, "message": error.message, "hint": error.hint}
            print(json.dumps({"error": parts}, ensure_ascii=False))
        else:
            print(f"{error.title}\n{error.message}\n{error.hint}".strip(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        kept = f"{options.keep} is kept" if options.keep is not None else "the demo's folder is gone"
        print(f"Stopped. Every process has ended and {kept}.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
