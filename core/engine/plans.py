"""What joining costs, solved before consent: q, σ and ε of the whole plan per corpus, memory, bytes.

scipy and dp-accounting live in the planner child; here are only its answers, and the closed forms of other rooms.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from core.api.errors import EngineError, HedgerowError, from_code
from core.api.messages.federations import CorpusOffer, ManifestView
from core.config.base import Frozen, UnitOfPrivacy
from core.config.federation import FederationConfig
from core.config.privacy import SubspaceTerms
from core.engine.children import converse
from core.engine.verdict import FEW_UNITS, noise_to_signal, verdict_of
from core.federation.protocol import HELD_OUT, Capability, allowed_metrics
from core.jobs import PrivacyPlan
from core.ledger.rows import CorpusRow, EventSpec
from core.model.parts import MAX_INDEX_BYTES, download_bytes
from core.model.presets import memory_bytes, num_parameters
from core.model.shard import Shard, divide
from core.postprocess.compression.codec import encoded_size
from core.postprocess.privacy.accountant import bucket, target_delta

PLANNER = "core.postprocess.privacy.planner"
MECHANISM = {"record": "sampled_gaussian", "document": "sampled_gaussian", "corpus": "gaussian", "none": "none"}
PER_EXAMPLE = ("document", "record")
"""Units of which DP-SGD draws examples."""
MAX_HEADER = 1 << 20


class Solved(msgspec.Struct, frozen=True):
    """The planner's answer."""

    units: int
    sampling_prob: float
    noise_multiplier: float
    rdp_per_step: tuple[float, ...]
    epsilon_planned: float
    rounds_affordable: int
    epsilon_pld: float | None = None


class Plan(Frozen, frozen=True, kw_only=True):
    """What was consented to for one corpus; never moves with later edits of the text."""

    unit: UnitOfPrivacy
    units: int
    sampling_prob: float
    noise_multiplier: float
    clip_norm: float
    steps: int
    """Mechanism steps charged per round: local steps under ``record`` and ``document``, 1 under ``corpus``."""
    relation: str
    rdp_per_step: tuple[float, ...]
    epsilon_limit: float
    epsilon_planned: float
    delta: float
    rounds_affordable: int
    windows_per_document: int = 1
    epsilon_pld: float | None = None
    """Of the whole plan by privacy loss distributions: for comparison, never promised."""
    subspace: SubspaceTerms = SubspaceTerms()
    """What of an update is released at all."""
    cut: str = ""
    """Under ``record``, how a text is cut into records: length and tokenizer."""

    def mechanism(self) -> PrivacyPlan:
        """As the trainer is told."""
        return PrivacyPlan(
            unit=self.unit,
            clip_norm=self.clip_norm,
            noise_multiplier=self.noise_multiplier,
            sampling_prob=self.sampling_prob,
            steps=self.steps,
            units=self.units,
            windows_per_document=self.windows_per_document,
            subspace=self.subspace,
        )

    def event(self, rounds: int = 1) -> EventSpec:
        """As the ledger is charged, for so many rounds."""
        return msgspec.convert(
            {
                "mechanism": MECHANISM[self.unit],
                "noise_multiplier": self.noise_multiplier,
                "sampling_prob": self.sampling_prob,
                "steps": self.steps * rounds,
                "relation": self.relation,
                "unit": self.unit,
                "rdp_per_step": self.rdp_per_step,
                "cut": self.cut,
            },
            EventSpec,
        )


def public_only(config: FederationConfig) -> Plan:
    """For a machine that trains on the federation's public text alone, whatever the unit: no mechanism, no charge.

    Its update is a function of what everybody has, so there is nothing that a mechanism could protect.
    """
    return Plan(
        unit="none", units=0, sampling_prob=1.0, noise_multiplier=0.0, clip_norm=config.privacy.clip_norm,
        steps=config.training.local_steps, relation="none", rdp_per_step=(), epsilon_limit=0.0, epsilon_planned=0.0,
        delta=0.0, rounds_affordable=config.schedule.rounds,
    )  # fmt: skip


