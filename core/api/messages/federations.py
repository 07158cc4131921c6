"""Invites, terms, consent, and the federations this machine has joined."""

from __future__ import annotations

from typing import Literal

from core.api.messages.base import Message
from core.api.messages.privacy import Guarantee, Verdict


class ManifestView(Message, frozen=True, kw_only=True):
    """The manifest in words and numbers for the consent page; every text is "in their words", plain."""

    name: str
    operator: str
    jurisdiction: str
    purpose: str
    licence: str
    withdrawal: str
    unit: str
    relation: str
    rounds: int
    steps_per_round: int
    batch_size: int
    seq_len: int
    clip_norm: float
    preset: str
    parameters: int
    upload_bytes: int
    download_bytes: int
    cohort_size: int
    codec: str
    shard: str
    public_tokens: int = 0
    """Tokens of public text that the operator offers to everybody; fetched once."""
    public_bytes: int = 0
    public_weight: float = 0.0
    """Its share in the stream, where each corpus has 1."""
    forwards_to: str = ""
    """Of a household: the larger federation that the mean of its machines' updates goes on to."""
    slower_codecs: list[str] = []
    """What a slow line may send instead, smaller; ``upload_bytes`` is the most of all."""
    carries_over: bool = False
    """Whether what a round leaves out of its update stays here, encrypted, and goes into later ones."""
    starts_alone: bool = False
    """Whether the first weights are one volunteer's training, summed with nobody's."""
    held_out_score: bool = False
    """Whether a score on the owner's held-out text is asked for in some rounds."""


class FederationInfo(Message, frozen=True, kw_only=True):
    """One federation this machine has joined."""

    federation_id: str
    name: str
    operator: str
    address: str
    manifest_hash: str
    manifest: ManifestView
    corpora: list[str]
    """Corpus ids offered to this federation."""
    joined_at: float
    state: Literal["active", "unreachable", "below_floor", "resting", "finished", "left"]
    """``below_floor``: the owner's floor rose above what was joined, so that every round is declined. ``resting``: its
    weight is 0, so that no new round is begun; one that was begun is finished."""
    last_contact_at: float | None = None
    server_round: int = 0
    rounds_done: int = 0
    last_error: str = ""
    """Under ``below_floor`` what is wanted, what the manifest gives, and what can be done."""
    weight: float = 1.0
    """The owner's, beside the other federations; 0 to 100."""
    week_seconds: float = 0.0
    """Seconds trained for it in the last seven days, by which its share is kept."""


class InviteView(Message, frozen=True, kw_only=True):
    """What an invite says, read without any connection."""

    name: str
    address: str
    fingerprint: str
    """First 12 hex digits of the federation key, in groups of four."""
    expires_at: float
    uses: int
    expired: bool


class CorpusOffer(Message, frozen=True, kw_only=True):
    """What joining would cost one corpus, solved by this machine."""

    corpus_id: str
    name: str
    usable: bool
    reason: str = ""
    units: int = 0
    """n, bucketed: records under ``record``, 1 under ``corpus``."""
    sampling_prob: float = 0.0
    noise_multiplier: float = 0.0
    epsilon_limit: float = 0.0
    epsilon_planned: float = 0.0
    epsilon_pld: float | None = None
    """Of the same plan by privacy loss distributions, which assume that it never changes: to compare, not promised."""
    delta: float = 0.0
    rounds_affordable: int = 0
    guarantee: Guarantee = "none"
    noise_to_signal: float = 0.0
    """r = σ√N/(B√(T·M)) of the whole plan: noise beside the most that is learned; 0 without noise."""
    verdict: Verdict = ""
    """Whether learning can be expected at this price; empty without noise."""
    few: bool = False
    """So little text that learning under noise is unlikely, whatever the verdict."""


class TermsView(Message, frozen=True, kw_only=True):
    """Invite, checked manifest and the cost of joining, before anything is enrolled."""

    invite: InviteView
    federation_id: str
    manifest_hash: str
    manifest: ManifestView
    offers: list[CorpusOffer]
    leaves: list[str]
    """Fields that leave this machine, from the message schema."""
    memory_bytes: int
    fits: bool
    fits_reason: str = ""
    epsilon: float = 8.0
    """The limit that was priced: what was asked for, or the suggestion."""


class CorpusChoice(Message, frozen=True, kw_only=True):
    """One corpus offered when joining, with its budget."""

    corpus_id: str
    epsilon: float = 8.0


class InviteParams(Message, frozen=True, kw_only=True):
    """One invite, and for terms the budget asked for per corpus."""

    invite: str
    epsilon: float | None = None
    """``None`` asks for the suggestion: the smallest limit of 1, 3 and 8 whose verdict is *useful*."""


class JoinParams(Message, frozen=True, kw_only=True):
    """Consent: the invite, the manifest that was shown, and the text offered."""

    invite: str
    manifest_hash: str
    corpora: list[CorpusChoice]


class FederationParams(Message, frozen=True, kw_only=True):
    """One federation."""

    federation_id: str


class ShareParams(Message, frozen=True, kw_only=True):
    """What one federation weighs beside the others: 0 to 100, 0 has it rest."""

    federation_id: str
    weight: float


class ModelHere(Message, frozen=True, kw_only=True):
    """The newest model of a federation that lies on this machine, for a completer child that whoever asked starts."""

    name: str
    """The federation's."""
    rounds: int
    """Rounds that made it; 0 for the first weights."""
    preset: str
    parameters: int
    job: str
    """What the child is told beside the text, as it is."""
