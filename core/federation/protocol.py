"""The fixed schema of what passes between coordinator and volunteer inside a round. Allow-list: nothing else travels.

``TrainInstruction`` travels in a Flower ``ConfigRecord`` named ``INSTRUCTION``. The reply holds an ``ArrayRecord``
named ``UPDATE`` with one uint8 array ``UPDATE``, a ``MetricRecord`` named ``METRICS`` and a ``ConfigRecord`` named
``SEAL`` built from ``ReplySeal``. This module knows no Flower: it converts to and from plain dictionaries of scalars.

An update of more than ``MAX_MESSAGE_UPDATE``, or of less as the volunteer likes, goes up before its reply, piece by
piece, as ``PUT /blobs/<sha256>``; the reply then holds a ``ConfigRecord`` named ``UPDATE`` built from ``SpooledUpdate``
instead of the array. A piece says ``content-range: bytes FIRST-LAST/TOTAL``, with an empty body ``bytes */TOTAL``;
``hedgerow-body-sha256`` is the hash of its body. It is signed as every request of ours, over the path followed by a
blank and the range. The answer is ``PutAnswer``: how much is there. That is where the next piece begins (409 if this
one began elsewhere), and what an empty piece asks for after a cut. The total must be the exact size of an update that
this node was asked for and that is still waited for (else 413 and 410). The last piece makes the gateway check the hash
of the whole (422 and nothing is there). 503: another piece of this node is being written. 507: the disk is full.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from core.api.errors import CoordinatorError, UpdateError
from core.config.base import UnitOfPrivacy
from core.federation.identity import NodeKey, verify_node

INSTRUCTION = "hedgerow.train"
UPDATE = "update"
METRICS = "metrics"
SEAL = "seal"
MESSAGE_TYPE = "train"
NONCE_BYTES = 16
LEDGER_BYTES = 32
SHARD_NAME = re.compile(r"full|embedding|blocks:[0-9]{1,3}-[0-9]{1,3}")
"""Form of a shard's name; whether the model has such a part is checked against the manifest."""
MAX_MESSAGE_UPDATE = 32 << 20
"""Bytes of the largest update that travels inside a Flower message."""
MAX_PIECE = 4 << 20
"""Bytes of the largest piece of a file that goes up."""
HEADER_POLL = "hedgerow-poll"
"""Seconds after which a volunteer is welcome to ask again, on every answer of Flower's routes."""
MAX_POLL_S = 30.0
MAX_DELTAS = 8
"""Rounds that a volunteer may have missed and still catch up without the whole checkpoint."""
_DELTA_BYTES = 64
_SHA256 = re.compile(r"[0-9a-f]{64}")
Capability = Literal["any", "blocks", "embedding"]
PUBLIC_METRICS = ("steps",)
"""Sent under every unit: fixed by the instruction, so it says nothing about the text."""
OPEN_METRICS = ("steps", "tokens", "loss", "seconds")
"""Sent only where the unit is ``none``."""
HELD_OUT = "held_out"
"""Bits per byte of the base weights on the sender's own held-out text; sent only where the unit is ``none``, in rounds
in which the terms ask for it, by who holds text out."""


class Delta(NamedTuple):
    """A file that leads from one checkpoint to the next; see ``core.postprocess.compression.delta``."""

    parent: str
    """SHA-256 of the checkpoint that it starts from."""
    sha256: str
    """Of the file itself."""


