"""The path of the best result so far, as a forecast reads it from the table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from trimtab.arrays import Bools, Floats, Ints
from trimtab.ledger.event import FINALIZE
from trimtab.ledger.table import COMPLETE, STOPPED, TrialTable
from trimtab.model.feasibility import met
from trimtab.model.keys import keys_of, numbered
from trimtab.model.outliers import typical, whole
from trimtab.model.settings import MODEL
from trimtab.stop.bounds import floor_of

NOISES: Final = 3
"""So many repeats more than configurations are needed before their differences are believed to be noise. By taste."""


LATEST: Final = 500
"""Repeats are looked for among so many latest results: what a driver can pay each time that it looks."""


GOOD: Final = 3
"""One in so many results is good: what fell behind was not. As the schedulers halve by default."""


@dataclass(frozen=True, slots=True)
class Path:
    """How good the best result was, configuration by configuration.

    Results count that are complete, whole, and meet every constraint. A configuration that failed, was stopped, or is
    not allowed takes its place without one. What was run again at the end is no part of it.

    Attributes:
        n: configurations that are over.
        n_results: those of them with a result that counts.
        losses: [n] the loss of each, inf without a result; of one with several, the last that came.
        behind: [n] which have none because they fell behind: they were stopped, or did not go on.
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
    behind: Bools
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
        return replace(path_of(self.losses[:n], self.noise, self.behind[:n]), floor=self.floor)


def path(table: TrialTable) -> Path:
    """Return the path of the first objective."""
    rows = table.order
    problem = table.problem
    column = problem.metrics.index(problem.objectives[0])
    losses = table.y[rows, column] * problem.signs[column]
    compares = np.isin(table.state[rows], (COMPLETE, STOPPED)) & met(problem, table.y[rows]) & np.isfinite(losses)
    counts = compares & (table.state[rows] == COMPLETE)
    if problem.fidelities:
        ends = np.array([one.high for one in problem.fidelities])
        counts &= (np.isnan(table.fidelity[rows]) | (table.fidelity[rows] >= ends)).all(axis=1)
    losses[counts] = _believed(table, rows[counts], losses[counts])
    repeats = rows[counts]
    searched = np.ones(len(rows), dtype=np.bool_)
    if FINALIZE in table.notes:  # what was run again at the end was not looked for, and tells of noise alone
        searched = np.array([not table.is_replicate(row) for row in rows.tolist()], dtype=np.bool_)
    rows, counts, losses, compares = rows[searched], counts[searched], losses[searched], compares[searched]
    begins, goes_on = table.parent[rows] < 0, np.isin(rows, table.parent[rows])
    found, behind = np.where(counts, losses, np.inf), compares & ~counts & ~goes_on
    if not begins.all():  # what goes on with a configuration is no configuration more
        place = np.maximum(np.cumsum(begins) - 1, 0)
        n = int(begins.sum())
        merged, fell = np.full(n, np.inf), np.zeros(n, dtype=bool)
        np.minimum.at(merged, place, found)
        np.logical_or.at(fell, place, behind)
        found, behind = merged, fell & np.isinf(merged)
    seen = path_of(found, noise(table, repeats, column), behind)
    if not len(seen.best):
        return seen
    metric = problem.metrics[column]
    told = table.y[rows, column]
    largest = max(float(told[np.isfinite(told)].max()), -np.inf if metric.target is None else metric.target)
    return replace(seen, floor=floor_of(metric.name, metric.sign, seen.best[-1], largest))


def _believed(table: TrialTable, rows: Ints, losses: Floats) -> Floats:
    """Return [n] the losses of rows [n], of a configuration whose runs were torn apart its usual one.

    A run that is off by bad luck is no result that a search has reached, nor one that the next has to beat.
    """
    if len(set(keys_of(table.x[rows]))) == len(rows):
        return losses
    config = numbered(table.x[rows])
    found: Floats = np.where(whole(losses, config), losses, typical(losses, config)[config])
    return found


def path_of(losses: Floats, deviation: float = 0.0, behind: Bools | None = None) -> Path:
    """Return the path of losses [n], inf where there is none.

    Args:
        losses: of each configuration.
        deviation: between results of one configuration.
        behind: [n] which have no loss because they fell behind; None where none did.
    """
    fell = np.zeros(len(losses), dtype=bool) if behind is None else behind
    known = np.isfinite(losses)
    n_results = int(known.sum())
    best = np.minimum.accumulate(losses)
    falls = np.flatnonzero(best < np.concatenate([[np.inf], best[:-1]]))
    scale = _scale(losses[known | fell] - best[-1]) if n_results else 0.0
    return Path(len(losses), n_results, losses, fell, falls + 1, best[falls], scale, deviation)


def _scale(above: Floats) -> float:
    """Return how far losses are above the best without a search; 0 while nobody knows.

    Args:
        above: how far each is, inf of those that fell behind. Were these left out, only good ones would count where a
            scheduler ends the others, and what a search has brought would look like nothing.
    """
    first = above[: MODEL.n_first]
    if not np.isfinite(first).any():
        first = above
    finite = np.sort(first[np.isfinite(first)])
    if len(finite) == len(first):
        middle = float(np.median(first))
    else:  # who fell behind would be somewhere among the others that are not good, as censored results are read
        n_good = len(finite) // GOOD
        worse = finite[n_good:]
        share = (len(first) / 2 - n_good) / (len(first) - n_good)
        middle = float(np.quantile(worse, share))
    if middle == 0.0:
        # Where most of the first were as good as the best, the usual distance is that of those that were not.
        others = finite[finite > 0.0]
        middle = float(np.median(others)) if len(others) else 0.0
    return middle if np.isfinite(middle) else 0.0


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
    x, y = table.x[rows], table.y[rows, column]
    if len(set(keys_of(x))) > len(rows) - NOISES:
        return 0.0
    config = numbered(x)
    tells = whole(y, config)  # a run that diverged is off by orders of magnitude: it says nothing of how others differ
    if not tells.all():
        config, y = numbered(x[tells]), y[tells]
    counts = np.bincount(config)
    freedom = len(y) - len(counts)
    if not freedom:
        return 0.0
    means = np.bincount(config, weights=y / counts[config])
    deviation = float(np.sqrt(np.square(y - means[config]).sum() / freedom))
    return deviation if np.isfinite(deviation) else 0.0
