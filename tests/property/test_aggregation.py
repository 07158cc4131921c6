"""The coordinator's way over files and the way in memory give the same bits, whatever the rule and wherever it cuts.

And however a reply is changed on its way, the aggregate is what the honest ones make, to the bit.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import os
import random
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support.federation import config

from core.config.exchange import CodecConfig
from core.config.federation import FederationConfig
from core.config.learning import AggregationTerms
from core.config.privacy import PrivacyTerms
from core.coordinator.learning.averaging import Mean
from core.coordinator.learning.standing import Standing
from core.coordinator.learning.updates import UpdateReader
from core.coordinator.records.schema import Assignment
from core.coordinator.rounds.admission import Admission, Admitted, Expected, RawReply
from core.federation.identity import NodeKey, key_id
from core.federation.protocol import ReplySeal, metrics_hash
from core.influence import bound_of, clip_factor, norm_of, weights_of
from core.model.layout import parameter_shapes
from core.postprocess.compression.codec import EncodedUpdate, Held, decode, encode
from core.robust import combine
from core.update import ModelUpdate

MUTATIONS = 100_000 if os.environ.get("HEDGEROW_CAMPAIGN") else 10_000
SHAPES = {"b": (7,), "a": (3, 11)}
RULES = ("mean", "centred-clipping", "trimmed-mean", "median", "multi-krum")


@st.composite
def cohorts(draw: st.DrawFn) -> dict[str, Any]:
    """Terms, a cohort with losses and standings, late updates, a history, a centre and a codec."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rule = draw(st.sampled_from(RULES))
    weights = "equal" if rule in RULES[2:] else draw(st.sampled_from(("equal", "metric", "loss")))
    ramp = 0 if rule in RULES[2:] else draw(st.integers(0, 3))
    count = draw(st.integers(1, 13))

    def some(scale: float) -> ModelUpdate:
        arrays = {name: scale * rng.standard_normal(shape) for name, shape in SHAPES.items()}
        return ModelUpdate({name: array.astype(np.float32) for name, array in arrays.items()})

    return {
        "terms": AggregationTerms(
            rule=rule, weights=weights, ramp_rounds=ramp, norm_bound=draw(st.sampled_from(("none", "median")))
        ),
        "codec": CodecConfig(name=draw(st.sampled_from(("fp32", "int8"))), block_size=16),
        "updates": [some(draw(st.sampled_from((0.0, 1.0, 1.0, 40.0)))) for _ in range(count)],
        "losses": [draw(st.one_of(st.none(), st.floats(0, 20))) for _ in range(count)],
        "before": [draw(st.integers(0, 5)) for _ in range(count)],
        "history": [float(x) for x in rng.uniform(0.1, 9.0, draw(st.integers(0, 6)))],
        "late": [] if rule in RULES[2:] else [(some(2.0), s) for s in draw(st.lists(st.integers(1, 2), max_size=3))],
        "centre": some(0.3) if draw(st.booleans()) else None,
        "cuts": draw(st.lists(st.integers(1, 32), max_size=3)),
    }


class InFile(dict[str, np.ndarray]):
    """A centre, read as momentum is."""

    def part(self, name: str, start: int, stop: int) -> np.ndarray:
        return self[name].reshape(-1)[start:stop]


