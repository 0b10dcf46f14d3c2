"""Where a proposal would land on a step that is known: configurations side by side gave the same to the bit.

On a landscape of steps (a table, a tree, a metric that counts) a search polishes the step that its leader stands on, of
which its model, being smooth, expects a slope. A step is at least as wide, along each parameter, as two neighbours on
it are apart; so nothing is looked for within twice that of any of them. What then still lands on the step makes it
twice as wide, and the search is off it after a few trials.
"""

from __future__ import annotations

import numpy as np

from trimtab.arrays import Floats
from trimtab.optim.gp.settings import Settings
from trimtab.space.parameter import CATEGORICAL
from trimtab.space.space import Space


class Steps:
    """The steps among what was tried.

    Args:
        space: the space of the rows.
        tried: [m, D] configurations.
        losses: [m] theirs.
        settings: the constants.

    Attributes:
        any: whether there is one.
    """

    def __init__(self, space: Space, tried: Floats, losses: Floats, settings: Settings) -> None:
        self._space, self._settings = space, settings
        _, level, sizes = np.unique(losses, return_inverse=True, return_counts=True)
        members = np.flatnonzero(sizes[level] > 1)[-settings.step_rows :]
        places = self._places(tried)
        apart = self._apart(places[members], places)
        distance = np.square(apart).sum(axis=2)
        distance[np.arange(len(members)), members] = np.inf
        nearest = distance.argmin(axis=1) if len(members) else members
        beside = level[nearest] == level[members]
        self._centres = places[members[beside]]
        widths = apart[np.flatnonzero(beside), nearest[beside]]
        levels = level[members[beside]]
        self._reach = np.zeros_like(widths)
        for one in np.unique(levels):
            self._reach[levels == one] = widths[levels == one].max(axis=0)
        self._reach *= settings.step_reach
        self.any = len(self._centres) > 0

    def cost(self, x: Floats) -> Floats:
        """Return [n] what to subtract from the scores of rows [n, D]: 0 off every step."""
        inside = (self._apart(self._places(x), self._centres) <= self._reach).all(axis=2).any(axis=1)
        cost: Floats = inside * self._settings.outside
        return cost

    def _places(self, x: Floats) -> Floats:
        places: Floats = np.nan_to_num(self._space.to_unit(x), nan=-1.0)  # what is inactive is far from what is not
        return places

    def _apart(self, a: Floats, b: Floats) -> Floats:
        """Return [n, m, D] how far rows are apart along each parameter; choices that differ by all of the range."""
        apart = np.abs(a[:, None] - b)
        categorical = self._space.kind == CATEGORICAL
        apart[..., categorical] = apart[..., categorical] > 0.0
        return apart
