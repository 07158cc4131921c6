"""The public status page: plain HTML, inline CSS and charts drawn here. Loads nothing, runs nothing.

Calm paper: green for what is given, ink for the rest. Every value that came from outside is escaped. The style sheet is
allowed by its hash in the Content-Security-Policy, so no other style and no script can ever run on the page.
"""

from __future__ import annotations

import base64
import hashlib
import html
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.coordinator.records.schema import Checkpoint, Round
from core.coordinator.web.charts import Chart, Point, figure

STYLE = """
:root{color-scheme:light dark;--bg:#F4F4EE;--surface:#FFF;--border:#DBDCD2;--text:#1D241D;--muted:#566055;
--accent:#2C6A3D;--danger:#AD2A24}
@media (prefers-color-scheme:dark){:root{--bg:#151915;--surface:#1D221D;--border:#353D35;--text:#E7EBE4;
--muted:#A5AFA2;--accent:#86C791;--danger:#F49A90}}
*{box-sizing:border-box}body{margin:0;padding:24px;background:var(--bg);color:var(--text);
font:14px/1.45 system-ui,sans-serif;font-variant-numeric:tabular-nums}main{max-width:860px;margin:0 auto}
h1{font-size:20px;font-weight:600;margin:0 0 4px}p{margin:0 0 16px;color:var(--muted);overflow-wrap:anywhere}
section{background:var(--surface);border:1px solid var(--border);border-radius:8px;padding:16px;margin:0 0 16px}
h2{font-size:14px;font-weight:600;margin:0 0 12px}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:0}
dt{color:var(--muted);font-size:12px}dd{margin:0;font-size:28px;font-weight:600}
dd small{font-size:14px;font-weight:400;color:var(--muted)}.scroll{overflow-x:auto}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,320px),1fr));gap:20px 24px}
figure{margin:0;min-width:0}figcaption{display:flex;justify-content:space-between;gap:12px;color:var(--muted);
font-size:13px;margin:0 0 4px}figcaption b{color:var(--text);font-weight:600;white-space:nowrap}
table{border-collapse:collapse;width:100%}caption{text-align:left;color:var(--muted);font-size:12px;padding:0 0 8px}
th,td{text-align:right;padding:6px 8px;border-top:1px solid var(--border);white-space:nowrap;font-weight:400}
thead th{border-top:0;color:var(--muted);font-size:12px}
th:first-child{text-align:left;position:sticky;left:0;background:var(--surface)}
svg{width:100%;height:auto;display:block}.axis{stroke:var(--border);fill:none}
.line{stroke:var(--accent);stroke-width:2;stroke-linejoin:round;fill:none}.area{fill:var(--accent);fill-opacity:.14}
.dot{fill:var(--accent)}.label{fill:var(--muted);font-size:12px}.none{color:var(--danger);font-weight:600}
@media (max-width:520px){body{padding:12px}section{padding:12px}dd{font-size:22px}}
"""
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
REFRESH_S = 15
NEWEST_ROWS = 100
OLDER_ROWS = 100
"""Of the rounds before the newest, spread evenly: a page about a thousand rounds stays small."""


@dataclass(frozen=True, kw_only=True)
class StatusView:
    """Everything the page shows."""

    name: str
    operator: str
    purpose: str
    preset: str
    unit: str
    rounds_planned: int
    volunteers: int
    online: int
    rounds: Sequence[Round]
    checkpoints: Sequence[Checkpoint]
    arriving: int = 0
    """Bytes of large updates that are on their way in."""


def size(count: int) -> str:
    """Bytes for people."""
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def render(view: StatusView) -> str:
    """The whole page."""
    name = html.escape(view.name)
    done = sum(1 for item in view.rounds if item.state == "closed")
    sent = sum(item.upload_bytes for item in view.rounds)
    measured = _measured(view)
    latest = f"{measured[-1][1]:.3f}" if measured else "–"
    guarantee = html.escape(view.unit) if view.unit != "none" else '<span class="none">none</span>'
    figures = (
        ("Rounds done", f"{done} <small>of {view.rounds_planned}</small>"),
        ("Volunteers", f"{view.volunteers} <small>{view.online} seen just now</small>"),
        ("Bits per byte", latest),
        ("Received", size(sent) + (f" <small>{size(view.arriving)} arriving</small>" if view.arriving else "")),
    )
    cells = "".join(f"<div><dt>{label}</dt><dd>{value}</dd></div>" for label, value in figures)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="refresh" content="{REFRESH_S}"><title>{name} – Hedgerow</title><style>{STYLE}</style></head>
