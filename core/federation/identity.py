"""Keys and signatures: a NIST EC key per joining for the node, an Ed25519 key for the federation.

Flower's own node signature covers a timestamp only, so everything that must be bound to its content (enrolment,
receipts, leaving, the reply to a round) is signed here over its content. A key that was unregistered at a SuperLink
can never return, hence one node key per joining, never one per machine.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from core.api.errors import ClockError, CoordinatorError

HEADER_KEY = "hedgerow-public-key"
HEADER_TIME = "hedgerow-timestamp"
HEADER_SIGNATURE = "hedgerow-signature"
HEADER_DIGEST = "hedgerow-body-sha256"
"""Sent beside a large body, so that the signature can be judged before the body is read."""
MAX_SKEW_S = 300.0
FEDERATION_KEY_BYTES = 32


class NodeKey:
    """The private key of one joining. ``repr`` never shows it."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        self.public_pem: bytes = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def __repr__(self) -> str:
        return f"NodeKey({key_id(self.public_pem)[:12]})"

    @classmethod
    def generate(cls) -> NodeKey:
        """A fresh P-256 key from the operating system's randomness."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_pem(cls, pem: bytes) -> NodeKey:
        """Load a key written by ``to_pem``.

        Raises:
            ValueError: it is not an EC private key.
        """
        key = serialization.load_pem_private_key(pem, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("not an EC private key")
        return cls(key)

    def to_pem(self) -> bytes:
        """The private key as unencrypted PKCS#8 PEM, for the keyring only."""
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(self, message: bytes) -> bytes:
        """ECDSA over SHA-256, DER."""
        return self._key.sign(message, ec.ECDSA(hashes.SHA256()))


def key_id(public_pem: bytes) -> str:
    """Identity of a volunteer: SHA-256 of the public key, hex. Node ids change, this does not."""
    return hashlib.sha256(public_pem).hexdigest()


def verify_node(public_pem: bytes, message: bytes, signature: bytes) -> bool:
    """Whether ``signature`` is this node key's over ``message``; False for anything malformed."""
    try:
        key = serialization.load_pem_public_key(public_pem)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return False
        key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _request_bytes(method: str, path: str, timestamp: str, body_sha256: str) -> bytes:
    return f"hedgerow-request\n{method}\n{path}\n{timestamp}\n{body_sha256}".encode()


def sign_request(key: NodeKey, method: str, path: str, body: bytes, now: float | None = None) -> dict[str, str]:
    """Headers that bind method, path, time and body to the node key."""
    timestamp = f"{time.time() if now is None else now:.3f}"
    message = _request_bytes(method, path, timestamp, hashlib.sha256(body).hexdigest())
    return {
        HEADER_KEY: base64.b64encode(key.public_pem).decode(),
        HEADER_TIME: timestamp,
        HEADER_SIGNATURE: base64.b64encode(key.sign(message)).decode(),
    }


def verify_request(headers: Mapping[str, str], method: str, path: str, body: bytes, now: float | None = None) -> bytes:
    """Check a signed request and return the public key (PEM) it was signed with.

    Raises:
        CoordinatorError: headers are missing or the signature is wrong.
        ClockError: the timestamp is more than five minutes away.
    """
    return verify_digest(headers, method, path, hashlib.sha256(body).hexdigest(), now)


def verify_digest(
    headers: Mapping[str, str], method: str, path: str, body_sha256: str, now: float | None = None
) -> bytes:
    """As ``verify_request``, for a body of which only the hash is known yet."""
    try:
        public_pem = base64.b64decode(headers[HEADER_KEY], validate=True)
        signature = base64.b64decode(headers[HEADER_SIGNATURE], validate=True)
        timestamp = headers[HEADER_TIME]
        signed_at = float(timestamp)
    except (KeyError, ValueError) as error:
        raise CoordinatorError("The request is not signed.") from error
    if not verify_node(public_pem, _request_bytes(method, path, timestamp, body_sha256), signature):
        raise CoordinatorError("The request's signature is wrong.")
    if not abs((time.time() if now is None else now) - signed_at) <= MAX_SKEW_S:
        raise ClockError("The request was signed more than five minutes away from now.", "Set the clock.")
    return public_pem


class FederationKey:
    """The Ed25519 key a federation signs its manifest and receipts with."""

    def __init__(self, key: ed25519.Ed25519PrivateKey) -> None:
        self._key = key
        self.public_bytes: bytes = key.public_key().public_bytes_raw()

    def __repr__(self) -> str:
        return f"FederationKey({fingerprint(self.public_bytes)})"

    @classmethod
    def generate(cls) -> FederationKey:
        """A fresh key."""
        return cls(ed25519.Ed25519PrivateKey.generate())

    @classmethod
    def from_bytes(cls, raw: bytes) -> FederationKey:
        """Load the 32 private bytes.

        Raises:
            ValueError: wrong length.
        """
        return cls(ed25519.Ed25519PrivateKey.from_private_bytes(raw))

    def to_bytes(self) -> bytes:
        """The 32 private bytes, for the coordinator's ``keys/`` only."""
        return self._key.private_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """64-byte signature."""
        return self._key.sign(message)


def verify_federation(public_bytes: bytes, message: bytes, signature: bytes) -> bool:
    """Whether ``signature`` is the federation's over ``message``; False for anything malformed."""
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public_bytes).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def federation_id(public_bytes: bytes) -> str:
    """Identity of a federation: the first 32 hex digits of its key's SHA-256."""
    return hashlib.sha256(public_bytes).hexdigest()[:32]


def fingerprint(public_bytes: bytes) -> str:
    """Three groups of four hex digits, to read out by phone."""
    digits = hashlib.sha256(public_bytes).hexdigest()[:12]
    return " ".join(digits[i : i + 4] for i in (0, 4, 8))
