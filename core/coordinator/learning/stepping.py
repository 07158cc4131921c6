"""The outer step over files, slice by slice: with the bits of ``outer_optimizer.outer_step``, without its memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from core.api.errors import UpdateError
from core.config.learning import OuterConfig
from core.coordinator.learning.averaging import Mean
from core.coordinator.learning.model_files import Stored
from core.coordinator.learning.norms import Norm
from core.coordinator.learning.outer_optimizer import (
    ADAPTIVE,
    NOT_FINITE,
    WITH_MOMENTUM,
    averaged,
    beside,
    direction,
    first_moment,
    moved,
    second_moment,
    untouched_second_moment,
)
from core.model.checkpoint_io import Values
from core.update import Array


class Moments(NamedTuple):
    """What the outer optimiser remembers, in files; ``None`` where there is nothing (yet)."""

    first: Stored | None = None
    second: Stored | None = None


class OuterStepSlices:
    """One outer step over files; a part that nobody trained keeps its weights and both moments to the bit."""

    def __init__(
        self,
        config: OuterConfig,
        base: Stored,
        mean: Mean,
        before: Moments,
        beat: Callable[[], None],
        rate: float | None = None,
    ) -> None:
        """Read nothing yet.

        Args:
            config: the optimiser.
            base: the weights the cohort started from.
            mean: of what it sent.
            before: the moments before the step.
            beat: called for every slice.
            rate: the server learning rate of this round; that of ``config`` without it.
        """
        self._config, self._base, self._mean, self._before, self._beat = config, base, mean, before, beat
        self._rate = rate
        self.keeps_momentum = config.optimizer in WITH_MOMENTUM
        self.keeps_second_moment = config.optimizer in ADAPTIVE
        self.norm = Norm(base)
        self.momentum_norm = Norm(base)

    def momentum(self, name: str, start: int, stop: int) -> Array:
        """The momentum after the step; raises as ``Mean.part`` does."""
        self._beat()
        old = None if self._before.first is None else self._before.first.part(name, start, stop)
        if name in self._mean:
            found = first_moment(self._config, self._mean.part(name, start, stop), old)
        else:
            found = np.zeros(stop - start, np.float32) if old is None else old
        self.momentum_norm.add(name, start, found)
        return found

    def second_moment(self, name: str, start: int, stop: int) -> Array:
        """The second moment after the step; raises as ``Mean.part`` does, and where it is not finite."""
        self._beat()
        old = None if self._before.second is None else self._before.second.part(name, start, stop)
        if name in self._mean:
            return second_moment(self._config, self._mean.part(name, start, stop), old)
        return untouched_second_moment(self._config, stop - start) if old is None else old

    def weights(self, after: Moments) -> Values:
        """The weights after the step.

        Args:
            after: the moments after the step, once they are stored.

        Raises:
            UpdateError: on use, where a weight would not be finite.
        """

        def values(name: str, start: int, stop: int) -> Array:
            self._beat()
            found = self._base.part(name, start, stop)
            if name in self._mean:
                found = moved(self._config, found, self._direction(after, name, start, stop), self._rate)
            late = self._mean.late(name, start, stop)
            if late is not None:
                found = beside(self._config, found, late, self._rate)
            self.norm.add(name, start, found)
            return found

        return values

    def _direction(self, after: Moments, name: str, start: int, stop: int) -> Array:
        first, second = (None if one is None else one.part(name, start, stop) for one in after)
        # The mean is made anew wherever it is needed: to keep it would take a file more.
        needs_mean = self._config.optimizer in ("fedavg", "nesterov")
        return direction(self._config, self._mean.part(name, start, stop) if needs_mean else None, first, second)


class GivenStep:
    """The step to weights that somebody else computed, with the face of ``OuterStepSlices``."""

    keeps_momentum = False
    keeps_second_moment = False

    def __init__(
        self, config: OuterConfig, base: Mapping[str, Array], target: Mapping[str, Array], rate: float
    ) -> None:
        """Take both.

        Args:
            config: the averaging over rounds.
            base: the weights the cohort started from.
            target: where to.
            rate: the share of the way that is gone; at 1 the weights are exactly ``target``.
        """
        self._config, self._base, self._target, self._rate = config, base, target, rate
        self.norm, self.delta_norm, self.momentum_norm = Norm(base), Norm(base), Norm(())

    def weights(self, name: str, start: int, stop: int) -> Array:
        """The weights after the step.

        Raises:
            UpdateError: a weight would not be finite.
        """
        old, new = (arrays[name].reshape(-1)[start:stop] for arrays in (self._base, self._target))
        delta = old - new
        self.delta_norm.add(name, start, delta)
        found = averaged(self._config, old, new) if self._rate == 1 else moved(self._config, old, delta, self._rate)
        if not np.isfinite(found).all():
            raise UpdateError(NOT_FINITE)
        self.norm.add(name, start, found)
        return found
