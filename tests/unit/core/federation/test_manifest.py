"""Manifests: the bytes that were signed are the bytes that are read, and nothing else is believed."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.federation import config, raw_config

from core.api.errors import ManifestError
from core.federation.identity import FederationKey
from core.federation.manifest import MAX_ENVELOPE, open_manifest, seal_manifest

KEY = FederationKey.generate()
ENVELOPE = seal_manifest(config(), KEY)


def signed(content: dict[str, Any]) -> bytes:
    """An envelope with a good signature over any content: what a hostile operator can make."""
    raw = json.dumps(content).encode()
    signature = KEY.sign(b"hedgerow-manifest-1\n" + raw)
    parts = {"format": 1, "manifest": base64.b64encode(raw).decode(), "signature": base64.b64encode(signature).decode()}
    return json.dumps(parts).encode()


def test_a_sealed_manifest_opens_with_its_key() -> None:
    opened = open_manifest(ENVELOPE, KEY.public_bytes)
    assert opened.config == config()
    assert opened.sha256 == hashlib.sha256(base64.b64decode(json.loads(ENVELOPE)["manifest"])).hexdigest()


def test_another_key_is_named_and_nothing_is_believed() -> None:
    with pytest.raises(ManifestError, match="not signed with the key in your invite"):
        open_manifest(ENVELOPE, FederationKey.generate().public_bytes)


def test_a_changed_byte_breaks_the_signature() -> None:
    parts = json.loads(ENVELOPE)
    raw = base64.b64decode(parts["manifest"]).replace(b'"seed":7', b'"seed":8')
    parts["manifest"] = base64.b64encode(raw).decode()
    with pytest.raises(ManifestError, match="not signed"):
        open_manifest(json.dumps(parts).encode(), KEY.public_bytes)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"surprise": 1}, "surprise"),
        ({"model.d_model": 1 << 30}, "d_model"),
        ({"privacy.delta_cap": 0.5}, "delta_cap"),
        ({"training.surprise": 1}, "surprise"),
        ({"protocol_version": 99}, "protocol_version"),
        ({"name": ""}, "name"),
    ],
)
def test_a_good_signature_does_not_excuse_absurd_fields(change: dict[str, Any], names: str) -> None:
    with pytest.raises(ManifestError, match=names):
        open_manifest(signed(raw_config(**change)), KEY.public_bytes)


def test_a_missing_field_is_named() -> None:
    content = raw_config()
    del content["tokenizer"]
    with pytest.raises(ManifestError, match="tokenizer"):
        open_manifest(signed(content), KEY.public_bytes)


def test_a_long_envelope_is_refused_unread() -> None:
    with pytest.raises(ManifestError, match="64 KiB"):
        open_manifest(b" " * (MAX_ENVELOPE + 1), KEY.public_bytes)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_named_error(raw: bytes) -> None:
    with pytest.raises(ManifestError):
        open_manifest(raw, KEY.public_bytes)


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 60_000,
        msgspec.json.encode({"format": 2, "manifest": "", "signature": ""}),
        msgspec.json.encode({"format": 1, "manifest": "*", "signature": ""}),
        msgspec.json.encode({"format": 1, "manifest": "", "signature": "", "more": 1}),
    ],
)
def test_odd_envelopes_are_named(raw: bytes) -> None:
    with pytest.raises(ManifestError):
        open_manifest(raw, KEY.public_bytes)