class Planner:
    """Asks the child, and remembers what it said: each question costs a second."""

    def __init__(self, interpreter: str, log_path: Path) -> None:
        self._interpreter = interpreter
        self._log_path = log_path
        self._known: dict[bytes, Solved | HedgerowError] = {}

    async def plan(
        self, config: FederationConfig, units: int, epsilon: float, delta: float, min_noise: float = 0.0
    ) -> Plan:
        """Solve one plan over so many units of privacy: records, documents, or the records of a corpus.

        Args:
            config: the federation's terms.
            units: how many there are.
            epsilon: limit that the whole plan fits.
            delta: of the budget.
            min_noise: σ that the owner asks for at least; the federation's own wish stands beside it.

        Raises:
            PrivacyError: the text is too little, or no noise makes the plan fit.
            ChildDied: the planner failed.
        """
        terms, training = config.privacy, config.training
        steps = training.local_steps if terms.unit in PER_EXAMPLE else 1
        if terms.unit == "none":
            solved = Solved(units, 1.0, 0.0, (), 0.0, config.schedule.rounds)
        else:
            solved = await self._solve(
                {
                    "unit": terms.unit,
                    "n": max(1, units) if terms.unit == "corpus" else units,
                    "batch_size": training.batch_size,
                    "steps_per_round": training.local_steps,
                    "rounds": config.schedule.rounds,
                    "epsilon": epsilon,
                    "delta": delta,
                    "min_noise_multiplier": max(terms.min_noise_multiplier, min_noise),
                    "max_sampling_prob": terms.max_sampling_prob,
                }
            )
        return Plan(
            unit=terms.unit,
            units=solved.units,
            sampling_prob=solved.sampling_prob,
            noise_multiplier=solved.noise_multiplier,
            clip_norm=terms.clip_norm,
            steps=steps,
            relation=terms.relation,
            rdp_per_step=solved.rdp_per_step,
            epsilon_limit=0.0 if terms.unit == "none" else epsilon,
            epsilon_planned=solved.epsilon_planned,
            delta=0.0 if terms.unit == "none" else delta,
            rounds_affordable=solved.rounds_affordable,
            windows_per_document=terms.windows_per_document,
            epsilon_pld=solved.epsilon_pld,
            subspace=terms.subspace,
            cut=f"{training.seq_len}:{config.tokenizer.sha256[:16]}" if terms.unit == "record" else "",
        )

    async def _solve(self, question: dict[str, object]) -> Solved:
        request = msgspec.json.encode({"solve": question})
        known = self._known.get(request)
        if known is None:
            known = _answer(await converse(PLANNER, request, interpreter=self._interpreter, log_path=self._log_path))
            self._known[request] = known
        if isinstance(known, HedgerowError):
            raise known
        return known


def _answer(raw: bytes) -> Solved | HedgerowError:
    try:
        value = msgspec.json.decode(raw)
        if "error" in value:
            error = value["error"]
            return from_code(str(error["code"]), str(error["message"]), str(error.get("hint", "")))
        return msgspec.convert(value, Solved)
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise EngineError("The planner's answer cannot be read.") from error


def fresh_delta(config: FederationConfig, units: int) -> float:
    """δ at the first consent: min(cap, 1/(10 n))."""
    return target_delta(1 if config.privacy.unit == "corpus" else bucket(units), config.privacy.delta_cap)


def unusable(config: FederationConfig, corpus: CorpusRow, tokenizer_sha256: str, present: bool) -> str:
    """Why this corpus cannot be offered, or an empty string."""
    if not present:
        return "The folder is not there."
    if corpus.facts.state == "reading":
        return "It is still being read."
    if corpus.facts.state != "ready" or not corpus.facts.shards:
        return corpus.facts.error or "It could not be read."
    if tokenizer_sha256 != config.tokenizer.sha256:
        return "It is being read with this federation's tokenizer; look again in a moment."
    return ""


def noise_ratio(config: FederationConfig, plan: Plan) -> float:
    """Noise to signal of a whole plan, of the largest part that a volunteer may be asked to train; 0 without noise."""
    if plan.unit == "none" or not plan.noise_multiplier:
        return 0.0
    sampled = plan.unit in PER_EXAMPLE
    return noise_to_signal(
        noise_multiplier=plan.noise_multiplier,
        values=max(shard.size() for shard in shards(config)),  # a subspace learns more, but less than it promises
        batch=config.training.batch_size if sampled else 1,
        steps=config.schedule.rounds * plan.steps,
        volunteers=config.schedule.cohort_size,
    )


def few(plan: Plan) -> bool:
    """Whether there is so little text that learning under noise is unlikely."""
    return plan.unit in PER_EXAMPLE and plan.units < bucket(FEW_UNITS)