@given(cohorts())
def test_files_and_memory_agree_to_the_bit(case: dict[str, Any]) -> None:
    terms, codec = case["terms"], case["codec"]
    payloads = [encode(update, codec) for update in case["updates"]]
    late = [(encode(update, codec), stale) for update, stale in case["late"]]
    known = combine(
        [decode(payload, SHAPES, codec) for payload in payloads],
        terms,
        losses=case["losses"],
        accepted_before=case["before"],
        history=case["history"],
        late=[(decode(payload, SHAPES, codec), stale) for payload, stale in late],
        centre=case["centre"],
    )

    def filed(payload: bytes, number: int, server_round: int, loss: float | None) -> tuple[Assignment, EncodedUpdate]:
        update = EncodedUpdate(Held(payload), SHAPES, codec)
        norm = norm_of(update.slices())
        item = Assignment(server_round=server_round, key_id=str(number), nonce=bytes(16), norm=norm, loss=loss)
        return item, update

    fresh = [filed(one, i, 9, loss) for i, (one, loss) in enumerate(zip(payloads, case["losses"], strict=True))]
    folded = [filed(one, 100 + i, 9 - stale, None) for i, (one, stale) in enumerate(late)]
    weights = weights_of(case["losses"], case["before"], terms)
    bound = bound_of(case["history"], [item.norm for item, _ in fresh])
    standing = Standing(
        weights={(9, str(i)): weight for i, weight in enumerate(weights)}
        | {(9 - s, str(100 + i)): 1 / (1 + s) ** 0.5 for i, (_, s) in enumerate(late)},
        bounds={"full": bound} if terms.norm_bound == "median" or terms.counts_once else {},
    )
    centre = None if case["centre"] is None else InFile(case["centre"].arrays)
    mean = Mean(fresh, list(SHAPES), damped=False, terms=terms, late=folded, standing=standing, centre=centre)
    assert known.factors == tuple(standing.factor(item) for item, _ in fresh)
    assert known.factors == tuple(clip_factor(norm, known.bound) for norm in known.norms)
    assert mean.notes == known.notes
    for name, array in known.update.arrays.items():
        edges = sorted({0, array.size, *(cut for cut in case["cuts"] if cut < array.size)})
        parts = [mean.part(name, start, stop) for start, stop in itertools.pairwise(edges)]
        assert np.concatenate(parts).tobytes() == array.tobytes()
        beside = [mean.late(name, start, stop) for start, stop in itertools.pairwise(edges)]
        if known.late is None:
            assert all(one is None for one in beside)
        else:
            assert np.concatenate(beside).tobytes() == known.late.arrays[name].tobytes()  # type: ignore[arg-type]


@given(cohorts())
def test_a_bounded_mean_is_never_longer_than_the_bound(case: dict[str, Any]) -> None:
    terms = AggregationTerms(norm_bound="median", weights=case["terms"].weights)
    found = combine(case["updates"], terms, losses=case["losses"], history=case["history"], late=case["late"])
    assert found.update.norm() <= found.bound * (1 + 1e-5)
    if found.late is not None:
        assert found.late.norm() <= found.bound * (1 + 1e-5)


# Hostile replies


def open_terms() -> FederationConfig:
    return config(privacy=PrivacyTerms(unit="none", relation="none"), codec=CodecConfig(name="int8"))


