"""The path of the best result so far, as a forecast reads it from the table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from trimtab.arrays import Floats, Ints
from trimtab.ledger.event import FINALIZE
from trimtab.ledger.table import COMPLETE, TrialTable
from trimtab.model.feasibility import met
from trimtab.model.keys import keys_of, numbered
from trimtab.model.settings import MODEL
from trimtab.stop.bounds import floor_of

NOISES: Final = 3
"""So many repeats more than configurations are needed before their differences are believed to be noise. By taste."""


LATEST: Final = 500
"""Repeats are looked for among so many latest results: what a driver can pay each time that it looks."""


@dataclass(frozen=True, slots=True)
class Path:
    """How good the best result was, configuration by configuration.

    Results count that are complete, whole, and meet every constraint. A configuration that failed, was stopped, or is
    not allowed takes its place without one. What was run again at the end is no part of it.

    Attributes:
        n: configurations that are over.
        n_results: those of them with a result that counts.
        losses: [n] the loss of each, inf without a result; of one with several, the last that came.
        at: [R] when the best fell, counted from 1.
        best: [R] to what, as a loss: smaller is better.
        scale: the median of the first results less the best: how much a search has brought; 0 while nobody knows.
        noise: the standard deviation between results of one configuration, as it was told or as repeats show it; 0
            where neither says anything.
        floor: the least loss that there can be, as far as the metric's name tells; -inf where it does not.
    """

    n: int
    n_results: int
    losses: Floats
    at: Ints
    best: Floats
    scale: float
    noise: float
    floor: float = -np.inf

    @property
    def room(self) -> float:
        """How much better than the best a result can be; inf while nobody knows."""
        return float(self.best[-1] - self.floor) if len(self.best) else np.inf

    @property
    def is_flat(self) -> bool:
        """Whether all results are equal."""
        known = self.losses[np.isfinite(self.losses)]
        return self.n_results > 1 and bool((known == known[0]).all())

    def before(self, n: int) -> Path:
        """Return the path as it was after the first n configurations."""
        return replace(path_of(self.losses[:n], self.noise), floor=self.floor)


def path(table: TrialTable) -> Path:
    """Return the path of the first objective."""
    rows = table.order
    problem = table.problem
    column = problem.metrics.index(problem.objectives[0])
    losses = table.y[rows, column] * problem.signs[column]
    counts = (table.state[rows] == COMPLETE) & met(problem, table.y[rows]) & np.isfinite(losses)
    if problem.fidelities:
        ends = np.array([one.high for one in problem.fidelities])
        counts &= (np.isnan(table.fidelity[rows]) | (table.fidelity[rows] >= ends)).all(axis=1)
    repeats = rows[counts]
    searched = np.ones(len(rows), dtype=np.bool_)
    if FINALIZE in table.notes:  # what was run again at the end was not looked for, and tells of noise alone
        searched = np.array([not table.is_replicate(row) for row in rows.tolist()], dtype=np.bool_)
    rows, counts, losses = rows[searched], counts[searched], losses[searched]
    begins = table.parent[rows] < 0
    found = np.where(counts, losses, np.inf)
    if not begins.all():  # what goes on with a configuration is no configuration more
        place = np.maximum(np.cumsum(begins) - 1, 0)
        merged = np.full(int(begins.sum()), np.inf)
        np.minimum.at(merged, place, found)
        found = merged
    seen = path_of(found, noise(table, repeats, column))
    if not len(seen.best):
        return seen
    metric = problem.metrics[column]
    told = table.y[rows, column]
    largest = max(float(told[np.isfinite(told)].max()), -np.inf if metric.target is None else metric.target)
    return replace(seen, floor=floor_of(metric.name, metric.sign, seen.best[-1], largest))


def path_of(losses: Floats, deviation: float = 0.0) -> Path:
    """Return the path of losses [n], inf where there is none."""
    known = np.isfinite(losses)
    n_results = int(known.sum())
    best = np.minimum.accumulate(losses)
    falls = np.flatnonzero(best < np.concatenate([[np.inf], best[:-1]]))
    scale = 0.0
    if n_results:
        above = losses[known][: MODEL.n_first] - best[-1]
        # Where most of the first were as good as the best, the usual distance is that of those that were not.
        scale = float(np.median(above)) or (float(np.median(above[above > 0.0])) if above.any() else 0.0)
    return Path(len(losses), n_results, losses, falls + 1, best[falls], scale if np.isfinite(scale) else 0.0, deviation)


def noise(table: TrialTable, rows: Ints, column: int) -> float:
    """Return the standard deviation between results of one configuration; 0 where nobody knows.

    Args:
        table: the trials.
        rows: those with a result.
        column: of the objective.
    """
    rows = rows[-LATEST:]
    told = table.errors[rows, column]
    told = told[np.isfinite(told)]
    if len(told):
        return float(np.sqrt(np.mean(np.square(told))))
    x = table.x[rows]
    if len(set(keys_of(x))) > len(rows) - NOISES:
        return 0.0
    config = numbered(x)
    counts = np.bincount(config)
    freedom = len(rows) - len(counts)
    y = table.y[rows, column]
    means = np.bincount(config, weights=y / counts[config])
    deviation = float(np.sqrt(np.square(y - means[config]).sum() / freedom))
    return deviation if np.isfinite(deviation) else 0.0
