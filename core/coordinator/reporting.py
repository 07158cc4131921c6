"""A federation in figures, for its operator: what ``status --json``, the last event and every ``round_closed`` say."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.coordinator.home import Federation
from core.coordinator.records.schema import Checkpoint, RollRow, Round
from core.coordinator.records.store import PRESENT, Store
from core.coordinator.rounds.agenda import stopped_because
from core.coordinator.running import is_running, running_process
from core.coordinator.usage import usage

MOST_PEOPLE = 500
ISOLATED = "isolated"
"""Named value: whether the process that runs or last ran the folder is in a network of its own."""
OUTCOMES = ("accepted", "refused", "late", "failed", "assigned")


def round_row(item: Round, checkpoint: Checkpoint | None, outcomes: Mapping[str, int] | None = None) -> dict[str, Any]:
    """One round as told to the operator.

    ``loss`` is nats per token on the coordinator's own text, ``held_out`` bits per byte of the round's base on the
    volunteers' own, in their words.
    """
    counted = {} if outcomes is None else {f"updates_{name}": outcomes.get(name, 0) for name in OUTCOMES}
    return {
        "round": item.server_round,
        "state": item.state,
        "loss": None if checkpoint is None else checkpoint.loss,
        "bits_per_byte": None if checkpoint is None else checkpoint.bits_per_byte,
        "training_loss": item.training_loss,
        "volunteers": item.volunteers,
        "upload_bytes": item.upload_bytes,
        "dense_bytes": item.dense_bytes,
        "compression": None if item.compression is None else round(item.compression, 2),
        "seconds": None if item.closed_at is None else round(item.closed_at - item.started_at, 3),
        "started_at": item.started_at,
        "closed_at": item.closed_at,
        "extensions": item.extensions,
        "step_clock": item.step_clock,
        "base": item.base_hash,
        "checkpoint": "" if checkpoint is None else checkpoint.sha256,
        "pseudo_gradient_norm": item.pseudo_gradient_norm,
        "model_norm": item.model_norm,
        "outer_lr": item.outer_lr,
        "rejected": item.rejected,
        "download_bytes": 0 if checkpoint is None else checkpoint.delta_bytes or checkpoint.size_bytes,
        "evaluation": "" if checkpoint is None else checkpoint.evaluation,
        "held_out": item.held_out,
        "held_out_spread": item.held_out_spread,
        "late": item.late,
        "norm_bound": item.norm_bound,
        "reason": item.reason,
        **counted,
    }


def summary(federation: Federation, store: Store) -> dict[str, Any]:
    """The whole federation in figures, for ``status`` and the last event; ``norms`` are those of the last round."""
    checkpoints = store.checkpoints()
    by_round = {item.server_round: item for item in checkpoints}
    outcomes = store.outcomes()
    rounds = store.rounds()
    rows = [round_row(item, by_round.get(item.server_round), outcomes.get(item.server_round, {})) for item in rounds]
    usable = [item for item in checkpoints if not item.rejected]
    measured = [item.bits_per_byte for item in usable if item.bits_per_byte is not None]
    norms = next((item.norms for item in reversed(rounds) if item.norms), "")
    initial = checkpoints[0].bits_per_byte if checkpoints else None
    return {
        "name": federation.config.name,
        "federation_id": federation.federation_id,
        "run_id": federation.config.run_id,
        "manifest_hash": federation.manifest_hash,
        "unit": federation.config.privacy.unit,
        "preset": federation.config.model.preset,
        "rounds_planned": federation.config.schedule.rounds,
        "stopped": stopped_because(federation.config, rounds),
        "rounds": rows,
        "bits_per_byte": {"initial": initial, "final": measured[-1] if len(measured) > 1 else None},
        "volunteers": len(store.volunteers()),
        "volunteers_left": len(store.volunteers(gone=True)),
        "upload_bytes": sum(row["upload_bytes"] for row in rows),
        "dense_bytes": sum(row["dense_bytes"] for row in rows),
        "checkpoint": usable[-1].sha256 if usable else "",
        "norms": json.loads(norms) if norms else None,
        "forwards_to": federation.config.forwards_to.name,
    }


def _person(row: RollRow) -> dict[str, Any]:
    return {
        "id": row.key_id[:12],
        "joined_at": row.enrolled_at,
        "left_at": row.left_at,
        "updates": row.updates,
        "last_round": row.last_round,
    }


def status(root: Path) -> dict[str, Any]:
    """Figures of a federation, running or not; those of this moment, such as its processes, only of a running one."""
    federation = Federation(root)
    store = federation.store()
    try:
        address = store.meta("address") if is_running(federation) else ""
        process = running_process(store) if address else None
        state = {
            "running": bool(address),
            "address": address,
            "isolated": bool(address) and store.meta(ISOLATED) == "yes",
            "volunteers_present": int(store.meta(PRESENT) or 0) if address else 0,
            "arriving_bytes": federation.home.spool.size(),
            "processes": [] if process is None else [dataclasses.asdict(item) for item in usage(process)],
            "people": [_person(row) for row in store.roll(MOST_PEOPLE)],
        }
        return summary(federation, store) | state
    finally:
        store.close()