class Postbox:
    """One federation's admission, and replies to one of its rounds."""

    def __init__(self) -> None:
        self.terms = open_terms()
        self.shapes = parameter_shapes(self.terms.model)
        self.reader = UpdateReader(self.terms)
        self.admission = Admission(
            self.terms, federation_id="f" * 32, manifest_hash="d" * 64, updates=self.reader
        )  # fmt: skip
        self.keys = [NodeKey.generate() for _ in range(4)]
        rng = np.random.default_rng(1)
        self.payloads = [
            encode(
                ModelUpdate({n: (0.01 * rng.standard_normal(s)).astype("f4") for n, s in self.shapes.items()}),
                self.terms.codec,
            )
            for _ in self.keys
        ]

    def expected(self, who: int) -> Expected:
        pem = self.keys[who].public_pem
        return Expected(
            server_round=3, key_id=key_id(pem), public_key=pem, nonce=bytes([who]) * 16, base_hash="b" * 64, longest=1e3
        )

    def reply(self, who: int, payload: bytes, **seal: Any) -> RawReply:
        metrics = {"steps": 4.0, "loss": 2.0}
        fields: dict[str, Any] = {
            "federation_id": "f" * 32, "run_id": self.terms.run_id, "server_round": 3, "nonce": bytes([who]) * 16,
            "manifest_hash": "d" * 64, "base_hash": "b" * 64, "shard": "full",
            "update_sha256": hashlib.sha256(payload).hexdigest(), "metrics_sha256": metrics_hash(metrics),
            "public_key": b"",
        }  # fmt: skip
        sealed = ReplySeal(**fields | seal).signed_by(self.keys[who])
        return RawReply(seal=sealed.to_record(), metrics=metrics, payload=payload)

    def mutated(self, rng: random.Random, who: int) -> RawReply:
        """A reply that differs from a good one in one thing: its bytes, its seal, its metrics, its sender."""
        payload = bytearray(self.payloads[who])
        way = rng.randrange(8)
        if way == 0:  # a changed byte, signed by its sender
            payload[rng.randrange(len(payload))] ^= 1 << rng.randrange(8)
        elif way == 1:  # cut, or with something behind it
            cut = rng.randrange(len(payload))
            payload = payload[:cut] if rng.random() < 0.5 else payload + bytes(rng.randrange(1, 99))
        elif way == 2:  # rewritten in the middle with a right digest: codes and scales that no encoder writes
            at = rng.randrange(56, len(payload) - 36)
            payload[at : at + 4] = rng.choice((b"\x80\x80\x80\x80", b"\x00\x00\xc0\x7f", b"\x00\x00\x80\xff"))
            at = rng.randrange(0, 14) * 4 + 52  # and a scale, whose place is the first of the payload
            payload[at : at + 4] = rng.choice((b"\x00\x00\xc0\x7f", b"\x00\x00\x80\xff", b"\x00\x00\x80\xbf"))
            payload[-32:] = hashlib.sha256(payload[:-32]).digest()
        if way < 3:
            return self.reply(who, bytes(payload))
        good = self.reply(who, bytes(payload))
        if way == 3:  # a seal of something else
            name = rng.choice(("federation_id", "run_id", "manifest_hash", "base_hash", "update_sha256"))
            return self.reply(who, bytes(payload), **{name: f"{rng.getrandbits(128):032x}" * 2})
        if way == 4:  # of another round: a replay
            return self.reply(who, bytes(payload), server_round=rng.choice((1, 2, 4)), nonce=rng.randbytes(16))
        if way == 5:  # changed after it was signed
            seal = dict(good.seal)
            seal["signature"] = bytes(b ^ (1 << rng.randrange(8)) for b in seal["signature"])
            return dataclasses.replace(good, seal=seal)
        if way == 6:  # metrics that were not signed, or do not exist
            metrics = dict(good.metrics) | {rng.choice(("steps", "loss", "samples")): rng.choice((1e9, -1e9, 0.0))}
            return dataclasses.replace(good, metrics=metrics)
        other = (who + 1) % len(self.keys)  # in another's name
        return dataclasses.replace(self.reply(other, bytes(payload)), payload=bytes(payload))


def test_ten_thousand_mutated_replies_leave_the_aggregate_unchanged_to_the_bit() -> None:
    box, rng = Postbox(), random.Random(20)
    known: dict[str, str] = {}
    accepted: dict[int, bytes] = {}
    honest = iter(sorted(rng.sample(range(MUTATIONS), len(box.keys))))
    due, served = next(honest), 0
    for number in range(MUTATIONS):
        if number == due:
            verdict = box.admission.examine(
                box.expected(served), box.reply(served, box.payloads[served]), Held(box.payloads[served]), known
            )
            assert isinstance(verdict, Admitted)
            known[verdict.update_sha256] = box.expected(served).key_id
            accepted[served] = box.payloads[served]
            due, served = next(honest, -1), served + 1
        who = rng.randrange(len(box.keys))
        reply = box.mutated(rng, who)
        assert isinstance(reply.payload, bytes)
        verdict = box.admission.examine(box.expected(who), reply, Held(reply.payload), known)
        assert not isinstance(verdict, Admitted), (number, verdict)
    assert len(accepted) == len(box.keys)
    every = combine(
        [decode(accepted[who], box.shapes, box.terms.codec) for who in sorted(accepted)], box.terms.aggregation
    )
    alone = combine([decode(one, box.shapes, box.terms.codec) for one in box.payloads], box.terms.aggregation)
    assert every.update.flat().tobytes() == alone.update.flat().tobytes()
