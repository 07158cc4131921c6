from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import msgspec
import numpy as np
import pytest

from core.api.errors import UpdateError
from core.config.federation import FederationConfig
from core.config.privacy import PrivacyTerms
from core.coordinator.rounds.admission import Admission, Admitted, Expected, Forged, Missing, RawReply, Refused, Verdict
from core.federation.identity import NodeKey, key_id
from core.federation.protocol import ReplySeal, SpooledUpdate, metrics_hash
from core.postprocess.compression.codec import Held, Source

BASE, MANIFEST, FEDERATION = "b" * 64, "d" * 64, "f" * 32
KEY, OTHER = NodeKey.generate(), NodeKey.generate()
NONCE = bytes(16)
GOOD = np.arange(6, dtype=np.float32)


class Reader:
    """Six values whatever the shard; real decoding is tested with the conductor."""

    def sizes(self, shard: str) -> tuple[int, ...]:
        return (24,)

    def check(self, source: Source, shard: str) -> float:
        payload = bytes(source.read(0, source.size))
        if payload.startswith(b"junk"):
            raise UpdateError("The update cannot be decoded.")
        if payload.startswith(b"odd"):
            raise IndexError
        values = np.frombuffer(payload, np.float32)
        if not np.isfinite(values).all():
            raise UpdateError("The update is not finite.")
        return float(np.linalg.norm(values))


@pytest.fixture
def admission(terms: FederationConfig) -> Admission:
    return judge(terms)


def judge(terms: FederationConfig) -> Admission:
    return Admission(terms, federation_id=FEDERATION, manifest_hash=MANIFEST, updates=Reader())


def reply(
    payload: bytes = GOOD.tobytes(), metrics: dict[str, Any] | None = None, key: NodeKey = KEY, **other: Any
) -> RawReply:
    metrics = {"steps": 4.0} if metrics is None else metrics
    fields: dict[str, Any] = {
        "federation_id": FEDERATION,
        "run_id": "0" * 32,
        "server_round": 1,
        "nonce": NONCE,
        "manifest_hash": MANIFEST,
        "base_hash": BASE,
        "shard": "full",
        "update_sha256": hashlib.sha256(payload).hexdigest(),
        "metrics_sha256": metrics_hash(metrics),
        "public_key": b"",
    }
    seal = ReplySeal(**fields | other).signed_by(key)
    return RawReply(seal=seal.to_record(), metrics=metrics, payload=payload)


def expected() -> Expected:
    return Expected(
        server_round=1, key_id=key_id(KEY.public_pem), public_key=KEY.public_pem, nonce=NONCE, base_hash=BASE
    )


def examine(admission: Admission, one: RawReply, known: dict[str, str]) -> Verdict:
    assert isinstance(one.payload, bytes)
    return admission.examine(expected(), one, Held(one.payload), known)


def test_a_good_reply_is_admitted(admission: Admission) -> None:
    verdict = examine(admission, reply(metrics={"steps": 4.0, "loss": 2.5}), {})
    norm = float(np.linalg.norm(GOOD))
    assert verdict == Admitted(hashlib.sha256(GOOD.tobytes()).hexdigest(), 24, {"steps": 4.0, "loss": 2.5}, norm=norm)


@pytest.mark.parametrize(
    "other",
    [
        {"federation_id": "e" * 32},
        {"run_id": "1" * 32},
        {"server_round": 2},
        {"nonce": b"x" * 16},
        {"manifest_hash": "0" * 64},
        {"base_hash": "0" * 64},
        {"shard": "blocks-0-3"},
        {"update_sha256": "0" * 64},
        {"metrics_sha256": b"0" * 32},
    ],
)
def test_a_seal_for_anything_else_is_forged(admission: Admission, other: dict[str, Any]) -> None:
    assert isinstance(examine(admission, reply(**other), {}), Forged)


def test_a_reply_in_another_volunteers_name_is_forged(admission: Admission) -> None:
    assert isinstance(examine(admission, reply(key=OTHER), {}), Forged)


def test_the_right_key_named_but_signed_by_another_is_forged(admission: Admission) -> None:
    genuine = reply(key=OTHER)
    seal = dict(genuine.seal) | {"public_key": KEY.public_pem}
    assert isinstance(examine(admission, msgspec_reply(genuine, seal=seal), {}), Forged)


def msgspec_reply(old: RawReply, **changes: Any) -> RawReply:
    return RawReply(**{"seal": old.seal, "metrics": old.metrics, "payload": old.payload} | changes)


@pytest.mark.parametrize("change", [{"payload": bytes(24)}, {"metrics": {"steps": 3.0}}, {"metrics": {"steps": "x"}}])
def test_what_was_changed_after_signing_is_forged(admission: Admission, change: dict[str, Any]) -> None:
    assert isinstance(examine(admission, msgspec_reply(reply(), **change), {}), Forged)