def offer(config: FederationConfig, corpus: CorpusRow, plan: Plan | str) -> CorpusOffer:
    """One line of the consent page; a string is the reason why there is no plan."""
    if isinstance(plan, str):
        return CorpusOffer(corpus_id=corpus.corpus_id, name=corpus.name, usable=False, reason=plan)
    ratio = noise_ratio(config, plan)
    return CorpusOffer(
        corpus_id=corpus.corpus_id,
        name=corpus.name,
        usable=True,
        units=plan.units,
        sampling_prob=plan.sampling_prob if plan.unit in PER_EXAMPLE else 0.0,
        noise_multiplier=plan.noise_multiplier,
        epsilon_limit=plan.epsilon_limit,
        epsilon_planned=plan.epsilon_planned,
        epsilon_pld=plan.epsilon_pld,
        delta=plan.delta,
        rounds_affordable=plan.rounds_affordable,
        guarantee="none" if plan.unit == "none" else "guaranteed",
        noise_to_signal=ratio,
        verdict=verdict_of(ratio) if ratio else "",
        few=few(plan),
    )


def base_limit(config: FederationConfig) -> int:
    """Most bytes that what names a base checkpoint of this model may have: the weights, or the index of their parts."""
    return MAX_INDEX_BYTES if config.shard.mode != "full" else 4 * num_parameters(config.model) + MAX_HEADER


def shards(config: FederationConfig) -> tuple[Shard, ...]:
    """The parts of the model that a volunteer may be asked to train."""
    return divide(config.model, config.shard.count)


def shard_named(config: FederationConfig, name: str) -> Shard | None:
    """One of them, or ``None`` where the terms name no such part."""
    return next((shard for shard in shards(config) if shard.name == name), None)


def upload_bytes(config: FederationConfig, shard: Shard | None = None) -> int:
    """Most bytes of an encoded update of one shard, or of the largest; fixed by the codec, where there is one."""
    some = (shard,) if shard else shards(config)
    return max(encoded_size(one.shapes(), codec) for one in some for codec in config.codecs)


def memory_needed(config: FederationConfig, shard: Shard | None = None) -> int:
    """Closed-form memory of a round over one shard, or over the one that needs least.

    The micro-batch only changes accumulation, so it is one sequence at least.
    """
    return min(
        memory_bytes(
            config.model,
            1,
            config.training.seq_len,
            trained=one.size(),
            blocks_in_graph=one.blocks_in_graph,
            private=config.privacy.unit != "none",
        )
        for one in ((shard,) if shard else shards(config))
    )


def capability(config: FederationConfig, allowed_bytes: int) -> Capability:
    """Which shards this machine has the memory for, as coarsely as the coordinator needs to know."""
    fit = {one.holds_embedding for one in shards(config) if memory_needed(config, one) <= allowed_bytes}
    ranges = [one for one in shards(config) if not one.holds_embedding]
    if fit == {True} and ranges:
        return "embedding"
    return "blocks" if fit == {False} else "any"


def too_big(config: FederationConfig, allowed_bytes: int, shard: Shard | None = None) -> str:
    """Why this machine cannot take part, or not in a round over this shard, or an empty string."""
    needed = memory_needed(config, shard)
    if needed > allowed_bytes:
        return (
            f"A round needs about {needed / 2**30:.1f} GB of memory, your limit is {allowed_bytes / 2**30:.1f} GB. "
            "Raise the limit memory_gb, or stay out."
        )
    return ""


def leaves(config: FederationConfig) -> list[str]:
    """What leaves this machine each round, from the message schema."""
    metrics = allowed_metrics(config.privacy.unit, scored=config.schedule.evaluate_every > 0)
    return ["update", *metrics, "hashes", "signature"]


def manifest_view(config: FederationConfig) -> ManifestView:
    """The manifest for the consent page."""
    return ManifestView(
        name=config.name,
        operator=config.operator,
        jurisdiction=config.jurisdiction,
        purpose=config.purpose,
        licence=config.licence,
        withdrawal=config.withdrawal,
        unit=config.privacy.unit,
        relation=config.privacy.relation,
        rounds=config.schedule.rounds,
        steps_per_round=config.training.local_steps,
        batch_size=config.training.batch_size,
        seq_len=config.training.seq_len,
        clip_norm=config.privacy.clip_norm,
        preset=config.model.preset,
        parameters=num_parameters(config.model),
        upload_bytes=upload_bytes(config),
        download_bytes=max(map(download_bytes, shards(config))),
        cohort_size=config.schedule.cohort_size,
        codec=config.codec.name,
        shard=config.shard.mode,
        public_tokens=sum(shard.tokens for shard in config.public_data),
        public_bytes=sum(shard.bytes for shard in config.public_data),
        public_weight=sum(shard.weight for shard in config.public_data),
        forwards_to=config.forwards_to.name,
        slower_codecs=[codec.name for codec in config.codecs[1:]],
        carries_over=any(codec.error_feedback > 0 for codec in config.codecs),
        starts_alone=config.initialisation.source == "sampled-client",
        held_out_score=HELD_OUT in leaves(config),
    )
