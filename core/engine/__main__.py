"""``python -m core.engine [--home DIR] [--passphrase-fd N] [--foreground]``: one engine until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import logging.handlers
import os
import signal
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from core.api.client import default_home, engine_paths
from core.api.errors import HedgerowError
from core.engine.ending import Deadline
from core.engine.keystore import open_keystore
from core.engine.lock import EngineLock, prepare_home

LOG_BYTES = 1 << 20
FLOWER_SETTINGS = {"FLWR_TELEMETRY_ENABLED": "0", "FLWR_DISABLE_UPDATE_CHECK": "1"}


def main(arguments: list[str] | None = None) -> int:
    """Entry point; exit status 0 after a clean stop, 1 with one sentence on stderr."""
    parser = argparse.ArgumentParser(prog="python -m core.engine")
    parser.add_argument("--home", type=Path, default=None, help="the engine's folder")
    parser.add_argument("--passphrase-fd", type=int, default=None, help="descriptor to read the keystore's passphrase")
    parser.add_argument("--foreground", action="store_true", help="log to stderr as well")
    options = parser.parse_args(arguments)
    home = (options.home or default_home()).expanduser().absolute()
    os.umask(0o077)
    _forbid_core_dumps()
    # Read by flwr when it is imported, which must happen after this.
    os.environ.update(FLOWER_SETTINGS, FLWR_HOME=str(home / "run" / "flwr"))
    try:
        prepare_home(home)
        lock = EngineLock(engine_paths(home).lock)
        lock.acquire()
        try:
            _log_to(home, foreground=options.foreground)
            keystore = open_keystore(home, passphrase_fd=options.passphrase_fd)
            asyncio.run(_serve(home, keystore))
        finally:
            lock.release()
    except HedgerowError as error:
        sys.stderr.write(f"{' '.join(str(error).split())}\n")
        return 1
    return 0


async def _serve(home: Path, keystore: object) -> None:
    from core.engine.service import Engine

    engine = Engine(home, keystore, _version())  # type: ignore[arg-type]
    loop = asyncio.get_running_loop()
    deadline = Deadline(home / "logs" / "engine.log")

    def stop(*_: object) -> None:
        deadline.set()
        loop.call_soon_threadsafe(engine.stopping.set)

    async def stopped_by_request() -> None:
        await engine.stopping.wait()
        deadline.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)  # not the loop's own way, which would wait for a loop that hangs
    waiting = asyncio.create_task(stopped_by_request())

    def ready(address: str) -> None:
        sys.stdout.write(json.dumps({"ready": True, "socket": address}) + "\n")
        sys.stdout.flush()

    await engine.run(ready)
    await waiting


def _version() -> str:
    try:
        return version("hedgerow")
    except PackageNotFoundError:
        return "0"


def _forbid_core_dumps() -> None:
    """Keys live in this process's memory; a crash must not write them to disk."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _log_to(home: Path, *, foreground: bool) -> None:
    handlers: list[logging.Handler] = [
        logging.handlers.RotatingFileHandler(home / "logs" / "engine.log", maxBytes=LOG_BYTES, backupCount=1)
    ]
    if foreground:
        handlers.append(logging.StreamHandler())
    logging.basicConfig(level=logging.INFO, handlers=handlers, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    for noisy in ("httpx", "httpcore", "flwr", "keyring"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
