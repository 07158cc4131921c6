"""What the ledger hands out and takes: frozen rows, no behaviour beyond checking themselves."""

from __future__ import annotations

import math
from typing import Any, Literal, Protocol

import msgspec

from core.config.base import UnitOfPrivacy
from core.jobs import ShardRef, Share

ReleaseState = Literal[
    "assigned", "training", "sealed", "uploading", "sent", "accepted", "refused", "late", "abandoned"
]  # fmt: skip
OPEN_STATES: tuple[ReleaseState, ...] = ("assigned", "training", "sealed", "uploading", "sent")


class HeadAnchor(Protocol):
    """A place outside the ledger that remembers its newest entry; the engine gives one in the keyring."""

    def read(self) -> bytes | None:
        """The head that was written last, or None."""

    def write(self, head: bytes) -> None:
        """Keep a head, durably."""


class Row(msgspec.Struct, frozen=True):
    """Base of the rows."""


class EventSpec(Row, frozen=True):
    """One mechanism about to run on one corpus: what is charged."""

    mechanism: Literal["sampled_gaussian", "gaussian", "none"]
    noise_multiplier: float
    sampling_prob: float
    steps: int
    relation: Literal["zero-out", "replace-one", "none"]
    unit: UnitOfPrivacy
    rdp_per_step: tuple[float, ...] = ()
    """Rényi values of one step at the orders of the gate, by the accountant; the ledger's own bound is used where it
    is larger, so that a mistake here can only cost, never hide."""
    cut: str = ""
    """How ``record`` cuts a text: length and tokenizer. Records of two cuts overlap, so their charges do not add up."""

    def __post_init__(self) -> None:
        """Refuse what could be charged as less than it is.

        Raises:
            ValueError: a number is out of range, or mechanism, relation and unit contradict each other.
        """
        expected = {
            "record": ("sampled_gaussian", "zero-out"),
            "document": ("sampled_gaussian", "zero-out"),
            "corpus": ("gaussian", "replace-one"),
            "none": ("none", "none"),
        }
        if (self.mechanism, self.relation) != expected[self.unit]:
            raise ValueError(f"unit {self.unit!r} cannot be charged as {self.mechanism!r}, {self.relation!r}")
        if self.unit == "none":
            return
        if not 0 < self.noise_multiplier < math.inf:
            raise ValueError(f"noise_multiplier is {self.noise_multiplier}, but must be above 0 and finite")
        if not 0 < self.sampling_prob <= 1 or (self.unit == "corpus" and self.sampling_prob != 1):
            raise ValueError(f"sampling_prob is {self.sampling_prob}, which does not fit unit {self.unit!r}")
        if not 1 <= self.steps <= 100_000_000:
            raise ValueError(f"steps is {self.steps}, but must lie between 1 and 100,000,000")


class ReleaseAttributes(Row, frozen=True):
    """What a release is bound to beside its key; a second answer with other attributes is refused."""

    base_hash: str
    shard: str
    corpora: tuple[str, ...]
    manifest_hash: str


class Release(Row, frozen=True, kw_only=True):
    """One answer to one round: the key is (federation, run, round)."""

    release_id: int
    federation_id: str
    run_id: str
    server_round: int
    attributes: ReleaseAttributes
    state: ReleaseState
    charge_id: int | None
    unit: str
    begun_at: float
    sealed_at: float | None
    sent_at: float | None
    finished_at: float | None
    sha256: str
    size_bytes: int
    dense_bytes: int
    path: str
    """Where the sealed bytes are; empty once they were dropped to keep the disk limit."""
    reason: str
    epsilon_after: float | None
    """Largest ε charged so far among the corpora of this release, right after its charge."""
    epsilon_cost: float | None
    delta: float | None


class BudgetRow(Row, frozen=True, kw_only=True):
    """Privacy of one corpus under one unit. ``epsilon`` is exact: round it up before showing it."""

    corpus_id: str
    corpus_name: str
    lineage_id: int
    unit: str
    epsilon: float
    limit: float
    delta: float
    method: str
    relation: str
    releases: int
    weaker_releases: int
    """Rounds under a finer unit on the same text, which this figure does not cover."""
    ended_by_none: bool


class CorpusFacts(Row, frozen=True, kw_only=True):
    """What the reader found."""

    documents: int = 0
    records: int = 0
    tokens: int = 0
    text_bytes: int = 0
    words: int = 0
    held_out_tokens: int = 0
    files_done: int = 0
    files_total: int = 0
    skipped_total: int = 0
    skipped: tuple[tuple[str, str], ...] = ()
    """(path, reason) of the first files set aside."""
    copies: int = 0
    """Exact copies inside the corpus; counted once."""
    elsewhere: int = 0
    """Documents left out because another corpus has them."""
    languages: tuple[Share, ...] = ()
    formats: tuple[Share, ...] = ()
    sizes: tuple[int, ...] = ()
    """Documents below 1 kB, 10 kB, 100 kB, 1 MB and above."""
    shards: tuple[ShardRef, ...] = ()
    state: Literal["reading", "ready", "error", "missing"] = "reading"
    error: str = ""


class Choice(Row, frozen=True, kw_only=True):
    """What the owner wants of one corpus."""

    include: tuple[str, ...] = ()
    """Patterns of what is read; empty for everything."""
    exclude: tuple[str, ...] = ()
    hidden: bool = False
    generated: bool = False
    text_field: str = ""
    """Name of the field or column that holds the text, in files of records; empty for the usual names."""
    weight: float = 1.0
    """How often it is drawn beside other corpora; no reading depends on it."""

    def __post_init__(self) -> None:
        """Refuse a weight that is none.

        Raises:
            ValueError: it is not above 0 and at most 1,000, or a name is too long.
        """
        if not 0 < self.weight <= 1_000:
            raise ValueError(f"weight is {self.weight}, but must be above 0 and at most 1,000")
        if len(self.text_field) > 200:
            raise ValueError("the name of a text field has at most 200 characters")


class CorpusRow(Row, frozen=True, kw_only=True):
    """One corpus of the owner's."""

    corpus_id: str
    name: str
    paths: tuple[str, ...]
    lineage_id: int | None
    added_at: float
    removed_at: float | None
    facts: CorpusFacts
    choice: Choice = Choice()


class FederationRow(Row, frozen=True, kw_only=True):
    """One joined federation: identity, consent and the plan per corpus."""

    federation_id: str
    name: str
    operator: str
    address: str
    invite: str
    federation_key: bytes
    root_certificate: str
    manifest: bytes
    """The signed envelope, byte for byte."""
    manifest_hash: str
    run_id: str
    node_id: int
    """Flower's; 64 bits without sign."""
    key_name: str
    """Name of the node key in the keystore."""
    joined_at: float
    left_at: float | None = None
    plans: dict[str, Any] = {}
    """corpus id → the plan fixed at consent, as plain JSON."""
    high_water_round: int = -1
