"""The manifest: a ``FederationConfig`` as signed bytes.

The exact bytes that were signed are the bytes that are parsed and hashed; nothing is re-encoded in between.
Envelope: JSON ``{"format": 1, "manifest": "<base64>", "signature": "<base64>"}``, at most 64 KiB.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

import msgspec

from core.api.errors import ManifestError
from core.config.federation import FederationConfig
from core.federation.identity import FederationKey, verify_federation

MAX_ENVELOPE = 64 << 10
_DOMAIN = b"hedgerow-manifest-1\n"


class _Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    manifest: str
    signature: str


class OpenedManifest(msgspec.Struct, frozen=True):
    """A manifest whose signature was checked."""

    config: FederationConfig
    sha256: str
    """Hash of the signed bytes: what consent refers to."""


def seal_manifest(config: FederationConfig, key: FederationKey) -> bytes:
    """Sign a configuration and return the envelope."""
    raw = msgspec.json.encode(config)
    signature = key.sign(_DOMAIN + raw)
    return msgspec.json.encode(_Envelope(1, base64.b64encode(raw).decode(), base64.b64encode(signature).decode()))


def open_manifest(envelope: bytes, federation_key: bytes) -> OpenedManifest:
    """Check signature, then fields, of a manifest.

    Args:
        envelope: the bytes served at ``/manifest``.
        federation_key: the 32 public bytes from the invite.

    Raises:
        ManifestError: too long, not an envelope, signed by another key, or a field is unknown, missing or absurd.
    """
    if len(envelope) > MAX_ENVELOPE:
        raise ManifestError("The manifest is longer than 64 KiB.", "Ask the operator for a proper one.")
    try:
        sealed = msgspec.json.decode(envelope, type=_Envelope)
        raw = base64.b64decode(sealed.manifest, validate=True)
        signature = base64.b64decode(sealed.signature, validate=True)
    except (msgspec.DecodeError, msgspec.ValidationError, binascii.Error, ValueError, RecursionError) as error:
        raise ManifestError("What the coordinator sent is not a manifest.") from error
    if sealed.format != 1:
        raise ManifestError(
            f"The manifest has format {sealed.format}, this version reads format 1.", "Update Hedgerow."
        )
    if not verify_federation(federation_key, _DOMAIN + raw, signature):
        raise ManifestError(
            "The manifest is not signed with the key in your invite.", "Do not join; ask for a new invite in person."
        )
    return OpenedManifest(decode_config(raw), hashlib.sha256(raw).hexdigest())


def decode_config(raw: bytes) -> FederationConfig:
    """Decode the JSON of a ``FederationConfig``, refusing unknown, missing and absurd fields.

    Raises:
        ManifestError: naming the field.
    """
    try:
        return msgspec.json.decode(raw, type=FederationConfig)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as error:
        raise ManifestError(f"The manifest was refused: {error}.") from error
