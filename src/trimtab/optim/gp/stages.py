"""Which parameters are tuned first: a search in a subspace that grows, for spaces with many parameters.

Of many parameters few matter (Bergstra & Bengio, 2012), and who trains models often knows which: so say `priority=` and
the names that everybody gives to the learning rate, the batch size, the depth. Parameters join in that order as trials
come in, those that the model already saw matter at once, and more when the search stands still; until then they stay
where the leader has them. Every second proposal varies a few of those that wait as well, by turns, so that what matters
is noticed whatever was said of it. (The advice to tune few things with few trials is that of Google's tuning playbook;
order of names after van Rijn & Hutter, 2018, and Probst et al., 2019.)
"""

from __future__ import annotations

from typing import Final

import numpy as np

from trimtab.arrays import Floats
from trimtab.optim.gp.settings import Settings
from trimtab.space.space import Space
from trimtab.spaces.names import N_FIRST, rank


class Stages:
    """The order in which the parameters of a space join.

    Only parameters without a condition wait. Searched whole are small spaces, those in which no priority is said and
    no name is known, and those with constraints, which defaults of some and values of others may not meet together.

    Attributes:
        length2: [D] squared lengthscales to expect: long for parameters that nobody calls important, so that a model
            lets them matter only on evidence. The first are those of the smallest priority or, where no priority is
            said, those with names of a learning rate, a batch size or a depth.
    """

    def __init__(self, space: Space, settings: Settings) -> None:
        ranks = {
            i: _rank(p.priority, name) for i, (name, p) in enumerate(zip(space.names, space.parameters, strict=True))
        }
        first = min(ranks.values(), default=_LAST)
        is_told = first < _NAMED
        held = space.fixed_row()
        is_held = np.zeros(len(space), dtype=bool) if held is None else ~np.isnan(held)
        waits = [i for i, p in enumerate(space.parameters) if p.when is None and p.n_values != 1 and not is_held[i]]
        self.length2: Floats = np.ones(len(space))
        self._order: list[int] = []
        self._n_first = 0
        if first < _LAST and len(waits) >= settings.stages_from and not space.constraints:
            self._order = sorted(waits, key=lambda i: (ranks[i], i))
            self._n_first = sum(ranks[i] <= (first if is_told else _NAMED + N_FIRST - 1) for i in waits)
            self.length2[[i for i in waits if ranks[i] >= (_NAMED if is_told else _LAST)]] = settings.unimportant
        self._ranks, self._settings = ranks, settings
        self._default = space.default_row()

    def n_joined(self, number: int, n_idle: int) -> int:
        """Return how many parameters of the order have joined by count, at trial `number`."""
        return min(
            max(self._n_first, number // self._settings.trials_each) + n_idle // self._settings.patience,
            len(self._order),
        )

    def are_over(self, number: int, n_idle: int) -> bool:
        """Return whether none waits, whatever the model says."""
        return self.n_joined(number, n_idle) == len(self._order)

    def given(self, number: int, n_idle: int, at: Floats | None = None, spreads: Floats | None = None) -> Floats | None:
        """Return [D] the values of parameters that wait, nan for those that vary; None where all do.

        Args:
            number: of the trial that is to be proposed.
            n_idle: trials since the best result.
            at: [D] where those that wait are held; their defaults if None.
            spreads: [D] how far the model's mean spreads along each parameter; None where there is no model. Of
                parameters of one rank the one with the largest joins first.
        """
        order = self._order
        if spreads is not None:
            order = sorted(order, key=lambda i: (self._ranks[i], -spreads[i]))
        waiting = order[self.n_joined(number, n_idle) :]
        if spreads is not None and spreads.max() > 0.0:
            waiting = [i for i in waiting if spreads[i] < self._settings.noted * spreads.max()]
        if number % 2 == 0 and waiting:
            first = number // 2 * self._settings.n_tasted
            tasted = {waiting[(first + k) % len(waiting)] for k in range(self._settings.n_tasted)}
            waiting = [i for i in waiting if i not in tasted]
        if not waiting:
            return None
        row: Floats = np.full(len(self._default), np.nan)
        row[waiting] = (self._default if at is None else at)[waiting]
        return row


_NAMED: Final = 100
_LAST: Final = 1000
"""Ranks of the first pattern of names, and of parameters of which nothing is said: after all that priorities say."""


def _rank(priority: int | None, name: str) -> int:
    """Return the place of a parameter: the user's word, then its name, then nothing."""
    if priority is not None:
        return min(priority, _NAMED - 1)
    known = rank(name)
    return _LAST if known is None else _NAMED + known
