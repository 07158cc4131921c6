"""The newest model of a federation that lies on this machine, for its owner to try.

Text that is tried never comes here: whoever asks starts a child with what is said here and gives it the text itself.
"""

from __future__ import annotations

from pathlib import Path

from core import jobs
from core.api.errors import ModelError, UsageError
from core.api.messages.federations import ModelHere
from core.engine.base import KEPT_BLOBS
from core.engine.membership import Membership
from core.ledger.store import Ledger
from core.model.presets import num_parameters


def here(home: Path, ledger: Ledger, member: Membership, tokenizer: Path, threads: int) -> ModelHere:
    """What a completer child is told.

    Args:
        home: of the engine.
        ledger: which rounds began with which weights.
        member: the joining.
        tokenizer: the federation's, on the disk.
        threads: most that the child may use.

    Raises:
        UsageError: no round has begun here yet, or only parts of the model come to this machine.
        ModelError: the weights were cleared away.
    """
    config = member.config
    if config.shard.mode != "full":
        raise UsageError(
            f"{member.row.name} divides its model, and this machine holds parts of it only.",
            "Ask its operator for the whole model.",
        )
    bases = ledger.newest_bases(member.row.federation_id, 4 * KEPT_BLOBS)
    if not bases:
        raise UsageError(f"No round of {member.row.name} has begun here yet.", "The model comes with the first round.")
    present = ((number, sha256) for number, sha256 in bases if (home / "blobs" / sha256).is_file())
    server_round, sha256 = next(present, (0, ""))
    if not sha256:
        raise ModelError("The model is not on this machine any more.", "It comes again with the next round.")
    job = jobs.CompleteJob(
        weights_path=str(home / "blobs" / sha256), weights_sha256=sha256, model=config.model,
        tokenizer_path=str(tokenizer),
        tokenizer_sha256=config.tokenizer.sha256, threads=threads,
    )  # fmt: skip
    return ModelHere(
        name=member.row.name, rounds=max(0, server_round - 1), preset=config.model.preset,
        parameters=num_parameters(config.model), job=jobs.encode(job).decode(),
    )  # fmt: skip
