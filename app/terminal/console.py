"""How the command line speaks: one JSON document or tables on stdout, everything else on stderr.

Names that came in an invite or a manifest are stripped of control characters and never read as markup.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from core.api import wire
from core.api.errors import HedgerowError
from core.api.messages.base import Message
from core.api.messages.corpora import CorpusInfo, PreviewText
from core.api.messages.federations import InviteView
from core.api.messages.machine import Device, HardwareProfile
from core.api.messages.privacy import BudgetInfo
from core.api.messages.state import Snapshot

GUARANTEES = {
    "guaranteed": "guaranteed by this machine",
    "promised": "promised by the coordinator",
    "none": "no formal guarantee",
}


def printable(text: object) -> str:
    """Text from elsewhere without control characters, on one line."""
    return "".join(c if c.isprintable() else " " for c in str(text))


def say(text: str, style: str = "") -> None:
    """One line for a person, on stderr, so that stdout stays clean."""
    Console(stderr=True, highlight=False).print(Text(printable(text), style=style), soft_wrap=True)


def document(value: Message | dict[str, Any]) -> None:
    """The one JSON document of ``--json``."""
    content = value if isinstance(value, dict) else wire.plain(value)
    sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def spent(epsilon: float) -> str:
    """An ε that was or will be spent, rounded up."""
    return f"{math.ceil(epsilon * 100 - 1e-9) / 100:.2f}"


def report(error: HedgerowError, as_json: bool) -> None:
    """An error: title, message and hint on stderr, or ``{"error": …}`` on stdout."""
    if as_json:
        parts = {"code": error.code, "title": error.title, "message": error.message, "hint": error.hint}
        document({"error": parts})
        return
    say(error.title, "bold red")
    say(error.message)
    if error.hint:
        say(error.hint, "dim")


def _out() -> Console:
    """Standard output; where it is no terminal, wide enough that no id is cut."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 240)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], right: Iterable[int] = ()) -> None:
    """A plain table; ``right`` are the columns of numbers."""
    grid = Table(box=None, pad_edge=False, header_style="dim")
    numbers = set(right)
    for index, column in enumerate(columns):
        justify: JustifyMethod = "right" if index in numbers else "left"
        grid.add_column(column, justify=justify, no_wrap=index in numbers, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(printable(cell)) for cell in row))
    _out().print(grid)


def lines(pairs: Iterable[tuple[str, object]]) -> None:
    """Two columns: what, and its value."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column()
    for name, value in pairs:
        grid.add_row(Text(name), value if isinstance(value, Text) else Text(printable(value)))
    _out().print(grid)


def size(count: float) -> str:
    """Bytes as a person reads them."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError


def duration(seconds: float) -> str:
    """Seconds as a person reads them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5_400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def moment(at: float | None) -> str:
    """A Unix time in local time."""
    return "" if not at else datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M")


def guarantee(budget_unit: str, kind: str) -> Text:
    """The kind of a guarantee in words; red where there is none."""
    words = Text(f"unit {printable(budget_unit)}, {GUARANTEES.get(kind, kind)}")
    if kind == "none":
        words.stylize("bold red")
    return words


def status_document(snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot as ``status --json`` shows it: ``why`` is the sentence, its stable code stands beside it."""
    content = wire.plain(snapshot)
    content["why_code"] = snapshot.why.code
    content["why"] = snapshot.why.text
    return content


def show_status(snapshot: Snapshot) -> None:
    """The state in a few lines."""
    given = snapshot.contribution
    pairs: list[tuple[str, object]] = [("state", snapshot.state.replace("_", " ")), ("why", snapshot.why.text)]
    if snapshot.until:
        pairs.append(("until", moment(snapshot.until)))
    if snapshot.round is not None:
        now = snapshot.round
        pairs.append(("round", f"{now.server_round} of {now.rounds}, {now.phase}, step {now.step} of {now.steps}"))
    for one in snapshot.federations:
        rests = one.state == "below_floor"
        words = f"rests below your floor: {one.last_error}" if rests else one.state
        pairs.append((one.name, f"{words}{'' if rests else ','} {one.rounds_done} rounds done"))
    energy = f"{given.energy_wh:.1f} Wh {'measured' if given.energy_measured else 'estimated'}"
    pairs.append(("given", f"{given.rounds} rounds, {given.tokens:,} tokens, {duration(given.gpu_seconds)}, {energy}"))
    pairs += [(b.corpus_name, budget_line(b)) for b in snapshot.privacy]
    lines(pairs)


def budget_line(budget: BudgetInfo) -> str:
    """One budget in one line, with everything that belongs to an ε."""
    if budget.ended_by_none:
        return "no guarantee any more: a round without one used this text"
    return (
        f"ε {spent(budget.epsilon)} of {budget.limit:g} charged (unit {budget.unit}, δ {budget.delta:.1g}, "
        f"{budget.relation}, {budget.method})"
    )


def show_corpora(corpora: Sequence[CorpusInfo]) -> None:
    """All corpora in a table."""
    if not corpora:
        say("No text yet. Add a folder with `hedgerow corpus add PATH`.")
        return
    rows = [
        (c.corpus_id, c.name, c.state, f"{c.documents:,}", f"{c.records:,}", f"{c.tokens:,}", f"{c.skipped_total:,}")
        for c in corpora
    ]
    table(("id", "name", "state", "documents", "records", "tokens", "skipped"), rows, right=(3, 4, 5, 6))


