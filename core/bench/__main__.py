"""``python -m core.bench GROUP [--json]``: see ``hedgerow bench --help``. What was not measured prints *not run*."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence

from core.api.errors import HedgerowError
from core.bench import pending
from core.bench.rows import Row, print_json, print_table


def _train() -> list[Row]:
    from core.bench.train import measure

    return measure()


def _privacy() -> list[Row]:
    from core.bench import charge, private_step

    return charge.measure() + private_step.measure() + pending.PRIVACY


def _codec() -> list[Row]:
    from core.bench.codec import measure

    return measure()


def _data() -> list[Row]:
    from core.bench.data import measure

    return measure()


def _round() -> list[Row]:
    from core.bench import round as rounds
    from core.bench import shards

    return rounds.measure() + shards.measure()


def _engine() -> list[Row]:
    from core.bench.engine import measure

    return measure()


def _coordinator() -> list[Row]:
    from core.bench.coordinator import measure

    return measure()


def _crowd() -> list[Row]:
    from core.bench.crowd import measure

    return measure()


def _uplink() -> list[Row]:
    from core.bench.uplink import measure, measure_bytes

    return [*measure(), *measure_bytes()]


def _gui() -> list[Row]:
    from core.bench.gui import measure

    return measure()


GROUPS: dict[str, Callable[[], list[Row]]] = {
    "train": _train,
    "data": _data,
    "privacy": _privacy,
    "codec": _codec,
    "round": _round,
    "engine": _engine,
    "coordinator": _coordinator,
    "crowd": _crowd,
    "uplink": _uplink,
    "gui": _gui,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure one group and print it; 0 measured, 1 failed with a named error, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="hedgerow bench", description="Measure one part, beside its anchor.")
    parser.add_argument("group", choices=sorted(GROUPS))
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else on stdout")
    given = parser.parse_args(arguments)
    try:
        with _ended_in_order():
            rows = GROUPS[given.group]()
    except HedgerowError as error:
        print(f"{error.title}\n{error}", file=sys.stderr)
        return 1
    if given.json:
        print_json(rows)
    else:
        print_table(rows)
    return 0


@contextlib.contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let SIGTERM unwind, so that processes, folders and network namespaces that were begun are ended too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(main())
