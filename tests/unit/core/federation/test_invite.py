"""Invites are read strictly: cut, long, expired, repeated, decorated ones are named."""

from __future__ import annotations

import datetime
import time

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from core.api.errors import InviteError
from core.federation.invite import MAX_INVITE, Invite, encode, parse


def certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.DER)


INVITE = Invite(
    name="Common Prose & co",
    address="example.org:9443",
    federation_key=bytes(range(32)),
    root_certificate=certificate(),
    token=b"t" * 16,
    uses=3,
    expires_at=int(time.time()) + 3_600,
)
LINK = encode(INVITE)


def changed(**fields: str) -> str:
    head, _, query = LINK.partition("?")
    pairs = dict(pair.split("=", 1) for pair in query.split("&"))
    return head + "?" + "&".join(f"{key}={value}" for key, value in (pairs | fields).items())


def test_an_invite_survives_its_link() -> None:
    assert parse(LINK) == INVITE
    assert parse(f"  {LINK}\n") == INVITE
    assert len(LINK) < 1_200, "short enough for a QR code"


@given(st.integers(0, len(LINK) - 1))
def test_a_cut_invite_is_refused_or_says_less(cut: int) -> None:
    try:
        shorter = parse(LINK[:cut])
    except InviteError:
        return
    assert LINK[:cut].rpartition("&e=")[2].isdigit(), "only the expiry may lose digits unnoticed"
    assert shorter.expires_at < INVITE.expires_at, "and then it expires sooner, never later"


@given(st.text(max_size=200))
def test_any_text_is_an_invite_or_a_named_error(text: str) -> None:
    with pytest.raises(InviteError):
        parse(text)
    with pytest.raises(InviteError):
        parse("hedgerow://join?" + text)


def test_too_long_is_said_before_anything_is_read() -> None:
    with pytest.raises(InviteError, match="longer than 4 KiB"):
        parse(LINK + "&x=" + "y" * MAX_INVITE)
    with pytest.raises(InviteError, match="longer than 4 KiB"):
        encode(msgspec.structs.replace(INVITE, name="x" * MAX_INVITE))


@pytest.mark.parametrize(
    ("link", "says"),
    [
        (LINK.replace("hedgerow:", "https:"), "not a Hedgerow invite"),
        (LINK.replace("//join", "//leave"), "not a Hedgerow invite"),
        (LINK + "#fragment", "not a Hedgerow invite"),
        (LINK + "&z=1", "fields that no invite has"),
        (LINK + "&v=1", "fields that no invite has"),
        (changed(v="2"), "version 2"),
        (changed(a="example.org"), "not host:port"),
        (changed(a="example.org:70000"), "not host:port"),
        (changed(a="user@example.org:1"), "not host:port"),
        (changed(k="AAAA"), "wrong length"),
        (changed(t="AAAA"), "wrong length"),
        (changed(k="!!"), "damaged"),
        (changed(c="AAAA"), "certificate is damaged"),
        (changed(e="soon"), "not a number"),
        (changed(u="-1"), "not a number"),
        (changed(n=""), "cut"),
        (LINK.replace("&n=", "&n=%00"), ""),
        ("hedgerow://join?v=1\u202e", "characters"),
        ("hedgerow://[join?v=1", "cannot be read as a link"),
        (LINK + "".join(f"&x{i}=1" for i in range(20)), "cannot be read as a link"),
    ],
)
def test_each_fault_has_its_sentence(link: str, says: str) -> None:
    if says:
        with pytest.raises(InviteError, match=says):
            parse(link)
    else:
        assert parse(link).name.isprintable()


def test_an_expired_invite_can_still_be_read() -> None:
    old = parse(encode(msgspec.structs.replace(INVITE, expires_at=1)))
    assert old.expired
    assert not INVITE.expired


@pytest.mark.parametrize("address", ["[::1]:443", "192.0.2.7:1", "a.b-c.example:65535"])
def test_addresses_of_every_kind(address: str) -> None:
    assert parse(encode(msgspec.structs.replace(INVITE, address=address))).address == address
