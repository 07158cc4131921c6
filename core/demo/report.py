"""The end of the demo: one table for a person, one JSON document for a script."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.text import Text

from core.demo.state import Demo, Volunteer
from core.demo.view import budget_text, privacy_line, rounds_table


def document(demo: Demo, model_dir: Path, kept: Path | None) -> dict[str, Any]:
    """The result as DESIGN's command line section lists it."""
    return {
        "rounds": [asdict(r) for r in demo.rounds],
        "bits_per_byte": {"initial": demo.initial_bits_per_byte, "final": demo.final_bits_per_byte},
        "unigram_bits_per_byte": demo.unigram_bits_per_byte,
        "held_out_bytes": demo.held_out_bytes,
        "privacy": [_privacy(volunteer, demo.unit) for volunteer in demo.volunteers],
        "model_dir": str(model_dir),
        "kept": None if kept is None else str(kept),
    }


def _privacy(volunteer: Volunteer, unit: str) -> dict[str, Any]:
    told: dict[str, Any] = {"volunteer": volunteer.name, "unit": unit, "documents": volunteer.documents}
    budget = volunteer.budget
    if unit == "none" or budget is None:
        return {**told, "epsilon": None, "delta": None, "budget": None, "guarantee": "none"}
    how = {"relation": budget.relation, "method": budget.method, "guarantee": budget.guarantee}
    return {**told, "epsilon": budget.epsilon, "delta": budget.delta, "budget": budget.limit, **how}


def print_json(content: dict[str, Any]) -> None:
    """The one document on stdout."""
    print(json.dumps(content, indent=2, ensure_ascii=False), flush=True)


def print_table(demo: Demo, model_dir: Path, kept: Path | None) -> None:
    """Rounds, what they cost in bytes and privacy, and where the model is."""
    sent, dense = (sum(getattr(r, name) for r in demo.rounds) for name in ("upload_bytes", "dense_bytes"))
    lines = [privacy_line(demo.unit)]
    lines += [Text(f"{v.name}: ").append_text(budget_text(v, demo.unit)) for v in demo.volunteers]
    if sent:
        lines.append(
            Text(f"sent {sent / 1e6:.2f} MB where dense fp32 would be {dense / 1e6:.2f} MB ({dense / sent:.1f}×)")
        )
    first, last = demo.initial_bits_per_byte, demo.final_bits_per_byte
    if first is not None and last is not None:
        gain = f"held-out text: {first:.3f} → {last:.3f} bits per byte"
        lines.append(Text(f"{gain} (counting bytes alone gives {demo.unigram_bits_per_byte:.3f})", style="bold"))
    lines.append(Text(f"model: {model_dir} (opens in transformers)"))
    if kept is not None:
        lines.append(Text(f"everything else is kept in {kept}"))
    Console(highlight=False).print(Group(rounds_table(demo), Text(), *lines), soft_wrap=True)
