"""Keys and signatures."""

from __future__ import annotations

import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from core.api.errors import ClockError, CoordinatorError
from core.federation import identity
from core.federation.identity import FederationKey, NodeKey, key_id, sign_request, verify_node, verify_request


def test_a_node_key_survives_its_pem() -> None:
    key = NodeKey.generate()
    again = NodeKey.from_pem(key.to_pem())
    assert again.public_pem == key.public_pem
    assert verify_node(key.public_pem, b"message", again.sign(b"message"))
    assert key_id(key.public_pem) == key_id(again.public_pem) != key_id(NodeKey.generate().public_pem)


def test_the_flower_superlink_takes_the_public_key() -> None:
    loaded = serialization.load_pem_public_key(NodeKey.generate().public_pem)
    assert isinstance(loaded, ec.EllipticCurvePublicKey)
    assert isinstance(loaded.curve, ec.SECP256R1)


@pytest.mark.parametrize("pem", [b"", b"nonsense", b"\xff" * 200])
def test_a_malformed_key_verifies_nothing(pem: bytes) -> None:
    assert not verify_node(pem, b"message", b"signature")


def test_another_kind_of_key_is_no_node_key() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert not verify_node(public, b"message", key.sign(b"message"))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(ValueError, match="not an EC"):
        NodeKey.from_pem(private)


def test_a_request_is_bound_to_method_path_body_and_time() -> None:
    key = NodeKey.generate()
    headers = sign_request(key, "POST", "/enrol", b"body")
    assert verify_request(headers, "POST", "/enrol", b"body") == key.public_pem
    for method, path, body in (("PUT", "/enrol", b"body"), ("POST", "/leave", b"body"), ("POST", "/enrol", b"other")):
        with pytest.raises(CoordinatorError, match="signature is wrong"):
            verify_request(headers, method, path, body)
    later = {**headers, identity.HEADER_TIME: f"{time.time() + 1:.3f}"}
    with pytest.raises(CoordinatorError, match="signature is wrong"):
        verify_request(later, "POST", "/enrol", b"body")


@pytest.mark.parametrize("skew", [-301.0, 301.0])
def test_a_wrong_clock_is_told_apart(skew: float) -> None:
    headers = sign_request(NodeKey.generate(), "GET", "/", b"", now=1_000.0)
    assert verify_request(headers, "GET", "/", b"", now=1_000.0 + skew / 2)
    with pytest.raises(ClockError):
        verify_request(headers, "GET", "/", b"", now=1_000.0 + skew)


@pytest.mark.parametrize("missing", [identity.HEADER_KEY, identity.HEADER_TIME, identity.HEADER_SIGNATURE])
def test_a_request_without_a_header_is_not_signed(missing: str) -> None:
    headers = sign_request(NodeKey.generate(), "GET", "/", b"")
    del headers[missing]
    with pytest.raises(CoordinatorError, match="not signed"):
        verify_request(headers, "GET", "/", b"")


@pytest.mark.parametrize("stamp", ["nan", "inf", "soon"])
def test_a_timestamp_that_is_no_time_is_refused(stamp: str) -> None:
    key = NodeKey.generate()
    headers = sign_request(key, "GET", "/", b"")
    headers[identity.HEADER_TIME] = stamp
    with pytest.raises((CoordinatorError, ClockError)):
        verify_request(headers, "GET", "/", b"")


def test_a_federation_key_signs_and_survives_its_bytes() -> None:
    key = FederationKey.generate()
    again = FederationKey.from_bytes(key.to_bytes())
    assert identity.verify_federation(key.public_bytes, b"m", again.sign(b"m"))
    assert not identity.verify_federation(key.public_bytes, b"other", key.sign(b"m"))
    assert not identity.verify_federation(b"short", b"m", key.sign(b"m"))
    assert len(identity.federation_id(key.public_bytes)) == 32
    assert [len(group) for group in identity.fingerprint(key.public_bytes).split()] == [4, 4, 4]


def test_private_keys_never_show_themselves() -> None:
    node, federation = NodeKey.generate(), FederationKey.generate()
    assert federation.to_bytes().hex() not in repr(federation)
    assert "PRIVATE" not in repr(node)
    assert str(node.to_pem()) not in repr(node)
