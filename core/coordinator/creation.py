"""From an operator's few choices to the terms of a federation, and to its folder."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from core.api.errors import HedgerowError, UsageError
from core.config import (
    CodecConfig,
    FederationConfig,
    ModelSpec,
    OuterConfig,
    PrivacyTerms,
    ScheduleConfig,
    TokenizerSpec,
    TrainingConfig,
    UnitOfPrivacy,
)
from core.coordinator.founding import found
from core.coordinator.home import Federation, HostSettings
from core.data.tokenizer import Tokenizer, builtin_tokenizer_path
from core.model.presets import default_training, preset

MAX_EVALUATION_BYTES = 64 << 20
MAX_TOKENIZER_BYTES = 16 << 20
RELATIONS: dict[UnitOfPrivacy, Literal["zero-out", "replace-one", "none"]] = {
    "document": "zero-out",
    "record": "zero-out",
    "corpus": "replace-one",
    "none": "none",
}


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What the operator chose; ``None`` leaves the preset's or the field's default."""

    name: str
    operator: str = "An operator who gave no name"
    purpose: str = ""
    preset: str = "tiny"
    unit: UnitOfPrivacy = "record"
    rounds: int = 3
    cohort: int = 2
    quorum: int | None = None
    local_steps: int | None = None
    batch_size: int | None = None
    seq_len: int | None = None
    learning_rate: float | None = None
    outer_lr: float = 1.0
    outer_momentum: float = 0.0
    clip_norm: float | None = None
    codec: Literal["int8", "fp32"] = "int8"
    deadline_s: float = 3_600.0
    seed: int | None = None
    tokenizer: Path | None = None
    address: str = ""
    listen: str = "127.0.0.1:0"
    evaluate: Path | None = None


def create(root: Path, choices: Choices) -> Federation:
    """Make a federation in a new folder, or leave nothing behind.

    Raises:
        UsageError: the folder exists, or a choice is unknown or out of range.
        StorageError: the disk refused.
        HedgerowError: the tokenizer or the evaluation text cannot be used.
    """
    root = root.expanduser().resolve()
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UsageError(f"{root} exists already.", "Choose a new folder, or empty this one.")
    tokenizer_path = choices.tokenizer or builtin_tokenizer_path()
    tokenizer = _read(tokenizer_path, MAX_TOKENIZER_BYTES, "tokenizer")
    text = None if choices.evaluate is None else _read(choices.evaluate, MAX_EVALUATION_BYTES, "evaluation text")
    config = configure(choices, Tokenizer.load(tokenizer_path))
    return found(root, config, HostSettings(listen=choices.listen, address=choices.address), tokenizer, text)


def configure(choices: Choices, tokenizer: Tokenizer) -> FederationConfig:
    """The manifest's content.

    Raises:
        UsageError: naming the choice that is wrong.
    """
    if choices.unit == "document":
        raise UsageError("The unit of privacy 'document' is not supported by this version.", "Choose record or corpus.")
    try:
        model = _model(choices, tokenizer.vocab_size)
        training = _training(choices)
        privacy = PrivacyTerms(
            unit=choices.unit,
            relation=RELATIONS[choices.unit],
            clip_norm=1.0 if choices.clip_norm is None else choices.clip_norm,
        )
        config = FederationConfig(
            run_id=secrets.token_hex(16),
            name=choices.name,
            operator=choices.operator,
            jurisdiction="not stated",
            purpose=choices.purpose,
            licence="Apache-2.0",
            withdrawal="Leaving stops all further contributions; what was already averaged in cannot be taken out.",
            seed=secrets.randbelow(2**31) if choices.seed is None else choices.seed,
            model=model,
            tokenizer=TokenizerSpec(
                sha256=tokenizer.sha256,
                origin="given by the operator" if choices.tokenizer else "Python documentation, shipped with Hedgerow",
            ),
            training=training,
            outer=OuterConfig(learning_rate=choices.outer_lr, momentum=choices.outer_momentum),
            privacy=privacy,
            codec=CodecConfig(name=choices.codec),
            schedule=ScheduleConfig(
                rounds=choices.rounds,
                cohort_size=choices.cohort,
                quorum=choices.cohort if choices.quorum is None else choices.quorum,
                deadline_s=choices.deadline_s,
            ),
        )
        return msgspec.convert(msgspec.to_builtins(config), FederationConfig)
    except HedgerowError:
        raise
    except (ValueError, msgspec.ValidationError) as error:
        raise UsageError(f"The federation cannot be made: {error}.", "Change that option.") from error


def _model(choices: Choices, vocab_size: int) -> ModelSpec:
    spec = preset(choices.preset)
    longest = max(spec.max_seq_len, choices.seq_len or 0)
    return msgspec.structs.replace(spec, vocab_size=vocab_size, max_seq_len=longest)


def _training(choices: Choices) -> TrainingConfig:
    given = {
        "local_steps": choices.local_steps,
        "batch_size": choices.batch_size,
        "seq_len": choices.seq_len,
        "learning_rate": choices.learning_rate,
    }
    default = default_training(choices.preset, choices.unit)
    changed = msgspec.structs.replace(default, **{name: value for name, value in given.items() if value is not None})
    return msgspec.convert(msgspec.to_builtins(changed), TrainingConfig)


def _read(path: Path, limit: int, what: str) -> bytes:
    try:
        with path.expanduser().open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise UsageError(
            f"The {what} {path} cannot be read: {os.strerror(error.errno or 0)}.", "Check the path."
        ) from error
    if not data or len(data) > limit:
        raise UsageError(
            f"The {what} {path} is {'empty' if not data else f'over {limit >> 20} MiB'}.", "Choose another."
        )
    return data
