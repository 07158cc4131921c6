"""Tables of ``coordinator.db`` and the records that are read from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from core.federation.protocol import Capability

SCHEMA_VERSION = 5
MIGRATIONS = {
    1: """
ALTER TABLE volunteers ADD COLUMN capability TEXT NOT NULL DEFAULT 'any';
ALTER TABLE assignments ADD COLUMN shard TEXT NOT NULL DEFAULT 'full';
""",
    2: """
ALTER TABLE assignments ADD COLUMN steps INTEGER NOT NULL DEFAULT 0;
ALTER TABLE assignments ADD COLUMN tokens INTEGER NOT NULL DEFAULT 0;
CREATE TABLE errands (
    server_round INTEGER PRIMARY KEY, base_hash TEXT NOT NULL, base_bytes INTEGER NOT NULL, step_clock INTEGER NOT NULL,
    local_steps INTEGER NOT NULL, shard TEXT NOT NULL, deadline_at REAL NOT NULL
) STRICT;
CREATE TABLE means (
    server_round INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, size_bytes INTEGER NOT NULL, dense_bytes INTEGER NOT NULL,
    machines INTEGER NOT NULL, steps INTEGER NOT NULL, tokens INTEGER NOT NULL, seconds REAL NOT NULL, loss REAL
) STRICT;
""",
    3: """
ALTER TABLE volunteers ADD COLUMN ledger BLOB NOT NULL DEFAULT X'';
ALTER TABLE volunteers ADD COLUMN ledger_round INTEGER NOT NULL DEFAULT 0;
""",
    4: """
