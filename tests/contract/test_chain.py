"""The chain refuses every order in which its guarantee would not hold, and keeps it in the orders it accepts."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from core.api.errors import PrivacyError, UpdateError
from core.config.exchange import CodecConfig
from core.config.privacy import PrivacyTerms, SubspaceTerms
from core.jobs import DPRecord, PrivacyPlan
from core.postprocess.base import Chain, Postprocessor, build_chain
from core.postprocess.compression.codec import CODECS
from core.postprocess.compression.feedback import Feedback
from core.postprocess.compression.link import Compress
from core.postprocess.privacy.gaussian import CsprngNormal, fresh_key
from core.postprocess.privacy.links import (
    AddGaussian,
    BoundUpdate,
    Forwarded,
    Lift,
    NoGuarantee,
    Reduce,
    VerifyDPRecord,
)
from core.subspace import Subspace, reduced_size, spanned
from core.update import ModelUpdate

FP32 = CodecConfig(name="fp32")
TERMS = PrivacyTerms(unit="record", relation="zero-out")
RECORD = PrivacyPlan(unit="record", clip_norm=1.0, noise_multiplier=0.8, sampling_prob=0.05, steps=20, units=1280)


def update(scale: float = 1.0) -> ModelUpdate:
    values = np.random.default_rng(0).normal(size=(40, 50)).astype(np.float32)
    return ModelUpdate({"w": values * np.float32(scale)})


SHORTER = SubspaceTerms(kind="released", rank=3)
SUBSPACE: Subspace = spanned(update().shapes, SHORTER, update().arrays.__getitem__, 1)


def record(**changes: object) -> DPRecord:
    good: dict[str, object] = {
        "unit": "record", "steps": 20, "sampling_prob": 0.05, "clip_norm": 1.0, "noise_multiplier": 0.8,
        "noise_draws": 20 * 2_000, "noise_energy": 20 * 2_000 * 0.8**2,
    }  # fmt: skip
    return DPRecord(**{**good, **changes})  # type: ignore[arg-type]


def links(*names: str) -> list[Postprocessor | Compress]:
    table: dict[str, Postprocessor | Compress] = {
        "bound": BoundUpdate(1.0), "noise": AddGaussian(1.0, 1.0), "verified": VerifyDPRecord(RECORD),
        "none": NoGuarantee(), "compress": Compress(FP32), "forwarded": Forwarded(TERMS, TERMS),
        "reduce": Reduce(SUBSPACE), "lift": Lift(SUBSPACE), "feedback": Feedback(0.95),
    }  # fmt: skip
    return [table[name] for name in names]


@pytest.mark.parametrize(
    "order", [("bound", "noise"), ("reduce", "bound", "noise", "lift"), ("verified",), ("forwarded",), ("none",)]
)
def test_valid_orders(order: tuple[str, ...]) -> None:
    assert len(Chain(links(*order), FP32).links) == len(order)


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ((), "needs a privacy mechanism"),
        (("bound",), "needs a privacy mechanism"),
        (("bound", "noise", "noise"), "one privacy mechanism"),
        (("verified", "none"), "one privacy mechanism"),
        (("bound", "noise", "verified"), "one privacy mechanism"),
        (("noise",), "needs a bound before it"),
        (("noise", "bound"), "needs a bound before it"),
        (("compress", "bound", "noise"), "compression comes last"),
        (("bound", "compress", "noise"), "compression comes last"),
        (("bound", "noise", "compress"), "compression comes last"),
        (("bound", "bound", "noise"), "bounds the update once"),
        (("bound", "none"), "protects nothing"),
        (("bound", "verified"), "protects nothing"),
        (("bound", "forwarded"), "protects nothing"),
        (("bound", "noise", "forwarded"), "one privacy mechanism"),
        (("compress", "forwarded"), "compression comes last"),
        (("reduce", "bound", "noise"), "a subspace is reduced to"),
        (("bound", "noise", "lift"), "a subspace is reduced to"),
        (("bound", "reduce", "noise", "lift"), "a subspace is reduced to"),
        (("reduce", "bound", "lift", "noise"), "a subspace is reduced to"),
        (("reduce", "verified"), "a subspace is reduced to"),
    ],
)
def test_refused_orders(order: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Chain(links(*order), FP32)


def test_every_refused_order_has_its_own_sentence() -> None:
    orders = [(), ("verified", "none"), ("noise", "bound"), ("bound", "none"), ("compress", "bound", "noise")]
    sentences = []
    for order in orders:
        with pytest.raises(ValueError) as caught:  # noqa: PT011
            Chain(links(*order), FP32)
        sentences.append(str(caught.value))
    assert len(set(sentences)) == len(orders)


def test_what_a_subspace_keeps_is_bounded_noised_and_nothing_else_is_released() -> None:
    plan = PrivacyPlan(unit="corpus", clip_norm=0.5, noise_multiplier=2.0, subspace=SHORTER)
    chain = build_chain(plan, FP32, subspace=SUBSPACE)
    large = update(1e6)
    (part,) = SUBSPACE.parts
    released = []
    for _ in range(40):
        payload, metrics = chain.encode(large, noise=CsprngNormal(fresh_key()))
        assert metrics["noise_draws"] == reduced_size(large.shapes, SHORTER) == 150
        values = chain.decode(payload, large.shapes).arrays["w"].astype(np.float64)
        assert np.allclose(part.lift(part.reduce(values)), values, atol=1e-4)
        released.append(part.reduce(values))
    assert np.std(np.array(released) - np.mean(released, axis=0)) == pytest.approx(1.0, rel=0.1)
    assert np.linalg.norm(np.mean(released, axis=0)) < 0.5 + 5 * np.sqrt(150 / 40)


def test_a_record_of_draws_in_the_whole_space_does_not_pass_for_a_subspace() -> None:
    plan = msgspec.structs.replace(RECORD, subspace=SHORTER)
    assert build_chain(plan, FP32, num_parameters=2_000).encode(
        update(), record(noise_draws=20 * 150, noise_energy=20 * 150 * 0.8**2)
    )
    with pytest.raises(PrivacyError, match="noise values"):
        build_chain(plan, FP32).encode(update(), record())


def test_a_codec_of_variable_rate_is_refused_beside_a_guarantee(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CODECS, "elastic", CODECS["fp32"]._replace(fixed_rate=False))
    elastic = CodecConfig(name="elastic")  # type: ignore[arg-type]
    for order in (("bound", "noise"), ("verified",)):
        with pytest.raises(ValueError, match="variable rate"):
            Chain(links(*order), elastic)
    assert Chain(links("none"), elastic).codec == elastic


@pytest.mark.parametrize("name", ["topk", "dct"])
def test_a_sparse_codec_is_refused_beside_a_guarantee(name: str) -> None:
    sparse = CodecConfig(name=name)  # type: ignore[arg-type]
    for order in (("bound", "noise"), ("verified",), ("forwarded",)):
        with pytest.raises(ValueError, match="selects noise"):
            Chain(links(*order), sparse)
    assert Chain(links("none"), sparse).codec == sparse


def test_error_feedback_stands_alone_right_before_the_codec() -> None:
    assert [link.role for link in Chain(links("none", "feedback"), FP32).links] == ["no_guarantee", "feedback"]
    for order in (
        ("feedback", "none"), ("none", "feedback", "feedback"), ("feedback", "bound", "noise"),
        ("bound", "noise", "feedback"), ("verified", "feedback"), ("forwarded", "feedback"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="error feedback is for chains without a guarantee"):
            Chain(links(*order), FP32)
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        Feedback(0.0)


@pytest.mark.parametrize("name", sorted(CODECS))
def test_what_is_sent_and_what_is_left_out_add_up(name: str) -> None:
    codec = CodecConfig(name=name, chunk_size=256, kept=8, error_feedback=0.5)  # type: ignore[arg-type]
    chain = build_chain(PrivacyTerms(unit="none", relation="none"), codec)
    payload, left = chain.encode_with_residual(update(), None)
    sent = chain.decode(payload, update().shapes).flat()
    assert np.array_equal(left, update().flat() - sent)
    again, second = chain.encode_with_residual(update(), left)
    whole = np.float32(0.5) * left + update().flat()
    assert np.array_equal(second, whole - chain.decode(again, update().shapes).flat())
    assert chain.encode_with_residual(update(), left)[0] == again, "the chain keeps nothing"


def test_a_residual_of_another_layout_or_for_another_chain_is_refused() -> None:
    codec = CodecConfig(name="topk", error_feedback=1.0)
    chain = build_chain(PrivacyTerms(unit="none", relation="none"), codec)
    with pytest.raises(UpdateError, match="residual has 3 values"):
        chain.encode_with_residual(update(), np.zeros(3, np.float32))
    with pytest.raises(ValueError, match="carries nothing over"):
        Chain(links("none"), codec).encode_with_residual(update(), None)


def test_an_unknown_codec_is_refused() -> None:
    with pytest.raises(ValueError, match="no codec"):
        Chain(links("none"), CodecConfig(name="zip"))  # type: ignore[arg-type]


def test_a_matching_record_passes() -> None:
    chain = build_chain(RECORD, FP32, num_parameters=2_000)
    payload, _ = chain.encode(update(), record())
    assert np.array_equal(chain.decode(payload, update().shapes).flat(), update().flat())


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"unit": "none"}, "unit"),
        ({"steps": 21, "noise_draws": 21 * 2_000}, "steps"),
        ({"steps": 19, "noise_draws": 19 * 2_000}, "steps"),
        ({"sampling_prob": 0.051}, "sampling"),
        ({"clip_norm": 1.01}, "clip"),
        ({"noise_multiplier": 0.79}, "noise multiplier"),
        ({"noise_draws": 20 * 2_000 - 1}, "noise values"),
        ({"noise_multiplier": float("nan")}, "noise multiplier"),
        ({"noise_energy": 20 * 2_000 * (0.95 * 0.8) ** 2}, "quieter"),
        ({"noise_energy": float("nan")}, "quieter"),
    ],
)
def test_a_record_that_shows_less_than_was_charged_is_refused(changes: dict[str, object], named: str) -> None:
    with pytest.raises(PrivacyError, match=named):
        build_chain(RECORD, FP32).encode(update(), record(**changes))


def test_without_a_record_nothing_passes() -> None:
    with pytest.raises(PrivacyError, match="no record"):
        build_chain(RECORD, FP32).encode(update())


def test_a_corpus_update_needs_its_generator() -> None:
    plan = PrivacyPlan(unit="corpus", clip_norm=1.0, noise_multiplier=2.0, steps=1, units=1)
    with pytest.raises(PrivacyError, match="generator"):
        build_chain(plan, FP32).encode(update())


def test_the_corpus_release_is_bounded_and_noised() -> None:
    plan = PrivacyPlan(unit="corpus", clip_norm=0.5, noise_multiplier=2.0, steps=1, units=1)
    chain = build_chain(plan, FP32)
    key = fresh_key()
    released = [
        chain.decode(chain.encode(update(scale), noise=CsprngNormal(key))[0], update().shapes).flat().astype(np.float64)
        for scale in (1e6, 1e-30)
    ]
    assert np.linalg.norm(released[0] - released[1]) <= 0.5
    assert released[1].std() == pytest.approx(1.0, rel=0.1)


def test_an_update_that_is_not_finite_becomes_noise_alone() -> None:
    plan = PrivacyPlan(unit="corpus", clip_norm=1.0, noise_multiplier=1.0, steps=1, units=1)
    chain = build_chain(plan, FP32)
    broken = ModelUpdate({"w": np.full((40, 50), np.nan, dtype=np.float32)})
    payload, _ = chain.encode(broken, noise=CsprngNormal(fresh_key()))
    assert chain.decode(payload, broken.shapes).is_finite()


@pytest.mark.parametrize(("unit", "relation"), [("record", "zero-out"), ("corpus", "replace-one"), ("none", "none")])
def test_the_server_decodes_what_the_client_encodes(unit: str, relation: str) -> None:
    terms = PrivacyTerms(unit=unit, relation=relation)  # type: ignore[arg-type]
    plan = PrivacyPlan(unit=unit, clip_norm=1.0, noise_multiplier=0.8, sampling_prob=0.05, steps=20)  # type: ignore[arg-type]
    codec = CodecConfig(name="int8")
    payload, _ = build_chain(plan, codec).encode(update(), record(), CsprngNormal(fresh_key()))
    assert build_chain(terms, codec).decode(payload, update().shapes).is_finite()


def test_a_document_record_passes_only_a_document_plan() -> None:
    plan = msgspec.structs.replace(RECORD, unit="document", windows_per_document=2)
    build_chain(plan, FP32).encode(update(), record(unit="document"))
    for chain, shown in ((plan, "record"), (RECORD, "document")):
        with pytest.raises(PrivacyError, match="unit"):
            build_chain(chain, FP32).encode(update(), record(unit=shown))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"unit": "document"}, "unit"),
        ({"clip_norm": 2.0}, "clip_norm"),
        ({"min_noise_multiplier": 0.2}, "min_noise_multiplier"),
        ({"max_sampling_prob": 0.5}, "max_sampling_prob"),
        ({"windows_per_document": 2}, "windows_per_document"),
        ({"delta_cap": 1e-5}, "delta_cap"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_mean_is_not_forwarded_under_looser_terms_than_the_larger_federation_asks(
    change: dict[str, object], field: str
) -> None:
    larger = msgspec.structs.replace(TERMS, delta_cap=1e-6)
    own = msgspec.structs.replace(larger, **change)
    with pytest.raises(ValueError, match=field):
        Forwarded(own, larger)
    stricter = msgspec.structs.replace(larger, min_noise_multiplier=1.0, max_sampling_prob=0.1, delta_cap=1e-7)
    Forwarded(stricter, larger)


def test_a_household_without_a_guarantee_has_none_to_forward() -> None:
    bare = PrivacyTerms(unit="none", relation="none")
    with pytest.raises(ValueError, match="has none to pass on"):
        Forwarded(bare, bare)


def test_a_forwarded_mean_leaves_exactly_as_it_is() -> None:
    mean = update()
    payload, figures = Chain([Forwarded(TERMS, TERMS)], FP32).encode(mean)
    assert figures == {}
    assert Chain([Forwarded(TERMS, TERMS)], FP32).decode(payload, mean.shapes).flat().tobytes() == mean.flat().tobytes()
