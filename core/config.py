"""The two configurations: what a federation decides, and what this machine decides.

``FederationConfig`` is the manifest's content. It is signed by the coordinator, hashed, frozen at consent, and
holds everything that changes the mathematics. ``NodeConfig`` never leaves the machine and holds only what changes
speed, comfort or limits. Both refuse unknown fields, and both check their values where they are built, so that a
hostile manifest is turned away before anything is allocated.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

PROTOCOL_VERSION: Final = 1
MAX_TEXT = 2_000
MIN_MBIT_S: Final = 0.5
"""Slower, and one piece of an update would take longer than a coordinator keeps its upload session."""
MAX_COMBINADIC: Final = 1 << 19
"""Chunk size times values kept, above which the tables of a ranked index set would pass 70 MB."""
MAX_PUBLIC_SHARD_BYTES: Final = 64 << 20
"""Of one public token shard."""
MAX_PUBLIC_SHARDS: Final = 4_096

Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Identifier = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]
ShortText = Annotated[str, Meta(min_length=1, max_length=120)]
LongText = Annotated[str, Meta(max_length=MAX_TEXT)]
UnitOfPrivacy = Literal["document", "record", "corpus", "none"]
CodecName = Literal["fp32", "bf16", "int8", "int4", "int2", "sign", "topk", "dct"]
OuterOptimizer = Literal["fedavg", "fedmom", "nesterov", "fedadam", "fedyogi", "strategy"]


class Frozen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every configuration record: immutable, keyword-only, unknown fields refused."""


def _between(name: str, value: float, low: float, high: float) -> None:
    if not math.isfinite(value) or not low <= value <= high:
        raise ValueError(f"{name} is {value}, but must lie between {low:g} and {high:g}")


