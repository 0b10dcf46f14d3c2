"""Ending a trial that has broken a constraint on its way, once others have shown that what is broken stays so.

A bound binds at the end: a loss that is too large at first comes down, and a memory that is used is used for good.
Which of the two a metric is nobody says, so whole trials that reported it tell: that it never went back on the way in
any of them, or that of those that were beyond the bound by then, and by less, as good as none ended within it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from trimtab.arrays import Floats
from trimtab.ledger.table import COMPLETE, TrialTable
from trimtab.model.feasibility import margins, met
from trimtab.schedule.protocol import Halt
from trimtab.schedule.rungs import is_whole_otherwise, is_whole_run
from trimtab.space.problem import Metric, counted

FIRST: Final = 5
"""So many whole trials in which a metric never went back show that it does not: as many as tell of ranks, decision
50."""

DOUBT: Final = 0.1
"""The chance to come back at which a trial ends, (k + 1) / (n + 2) of n like it of which k came back (Laplace's rule of
succession): eight must have shown it. By taste."""

LATEST: Final = 50
"""So many whole trials are looked at, the latest: one costs 20 microseconds, and a report should cost none."""

PERIOD: Final = 10
"""One trial of so many is let through, so that whether it holds goes on being seen."""


def broken(table: TrialTable, row: int) -> Halt | None:
    """Return the end of a trial whose last report breaks a constraint that will not be kept.

    None while no whole trial meets all constraints: then each tells how far it is from doing so. None too of a trial
    that has less than all of another fidelity: a memory on a tenth of the data says nothing of one on all.
    """
    problem = table.problem
    place = counted(problem.fidelities)
    if place is None or not problem.constraints or row % PERIOD == 0:
        return None
    if not is_whole_otherwise(table, np.array([row]))[0]:
        return None
    steps, y = table.curves.of(row)
    if not len(steps):
        return None
    missed = margins(problem, y[-1])
    if not (missed > 0.0).any():
        return None
    whole = np.flatnonzero((table.state == COMPLETE) & is_whole_run(table))
    if not met(problem, table.y[whole]).any():
        return None
    paths = [_path(table, one) for one in whole[-LATEST:].tolist()]
    for j in np.flatnonzero(missed > 0.0).tolist():
        why = _stays(paths, j, float(steps[-1]), float(missed[j]))
        if why:
            metric = problem.constraints[j]
            value = float(y[-1, problem.metrics.index(metric)])
            at = f"{problem.fidelities[place].name} {steps[-1]:g}"
            return Halt(f"{_said(metric, value, float(missed[j]))} at {at}, and {why}")
    return None


def _path(table: TrialTable, row: int) -> tuple[Floats, Floats]:
    """Return ([r + 1] steps, the end infinitely far, [r + 1, C] by how much constraints were missed there)."""
    steps, y = table.curves.of(row)
    values = np.concatenate([y, table.y[row][None]])
    return np.append(steps, np.inf), margins(table.problem, values)


def _stays(paths: list[tuple[Floats, Floats]], j: int, step: float, by: float) -> str:
    """Return why constraint j, missed by so much at a step, stays missed; empty where that is not known."""
    n_paths, goes_back, n_like, n_back = 0, False, 0, 0
    for steps, missed in paths:
        known = ~np.isnan(missed[:, j])
        at, own = steps[known], missed[known, j]
        if len(own) < 2 or at[-1] != np.inf:
            continue
        n_paths += 1
        goes_back |= bool((np.diff(own) < 0.0).any())
        before = own[at <= step]
        if len(before) and 0.0 < before[-1] <= by:
            n_like += 1
            n_back += own[-1] <= 0.0
    if n_paths >= FIRST and not goes_back:
        return f"in {n_paths} whole trials it never went back"
    if (n_back + 1) / (n_like + 2) <= DOUBT:
        return f"of {n_like} whole trials that were beyond it by then, and by no more, {n_back or 'none'} came back"
    return ""


def _said(metric: Metric, value: float, by: float) -> str:
    where = "above" if metric.goal == "at_most" else "below"
    return f"{metric.name} = {value:g} is {by:g} {where} its bound of {metric.bound:g}"