class TrainInstruction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the coordinator asks for in one round."""

    protocol: int = 1
    run_id: str
    server_round: int
    manifest_hash: str
    base_hash: str
    """SHA-256 of the base checkpoint blob; where volunteers train shards, of the index of its parts."""
    base_bytes: int
    deltas: bytes = b""
    """How the base can be made from an older one, newest step first: for each, the 32 bytes of both its hashes."""
    shard: str = "full"
    step_clock: int
    local_steps: int
    token_budget: int = 0
    deadline_at: float
    nonce: bytes

    def __post_init__(self) -> None:
        """Bound every number.

        Raises:
            ValueError: a field is out of range.
        """
        if self.protocol != 1 or not SHARD_NAME.fullmatch(self.shard):
            raise ValueError("protocol or shard is not supported")
        if not 1 <= self.server_round <= 1_000_000 or not 0 <= self.step_clock <= 10**12:
            raise ValueError("server_round or step_clock is out of range")
        if not 1 <= self.local_steps <= 100_000 or not 0 <= self.token_budget <= 10**12:
            raise ValueError("local_steps or token_budget is out of range")
        if not 1 <= self.base_bytes <= 1 << 40 or len(self.nonce) != NONCE_BYTES:
            raise ValueError("base_bytes or nonce is out of range")
        if any(len(value) != 64 for value in (self.manifest_hash, self.base_hash)) or len(self.run_id) != 32:
            raise ValueError("a hash has the wrong length")
        if len(self.deltas) % _DELTA_BYTES or len(self.deltas) > MAX_DELTAS * _DELTA_BYTES:
            raise ValueError("deltas is not a short list of pairs of hashes")

    @property
    def delta_chain(self) -> tuple[Delta, ...]:
        """Differences, newest first: the first leads to the base, each other to the parent of the one before it."""
        starts = range(0, len(self.deltas), _DELTA_BYTES)
        pairs = (self.deltas[at : at + _DELTA_BYTES].hex() for at in starts)
        return tuple(Delta(pair[:64], pair[64:]) for pair in pairs)

    def to_record(self) -> dict[str, Any]:
        """As a flat dictionary of scalars and bytes."""
        return msgspec.structs.asdict(self)


def packed(chain: Sequence[Delta]) -> bytes:
    """Differences as an instruction carries them."""
    return b"".join(bytes.fromhex(delta.parent + delta.sha256) for delta in chain)


def read_instruction(record: Mapping[str, Any]) -> TrainInstruction:
    """Check an instruction.

    Raises:
        CoordinatorError: unknown, missing or absurd fields.
    """
    try:
        return msgspec.convert(dict(record), TrainInstruction, builtin_types=(bytes,))
    except (msgspec.ValidationError, ValueError, TypeError) as error:
        raise CoordinatorError(f"The coordinator's instruction was refused: {error}.") from error


def metrics_hash(metrics: Mapping[str, float]) -> bytes:
    """SHA-256 over names and values in name order."""
    text = ";".join(f"{name}={float(metrics[name]).hex()}" for name in sorted(metrics))
    return hashlib.sha256(text.encode()).digest()


def allowed_metrics(unit: UnitOfPrivacy, *, scored: bool = False) -> tuple[str, ...]:
    """Names that may travel under this unit, in a round that asks for held-out scores or does not."""
    if unit != "none":
        return PUBLIC_METRICS
    return (*OPEN_METRICS, HELD_OUT) if scored else OPEN_METRICS


class ReplySeal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What binds an update to its round, its sender and its bytes."""

    federation_id: str
    run_id: str
    server_round: int
    nonce: bytes
    manifest_hash: str
    base_hash: str
    shard: str
    update_sha256: str
    metrics_sha256: bytes
    ledger: bytes = b""
    """Commitment to the volunteer's privacy ledger, ``LEDGER_BYTES`` long and meaningless without its key; the
    coordinator keeps the newest and shows it to its sender alone. Empty from a sender that keeps none."""
    public_key: bytes
    """PEM of the node key enrolled for this assignment."""
    signature: bytes = b""

    def __post_init__(self) -> None:
        """Bound what is kept.

        Raises:
            ValueError: the commitment has another length.
        """
        if len(self.ledger) not in (0, LEDGER_BYTES):
            raise ValueError("a commitment to a ledger has the wrong length")

    def signed_bytes(self) -> bytes:
        """The bytes the node key signs."""
        parts = (
            b"hedgerow-reply-2",
            self.federation_id.encode(),
            self.run_id.encode(),
            str(self.server_round).encode(),
            self.nonce,
            self.manifest_hash.encode(),
            self.base_hash.encode(),
            self.shard.encode(),
            self.update_sha256.encode(),
            self.metrics_sha256,
            self.ledger,
        )
        return b"".join(len(part).to_bytes(4, "big") + part for part in parts)

    def signed_by(self, key: NodeKey) -> ReplySeal:
        """The same seal with this key and its signature."""
        bare = msgspec.structs.replace(self, public_key=key.public_pem, signature=b"")
        return msgspec.structs.replace(bare, signature=key.sign(bare.signed_bytes()))

    def is_genuine(self, public_pem: bytes) -> bool:
        """Whether the key enrolled for the assignment signed exactly this."""
        return self.public_key == public_pem and verify_node(public_pem, self.signed_bytes(), self.signature)

    def to_record(self) -> dict[str, Any]:
        """As a flat dictionary of scalars and bytes."""
        return msgspec.structs.asdict(self)


