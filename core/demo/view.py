"""The live terminal view: a table of rounds and one bar per volunteer that moves only when a step was really done.

Everything goes to stderr, so that stdout holds the result alone. Without a terminal the view becomes a line per event.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from core.demo.state import Demo, Volunteer

NO_GUARANTEE = "unit none: no formal guarantee. Updates of this demo may reveal its text."
_REFRESH_S = 0.25
_PHASES = {
    "idle": "waiting",
    "download": "receiving",
    "reading": "reading",
    "training": "training",
    "sealing": "sealing",
    "slot": "sealed",
    "uploading": "sending",
    "receipt": "sent",
}


def privacy_line(unit: str) -> Text:
    """The unit in words; red where nothing is guaranteed."""
    if unit == "none":
        return Text(NO_GUARANTEE, style="bold red")
    what = {
        "document": "any document",
        "record": "any sequence of 128 tokens",
        "corpus": "the whole text of a volunteer",
    }.get(unit, unit)
    return Text(f"unit {unit}: the guarantee covers {what}", style="blue")


def budget_text(volunteer: Volunteer, unit: str) -> Text:
    """What a volunteer has been charged so far."""
    if unit == "none":
        return Text("no guarantee", style="bold red")
    if volunteer.budget is None:
        return Text("ε 0.00", style="blue")
    return Text(f"ε {volunteer.budget.epsilon:.2f} of {volunteer.budget.limit:g}", style="blue")


def rounds_table(demo: Demo) -> Table:
    """Rounds so far, beginning with the untrained model."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("round", "held-out bits/byte", "nats/token", "volunteers", "sent", "dense fp32", "seconds"):
        table.add_column(column, justify="right")
    table.add_row("start", _figure(demo.initial_bits_per_byte), "", "", "", "", "")
    for r in demo.rounds:
        sent, dense = f"{r.upload_bytes / 1e6:.2f} MB", f"{r.dense_bytes / 1e6:.2f} MB"
        row = (
            str(r.round),
            _figure(r.bits_per_byte),
            _figure(r.loss),
            str(r.volunteers),
            sent,
            dense,
            _figure(r.seconds, 1),
        )
        table.add_row(*row)
    return table


def _figure(value: float | None, digits: int = 3) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def volunteers_table(demo: Demo) -> Table:
    """One bar per volunteer."""
    table = Table.grid(padding=(0, 2))
    for volunteer in demo.volunteers:
        training = volunteer.phase in {"training", "sealing", "slot", "uploading", "receipt"} and volunteer.steps
        bar = ProgressBar(total=volunteer.steps or 1, completed=volunteer.step if training else 0, width=30)
        doing = _PHASES.get(volunteer.phase, volunteer.phase) if volunteer.state != "problem" else volunteer.why
        steps = f"step {volunteer.step} of {volunteer.steps}" if training else ""
        text = f"{volunteer.tokens:,} tokens" if volunteer.tokens else ""
        table.add_row(
            Text(volunteer.name),
            bar,
            Text(f"{doing} {steps}".strip()),
            budget_text(volunteer, demo.unit),
            Text(text, style="dim"),
        )
    return table


def picture(demo: Demo) -> RenderableType:
    """The whole view."""
    head = Text(
        f"Round {min(len(demo.rounds) + 1, demo.rounds_planned)} of {demo.rounds_planned} · {demo.doing}", style="bold"
    )
    return Group(head, privacy_line(demo.unit), Text(), volunteers_table(demo), Text(), rounds_table(demo))


class View:
    """Shows a ``Demo`` while it runs. ``show`` may be called as often as one likes."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True) if sys.stderr.isatty() else None
        self._shown_at = 0.0
        self._said = ""
        self._rounds = 0

    def __enter__(self) -> View:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, demo: Demo) -> None:
        """Draw the state: at most four times a second on a terminal, else a line when something happened."""
        if self._live is None:
            self._tell(demo)
        elif time.monotonic() - self._shown_at >= _REFRESH_S:
            self._live.update(picture(demo), refresh=True)
            self._shown_at = time.monotonic()

    def _tell(self, demo: Demo) -> None:
        if not self._said:
            self._console.print(privacy_line(demo.unit), soft_wrap=True)
        if demo.doing != self._said:
            self._console.print(Text(demo.doing), soft_wrap=True)
            self._said = demo.doing
        for r in demo.rounds[self._rounds :]:
            figure = "" if r.bits_per_byte is None else f", held-out {r.bits_per_byte:.3f} bits per byte"
            took = f"{r.upload_bytes:,} bytes sent, {_figure(r.seconds, 1)} s"
            self._console.print(Text(f"round {r.round}: {r.volunteers} volunteers{figure}, {took}"), soft_wrap=True)
        self._rounds = len(demo.rounds)