ALTER TABLE checkpoints ADD COLUMN parent TEXT NOT NULL DEFAULT '';
ALTER TABLE checkpoints ADD COLUMN delta TEXT NOT NULL DEFAULT '';
ALTER TABLE checkpoints ADD COLUMN delta_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE checkpoints ADD COLUMN residual TEXT NOT NULL DEFAULT '';
ALTER TABLE checkpoints ADD COLUMN second_moment TEXT NOT NULL DEFAULT '';
ALTER TABLE checkpoints ADD COLUMN rejected TEXT NOT NULL DEFAULT '';
ALTER TABLE rounds ADD COLUMN outer_lr REAL;
ALTER TABLE rounds ADD COLUMN norms TEXT NOT NULL DEFAULT '';
ALTER TABLE rounds ADD COLUMN rejected TEXT NOT NULL DEFAULT '';
ALTER TABLE assignments ADD COLUMN norm REAL;
ALTER TABLE assignments ADD COLUMN seconds REAL;
ALTER TABLE assignments ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;
ALTER TABLE assignments ADD COLUMN folded INTEGER NOT NULL DEFAULT 0;
ALTER TABLE assignments ADD COLUMN held_out REAL;
ALTER TABLE rounds ADD COLUMN late INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rounds ADD COLUMN norm_bound REAL;
ALTER TABLE rounds ADD COLUMN held_out REAL;
ALTER TABLE rounds ADD COLUMN held_out_spread REAL;
""",
}
"""Version → what makes the next one of it."""

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE tokens (
    token_hash TEXT PRIMARY KEY, uses INTEGER NOT NULL, used INTEGER NOT NULL DEFAULT 0,
    expires_at REAL NOT NULL, created_at REAL NOT NULL
) STRICT;
CREATE TABLE volunteers (
    key_id TEXT PRIMARY KEY, public_key BLOB NOT NULL, node_id TEXT NOT NULL DEFAULT '', token_hash TEXT NOT NULL,
    enrolled_at REAL NOT NULL, left_at REAL, capability TEXT NOT NULL DEFAULT 'any',
    ledger BLOB NOT NULL DEFAULT X'', ledger_round INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE checkpoints (
    server_round INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, size_bytes INTEGER NOT NULL, momentum TEXT NOT NULL,
    created_at REAL NOT NULL, loss REAL, bits_per_byte REAL, evaluation TEXT NOT NULL DEFAULT '',
    parent TEXT NOT NULL DEFAULT '', delta TEXT NOT NULL DEFAULT '', delta_bytes INTEGER NOT NULL DEFAULT 0,
    residual TEXT NOT NULL DEFAULT '',
    second_moment TEXT NOT NULL DEFAULT '', rejected TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE rounds (
    server_round INTEGER PRIMARY KEY, state TEXT NOT NULL CHECK (state IN ('open', 'closed', 'void')),
    base_hash TEXT NOT NULL, base_bytes INTEGER NOT NULL, step_clock INTEGER NOT NULL,
    started_at REAL NOT NULL, deadline_at REAL NOT NULL, extensions INTEGER NOT NULL DEFAULT 0,
    closed_at REAL, volunteers INTEGER NOT NULL DEFAULT 0, upload_bytes INTEGER NOT NULL DEFAULT 0,
    dense_bytes INTEGER NOT NULL DEFAULT 0, training_loss REAL, pseudo_gradient_norm REAL, model_norm REAL,
    reason TEXT NOT NULL DEFAULT '', outer_lr REAL, norms TEXT NOT NULL DEFAULT '', rejected TEXT NOT NULL DEFAULT '',
    late INTEGER NOT NULL DEFAULT 0, norm_bound REAL, held_out REAL, held_out_spread REAL
) STRICT;
CREATE TABLE assignments (
    server_round INTEGER NOT NULL REFERENCES rounds (server_round), key_id TEXT NOT NULL, nonce BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('assigned', 'failed', 'accepted', 'refused', 'late')),
    attempt INTEGER NOT NULL DEFAULT 1, retry_at REAL NOT NULL DEFAULT 0, update_sha256 TEXT NOT NULL DEFAULT '',
    size_bytes INTEGER NOT NULL DEFAULT 0, loss REAL, reason TEXT NOT NULL DEFAULT '',
    shard TEXT NOT NULL DEFAULT 'full', steps INTEGER NOT NULL DEFAULT 0, tokens INTEGER NOT NULL DEFAULT 0,
    norm REAL, kept INTEGER NOT NULL DEFAULT 0, folded INTEGER NOT NULL DEFAULT 0, held_out REAL, seconds REAL,
    PRIMARY KEY (server_round, key_id)
) STRICT;
CREATE INDEX assignments_by_update ON assignments (update_sha256);
CREATE TABLE receipts (
    update_sha256 TEXT NOT NULL, key_id TEXT NOT NULL, server_round INTEGER NOT NULL, body BLOB NOT NULL,
    fetched_at REAL, PRIMARY KEY (update_sha256, key_id)
) STRICT;
CREATE TABLE errands (
    server_round INTEGER PRIMARY KEY, base_hash TEXT NOT NULL, base_bytes INTEGER NOT NULL, step_clock INTEGER NOT NULL,
    local_steps INTEGER NOT NULL, shard TEXT NOT NULL, deadline_at REAL NOT NULL
) STRICT;
CREATE TABLE means (
    server_round INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, size_bytes INTEGER NOT NULL, dense_bytes INTEGER NOT NULL,
    machines INTEGER NOT NULL, steps INTEGER NOT NULL, tokens INTEGER NOT NULL, seconds REAL NOT NULL, loss REAL
) STRICT;
CREATE TABLE signs (
    name TEXT PRIMARY KEY, pid INTEGER NOT NULL, pid_started INTEGER NOT NULL, at REAL NOT NULL,
    flower_run TEXT NOT NULL
) STRICT;
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
"""

RoundState = Literal["open", "closed", "void"]
AssignmentState = Literal["assigned", "failed", "accepted", "refused", "late"]


@dataclass(frozen=True, kw_only=True)
class Volunteer:
    """One joining. ``node_id`` is empty until the SuperLink knows the key, and may change; the key does not."""

    key_id: str
    public_key: bytes
    node_id: str
    token_hash: str
    enrolled_at: float
    left_at: float | None
    capability: Capability = "any"
    """Shards its machine has the memory for, in its own words."""
    ledger: bytes = b""
    """The newest commitment to its privacy ledger, and the round it came with."""
    ledger_round: int = 0


