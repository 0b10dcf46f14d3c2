"""Whether the leader should be run again, where results are noisy: the lowest of many noisy results is a lucky one.

A leader that was lucky loses its place when its repeats are averaged in, and one that was not becomes worth its figure.
How noisy results are is what repeats tell; until there are a few, the model's own noise, and what the user said of the
leader's, say whether one is worth its price. Where repeats give the same result to the bit, there is never another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.arrays import Floats
from trimtab.model.labels import Labelled
from trimtab.model.observations import Observations
from trimtab.optim.gp.settings import Settings


@dataclass(frozen=True, slots=True)
class Replicate:
    """The leader [D], which configuration it is, and why it should be run again."""

    x: Floats
    config: int
    why: str


def leader_to_confirm(
    observations: Observations, seen: Labelled, noise: float, number: int, settings: Settings
) -> Replicate | None:
    """Return the leader, if trial `number` should run it again.

    Args:
        observations: what is on record.
        seen: the configurations that may be the best, labelled.
        noise: the model's noise variance, in labels.
        number: of the trial that is asked for.
        settings: the constants.
    """
    n = len(observations)
    if n < settings.replicate_from or number % settings.replicate_every or len(seen) < settings.n_leaders:
        return None
    if observations.losses.view.shape[1] > 1 or not np.ptp(seen.labels):
        return None
    order = seen.best(settings.n_leaders)
    leader, last = int(order[0]), int(order[-1])
    count = int(seen.counts[leader])
    if count > settings.replicate_most + n // settings.replicate_each:
        return None
    deviation, freedom = observations.deviation(n)
    if freedom and deviation == 0.0:
        return None
    if freedom < settings.known_from:
        deviation, lead = np.sqrt(noise + seen.known[leader]), seen.labels[leader] - seen.labels[last]
    else:
        losses = observations.mean_losses()[seen.rows]
        with np.errstate(over="ignore"):
            lead = losses[last] - losses[leader]
    if not deviation > settings.material_noise * lead:
        return None
    times = "once" if count == 1 else f"{count} times"
    noisy = "are" if freedom else "may be"
    why = f"confirms the leader, which ran {times}: results {noisy} noisy"
    return Replicate(seen.x[leader], int(seen.rows[leader]), why)
