"""Why a row is proposed, in the objective's own unit."""

from __future__ import annotations

import numpy as np

from trimtab.arrays import Floats
from trimtab.numerics.acquisition import log_positive
from trimtab.optim.gp.outlook import Outlook
from trimtab.optim.gp.score import Score
from trimtab.optim.gp.state import GpState
from trimtab.space.problem import Problem


def explained(x: Floats, outlook: Outlook, score: Score, state: GpState, problem: Problem) -> str:
    """Return what is expected of a row [1, D]."""
    means, deviations = outlook.posterior.predict(outlook.features.embed(x))
    mean, deviation = float(means[0]), float(deviations[0])
    kind = "exploits" if mean >= outlook.bar - 0.5 * deviation and not score.is_bold else "explores"
    parts = []
    if len(problem.objectives) == 1 and not problem.constraints:
        parts.append(_expected(mean, outlook, state, problem))
    chance = float(np.exp(log_positive(means - outlook.bar, deviations))[0])
    parts.append(f"improves with a chance of {chance:.0%}")
    if score.failures is not None:
        parts.append(f"fails with one of {-float(np.expm1(score.failures.log_works(x))[0]):.0%}")
    return f"{kind}: {', '.join(parts)}"


def _expected(mean: float, outlook: Outlook, state: GpState, problem: Problem) -> str:
    """Return what the mean of a label is worth, by the results whose labels are next to it."""
    seen, metric = outlook.seen, problem.objectives[0]
    order = np.argsort(seen.labels, kind="stable")
    losses = state.observations.mean_losses()[seen.rows[order]]
    expected = float(np.interp(mean, seen.labels[order], losses)) * metric.sign
    is_beyond = mean > seen.labels[order[-1]]  # where no result says what a label is worth
    than = ("below " if metric.sign > 0 else "above ") if is_beyond else ""
    return f"expects {metric.name} {than}{expected:.4g}"
