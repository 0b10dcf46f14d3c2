"""A bowl whose bottom is looked for, downwards or upwards, and a constraint on outcomes that cuts the very bottom off.

How well an optimizer does here is how well its later proposals compare with random ones. It is no race: whoever draws
any conclusion from results does better than chance. Who draws none, or the wrong one, or none from the constraint, does
not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from trimtab.arrays import Floats, Ints
from trimtab.model.feasibility import split
from trimtab.optim.protocol import AnyOptimizer
from trimtab.space.parameter import Float
from trimtab.space.problem import Problem, at_least, at_most, maximize, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import Simulation

BOTTOM: Final = 0.3
"""Where each coordinate is best: inside of the space, and not in its middle, where some begin."""

NEEDED: Final = 0.4
"""What the first coordinate must reach. Three fifths of the space do; whoever does not care comes to less."""

N_RANDOM: Final = 1000
"""Random points to compare with: the share of worse ones is then known to 2 %."""

ENOUGH: Final = 0.88
"""The share of random points than which the better half of the later proposals is better, on average over four studies
of 50 trials. Measured: chance gives 0.75 with a deviation of 0.03; a climber comes to 0.98, but 0.72 to 0.85 where it
takes the constraint for the objective, the wrong direction, or no heed of the constraint; `gp` comes to 0.93, `tpe` to
0.97, `cmaes` to 0.99."""

_SPACE: Final = Space(a=Float(0, 1), b=Float(0, 1), c=Float(0, 1))

BOWLS: Final[dict[str, Problem]] = {
    "minimize": Problem(_SPACE, (minimize("loss"), at_most("shortage", 1 - NEEDED))),
    "maximize": Problem(_SPACE, (at_least("size", NEEDED), maximize("score"))),
}
"""One in each direction. The constraint is the last metric of one and the first of the other."""


def outcome(problem: Problem, x: Floats) -> Floats:
    """Return [n, 2] the metrics of rows [n, 3]."""
    height = ((x - BOTTOM) ** 2).sum(axis=1)
    metrics = {"loss": height, "score": -height, "size": x[:, 0], "shortage": 1 - x[:, 0]}
    return np.stack([metrics[name] for name in problem.metric_names], axis=1)


def advantage(make: Callable[[], AnyOptimizer], problem: Problem, n: int, seed: int) -> float:
    """Return the share of random points that are worse than the better half of the later half of n trials.

    Of two, the one is better that breaks the constraint less, else the one with the smaller loss.
    """
    run = Simulation(problem, make(), seed=seed)
    for _ in range(n):
        for number in run.ask():
            run.start(number)
            run.tell(number, *outcome(problem, run.table.x[number : number + 1])[0].tolist())
    later = run.table.x[len(run.table) // 2 :]
    random = problem.space.sample(np.random.default_rng(seed), N_RANDOM)
    ranks = _ranks(problem, outcome(problem, np.concatenate([later, random])))
    ours, theirs = np.sort(ranks[: len(later)]), ranks[len(later) :]
    better_half = ours[: (len(ours) + 1) // 2]
    return float((better_half[:, None] < theirs).mean())


def _ranks(problem: Problem, y: Floats) -> Ints:
    """Return [n] the ranks of outcomes [n, 2], 0 for the best."""
    losses, broken = split(problem, y)
    ranks = np.empty(len(y), dtype=np.int64)
    ranks[np.lexsort((losses[:, 0], broken[:, 0]))] = np.arange(len(y))
    return ranks
