"""``python -m core.engine.farewell --home DIR``: forget what a home has in the system's keyring, before it is removed.

Prints one JSON document, ``{"backend", "forgotten"}``. Secrets in a file under a passphrase go with the folder. Names
come from the ledger; a keyring that can list what belongs to a service is asked for the rest, such as the key of a
joining that was cut short.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sqlite3
import sys
from pathlib import Path

import msgspec

from core.api.client import engine_paths
from core.api.errors import EngineError, HedgerowError
from core.engine.keystore import forget
from core.engine.lock import EngineLock

FIXED = ("store-key", "ledger-head", "probe")


def main(arguments: list[str] | None = None) -> int:
    """Entry point; exit status 0, or 1 with ``{"error"}`` when the keyring does not answer or an engine still runs."""
    parser = argparse.ArgumentParser(prog="python -m core.engine.farewell")
    parser.add_argument("--home", type=Path, required=True)
    home = parser.parse_args(arguments).home.expanduser().absolute()
    try:
        lock = EngineLock(engine_paths(home).lock)
        lock.acquire()
        try:
            backend, count = forget(home, (*FIXED, *key_names(home)))
        finally:
            lock.release()
    except HedgerowError as error:
        sys.stdout.write(
            json.dumps({"error": {"code": error.code, "message": error.message, "hint": error.hint}}) + "\n"
        )
        return 1
    sys.stdout.write(json.dumps({"backend": backend, "forgotten": count}) + "\n")
    return 0


def key_names(home: Path) -> list[str]:
    """Names of the node keys of every federation that was ever joined; of a damaged ledger, what can be read."""
    names: list[str] = []
    if not (home / "ledger.db").is_file():
        return names
    with contextlib.suppress(sqlite3.Error, msgspec.MsgspecError, EngineError):
        database = sqlite3.connect(f"{(home / 'ledger.db').as_uri()}?mode=ro", uri=True, timeout=1.0)
        with contextlib.closing(database):
            for (content,) in database.execute("SELECT content FROM federations"):
                found = msgspec.json.decode(content)
                if isinstance(found, dict) and isinstance(name := found.get("key_name"), str) and name:
                    names.append(name)
    return names


if __name__ == "__main__":
    raise SystemExit(main())
