"""A round as the window shows it."""

from __future__ import annotations

import msgspec

from core.api.messages import RoundProgress
from core.engine import plans
from core.engine.board import Board
from core.engine.membership import Membership
from core.federation.protocol import TrainInstruction
from core.ledger.rows import Release


def show(
    board: Board, member: Membership, release: Release, instruction: TrainInstruction, phase: str, **fields: object
) -> None:
    """Put a round on the board."""
    progress = RoundProgress(
        federation_id=member.row.federation_id,
        federation_name=member.row.name,
        server_round=instruction.server_round,
        rounds=member.config.schedule.rounds,
        phase="idle",
        steps=instruction.local_steps,
        started_at=release.begun_at,
        upload_bytes=plans.upload_bytes(member.config, plans.shard_named(member.config, instruction.shard)),
    )
    board.show(msgspec.structs.replace(progress, phase=phase, **fields))
