"""Small real processes that behave like a reader, trainer or planner, well or badly."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

_PRELUDE = """\
import argparse, hashlib, json, os, signal, sys, time
sys.path[:0] = {paths!r}
from pathlib import Path
from core import jobs, vault
parser = argparse.ArgumentParser()
for name in ("in", "out", "key"):
    parser.add_argument(f"--{{name}}-fd", type=int, dest=f"{{name}}_fd")
parser.add_argument("-I", action="store_true")
parser.add_argument("-m", dest="module")
options, _ = parser.parse_known_args()
if options.in_fd is not None:
    down, up = os.fdopen(options.in_fd, "rb"), os.fdopen(options.out_fd, "wb", buffering=0)
    key = os.fdopen(options.key_fd, "rb").read()
    say = lambda message: up.write(jobs.encode(message))
    hear = lambda: jobs.decode_down(down.readline())
    job = hear()
"""


def interpreter(folder: Path, body: str) -> str:
    """An executable that stands in for ``python -I -m module`` and runs ``body`` after reading its job."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "child.py"
    script.write_text(_PRELUDE.format(paths=[str(Path(__file__).resolve().parents[2])]) + body)
    program = folder / "python"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)
