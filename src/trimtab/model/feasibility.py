"""Whether results meet the constraints on metrics, and by how much they do not."""

from __future__ import annotations

from typing import Final, TypeVar

import numpy as np

from trimtab.arrays import Bools, Floats, Ints
from trimtab.space.problem import Metric, Problem

KNOWN_FROM: Final = 3
"""So many repeats tell how noisy a constraint is; from fewer a standard error is worse than none. By taste."""

Y = TypeVar("Y", float, Floats)


def over(metric: Metric, limit: float, y: Y) -> Y:
    """Return by how much values of a metric miss a limit, a bound or a target: at most 0 where they meet it."""
    return y * metric.sign - limit * metric.sign


def margins(problem: Problem, y: Floats) -> Floats:
    """Return [..., C] by how much metrics [..., M] miss each constraint: below 0 with room to spare, or nan."""
    with np.errstate(over="ignore"):  # a constraint may be missed by more than a float holds
        missed = [over(m, m.bound, y[..., i]) for i, m in enumerate(problem.metrics) if m.bound is not None]
    return np.stack(missed, axis=-1) if missed else y[..., :0]


def settled(problem: Problem, y: Floats, config: Ints) -> Floats:
    """Return [n, C] by how much the configuration of each run misses each constraint: the mean over its runs.

    A constraint with a confidence is missed by so many standard errors of that mean more, once there are repeats that
    say how large these are. A single lucky run keeps nothing.

    Args:
        problem: whose constraints are meant.
        y: [n, M] what runs gave.
        config: [n] a number for the configuration of each, from 0 on.
    """
    missed = margins(problem, y)
    counts = np.bincount(config)
    if len(counts) == len(config):
        return missed
    found = np.empty_like(missed)
    for j, metric in enumerate(problem.constraints):
        known = ~np.isnan(missed[:, j])
        of, values = config[known], missed[known, j]
        n = np.bincount(of, minlength=len(counts))
        means = np.full(len(counts), np.nan)
        means[n > 0] = np.bincount(of, weights=values / n[of], minlength=len(counts))[n > 0]
        freedom = len(of) - int((n > 0).sum())
        if metric.margin and freedom >= KNOWN_FROM:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                deviation = np.sqrt(np.square(values - means[of]).sum() / freedom)
                means = means + metric.margin * deviation / np.sqrt(n)
        found[:, j] = means[config]
    return found


def split(problem: Problem, y: Floats) -> tuple[Floats, Floats]:
    """Return ([..., K] losses, [..., C] by how much each constraint is broken) of metrics [..., M].

    A constraint is broken wholly, by infinity, where its metric is not known.
    """
    losses = y * problem.signs
    is_objective = np.array([metric.is_objective for metric in problem.metrics])
    missed = margins(problem, y)
    return losses[..., is_objective], np.maximum(np.where(np.isnan(missed), np.inf, missed), 0.0)


def worst(problem: Problem, y: Floats) -> Floats:
    """Return [...] by how much the worst constraint is broken, in its metric's own unit; 0 where all are met."""
    excess: Floats = split(problem, y)[1].max(axis=-1, initial=0.0)
    return excess


def met(problem: Problem, y: Floats) -> Bools:
    """Return [...] whether metrics [..., M] meet every constraint."""
    found: Bools = worst(problem, y) == 0.0
    return found
