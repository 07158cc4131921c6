"""What a stranger needs to run a federation again: terms, seeds, hyper-parameters, tokenizer, and every round in order.

Volunteers are numbered in the order they joined; neither their keys nor their addresses are in it. The model itself is
``host export``; here is how it came about.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from core.api.errors import StorageError, UsageError
from core.config.federation import FederationConfig
from core.coordinator.home import Federation
from core.coordinator.records.schema import Assignment, Checkpoint, Round
from core.coordinator.records.store import Store

PACKAGES = ("hedgerow", "flwr", "torch", "numpy", "safetensors", "tokenizers")
README = "README.md"


def export_run(root: Path, out: Path) -> dict[str, Any]:
    """Write the run of a federation into a new folder.

    Args:
        root: folder of the federation.
        out: a folder that is not there yet, or is empty.

    Returns:
        ``dir``, ``rounds`` that are in it, and ``files`` by name.

    Raises:
        UsageError: the folder has something in it, or this is a household, whose terms are another's.
        StorageError: the disk refuses.
    """
    out = out.expanduser().resolve()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} exists already.", "Choose a new folder.")
    federation = Federation(root)
    larger = federation.config.forwards_to.name
    if larger:
        raise UsageError("A household has no run of its own.", f"Ask the operator of {larger} for it.")
    store = federation.store()
    try:
        rounds = list(_rounds(store))
        checkpoints = store.checkpoints()
    finally:
        store.close()
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "manifest.json").write_bytes(federation.manifest)
        (out / "config.json").write_bytes(msgspec.json.format(msgspec.json.encode(federation.config), indent=2))
        (out / "environment.json").write_bytes(msgspec.json.format(msgspec.json.encode(_environment()), indent=2))
        with (out / "rounds.jsonl").open("wb") as file:
            file.writelines(msgspec.json.encode(one) + b"\n" for one in rounds)
        shutil.copyfile(federation.tokenizer_path, out / "tokenizer.json")
        (out / README).write_text(_words(federation, checkpoints, len(rounds)), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{out} cannot be written: {os.strerror(error.errno or 0)}.", "Choose another.") from error
    return {"dir": str(out), "rounds": len(rounds), "files": sorted(path.name for path in out.iterdir())}


def _rounds(store: Store) -> Iterator[dict[str, Any]]:
    numbers = {row.key_id: number for number, row in enumerate(reversed(store.roll(1 << 30)), 1)}
    after = {item.server_round: item for item in store.checkpoints()}
    for one in store.rounds():
        yield _round(one, after.get(one.server_round), store.assignments(one.server_round), numbers)


def _round(
    one: Round, checkpoint: Checkpoint | None, assignments: list[Assignment], numbers: dict[str, int]
) -> dict[str, Any]:
    cohort = [
        {
            "volunteer": numbers.get(part.key_id, 0),
            "state": part.state,
            "shard": part.shard,
            "steps": part.steps,
            "attempts": part.attempt,
            "update_sha256": part.update_sha256,
            "bytes": part.size_bytes,
            "norm": part.norm,
            "folded_into": part.folded,
            "held_out": part.held_out,
            "reason": part.reason,
        }
        for part in assignments
    ]
    return {
        "round": one.server_round,
        "state": one.state,
        "base_sha256": one.base_hash,
        "step_clock": one.step_clock,
        "started_at": one.started_at,
        "closed_at": one.closed_at,
        "extensions": one.extensions,
        "checkpoint_sha256": "" if checkpoint is None else checkpoint.sha256,
        "loss": None if checkpoint is None else checkpoint.loss,
        "bits_per_byte": None if checkpoint is None else checkpoint.bits_per_byte,
        "training_loss": one.training_loss,
        "pseudo_gradient_norm": one.pseudo_gradient_norm,
        "model_norm": one.model_norm,
        "norms": msgspec.Raw(one.norms.encode() or b"null"),
        "outer_lr": one.outer_lr,
        "rejected": one.rejected,
        "upload_bytes": one.upload_bytes,
        "dense_bytes": one.dense_bytes,
        "late": one.late,
        "norm_bound": one.norm_bound,
        "held_out": one.held_out,
        "held_out_spread": one.held_out_spread,
        "reason": one.reason,
        "cohort": sorted(cohort, key=lambda part: int(part["volunteer"])),
    }


def _environment() -> dict[str, str]:
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _words(federation: Federation, checkpoints: list[Checkpoint], rounds: int) -> str:
    config = federation.config
    first = checkpoints[0].sha256 if checkpoints else ""
    return f"""# {config.name}

The run {config.run_id} of the federation {federation.federation_id}: {rounds} of {config.schedule.rounds} rounds.

| file | what |
|---|---|
| `manifest.json` | the terms as every volunteer saw and checked them; their hash is {federation.manifest_hash} |
| `config.json` | the same terms unwrapped, from the model to the schedule; the seed is {config.seed} |
| `tokenizer.json` | the tokenizer; its SHA-256 is {config.tokenizer.sha256} |
| `rounds.jsonl` | every round: base, server learning rate, cohort, what came, norms by layer, the checkpoint after it \
and how good it was, and why a round was taken back |
| `environment.json` | versions on the coordinator's machine |

{_first_words(config)} Their checkpoint is {first or "not recorded"}.
Volunteers are numbered in the order they joined. Their text, and with it the updates of their machines, is not here
and cannot be: a new run with the same terms on other text is a replication, not a repetition.
"""


def _first_words(config: FederationConfig) -> str:
    if config.initialisation.source == "checkpoint":
        sha256 = config.initialisation.sha256
        return f"The initial weights were brought by the operator; as one file their SHA-256 is {sha256}."
    return "The initial weights follow from seed and shape."
