"""Racing over folds: a trial ends once the folds that it has seen say that it will not be the best.

The rule is forgiving (early stopping of cross-validation, Bergman et al., 2024, arXiv 2405.03389): a trial ends when
its mean over the folds so far is worse than the worst fold of the incumbent. Three things are added, since folds differ
and differ by chance:

* losses are freed of what their folds do to every configuration (`trimtab.model.folds`), so that a trial that began
  with hard folds is not taken for a bad one;
* the mean must also be worse than the incumbent's mean by more than what the folds to come may change (`SURE`);
* none ends before some trials have all their folds (`FIRST`): of fewer nobody knows what folds do.

With several objectives a trial ends where one on the front is better by all that in every objective. Where constraints
are declared, only a trial that met them ends others.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from trimtab.arrays import Bools, Floats, Ints, rng_at
from trimtab.ledger.cells import Cells
from trimtab.ledger.curves import AT_END, WHOLE
from trimtab.ledger.table import COMPLETE, TrialTable
from trimtab.model.dominance import undominated
from trimtab.model.feasibility import met
from trimtab.model.folds import FoldEffects
from trimtab.schedule.protocol import Halt
from trimtab.schedule.rungs import spearman
from trimtab.space.problem import Problem

FIRST: Final = 5
"""Trials that have all their folds before one is stopped: of fewer a median says little. As with early stopping."""

SURE: Final = 2.33
"""By so many standard deviations must a trial be worse: the normal quantile of 99 %. Of 300 simulated studies of 40
random trials it ended the best one in at most three of a hundred; 1.64 did in five, and saved a fiftieth more."""

TELLING: Final = 10
"""Trials that have all their folds before the order of folds follows from them: a rank correlation of fewer says
little. By taste."""

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
        n: how many trials have all their folds.
        effects: what folds do.
        rows: [j] the best trial; of several objectives, the front.
        means: [j, O] theirs, of each objective.
        worst: [j, O] their worst folds, freed of what folds do.
    """

    n: int
    effects: FoldEffects
    rows: Ints
    means: Floats
    worst: Floats


class Race:
    """Says when a trial ends that goes through its folds, and in which order it does.

    It keeps what follows from the table alone.

    Args:
        first: trials that have all their folds before one is stopped.
        sure: by so many standard deviations must a trial be worse.
    """

    def __init__(self, first: int = FIRST, sure: float = SURE) -> None:
        self._first, self._sure = first, sure
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
        m = int(seen.sum())
        if not 0 < m < problem.folds:
            return None
        standing = self._standing(table)
        return None if standing is None else self._verdict(table, standing, np.where(seen[:, None], mine, np.nan), m)

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
        if len(rows) < TELLING or problem.folds == 2:  # each of two ranks as the other does
            return usual
        mine = losses[rows, :, 0]
        others = (mine.sum(axis=1, keepdims=True) - mine) / (mine.shape[1] - 1)
        tells = [spearman(mine[:, fold], others[:, fold]) for fold in usual]
        return [usual[i] for i in np.argsort([-tell for tell in tells], kind="stable")]  # nan comes last

    def _verdict(self, table: TrialTable, standing: _Standing, mine: Floats, m: int) -> Halt | None:
        mean = standing.effects.adjusted(mine)
        unsure = self._sure * standing.effects.uncertainty(m)
        beaten = (mean > standing.means + unsure) & (mean > standing.worst)
        by = np.flatnonzero(beaten.all(axis=1))
        if not len(by):
            return None
        problem, j = table.problem, int(by[0])
        metric = problem.objectives[0]
        said = f"its {metric.name} there, freed of what these folds do to all trials, is {mean[0] * metric.sign:.4g}"
        than = f"trial {int(standing.rows[j])} has {standing.means[j, 0] * metric.sign:.4g} over all {problem.folds}"
        worst = f"{standing.worst[j, 0] * metric.sign:.4g} in its worst"
        objectives = (
            "" if len(problem.objectives) == 1 else f", and is better in all {len(problem.objectives)} objectives"
        )
        return Halt(f"stopped after {m} of {problem.folds} folds: {said}; {than} and {worst}{objectives}")

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
        effects = FoldEffects.of(losses)
        means = losses.mean(axis=1)
        feasible = met(problem, table.y[rows])
        if not feasible.any():
            return None
        best = np.flatnonzero(feasible)
        best = best[undominated(means[best])]
        best = best[:1] if len(problem.objectives) == 1 else best  # of equals the earliest
        worst = (losses[best] - effects.effects).max(axis=1)
        return _Standing(len(rows), effects, rows[best], means[best], worst)


def whole(table: TrialTable, cells: Floats) -> Ints:
    """Return the trials that are complete at the highest fidelity and have all their folds, by cells [N, K, O]."""
    done: Bools = (table.state == COMPLETE) & np.isfinite(cells).all(axis=(1, 2))
    if table.problem.fidelities:
        done &= (table.fidelity == np.array(table.problem.whole)).all(axis=1)
    return np.flatnonzero(done)
