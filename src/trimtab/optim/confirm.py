"""Whether the leader should be run again, where results are noisy: the lowest of many noisy results is a lucky one.

A leader that was lucky loses its place when its repeats are averaged in, and one that was not becomes worth its figure.
How noisy results are is what repeats tell; until there are a few, the model's own noise, and what the user said of the
leader's, say whether one is worth its price. Where repeats give the same result to the bit, there is never another.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np

from trimtab.arrays import Floats
from trimtab.model.labels import Labelled
from trimtab.model.observations import Observations

FIRST: Final = 15
"""Complete rows before the first repeat."""

EVERY: Final = 3
"""At most one trial of so many is a repeat."""

MATERIAL: Final = 0.25
"""Noise matters when its deviation is more than this share of the lead over the fifth best."""

KNOWN_FROM: Final = 3
"""So many repeats tell the noise better than the model does: one lucky pair does not."""


def leader_to_confirm(
    observations: Observations, seen: Labelled, noise: float, number: int
) -> tuple[Floats, int, Literal["are", "may be"]] | None:
    """Return ([D] the leader, how often it ran, whether results are noisy), if trial `number` should run it again.

    Args:
        observations: what is on record.
        seen: the same, labelled.
        noise: the model's noise variance, in labels.
        number: of the trial that is asked for.
    """
    n = len(observations)
    if n < FIRST or number % EVERY or len(seen) < 5 or observations.losses.view.shape[1] > 1 or not np.ptp(seen.labels):
        return None
    order = seen.best(5)
    leader = int(order[0])
    count = int(seen.counts[leader])
    if count > 2 + n // 30:
        return None
    deviation, freedom = observations.deviation(n)
    if freedom and deviation == 0.0:
        return None
    if freedom < KNOWN_FROM:
        is_noisy = np.sqrt(noise + seen.known[leader]) > MATERIAL * (seen.labels[leader] - seen.labels[order[-1]])
    else:
        losses = observations.mean_losses()[seen.rows]
        with np.errstate(over="ignore"):
            is_noisy = deviation > MATERIAL * (losses[order[-1]] - losses[leader])
    return (seen.x[leader], count, "are" if freedom else "may be") if is_noisy else None
