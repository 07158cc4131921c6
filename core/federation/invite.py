"""Invites: ``hedgerow://join?…``, at most 4 KiB, readable without any connection.

Fields: ``v`` version, ``n`` name, ``a`` gateway host:port, ``k`` federation key, ``c`` the gateway's private root
certificate (DER), ``t`` enrolment token, ``u`` uses, ``e`` expiry (Unix seconds). Binary fields are base64url without
padding. The root certificate is the only trust anchor for the gateway, checked against a fixed name.
"""

from __future__ import annotations

import base64
import re
import time
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec
from cryptography import x509

from core.api.errors import InviteError
from core.federation.identity import FEDERATION_KEY_BYTES

SCHEME = "hedgerow"
MAX_INVITE = 4_096
TOKEN_BYTES = 16
GATEWAY_NAME = "gateway.hedgerow.invalid"
"""The name in every gateway certificate, sent as SNI whatever the address is."""
_HOST = re.compile(r"^(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?):([0-9]{1,5})$")
_FIELDS = ("v", "n", "a", "k", "c", "t", "u", "e")


class Invite(msgspec.Struct, frozen=True, kw_only=True):
    """What an invite says."""

    name: str
    address: str
    """``host:port`` of the gateway."""
    federation_key: bytes
    root_certificate: bytes
    """DER, the gateway's private root."""
    token: bytes
    uses: int = 1
    expires_at: int

    @property
    def expired(self) -> bool:
        """Whether the expiry lies in the past of this machine's clock."""
        return time.time() >= self.expires_at


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unb64(text: str, field: str) -> bytes:
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise InviteError(f"The invite's field {field!r} is damaged.", "Copy the whole link again.")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise InviteError(f"The invite's field {field!r} is cut.", "Copy the whole link again.") from error


def encode(invite: Invite) -> str:
    """The link.

    Raises:
        InviteError: it would be longer than 4 KiB.
    """
    pairs = (
        ("v", "1"),
        ("n", quote(invite.name, safe="")),
        ("a", quote(invite.address, safe=":[]")),
        ("k", _b64(invite.federation_key)),
        ("c", _b64(invite.root_certificate)),
        ("t", _b64(invite.token)),
        ("u", str(invite.uses)),
        ("e", str(invite.expires_at)),
    )
    link = f"{SCHEME}://join?" + "&".join(f"{key}={value}" for key, value in pairs)
    if len(link) > MAX_INVITE:
        raise InviteError("The invite would be longer than 4 KiB.")
    return link


def parse(link: str) -> Invite:
    """Read an invite strictly. Opens no connection and ignores nothing.

    Raises:
        InviteError: naming what is wrong. An expired invite parses; see ``Invite.expired``.
    """
    link = link.strip()
    again = "Copy the whole link again."
    if len(link) > MAX_INVITE:
        raise InviteError("The invite is longer than 4 KiB.", again)
    if not link.isascii() or not link.isprintable():
        raise InviteError("The invite contains characters that no invite has.", again)
    try:
        parts = urlsplit(link)
        pairs = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=len(_FIELDS) + 1)
    except ValueError as error:
        raise InviteError("This is not a Hedgerow invite; it cannot be read as a link.", again) from error
    if parts.scheme != SCHEME or parts.netloc != "join" or parts.path not in ("", "/") or parts.fragment:
        raise InviteError("This is not a Hedgerow invite; one begins with hedgerow://join?", again)
    fields = dict(pairs)
    if len(pairs) != len(fields) or set(fields) - set(_FIELDS):
        raise InviteError("The invite has fields that no invite has.", again)
    missing = [name for name in _FIELDS if not fields.get(name)]
    if missing:
        raise InviteError("The invite is cut: " + ", ".join(missing) + " missing.", again)
    if fields["v"] != "1":
        raise InviteError(
            f"The invite has version {fields['v'][:8]}, this Hedgerow reads version 1.", "Update Hedgerow."
        )
    return _build(fields, again)


def _build(fields: dict[str, str], again: str) -> Invite:
    address = _HOST.match(fields["a"])
    if address is None or not 0 < int(address.group(2)) < 65_536:
        raise InviteError("The invite's address is not host:port.", again)
    name = "".join(c for c in fields["n"] if c.isprintable())[:120]
    if not name:
        raise InviteError("The invite has no name.", again)
    key, root, token = (_unb64(fields[f], f) for f in ("k", "c", "t"))
    if len(key) != FEDERATION_KEY_BYTES or len(token) != TOKEN_BYTES:
        raise InviteError("The invite's key or token has the wrong length.", again)
    try:
        x509.load_der_x509_certificate(root)
    except ValueError as error:
        raise InviteError("The invite's certificate is damaged.", again) from error
    if not (re.fullmatch(r"[0-9]{1,6}", fields["u"]) and re.fullmatch(r"[0-9]{1,12}", fields["e"])):
        raise InviteError("The invite's number of uses or expiry is not a number.", again)
    return Invite(
        name=name,
        address=fields["a"],
        federation_key=key,
        root_certificate=root,
        token=token,
        uses=int(fields["u"]),
        expires_at=int(fields["e"]),
    )
