"""From an operator's few choices to the terms of a federation, and to its folder."""

from __future__ import annotations

import dataclasses
import math
import os
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from core.api.errors import HedgerowError, UsageError
from core.config.base import UnitOfPrivacy
from core.config.exchange import (
    DENSE_CODECS,
    AdaptationTerms,
    CodecConfig,
    CodecName,
    DownlinkTerms,
    ScheduleConfig,
)
from core.config.federation import FederationConfig
from core.config.learning import AggregationTerms, OuterConfig, OuterOptimizer, StabilityTerms, TrainingConfig
from core.config.model import InitialisationTerms, ModelSpec, PublicShard, ShardConfig, TokenizerSpec
from core.config.privacy import PrivacyTerms, SubspaceTerms
from core.coordinator import starting
from core.coordinator.founding import found
from core.coordinator.home import Federation, HostSettings
from core.coordinator.learning.outer_optimizer import ADAPTIVE
from core.coordinator.learning.requirements import machine_bytes, refuse_missing
from core.data.public import write_public
from core.data.store import ShardFacts
from core.data.tokenizer import Tokenizer, builtin_tokenizer_path
from core.model.presets import num_parameters, preset
from core.model.recipes import (
    ADAPTIVE_OUTER,
    SPARSE_FEEDBACK,
    SPARSE_OUTER,
    default_outer,
    default_rounds,
    default_training,
)
from core.model.shard import divide
from core.postprocess.compression.codec import encoded_size
from core.postprocess.compression.delta import SENDING_BYTES

MAX_EVALUATION_BYTES = 64 << 20
MAX_TOKENIZER_BYTES = 16 << 20
DEFAULT_PRESET = "tiny"
NEARLY_FULL = 0.95
"""Share of a preset's embedding rows from which on a tokenizer keeps them all."""
FOUNDING_BYTES = 5
"""Of the coordinator's memory, per parameter, while the first weights are drawn and written. A round takes less: its
updates, base, momentum and new weights stay in files."""
BLOW_UP = 5.0
"""Times the running median of norms from which a new federation takes a round back. In honest runs whose inner learning
rate warms up over 7 to 17 rounds the largest ratio measured was 2.7 for pseudo-gradients and, with Nesterov at 0.7 and
0.9 on a model that learns its text by heart, 3.9 for models; a blow-up is tenfold and more."""
LATE_ROUNDS = 2
"""In which a late update is folded in, unless the operator chooses otherwise."""
SLOW_UPLINK_BYTES_PER_S = 1.25e6
"""10 Mb/s."""
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
    preset: str = ""
    """Empty: ``tiny``, or what the given model is."""
    start_from: Path | None = None
    """Folder of a model to start from, as ``host export`` writes it; its tokenizer is the federation's."""
    unit: UnitOfPrivacy = "document"
    windows_per_document: int = 1
    """Most windows that one document gives to a step."""
    rounds: int | None = None
    cohort: int = 2
    quorum: int | None = None
    local_steps: int | None = None
    batch_size: int | None = None
    seq_len: int | None = None
    learning_rate: float | None = None
    outer_lr: float | None = None
    outer_momentum: float | None = None
    outer: str | None = None
    """An outer optimiser of ``OuterConfig``, or the name of a Flower strategy that is installed here."""
    outer_tau: float | None = None
    weight_averaging: float = 0.0
    blow_up: float | None = None
    backoff: float | None = None
    held_out_gate: float | None = None
    plateau_rounds: int | None = None
    plateau_factor: float | None = None
    clip_norm: float | None = None
    codec: CodecName = "int8"
    kept: int = 64
    chunk_size: int = 4_096
    error_feedback: float | None = None
    """``None``: what sparse codecs start from, where the unit allows it and one of the codecs is sparse."""
    slower: tuple[CodecName, ...] = ()
    """Codecs for ever slower lines, of which a volunteer takes the first that is quick enough on its own."""
    least_local_steps: int = 0
    downlink: Literal["whole"] | CodecName = "whole"
    """How checkpoints reach volunteers: whole, or as differences written by a codec."""
    deadline_s: float = 3_600.0
    upload_slot_s: float = 60.0
    seed: int | None = None
    tokenizer: Path | None = None
    address: str = ""
    listen: str = "127.0.0.1:0"
    evaluate: Path | None = None
    shards: int = 1
    public: tuple[Path, ...] = ()
    """The operator's own text for everybody to train on: files, or folders of them."""
    public_weight: float = 1.0
    """Share of the public text in a stream where each private corpus has 1."""
    subspace: Literal["none", "public", "released", "mask"] = "none"
    subspace_rank: int = 8
    mask_density: float = 0.25
    aggregation: Literal["mean", "centred-clipping", "trimmed-mean", "median", "multi-krum"] = "mean"
    weights: Literal["equal", "metric", "loss"] = "equal"
    norm_bound: Literal["none", "median"] = "median"
    """Robust from the start: no update counts for more than one of the usual length."""
    late_rounds: int | None = None
    """``None``: two, or none where the rule compares updates with each other."""
    over_selection: float = 1.0
    from_client: bool = False
    """Whether the first weights are one volunteer's."""
    trim: float | None = None
    ramp_rounds: int = 0
    invite_share: float = 1.0
    evaluate_every: int = 0
    ask_absent: bool = False
    max_void_rounds: int = 0
    upload_share: float = 0.1


