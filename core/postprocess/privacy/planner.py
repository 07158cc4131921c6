"""The planner child, ``python -I -m core.postprocess.privacy.planner``: one JSON request in, one JSON answer out.

It exists so that the long-lived engine never loads scipy or dp-accounting. Requests: ``{"solve": {…}}`` fixes q, σ and
the Rényi values of a volunteer's whole plan; ``{"estimate": {…}}`` answers ``hedgerow privacy estimate``. Errors are
``{"error": {"code", "message", "hint"}}`` with exit status 1.
"""

from __future__ import annotations

import math
import sys

import msgspec

from core.api.errors import HedgerowError, PrivacyError, UsageError
from core.config.base import UnitOfPrivacy
from core.postprocess.privacy import accountant
from core.privacy_filters import ORDERS, report

MAX_REQUEST = 1 << 16
_LEAST_PROBABILITY = 1e-9


class Solve(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The plan to solve for one corpus."""

    unit: UnitOfPrivacy
    n: int
    """True number of units; it stays on this machine."""
    batch_size: int
    steps_per_round: int
    rounds: int
    epsilon: float
    delta: float
    min_noise_multiplier: float = 0.0
    max_sampling_prob: float = 1.0

    def __post_init__(self) -> None:
        """Check every number.

        Raises:
            ValueError: one is out of range.
        """
        if min(self.batch_size, self.steps_per_round, self.rounds) < 1 or not self.epsilon > 0:
            raise ValueError("a plan needs a batch, steps, rounds and a budget above zero")
        if self.n < 0 or self.rounds * self.steps_per_round > accountant.MAX_STEPS:
            raise ValueError("the number of units or of planned steps is absurd")
        if not _LEAST_PROBABILITY <= self.max_sampling_prob <= 1:
            raise ValueError(f"max_sampling_prob must lie in (0, 1], got {self.max_sampling_prob}")
        if not 0 <= self.min_noise_multiplier <= accountant.MAX_NOISE:
            raise ValueError(f"min_noise_multiplier is {self.min_noise_multiplier}")


class Solved(msgspec.Struct, frozen=True, kw_only=True):
    """What is fixed at consent."""

    units: int
    sampling_prob: float
    noise_multiplier: float
    rdp_per_step: tuple[float, ...]
    gaussian_mu: float | None
    epsilon_planned: float
    epsilon_pld: float | None
    """Of the same plan by privacy loss distributions; shown beside it, never promised."""
    rounds_affordable: int
    delta: float
    relation: str
    method: str
    orders: tuple[int, ...] = ORDERS


class Estimate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mechanism to price."""

    unit: UnitOfPrivacy
    noise_multiplier: float
    steps: int
    delta: float
    sampling_prob: float = 1.0


class Estimated(msgspec.Struct, frozen=True, kw_only=True):
    """Its price by the gate's own arithmetic."""

    epsilon: float
    epsilon_pld: float | None
    """Of a plan fixed from the start, by privacy loss distributions; for comparison."""
    delta: float
    relation: str
    method: str
    orders: tuple[int, ...] = ORDERS


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Exactly one of the two."""

    solve: Solve | None = None
    estimate: Estimate | None = None


def solve(request: Solve) -> Solved:
    """Fix q, σ and Rényi values so that the whole plan fits the budget.

    Raises:
        PrivacyError: too little text for the federation's batch, or no σ makes the plan fit.
        ValueError: the unit has no mechanism, or δ is out of range.
    """
    releases = request.unit == "corpus"
    units = 1 if releases else accountant.bucket(request.n)
    q = 1.0
    if not releases:
        if units * request.max_sampling_prob < request.batch_size:
            least = math.ceil(request.batch_size / request.max_sampling_prob)
            raise PrivacyError(
                f"This text has {request.n:,} {request.unit}s; the federation's batch needs at least about {least:,}.",
                "Add more text.",
            )
        q = request.batch_size / units
    steps = request.rounds * (1 if releases else request.steps_per_round)
    sigma = accountant.solve_noise_multiplier(
        request.unit, q, steps, request.epsilon, request.delta, request.min_noise_multiplier
    )
    event = accountant.event_for(request.unit, sigma, q, steps)
    spent = accountant.spent(event)
    cost = report([spent], request.delta)
    return Solved(
        units=units,
        sampling_prob=q,
        noise_multiplier=sigma,
        rdp_per_step=spent.rdp_per_step,
        gaussian_mu=spent.gaussian_mu,
        epsilon_planned=cost.epsilon,
        epsilon_pld=accountant.pld_epsilon(event, request.delta),
        rounds_affordable=accountant.rounds_affordable(
            request.unit, sigma, q, request.steps_per_round, request.epsilon, request.delta
        ),
        delta=request.delta,
        relation=accountant.relation_of(request.unit),
        method=cost.method,
    )


def estimate(request: Estimate) -> Estimated:
    """Price a mechanism.

    Raises:
        ValueError: a number is out of range, or the unit has no ε.
    """
    if request.unit == "corpus" and request.sampling_prob != 1:
        raise ValueError("a corpus is not sampled, so it has no sampling_prob")
    event = accountant.event_for(request.unit, request.noise_multiplier, request.sampling_prob, request.steps)
    cost = report([accountant.spent(event)], request.delta)
    return Estimated(
        epsilon=cost.epsilon,
        epsilon_pld=accountant.pld_epsilon(event, request.delta),
        delta=request.delta,
        relation=accountant.relation_of(request.unit),
        method=cost.method,
    )


def answer(raw: bytes) -> bytes:
    """One request → one answer.

    Raises:
        HedgerowError: the request is wrong or has no answer.
    """
    if len(raw) > MAX_REQUEST:
        raise UsageError("The planner's request is too long.")
    try:
        request = msgspec.json.decode(raw, type=Request)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise UsageError(f"The planner's request does not fit: {error}.") from error
    try:
        if request.solve is not None and request.estimate is None:
            return msgspec.json.encode(solve(request.solve))
        if request.estimate is not None and request.solve is None:
            return msgspec.json.encode(estimate(request.estimate))
    except ValueError as error:
        raise UsageError(f"This plan has no privacy figure: {error}.") from error
    raise UsageError("The planner needs exactly one request.")


def main() -> int:
    """Entry point."""
    try:
        sys.stdout.buffer.write(answer(sys.stdin.buffer.read(MAX_REQUEST + 1)) + b"\n")
    except HedgerowError as error:
        failure = {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
        sys.stdout.buffer.write(msgspec.json.encode(failure) + b"\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