def reading_line(corpus: CorpusInfo) -> str:
    """How far a text is read, and how long it takes."""
    files = f"{corpus.files_done:,} of {corpus.files_total:,} files"
    done = f"{size(corpus.read_bytes)} of {size(corpus.total_bytes)}" if corpus.total_bytes else "looking"
    left = "" if corpus.eta_s is None else f", {duration(corpus.eta_s)} left"
    return f"reading {corpus.name}: {files}, {done}, {corpus.tokens:,} tokens{left}"


def sizes_line(sizes: Sequence[int]) -> str:
    """How many documents there are of each size."""
    names = ("under 1 kB", "to 10 kB", "to 100 kB", "to 1 MB", "above")
    return ", ".join(f"{name} {count:,}" for name, count in zip(names, sizes, strict=False) if count)


def show_choice(corpus: CorpusInfo) -> None:
    """What the owner chose, where it is not the usual, what a text is made of, and what was left out as a copy."""
    chosen: list[tuple[str, object]] = [
        ("includes", " ".join(corpus.include)),
        ("excludes", " ".join(corpus.exclude)),
        ("hidden files", "read" if corpus.hidden else ""),
        ("generated files", "read" if corpus.generated else ""),
        ("text field", corpus.text_field),
        ("weight", f"{corpus.weight:g}" if corpus.weight != 1 else ""),
        ("exact copies", f"{corpus.copies:,}, used once" if corpus.copies else ""),
        ("languages", ", ".join(f"{part.name or 'unknown'} {part.count:,}" for part in corpus.languages)),
        ("formats", ", ".join(f"{part.name} {part.count:,} ({size(part.bytes)})" for part in corpus.formats)),
        ("sizes", sizes_line(corpus.sizes)),
        ("in other texts", f"{corpus.elsewhere:,}, left out here" if corpus.elsewhere else ""),
    ]
    shown = [(name, value) for name, value in chosen if value]
    if shown:
        lines(shown)


def show_preview(found: PreviewText) -> None:
    """A document on stdout, what it is on stderr; control characters are the owner's, but this terminal is too."""
    kind = "held back for testing" if found.held_out else "used for training" if found.tokens else "not read yet"
    count = f", {found.tokens:,} tokens" if found.tokens else ""
    say(f"document {found.document:,} of {found.documents:,}, {size(found.text_bytes)}{count}, {kind}", "dim")
    if found.fields:
        say(f"read from {found.field!r} of {', '.join(found.fields)}; --field NAME shows another", "dim")
    sys.stdout.write("".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in found.text))
    sys.stdout.write("\n")
    sys.stdout.flush()
    if found.cut:
        say("It goes on.", "dim")


class Line:
    """One line on stderr that is written over; nothing where that is no terminal."""

    def __init__(self) -> None:
        self._shown = ""

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def show(self, text: str) -> None:
        """Write it in place of what is there."""
        text = printable(text)[: max(20, Console(stderr=True).width - 1)]
        if text != self._shown and sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[2K{text}")
            sys.stderr.flush()
            self._shown = text

    def clear(self) -> None:
        """Take it away."""
        if self._shown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
            self._shown = ""


def show_invite(invite: InviteView) -> None:
    """What an invite says, before any connection."""
    lines(
        [
            ("invite from", invite.name),
            ("address", invite.address),
            ("fingerprint", invite.fingerprint),
            ("valid until", moment(invite.expires_at) + (" (expired)" if invite.expired else "")),
        ]
    )


def show_hardware(found: HardwareProfile) -> None:
    """The machine and its devices; what nobody could say is called unknown."""
    battery = "none, or unknown" if found.battery_percent is None else f"{found.battery_percent:.0f} %"
    if found.on_battery is not None:
        battery += ", in use" if found.on_battery else ", plugged in"
    pairs: list[tuple[str, object]] = [
        ("processor", f"{found.cpu_name}, {found.cpu_cores} cores, {found.cpu_threads} threads"),
        ("features", " ".join(found.cpu_features) or "none of note"),
        ("memory", f"{size(found.free_memory_bytes)} free of {size(found.memory_bytes)}"),
        ("disk", f"{size(found.disk_free_bytes)} free"),
        ("battery", battery),
        ("NVIDIA", found.nvml),
    ]
    if found.torch:
        idle = "unknown" if found.idle_s is None else f"nobody for {duration(found.idle_s)}"
        pairs += [
            ("torch", found.torch),
            ("network", _answer(found.network_metered, "metered", "not metered")),
            ("desktop", f"{idle}; full screen: {_answer(found.full_screen, 'yes', 'no')}"),
        ]
    lines(pairs)
    rows = [
        (
            device.device_id,
            device.name,
            "unknown" if device.memory_bytes is None else size(device.memory_bytes),
            "" if device.temperature_c is None else f"{device.temperature_c:.0f} °C",
            _power(device),
            "" if device.utilisation is None else f"{100 * device.utilisation:.0f} %",
            device.problem,
        )
        for device in found.devices
    ]
    table(("device", "name", "memory", "heat", "power", "busy", "problem"), rows, right=(2, 3, 4, 5))
    for device in found.devices:
        for process in device.processes or ():
            used = "" if process.memory_bytes is None else f", {size(process.memory_bytes)}"
            say(f"{device.device_id} is used by {process.name or 'a program of another user'} ({process.pid}{used})")


def _answer(value: bool | None, yes: str, no: str) -> str:
    return "unknown" if value is None else yes if value else no


def _power(device: Device) -> str:
    if device.power_w is None:
        return ""
    limit = "" if device.power_limit_w is None else f" of {device.power_limit_w:.0f}"
    return f"{device.power_w:.0f}{limit} W"