def create(root: Path, choices: Choices) -> Federation:
    """Make a federation in a new folder, or leave nothing behind.

    Raises:
        UsageError: the folder exists, a choice is unknown or out of range, or the model is too large.
        StorageError: the disk refused.
        HedgerowError: the tokenizer or the evaluation text cannot be used.
    """
    root = root.expanduser().resolve()
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UsageError(f"{root} exists already.", "Choose a new folder, or empty this one.")
    if choices.start_from is not None and choices.from_client:
        raise UsageError("The first weights are either given or one volunteer's.", "Leave --from or --from-client out.")
    spec = None if choices.start_from is None else starting.shape(choices.start_from)
    tokenizer_path = choices.tokenizer or builtin_tokenizer_path()
    if choices.start_from is not None:
        tokenizer_path = starting.tokenizer_path(choices.start_from, choices.tokenizer)
    tokenizer = _read(tokenizer_path, MAX_TOKENIZER_BYTES, "tokenizer")
    text = None if choices.evaluate is None else _read(choices.evaluate, MAX_EVALUATION_BYTES, "evaluation text")
    settings = HostSettings(listen=choices.listen, address=choices.address)
    loaded = Tokenizer.load(tokenizer_path)
    # A wrong choice is said before text is tokenised.
    if choices.subspace == "public" and not choices.public:
        raise UsageError("A public subspace is found in public text.", "Name some with --public.")
    before = dataclasses.replace(choices, subspace="none") if choices.subspace == "public" else choices
    wanted = configure(before, loaded, spec=spec)
    if spec is None:
        refuse_what_cannot_run(wanted, machine_bytes())
    with tempfile.TemporaryDirectory(prefix="hedgerow-create-") as scratch:
        facts = [f for path in choices.public for f in write_public(path.expanduser(), loaded, Path(scratch))]
        config = configure(choices, loaded, facts, spec)
        first = None
        if choices.start_from is not None:
            first = Path(scratch) / "first.safetensors"
            config = starting.with_first(config, starting.copy(choices.start_from, config.model, first))
        return found(root, config, settings, tokenizer, text, [Path(f.path) for f in facts], first=first)


def _public(facts: Sequence[ShardFacts], weight: float) -> tuple[PublicShard, ...]:
    """As the manifest lists them; a shard has its share of the whole weight."""
    tokens = sum(f.tokens for f in facts)
    return tuple(
        PublicShard(
            sha256=f.sha256, weight=weight * f.tokens / tokens, tokens=f.tokens, bytes=Path(f.path).stat().st_size
        )
        for f in facts
    )


