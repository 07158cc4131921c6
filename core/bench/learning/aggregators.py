"""How a cohort's updates become one, by the name a cell has for it: ``core.robust`` with what it remembers."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from core.aggregation import MeanAccumulator
from core.config.learning import AggregationTerms
from core.influence import NORM_ROUNDS
from core.robust import combine
from core.update import ModelUpdate

AGGREGATORS: Final = {
    "mean": None,
    "bounded-mean": AggregationTerms(norm_bound="median"),
    "centred-clipping": AggregationTerms(norm_bound="median", rule="centred-clipping"),
    "trimmed-mean": AggregationTerms(norm_bound="median", rule="trimmed-mean"),
    "median": AggregationTerms(norm_bound="median", rule="median"),
    "multi-krum": AggregationTerms(norm_bound="median", rule="multi-krum"),
}
"""``mean`` is the plain mean; all others bound each update by the running median of norms first."""


class Aggregator:
    """One federation's rule, round after round. Without server momentum centred clipping has zero for a centre."""

    def __init__(self, name: str) -> None:
        """Remember nothing yet.

        Raises:
            ValueError: no rule has this name.
        """
        if name not in AGGREGATORS:
            raise ValueError(f"no aggregator is called {name!r}; known are {', '.join(AGGREGATORS)}")
        self._terms = AGGREGATORS[name]
        self._history: deque[tuple[float, ...]] = deque(maxlen=NORM_ROUNDS - 1)

    def __call__(self, updates: Sequence[ModelUpdate]) -> ModelUpdate:
        """What the updates of a round come to.

        Raises:
            UpdateError: it does not fit into float32.
        """
        if self._terms is None:
            total = MeanAccumulator(updates[0].shapes)
            for update in updates:
                total.add(update)
            return total.mean()
        history = [norm for norms in self._history for norm in norms]
        found = combine(updates, self._terms, history=history)
        self._history.append(found.norms)
        return found.update
