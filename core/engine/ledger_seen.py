"""Noticing without a keyring that the ledger went back in time: by what each federation saw of it last.

Every update carries a commitment to the ledger as it stood right after that update's charge: a MAC over the entry's
number and hash, under a key of this home. The coordinator keeps the newest and gives it back to the same machine. If no
charge of this ledger fits, charges were lost since, and nothing more is spent.

Guarantees: the commitment of a release never changes, so its bytes go out the same again; without the key it is a
random number, of which a coordinator learns nothing and can make none that fits. A coordinator can keep silent, give
back an older one, or say one that never was: the first two leave things as they were, the last stops spending until
that federation is left.
"""

from __future__ import annotations

import hmac

from core import vault
from core.federation.protocol import LedgerSeen
from core.ledger.entries import Head
from core.ledger.store import Ledger

_CONTEXT = b"ledger-seen\n"


def commitment(ledger: Ledger, key: bytes, federation_id: str, release_id: int) -> bytes:
    """What a release's update says of the ledger, ``LEDGER_BYTES`` long.

    Raises:
        PrivacyError: it was not charged.
    """
    return _mac(_subkey(key, federation_id), ledger.charge_head(release_id))


def fits(ledger: Ledger, key: bytes, federation_id: str, seen: LedgerSeen | None) -> bool:
    """Whether what a federation saw last is in this ledger's past; nothing seen fits every ledger."""
    if seen is None:
        return True
    subkey = _subkey(key, federation_id)
    return any(hmac.compare_digest(_mac(subkey, head), seen.commitment) for head in ledger.charge_heads(federation_id))


def _subkey(key: bytes, federation_id: str) -> bytes:
    return vault.derive(key, _CONTEXT + federation_id.encode())


def _mac(subkey: bytes, head: Head) -> bytes:
    return hmac.digest(subkey, head.encode(), "sha256")
