"""``python -m core.household join DIR INVITE | forward DIR``; both are started by ``hedgerow host run --forward``."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

from core.api.errors import HedgerowError, UsageError
from core.config.federation import FederationConfig
from core.federation.invite import Invite

LOG_BYTES = 1 << 20


def main(arguments: list[str] | None = None) -> int:
    """Entry point; exit status 0 after a clean end, 1 with one sentence on stderr, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m core.household")
    commands = parser.add_subparsers(dest="command", required=True)
    join = commands.add_parser("join")
    join.add_argument("dir", type=Path)
    join.add_argument("invite")
    join.add_argument("--yes", action="store_true")
    join.add_argument("--listen", default="127.0.0.1:0")
    join.add_argument("--address", default="")
    join.add_argument("--json", action="store_true", help="errors as JSON on standard output too")
    commands.add_parser("forward").add_argument("dir", type=Path)
    options = parser.parse_args(arguments)
    os.umask(0o077)
    try:
        if options.command == "join":
            _join(options)
        else:
            asyncio.run(_forward(options.dir))
    except HedgerowError as error:
        if getattr(options, "json", False):
            named = {"code": error.code, "title": error.title, "message": error.message, "hint": error.hint}
            sys.stdout.write(json.dumps({"error": named}) + "\n")
        sys.stderr.write(f"{error.title}: {error}\n")
        return 2 if isinstance(error, UsageError) else 1
    return 0


def _join(options: argparse.Namespace) -> None:
    from core.coordinator.home import HostSettings
    from core.household.joining import in_words, join

    def consent(invite: Invite, larger: FederationConfig) -> bool:
        sys.stderr.write(in_words(invite, larger) + "\n")
        if options.yes:
            return True
        if not sys.stdin.isatty():
            raise UsageError("Nobody is there to agree.", "Read the terms above, then add --yes.")
        sys.stderr.write("Join with the machines of this household? [y/N] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    settings = HostSettings(listen=options.listen, address=options.address)
    household = asyncio.run(join(options.dir, options.invite, consent, settings))
    household.ledger.close()


async def _forward(root: Path) -> None:
    from core.household.forwarder import forward

    log_path = root / "logs" / "household.log"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(log_path, maxBytes=LOG_BYTES, backupCount=1)
    logging.basicConfig(level=logging.INFO, handlers=[handler], format="%(asctime)s %(name)s %(levelname)s %(message)s")
    for noisy in ("httpx", "httpcore", "flwr"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await forward(root, stopping)


if __name__ == "__main__":
    sys.exit(main())
