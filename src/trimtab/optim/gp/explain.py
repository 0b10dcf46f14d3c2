"""Why a row is proposed, in the objective's own unit."""

from __future__ import annotations

import numpy as np

from trimtab.arrays import Floats
from trimtab.model.processes import View
from trimtab.numerics.acquisition import log_positive
from trimtab.optim.gp.outlook import Outlook
from trimtab.optim.gp.score import Score, log_keeps
from trimtab.optim.gp.state import GpState
from trimtab.space.problem import Problem


def explained(x: Floats, outlook: Outlook, score: Score, state: GpState, problem: Problem) -> str:
    """Return what is expected of a row [1, D]."""
    parts = []
    kind = "explores"
    if outlook.front is not None:
        parts.append("adds to the front" if outlook.choice is None else "adds to what is preferred of the front")
    elif np.isfinite(outlook.bar):
        means, deviations = outlook.gains[0].predict(x)
        mean, deviation = float(means[0]), float(deviations[0])
        kind = "exploits" if mean >= outlook.bar - 0.5 * deviation and not score.is_bold else "explores"
        if len(problem.objectives) == 1:
            parts.append(_expected(mean, outlook, state, problem))
        chance = float(np.exp(log_positive(means - outlook.bar, deviations))[0])
        name = "" if outlook.choice is None else f"{problem.objectives[outlook.columns[0]].name} "
        parts.append(f"improves {name}with a chance of {chance:.0%}")
    near = outlook.limits[len(outlook.constraints) :]
    if near:
        parts.append(f"is as near the best of what comes before as may be with one of {_chance(near, x)}")
    if outlook.constraints:
        parts.append(f"keeps the constraints with a chance of {_chance(outlook.constraints, x)}")
    if score.failures is not None:
        parts.append(f"fails with one of {-float(np.expm1(score.failures.log_works(x))[0]):.0%}")
    learned = outlook.first.expected
    if learned is not None:
        names, more = learned.names[:2], len(learned.names) - 2
        parts.append(f"learns from {', '.join(names)}{f' and {more} more' if more > 0 else ''}")
    return f"{kind}: {', '.join(parts)}"


def _chance(limits: list[View], x: Floats) -> str:
    return f"{float(np.exp(log_keeps(limits, x))[0]):.0%}"


def _expected(mean: float, outlook: Outlook, state: GpState, problem: Problem) -> str:
    """Return what the mean of a label is worth, by the results whose labels are next to it."""
    metric = problem.objectives[0]
    labels = outlook.first.labels
    order = np.argsort(labels, kind="stable")
    losses = state.observations.mean_losses()[outlook.seen.rows[order]]
    expected = float(np.interp(mean, labels[order], losses)) * metric.sign
    is_beyond = mean > labels[order[-1]]  # where no result says what a label is worth
    than = ("below " if metric.sign > 0 else "above ") if is_beyond else ""
    return f"expects {metric.name} {than}{expected:.4g}"
