"""How rounds and bytes go: codecs both ways, what may be chosen within bounds, cohorts, deadlines."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from core.config.base import Frozen, between

MAX_COMBINADIC: Final = 1 << 19
"""Chunk size times values kept, above which the tables of a ranked index set would pass 70 MB."""


CodecName = Literal["fp32", "bf16", "int8", "int4", "int2", "sign", "topk", "dct"]


class CodecConfig(Frozen, frozen=True, kw_only=True):
    """How an update becomes bytes. Fixed rate and fixed size, so that size says nothing about the text."""

    name: CodecName = "int8"
    """``fp32`` to ``sign`` keep all values in fewer bits; ``topk`` and ``dct`` keep the few largest of each chunk."""
    block_size: int = 256
    """Values that share one scale (``int8`` to ``sign``); 64 suits ``int4``."""
    chunk_size: int = 4_096
    """Values of which the largest are kept (``topk``, ``dct``); a square of a power of two for ``dct``."""
    kept: int = 64
    """How many of a chunk."""
    index_code: Literal["combinadic", "elias-fano", "packed"] = "combinadic"
    """How their places are written: in the fewest bits, nearly so, or as plain numbers."""
    error_feedback: float = 0.0
    """What a round leaves out goes into the next, times this: 0 not at all, 1 all of it. Unit ``none`` only."""

    @property
    def sparse(self) -> bool:
        """Whether most values are left out."""
        return self.name in ("topk", "dct")

    def __post_init__(self) -> None:
        """Bound every number.

        Raises:
            ValueError: a number is out of range, or two contradict each other.
        """
        between("codec.block_size", self.block_size, 16, 65_536)
        between("codec.chunk_size", self.chunk_size, 256, 65_536)
        between("codec.kept", self.kept, 1, self.chunk_size // 2)
        between("codec.error_feedback", self.error_feedback, 0.0, 1.0)
        if self.name == "dct" and self.chunk_size not in (256, 1_024, 4_096, 16_384, 65_536):
            raise ValueError(f"codec.chunk_size is {self.chunk_size}, but dct needs a square of a power of two")
        if self.index_code == "combinadic" and self.chunk_size * self.kept > MAX_COMBINADIC:
            raise ValueError(
                f"codec.index_code is combinadic, but chunk_size {self.chunk_size} times kept {self.kept} is above "
                f"{MAX_COMBINADIC}; elias-fano has no such limit"
            )


class DownlinkTerms(Frozen, frozen=True, kw_only=True):
    """How checkpoints reach the volunteers; see ``core.postprocess.compression.delta``."""

    mode: Literal["whole", "delta"] = "whole"
    """``delta``: whoever holds the last one gets what the next differs by, and the model is what that leads to."""
    codec: CodecConfig = CodecConfig()
    """How a difference is written; what it leaves out is sent later, whatever ``error_feedback`` says of updates."""

    def __post_init__(self) -> None:
        """Refuse what has no meaning here.

        Raises:
            ValueError: a decay where nothing decays.
        """
        if self.codec.error_feedback:
            raise ValueError("downlink.codec.error_feedback is for updates; of a difference nothing is ever dropped")


DENSE_CODECS: Final = frozenset({"fp32", "bf16", "int8", "int4", "int2", "sign"})
"""Codecs that write every value. What a sparse one leaves out is not a vote for zero, and no order statistic may take
it for one."""


class AdaptationTerms(Frozen, frozen=True, kw_only=True):
    """What volunteers and coordinator may choose by what they measured, within these bounds."""

    codecs: Annotated[tuple[CodecConfig, ...], Meta(max_length=3)] = ()
    """Further codecs, each for slower lines than the one before; ``codec`` is for those that are fast enough."""
    upload_share: float = 0.1
    """A volunteer takes the first codec that its line can send within this share of a round's training time."""
    least_local_steps: int = 0
    """Steps that the coordinator may go down to where rounds are short of overhead; 0: always as many as planned."""
    compute_share: float = 0.95
    """Share of a round that training should take; no more steps are asked for than that needs."""

    def __post_init__(self) -> None:
        """Bound every number.

        Raises:
            ValueError: a number is out of range.
        """
        between("adaptation.upload_share", self.upload_share, 0.001, 1.0)
        between("adaptation.least_local_steps", self.least_local_steps, 0, 100_000)
        between("adaptation.compute_share", self.compute_share, 0.5, 0.999)


class ScheduleConfig(Frozen, frozen=True, kw_only=True):
    """Rounds: how many, how many volunteers, how long."""

    rounds: int
    """Rounds planned in all; privacy is solved so that all of them fit the budget."""
    cohort_size: int
    """Volunteers asked per round."""
    quorum: int
    """Accepted updates needed to close a round at its deadline."""
    deadline_s: float = 3_600.0
    """Seconds from instruction to the end of training."""
    upload_allowance_s: float = 600.0
    """Seconds after the deadline in which an announced upload may still finish."""
    upload_slot_s: float = 60.0
    """Under DP units updates set out at multiples of this only, so that their time says little about the text. Bounded
    by the volunteer from below and by the deadline from above."""
    late_rounds: int = 0
    """Rounds after its own in which a late update is still folded in, at 1/√(1 + rounds); 0: none is."""
    over_selection: float = 1.0
    """Volunteers asked for each one of the cohort; a round closes once as many updates as a cohort has are accepted."""
    ask_absent: bool = False
    """Whether a cohort is filled up from volunteers who are away; they are asked if they come before the deadline."""
    evaluate_every: int = 0
    """In every so-many-th round volunteers say how good the base is on their own held-out text; 0: never."""
    max_void_rounds: int = 0
    """Rounds in a row that may be given up before the federation stops; 0: it never does."""

    def evaluates(self, server_round: int) -> bool:
        """Whether held-out scores are asked for in this round."""
        return self.evaluate_every > 0 and server_round % self.evaluate_every == 0

    def __post_init__(self) -> None:
        """Bound every number.

        Raises:
            ValueError: a number is out of range or the quorum exceeds the cohort.
        """
        between("schedule.rounds", self.rounds, 1, 1_000_000)
        between("schedule.cohort_size", self.cohort_size, 1, 100_000)
        between("schedule.quorum", self.quorum, 1, self.cohort_size)
        between("schedule.deadline_s", self.deadline_s, 5.0, 14 * 86_400.0)
        between("schedule.upload_allowance_s", self.upload_allowance_s, 5.0, 7 * 86_400.0)
        between("schedule.upload_slot_s", self.upload_slot_s, 0.0, 3_600.0)
        between("schedule.late_rounds", self.late_rounds, 0, 2)
        between("schedule.over_selection", self.over_selection, 1.0, 4.0)
        between("schedule.evaluate_every", self.evaluate_every, 0, 1_000_000)
        between("schedule.max_void_rounds", self.max_void_rounds, 0, 1_000_000)
