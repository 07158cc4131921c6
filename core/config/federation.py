"""What a federation decides: the manifest's content, signed, hashed, frozen at consent."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from core.config.base import Frozen, Identifier, LongText, ShortText, between
from core.config.exchange import DENSE_CODECS, AdaptationTerms, CodecConfig, DownlinkTerms, ScheduleConfig
from core.config.learning import MIN_CONTRIBUTORS, AggregationTerms, OuterConfig, StabilityTerms, TrainingConfig
from core.config.model import (
    MAX_PUBLIC_SHARDS,
    InitialisationTerms,
    ModelSpec,
    ParameterGroups,
    PublicShard,
    ShardConfig,
    TokenizerSpec,
)
from core.config.privacy import PrivacyTerms

PROTOCOL_VERSION: Final = 1


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


class FederationConfig(Frozen, frozen=True, kw_only=True):
    """Everything a federation decides: signed, shared, hashed; what of it asks or promises is shown before consent."""

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
        between("seed", self.seed, 0, 2**63 - 1)
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
        if self.outer.optimizer in ("fedadam", "fedyogi") and self.schedule.late_rounds:
            raise ValueError(
                f"outer.optimizer {self.outer.optimizer!r} has steps of its own length; late updates do not"
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
            if self.downlink.codec.sparse:
                raise ValueError("initialisation from a sampled client needs whole weights: a dense codec down as well")
        if self.forwards_to.federation_id and (
            self.aggregation != AggregationTerms()
            or self.initialisation != InitialisationTerms()
            or schedule.late_rounds
            or schedule.over_selection > 1
            or schedule.evaluate_every
        ):
            raise ValueError("a household averages its machines' updates of one round, and nothing else")
