"""What a coordinator may ask of a machine: refused before anything is fetched or allocated."""

from __future__ import annotations

from core.api.errors import CoordinatorError
from core.engine import plans
from core.engine.membership import Membership
from core.federation.protocol import TrainInstruction
from core.ledger.rows import ReleaseAttributes
from core.model.presets import num_parameters


def check(instruction: TrainInstruction, member: Membership) -> None:
    """Refuse an instruction that is not what was consented to, before anything is fetched or allocated.

    Raises:
        CoordinatorError: naming what differs.
    """
    config, name = member.config, member.row.name
    if instruction.run_id != config.run_id:
        raise CoordinatorError(f"{name} asked for a round of another run.", "It was not answered.")
    if instruction.manifest_hash != member.row.manifest_hash:
        raise CoordinatorError(
            f"{name} has changed its terms since you joined.", "Leave and join again if you agree to the new ones."
        )
    if instruction.server_round > config.schedule.rounds:
        raise CoordinatorError(f"{name} asked for more rounds than it said it would.", "It was not answered.")
    if instruction.local_steps > config.training.local_steps or (
        config.privacy.unit != "none" and instruction.local_steps != config.training.local_steps
    ):
        raise CoordinatorError(f"{name} asked for another number of steps than agreed.", "It was not answered.")
    if plans.shard_named(config, instruction.shard) is None:
        raise CoordinatorError(f"{name} asked to train a part that its terms do not name.", "It was not answered.")
    if instruction.base_bytes > plans.base_limit(config):
        raise CoordinatorError(
            f"{name} wants to send {instruction.base_bytes:,} bytes of weights; its model has "
            f"{4 * num_parameters(config.model):,}.",
            "It was not answered.",
        )


def attributes(instruction: TrainInstruction, member: Membership) -> ReleaseAttributes:
    """What the release of this round is bound to."""
    return ReleaseAttributes(
        base_hash=instruction.base_hash,
        shard=instruction.shard,
        corpora=tuple(sorted(member.plans)),
        manifest_hash=instruction.manifest_hash,
    )


def late(instruction: TrainInstruction, now: float, expires_at: float) -> bool:
    """Whether there is no point in starting any more."""
    return now >= min(instruction.deadline_at, expires_at)
