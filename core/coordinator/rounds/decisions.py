"""What a round does next, as pure functions of what is known: no clock, no network, no disk.

The conductor builds a ``RoundView`` from durable rows, asks ``decide`` and carries the decision out. Cohort sampling
is a keyed order over key ids, so it replays exactly per (seed, round, population) on any machine and version.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

MAX_ATTEMPTS = 6
"""Messages to one volunteer in one round: the first, and re-issues after forged or failed replies."""
MAX_EXTENSIONS = 2
"""Times a round without quorum gets another deadline before it is given up."""

MemberState = Literal["assigned", "failed", "accepted", "refused"]


@dataclass(frozen=True, kw_only=True)
class Quota:
    """How many of a cohort may have come by one invite."""

    most: int
    invites: Mapping[str, str]
    """Key id → what stands for its invite."""
    taken: tuple[str, ...] = ()
    """Key ids that are in the cohort already."""


def quota_of(share: float, size: int, invites: Mapping[str, str], taken: Iterable[str] = ()) -> Quota | None:
    """The quota that a share of a cohort of ``size`` makes, at least one of each invite; ``None`` for no limit."""
    if share >= 1.0:
        return None
    return Quota(most=max(1, math.floor(share * size)), invites=invites, taken=tuple(taken))


def sample_cohort(
    seed: int, server_round: int, population: Iterable[str], size: int, quota: Quota | None = None
) -> tuple[str, ...]:
    """Uniform sample without replacement: the first ``size`` keys in the order of a keyed hash, as far as a quota lets.

    Args:
        seed: the federation's seed.
        server_round: the round the cohort is for.
        population: key ids of the volunteers that are there.
        size: K of Photon's ``C ~ U(P, K)``; a smaller population is taken whole.
        quota: of each invite; whoever would exceed it is passed over.
    """

    def rank(key_id: str) -> bytes:
        return hashlib.sha256(f"hedgerow-cohort-1:{seed}:{server_round}:{key_id}".encode()).digest()

    order = sorted(set(population), key=rank)
    if quota is None:
        return tuple(sorted(order[:size]))
    counts = Counter(quota.invites.get(key_id, key_id) for key_id in quota.taken)
    drawn: list[str] = []
    for key_id in order:
        invite = quota.invites.get(key_id, key_id)
        if len(drawn) < size and counts[invite] < quota.most:
            counts[invite] += 1
            drawn.append(key_id)
    return tuple(sorted(drawn))


def asked_of(cohort_size: int, over_selection: float) -> int:
    """Volunteers asked where ``cohort_size`` updates are wanted."""
    return math.ceil(cohort_size * over_selection - 1e-9)


@dataclass(frozen=True, kw_only=True)
class Member:
    """One assignment as the decision sees it."""

    key_id: str
    state: MemberState
    attempt: int = 1
    retry_at: float = 0.0
    """When a failed assignment may be issued again, Unix seconds."""
    uploading: bool = False
    """Its reply was announced and its bytes are still arriving."""


@dataclass(frozen=True, kw_only=True)
class RoundView:
    """One open round."""

    server_round: int
    quorum: int
    deadline_at: float
    deadline_s: float
    upload_allowance_s: float
    extensions: int
    members: tuple[Member, ...]
    target: int | None = None
    """Accepted updates at which the round closes without waiting for the others; ``None``: it waits for all."""

    @property
    def is_full(self) -> bool:
        """Whether no further update is wanted."""
        return self.target is not None and len(self.in_state("accepted")) >= self.target

    def in_state(self, *states: MemberState) -> tuple[Member, ...]:
        """Members in one of these states."""
        return tuple(member for member in self.members if member.state in states)


@dataclass(frozen=True)
class Wait:
    """Nothing to do now."""


@dataclass(frozen=True)
class Reissue:
    """Send a fresh message, with a fresh nonce, to these volunteers."""

    key_ids: tuple[str, ...]


@dataclass(frozen=True)
class Close:
    """Aggregate what was accepted and go on."""


@dataclass(frozen=True)
class Extend:
    """Too few answered: give the round another deadline and ask ``missing`` more volunteers where there are any."""

    deadline_at: float
    missing: int


@dataclass(frozen=True)
class Void:
    """Give the round up; the next one names the same base."""

    reason: str


Decision = Wait | Reissue | Close | Extend | Void


def decide(view: RoundView, now: float, online: Collection[str], spares: int = 0) -> Decision:
    """What to do with an open round.

    Args:
        view: the round.
        now: Unix seconds.
        online: key ids that can be reached.
        spares: reachable volunteers outside the cohort.
    """
    accepted = len(view.in_state("accepted"))
    if accepted == len(view.members) or view.is_full:
        return Close()
    hopeful = [member for member in view.in_state("failed") if member.attempt < MAX_ATTEMPTS]
    due = tuple(m.key_id for m in hopeful if m.retry_at <= now and m.key_id in online)
    if due:
        return Reissue(due)
    pending = view.in_state("assigned")
    enough = accepted >= view.quorum
    missing = view.quorum - accepted - len(pending) - len(hopeful)
    if not pending and not hopeful and enough:
        return Close()
    if now < view.deadline_at:
        if missing > 0 and spares:
            return Extend(now + view.deadline_s, missing)
        return Wait()
    hard_end = view.deadline_at + view.upload_allowance_s
    if enough and (now >= hard_end or not any(member.uploading for member in pending)):
        return Close()
    if now < hard_end:
        return Wait()
    if view.extensions < MAX_EXTENSIONS:
        return Extend(now + view.deadline_s, max(view.quorum - accepted, 0))
    return Void(f"{accepted} of {view.quorum} needed updates came in time.")


def retry_delay_s(attempt: int, forged: bool) -> float:
    """Seconds before a failed assignment is issued again: none after a forgery, else 2, 4, 8, … at most 60."""
    return 0.0 if forged else float(min(60, 2**attempt))


def message_ttl_s(deadline_s: float, upload_allowance_s: float) -> float:
    """Life of a ``train`` message: deadline + upload allowance + two more rounds, so that late work still arrives."""
    return 3.0 * (deadline_s + upload_allowance_s)


def late_s(deadline_s: float, upload_allowance_s: float) -> float:
    """Seconds after a round's deadline until the last ``train`` message of it, sent as late as can be, is dead."""
    return upload_allowance_s + message_ttl_s(deadline_s, upload_allowance_s)
