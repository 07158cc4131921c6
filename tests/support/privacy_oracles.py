"""Other people's accountants over the charges of a lineage, and short names for charges.

* ``same_method``: dp-accounting's Rényi accountant at the gate's own orders, each filter at its share of δ;
* ``exact_gaussian``: the closed form, where only Gaussians were spent;
* ``pld_epsilon``: dp-accounting's PLD, the tightest there is; its replace-one form judges documents in records;
* ``opacus``: Opacus' Rényi accountant at its dense orders.
"""

from __future__ import annotations

import math

import dp_accounting
from dp_accounting import NeighboringRelation as Relation
from dp_accounting import rdp
from dp_accounting.pld import privacy_loss_distribution as pld
from opacus.accountants import RDPAccountant
from scipy import optimize, stats

from core.ledger.rows import EventSpec
from core.privacy_filters import NUM_FILTERS, ORDERS

DELTA = 1e-5
INTERVAL = 4e-3
"""Of PLD; it rounds losses up by at most as much an event, which only makes the comparison harder."""
History = list[EventSpec]


def sampled(unit: str, q: float, sigma: float, steps: int) -> EventSpec:
    return EventSpec("sampled_gaussian", sigma, q, steps, "zero-out", unit)  # type: ignore[arg-type]


def corpus(sigma: float, steps: int = 1) -> EventSpec:
    return EventSpec("gaussian", sigma, 1.0, steps, "replace-one", "corpus")


def is_gaussian(history: History) -> bool:
    return all(spec.mechanism == "gaussian" for spec in history)


def event_of(spec: EventSpec) -> dp_accounting.DpEvent:
    if spec.mechanism == "gaussian":
        return dp_accounting.GaussianDpEvent(spec.noise_multiplier / 2)
    return dp_accounting.PoissonSampledDpEvent(spec.sampling_prob, dp_accounting.GaussianDpEvent(spec.noise_multiplier))


def exact_gaussian(history: History, delta: float) -> float:
    """δ(ε) of μ-Gaussian-DP (Dong, Roth & Su 2022), inverted by scipy."""
    mu = math.sqrt(sum(spec.steps * (2 / spec.noise_multiplier) ** 2 for spec in history))

    def excess(eps: float) -> float:
        upper = stats.norm.logcdf(-eps / mu - mu / 2)
        return float(stats.norm.cdf(-eps / mu + mu / 2) - math.exp(eps + upper) - delta)

    return float(optimize.brentq(excess, 0.0, 500.0, xtol=1e-12))


def pld_epsilon(history: History, budget: str) -> float:
    """The tightest figure known: an event of another unit than the budget's may replace what it holds."""
    total = pld.identity(INTERVAL)
    for spec in history:
        finer = spec.mechanism != "gaussian" and spec.unit != budget
        scale = spec.noise_multiplier / 2 if spec.mechanism == "gaussian" else spec.noise_multiplier
        one = pld.from_gaussian_mechanism(
            scale, value_discretization_interval=INTERVAL, sampling_prob=spec.sampling_prob,
            neighboring_relation=Relation.REPLACE_ONE if finer else Relation.ADD_OR_REMOVE_ONE,
        )  # fmt: skip
        total = total.compose(one.self_compose(spec.steps))
    return float(total.get_epsilon_for_delta(DELTA))


def same_method(history: History) -> float:
    """dp-accounting's Rényi values at the gate's orders, by the tail bound at δ/9; none knows a replaced document."""
    oracle = rdp.RdpAccountant(list(ORDERS), Relation.ADD_OR_REMOVE_ONE)
    for spec in history:
        oracle.compose(event_of(spec), spec.steps)
    share = math.log(NUM_FILTERS / DELTA)
    found = min(value + share / (order - 1) for value, order in zip(oracle.rdp, ORDERS, strict=True))
    return min(found, exact_gaussian(history, DELTA / NUM_FILTERS)) if is_gaussian(history) else found


def opacus(history: History) -> float:
    accountant = RDPAccountant()
    for spec in history:
        sigma = spec.noise_multiplier / (2 if spec.mechanism == "gaussian" else 1)
        accountant.history.append((sigma, spec.sampling_prob, spec.steps))
    return float(accountant.get_epsilon(DELTA))
