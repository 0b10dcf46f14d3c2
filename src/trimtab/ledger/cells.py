"""Cells: what a trial gave in each of its folds, once that fold was through.

A cell is what was reported with a fold and without a step, `trial.report(fold=2, loss=0.3)`; what has a step is a
point of that fold's curve. Of a metric that was reported for a cell more than once, the last value counts.

Letters: N trials, K folds, M declared metrics, R reports; c cells of one trial.
"""

from __future__ import annotations

import numpy as np

from trimtab.arrays import Bools, Floats, Ints
from trimtab.ledger.curves import AT_END, WHOLE, Curves
from trimtab.ledger.table import TrialTable
from trimtab.space.problem import Problem


def cells_of(curves: Curves, number: int, step: float = AT_END) -> tuple[Ints, dict[str, Floats]]:
    """Return (folds [c], {metric: values [c]}) of one trial, folds sorted, nan where a metric has no number there.

    Metrics that were not declared are among them. At another step it is what the curves of its folds have there.
    """
    places = curves.reports(number)
    places = places[(curves.step[places] == step) & (curves.fold[places] != WHOLE)]
    folds, at = np.unique(curves.fold[places], return_inverse=True)
    found = {name: np.full(len(folds), np.nan) for name in curves.names}
    for i, name in enumerate(curves.names):
        values = curves.y[places, i]
        known = ~np.isnan(values)
        found[name][at[known]] = values[known]  # in the order of the log: of several, the last stays
    for name, (where, values) in curves.undeclared.of(places).items():
        found[name] = np.full(len(folds), np.nan)
        found[name][at[where]] = values
    return folds.astype(np.int64), found


def is_cell(curves: Curves) -> Bools:
    """Return [R] which reports are of cells."""
    found: Bools = (curves.step == AT_END) & (curves.fold != WHOLE)
    return found


def reported(table: TrialTable, number: int) -> list[int]:
    """Return the folds that need not be run again: those of which every objective is known."""
    if table.problem.folds is None or not len(table.curves.reports(number)):
        return []
    folds, values = cells_of(table.curves, number)
    known = [np.isfinite(values[metric.name]) for metric in table.problem.objectives]
    found: list[int] = folds[np.logical_and.reduce(known)].tolist()
    return found


def counts(table: TrialTable) -> Ints:
    """Return [N] how many folds each trial reported."""
    curves = table.curves
    places = np.flatnonzero(is_cell(curves))
    once = np.unique(np.stack([curves.row[places], curves.fold[places]]), axis=1)
    found: Ints = np.bincount(once[0], minlength=len(table))
    return found


class Cells:
    """The cells of all trials, brought up to date with each table that goes on from the one before, else made anew.

    It holds nothing that a new one would not read from the table.
    """

    def __init__(self) -> None:
        self._problem: Problem | None = None
        self._head = 0
        self._losses = np.empty((0, 0, 0))

    def follow(self, table: TrialTable) -> Floats:
        """Return [N, K, M] the cells of each trial, turned as losses are; nan where there is none."""
        problem = table.problem
        if self._problem is not problem or table.head < self._head:
            self._problem, self._head = problem, 0
            self._losses = np.full((256, problem.folds or 0, len(problem.metrics)), np.nan)
        n = len(table)
        if n > len(self._losses):
            room = np.full((2 * n - len(self._losses), *self._losses.shape[1:]), np.nan)
            self._losses = np.concatenate([self._losses, room])
        if table.head > self._head:
            self._read(table.curves.since(self._head), problem.signs)
            self._head = table.head
        return self._losses[:n]

    def _read(self, new: Curves, signs: Floats) -> None:
        places = np.flatnonzero(is_cell(new))
        rows, folds, y = new.row[places], new.fold[places], new.y[places] * signs
        for i in range(y.shape[1]):
            known = ~np.isnan(y[:, i])
            self._losses[rows[known], folds[known], i] = y[known, i]  # in the order of the log: the last stays
