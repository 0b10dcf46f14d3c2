"""When the best step came: training that ends too late, or too early."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from trimtab.analysis.advice.advice import Advice
from trimtab.analysis.advice.sight import Sight
from trimtab.arrays import Floats

N_TOP: Final = 5
LEAST_TOP: Final = 3
"""So many of the best five must agree (dossier, 6.1: "in three of the top five")."""
LEAST_STEPS: Final = 8
"""Reports that a curve has at least: of fewer, the last quarter is one or two."""
EARLY: Final = 0.1
LATE: Final = 0.75
MATERIAL: Final = 0.05
"""What the last quarter, or what followed the best step, has to be worth: of what the whole curve brought."""


def training(sight: Sight) -> Iterator[Advice]:
    """Yield that the best trials were at their best early on, or were still getting better when they ended.

    Godbole et al., 2023: a best step in the first tenth says to train shorter, one in the last quarter longer.
    """
    curves = [
        curve for place in sight.top(N_TOP).tolist() if (curve := _curve(sight, int(sight.rows[place]))) is not None
    ]
    if len(curves) < LEAST_TOP:
        return
    looked = [_look(steps, loss) for steps, loss in curves]
    name, leader = sight.problem.objectives[0].name, int(sight.rows[sight.best])
    early = [at for at, worse, _ in looked if at <= EARLY and worse >= MATERIAL]
    late = [gain for at, _, gain in looked if at >= LATE and gain >= MATERIAL]
    if len(early) >= LEAST_TOP:
        yield Advice(
            "best early",
            name,
            f"{len(early)} of the best {len(curves)} trials had their best {name} in the first tenth of training and "
            "got worse after it: train for less, decay the learning rate sooner, or regularise more. Look at the best "
            "trial's curve.",
            0.5 + 0.1 * len(early),
            {"trials": len(early), "of": len(curves), "best_at": float(np.median(early))},
            "show",
            {"trial": leader},
        )
    if len(late) >= LEAST_TOP:
        yield Advice(
            "still improving",
            name,
            f"{len(late)} of the best {len(curves)} trials were still getting better when they ended: their last "
            f"quarter brought {np.median(late):.0%} of all they gained. Longer training is likely to pay more than "
            "more trials; tune the schedule again for it. Look at the best trial's curve.",
            0.5 + 0.1 * len(late),
            {"trials": len(late), "of": len(curves), "last_quarter": float(np.median(late))},
            "show",
            {"trial": leader},
        )


def _curve(sight: Sight, row: int) -> tuple[Floats, Floats] | None:
    """Return (steps, losses) of a trial as a whole, where it reported often enough."""
    steps, y = sight.table.loss_curve(row)
    column = sight.problem.metrics.index(sight.problem.objectives[0])
    loss = y[:, column]
    known = np.isfinite(loss)
    if int(known.sum()) < LEAST_STEPS:
        return None
    return steps[known], loss[known]


def _look(steps: Floats, loss: Floats) -> tuple[float, float, float]:
    """Return where the best step lies in [0, 1], what came after it was worse by, and what the last quarter brought.

    Both in units of what the curve gained or lost over all; what steps differ by chance is taken off.
    """
    where = (steps - steps[0]) / ((steps[-1] - steps[0]) or 1.0)
    span = float(loss.max() - loss.min()) or 1.0
    best = int(np.argmin(loss))
    chance = float(np.median(np.abs(np.diff(loss, n=2)))) / span if len(loss) > 2 else 0.0
    before = loss[where <= LATE]
    worse = float(loss[-max(1, len(loss) // 4) :].mean() - loss[best]) / span - chance
    gain = float(before.min() - loss[best]) / span - chance if len(before) else 0.0
    return float(where[best]), worse, gain
