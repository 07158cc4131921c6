"""The fixed schema inside a round: nothing unknown is read, and a seal binds an update to its round and sender."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from core.api.errors import CoordinatorError, UpdateError
from core.federation.identity import FederationKey, NodeKey, verify_federation
from core.federation.protocol import (
    LEDGER_BYTES,
    OPEN_METRICS,
    PUBLIC_METRICS,
    Receipt,
    ReplySeal,
    TrainInstruction,
    allowed_metrics,
    metrics_hash,
    read_instruction,
    read_seal,
)

INSTRUCTION = TrainInstruction(
    run_id="0" * 32,
    server_round=3,
    manifest_hash="a" * 64,
    base_hash="b" * 64,
    base_bytes=1_000,
    step_clock=40,
    local_steps=20,
    deadline_at=1e9,
    nonce=b"n" * 16,
)
SEAL = ReplySeal(
    federation_id="f" * 32,
    run_id="0" * 32,
    server_round=3,
    nonce=b"n" * 16,
    manifest_hash="a" * 64,
    base_hash="b" * 64,
    shard="full",
    update_sha256="c" * 64,
    metrics_sha256=metrics_hash({"steps": 20.0}),
    ledger=b"l" * LEDGER_BYTES,
    public_key=b"",
)


def test_an_instruction_survives_its_record() -> None:
    assert read_instruction(INSTRUCTION.to_record()) == INSTRUCTION


@pytest.mark.parametrize(
    "change",
    [
        {"protocol": 2},
        {"shard": "blocks"},
        {"server_round": 0},
        {"local_steps": 0},
        {"local_steps": 10**9},
        {"step_clock": -1},
        {"base_bytes": 0},
        {"nonce": b"short"},
        {"base_hash": "b"},
        {"run_id": "r"},
        {"server_round": "three"},
        {"code": "import os"},
    ],
)
def test_odd_instructions_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(CoordinatorError, match="refused"):
        read_instruction(INSTRUCTION.to_record() | change)


@pytest.mark.parametrize("missing", ["nonce", "base_hash", "server_round", "manifest_hash"])
def test_missing_fields_are_refused(missing: str) -> None:
    record = INSTRUCTION.to_record()
    del record[missing]
    with pytest.raises(CoordinatorError, match=missing):
        read_instruction(record)


def test_a_seal_is_genuine_only_from_its_key() -> None:
    mine, other = NodeKey.generate(), NodeKey.generate()
    sealed = read_seal(SEAL.signed_by(mine).to_record())
    assert sealed.is_genuine(mine.public_pem)
    assert not sealed.is_genuine(other.public_pem)
    assert not SEAL.signed_by(other).is_genuine(mine.public_pem)
    assert not SEAL.is_genuine(mine.public_pem)


@pytest.mark.parametrize("field", [f for f in SEAL.__struct_fields__ if f not in {"signature", "public_key"}])
def test_every_field_of_a_seal_is_signed(field: str) -> None:
    key = NodeKey.generate()
    sealed = SEAL.signed_by(key)
    value = getattr(sealed, field)
    other = value + 1 if isinstance(value, int) else value[:-1] + (b"x" if isinstance(value, bytes) else "x")
    assert not msgspec.structs.replace(sealed, **{field: other}).is_genuine(key.public_pem)


def test_neighbouring_fields_cannot_trade_bytes() -> None:
    one = msgspec.structs.replace(SEAL, federation_id="ab", run_id="c").signed_bytes()
    other = msgspec.structs.replace(SEAL, federation_id="a", run_id="bc").signed_bytes()
    assert one != other


def test_odd_seals_are_refused() -> None:
    with pytest.raises(UpdateError, match="note"):
        read_seal(SEAL.to_record() | {"note": "a sentence of my diary"})
    with pytest.raises(UpdateError):
        read_seal({})


def test_metrics_that_leave_are_fixed_by_the_unit() -> None:
    assert allowed_metrics("record") == allowed_metrics("corpus") == allowed_metrics("document") == PUBLIC_METRICS
    assert PUBLIC_METRICS == ("steps",)
    assert allowed_metrics("none") == OPEN_METRICS
    assert allowed_metrics("none", scored=True) == (*OPEN_METRICS, "held_out")
    assert allowed_metrics("record", scored=True) == PUBLIC_METRICS


def test_the_metrics_hash_sees_every_bit() -> None:
    assert metrics_hash({"a": 1.0, "b": 2.0}) == metrics_hash({"b": 2.0, "a": 1.0})
    assert metrics_hash({"a": 0.1}) != metrics_hash({"a": 0.1 + 2**-55})
    assert metrics_hash({"a": 1.0}) != metrics_hash({"b": 1.0})


def test_a_receipt_is_signed_without_its_signature() -> None:
    key = FederationKey.generate()
    bare = Receipt(update_sha256="c" * 64, server_round=3, state="accepted", checkpoint_hash="d" * 64)
    signed = msgspec.structs.replace(bare, signature=key.sign(bare.signed_bytes()))
    assert verify_federation(key.public_bytes, signed.signed_bytes(), signed.signature)
    late = msgspec.structs.replace(signed, state="late")
    assert not verify_federation(key.public_bytes, late.signed_bytes(), late.signature)
