"""What the model of the objective says at one ask: of what was tried, of what runs, and of what was just proposed."""

from __future__ import annotations

import numpy as np

from trimtab.arrays import Floats, Rng
from trimtab.optim.gp.state import GpState
from trimtab.optim.place import place
from trimtab.space.space import Space


class Outlook:
    """The posterior of one ask.

    Attributes:
        seen: what it is made of.
        features: where it sees rows.
        posterior: the process, which knows of what runs as if that had given what is expected.
        leader: [D] the row of the largest mean among those that were tried.
        bar: that mean, or what is expected of what runs, if that is more: what a proposal should beat.
    """

    def __init__(self, state: GpState, space: Space, rng: Rng) -> None:
        model = state.surrogate.model(state.observations, rng)
        self.seen, self.features, self.posterior = model.seen, model.features, model.posterior
        means = self.posterior.mean(model.z)
        self.leader = self.seen.x[int(np.argmax(means))]
        self.bar = float(means.max())
        self._space, self._n_levels = space, state.settings.n_levels
        stopped = state.observations.stopped.view[-state.settings.stopped_rows :]
        if len(stopped):  # no result, but a verdict: nothing is gained by looking there again
            self.posterior = self.posterior.condition(self.features.embed(stopped))

    def pend(self, x: Floats) -> None:
        """Take rows [p, D] as proposed."""
        z = self.features.embed(x)
        self.bar = max(self.bar, float(self.posterior.mean(z).max()))
        self.posterior = self.posterior.condition(z)

    def spreads(self) -> Floats:
        """Return [D] how far what is expected goes up and down along each parameter, all others being the leader's."""
        d, n_levels = len(self._space), self._n_levels
        u = np.nan_to_num(self._space.to_unit(self.leader), nan=0.5)
        moved, column = np.repeat(u[None], d * n_levels, axis=0), np.arange(d).repeat(n_levels)
        moved[np.arange(len(moved)), column] = np.tile((np.arange(n_levels) + 0.5) / n_levels, d)
        x, _ = place(self._space, moved, None)
        spreads: Floats = np.ptp(self.posterior.mean(self.features.embed(x)).reshape(d, n_levels), axis=1)
        return spreads
