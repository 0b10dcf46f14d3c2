"""A preference among objectives, in losses: which result is better, and which losses would be better than those seen.

Losses are compared as shares of the front's range in each objective, from the best on the front (0) to the worst there
(1), so that units do not matter.

Letters: n results, K objectives.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from trimtab.arrays import Floats, Ints
from trimtab.model.dominance import undominated
from trimtab.numerics.arithmetic import quiet
from trimtab.numerics.warp import LARGEST
from trimtab.space.preference import Preference
from trimtab.space.problem import Metric, Problem

RHO: Final = 0.05
"""What the sum counts beside the worst objective, so that nothing on the front is taken that is only weakly best:
ParEGO's (Knowles, 2006, eq. 2)."""


class Choice:
    """What a preference means for these objectives.

    Args:
        preference: what is preferred.
        objectives: of which losses are.

    Attributes:
        order: the columns that matter, the most important first; empty where that is not the way of choosing.
        columns: the columns that count at all.

    Raises:
        ProblemError: the preference names other objectives.
    """

    def __init__(self, preference: Preference, objectives: tuple[Metric, ...]) -> None:
        names = [metric.name for metric in objectives]
        preference.check(names)
        self._is_weighted = preference.weights is not None
        weights = preference.weights or {}
        given = np.array([weights.get(name, 1.0) for name in names])
        self._share: Floats = given / given.max()  # sums of large ones would be too large to compare
        self._aim: Floats | None = None
        if preference.reference is not None:
            self._aim = np.array([preference.reference[metric.name] * metric.sign for metric in objectives])
        self.order = [names.index(name) for name in preference.order or ()]
        self._within = {names.index(name): near for name, near in (preference.within or {}).items()}
        self.columns: Ints = np.array(self.order, dtype=np.int64) if self.order else np.flatnonzero(self._share)

    @classmethod
    def steering(cls, problem: Problem) -> Choice | None:
        """Return what proposals go by: the problem's preference, if it prefers a part of the front to others."""
        preference = problem.preference
        if preference is None or preference.knee or len(problem.objectives) == 1:
            return None
        return cls(preference, problem.objectives)

    @quiet()
    def pick(self, losses: Floats) -> int:
        """Return which of the rows [n, K] of a front is taken, of equals the earliest; n is above 0."""
        return int(self.ranked(losses)[0])

    @quiet()
    def ranked(self, losses: Floats) -> Ints:
        """Return [n] the rows of losses [n, K], those first that are preferred, of equals the earliest."""
        if self.order:
            bounds = self.bounds(losses)
            over = [np.maximum(losses[:, i] - bound, 0.0) for i, bound in zip(self.order, bounds, strict=True)]
            rest = [i for i in range(losses.shape[1]) if i not in self.order]
            by = [*over[:-1], *(losses[:, i] for i in (self.order[-1], *self.order[:-1], *rest))]
            found: Ints = np.lexsort(by[::-1])
            return found
        front = losses[undominated(losses)]
        low, half = front.min(axis=0), _half_range(front)
        half[half == 0.0] = 1.0
        if self._is_weighted or self._aim is not None:
            at = low if self._aim is None else self._aim
            short = (losses / 2 - at / 2) / half * self._share
            worth = short.max(axis=1) + RHO * short.sum(axis=1)
        else:  # the plane through the corners (1, 0, ...), (0, 1, ...) is that of the points whose shares add up to 1
            worth = ((losses / 2 - low / 2) / half).sum(axis=1)
        found = np.argsort(worth, kind="stable")
        return found

    @quiet()
    def bounds(self, losses: Floats) -> list[float]:
        """Return for each of `order` the loss up to which results [n, K] count as best, of those that are left.

        It moves with the best.
        """
        left, found = losses, list[float]()
        for i in self.order:
            least, near = float(left[:, i].min()), self._within.get(i, 0.0)
            found.append(least + (abs(least) * float(near[:-1]) / 100.0 if isinstance(near, str) else near))
            left = left[left[:, i] <= found[-1]]
        return found

    @quiet()
    def corner(self, losses: Floats, *, stays: bool = True) -> Floats:
        """Return [K] what losses are to be below, each, to be preferred to all of [n, K]; infinite where any will do.

        Whatever lies below the level of the best by a Chebyshev norm is a box. Once an aim is reached all beyond it
        counts, so that the corner is the aim if it `stays` there.
        """
        front = losses[undominated(losses)]
        low = front.min(axis=0)
        half = _half_range(front)
        half = np.where(half > 0.0, half, _half_range(losses))  # a front of one point has none
        half[half == 0.0] = 1.0
        at = low if self._aim is None else self._aim
        level = float(((losses / 2 - at / 2) / half * self._share).max(axis=1).min())
        if self._aim is not None and stays:
            level = max(level, 0.0)
        share = np.where(self._share > 0.0, self._share, 1.0)
        found: Floats = 2 * np.clip(at / 2 + level / share * half, -LARGEST / 2, LARGEST / 2)
        return np.where(self._share > 0.0, found, np.inf)


def _half_range(losses: Floats) -> Floats:
    """Return [K] half of what losses [n, K] range over: the difference of two large numbers may overflow."""
    found: Floats = losses.max(axis=0) / 2 - losses.min(axis=0) / 2
    return found
