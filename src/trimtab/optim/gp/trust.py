"""A trust region for spaces of many numeric parameters: proposals keep near what was tried, at first.

In many dimensions the corners are far from every result, uncertainty is largest there, and a model of few rows spends
its trials on them. So while rows are few, allowed is what lies, in each coordinate, within a radius of one point that
was tried or runs; the radius grows with the rows until all is allowed. (The rule and its numbers are those of Google
Vizier's Gaussian-process bandit: Song et al., 2024, arXiv 2408.11527.)
"""

from __future__ import annotations

import numpy as np

from trimtab.arrays import Floats
from trimtab.model.features import Features
from trimtab.optim.gp.settings import Settings
from trimtab.space.space import Space


class TrustRegion:
    """What is near one of the points that were tried.

    A parameter whose values are farther apart than the radius would never move, so those of few values are not held.
    Two rows differ only in parameters that both have, so that no branch of a conditional space is shut out.

    Args:
        space: the space of the rows.
        features: where its numeric parameters are.
        tried: [m, D] the centres, at least one.
        settings: the constants.

    Attributes:
        radius: the largest difference of a coordinate, in unit ranges; None where all of the space is allowed.
    """

    def __init__(self, space: Space, features: Features, tried: Floats, settings: Settings) -> None:
        s = self._settings = settings
        n_numeric = int(features.active(tried).sum(axis=1).max())
        radius = s.trust_radius + s.trust_growth * len(tried) / (s.trust_rows_each * (n_numeric + 1))
        n_values = [space.parameters[column].n_values for column in features.numeric]
        self._held = np.array([n is None or n > 1 / s.trust_radius for n in n_values], dtype=bool)
        is_off = n_numeric < s.trust_from or radius >= s.trust_everywhere or not self._held.any()
        self.radius = None if is_off or not s.has_trust_region else radius
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
        return (distance > self.radius) * (self._settings.outside + distance)

    def _places(self, x: Floats) -> Floats:
        """Return [n, H] unit places, nan where inactive."""
        places: Floats = np.where(self._features.active(x), self._features.unit(x), np.nan)[:, self._held]
        return places
