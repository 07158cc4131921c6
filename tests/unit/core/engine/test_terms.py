"""Every field of a manifest, changed alone: tighter passes, looser and anything else needs consent."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from support.federation import raw_config

from core.config.exchange import CodecConfig
from core.config.federation import FederationConfig
from core.engine import terms
from core.engine.plans import Plan

TIGHTER: dict[str, Any] = {
    "privacy.min_noise_multiplier": 0.9,
    "privacy.max_sampling_prob": 0.1,
    "privacy.delta_cap": 1e-7,
    "schedule.rounds": 2,
    "schedule.upload_slot_s": 120.0,
}
LOOSER: dict[str, Any] = {
    "privacy.min_noise_multiplier": 0.2,
    "privacy.max_sampling_prob": 0.5,
    "privacy.delta_cap": 1e-5,
    "schedule.rounds": 4,
    "schedule.upload_slot_s": 10.0,
}
OTHER: dict[str, Any] = {
    "run_id": "1" * 32,
    "name": "Uncommon Prose",
    "operator": "Somebody else",
    "jurisdiction": "Elsewhere",
    "purpose": "To sell.",
    "licence": "All rights reserved",
    "withdrawal": "Never.",
    "seed": 8,
    "model.architecture": "gpt2",
    "model.preset": "10m",
    "model.vocab_size": 513,
    "model.num_layers": 2,
    "model.d_model": 64,
    "model.num_heads": 4,
    "model.d_ff": 128,
    "model.max_seq_len": 256,
    "model.tie_embeddings": False,
    "model.norm_eps": 1e-6,
    "model.rope_theta": 1e5,
    "tokenizer.sha256": "b" * 64,
    "tokenizer.origin": "elsewhere",
    "public_data": [{"sha256": "c" * 64, "weight": 1.0, "tokens": 10, "bytes": 20}],
    "training.seq_len": 32,
    "training.batch_size": 16,
    "training.local_steps": 3,
    "training.learning_rate": 1e-4,
    "training.final_learning_rate_ratio": 0.2,
    "training.warmup_steps": 3,
    "training.decay_steps": 900,
    "training.beta1": 0.8,
    "training.beta2": 0.9,
    "training.adam_eps": 1e-7,
    "training.weight_decay": 0.1,
    "training.grad_clip": 0.5,
    "outer.optimizer": "fedavg",
    "outer.learning_rate": 0.5,
    "outer.momentum": 0.9,
    "outer.beta2": 0.999,
    "outer.tau": 0.1,
    "outer.weight_averaging": 0.5,
    "stability.blow_up": 3.0,
    "stability.window": 5,
    "stability.backoff": 0.25,
    "stability.held_out_gate": 0.02,
    "stability.plateau_rounds": 4,
    "stability.plateau_factor": 0.1,
    "privacy.clip_norm": 2.0,
    "privacy.windows_per_document": 2,
    "privacy.subspace.kind": "released",
    "privacy.subspace.rank": 9,
    "privacy.subspace.density": 0.5,
    "codec.name": "fp32",
    "codec.block_size": 128,
    "downlink.mode": "delta",
    "adaptation.codecs": [{"name": "fp32"}],
    "adaptation.upload_share": 0.2,
    "adaptation.compute_share": 0.9,
    "codec.chunk_size": 2_048,
    "codec.kept": 32,
    "codec.index_code": "elias-fano",
    "schedule.cohort_size": 3,
    "schedule.quorum": 1,
    "schedule.deadline_s": 60.0,
    "schedule.upload_allowance_s": 60.0,
    "schedule.late_rounds": 2,
    "schedule.ask_absent": True,
    "schedule.max_void_rounds": 5,
    "aggregation.loss_share": 0.5,
    "aggregation.norm_bound": "median",
    "aggregation.rule": "centred-clipping",
    "aggregation.trim": 0.1,
    "aggregation.ramp_rounds": 3,
    "aggregation.invite_share": 0.2,
}
NONE: dict[str, Any] = {"privacy.unit": "none", "privacy.relation": "none"}
TOGETHER: dict[str, dict[str, Any]] = {
    "outer.strategy": {"outer.optimizer": "strategy", "outer.strategy": "median"},
    "privacy.unit": {"privacy.unit": "document"},
    "privacy.relation": {"privacy.unit": "none", "privacy.relation": "none"},
    "initialisation.from": {"initialisation.from": "checkpoint", "initialisation.sha256": "c" * 64},
    "schedule.over_selection": NONE | {"schedule.over_selection": 1.5},
    "adaptation.least_local_steps": NONE | {"adaptation.least_local_steps": 2},
    "schedule.evaluate_every": NONE | {"schedule.evaluate_every": 4},
    "aggregation.weights": NONE | {"aggregation.weights": "metric"},
    "shard.mode": {"shard.mode": "blocks", "shard.count": 2},
    "codec.error_feedback": {"privacy.unit": "none", "privacy.relation": "none", "codec.error_feedback": 0.95},
    "forwards_to.name": {
        "forwards_to.name": "Moor", "forwards_to.federation_id": "a" * 32, "forwards_to.manifest_hash": "b" * 64,
    },
}  # fmt: skip
"""Fields that cannot change alone."""
UNCHANGEABLE = {
    *(f"downlink.codec.{field}" for field in CodecConfig.__struct_fields__),
    "protocol_version", "groups.backbone", "groups.key_layers", "shard.count", "forwards_to.federation_id",
    "forwards_to.manifest_hash", "initialisation.sha256",
}  # fmt: skip
BASE = {"privacy.delta_cap": 1e-6}
PLAN = Plan(
    unit="record", units=1_000, sampling_prob=0.2, noise_multiplier=0.8, clip_norm=1.0, steps=4, relation="zero-out",
    rdp_per_step=(), epsilon_limit=8.0, epsilon_planned=2.0, delta=1e-7, rounds_affordable=9,
)  # fmt: skip


def config(**changes: Any) -> FederationConfig:
    return msgspec.convert(raw_config(**(BASE | changes)), FederationConfig)


AGREED = config()


def fields(content: dict[str, Any], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for key, value in content.items():
        found |= fields(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key}
    return found


def test_no_field_of_the_manifest_is_left_out() -> None:
    tried = set(TIGHTER) | set(LOOSER) | set(OTHER) | set(TOGETHER) | UNCHANGEABLE
    assert tried == fields(msgspec.to_builtins(AGREED))


def test_the_same_terms_need_nothing() -> None:
    assert terms.needs_consent(AGREED, config()) == ""


@pytest.mark.parametrize("field", TIGHTER)
def test_tighter_terms_pass_and_cost_no_more_at_worst(field: str) -> None:
    offered = config(**{field: TIGHTER[field]})
    assert terms.needs_consent(AGREED, offered) == ""
    for before, after in zip(terms.worst_case(AGREED, 1e-7), terms.worst_case(offered, 1e-7), strict=True):
        assert after <= before


@pytest.mark.parametrize("field", LOOSER)
def test_looser_terms_are_named(field: str) -> None:
    offered = config(**{field: LOOSER[field]})
    assert field in terms.needs_consent(AGREED, offered)
    if field.startswith("privacy") or field == "schedule.rounds":
        dearer = terms.worst_case(offered, 1e-6)[1] > terms.worst_case(AGREED, 1e-6)[1]
        assert dearer or field == "privacy.delta_cap", "a larger δ is looser by itself"


@pytest.mark.parametrize("field", OTHER)
def test_anything_else_needs_consent_whatever_it_costs(field: str) -> None:
    assert field in terms.needs_consent(AGREED, config(**{field: OTHER[field]}))


@pytest.mark.parametrize("name", TOGETHER)
def test_units_shards_and_ways_need_consent(name: str) -> None:
    assert terms.needs_consent(AGREED, config(**TOGETHER[name]))


def test_one_field_tighter_does_not_buy_another_looser() -> None:
    mixed = config(**{"privacy.min_noise_multiplier": 0.9, "schedule.rounds": 300})
    assert "schedule.rounds" in terms.needs_consent(AGREED, mixed)


def test_a_plan_is_kept_only_where_it_satisfies_the_tighter_terms() -> None:
    assert terms.keeps(PLAN, AGREED)
    assert not terms.keeps(PLAN, config(**{"privacy.min_noise_multiplier": 0.9}))
    assert not terms.keeps(PLAN, config(**{"privacy.max_sampling_prob": 0.1}))
    assert not terms.keeps(PLAN, config(**{"privacy.delta_cap": 1e-8}))
    assert terms.keeps(PLAN, config(**{"schedule.rounds": 1}))
