"""Cells: what a trial gave in each of its folds, once that fold was through.

A cell is what was reported with a fold and without a step, `trial.report(fold=2, loss=0.3)`; what has a step is a
point of that fold's curve. Of a metric that was reported for a cell more than once, the last value counts.

Letters: R reports; c cells of one trial.
"""

from __future__ import annotations

import numpy as np

from trimtab.arrays import Bools, Floats, Ints
from trimtab.ledger.curves import AT_END, WHOLE, Curves
from trimtab.ledger.table import TrialTable


def cells_of(curves: Curves, number: int) -> tuple[Ints, dict[str, Floats]]:
    """Return (folds [c], {metric: values [c]}) of one trial, folds sorted, nan where a metric has no number there.

    Metrics that were not declared are among them.
    """
    places = curves.reports(number)
    places = places[is_cell(curves)[places]]
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
    if table.problem.folds is None:
        return []
    folds, values = cells_of(table.curves, number)
    known = [np.isfinite(values[metric.name]) for metric in table.problem.objectives]
    found: list[int] = folds[np.logical_and.reduce(known)].tolist()
    return found
