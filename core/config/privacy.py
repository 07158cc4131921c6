"""What a federation asks of a volunteer's privacy."""

from __future__ import annotations

from typing import Literal

from core.config.base import Frozen, UnitOfPrivacy, between


class SubspaceTerms(Frozen, frozen=True, kw_only=True):
    """The part of the space that is bounded and noised; see ``core.subspace``. It changes no ε."""

    kind: Literal["none", "public", "released", "mask"] = "none"
    rank: int = 8
    """Directions kept of each matrix (``public``, ``released``)."""
    density: float = 0.25
    """Share of each matrix's values that one round may move (``mask``)."""

    def __post_init__(self) -> None:
        """Bound every number.

        Raises:
            ValueError: a number is out of range.
        """
        between("privacy.subspace.rank", self.rank, 1, 4_096)
        between("privacy.subspace.density", self.density, 1e-3, 1.0)


class PrivacyTerms(Frozen, frozen=True, kw_only=True):
    """What the federation asks of a volunteer's privacy; the volunteer's own budget and floor win when stricter."""

    unit: UnitOfPrivacy
    """What one unit of the guarantee is."""
    relation: Literal["zero-out", "replace-one", "none"]
    """Neighbouring relation: ``zero-out`` for record and document, ``replace-one`` for corpus."""
    clip_norm: float = 1.0
    """L2 bound per example (record, document) or of the whole update (corpus)."""
    min_noise_multiplier: float = 0.3
    """Least noise multiplier the federation accepts; each volunteer solves for its own, never below."""
    max_sampling_prob: float = 0.25
    """Largest Poisson sampling probability; a corpus too small for it is refused by name."""
    windows_per_document: int = 1
    """Most windows one document contributes to a step (unit ``document``)."""
    delta_cap: float = 1e-5
    """Upper bound on δ; each lineage's δ is min(this, 1/(10 n))."""
    subspace: SubspaceTerms = SubspaceTerms()
    """What of an update is released at all."""

    def __post_init__(self) -> None:
        """Bound every number and tie the relation to the unit.

        Raises:
            ValueError: a number is out of range or the relation does not belong to the unit.
        """
        between("privacy.clip_norm", self.clip_norm, 1e-6, 1e6)
        between("privacy.min_noise_multiplier", self.min_noise_multiplier, 0.0, 1e4)
        between("privacy.max_sampling_prob", self.max_sampling_prob, 1e-9, 1.0)
        between("privacy.windows_per_document", self.windows_per_document, 1, 1_024)
        between("privacy.delta_cap", self.delta_cap, 1e-12, 1e-5)
        expected = {"document": "zero-out", "record": "zero-out", "corpus": "replace-one", "none": "none"}[self.unit]
        if self.relation != expected:
            raise ValueError(f"privacy.relation is {self.relation!r}, but unit {self.unit!r} needs {expected!r}")
        if self.unit != "none" and self.min_noise_multiplier <= 0:
            raise ValueError("privacy.min_noise_multiplier must be above 0 unless the unit is 'none'")
        if self.unit == "none" and self.subspace.kind != "none":
            raise ValueError("privacy.subspace is for units with noise, not for unit 'none'")