@dataclass(frozen=True, kw_only=True)
class RollRow:
    """What one volunteer has done so far: updates that counted, and the last round of one (0: none)."""

    key_id: str
    enrolled_at: float
    left_at: float | None
    updates: int
    last_round: int


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The model after a round (0: the initial weights).

    ``momentum`` and ``second_moment`` name private blobs, empty if there is none. Under a Flower strategy ``momentum``
    is what the strategy remembers. A checkpoint that was rejected is never built upon, and its moments are not kept.
    """

    server_round: int
    sha256: str
    size_bytes: int
    momentum: str
    created_at: float
    loss: float | None = None
    """Nats per token on the coordinator's own text."""
    bits_per_byte: float | None = None
    evaluation: str = ""
    """Empty: not evaluated; ``ok``; or why it failed."""
    second_moment: str = ""
    rejected: str = ""
    """Why no round starts from it; empty if one may."""
    parent: str = ""
    """The checkpoint its round started from."""
    delta: str = ""
    """The blob that leads here from ``parent``, and its size; empty where only the whole is served."""
    delta_bytes: int = 0
    residual: str = ""
    """Private blob: what the differences so far have left out; empty if there are none."""

    @property
    def state(self) -> tuple[str, ...]:
        """Private blobs that the next step needs."""
        return tuple(name for name in (self.momentum, self.second_moment, self.residual) if name)


@dataclass(frozen=True, kw_only=True)
class Round:
    """One round, durable before its first message is pushed."""

    server_round: int
    state: RoundState
    base_hash: str
    base_bytes: int
    step_clock: int
    started_at: float
    deadline_at: float
    extensions: int = 0
    closed_at: float | None = None
    volunteers: int = 0
    upload_bytes: int = 0
    dense_bytes: int = 0
    training_loss: float | None = None
    """Mean of the volunteers' training losses; only where the unit is ``none``."""
    pseudo_gradient_norm: float | None = None
    model_norm: float | None = None
    reason: str = ""
    """Why it was given up; of a closed one, what could not be done as the terms say."""
    late: int = 0
    """Updates of earlier rounds that were folded in when it was closed."""
    norm_bound: float | None = None
    """Longest that an update counted, where whole models are trained and updates are bounded."""
    held_out: float | None = None
    """Mean over the cohort of what its base scored on volunteers' own held-out text, in bits per byte, and the standard
    deviation; only in rounds that ask for it."""
    held_out_spread: float | None = None
    outer_lr: float | None = None
    """The server learning rate its outer step takes; decided when it is opened."""
    norms: str = ""
    """JSON of ``learning.norms.Norms``, of a closed round."""
    rejected: str = ""
    """Why what it came to is not built upon; also of a round whose step was not finite, which has no checkpoint."""

    @property
    def compression(self) -> float | None:
        """How many times smaller its updates were than float32; ``None`` where there were none."""
        return self.dense_bytes / self.upload_bytes if self.upload_bytes and self.dense_bytes else None


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One volunteer's part in one round."""

    server_round: int
    key_id: str
    nonce: bytes
    state: AssignmentState = "assigned"
    attempt: int = 1
    retry_at: float = 0.0
    update_sha256: str = ""
    size_bytes: int = 0
    loss: float | None = None
    reason: str = ""
    shard: str = "full"
    """What it trains in this round."""
    steps: int = 0
    """Optimiser steps it says it did, and tokens where the unit is ``none``."""
    tokens: int = 0
    norm: float | None = None
    """L2 norm of the update, measured when it was admitted."""
    kept: int = 0
    """1: it came late, and waits to be folded into the round that is closed next."""
    folded: int = 0
    """The later round that it was folded into; 0: none."""
    held_out: float | None = None
    """What its base scored on this volunteer's held-out text, in bits per byte, in its own words."""
    seconds: float | None = None
    """Of training, in its own words; only where the unit is ``none``."""


@dataclass(frozen=True, kw_only=True)
class Errand:
    """A round that a larger federation asks a household for."""

    server_round: int
    base_hash: str
    base_bytes: int
    step_clock: int
    local_steps: int
    shard: str
    deadline_at: float
    """When the household's machines must be done, so that their mean still arrives in time."""


@dataclass(frozen=True, kw_only=True)
class Mean:
    """What a household's round came to: one update, encoded, in ``private/``, and what may be said beside it."""

    server_round: int
    sha256: str
    size_bytes: int
    dense_bytes: int
    machines: int
    steps: int
    tokens: int
    seconds: float
    loss: float | None


@dataclass(frozen=True, kw_only=True)
class Sign:
    """Last sign of life of a process."""

    name: str
    pid: int
    pid_started: int
    """The kernel's start time of that pid, so that a pid used again is not mistaken for it."""
    at: float
    flower_run: str


@dataclass(frozen=True)
class Event:
    """Something that happened, in order, for the event lines of ``run``."""

    seq: int
    at: float
    kind: str
    body: dict[str, Any]
