"""What the rules look at: the results that can be compared, their configurations, and a model of both, made once."""

from __future__ import annotations

from functools import cached_property
from typing import Final

import numpy as np

from trimtab.arrays import Floats, Ints, rng_at
from trimtab.ledger.table import COMPLETE, TrialTable
from trimtab.model.feasibility import met, split
from trimtab.model.features import Features
from trimtab.model.keys import numbered
from trimtab.model.labels import Joined, Labels, OfObjective
from trimtab.model.observations import Observations
from trimtab.model.surrogate import Model, Surrogate
from trimtab.numerics import blas
from trimtab.space.problem import Problem
from trimtab.space.space import Space

LEAST_RESULTS: Final = 10
"""Distinct configurations from which on a model of them is asked anything: below, it repeats its priors."""
MOST_MODELLED: Final = 400
"""Results that the model is made of: the best and the latest. More make it slower, and hardly better."""
N_SAMPLED: Final = 256
"""Configurations over which results are foreseen: enough for a share to a few hundredths."""
CHI2_MEDIAN: Final = 0.455
"""The median of a squared standard normal deviate, by which a median of squares becomes a variance."""


class Sight:
    """One study as the rules see it.

    Args:
        problem: what is tuned.
        table: its trials.

    Attributes:
        problem, table: as given.
        space: what may be tried.
    """

    def __init__(self, problem: Problem, table: TrialTable) -> None:
        self.problem = problem
        self.table = table
        self.space: Space = problem.space

    @cached_property
    def rows(self) -> Ints:
        """[n] the trials that are complete, met every constraint and were run furthest, in the order of their end."""
        order = self.table.order
        done = order[(self.table.state[order] == COMPLETE)]
        done = done[met(self.problem, self.table.y[done])]
        if self.problem.fidelities and len(done):
            ends = self.table.fidelity[done]
            furthest = ends[np.lexsort(ends.T[::-1])[-1]]
            done = done[(ends == furthest).all(axis=1)]
        found: Ints = done
        return found

    @cached_property
    def x(self) -> Floats:
        """[n, D] their configurations."""
        return self.table.x[self.rows]

    @cached_property
    def u(self) -> Floats:
        """[n, D] the same in the unit cube, nan where inactive."""
        return self.space.to_unit(self.x)

    @cached_property
    def losses(self) -> Floats:
        """[n] the first objective, smaller is better."""
        found: Floats = split(self.problem, self.table.y[self.rows])[0][:, 0]
        return found

    @cached_property
    def ranked(self) -> Ints:
        """[c] a place among `rows` for each distinct configuration, the best by the mean of its runs first."""
        if not len(self.rows):
            return np.zeros(0, dtype=np.int64)
        config = numbered(self.x)
        counts = np.bincount(config)
        means = np.bincount(config, weights=self.losses / counts[config])
        first = np.full(len(counts), len(config))
        np.minimum.at(first, config, np.arange(len(config)))
        found: Ints = first[np.lexsort([first, means])]
        return found

    def top(self, n: int) -> Ints:
        """Return the places among `rows` of the best n configurations."""
        return self.ranked[:n]

    @property
    def best(self) -> int:
        """The best trial's place among `rows`; there must be one."""
        return int(self.ranked[0])

    @cached_property
    def free(self) -> Ints:
        """[P] the columns of the parameters that are searched: not held, and of more than one value."""
        held = self.space.fixed_row()
        free = [
            i
            for i, parameter in enumerate(self.space.parameters)
            if (held is None or np.isnan(held[i])) and parameter.n_values != 1
        ]
        return np.array(free, dtype=np.int64)

    @cached_property
    def model(self) -> Model | None:
        """A process of the first objective; None where there is too little to make one of, or all is equal."""
        return modelled(self, self.problem)

    @cached_property
    def noise(self) -> float | None:
        """Which share of what results differ by is chance: the smaller of what two estimates say; None without a model.

        The model's: of what it foresees over the whole space. That of neighbours: how much results of configurations
        next to each other differ, by how much all do. A search that has found the best goes on where results differ by
        little, which is no noise; what it saw on the way there tells.
        """
        if self.model is None:
            return None
        x = self.space.sample(rng_at(0, N_SAMPLED), N_SAMPLED)
        with blas.one_thread():
            signal = float(np.var(self.model.posterior.mean(self.model.features.embed(x))))
        chance = float(self.model.posterior.noise)
        by_model = chance / (chance + signal) if chance + signal > 0 else 0.0
        z, losses = self.model.z, self.model.seen.losses
        apart = np.square(z[:, None] - z[None]).sum(axis=2)
        np.fill_diagonal(apart, np.inf)
        off = np.square(losses - losses[apart.argmin(axis=1)])
        variance = float(np.var(losses))
        by_neighbours = float(np.median(off)) / (2.0 * CHI2_MEDIAN * variance) if variance > 0 else 0.0
        return min(by_model, by_neighbours)


def modelled(sight: Sight, problem: Problem) -> Model | None:
    """Return a process of the first objective in the space of `problem`, in which nothing need be held."""
    if len(sight.ranked) < LEAST_RESULTS:
        return None
    rows = sight.rows
    if len(rows) > MOST_MODELLED:
        half = MOST_MODELLED // 2
        best = np.argsort(sight.losses, kind="stable")[:half]
        rows = rows[np.union1d(best, np.arange(len(rows) - half, len(rows)))]
    observations = Observations(problem)
    for row in rows.tolist():
        observations.tell(sight.table, row)
    if observations.is_flat or not len(Features(problem.space).group):
        return None
    labels: Labels = OfObjective(0) if len(problem.metrics) > 1 else Joined()
    surrogate = Surrogate(
        Features(problem.space), np.ones(len(problem.space)), is_tree=problem.space.is_conditional, labels=labels
    )
    with blas.one_thread():
        return surrogate.model(observations, None)