<body><main><h1>{_headline(name, view, done)}</h1>
<p>Run by {html.escape(view.operator)}. Model {html.escape(view.preset)}, unit of privacy: {guarantee}.
In their words: {html.escape(view.purpose) or "–"}</p>
<section><dl>{cells}</dl></section>
<section><h2>Round by round</h2>{_charts(view)}</section>
<section><h2>The same in figures</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Rounds">{_table(view)}</div></section>
<p>Shown at {time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())} UTC. Text received: none.</p></main></body></html>
"""


def _headline(name: str, view: StatusView, done: int) -> str:
    running = next((item for item in view.rounds if item.state == "open"), None)
    if running is not None:
        return f"{name} trains round {running.server_round} of {view.rounds_planned}"
    if view.rounds and len(view.rounds) >= view.rounds_planned:
        return f"{name} has finished its {view.rounds_planned} rounds"
    return f"{name} waits for volunteers after {done} rounds" if done else f"{name} waits for its volunteers"


def _charts(view: StatusView) -> str:
    """One chart for each figure that there is; in the order in which an operator asks."""
    measured = _measured(view)
    closed = [item for item in view.rounds if item.state == "closed"]

    def by_round(figure: Callable[[Round], float | None]) -> list[Point]:
        return [(item.server_round, value) for item in closed if (value := figure(item)) is not None]

    def plain(key: str, title: str, points: list[Point], *, amount: bool = False) -> Chart:
        return Chart(key=key, title=title, points=points, words=_short, tick="{:.6g}".format, amount=amount)

    charts = (
        plain("bits", "Bits per byte on the operator’s own text, lower is better", measured),
        plain("loss", "Training loss at the volunteers", by_round(lambda item: item.training_loss)),
        Chart(key="people", title="Volunteers in the mean", points=by_round(lambda item: item.volunteers),
              words="{:.0f}".format, amount=True, whole=True),
        Chart(key="time", title="Time of a round", points=by_round(_seconds), words=_time, amount=True),
        Chart(key="bytes", title="Received", points=by_round(lambda item: item.upload_bytes),
              words=lambda value: size(round(value)), tick=lambda value: size(round(value)).replace(".0 ", " "),
              amount=True),
        Chart(key="ratio", title="Smaller than float32", points=by_round(lambda item: item.compression),
              words=lambda value: f"{_short(value)} ×", amount=True),
        plain("update", "Norm of the mean update", by_round(lambda item: item.pseudo_gradient_norm), amount=True),
        plain("model", "Norm of the model", by_round(lambda item: item.model_norm)),
    )  # fmt: skip
    drawn = "".join(figure(chart) for chart in charts)
    unmeasured = "" if measured else "<p>Nothing measured yet on the operator’s own text.</p>"
    return f'{unmeasured}<div class="charts">{drawn}</div>' if drawn else unmeasured


def _measured(view: StatusView) -> list[Point]:
    """Round and bits per byte of every checkpoint that was built upon."""
    return [
        (item.server_round, item.bits_per_byte)
        for item in view.checkpoints
        if item.bits_per_byte is not None and not item.rejected
    ]


def _seconds(item: Round) -> float | None:
    return None if item.closed_at is None else item.closed_at - item.started_at


def _short(value: float) -> str:
    """Three digits, never in powers of ten for what people count."""
    return f"{value:,.0f}" if 999.5 <= abs(value) < 1e9 else f"{value:.3g}"


def _time(seconds: float) -> str:
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{_short(seconds / length)} {unit}"
    return f"{_short(seconds)} s"


def _table(view: StatusView) -> str:
    checkpoints = {item.server_round: item for item in view.checkpoints}
    heads = (
        "Round", "State", "Loss", "Bits per byte", "Training loss", "Volunteers", "Received", "As plain float32",
        "Smaller", "Update norm", "Model norm", "Seconds",
    )  # fmt: skip
    shown = listed(view.rounds)
    rows = []
    for item in shown:
        checkpoint = checkpoints.get(item.server_round)
        ratio = item.compression
        cells = (
            "taken back" if item.rejected else {"open": "training", "closed": "done", "void": "given up"}[item.state],
            _number(None if checkpoint is None else checkpoint.loss, 3),
            _number(None if checkpoint is None else checkpoint.bits_per_byte, 3),
            _number(item.training_loss, 3),
            str(item.volunteers) if item.state == "closed" else "–",
            size(item.upload_bytes),
            size(item.dense_bytes),
            "–" if ratio is None else f"{ratio:.1f} ×",
            _number(item.pseudo_gradient_norm, 4),
            _number(item.model_norm, 2),
            _number(_seconds(item), 1),
        )
        rows.append(f'<tr><th scope="row">{item.server_round}' + "".join(f"<td>{cell}" for cell in cells))
    head = "".join(f'<th scope="col">{text}' for text in heads)
    caption = "Newest first. Loss is in nats per token."
    if len(shown) < len(view.rounds):
        caption += f" The newest {NEWEST_ROWS} rounds are all here, of the older ones some."
    return f"<table><caption>{caption}</caption><thead><tr>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


def listed(rounds: Sequence[Round]) -> list[Round]:
    """The rounds that the table has a row for, newest first."""
    newest, older = rounds[-NEWEST_ROWS:], rounds[:-NEWEST_ROWS]
    if len(older) > OLDER_ROWS:
        older = [older[number * (len(older) - 1) // (OLDER_ROWS - 1)] for number in range(OLDER_ROWS)]
    return [*reversed(newest), *reversed(older)]


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
