"""The two configurations refuse what is unknown, missing or absurd, where they are built and where they are read."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from support.federation import config, raw_config

from core.config.exchange import CodecConfig, ScheduleConfig
from core.config.federation import FederationConfig
from core.config.model import ModelSpec
from core.config.node import Limits, NodeConfig
from core.config.privacy import PrivacyTerms


def read(content: dict[str, Any]) -> FederationConfig:
    return msgspec.json.decode(msgspec.json.encode(content), type=FederationConfig)


def test_what_was_written_is_read_back() -> None:
    assert read(raw_config()) == config()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("protocol_version", 2),
        ("run_id", "short"),
        ("name", ""),
        ("name", "x" * 121),
        ("purpose", "x" * 2_001),
        ("seed", -1),
        ("model.vocab_size", 1 << 30),
        ("model.num_layers", 0),
        ("model.d_model", 33),
        ("model.norm_eps", 0.0),
        ("model.architecture", "mystery"),
        ("tokenizer.sha256", "z" * 64),
        ("training.learning_rate", 0.0),
        ("training.seq_len", 1 << 20),
        ("training.beta2", 1.0),
        ("outer.learning_rate", 100.0),
        ("outer.momentum", 1.0),
        ("shard.mode", "blocks"),
        ("privacy.unit", "village"),
        ("privacy.relation", "replace-one"),
        ("privacy.clip_norm", 0.0),
        ("privacy.delta_cap", 1e-3),
        ("privacy.min_noise_multiplier", 0.0),
        ("privacy.max_sampling_prob", 1.5),
        ("codec.name", "pickle"),
        ("codec.block_size", 1),
        ("codec.chunk_size", 1 << 20),
        ("codec.kept", 2_049),
        ("codec.kept", 0),
        ("codec.index_code", "gzip"),
        ("codec.error_feedback", 1.5),
        ("schedule.quorum", 3),
        ("schedule.rounds", 0),
        ("schedule.deadline_s", 1e9),
        ("schedule.late_rounds", 3),
        ("schedule.over_selection", 0.9),
        ("schedule.evaluate_every", -1),
        ("schedule.max_void_rounds", -1),
        ("aggregation.weights", "samples"),
        ("aggregation.loss_share", 1.1),
        ("aggregation.rule", "bulyan"),
        ("aggregation.trim", 0.5),
        ("aggregation.ramp_rounds", -1),
        ("aggregation.invite_share", 0.0),
    ],
)
def test_absurd_values_are_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        read(raw_config(**{field: value}))
    assert field.split(".")[-1] in str(caught.value)


@pytest.mark.parametrize(
    "section", ["", "model", "training", "outer", "privacy", "codec", "schedule", "tokenizer", "aggregation"]
)
def test_unknown_fields_are_refused(section: str) -> None:
    key = f"{section}.surprise".removeprefix(".")
    with pytest.raises(msgspec.ValidationError, match="surprise"):
        read(raw_config(**{key: 1}))


@pytest.mark.parametrize("field", ["run_id", "model", "training", "privacy", "schedule", "tokenizer", "purpose"])
def test_missing_fields_are_refused(field: str) -> None:
    content = raw_config()
    del content[field]
    with pytest.raises(msgspec.ValidationError, match=field):
        read(content)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_numbers_that_are_no_numbers_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="clip_norm"):
        PrivacyTerms(unit="record", relation="zero-out", clip_norm=value)


def test_public_data_is_bounded() -> None:
    shard = {"sha256": "b" * 64, "weight": 1.0, "tokens": 1_000, "bytes": 3_000}
    assert read(raw_config(public_data=[shard])).public_data[0].tokens == 1_000
    for change in ({"weight": 0.0}, {"weight": 1e9}, {"tokens": 1_501}, {"bytes": 1 << 40}, {"sha256": "B" * 64}):
        with pytest.raises(msgspec.ValidationError):
            read(raw_config(public_data=[shard | change]))
    with pytest.raises(msgspec.ValidationError, match="names a shard twice"):
        read(raw_config(public_data=[shard, shard | {"weight": 2.0}]))


def test_later_capabilities_are_refused_by_name() -> None:
    with pytest.raises(msgspec.ValidationError, match="parameter groups"):
        read(raw_config(groups={"backbone": ["*"], "key_layers": ["lm_head"]}))


def test_the_sections_must_agree() -> None:
    with pytest.raises(msgspec.ValidationError, match="longer than"):
        read(raw_config(**{"training.seq_len": 256}))
    with pytest.raises(ValueError, match="num_heads"):
        ModelSpec(preset="x", vocab_size=512, num_layers=1, d_model=48, num_heads=5, d_ff=64, max_seq_len=64)
    with pytest.raises(ValueError, match="quorum"):
        ScheduleConfig(rounds=1, cohort_size=1, quorum=2)


@pytest.mark.parametrize(
    ("codec", "sentence"),
    [
        ({"codec.name": "topk"}, "selects noise"),
        ({"codec.name": "dct"}, "selects noise"),
        ({"codec.error_feedback": 0.95}, "unit 'none' only"),
    ],
)
def test_what_noise_does_not_cover_is_refused_beside_it(codec: dict[str, object], sentence: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=sentence):
        read(raw_config(**codec))
    plain = {"privacy.unit": "none", "privacy.relation": "none"}
    assert read(raw_config(**codec, **plain)).privacy.unit == "none"


def test_a_codec_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="square of a power of two"):
        CodecConfig(name="dct", chunk_size=2_048)
    with pytest.raises(ValueError, match="elias-fano has no such limit"):
        CodecConfig(name="topk", kept=256)
    assert CodecConfig(name="topk", kept=256, index_code="elias-fano").sparse


NONE = {"privacy.unit": "none", "privacy.relation": "none"}
TEN = NONE | {"schedule.cohort_size": 10}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"aggregation.weights": "metric"}, "losses, which travel under unit 'none' only"),
        (TEN | {"aggregation.weights": "loss", "aggregation.rule": "median"}, "counts every update once"),
        (TEN | {"aggregation.ramp_rounds": 2, "aggregation.rule": "multi-krum"}, "counts every update once"),
        ({"schedule.cohort_size": 10, "aggregation.rule": "multi-krum"}, "noise makes them all alike"),
        (NONE | {"aggregation.rule": "trimmed-mean"}, "needs 10 updates, and a cohort has 2"),
        (TEN | {"aggregation.rule": "median", "schedule.late_rounds": 1}, "lets updates in past"),
        ({"schedule.over_selection": 1.2}, "waste charges of privacy"),
        ({"schedule.evaluate_every": 2}, "unit 'none' only"),
        ({"initialisation.from": "sampled-client"}, "without noise"),
        (NONE | {"initialisation.from": "sampled-client", "shard.mode": "blocks", "shard.count": 2}, "whole weights"),
        (
            NONE
            | {"schedule.evaluate_every": 2}
            | {
                f"forwards_to.{name}": "a" * n
                for name, n in (("name", 3), ("federation_id", 32), ("manifest_hash", 64))
            },
            "a household averages",
        ),
    ],
)
def test_a_rule_that_cannot_do_what_it_says_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=why):
        read(raw_config(**changes))


@pytest.mark.parametrize("rule", ["trimmed-mean", "median", "multi-krum"])
def test_what_compares_values_is_refused_with_a_sparse_codec(rule: Any) -> None:
    terms = read(raw_config(**TEN | {"aggregation.rule": rule}))
    assert terms.aggregation.rule == rule
    with pytest.raises(ValueError, match="leaves most out"):
        msgspec.structs.replace(terms, codec=CodecConfig(name="topk"))  # type: ignore[arg-type, unused-ignore]
    first = read(raw_config(**NONE | {"initialisation.from": "sampled-client"}))
    with pytest.raises(ValueError, match="a dense codec"):
        msgspec.structs.replace(first, codec=CodecConfig(name="topk"))  # type: ignore[arg-type, unused-ignore]


def test_the_field_of_the_first_weights_is_called_from() -> None:
    terms = read(raw_config(initialisation={"from": "checkpoint", "sha256": "c" * 64}))
    assert terms.initialisation.source == "checkpoint"
    assert msgspec.to_builtins(terms)["initialisation"] == {"from": "checkpoint", "sha256": "c" * 64}


def test_scores_are_asked_for_in_every_so_many_th_round() -> None:
    terms = ScheduleConfig(rounds=9, cohort_size=1, quorum=1, evaluate_every=3)
    assert [n for n in range(1, 10) if terms.evaluates(n)] == [3, 6, 9]
    assert not any(ScheduleConfig(rounds=9, cohort_size=1, quorum=1).evaluates(n) for n in range(10))


def test_configurations_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        config().name = "Other"  # type: ignore[misc]


def test_the_owner_limits_have_bounds() -> None:
    assert NodeConfig().limits == Limits()
    with pytest.raises(ValueError, match="offered_hours_per_week"):
        Limits(offered_hours_per_week=169.0)
    with pytest.raises(ValueError, match="checkpoint_interval_s"):
        NodeConfig(checkpoint_interval_s=0.0)