def configure(
    choices: Choices, tokenizer: Tokenizer, public: Sequence[ShardFacts] = (), spec: ModelSpec | None = None
) -> FederationConfig:
    """The manifest's content.

    Args:
        choices: the operator's.
        tokenizer: the federation's.
        public: the shards of its public text, written already.
        spec: shape of a model to start from.

    Raises:
        UsageError: naming the choice that is wrong.
    """
    try:
        if not 0 < choices.public_weight <= 1e6:
            raise ValueError(f"public_weight is {choices.public_weight}, but must lie above 0 and up to 1e+06")
        name = choices.preset or DEFAULT_PRESET if spec is None else starting.preset_of(spec, choices.preset)
        choices = dataclasses.replace(choices, preset=name)
        rows = tokenizer.vocab_size
        model = _model(choices, rows) if spec is None else starting.model(spec, choices.preset, rows)
        training = _training(choices)
        privacy = PrivacyTerms(
            unit=choices.unit,
            relation=RELATIONS[choices.unit],
            clip_norm=1.0 if choices.clip_norm is None else choices.clip_norm,
            windows_per_document=choices.windows_per_document,
            subspace=SubspaceTerms(kind=choices.subspace, rank=choices.subspace_rank, density=choices.mask_density),
        )
        outer, aggregation = _outer(choices), _aggregation(choices)
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
                origin="given by the operator"
                if choices.tokenizer or choices.start_from
                else "Python documentation, shipped with Hedgerow",
            ),
            public_data=_public(public, choices.public_weight),
            training=training,
            outer=outer,
            stability=_stability(choices),
            shard=ShardConfig(mode="full" if choices.shards == 1 else "blocks", count=choices.shards),
            privacy=privacy,
            codec=_codec(choices),
            downlink=_downlink(choices),
            adaptation=_adaptation(choices),
            schedule=_schedule(choices, model, _late_rounds(outer, aggregation, choices)),
            aggregation=aggregation,
            initialisation=InitialisationTerms(source="sampled-client" if choices.from_client else "seed"),
        )
        return msgspec.convert(msgspec.to_builtins(config), FederationConfig)
    except HedgerowError:
        raise
    except (ValueError, msgspec.ValidationError) as error:
        raise UsageError(f"The federation cannot be made: {error}.", "Change that option.") from error


def _adaptation(choices: Choices) -> AdaptationTerms:
    slower = tuple(msgspec.structs.replace(_codec(choices), name=name) for name in choices.slower)
    return AdaptationTerms(
        codecs=slower, upload_share=choices.upload_share, least_local_steps=choices.least_local_steps
    )  # fmt: skip


def _downlink(choices: Choices) -> DownlinkTerms:
    if choices.downlink == "whole":
        return DownlinkTerms()
    codec = CodecConfig(name=choices.downlink, kept=choices.kept, chunk_size=choices.chunk_size)
    return DownlinkTerms(mode="delta", codec=codec)


def refuse_what_cannot_run(config: FederationConfig, machine_bytes: int) -> None:
    """Refuse, before a weight is drawn, a model that this machine cannot hold or a strategy that it does not have.

    Args:
        config: the terms.
        machine_bytes: memory of the coordinator's machine; 0 where it is not known.

    Raises:
        UsageError: naming what is too large, with both figures.
    """
    name, parameters = config.model.preset, num_parameters(config.model)
    needs = {"Making the first weights of": FOUNDING_BYTES * parameters}
    if config.downlink.mode == "delta":
        needs["Writing the differences between checkpoints of"] = SENDING_BYTES * parameters
    for what, needed in needs.items():
        if 0 < machine_bytes < needed:
            raise UsageError(
                f"{what} {name} takes about {needed / 1e9:.1f} GB of memory, but this machine has "
                f"{machine_bytes / 1e9:.1f} GB.",
                "Choose a smaller preset, or send whole checkpoints." if len(needs) > 1 else "Choose a smaller preset.",
            )
    refuse_missing(config, machine_bytes)


def _schedule(choices: Choices, model: ModelSpec, late_rounds: int) -> ScheduleConfig:
    return ScheduleConfig(
        rounds=default_rounds(choices.preset) if choices.rounds is None else choices.rounds,
        cohort_size=choices.cohort,
        quorum=choices.cohort if choices.quorum is None else choices.quorum,
        deadline_s=choices.deadline_s,
        upload_allowance_s=_upload_allowance_s(model, choices),
        upload_slot_s=choices.upload_slot_s,
        late_rounds=late_rounds,
        over_selection=choices.over_selection,
        ask_absent=choices.ask_absent,
        evaluate_every=choices.evaluate_every,
        max_void_rounds=choices.max_void_rounds,
    )


def _upload_allowance_s(model: ModelSpec, choices: Choices) -> float:
    """The usual time after a deadline, or what the largest update takes over a slow line."""
    codec = _codec(choices)
    largest = max(encoded_size(shard.shapes(), codec) for shard in divide(model, choices.shards))
    usual, longest = ScheduleConfig(rounds=1, cohort_size=1, quorum=1).upload_allowance_s, 7 * 86_400.0
    return min(longest, max(usual, float(math.ceil(largest / SLOW_UPLINK_BYTES_PER_S))))


