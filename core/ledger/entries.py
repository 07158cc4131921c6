"""The chain: every entry's hash covers the entry before it, so that none can be changed, dropped or slipped in.

``hash = sha256("hedgerow-ledger-1\\n" · seq (8 bytes) · previous hash (32) · length of kind (1) · kind · body)``, where
``body`` is the canonical JSON that is stored. A chain alone does not stop somebody who rewrites all of it; the head
kept outside the ledger does.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

GENESIS: Final = bytes(32)
_PREFIX: Final = b"hedgerow-ledger-1\n"
_HEAD = struct.Struct(">Q32s")


class Head(NamedTuple):
    """The newest entry of a ledger: 40 bytes that stand for everything before."""

    seq: int
    digest: bytes

    def encode(self) -> bytes:
        """As kept in the keyring."""
        return _HEAD.pack(self.seq, self.digest)

    @classmethod
    def decode(cls, raw: bytes) -> Head:
        """Read what ``encode`` wrote.

        Raises:
            ValueError: it has another length.
        """
        if len(raw) != _HEAD.size:
            raise ValueError(f"a ledger head has {_HEAD.size} bytes, not {len(raw)}")
        return cls(*_HEAD.unpack(raw))


def encode_body(content: dict[str, Any]) -> bytes:
    """Canonical JSON: sorted keys, shortest floats."""
    return msgspec.json.encode(content, order="deterministic")


def entry_hash(seq: int, previous: bytes, kind: str, body: bytes) -> bytes:
    """Hash of one entry.

    Raises:
        ValueError: the kind is longer than 255 bytes or the previous hash does not have 32.
    """
    name = kind.encode()
    if len(name) > 255 or len(previous) != 32:
        raise ValueError("an entry needs a short kind and a 32-byte previous hash")
    return hashlib.sha256(_PREFIX + seq.to_bytes(8, "big") + previous + bytes([len(name)]) + name + body).digest()


def broken_links(entries: Iterable[tuple[int, str, bytes, bytes]]) -> Iterator[str]:
    """Walk (seq, kind, body, hash) in order and name every entry that does not follow from the one before."""
    previous, expected = GENESIS, 1
    for seq, kind, body, digest in entries:
        if seq != expected:
            yield f"entry {expected} is missing"
        elif entry_hash(seq, previous, kind, body) != digest:
            yield f"entry {seq} ({kind}) was changed or does not follow the one before"
        previous, expected = digest, seq + 1