def read_seal(record: Mapping[str, Any]) -> ReplySeal:
    """Check the form of a seal; its signature is checked against the assignment.

    Raises:
        UpdateError: unknown, missing or wrongly typed fields.
    """
    try:
        return msgspec.convert(dict(record), ReplySeal, builtin_types=(bytes,))
    except (msgspec.ValidationError, ValueError, TypeError) as error:
        raise UpdateError(f"The reply's seal was refused: {error}.") from error


class SpooledUpdate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a reply says in place of an update that went up before it."""

    sha256: str
    """Must be the one that the seal signs."""
    size_bytes: int

    def to_record(self) -> dict[str, Any]:
        """As a flat dictionary of scalars."""
        return msgspec.structs.asdict(self)


def read_spooled(record: Mapping[str, Any]) -> SpooledUpdate:
    """Check the form of what stands for an update.

    Raises:
        UpdateError: unknown, missing or wrongly typed fields, or no hash.
    """
    try:
        spooled = msgspec.convert(dict(record), SpooledUpdate)
    except (msgspec.ValidationError, ValueError, TypeError) as error:
        raise UpdateError(f"The reply's update was refused: {error}.") from error
    if not _SHA256.fullmatch(spooled.sha256) or spooled.size_bytes < 1:
        raise UpdateError("The reply names no update.")
    return spooled


class PutAnswer(msgspec.Struct, frozen=True):
    """What ``PUT /blobs/<sha256>`` answers."""

    offset: int
    """Bytes that are there, from the first on; all of them once the hash was checked."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``GET /receipts/<sha256>`` answers, sent only after the coordinator's checkpoint is durable."""

    update_sha256: str
    server_round: int
    state: str
    """``accepted``, ``refused`` or ``late``."""
    reason: str = ""
    checkpoint_hash: str = ""
    signature: bytes = b""

    def signed_bytes(self) -> bytes:
        """The bytes the federation key signs."""
        bare = msgspec.structs.replace(self, signature=b"")
        return b"hedgerow-receipt-1\n" + msgspec.json.encode(bare)


class LedgerSeen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``GET /ledger`` answers: the newest commitment that came with an update of the asking key."""

    server_round: int
    commitment: bytes
    signature: bytes = b""

    def signed_bytes(self) -> bytes:
        """The bytes the federation key signs."""
        return b"hedgerow-ledger-seen-1\n" + msgspec.json.encode(msgspec.structs.replace(self, signature=b""))


class EnrolRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Body of ``POST /enrol``, signed by the node key as every request of ours."""

    token: bytes
    manifest_hash: str
    capability: Capability = "any"
    """Shards this machine has the memory for; only narrows what it is asked."""


class EnrolAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Answer of ``POST /enrol``; the same answer again on a repeat."""

    node_id: str
    """Flower's uint64 as decimal text, since JSON readers lose digits."""
    federation_id: str
    run_id: str
