"""How likely a proposal is to give a result that is not on record already, to the bit.

On a landscape of steps (a table, a tree, a metric that counts) a model, being smooth, expects of the ground beside a
leader that it rises, where it is the same step; what can be gained there is had only if it is another one. How often
results repeated that of the nearest configuration before them, and how near that was, is on record: the chance falls
exponentially with the distance, over a length that this record makes likeliest. Where no result repeats there is none.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from trimtab.arrays import Floats
from trimtab.optim.gp.settings import Settings
from trimtab.space.parameter import CATEGORICAL
from trimtab.space.space import Space

_LENGTHS: Final = np.geomspace(1e-4, 1.0, 41)
"""Of which the likeliest is taken, as parts of the longest distance there is."""

_CHANCES: Final = np.array([0.01, 0.05, 0.1, 0.2, 0.4, 0.8])
"""That two results are equal by chance, however far apart, of which the likeliest is taken."""

_SURE: Final = 1e-9
"""No chance is nearer to 0 or 1."""


class Novelty:
    """The chance that a row is on another step than what is nearest to it.

    Args:
        space: the space of the rows.
        tried: [m, D] configurations, in the order of their first coming.
        losses: [m] theirs.
        settings: the constants.

    Attributes:
        length: over which the chance to be on the same step falls; None where too few results repeat to tell.
    """

    def __init__(self, space: Space, tried: Floats, losses: Floats, settings: Settings) -> None:
        self._space = space
        self._places = self._at(tried)
        self.length: float | None = None
        n = len(losses)
        if n - len(np.unique(losses)) < settings.novel_from:
            return
        latest = np.arange(max(1, n - settings.step_rows), n)
        apart = self._distance(self._places[latest], self._places)
        apart[np.arange(n) >= latest[:, None]] = np.inf  # what came before counts
        nearest = apart.argmin(axis=1)
        distance = apart[np.arange(len(latest)), nearest]
        same = losses[latest] == losses[nearest]
        lengths = _LENGTHS * np.sqrt(len(space))
        beside = np.exp(-distance / lengths[:, None])
        equal = np.clip(_CHANCES[:, None, None] + (1.0 - _CHANCES[:, None, None]) * beside, _SURE, 1.0 - _SURE)
        likelihood = np.where(same, np.log(equal), np.log1p(-equal)).sum(axis=2)
        self.length = float(lengths[np.unravel_index(likelihood.argmax(), likelihood.shape)[1]])

    def log_new(self, x: Floats) -> Floats:
        """Return [n] the logarithm of the chance that rows [n, D] give something new."""
        distance = self._distance(self._at(x), self._places).min(axis=1)
        found: Floats = np.log(np.maximum(-np.expm1(-distance / (self.length or 1.0)), _SURE))
        return found

    def _at(self, x: Floats) -> Floats:
        places: Floats = np.nan_to_num(self._space.to_unit(x), nan=-1.0)  # what is inactive is far from what is not
        return places

    def _distance(self, a: Floats, b: Floats) -> Floats:
        """Return [n, m] distances; choices that differ are apart by all of the range."""
        squares = np.zeros((len(a), len(b)))
        for column in range(a.shape[1]):
            apart = np.abs(a[:, column, None] - b[:, column])
            squares += apart > 0.0 if self._space.kind[column] == CATEGORICAL else np.square(apart)
        found: Floats = np.sqrt(squares)
        return found
