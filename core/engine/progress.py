"""A round as the window shows it.

One is shown at a time, and while one is trained it is that one, whatever is sent beside it.
"""

from __future__ import annotations

import msgspec

from core.api.messages.state import RoundProgress
from core.engine import plans
from core.engine.board import Board
from core.engine.membership import Membership
from core.federation.protocol import TrainInstruction
from core.ledger.rows import Release

_AT_WORK = ("download", "training", "sealing")


def update(board: Board, release: Release, **fields: object) -> None:
    """Change what the board says of a round, if that is the one it shows."""
    if shown(board, release):
        board.update(**fields)


def shown(board: Board, release: Release) -> bool:
    """Whether the board is about this round."""
    now = board.progress
    return now is not None and (now.federation_id, now.server_round) == (release.federation_id, release.server_round)


def show(
    board: Board, member: Membership, release: Release, instruction: TrainInstruction, phase: str, **fields: object
) -> None:
    """Put a round on the board, unless another is being trained."""
    if phase not in _AT_WORK and not shown(board, release) and board.progress and board.progress.phase in _AT_WORK:
        return
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
