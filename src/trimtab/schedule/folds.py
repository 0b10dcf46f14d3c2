"""Racing over folds: a trial ends once the folds that it has seen say that it will not be the best.

A trial is compared with the best one fold by fold, for what makes a fold hard is hard for both. What its differences so
far come to over all folds is predicted, with what the folds to come may change; and since most trials are worse than
the best, the prediction is drawn to what trials usually are (`odds_to_beat`). A trial ends where the chance that it
will beat the best one over all folds is small (`CHANCE`), and none ends before some trials have all their folds
(`FIRST`): of fewer nobody knows by how much two trials differ by chance.

With several objectives a trial ends where one on the front is better by all that in every objective. Where constraints
are declared, only a trial that met them ends others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np

from trimtab.arrays import Bools, Floats, Ints, rng_at
from trimtab.ledger.cells import Cells
from trimtab.ledger.curves import AT_END, WHOLE
from trimtab.ledger.table import COMPLETE, STOPPED, TrialTable
from trimtab.model.dominance import undominated
from trimtab.model.feasibility import met
from trimtab.model.folds import FoldEffects, median_of_variance
from trimtab.schedule.protocol import Halt
from trimtab.schedule.rungs import spearman
from trimtab.space.problem import Problem

FIRST: Final = 5
"""Trials that have all their folds before one is stopped: of fewer a median says little. Three ended good trials on
tables where most are alike (decision 91)."""

CHANCE: Final = 0.1
"""A trial goes on as long as the chance that it beats the best is at least this. Decision 91 has what others gave."""

WITHIN: Final = 2.0
"""Spreads of what is usual within which the best lies, at least: where most trials are alike their median distance is
nearly 0, and that there is a better one shows that it is none. As far as the best of some forty lies."""

TELLING: Final = 10
"""Trials that have all their folds before the order of folds follows from them: a rank correlation of fewer says
little. By taste."""

NORMAL: Final = 1.4826
"""The standard deviation of a normal distribution over the median of how far it is from its median."""

TINY: Final = 1e-12
"""What a difference is at least taken for, as a share of the losses: of sums that differ in their last bits."""

LEAST: Final = 1e-150
"""The same where all losses are 0: the least of which a square is a number."""

BY: Final = 10.0
"""By so many of them must a trial be better: that one which is as good to the last bit needs no more folds."""

_STREAM: Final = 2
"""The stream of a study's generator that shuffles its folds: 0 and 1 are those of trials."""


def shuffled(seed: int, n: int) -> list[int]:
    """Return the folds of a study in an order of its own, the same for all its trials.

    What lies first in the data, or was the first instance that somebody thought of, is no sample of the rest.
    """
    return list(_shuffled(seed, n))


@lru_cache(maxsize=64)  # a generator takes longer to make than all else that a trial's folds are handed out with
def _shuffled(seed: int, n: int) -> tuple[int, ...]:
    return tuple(rng_at(seed, 0, _STREAM).permutation(n).tolist())


@dataclass(frozen=True, slots=True)
class _Standing:
    """Whom a trial has to beat.

    Attributes:
        rows: [j] the best trial; of several objectives, the front.
        losses: [j, K, O] theirs, of each fold and objective.
        apart: [j, O] the standard deviation, between folds, of how far a trial like them is from them.
        usual: [O] the median over trials of their means, freed of what folds do.
        spread: [O] by how much trials differ from that: a standard deviation, by their median distance.
    """

    rows: Ints
    losses: Floats
    apart: Floats
    usual: Floats
    spread: Floats