class ModelSpec(Frozen, frozen=True, kw_only=True):
    """Shape of the decoder-only model. Every number is bounded so that memory can be computed before allocation."""

    architecture: Literal["llama", "gpt2"] = "llama"
    """Block layout; ``llama`` is RMSNorm, rotary positions and SwiGLU."""
    preset: ShortText
    """Name of the preset the numbers came from, for display only."""
    vocab_size: int
    """Rows of the token embedding."""
    num_layers: int
    """Number of blocks."""
    d_model: int
    """Width of the residual stream."""
    num_heads: int
    """Attention heads; must divide ``d_model``."""
    d_ff: int
    """Inner width of the feed-forward part."""
    max_seq_len: int
    """Longest sequence the model is asked to read, in tokens."""
    tie_embeddings: bool = True
    """Whether the output head shares the embedding matrix."""
    norm_eps: float = 1e-5
    """Epsilon inside the normalisation layers."""
    rope_theta: float = 10_000.0
    """Base of the rotary position frequencies."""

    def __post_init__(self) -> None:
        """Refuse shapes outside what any preset needs.

        Raises:
            ValueError: a number is out of range or the heads do not divide the width.
        """
        _between("model.vocab_size", self.vocab_size, 256, 1 << 18)
        _between("model.num_layers", self.num_layers, 1, 128)
        _between("model.d_model", self.d_model, 16, 16_384)
        _between("model.num_heads", self.num_heads, 1, 256)
        _between("model.d_ff", self.d_ff, 16, 65_536)
        _between("model.max_seq_len", self.max_seq_len, 8, 32_768)
        _between("model.norm_eps", self.norm_eps, 1e-12, 1e-2)
        _between("model.rope_theta", self.rope_theta, 100.0, 1e8)
        if self.d_model % self.num_heads or (self.d_model // self.num_heads) % 2:
            raise ValueError(
                f"model.num_heads is {self.num_heads}, which does not divide d_model {self.d_model} evenly"
            )


class TokenizerSpec(Frozen, frozen=True, kw_only=True):
    """Which tokenizer the federation uses, by content hash."""

    sha256: Sha256
    """Hash of the ``tokenizer.json`` bytes."""
    origin: LongText
    """What it was trained on, in the operator's words; never private text."""


class PublicShard(Frozen, frozen=True, kw_only=True):
    """A public token shard, served as a blob."""

    sha256: Sha256
    weight: float
    """Share in the stream, where each private corpus has 1; the shards of a federation are read as one source."""
    tokens: int
    bytes: int
    """Size of the blob."""

    def __post_init__(self) -> None:
        """Bound every number.

        Raises:
            ValueError: a number is out of range.
        """
        _between("public_data.weight", self.weight, 1e-9, 1e6)
        _between("public_data.bytes", self.bytes, 1, MAX_PUBLIC_SHARD_BYTES)
        _between("public_data.tokens", self.tokens, 1, self.bytes // 2)


class ParameterGroups(Frozen, frozen=True, kw_only=True):
    """Which parameters form the backbone and which are key layers (WorldLM). Today everything is backbone."""

    backbone: tuple[str, ...] = ("*",)
    key_layers: tuple[str, ...] = ()


class LargerFederation(Frozen, frozen=True, kw_only=True):
    """The federation that a household takes part in as one volunteer; empty where updates go no further."""

    name: Annotated[str, Meta(max_length=120)] = ""
    federation_id: Annotated[str, Meta(pattern=r"^([0-9a-f]{32})?$")] = ""
    manifest_hash: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?$")] = ""
    """Of the terms under which the household's mean goes there."""

    def __post_init__(self) -> None:
        """All or nothing.

        Raises:
            ValueError: a part of it is missing.
        """
        if len({bool(self.name), bool(self.federation_id), bool(self.manifest_hash)}) > 1:
            raise ValueError("forwards_to names a federation in part only")


class TrainingConfig(Frozen, frozen=True, kw_only=True):
    """Local training: batch, steps and the inner optimiser (AdamW) with its schedule over the federation's steps."""

    seq_len: int
    """Tokens per training sequence."""
    batch_size: int
    """Sequences per step; under DP units the *expected* size of a Poisson draw."""
    local_steps: int
    """Optimiser steps per round."""
    learning_rate: float
    """Peak learning rate."""
    final_learning_rate_ratio: float = 0.1
    """Learning rate after ``decay_steps`` divided by the peak."""
    warmup_steps: int = 0
    """Linear warm-up, in federation steps."""
    decay_steps: int = 1_000
    """Cosine length, in federation steps."""
    beta1: float = 0.9
    beta2: float = 0.95
    adam_eps: float = 1e-8
    weight_decay: float = 0.0
    grad_clip: float = 1.0
    """Global gradient norm bound of the unit ``none`` and ``corpus`` loops; DP-SGD clips per example instead."""

    def __post_init__(self) -> None:
        """Bound every number.

        Raises:
            ValueError: a number is out of range.
        """
        _between("training.seq_len", self.seq_len, 8, 32_768)
        _between("training.batch_size", self.batch_size, 1, 65_536)
        _between("training.local_steps", self.local_steps, 1, 100_000)
        _between("training.learning_rate", self.learning_rate, 1e-8, 1.0)
        _between("training.final_learning_rate_ratio", self.final_learning_rate_ratio, 0.0, 1.0)
        _between("training.warmup_steps", self.warmup_steps, 0, 1e7)
        _between("training.decay_steps", self.decay_steps, 1, 1e9)
        _between("training.beta1", self.beta1, 0.0, 0.9999)
        _between("training.beta2", self.beta2, 0.0, 0.999999)
        _between("training.adam_eps", self.adam_eps, 1e-16, 1.0)
        _between("training.weight_decay", self.weight_decay, 0.0, 10.0)
        _between("training.grad_clip", self.grad_clip, 1e-6, 1e6)


class OuterConfig(Frozen, frozen=True, kw_only=True):
    """The outer optimiser, applied by the coordinator to the mean pseudo-gradient."""

    optimizer: OuterOptimizer = "fedmom"
    """See ``core.coordinator.learning.outer_optimizer``. ``strategy``: a Flower ``Strategy`` of the operator's."""
    learning_rate: float = 1.0
    """η, the server learning rate. Under ``strategy`` the share of the way to the weights that the strategy gives."""
    momentum: float = 0.0
    """μ of ``fedmom`` and ``nesterov``, β1 of ``fedadam`` and ``fedyogi``; ``fedavg`` and ``strategy`` ignore it."""
    beta2: float = 0.99
    """Of ``fedadam`` and ``fedyogi``: how long the second moment remembers."""
    tau: float = 1e-3
    """Of ``fedadam`` and ``fedyogi``: added to the root of the second moment; the smaller, the more adaptive. DiLoCo
    found that Adam on pseudo-gradients of language models needs 0.1 (https://arxiv.org/abs/2311.08105)."""
    strategy: Annotated[str, Meta(pattern=r"^([A-Za-z][A-Za-z0-9_.-]{0,63})?$")] = ""
    """Name of an entry point in the group ``hedgerow.strategies`` on the coordinator's machine; it alone loads it."""
    weight_averaging: float = 0.0
    """β of FedVSSL's averaging over rounds, θ ← (β·θ_old + θ_new)/(β + 1); 0 takes θ_new as it is."""

    def __post_init__(self) -> None:
        """Bound every number.

        Raises:
            ValueError: a number is out of range, or a strategy is named without being chosen, or chosen unnamed.
        """
        _between("outer.learning_rate", self.learning_rate, 1e-6, 10.0)
        _between("outer.momentum", self.momentum, 0.0, 0.9999)
        _between("outer.beta2", self.beta2, 0.0, 0.999999)
        _between("outer.tau", self.tau, 1e-9, 10.0)
        _between("outer.weight_averaging", self.weight_averaging, 0.0, 100.0)
        if bool(self.strategy) is not (self.optimizer == "strategy"):
            raise ValueError(f"outer.strategy is {self.strategy!r}, but the optimizer is {self.optimizer!r}")


class StabilityTerms(Frozen, frozen=True, kw_only=True):
    """When the coordinator takes a step back: a checkpoint is refused, the server learning rate lowered. 0 is off."""

    blow_up: float = 0.0
    """A round whose pseudo-gradient norm or model norm is over this many times the running median is refused; so is
    one whose outer step is not finite, which has no checkpoint anyway."""
    window: int = 8
    """Closed rounds the median is taken over; with fewer than three of them there is none yet."""
    backoff: float = 0.5
    """What the server learning rate is multiplied by after a refused round."""
    held_out_gate: float = 0.0
    """A checkpoint whose loss on the coordinator's own text is worse than its base's by more than this share of it is
    refused."""
    plateau_rounds: int = 0
    """Measured rounds without a better loss on the coordinator's own text before the rate is lowered."""
    plateau_factor: float = 0.5
    """What the server learning rate is multiplied by on a plateau."""

    def __post_init__(self) -> None:
        """Bound every number.

        Raises:
            ValueError: a number is out of range.
        """
        _between("stability.blow_up", self.blow_up, 1.1 if self.blow_up else 0.0, 1_000.0)
        _between("stability.window", self.window, 3, 1_000)
        _between("stability.backoff", self.backoff, 0.01, 1.0)
        _between("stability.held_out_gate", self.held_out_gate, 0.0, 10.0)
        _between("stability.plateau_rounds", self.plateau_rounds, 0, 10_000)
        _between("stability.plateau_factor", self.plateau_factor, 0.01, 1.0)

    @property
    def waits_for_evaluation(self) -> bool:
        """Whether the next round depends on how good the newest checkpoint is."""
        return self.held_out_gate > 0 or self.plateau_rounds > 0


class ShardConfig(Frozen, frozen=True, kw_only=True):
    """Which part of the model a volunteer trains in a round."""

    mode: Literal["full", "blocks"] = "full"
    """``full``: all of it. ``blocks``: by lottery the embedding or a range of blocks."""
    count: int = 1
    """Parts the model is divided into: the embedding with last norm and head, and ranges of blocks."""

    def __post_init__(self) -> None:
        """Bound the number.

        Raises:
            ValueError: the number is out of range or belongs to the other mode.
        """
        _between("shard.count", self.count, 1, 129)
        if (self.mode == "full") is not (self.count == 1):
            raise ValueError(f"shard.count is {self.count}, but mode {self.mode!r} was chosen")


class SubspaceTerms(Frozen, frozen=True, kw_only=True):
    """The part of the space that is bounded and noised; see ``core.subspace``. It changes no ε."""

    kind: Literal["none", "public", "released", "mask"] = "none"
    rank: int = 8
    """Directions kept of each matrix (``public``, ``released``)."""
    density: float = 0.25
    """Share of each matrix's values that one round may move (``mask``)."""

    def __post_init__(self) -> None:
        """Bound every number.

        Raises:
            ValueError: a number is out of range.
        """
        _between("privacy.subspace.rank", self.rank, 1, 4_096)
        _between("privacy.subspace.density", self.density, 1e-3, 1.0)


class PrivacyTerms(Frozen, frozen=True, kw_only=True):
    """What the federation asks of a volunteer's privacy; the volunteer's own budget and floor win when stricter."""

    unit: UnitOfPrivacy
    """What one unit of the guarantee is."""
    relation: Literal["zero-out", "replace-one", "none"]
    """Neighbouring relation: ``zero-out`` for record and document, ``replace-one`` for corpus."""
    clip_norm: float = 1.0
    """L2 bound per example (record, document) or of the whole update (corpus)."""
    min_noise_multiplier: float = 0.3
    """Least noise multiplier the federation accepts; each volunteer solves for its own, never below."""
    max_sampling_prob: float = 0.25
    """Largest Poisson sampling probability; a corpus too small for it is refused by name."""
    windows_per_document: int = 1
    """Most windows one document contributes to a step (unit ``document``)."""
    delta_cap: float = 1e-5
    """Upper bound on δ; each lineage's δ is min(this, 1/(10 n))."""
    subspace: SubspaceTerms = SubspaceTerms()
    """What of an update is released at all."""

    def __post_init__(self) -> None:
        """Bound every number and tie the relation to the unit.

        Raises:
            ValueError: a number is out of range or the relation does not belong to the unit.
        """
        _between("privacy.clip_norm", self.clip_norm, 1e-6, 1e6)
        _between("privacy.min_noise_multiplier", self.min_noise_multiplier, 0.0, 1e4)
        _between("privacy.max_sampling_prob", self.max_sampling_prob, 1e-9, 1.0)
        _between("privacy.windows_per_document", self.windows_per_document, 1, 1_024)
        _between("privacy.delta_cap", self.delta_cap, 1e-12, 1e-5)
        expected = {"document": "zero-out", "record": "zero-out", "corpus": "replace-one", "none": "none"}[self.unit]
        if self.relation != expected:
            raise ValueError(f"privacy.relation is {self.relation!r}, but unit {self.unit!r} needs {expected!r}")
        if self.unit != "none" and self.min_noise_multiplier <= 0:
            raise ValueError("privacy.min_noise_multiplier must be above 0 unless the unit is 'none'")
        if self.unit == "none" and self.subspace.kind != "none":
            raise ValueError("privacy.subspace is for units with noise, not for unit 'none'")


class CodecConfig(Frozen, frozen=True, kw_only=True):
    """How an update becomes bytes. Fixed rate and fixed size, so that size says nothing about the text."""

    name: CodecName = "int8"
    """``fp32`` to ``sign`` keep all values in fewer bits; ``topk`` and ``dct`` keep the few largest of each chunk."""
    block_size: int = 256
    """Values that share one scale (``int8`` to ``sign``); 64 suits ``int4``."""
    chunk_size: int = 4_096
    """Values of which the largest are kept (``topk``, ``dct``); a square of a power of two for ``dct``."""
    kept: int = 64
    """How many of a chunk."""
    index_code: Literal["combinadic", "elias-fano", "packed"] = "combinadic"
    """How their places are written: in the fewest bits, nearly so, or as plain numbers."""
    error_feedback: float = 0.0
    """What a round leaves out goes into the next, times this: 0 not at all, 1 all of it. Unit ``none`` only."""

    @property
    def sparse(self) -> bool:
        """Whether most values are left out."""
        return self.name in ("topk", "dct")

    def __post_init__(self) -> None:
        """Bound every number.

        Raises:
            ValueError: a number is out of range, or two contradict each other.
        """
        _between("codec.block_size", self.block_size, 16, 65_536)
        _between("codec.chunk_size", self.chunk_size, 256, 65_536)
        _between("codec.kept", self.kept, 1, self.chunk_size // 2)
        _between("codec.error_feedback", self.error_feedback, 0.0, 1.0)
        if self.name == "dct" and self.chunk_size not in (256, 1_024, 4_096, 16_384, 65_536):
            raise ValueError(f"codec.chunk_size is {self.chunk_size}, but dct needs a square of a power of two")
        if self.index_code == "combinadic" and self.chunk_size * self.kept > MAX_COMBINADIC:
            raise ValueError(
                f"codec.index_code is combinadic, but chunk_size {self.chunk_size} times kept {self.kept} is above "
                f"{MAX_COMBINADIC}; elias-fano has no such limit"
            )


class DownlinkTerms(Frozen, frozen=True, kw_only=True):
    """How checkpoints reach the volunteers; see ``core.postprocess.compression.delta``."""

    mode: Literal["whole", "delta"] = "whole"
    """``delta``: whoever holds the last one gets what the next differs by, and the model is what that leads to."""
    codec: CodecConfig = CodecConfig()
    """How a difference is written; what it leaves out is sent later, whatever ``error_feedback`` says of updates."""

    def __post_init__(self) -> None:
        """Refuse what has no meaning here.

        Raises:
            ValueError: a decay where nothing decays.
        """
        if self.codec.error_feedback:
            raise ValueError("downlink.codec.error_feedback is for updates; of a difference nothing is ever dropped")


DENSE_CODECS: Final = frozenset({"fp32", "bf16", "int8", "int4", "int2", "sign"})
"""Codecs that write every value. What a sparse one leaves out is not a vote for zero, and no order statistic may take
it for one."""
MIN_CONTRIBUTORS: Final = 10
"""Updates of a parameter from which on order statistics are taken; with fewer they cut off honest ones."""


class AggregationTerms(Frozen, frozen=True, kw_only=True):
    """How the updates of a cohort become one; see ``core.combination``. What volunteers say they did is no weight."""

    weights: Literal["equal", "metric", "loss"] = "equal"
    """``equal``: 1/|C|. ``metric``: softmax of −loss. ``loss``: ``loss_share`` of it, the rest equal."""
    loss_share: float = 0.9
    """FedVSSL's α: share of the loss-weighted mean in the whole (weights ``loss``)."""
    norm_bound: Literal["none", "median"] = "none"
    """``median``: an update longer than the running median of accepted norms is scaled down to it."""
    rule: Literal["mean", "centred-clipping", "trimmed-mean", "median", "multi-krum"] = "mean"
    """How bounded updates are combined; with too few of them order statistics give way to the bounded mean."""
    trim: float = 0.2
    """Share cut off at each end of every value (``trimmed-mean``), or taken for hostile (``multi-krum``)."""
    ramp_rounds: int = 0
    """A volunteer's first accepted updates count 1/(r+1), 2/(r+1), … of one; 0: the first counts in full."""
    invite_share: float = 1.0
    """Largest share of a cohort that came by one invite."""

    def __post_init__(self) -> None:
        """Bound every number, and refuse what does not go together.

        Raises:
            ValueError: a number is out of range, or a rule that counts everybody once is given weights.
        """
        _between("aggregation.loss_share", self.loss_share, 0.0, 1.0)
        _between("aggregation.trim", self.trim, 0.01, 0.45)
        _between("aggregation.ramp_rounds", self.ramp_rounds, 0, 1_000)
        _between("aggregation.invite_share", self.invite_share, 0.001, 1.0)
        if self.counts_once and (self.weights != "equal" or self.ramp_rounds):
            raise ValueError(f"aggregation.rule {self.rule!r} counts every update once, so there are no weights")

    @property
    def counts_once(self) -> bool:
        """Whether the rule compares updates with each other, so that none can count for more or less."""
        return self.rule in ("trimmed-mean", "median", "multi-krum")


class AdaptationTerms(Frozen, frozen=True, kw_only=True):
    """What volunteers and coordinator may choose by what they measured, within these bounds."""

    codecs: Annotated[tuple[CodecConfig, ...], Meta(max_length=3)] = ()
    """Further codecs, each for slower lines than the one before; ``codec`` is for those that are fast enough."""
    upload_share: float = 0.1
    """A volunteer takes the first codec that its line can send within this share of a round's training time."""
    least_local_steps: int = 0
    """Steps that the coordinator may go down to where rounds are short of overhead; 0: always as many as planned."""
    compute_share: float = 0.95
    """Share of a round that training should take; no more steps are asked for than that needs."""

    def __post_init__(self) -> None:
        """Bound every number.

        Raises:
            ValueError: a number is out of range.
        """
        _between("adaptation.upload_share", self.upload_share, 0.001, 1.0)
        _between("adaptation.least_local_steps", self.least_local_steps, 0, 100_000)
        _between("adaptation.compute_share", self.compute_share, 0.5, 0.999)


class ScheduleConfig(Frozen, frozen=True, kw_only=True):
    """Rounds: how many, how many volunteers, how long."""

    rounds: int
    """Rounds planned in all; privacy is solved so that all of them fit the budget."""
    cohort_size: int
    """Volunteers asked per round."""
    quorum: int
    """Accepted updates needed to close a round at its deadline."""
    deadline_s: float = 3_600.0
    """Seconds from instruction to the end of training."""
    upload_allowance_s: float = 600.0
    """Seconds after the deadline in which an announced upload may still finish."""
    upload_slot_s: float = 60.0
    """Under DP units updates set out at multiples of this only, so that their time says little about the text. Bounded
    by the volunteer from below and by the deadline from above."""
    late_rounds: int = 0
    """Rounds after its own in which a late update is still folded in, at 1/√(1 + rounds); 0: none is."""
    over_selection: float = 1.0
    """Volunteers asked for each one of the cohort; a round closes once as many updates as a cohort has are accepted."""
    ask_absent: bool = False
    """Whether a cohort is filled up from volunteers who are away; they are asked if they come before the deadline."""
    evaluate_every: int = 0
    """In every so-many-th round volunteers say how good the base is on their own held-out text; 0: never."""
    max_void_rounds: int = 0
    """Rounds in a row that may be given up before the federation stops; 0: it never does."""

    def evaluates(self, server_round: int) -> bool:
        """Whether held-out scores are asked for in this round."""
        return self.evaluate_every > 0 and server_round % self.evaluate_every == 0

    def __post_init__(self) -> None:
        """Bound every number.

        Raises:
            ValueError: a number is out of range or the quorum exceeds the cohort.
        """
        _between("schedule.rounds", self.rounds, 1, 1_000_000)
        _between("schedule.cohort_size", self.cohort_size, 1, 100_000)
        _between("schedule.quorum", self.quorum, 1, self.cohort_size)
        _between("schedule.deadline_s", self.deadline_s, 5.0, 14 * 86_400.0)
        _between("schedule.upload_allowance_s", self.upload_allowance_s, 5.0, 7 * 86_400.0)
        _between("schedule.upload_slot_s", self.upload_slot_s, 0.0, 3_600.0)
        _between("schedule.late_rounds", self.late_rounds, 0, 2)
        _between("schedule.over_selection", self.over_selection, 1.0, 4.0)
        _between("schedule.evaluate_every", self.evaluate_every, 0, 1_000_000)
        _between("schedule.max_void_rounds", self.max_void_rounds, 0, 1_000_000)


class InitialisationTerms(Frozen, frozen=True, kw_only=True):
    """Where the first weights come from (Photon, Algorithm 1, line 2)."""

    source: Literal["seed", "checkpoint", "sampled-client"] = msgspec.field(default="seed", name="from")
    """``seed``: drawn from the federation's seed. ``checkpoint``: brought by the operator. ``sampled-client``: drawn,
    then one volunteer's weights after a first round of its own."""
    sha256: str = ""
    """Of a checkpoint: hash of the weights as one float32 safetensors file, as exported. Volunteers of the whole model
    find it as the base of round 1."""

    def __post_init__(self) -> None:
        """Tie the hash to the source.

        Raises:
            ValueError: a checkpoint without a hash, or a hash without a checkpoint.
        """
        if self.source == "checkpoint" and not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise ValueError("initialisation.sha256 must be 64 hex digits where the first weights are a checkpoint")
        if self.source != "checkpoint" and self.sha256:
            raise ValueError("initialisation.sha256 is for first weights from a checkpoint")


class FederationConfig(Frozen, frozen=True, kw_only=True):
    """Everything a federation decides: signed, shared, hashed, shown to the owner before consent."""

    protocol_version: Literal[1] = PROTOCOL_VERSION
    run_id: Identifier
    """Our own run id, 16 random bytes in hex; survives coordinator restarts, unlike Flower's."""
    name: ShortText
    operator: ShortText
    jurisdiction: ShortText
    purpose: LongText
    """Plain text, shown as "in their words", never rendered."""
    licence: ShortText
    """Licence of the trained model."""
    withdrawal: LongText
    """What happens with past contributions when a volunteer leaves."""
    seed: int
    """Seed of the initial weights, where they are drawn, and of cohort sampling."""
    model: ModelSpec
    initialisation: InitialisationTerms = InitialisationTerms()
    groups: ParameterGroups = ParameterGroups()
    tokenizer: TokenizerSpec
    public_data: Annotated[tuple[PublicShard, ...], Meta(max_length=MAX_PUBLIC_SHARDS)] = ()
    """The operator's own text, for everybody: mixed in by weight, never charged."""
    training: TrainingConfig
    outer: OuterConfig = OuterConfig()
    stability: StabilityTerms = StabilityTerms()
    shard: ShardConfig = ShardConfig()
    privacy: PrivacyTerms
    codec: CodecConfig = CodecConfig()
    downlink: DownlinkTerms = DownlinkTerms()
    adaptation: AdaptationTerms = AdaptationTerms()
    schedule: ScheduleConfig
    aggregation: AggregationTerms = AggregationTerms()
    forwards_to: LargerFederation = LargerFederation()
    """Where the mean of every round goes on to, as one update; the household it comes from keeps no model."""

    def __post_init__(self) -> None:
        """Check what crosses sections.

        Raises:
            ValueError: sections contradict each other, or a later capability is asked for.
        """
        _between("seed", self.seed, 0, 2**63 - 1)
        if self.training.seq_len > self.model.max_seq_len:
            raise ValueError("training.seq_len is longer than model.max_seq_len")
        if self.shard.count > self.model.num_layers + 1:
            raise ValueError(
                f"shard.count is {self.shard.count}, but a model of {self.model.num_layers} blocks has at most "
                f"{self.model.num_layers + 1} parts"
            )
        if self.downlink.mode == "delta" and self.shard.mode != "full":
            raise ValueError("downlink.mode is 'delta', but volunteers who train shards fetch parts, which have none")
        if self.downlink.mode == "whole" and self.downlink != DownlinkTerms():
            raise ValueError("downlink.codec is for differences, but whole checkpoints are sent")
        if len({shard.sha256 for shard in self.public_data}) != len(self.public_data):
            raise ValueError("public_data names a shard twice")
        if self.privacy.subspace.kind == "public" and not self.public_data:
            raise ValueError("privacy.subspace is found in public text, and the federation has none")
        self._check_codecs()
        if self.outer.optimizer == "strategy" and self.shard.mode != "full":
            raise ValueError("outer.strategy needs updates of the whole model, and here volunteers train shards")
        if self.outer.optimizer == "strategy" and (self.aggregation != AggregationTerms() or self.schedule.late_rounds):
            raise ValueError(
                "outer.strategy makes of updates what it will, so neither aggregation nor late updates are ours"
            )
        if self.forwards_to.federation_id and (
            self.outer.optimizer == "strategy" or self.stability != StabilityTerms()
        ):
            raise ValueError("a household keeps no model, so it has neither a strategy nor terms of stability")
        if self.groups != ParameterGroups():
            raise ValueError("parameter groups other than one backbone are not supported by this version")
        self._check_aggregation()
        self._check_rounds()

    @property
    def codecs(self) -> tuple[CodecConfig, ...]:
        """Every codec that an update may come in, for ever slower lines."""
        return (self.codec, *self.adaptation.codecs)

    def _check_codecs(self) -> None:
        """Raises ValueError where updates are written in a way that the unit or another codec forbids."""
        for codec in self.codecs:
            if self.privacy.unit != "none" and codec.sparse:
                raise ValueError(f"codec.name is {codec.name!r}, but top-k of a noised update selects noise")
            if self.privacy.unit != "none" and codec.error_feedback:
                raise ValueError("codec.error_feedback carries what noise does not cover; it is for unit 'none' only")
            if codec.error_feedback != self.codec.error_feedback:
                raise ValueError("adaptation.codecs must have the error_feedback of codec: one residual goes with all")
        if len(set(self.codecs)) != len(self.codecs):
            raise ValueError("adaptation.codecs names a codec twice")
        if self.adaptation.least_local_steps > self.training.local_steps:
            raise ValueError("adaptation.least_local_steps is more than training.local_steps")
        if self.adaptation.least_local_steps and self.privacy.unit != "none":
            raise ValueError("adaptation.least_local_steps is for unit 'none': elsewhere the steps are charged for")
        if self.forwards_to.federation_id and self.adaptation != AdaptationTerms():
            raise ValueError("a household does what the larger federation asks; it adapts nothing")

    def _check_aggregation(self) -> None:
        """Raises ValueError where a rule cannot do what it says with these updates."""
        terms, dense = self.aggregation, all(codec.name in DENSE_CODECS for codec in self.codecs)
        if terms.weights != "equal" and self.privacy.unit != "none":
            raise ValueError(f"aggregation.weights {terms.weights!r} needs losses, which travel under unit 'none' only")
        if not terms.counts_once:
            return
        if not dense:
            raise ValueError(
                f"aggregation.rule {terms.rule!r} compares values, and codec "
                f"{next(codec.name for codec in self.codecs if codec.sparse)!r} leaves most out"
            )
        if terms.rule == "multi-krum" and self.privacy.unit != "none":
            raise ValueError("aggregation.rule 'multi-krum' compares distances, and noise makes them all alike")
        if terms.rule != "multi-krum" and self.schedule.cohort_size < MIN_CONTRIBUTORS:
            raise ValueError(
                f"aggregation.rule {terms.rule!r} needs {MIN_CONTRIBUTORS} updates, and a cohort has "
                f"{self.schedule.cohort_size}"
            )
        if self.schedule.late_rounds:
            raise ValueError(f"schedule.late_rounds lets updates in past aggregation.rule {terms.rule!r}")

    def _check_rounds(self) -> None:
        """Raises ValueError where rounds are asked for what the unit or the model's way does not allow."""
        schedule, private = self.schedule, self.privacy.unit != "none"
        if schedule.over_selection > 1 and private:
            raise ValueError("schedule.over_selection would waste charges of privacy")
        if schedule.evaluate_every and private:
            raise ValueError("schedule.evaluate_every asks for scores, which travel under unit 'none' only")
        if self.initialisation.source == "sampled-client":
            if private:
                raise ValueError("initialisation from a sampled client would release its weights without noise")
            if any(codec.sparse for codec in self.codecs) or self.shard.mode != "full":
                raise ValueError("initialisation from a sampled client needs whole weights: a dense codec, no shards")
        if self.forwards_to.federation_id and (
            self.aggregation != AggregationTerms()
            or self.initialisation != InitialisationTerms()
            or schedule.late_rounds
            or schedule.over_selection > 1
            or schedule.evaluate_every
        ):
            raise ValueError("a household averages its machines' updates of one round, and nothing else")


class Limits(Frozen, frozen=True, kw_only=True):
    """What this machine may be used for. Every field is the owner's and beats the coordinator's wishes."""

    cpu_threads: int = 0
    """Threads the trainer may use; 0 means all physical cores but one, at least one."""
    memory_gb: float = 0.0
    """Memory cap of the trainer in GB; 0 means half of what the machine has."""
    devices: tuple[str, ...] = ()
    """Devices offered, such as ``cuda:0`` or ``cpu``; empty means the best one found."""
    offered_hours_per_week: float = 20.0
    """Hours of training offered each week; reaching it pauses until Monday."""
    disk_gb: float = 5.0
    """Disk kept for sealed uploads before old ones are reduced to hash and summary."""
    gpu_memory_gb: float = 0.0
    """Memory cap on each GPU in GB; 0 means what is free there."""
    gpu_temperature_c: float = 85.0
    """Ceiling in °C; above it training pauses. 0 means none."""
    gpu_temperature_gap_c: float = 5.0
    """How far below the ceiling a GPU must cool before training goes on, in °C."""
    duty_cycle: float = 1.0
    """Share of the time that training computes; it sleeps for the rest. Lowers power and heat without admin rights."""
    schedule: tuple[str, ...] = ()
    """The week plan: seven days from Monday, 24 letters each, ``f`` full, ``h`` half, ``o`` off, by the local clock.
    Empty means full at all times."""
    only_when_idle: Literal["no", "display", "always"] = "no"
    """Train only while nobody uses the machine: never asked, asked if the GPU drives a display, or always."""
    idle_minutes: float = 5.0
    """Minutes without keyboard and mouse after which the machine counts as idle."""
    train_on_battery: bool = False
    """Whether training goes on when the machine runs on battery."""
    use_metered: bool = False
    """Whether rounds are begun and updates are sent over a network that is paid by volume."""
    other_gpu_percent: float = 50.0
    """Load of other programs on the GPU above which training pauses; 0 means it never does."""
    other_cpu_percent: float = 0.0
    """Load of other programs on all processor cores together above which training pauses; 0 means it never does."""
    pause_on_full_screen: bool = True
    """Whether training pauses while a program fills the screen."""
    hold_s: float = 20.0
    """Seconds that the load of others must last before it counts."""
    quiet_s: float = 120.0
    """Seconds without load of others or full screen before training goes on."""
    upload_mbit_s: float = 0.0
    """Most megabits sent each second; 0 means no limit."""
    download_mbit_s: float = 0.0
    """Most megabits received each second; 0 means no limit."""
    monthly_gb: float = 0.0
    """Most data sent and received in a calendar month, in GB; no round begins that would not fit. 0 means no limit."""

    def __post_init__(self) -> None:
        """Bound every number.

        Raises:
            ValueError: a number is out of range.
        """
        _between("limits.cpu_threads", self.cpu_threads, 0, 1_024)
        _between("limits.memory_gb", self.memory_gb, 0, 100_000)
        _between("limits.offered_hours_per_week", self.offered_hours_per_week, 0.0, 168.0)
        _between("limits.disk_gb", self.disk_gb, 0.1, 100_000)
        _between("limits.gpu_memory_gb", self.gpu_memory_gb, 0, 100_000)
        _between("limits.gpu_temperature_c", self.gpu_temperature_c, 0, 120)
        _between("limits.gpu_temperature_gap_c", self.gpu_temperature_gap_c, 1, 40)
        _between("limits.duty_cycle", self.duty_cycle, 0.1, 1.0)
        _between("limits.idle_minutes", self.idle_minutes, 0.5, 1_440)
        _between("limits.other_gpu_percent", self.other_gpu_percent, 0, 100)
        _between("limits.other_cpu_percent", self.other_cpu_percent, 0, 100)
        _between("limits.hold_s", self.hold_s, 0, 3_600)
        _between("limits.quiet_s", self.quiet_s, 0, 3_600)
        _between("limits.monthly_gb", self.monthly_gb, 0, 1_000_000)
        for name in ("upload_mbit_s", "download_mbit_s"):
            rate = getattr(self, name)
            _between(f"limits.{name}", rate, MIN_MBIT_S if rate else 0, 100_000)
        if self.schedule and [len(day) for day in self.schedule] != [24] * 7:
            raise ValueError("limits.schedule must be seven days, from Monday, of 24 letters each")
        if set("".join(self.schedule)) - set("fho"):
            raise ValueError("limits.schedule may hold only f (full), h (half) and o (off)")


class PrivacyFloor(Frozen, frozen=True, kw_only=True):
    """The weakest terms that the owner of this machine takes part under, whatever a manifest asks."""

    unit: UnitOfPrivacy = "none"
    """Weakest unit of privacy: ``none`` takes any, ``record`` every guarantee, then ``document`` and ``corpus``."""
    epsilon: float = 8.0
    """Highest limit that a text may be offered with."""
    noise: float = 0.0
    """Least noise multiplier σ of a plan; added where a federation asks for less."""

    def __post_init__(self) -> None:
        """Bound every number.

        Raises:
            ValueError: a number is out of range.
        """
        _between("floor.epsilon", self.epsilon, 0.01, 1_000.0)
        _between("floor.noise", self.noise, 0.0, 1_000.0)


class NodeConfig(Frozen, frozen=True, kw_only=True):
    """The owner's choices on this machine; stored as ``config.toml`` by the engine."""

    version: Literal[1] = 1
    limits: Limits = Limits()
    floor: PrivacyFloor = PrivacyFloor()
    keep_running: bool = False
    """Whether the engine goes on when the window closes."""
    worker_interpreter: str = ""
    """Python that runs reader and trainer; empty means the engine's own."""
    checkpoint_interval_s: float = 60.0
    """Most seconds of training that a crash may repeat."""
    message_update_mb: float = 32.0
    """Largest update in MiB that travels inside a message; a larger one goes up before it, in pieces."""
    device_watts: float = 65.0
    """Power in W of what trains here, taken where the machine cannot measure it."""
    grid_g_per_kwh: float = 0.0
    """Grams of CO₂ for a kilowatt-hour of this machine's electricity; 0 means unknown, and no CO₂ is shown."""

    def __post_init__(self) -> None:
        """Bound every number.

        Raises:
            ValueError: a number is out of range.
        """
        _between("checkpoint_interval_s", self.checkpoint_interval_s, 1.0, 3_600.0)
        _between("message_update_mb", self.message_update_mb, 0.0, 32.0)
        _between("device_watts", self.device_watts, 1.0, 20_000.0)
        _between("grid_g_per_kwh", self.grid_g_per_kwh, 0.0, 5_000.0)
