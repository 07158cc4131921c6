"""The public status page: plain HTML, inline CSS and one SVG drawn here. Loads nothing, runs nothing.

Calm paper: green for what is given, ink for the rest. Every value that came from outside is escaped. The style sheet is
allowed by its hash in the Content-Security-Policy, so no other style and no script can ever run on the page.
"""

from __future__ import annotations

import base64
import hashlib
import html
import time
from collections.abc import Sequence
from dataclasses import dataclass

from core.coordinator.records.schema import Checkpoint, Round

STYLE = """
:root{color-scheme:light dark;--bg:#F4F4EE;--surface:#FFF;--border:#DBDCD2;--text:#1D241D;--muted:#566055;
--accent:#2C6A3D;--danger:#AD2A24}
@media (prefers-color-scheme:dark){:root{--bg:#151915;--surface:#1D221D;--border:#353D35;--text:#E7EBE4;
--muted:#A5AFA2;--accent:#86C791;--danger:#F49A90}}
*{box-sizing:border-box}body{margin:0;padding:24px;background:var(--bg);color:var(--text);
font:14px/1.45 system-ui,sans-serif;font-variant-numeric:tabular-nums}main{max-width:860px;margin:0 auto}
h1{font-size:20px;font-weight:600;margin:0 0 4px}p{margin:0 0 16px;color:var(--muted);overflow-wrap:anywhere}
section{background:var(--surface);border:1px solid var(--border);border-radius:8px;padding:16px;margin:0 0 16px}
h2{font-size:14px;font-weight:600;margin:0 0 8px}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:0}
dt{color:var(--muted);font-size:12px}dd{margin:0;font-size:28px;font-weight:600}
dd small{font-size:14px;font-weight:400;color:var(--muted)}.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}
th,td{text-align:right;padding:6px 8px;border-top:1px solid var(--border);white-space:nowrap}
thead th{border-top:0;color:var(--muted);font-size:12px;font-weight:400}th:first-child,td:first-child{text-align:left}
svg{width:100%;height:auto;display:block}.axis{stroke:var(--border)}.line{stroke:var(--accent);stroke-width:2;fill:none}
.dot{fill:var(--accent)}.label{fill:var(--muted);font-size:11px}.none{color:var(--danger);font-weight:600}
"""
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
REFRESH_S = 15
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 800, 240, 52, 28, 14, 16


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
    measured = [point for point in view.checkpoints if point.bits_per_byte is not None]
    latest = f"{measured[-1].bits_per_byte:.3f}" if measured else "–"
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
<section><h2>Bits per byte on the operator’s own text, lower is better</h2>{_plot(measured)}</section>
<section><h2>Rounds</h2><div class="scroll">{_table(view)}</div></section>
<p>Shown at {time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())} UTC. Text received: none.</p></main></body></html>
"""


def _headline(name: str, view: StatusView, done: int) -> str:
    running = next((item for item in view.rounds if item.state == "open"), None)
    if running is not None:
        return f"{name} trains round {running.server_round} of {view.rounds_planned}"
    if view.rounds and len(view.rounds) >= view.rounds_planned:
        return f"{name} has finished its {view.rounds_planned} rounds"
    return f"{name} waits for volunteers after {done} rounds" if done else f"{name} waits for its volunteers"


def _plot(points: Sequence[Checkpoint]) -> str:
    values = [float(point.bits_per_byte or 0.0) for point in points]
    if not values:
        return "<p>Nothing measured yet.</p>"
    low, high = min(values), max(values)
    margin = (high - low) * 0.08 or 0.1
    low, high = low - margin, high + margin
    last = max(points[-1].server_round, 1)
    first = points[0].server_round

    def at(server_round: int, value: float) -> tuple[float, float]:
        x = _LEFT + (server_round - first) / max(last - first, 1) * (_WIDTH - _LEFT - _RIGHT)
        return x, _TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    spots = [at(point.server_round, value) for point, value in zip(points, values, strict=True)]
    floor = _HEIGHT - _BOTTOM
    parts = []
    for share in (0.0, 0.5, 1.0):
        value = low + share * (high - low)
        y = at(first, value)[1]
        parts.append(f'<line class="axis" x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}"/>')
        parts.append(f'<text class="label" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.2f}</text>')
    for number, anchor in ((first, "start"), (last, "end")):
        x = at(number, low)[0]
        parts.append(f'<text class="label" x="{x:.1f}" y="{floor + 18}" text-anchor="{anchor}">round {number}</text>')
    parts.append('<polyline class="line" points="' + " ".join(f"{x:.1f},{y:.1f}" for x, y in spots) + '"/>')
    parts.extend(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in spots)
    label = f"Bits per byte from {values[0]:.3f} to {values[-1]:.3f} over {len(values)} checkpoints"
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _table(view: StatusView) -> str:
    checkpoints = {item.server_round: item for item in view.checkpoints}
    heads = ("Round", "State", "Loss", "Bits per byte", "Volunteers", "Received", "As plain float32", "Seconds")
    rows = []
    for item in reversed(view.rounds):
        checkpoint = checkpoints.get(item.server_round)
        loss = None if checkpoint is None else checkpoint.loss
        bits = None if checkpoint is None else checkpoint.bits_per_byte
        seconds = None if item.closed_at is None else item.closed_at - item.started_at
        cells = (
            str(item.server_round),
            {"open": "training", "closed": "done", "void": "given up"}[item.state],
            _number(loss, 3),
            _number(bits, 3),
            str(item.volunteers) if item.state == "closed" else "–",
            size(item.upload_bytes),
            size(item.dense_bytes),
            _number(seconds, 1),
        )
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
