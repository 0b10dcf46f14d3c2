"""A trust region for spaces of many numeric parameters: proposals keep near what was tried, at first.

In many dimensions the corners are far from every result, uncertainty is largest there, and a model of few rows spends
its trials on them. So while rows are few, allowed is what lies, in each coordinate, within a radius of one point that
was tried or runs; the radius grows with the rows until all is allowed. (The rule and its numbers are those of Google
Vizier's Gaussian-process bandit: Song et al., 2024, arXiv 2408.11527.)
"""

from __future__ import annotations

from typing import Final

import numpy as np

from trimtab.arrays import Floats
from trimtab.model.features import Features
from trimtab.space.space import Space

FROM: Final = 20
"""In spaces where so many free numeric parameters are active at once."""

RADIUS: Final = 0.2
GROWTH: Final = 0.3
ROWS_EACH: Final = 5
"""The radius is 0.2 + 0.3 * n / (5 * (P + 1)) of each parameter's range."""

EVERYWHERE: Final = 0.5
"""At this radius the region is all of the space."""

OUTSIDE: Final = 1e3
"""What a point outside loses: more than points inside differ by, so that of points outside the nearest is best."""


class TrustRegion:
    """What is near one of the points that were tried.

    A parameter whose values are farther apart than the radius would never move, so those of few values are not held.
    Two rows differ only in parameters that both have, so that no branch of a conditional space is shut out.

    Args:
        space: the space of the rows.
        features: where its numeric parameters are.
        tried: [m, D] the centres, at least one.

    Attributes:
        radius: the largest difference of a coordinate, in unit ranges; None where all of the space is allowed.
    """

    def __init__(self, space: Space, features: Features, tried: Floats) -> None:
        n_numeric = int(features.active(tried).sum(axis=1).max())
        radius = RADIUS + GROWTH * len(tried) / (ROWS_EACH * (n_numeric + 1))
        n_values = [space.parameters[column].n_values for column in features.numeric]
        self._held = np.array([n is None or n > 1 / RADIUS for n in n_values], dtype=bool)
        is_off = n_numeric < FROM or radius >= EVERYWHERE or not self._held.any()
        self.radius = None if is_off else radius
        self._features = features
        self._centres = self._places(tried)

    def add(self, x: Floats) -> None:
        """Take rows [p, D] as centres too."""
        self._centres = np.concatenate([self._centres, self._places(x)])

    def cost(self, x: Floats) -> Floats:
        """Return [n] what to subtract from the scores of rows [n, D]: 0 inside the region."""
        if self.radius is None:
            return np.zeros(len(x))
        farthest = np.zeros((len(x), len(self._centres)))
        for u, centre in zip(self._places(x).T, self._centres.T, strict=True):  # a coordinate at a time: no [n, m, P]
            np.fmax(farthest, np.abs(u[:, None] - centre), out=farthest)
        distance: Floats = farthest.min(axis=1)
        return (distance > self.radius) * (OUTSIDE + distance)

    def _places(self, x: Floats) -> Floats:
        """Return [n, H] unit places, nan where inactive."""
        places: Floats = np.where(self._features.active(x), self._features.unit(x), np.nan)[:, self._held]
        return places