def _aggregation(choices: Choices) -> AggregationTerms:
    """A Flower strategy sees what came as it came, unless something else was asked for."""
    strategy = choices.outer is not None and choices.outer not in get_args(OuterOptimizer)
    bound = "none" if strategy else choices.norm_bound
    return AggregationTerms(
        rule=choices.aggregation, weights=choices.weights, norm_bound=bound, ramp_rounds=choices.ramp_rounds,
        invite_share=choices.invite_share, **_given({"trim": choices.trim}),
    )  # fmt: skip


def _late_rounds(outer: OuterConfig, aggregation: AggregationTerms, choices: Choices) -> int:
    alone = outer.optimizer in (*ADAPTIVE, "strategy")
    usual = 0 if aggregation.counts_once or alone else LATE_ROUNDS
    return usual if choices.late_rounds is None else choices.late_rounds


def _model(choices: Choices, vocab_size: int) -> ModelSpec:
    """The preset with one embedding row per token of the tokenizer that is used.

    A tokenizer that nearly fills the preset's rows keeps their number, so that GPT-NeoX's 50,277 tokens give the seeds'
    50,368 rows and their exact counts. With any other, rows that no token ever reaches would only be trained, sent and
    kept: under the built-in 4,096 tokens ``125m`` has 88M parameters, which the manifest shows.
    """
    spec = preset(choices.preset)
    nearly_full = NEARLY_FULL * spec.vocab_size <= vocab_size <= spec.vocab_size
    longest = max(spec.max_seq_len, choices.seq_len or 0)
    rows = spec.vocab_size if nearly_full else vocab_size
    return msgspec.structs.replace(spec, vocab_size=rows, max_seq_len=longest)


def _codec(choices: Choices) -> CodecConfig:
    sparse = not DENSE_CODECS.issuperset((choices.codec, *choices.slower))
    usual = SPARSE_FEEDBACK if sparse and choices.unit == "none" else 0.0
    feedback = usual if choices.error_feedback is None else choices.error_feedback
    return CodecConfig(name=choices.codec, kept=choices.kept, chunk_size=choices.chunk_size, error_feedback=feedback)


def _outer(choices: Choices) -> OuterConfig:
    default, codec = default_outer(choices.preset), _codec(choices)
    if codec.sparse and codec.error_feedback and choices.outer is None and choices.outer_momentum is None:
        default = SPARSE_OUTER  # momentum would send again and again what waited to be sent once
    named: dict[str, Any] = {}
    if choices.outer in ADAPTIVE:
        default = ADAPTIVE_OUTER
    if choices.outer in get_args(OuterOptimizer) and choices.outer != "strategy":
        named = {"optimizer": choices.outer}
    elif choices.outer is not None:
        named = {"optimizer": "strategy", "strategy": choices.outer, "learning_rate": 1.0, "momentum": 0.0}
    given = {
        "learning_rate": choices.outer_lr,
        "momentum": choices.outer_momentum,
        "tau": choices.outer_tau,
        "weight_averaging": choices.weight_averaging,
    }
    return msgspec.structs.replace(default, **named | _given(given))


def _stability(choices: Choices) -> StabilityTerms:
    if choices.evaluate is None and (choices.held_out_gate or choices.plateau_rounds):
        raise UsageError("A held-out gate and a plateau are seen on text of yours.", "Name some with --evaluate.")
    given = {
        "blow_up": choices.blow_up,
        "backoff": choices.backoff,
        "held_out_gate": choices.held_out_gate,
        "plateau_rounds": choices.plateau_rounds,
        "plateau_factor": choices.plateau_factor,
    }
    return msgspec.structs.replace(StabilityTerms(blow_up=BLOW_UP), **_given(given))


def _given(choices: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in choices.items() if value is not None}


def _training(choices: Choices) -> TrainingConfig:
    given = {
        "local_steps": choices.local_steps,
        "batch_size": choices.batch_size,
        "seq_len": choices.seq_len,
        "learning_rate": choices.learning_rate,
    }
    default = default_training(choices.preset, choices.unit)
    changed = msgspec.structs.replace(default, **_given(given))
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
