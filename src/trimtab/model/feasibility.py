"""Whether results meet the constraints on metrics, and by how much they do not."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from trimtab.arrays import Bools, Floats
from trimtab.space.problem import Metric, Problem

Y = TypeVar("Y", float, Floats)


def over(metric: Metric, limit: float, y: Y) -> Y:
    """Return by how much values of a metric miss a limit, a bound or a target: at most 0 where they meet it."""
    return y * metric.sign - limit * metric.sign


def margins(problem: Problem, y: Floats) -> Floats:
    """Return [..., C] by how much metrics [..., M] miss each constraint: below 0 with room to spare, or nan."""
    with np.errstate(over="ignore"):  # a constraint may be missed by more than a float holds
        missed = [over(m, m.bound, y[..., i]) for i, m in enumerate(problem.metrics) if m.bound is not None]
    return np.stack(missed, axis=-1) if missed else y[..., :0]


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