@pytest.mark.parametrize("seal", [{}, {"nonce": 3}, {**reply().seal, "extra": 1}])
def test_a_seal_of_another_form_is_forged(admission: Admission, seal: dict[str, Any]) -> None:
    assert isinstance(examine(admission, msgspec_reply(reply(), seal=seal), {}), Forged)


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (bytes(20), "20 bytes instead of 24"),
        (b"junk" + bytes(20), "cannot be decoded"),
        (b"odd" + bytes(21), "IndexError"),
        (np.full(6, np.nan, np.float32).tobytes(), "not finite"),
        (np.full(6, np.inf, np.float32).tobytes(), "not finite"),
    ],
)
def test_a_genuine_but_bad_update_is_refused(admission: Admission, payload: bytes, why: str) -> None:
    verdict = examine(admission, reply(payload), {})
    assert isinstance(verdict, Refused)
    assert why in verdict.reason
    assert verdict.update_sha256 == hashlib.sha256(payload).hexdigest()


@pytest.mark.parametrize(
    "metrics",
    [{"steps": 4.0, "text": 1.0}, {}, {"steps": 5.0}, {"steps": 4.0, "loss": float("nan")}, {"steps": -1.0}],
)
def test_metrics_outside_the_list_or_range_are_refused(admission: Admission, metrics: dict[str, float]) -> None:
    assert isinstance(examine(admission, reply(metrics=metrics), {}), Refused)


def test_under_dp_only_the_planned_steps_may_travel(terms: FederationConfig) -> None:
    privacy = PrivacyTerms(unit="record", relation="zero-out")
    strict = judge(msgspec.structs.replace(terms, privacy=privacy))
    assert isinstance(examine(strict, reply(), {}), Admitted)
    assert isinstance(examine(strict, reply(metrics={"steps": 4.0, "loss": 1.0}), {}), Refused)
    assert isinstance(examine(strict, reply(metrics={"steps": 3.0}), {}), Refused)


def test_a_copy_of_somebody_elses_update_and_a_replay_of_an_own_one_are_refused(admission: Admission) -> None:
    sha256 = hashlib.sha256(GOOD.tobytes()).hexdigest()
    copied = examine(admission, reply(), {sha256: "someone else"})
    replayed = examine(admission, reply(), {sha256: key_id(KEY.public_pem)})
    assert isinstance(copied, Refused)
    assert isinstance(replayed, Refused)
    assert "another volunteer's" in copied.reason
    assert "sent before" in replayed.reason


def test_an_update_a_hundred_times_as_long_as_others_is_refused(admission: Admission) -> None:
    norm = float(np.linalg.norm(GOOD))
    for longest, verdict in ((norm, Admitted), (0.99 * norm, Refused), (0.0, Refused)):
        within = dataclasses.replace(expected(), longest=longest)
        found = admission.examine(within, reply(), Held(GOOD.tobytes()), {})
        assert isinstance(found, verdict)
    assert isinstance(found, Refused)
    assert "7.42 long" in found.reason


def test_a_held_out_score_travels_in_rounds_that_ask_for_it_only(terms: FederationConfig) -> None:
    schedule = msgspec.structs.replace(terms.schedule, evaluate_every=1)
    asking, scored = judge(msgspec.structs.replace(terms, schedule=schedule)), {"steps": 4.0, "held_out": 2.5}
    found = examine(asking, reply(metrics=scored), {})
    assert isinstance(found, Admitted)
    assert found.metrics["held_out"] == 2.5
    assert isinstance(examine(asking, reply(), {}), Admitted), "who holds nothing out says nothing"
    assert isinstance(examine(asking, reply(metrics=scored | {"held_out": 1e4}), {}), Refused)
    assert isinstance(examine(judge(terms), reply(metrics=scored), {}), Refused)
    later = msgspec.structs.replace(terms.schedule, evaluate_every=2)
    assert isinstance(
        examine(judge(msgspec.structs.replace(terms, schedule=later)), reply(metrics=scored), {}), Refused
    )


def spooled(payload: bytes = GOOD.tobytes(), **other: Any) -> RawReply:
    """The same reply where the update went up before it."""
    said = SpooledUpdate(sha256=hashlib.sha256(payload).hexdigest(), size_bytes=len(payload))
    return msgspec_reply(reply(payload), payload=msgspec.structs.replace(said, **other))


def test_an_update_that_went_up_before_is_judged_as_if_it_had_come_in_the_reply(admission: Admission) -> None:
    good, bad = GOOD.tobytes(), np.full(6, np.nan, np.float32).tobytes()
    assert admission.examine(expected(), spooled(), Held(good), {}) == examine(admission, reply(), {})
    assert admission.examine(expected(), spooled(bad), Held(bad), {}) == examine(admission, reply(bad), {})
    other = admission.examine(expected(), spooled(sha256="0" * 64), Held(good), {})
    assert isinstance(other, Forged), "the seal is over another one"


def test_an_update_that_is_not_there_is_asked_for_again(admission: Admission) -> None:
    assert isinstance(admission.examine(expected(), spooled(), None, {}), Missing)
    assert isinstance(admission.examine(expected(), spooled(), Held(bytes(24)), {}), Missing), "the disk damaged it"
    unsigned = msgspec_reply(spooled(), seal={**reply(key=OTHER).seal})
    assert isinstance(admission.examine(expected(), unsigned, None, {}), Forged), "a stranger asks for nothing"
