"""Who trains which shard in a round: a lottery that replays exactly from the seed, the round and what is durable.

Guarantees:
    - Every shard has a trainer as soon as enough of the cohort can train it, and numbers differ by as little as can be.
    - What a volunteer says about its machine only narrows what it is asked. It does not buy a shard: whoever was alone
      on a shard in the last round does not get it in this one unless somebody else has it already, so a stranger that
      claims to be fit for one shard only is left out of every second round, and no two rounds of a shard in succession
      are one person's alone.
    - Fewer than three trainers move a shard by a part of their mean only; see ``damping``.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from core.federation.protocol import Capability
from core.model.shard import EMBEDDING

FULL_WEIGHT: Final = 3
"""Trainers from which on a shard moves by their whole mean."""


def draw_shards(
    seed: int,
    server_round: int,
    members: Mapping[str, Capability],
    shards: Sequence[str],
    *,
    taken: Iterable[str] = (),
    barred: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Key id → shard, for everybody for whom there is one.

    Args:
        seed: the federation's seed.
        server_round: the round the draw is for.
        members: the cohort, with what each is fit for.
        shards: names of all shards.
        taken: shards of those who are in the round already, one entry each.
        barred: key id → shard that it was alone on in the last round.
    """
    counts = Counter(taken)
    drawn: dict[str, str] = {}
    # Those with less choice first, so that the others can fill what is left.
    order = sorted(members, key=lambda key_id: (members[key_id] == "any", _rank(seed, server_round, "member", key_id)))
    last = barred or {}
    for key_id in sorted(order, key=lambda key_id: key_id in last and members[key_id] != "any"):
        fit = [name for name in shards if _is_fit(members[key_id], name)]
        open_to = [name for name in fit if counts[name] or name != last.get(key_id)]
        if open_to:
            chosen = min(open_to, key=lambda name: (counts[name], _rank(seed, server_round, key_id, name)))
            counts[chosen] += 1
            drawn[key_id] = chosen
    return drawn


def alone(assigned: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Key id → shard of those who were alone on theirs, from (key id, shard) of one round."""
    pairs = list(assigned)
    counts = Counter(shard for _, shard in pairs)
    return {key_id: shard for key_id, shard in pairs if counts[shard] == 1}


def damping(trainers: int) -> float:
    """Share of its trainers' mean by which a shard moves, min(1, n/3)."""
    return min(1.0, trainers / FULL_WEIGHT)


def _is_fit(capability: Capability, shard: str) -> bool:
    return capability == "any" or (capability == EMBEDDING) is (shard == EMBEDDING)


def _rank(seed: int, server_round: int, one: str, other: str) -> bytes:
    return hashlib.sha256(f"hedgerow-shards-1:{seed}:{server_round}:{one}:{other}".encode()).digest()