class Race:
    """Says when a trial ends that goes through its folds, and in which order it does.

    It keeps what follows from the table alone.

    Args:
        first: trials that have all their folds before one is stopped.
        chance: of beating the best, below which a trial ends.
    """

    def __init__(self, first: int = FIRST, chance: float = CHANCE) -> None:
        self._first, self._chance = first, chance
        self._cells = Cells()
        self._cells_of_order = Cells()  # of its own: it may be shown a table that stands at an older record
        self._known: tuple[Problem, int, _Standing | None] | None = None

    def judge(self, table: TrialTable, row: int) -> Halt | None:
        """Return the verdict on a trial that has just reported; None where that was no value of a fold."""
        problem, curves = table.problem, table.curves
        reports = curves.reports(row)
        if problem.folds is None or not len(reports):
            return None
        if curves.fold[reports[-1]] == WHOLE or curves.step[reports[-1]] != AT_END:
            return None
        if tuple(table.fidelity[row].tolist()) != problem.whole:
            return None
        is_objective = np.array([metric.is_objective for metric in problem.metrics])
        mine = self._cells.follow(table)[row][:, is_objective]
        seen = np.isfinite(mine).all(axis=1)
        if not 0 < int(seen.sum()) < problem.folds:
            return None
        standing = self._standing(table)
        return None if standing is None else self._verdict(problem, standing, mine[seen], seen)

    def order(self, table: TrialTable, row: int, seed: int) -> list[int]:
        """Return all folds in the order in which a trial goes through them: first those that tell the most.

        That is, whose losses rank trials as the mean of the other folds does, by the trials that had all their folds
        when this attempt began. While these are few, it is an order that is shuffled once a study.
        """
        problem = table.problem
        usual = shuffled(seed, problem.folds or 0)
        first = np.array([metric.is_objective for metric in problem.metrics]).argmax()
        losses = self._cells_of_order.follow(table)[:, :, first : first + 1]
        rows = whole(table, losses)
        rows = rows[table.ended_at[rows] <= table.started_at[row]]
        if len(rows) < TELLING or (problem.folds or 0) <= 2:  # each of two ranks as the other does
            return usual
        mine = losses[rows, :, 0]
        others = (mine.sum(axis=1, keepdims=True) - mine) / (mine.shape[1] - 1)
        tells = [spearman(mine[:, fold], others[:, fold]) for fold in usual]
        return [usual[i] for i in np.argsort([-tell for tell in tells], kind="stable")]  # nan comes last

    def _verdict(self, problem: Problem, standing: _Standing, mine: Floats, seen: Bools) -> Halt | None:
        """Return the verdict on a trial with losses [m, O] in the folds [K] that it has seen."""
        m, k = len(mine), len(seen)
        tiny = np.maximum(TINY * np.abs(standing.losses).max(axis=1), LEAST)
        apart = np.maximum(standing.apart, tiny)
        usual = standing.usual - standing.losses.mean(axis=1)
        off = (mine - standing.losses[:, seen]).mean(axis=1)  # [j, O]
        spread = np.maximum(standing.spread, usual / WITHIN)
        odds = odds_to_beat(off, m, k, apart, usual, spread, by=BY * tiny)
        beaten = np.flatnonzero((odds < NormalDist().inv_cdf(self._chance)).all(axis=1))
        if not len(beaten):
            return None
        j = int(beaten[0])
        chance = 0.5 * math.erfc(-float(odds[j].max()) / math.sqrt(2.0))
        metric = problem.objectives[0]
        there = f"its {metric.name} there is {mine[:, 0].mean() * metric.sign:.4g}"
        than = f"that of trial {int(standing.rows[j])} {standing.losses[j, seen, 0].mean() * metric.sign:.4g}"
        objectives = "" if len(problem.objectives) == 1 else f" in all {len(problem.objectives)} objectives"
        said = f"the chance that it is better over all {k}{objectives} is {chance:.0%}"
        return Halt(f"stopped after {m} of {k} folds: {there}, {than}; {said}")

    def _standing(self, table: TrialTable) -> _Standing | None:
        """Return whom a trial has to beat; it changes when trials end. None while too few have all their folds."""
        n = len(table.order)
        if self._known is None or self._known[0] is not table.problem or self._known[1] != n:
            self._known = table.problem, n, self._stand(table)
        return self._known[2]

    def _stand(self, table: TrialTable) -> _Standing | None:
        problem = table.problem
        is_objective = np.array([metric.is_objective for metric in problem.metrics])
        every = self._cells.follow(table)[:, :, is_objective]
        rows = whole(table, every)
        if len(rows) < self._first:
            return None
        losses = every[rows]
        means = losses.mean(axis=1)
        feasible = met(problem, table.y[rows])
        if not feasible.any():
            return None
        best = np.flatnonzero(feasible)
        best = best[undominated(means[best])]
        best = best[:1] if len(problem.objectives) == 1 else best  # of equals the earliest
        seen: Bools = np.all(np.isfinite(every), axis=2)
        parts = np.flatnonzero((table.state == STOPPED) & seen.any(axis=1))
        part = np.where(seen[parts][:, :, None], every[parts], np.nan)
        known = np.concatenate([means, FoldEffects.of(losses).adjusted(part)])
        usual = np.median(known, axis=0)
        spread = NORMAL * np.median(np.abs(known - usual), axis=0)
        apart = np.array([apart_from(losses, means, j) for j in best.tolist()])
        return _Standing(rows[best], losses[best], apart, usual, spread)


def apart_from(losses: Floats, means: Floats, best: int) -> Floats:
    """Return [O] the standard deviation, between folds, of how far a trial that is nearly as good is from `best`.

    By the better half of the others: what is far off says little of what is near, whose folds go up and down with it.

    Args:
        losses: [n, K, O] of trials that have all their folds.
        means: [n, O] theirs.
        best: which of them it is.
    """
    k = losses.shape[1]
    found = np.empty(losses.shape[2])
    for o in range(len(found)):
        near = [i for i in np.argsort(np.abs(means[:, o] - means[best, o]), kind="stable").tolist() if i != best]
        off = losses[near[: max(2, len(losses) // 2)], :, o] - losses[best, :, o]
        squares = np.square(off - off.mean(axis=1, keepdims=True)).sum(axis=1) / (k - 1)
        found[o] = np.sqrt(np.median(squares) / median_of_variance(k - 1))
    return found


def odds_to_beat(off: Floats, m: int, k: int, apart: Floats, usual: Floats, spread: Floats, by: Floats) -> Floats:
    """Return the chance that a trial is better than another over all k folds, by m of them: as a normal quantile.

    A trial's true distance is normal about what is usual, and each fold's about that; of the mean over all folds those
    that were seen are known.

    Args:
        off: how much worse it was in the folds that were seen, in the mean.
        m: how many these are.
        k: how many there are.
        apart: the standard deviation of the distance between folds; positive.
        usual: by how much trials are worse than the other one, usually.
        spread: the standard deviation of that between trials.
        by: how much better it has to be.
    """
    noise = np.square(apart) / m
    weight = np.square(spread) / (np.square(spread) + noise)
    distance = usual + weight * (off - usual)
    left = (k - m) / k
    mean = off + left * (distance - off)
    deviation = left * np.sqrt(weight * noise + np.square(apart) / (k - m))
    found: Floats = -(mean + by) / deviation
    return found


def whole(table: TrialTable, cells: Floats) -> Ints:
    """Return the trials that are complete at the highest fidelity and have all their folds, by cells [N, K, O]."""
    done: Bools = (table.state == COMPLETE) & np.isfinite(cells).all(axis=(1, 2))
    if table.problem.fidelities:
        done &= (table.fidelity == np.array(table.problem.whole)).all(axis=1)
    return np.flatnonzero(done)
